#include "sallyport/admit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/rand.h>
#include <openssl/siphash.h>

/* A row a hash of address: no chains, no growth.  Two addresses in one row count together. */
#define ROWS 16384u

struct admit {
	atomic_uint refs;
	pthread_mutex_t lock;
	uint32_t all, each, now;
	uint64_t key[2];
	uint32_t row[ROWS];
};

struct admit *admit_new(uint32_t all, uint32_t each)
{
	struct admit *a = calloc(1, sizeof *a);
	if (a == NULL)
		return NULL;
	a->refs = 1;
	a->all = all;
	a->each = each;
	RAND_bytes((uint8_t *)a->key, sizeof a->key);
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

struct admit *admit_ref(struct admit *a)
{
	atomic_fetch_add(&a->refs, 1);
	return a;
}

void admit_unref(struct admit *a)
{
	if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void admit_limit(struct admit *a, uint32_t all, uint32_t each)
{
	pthread_mutex_lock(&a->lock);
	a->all = all;
	a->each = each;
	pthread_mutex_unlock(&a->lock);
}

static uint32_t *row_of(struct admit *a, const struct addr *from)
{
	uint8_t id[9] = {0};
	if (from->u.sa.sa_family == AF_INET) {
		memcpy(id, &from->u.in.sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&from->u.in6.sin6_addr)) {
		memcpy(id, from->u.in6.sin6_addr.s6_addr + 12, 4);
	} else {
		memcpy(id, &from->u.in6.sin6_addr, 8);
		id[8] = 6; /* 2001:db8::/64 is not 32.1.13.184 */
	}
	return &a->row[SIPHASH_24(a->key, id, sizeof id) % ROWS];
}

bool admit_enter(struct admit *a, const struct addr *from)
{
	pthread_mutex_lock(&a->lock);
	uint32_t *row = row_of(a, from);
	bool ok = a->now < a->all && *row < a->each;
	if (ok) {
		a->now++;
		++*row;
	}
	pthread_mutex_unlock(&a->lock);
	return ok;
}

void admit_leave(struct admit *a, const struct addr *from)
{
	pthread_mutex_lock(&a->lock);
	uint32_t *row = row_of(a, from);
	ENSURE(a->now > 0 && *row > 0);
	a->now--;
	--*row;
	pthread_mutex_unlock(&a->lock);
}
