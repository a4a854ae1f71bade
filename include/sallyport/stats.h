/* stats: counters and histograms that one thread writes and any thread may read while it does.
 *
 * No lock and no locked instruction: the one writer loads, adds and stores, relaxed; a reader gets a value that stood a moment
 * ago, each counter for itself.  They only ever grow.  Sums over several writers are made by the reader, into counters of its
 * own.  Whatever is made of struct stats_count alone (histograms, arrays, structs of those) is summed by stats_sum(). */
#ifndef SALLYPORT_STATS_H
#define SALLYPORT_STATS_H

#include <stdatomic.h>

#include "sallyport/base.h"

struct stats_count {
	_Atomic uint64_t n;
};

/* The writer's thread only. */
static inline void stats_add(struct stats_count *c, uint64_t by)
{
	atomic_store_explicit(&c->n, atomic_load_explicit(&c->n, memory_order_relaxed) + by, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t stats_read(const struct stats_count *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

/* Adds each of n counters from `from` on to those from `sum` on, which are the caller's. */
void stats_sum(struct stats_count *sum, const struct stats_count *from, size_t n);
/* For a type made of counters alone: how many. */
#define STATS_COUNTS(type) (sizeof(type) / sizeof(struct stats_count))

/* Durations.  A bucket counts those up to its bound that are above the bound before it. */
#define STATS_BUCKETS 15
struct stats_times {
	struct stats_count bucket[STATS_BUCKETS], ms;
};
/* The writer's thread only; a negative duration (no clock of ours goes back) counts as none. */
void stats_time(struct stats_times *t, int64_t ms);
/* The upper bound of a bucket in milliseconds; UINT64_MAX: of the last, which has none. */
uint64_t stats_bound(size_t bucket);

#endif
