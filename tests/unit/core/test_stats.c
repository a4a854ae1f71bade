/* stats: counters that one thread writes and another reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

#include "sallyport/stats.h"

static void adds_and_reads(void **state)
{
	struct stats_count c = {0};

	(void)state;
	assert_int_equal(stats_read(&c), 0);
	stats_add(&c, 3);
	stats_add(&c, UINT64_C(1) << 40);
	assert_true(stats_read(&c) == (UINT64_C(1) << 40) + 3);
}

static void bounds_grow_and_the_last_has_none(void **state)
{
	(void)state;
	for (size_t i = 1; i < STATS_BUCKETS; i++)
		assert_true(stats_bound(i) > stats_bound(i - 1));
	assert_true(stats_bound(STATS_BUCKETS - 1) == UINT64_MAX);
}

/* On a bound, just above it, and beyond all of them. */
static void durations_fall_into_their_buckets(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < STATS_BUCKETS; i++) {
		struct stats_times t = {0};

		stats_time(&t, (int64_t)stats_bound(i));
		stats_time(&t, (int64_t)stats_bound(i) + 1);
		assert_int_equal(stats_read(&t.bucket[i]), 1);
		assert_int_equal(stats_read(&t.bucket[i + 1]), 1);
		assert_int_equal(stats_read(&t.ms), 2 * stats_bound(i) + 1);
	}
}

static void odd_durations_are_counted_too(void **state)
{
	struct stats_times t = {0};

	(void)state;
	stats_time(&t, -5);
	stats_time(&t, 0);
	stats_time(&t, INT64_MAX);
	assert_int_equal(stats_read(&t.bucket[0]), 2);
	assert_int_equal(stats_read(&t.bucket[STATS_BUCKETS - 1]), 1);
	assert_int_equal(stats_read(&t.ms), INT64_MAX);
}

struct books {
	struct stats_count a, b[3];
	struct stats_times t;
};

static void sums_whatever_is_made_of_counters(void **state)
{
	struct books one = {0}, two = {0}, sum = {0};

	(void)state;
	stats_add(&one.a, 1);
	stats_add(&one.b[2], 20);
	stats_time(&one.t, 7);
	stats_add(&two.a, 100);
	stats_time(&two.t, 8);
	stats_sum(&sum.a, &one.a, STATS_COUNTS(struct books));
	stats_sum(&sum.a, &two.a, STATS_COUNTS(struct books));
	assert_int_equal(stats_read(&sum.a), 101);
	assert_int_equal(stats_read(&sum.b[0]), 0);
	assert_int_equal(stats_read(&sum.b[2]), 20);
	assert_int_equal(stats_read(&sum.t.bucket[3]), 2);
	assert_int_equal(stats_read(&sum.t.ms), 15);
}

enum { ADDITIONS = 200000 };

static void *write_many(void *arg)
{
	for (int i = 0; i < ADDITIONS; i++)
		stats_add(arg, 1);
	return NULL;
}

/* What a reader sees never falls, and ends at the whole. */
static void is_read_while_it_is_written(void **state)
{
	struct stats_count c = {0};
	pthread_t writer;
	uint64_t last = 0;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_many, &c), 0);
	for (int i = 0; i < ADDITIONS; i++) {
		uint64_t now = stats_read(&c);

		assert_true(now >= last);
		last = now;
	}
	pthread_join(writer, NULL);
	assert_int_equal(stats_read(&c), ADDITIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adds_and_reads),
	    cmocka_unit_test(bounds_grow_and_the_last_has_none),
	    cmocka_unit_test(durations_fall_into_their_buckets),
	    cmocka_unit_test(odd_durations_are_counted_too),
	    cmocka_unit_test(sums_whatever_is_made_of_counters),
	    cmocka_unit_test(is_read_while_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
