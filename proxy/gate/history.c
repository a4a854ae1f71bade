#include "sallyport/history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>
#include <openssl/siphash.h>

#define BUCKETS (2 * HISTORY_ROWS)
#define NOBODY UINT16_MAX
/* How many of the oldest are passed over because streams with them stand. */
#define PASS_OVER 64

/* Strangers, and those that were let in or that we called. */
enum class { STRANGERS, KNOWN, CLASSES };

struct slot {
	struct history_row row;
	enum class class;
	uint16_t next; /* in its bucket, or among the free */
	uint16_t newer, older;
};

struct list {
	uint16_t newest, oldest;
	size_t n;
};

struct history {
	atomic_uint refs;
	pthread_mutex_t lock;
	uint64_t key[2];
	struct list list[CLASSES];
	size_t used; /* slots from the first on; memory beyond was never touched */
	uint16_t free;
	uint16_t bucket[BUCKETS];
	struct slot slot[HISTORY_ROWS];
};
_Static_assert(HISTORY_ROWS < NOBODY, "slots are counted in 16 bits");

struct history *history_new(void)
{
	struct history *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->refs = 1;
	h->free = NOBODY;
	for (size_t i = 0; i < CLASSES; i++)
		h->list[i] = (struct list){NOBODY, NOBODY, 0};
	memset(h->bucket, 0xff, sizeof(h->bucket));
	RAND_bytes((uint8_t *)h->key, sizeof(h->key));
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

struct history *history_ref(struct history *h)
{
	atomic_fetch_add(&h->refs, 1);
	return h;
}

void history_unref(struct history *h)
{
	if (h == NULL || atomic_fetch_sub(&h->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static uint16_t *bucket_of(struct history *h, const struct domain *domain)
{
	return &h->bucket[SIPHASH_24(h->key, (const uint8_t *)domain->s, domain->n) % BUCKETS];
}

static void list_take(struct history *h, uint16_t i)
{
	struct slot *s = &h->slot[i];
	struct list *l = &h->list[s->class];

	*(s->newer != NOBODY ? &h->slot[s->newer].older : &l->newest) = s->older;
	*(s->older != NOBODY ? &h->slot[s->older].newer : &l->oldest) = s->newer;
	l->n--;
}

static void list_put(struct history *h, uint16_t i, enum class class)
{
	struct slot *s = &h->slot[i];
	struct list *l = &h->list[class];

	s->class = class;
	s->newer = NOBODY;
	s->older = l->newest;
	*(l->newest != NOBODY ? &h->slot[l->newest].newer : &l->oldest) = i;
	l->newest = i;
	l->n++;
}

static void forget(struct history *h, uint16_t i)
{
	struct slot *s = &h->slot[i];
	uint16_t *at = bucket_of(h, &s->row.domain);

	while (*at != i)
		at = &h->slot[*at].next;
	*at = s->next;
	list_take(h, i);
	memset(&s->row, 0, sizeof(s->row));
	s->next = h->free;
	h->free = i;
}

static void forget_oldest(struct history *h, enum class class)
{
	uint16_t i = h->list[class].oldest;

	for (int n = 0; n < PASS_OVER && i != NOBODY; n++, i = h->slot[i].newer) {
		const struct history_side *side = h->slot[i].row.side;

		if (side[HISTORY_IN].open == 0 && side[HISTORY_OUT].open == 0)
			break;
	}
	forget(h, i != NOBODY ? i : h->list[class].oldest);
}

static uint16_t find(struct history *h, const struct domain *domain)
{
	uint16_t i = *bucket_of(h, domain);

	while (i != NOBODY && !domain_eq(&h->slot[i].row.domain, domain))
		i = h->slot[i].next;
	return i;
}

static uint16_t add(struct history *h, const struct domain *domain, enum class class)
{
	uint16_t *bucket = bucket_of(h, domain), i;
	size_t n = h->list[STRANGERS].n;

	if (class == STRANGERS && n >= HISTORY_STRANGERS)
		forget_oldest(h, STRANGERS);
	else if (n + h->list[KNOWN].n >= HISTORY_ROWS)
		forget_oldest(h, n > 0 ? STRANGERS : KNOWN);
	i = h->free;
	if (i != NOBODY)
		h->free = h->slot[i].next;
	else
		i = (uint16_t)h->used++;
	h->slot[i].row.domain = *domain;
	h->slot[i].next = *bucket;
	*bucket = i;
	list_put(h, i, class);
	return i;
}

/* The row, now the newest of its class; known: that is what it is from now on. */
static struct history_side *touch(struct history *h, const struct domain *domain, enum history_way way, bool known)
{
	uint16_t i = find(h, domain);

	if (i == NOBODY) {
		i = add(h, domain, known ? KNOWN : STRANGERS);
	} else {
		list_take(h, i);
		list_put(h, i, known ? KNOWN : h->slot[i].class);
	}
	return &h->slot[i].row.side[way];
}

void history_opened(struct history *h, const struct domain *domain, enum history_way way, int64_t now)
{
	pthread_mutex_lock(&h->lock);
	struct history_side *side = touch(h, domain, way, true);
	side->open++;
	side->streak = 0;
	side->succeeded_at = now;
	side->retry_at = 0;
	pthread_mutex_unlock(&h->lock);
}

void history_ended(struct history *h, const struct domain *domain, enum history_way way)
{
	pthread_mutex_lock(&h->lock);
	uint16_t i = find(h, domain);
	/* it may have been forgotten meanwhile, and come anew */
	if (i != NOBODY && h->slot[i].row.side[way].open > 0)
		h->slot[i].row.side[way].open--;
	pthread_mutex_unlock(&h->lock);
}

void history_failed(struct history *h, const struct domain *domain, enum history_way way, enum reason why,
    const char *detail, int64_t now)
{
	pthread_mutex_lock(&h->lock);
	struct history_side *side = touch(h, domain, way, way == HISTORY_OUT);
	side->streak++;
	side->failed_at = now;
	side->why = why;
	(void)snprintf(side->detail, sizeof(side->detail), "%s", detail);
	pthread_mutex_unlock(&h->lock);
}

void history_retry(struct history *h, const struct domain *domain, int64_t at)
{
	pthread_mutex_lock(&h->lock);
	uint16_t i = find(h, domain);
	if (i != NOBODY)
		h->slot[i].row.side[HISTORY_OUT].retry_at = at;
	pthread_mutex_unlock(&h->lock);
}

bool history_next(struct history *h, size_t *at, struct history_row *row)
{
	bool found = false;

	pthread_mutex_lock(&h->lock);
	while (*at < h->used && !found) {
		*row = h->slot[(*at)++].row;
		found = row->domain.n > 0;
	}
	pthread_mutex_unlock(&h->lock);
	return found;
}
