#include "sallyport/admit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/rand.h>
#include <openssl/siphash.h>

/* A row a hash of address or domain: no chains, no growth.  Two in one row count together. */
#define ROWS 16384u

struct row {
	uint32_t now;
	int64_t free_at; /* as in struct admit */
};

struct admit {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct conf_limits limits;
	uint64_t key[2];
	uint32_t now, backends;
	int64_t free_at; /* microseconds: when the connections so far would have come, had they kept the rate */
	struct row address[ROWS];
	uint32_t domain[ROWS];
};

struct admit *admit_new(const struct conf_limits *limits)
{
	struct admit *a = calloc(1, sizeof *a);
	if (a == NULL)
		return NULL;
	a->refs = 1;
	a->limits = *limits;
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

void admit_limit(struct admit *a, const struct conf_limits *limits)
{
	pthread_mutex_lock(&a->lock);
	a->limits = *limits;
	pthread_mutex_unlock(&a->lock);
}

static struct row *row_of(struct admit *a, const struct addr *from)
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
	return &a->address[SIPHASH_24(a->key, id, sizeof id) % ROWS];
}

/* The generic cell rate algorithm: one number remembers what a bucket of tokens would. */
static bool too_fast(int64_t free_at, int64_t now)
{
	return free_at - now > (ADMIT_WINDOW_S * INT64_C(1000000));
}

static void note_one(int64_t *free_at, int64_t now, uint32_t rate)
{
	*free_at = (*free_at > now ? *free_at : now) + 1000000 / rate;
}

static enum reason judge(const struct admit *a, const struct row *row, int64_t now)
{
	if (a->now >= a->limits.connections)
		return REASON_LIMIT_CONNECTIONS;
	if (row->now >= a->limits.connections_host || too_fast(row->free_at, now))
		return REASON_LIMIT_ADDRESS;
	return too_fast(a->free_at, now) ? REASON_LIMIT_RATE : REASON_NONE;
}

enum reason admit_enter(struct admit *a, const struct addr *from, int64_t now)
{
	pthread_mutex_lock(&a->lock);
	struct row *row = row_of(a, from);
	enum reason why = judge(a, row, now * 1000);
	if (why == REASON_NONE) {
		a->now++;
		row->now++;
		note_one(&a->free_at, now * 1000, a->limits.accept_rate);
		note_one(&row->free_at, now * 1000, a->limits.accept_rate_host);
	}
	pthread_mutex_unlock(&a->lock);
	return why;
}

void admit_leave(struct admit *a, const struct addr *from)
{
	pthread_mutex_lock(&a->lock);
	struct row *row = row_of(a, from);
	ENSURE(a->now > 0 && row->now > 0);
	a->now--;
	row->now--;
	pthread_mutex_unlock(&a->lock);
}

static bool count(struct admit *a, uint32_t *n, uint32_t limit)
{
	bool ok = *n < limit;
	*n += ok;
	pthread_mutex_unlock(&a->lock);
	return ok;
}

static void uncount(struct admit *a, uint32_t *n)
{
	ENSURE(*n > 0);
	--*n;
	pthread_mutex_unlock(&a->lock);
}

bool admit_enter_backend(struct admit *a)
{
	pthread_mutex_lock(&a->lock);
	return count(a, &a->backends, a->limits.connections_backends);
}

void admit_leave_backend(struct admit *a)
{
	pthread_mutex_lock(&a->lock);
	uncount(a, &a->backends);
}

static uint32_t *domain_row(struct admit *a, const struct domain *domain)
{
	return &a->domain[SIPHASH_24(a->key, (const uint8_t *)domain->s, domain->n) % ROWS];
}

bool admit_enter_domain(struct admit *a, const struct domain *domain)
{
	pthread_mutex_lock(&a->lock);
	return count(a, domain_row(a, domain), a->limits.connections_domain);
}

void admit_leave_domain(struct admit *a, const struct domain *domain)
{
	pthread_mutex_lock(&a->lock);
	uncount(a, domain_row(a, domain));
}
