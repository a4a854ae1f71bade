#include "sallyport/outage.h"

#include <stdlib.h>

#include <openssl/rand.h>
#include <openssl/siphash.h>

#define ROWS 4096u

struct row {
	uint64_t pair; /* keyed hash of both names: nobody outside can aim at another pair's row */
	int64_t until;
	enum reason why;
};

struct outages {
	uint64_t key[2];
	struct row row[ROWS];
};

struct outages *outages_new(void)
{
	struct outages *o = calloc(1, sizeof *o);
	if (o != NULL)
		RAND_bytes((uint8_t *)o->key, sizeof o->key);
	return o;
}

void outages_free(struct outages *o)
{
	free(o);
}

void outages_forget(struct outages *o)
{
	memset(o->row, 0, sizeof o->row);
}

static uint64_t hash(const struct outages *o, const struct pair *pair)
{
	uint8_t names[2 * (DOMAIN_MAX + 1)];
	size_t n = (size_t)pair->from.n + 1;
	memcpy(names, pair->from.s, n); /* its NUL parts the two */
	memcpy(names + n, pair->to.s, pair->to.n);
	return SIPHASH_24(o->key, names, n + pair->to.n);
}

void outage_remember(struct outages *o, const struct pair *pair, enum reason why, int64_t until)
{
	uint64_t h = hash(o, pair);
	o->row[h % ROWS] = (struct row){h, until, why};
}

enum reason outage_find(const struct outages *o, const struct pair *pair, int64_t now)
{
	uint64_t h = hash(o, pair);
	const struct row *row = &o->row[h % ROWS];
	return row->pair == h && now < row->until ? row->why : REASON_NONE;
}
