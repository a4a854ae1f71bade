#include "sallyport/stats.h"

/* From a handshake on the same machine to the longest time-out that anybody configures. */
static const uint64_t bounds[STATS_BUCKETS] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, UINT64_MAX};

void stats_sum(struct stats_count *sum, const struct stats_count *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stats_add(&sum[i], stats_read(&from[i]));
}

void stats_time(struct stats_times *t, int64_t ms)
{
	uint64_t took = ms > 0 ? (uint64_t)ms : 0;
	size_t i = 0;
	while (took > bounds[i])
		i++;
	stats_add(&t->bucket[i], 1);
	stats_add(&t->ms, took);
}

uint64_t stats_bound(size_t bucket)
{
	ENSURE(bucket < STATS_BUCKETS);
	return bounds[bucket];
}
