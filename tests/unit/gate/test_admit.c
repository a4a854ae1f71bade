/* admit: limits in all and for one address; who counts as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "sallyport/admit.h"

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, span_of(text), false));
	return a;
}

static bool enter(struct admit *a, const char *text)
{
	struct addr from = addr_of(text);

	return admit_enter(a, &from, 0) == REASON_NONE;
}

static void leave(struct admit *a, const char *text)
{
	struct addr from = addr_of(text);

	admit_leave(a, &from);
}

/* How many of 20 other addresses get in.  One may share its row with an address that is full: the hash is keyed afresh
 * at each start. */
static unsigned others(struct admit *a, const char *format)
{
	unsigned in = 0;
	char text[64];

	for (unsigned i = 1; i <= 20; i++) {
		(void)snprintf(text, sizeof(text), format, i);
		in += enter(a, text);
	}
	return in;
}

static struct conf_limits limits_of(uint32_t all, uint32_t each)
{
	return (struct conf_limits){.connections = all,
	    .connections_host = each,
	    .connections_domain = 2,
	    .connections_backends = 2,
	    .accept_rate = 1000000,
	    .accept_rate_host = 1000000};
}

static struct admit *admit_up(uint32_t all, uint32_t each)
{
	struct conf_limits limits = limits_of(all, each);
	struct admit *a = admit_new(&limits);

	assert_non_null(a);
	return a;
}

static void so_many_from_one_address(void **state)
{
	struct admit *a = admit_up(1000, 3);

	(void)state;
	/* a connection's port is its own, so it does not tell addresses apart */
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_true(enter(a, "192.0.2.1:1001"));
	assert_true(enter(a, "192.0.2.1:1002"));
	assert_false(enter(a, "192.0.2.1:1003"));
	assert_true(others(a, "192.0.2.%u:1000") >= 18);
	leave(a, "192.0.2.1:1001");
	assert_true(enter(a, "192.0.2.1:1004"));
	assert_false(enter(a, "192.0.2.1:1005"));
	admit_unref(a);
}

static void so_many_in_all(void **state)
{
	struct admit *a = admit_up(5, 1000);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(enter(a, "192.0.2.1:1000"));
	assert_true(enter(a, "192.0.2.2:1000"));
	assert_true(enter(a, "[2001:db8::1]:1000"));
	assert_false(enter(a, "192.0.2.3:1000"));
	assert_false(enter(a, "192.0.2.1:1000"));
	/* being refused does not count */
	leave(a, "192.0.2.1:1000");
	assert_true(enter(a, "192.0.2.3:1000"));
	assert_false(enter(a, "192.0.2.4:1000"));
	admit_unref(a);
}

static void refusal_for_one_limit_does_not_count_for_the_other(void **state)
{
	struct admit *a = admit_up(4, 2);

	(void)state;
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_true(enter(a, "192.0.2.1:1000"));
	for (unsigned i = 0; i < 10; i++)
		assert_false(enter(a, "192.0.2.1:1000"));
	assert_int_equal(others(a, "198.51.100.%u:1000"), 2);
	admit_unref(a);
}

static void network_of_64_bits_is_one(void **state)
{
	struct admit *a = admit_up(1000, 2);

	(void)state;
	assert_true(enter(a, "[2001:db8:1:2::1]:1000"));
	assert_true(enter(a, "[2001:db8:1:2:ffff:ffff:ffff:ffff]:1000"));
	assert_false(enter(a, "[2001:db8:1:2:8000::]:1000"));
	assert_true(others(a, "[2001:db8:1:10%u::1]:1000") >= 18);
	leave(a, "[2001:db8:1:2::5]:9");
	assert_true(enter(a, "[2001:db8:1:2::9]:1000"));
	admit_unref(a);
}

static void mapped_ipv4_is_ipv4(void **state)
{
	struct admit *a = admit_up(1000, 2);

	(void)state;
	assert_true(enter(a, "[::ffff:192.0.2.1]:1000"));
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_false(enter(a, "[::ffff:192.0.2.1]:1000"));
	assert_true(others(a, "[::ffff:198.51.100.%u]:1000") >= 18);
	admit_unref(a);
}

/* The first half of one looks like the other and zeros. */
static void ipv4_is_not_ipv6(void **state)
{
	unsigned in = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) { /* tables with other keys */
		struct admit *a = admit_up(1000, 1);

		assert_true(enter(a, "[2001:db8::1]:1000"));
		in += enter(a, "32.1.13.184:1000");
		admit_unref(a);
	}
	assert_true(in >= 18);
}

static void lower_limits_send_nobody_away(void **state)
{
	struct conf_limits fewer_each = limits_of(10, 2), fewer = limits_of(3, 10);
	struct admit *a = admit_up(10, 10);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_true(enter(a, "192.0.2.1:1000"));
	admit_limit(a, &fewer_each);
	assert_false(enter(a, "192.0.2.1:1000"));
	leave(a, "192.0.2.1:1000");
	leave(a, "192.0.2.1:1000");
	assert_false(enter(a, "192.0.2.1:1000"));
	leave(a, "192.0.2.1:1000");
	assert_true(enter(a, "192.0.2.1:1000"));
	admit_limit(a, &fewer);
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_false(enter(a, "192.0.2.1:1000"));
	admit_unref(a);
}

static void *come_and_go(void *arg)
{
	struct admit *a = arg;
	struct addr from = addr_of("192.0.2.1:1000");

	for (unsigned i = 0; i < 50000; i++)
		if (admit_enter(a, &from, 0) == REASON_NONE)
			admit_leave(a, &from);
	return NULL;
}

static void workers_share_the_count(void **state)
{
	struct admit *a = admit_up(2, 2);
	pthread_t worker[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(worker); i++)
		assert_int_equal(pthread_create(&worker[i], NULL, come_and_go, admit_ref(a)), 0);
	for (size_t i = 0; i < ARRAY_LEN(worker); i++) {
		assert_int_equal(pthread_join(worker[i], NULL), 0);
		admit_unref(a);
	}
	/* as many as at the start */
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_false(enter(a, "192.0.2.1:1000"));
	admit_unref(a);
	admit_unref(NULL);
}

static enum reason comes(struct admit *a, const char *text, int64_t now)
{
	struct addr from = addr_of(text);
	enum reason why = admit_enter(a, &from, now);

	if (why == REASON_NONE)
		admit_leave(a, &from);
	return why;
}

/* Five seconds' worth at once, then so many a second, however fast they leave. */
static void rate_of_one_address(void **state)
{
	struct conf_limits limits = limits_of(1000, 1000);
	struct admit *a;
	unsigned in = 0;

	(void)state;
	limits.accept_rate_host = 10;
	a = admit_new(&limits);
	assert_non_null(a);
	for (unsigned i = 0; i < 200; i++)
		in += comes(a, "192.0.2.1:1000", 0) == REASON_NONE;
	assert_int_equal(in, 51);
	assert_int_equal(comes(a, "192.0.2.1:1000", 99), REASON_LIMIT_ADDRESS);
	assert_int_equal(comes(a, "192.0.2.1:1000", 100), REASON_NONE);
	assert_int_equal(comes(a, "192.0.2.1:1000", 100), REASON_LIMIT_ADDRESS);
	/* others do not notice; a quiet time is not saved up */
	assert_true(others(a, "198.51.100.%u:1000") >= 18);
	in = 0;
	for (unsigned i = 0; i < 200; i++)
		in += comes(a, "192.0.2.1:1000", 3600000) == REASON_NONE;
	assert_int_equal(in, 51);
	admit_unref(a);
}

static void rate_in_all(void **state)
{
	struct conf_limits limits = limits_of(1000, 1000);
	struct admit *a;
	unsigned in = 0;
	char text[32];

	(void)state;
	limits.accept_rate = 4;
	a = admit_new(&limits);
	assert_non_null(a);
	for (unsigned i = 1; i <= 100; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.%u:1", i);
		in += comes(a, text, 0) == REASON_NONE;
	}
	assert_int_equal(in, 21);
	assert_int_equal(comes(a, "198.51.100.1:1", 249), REASON_LIMIT_RATE);
	assert_int_equal(comes(a, "198.51.100.1:1", 250), REASON_NONE);
	admit_unref(a);
}

static void so_many_for_one_domain(void **state)
{
	struct domain a_test, b_test;
	struct admit *a = admit_up(1000, 1000);

	(void)state;
	assert_true(domain_parse(&a_test, SPAN("a.test")) && domain_parse(&b_test, SPAN("b.test")));
	assert_true(admit_enter_domain(a, &a_test));
	assert_true(admit_enter_domain(a, &a_test));
	assert_false(admit_enter_domain(a, &a_test));
	if (admit_enter_domain(a, &b_test)) /* they may share a row */
		admit_leave_domain(a, &b_test);
	admit_leave_domain(a, &a_test);
	assert_true(admit_enter_domain(a, &a_test));
	assert_false(admit_enter_domain(a, &a_test));
	admit_unref(a);
}

static void so_many_from_backends(void **state)
{
	struct admit *a = admit_up(1, 1);

	(void)state;
	assert_true(enter(a, "192.0.2.1:1000"));
	assert_true(admit_enter_backend(a));
	assert_true(admit_enter_backend(a));
	assert_false(admit_enter_backend(a));
	admit_leave_backend(a);
	assert_true(admit_enter_backend(a));
	admit_unref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(so_many_from_one_address),
	    cmocka_unit_test(so_many_in_all),
	    cmocka_unit_test(refusal_for_one_limit_does_not_count_for_the_other),
	    cmocka_unit_test(network_of_64_bits_is_one),
	    cmocka_unit_test(mapped_ipv4_is_ipv4),
	    cmocka_unit_test(ipv4_is_not_ipv6),
	    cmocka_unit_test(lower_limits_send_nobody_away),
	    cmocka_unit_test(workers_share_the_count),
	    cmocka_unit_test(rate_of_one_address),
	    cmocka_unit_test(rate_in_all),
	    cmocka_unit_test(so_many_for_one_domain),
	    cmocka_unit_test(so_many_from_backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
