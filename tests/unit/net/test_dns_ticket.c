#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/dns_world.h"

static void test_second_server_steps_in(void **state)
{
	struct world w;
	struct fake_dns *second;
	struct addr both[2];
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	second = fake_dns_new(w.loop, "[::1]");
	dns_free(w.dns);
	both[0] = w.server->addr;
	both[1] = second->addr;
	w.dns = dns_new(w.loop, both, 2, LONG_MS / 10);
	assert_non_null(w.dns);
	fake_dns_rule(w.server, "a.example", 0, FAKE_SILENT);
	fake_dns_srv(second, "a.example", 0, 0, 7, "t.example");
	l = srv_of(&w, "a.example");
	assert_int_equal(l.rc, DNS_FOUND);
	assert_int_equal(fake_dns_asked(w.server, "a.example", FAKE_SRV, false), 1);
	assert_int_equal(fake_dns_asked(second, "a.example", FAKE_SRV, false), 1);
	fake_dns_free(second);
	teardown(&w);
}

/* c-ares alone would go on for five times as long, as each server has its turns. */
static void test_timeout_is_for_the_whole_look_up(void **state)
{
	struct fake_dns *servers[3];
	struct addr addrs[ARRAY_LEN(servers)];
	size_t asked = 0;
	struct world w;
	int64_t start;

	(void)state;
	setup(&w, SHORT_MS);
	dns_free(w.dns);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		servers[i] = fake_dns_new(w.loop, "127.0.0.1");
		addrs[i] = servers[i]->addr;
		fake_dns_rule(servers[i], "silent.example", 0, FAKE_SILENT);
	}
	w.dns = dns_new(w.loop, addrs, ARRAY_LEN(addrs), SHORT_MS);
	assert_non_null(w.dns);
	start = loop_now(w.loop);
	assert_int_equal(srv_of(&w, "silent.example").rc, DNS_TIMEOUT);
	assert_true(loop_now(w.loop) - start >= SHORT_MS);
	assert_true(loop_now(w.loop) - start < 4 * SHORT_MS);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		asked += fake_dns_asked(servers[i], "silent.example", FAKE_SRV, false);
	assert_true(asked >= 2); /* it was tried again */
	/* Late answers find nobody; the resolver works on. */
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		fake_dns_srv(servers[i], "silent.example", 0, 0, 7, "t.example");
		fake_dns_release(servers[i]);
	}
	assert_int_equal(srv_of(&w, "silent.example").rc, DNS_FOUND);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		fake_dns_free(servers[i]);
	teardown(&w);
}

static void test_cancel_before_the_answer(void **state)
{
	unsigned waiting = 0;
	struct look cancelled, cancelled_addr, kept;
	struct world w;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_srv(w.server, "a.example", 0, 0, 7, "t.example");
	look_srv(&cancelled, &w, &waiting, "a.example");
	look_addr(&cancelled_addr, &w, &waiting, "192.0.2.1");
	look_srv(&kept, &w, &waiting, "a.example");
	dns_cancel(&cancelled.ticket);
	dns_cancel(&cancelled_addr.ticket); /* its callback is deferred already */
	waiting -= 2;
	assert_null(cancelled.ticket);
	dns_cancel(&cancelled.ticket);
	loop_run(w.loop);
	assert_int_equal(cancelled.calls, 0);
	assert_int_equal(cancelled_addr.calls, 0);
	assert_int_equal(kept.calls, 1);
	teardown(&w);
}

static void cancels_itself(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct look *l = arg;
	struct dns_req *ticket = l->ticket;

	dns_cancel(&l->ticket);
	assert_null(l->ticket);
	assert_non_null(ticket);
	srv_came(arg, rc, srv, n); /* what it was given still lives */
}

static void test_cancel_inside_the_callback(void **state)
{
	unsigned waiting = 1;
	struct world w;
	struct look l = {.world = &w, .waiting = &waiting};

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_srv(w.server, "a.example", 0, 0, 7, "t.example");
	l.ticket = dns_lookup_srv(w.dns, "a.example", cancels_itself, &l);
	loop_run(w.loop);
	assert_int_equal(l.calls, 1);
	assert_srv(&l.srv[0], 0, 0, 7, "t.example");
	teardown(&w);
}

/* One answer frees the resolver while others are asked, answered and timing out. */
static void test_free_inside_a_callback(void **state)
{
	unsigned waiting = 0, ignored = 0;
	struct look frees, open, ready;
	struct world w;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_rule(w.server, "silent.example", 0, FAKE_SILENT);
	look_addr(&open, &w, &ignored, "silent.example");
	look_addr(&frees, &w, &waiting, "192.0.2.1");
	look_addr(&ready, &w, &ignored, "192.0.2.2"); /* deferred behind it */
	frees.free_dns = true;
	loop_run(w.loop);
	assert_null(w.dns);
	assert_int_equal(frees.calls, 1);
	assert_int_equal(open.calls + ready.calls, 0);
	teardown(&w);
}

static void test_free_with_open_look_ups(void **state)
{
	unsigned ignored = 0;
	struct look looks[3];
	struct world w;

	(void)state;
	setup(&w, LONG_MS);
	look_addr(&looks[0], &w, &ignored, "a.example");
	look_srv(&looks[1], &w, &ignored, "b.example");
	look_addr(&looks[2], &w, &ignored, "192.0.2.1");
	teardown(&w); /* runs what is deferred */
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		assert_int_equal(looks[i].calls, 0);
	dns_free(NULL);
}

static void test_many_at_once(void **state)
{
	unsigned waiting = 0;
	static struct look looks[100];
	struct world w;
	char name[64];

	(void)state;
	setup(&w, LONG_MS);
	for (unsigned i = 0; i < ARRAY_LEN(looks); i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		fake_dns_srv(w.server, name, 0, 0, i, "t.example");
		look_srv(&looks[i], &w, &waiting, name);
	}
	loop_run(w.loop);
	for (unsigned i = 0; i < ARRAY_LEN(looks); i++) {
		assert_int_equal(looks[i].calls, 1);
		assert_int_equal(looks[i].n, 1);
		assert_int_equal(looks[i].srv[0].port, i); /* each got its own */
	}
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_second_server_steps_in),
	    cmocka_unit_test(test_timeout_is_for_the_whole_look_up),
	    cmocka_unit_test(test_cancel_before_the_answer),
	    cmocka_unit_test(test_cancel_inside_the_callback),
	    cmocka_unit_test(test_free_inside_a_callback),
	    cmocka_unit_test(test_free_with_open_look_ups),
	    cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
