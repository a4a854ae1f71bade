/* Lines that one source causes again and again: counted beyond a number, and told of. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "log_internal.h"

/* A row a hash of source.  One that is taken by another goes over to the newcomer, which is told of what it held back.
 */
#define ROWS 1024u
#define SOURCE_MAX 80u
#define WINDOW_S 60

struct row {
	uint64_t hash;
	int64_t since; /* seconds; the window's beginning */
	uint64_t suppressed;
	uint32_t lines;
	char source[SOURCE_MAX];
};

static struct {
	_Atomic uint32_t most;
	_Atomic uint64_t suppressed; /* ever */
	pthread_mutex_t lock;        /* guards the rest */
	uint64_t key;
	struct row row[ROWS];
} limit = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_limit(uint32_t lines)
{
	pthread_mutex_lock(&limit.lock);
	/* so that nobody can choose an address that shares a row with another's */
	if (limit.key == 0 && getrandom(&limit.key, sizeof(limit.key), GRND_NONBLOCK) < 0)
		limit.key = (uint64_t)time(NULL);
	limit.most = lines;
	pthread_mutex_unlock(&limit.lock);
}

uint64_t log_suppressed(void)
{
	return limit.suppressed;
}

/* FNV-1a from a secret start, and mixed at the end. */
static uint64_t hash_of(struct span source)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ limit.key;

	for (size_t i = 0; i < source.n; i++)
		h = (h ^ (uint8_t)source.p[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * (limit.key | 1);
	return h ^ h >> 29;
}

static int64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void summarise(const struct row *r)
{
	struct log_line l;

	log_begin(&l, LOG_WARNING, "lines-suppressed");
	log_str(&l, "source", r->source);
	log_int(&l, "suppressed", (int64_t)r->suppressed);
	log_str(&l, "text", "it caused more lines than [log] grants one source in a minute");
	log_end(&l);
}

/* The row for a source, the lock held.  *other: what a row held that was another's; other->suppressed may be 0. */
static struct row *row_of(struct span source, int64_t now, struct row *other)
{
	uint64_t h = hash_of(source);
	struct row *r = &limit.row[h % ROWS];

	if (r->hash == h && r->lines > 0)
		return r;
	*other = *r;
	*r = (struct row){.hash = h, .since = now};
	(void)snprintf(r->source, sizeof(r->source), "%.*s", SPAN_FMT(source));
	return r;
}

bool log_limit_passes(const struct log_line *l, uint64_t *suppressed)
{
	struct row other = {.suppressed = 0};
	uint32_t most = limit.most;
	int64_t now;
	struct row *r;
	bool passes;

	*suppressed = 0;
	if (l->source.n == 0 || most == 0)
		return true;
	now = seconds();
	pthread_mutex_lock(&limit.lock);
	r = row_of(l->source, now, &other);
	if (now - r->since >= WINDOW_S) {
		*suppressed = r->suppressed;
		r->since = now;
		r->lines = 0;
		r->suppressed = 0;
	}
	passes = r->lines < most;
	if (passes)
		r->lines++;
	else
		r->suppressed++;
	pthread_mutex_unlock(&limit.lock);
	if (!passes)
		limit.suppressed++;
	if (other.suppressed > 0)
		summarise(&other);
	return passes;
}

void log_sweep(bool all)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct row over;

		pthread_mutex_lock(&limit.lock);
		over = limit.row[i];
		if (over.suppressed > 0 && (all || seconds() - over.since >= WINDOW_S))
			limit.row[i].suppressed = 0;
		else
			over.suppressed = 0;
		pthread_mutex_unlock(&limit.lock);
		if (over.suppressed > 0)
			summarise(&over);
	}
}
