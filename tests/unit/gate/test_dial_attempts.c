#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>

#include "gate/dial_world.h"

static void test_refused_goes_on_at_once(void **state)
{
	struct place bad = refusing_at("127.0.0.2"), good = listen_at("127.0.0.3");
	struct world w;
	int64_t began;

	(void)state;
	setup(&w);
	w.options.stagger_ms = 60000;
	serve(&w, "xmpps", "r.example", 1, 0, &bad, "bad.example");
	serve(&w, "xmpp", "r.example", 2, 0, &good, "good.example");
	fake_dns_addr(w.server, "bad.example", "127.0.0.2");
	fake_dns_addr(w.server, "good.example", "127.0.0.3");
	began = loop_now(w.loop);
	dial(&w, "r.example");
	assert_connected(&w, &good.at, "good.example", false);
	assert_true(loop_now(w.loop) - began < 30000);
	assert_false(dial_more(w.dial));
	next(&w);
	assert_failed(&w, REASON_CONNECT_REFUSED);
	assert_true(w.has_endpoint);
	assert_true(addr_eq(&w.endpoint.addr, &bad.at));
	assert_true(w.endpoint.direct_tls);
	place_close(&bad);
	place_close(&good);
	teardown(&w);
}

static void test_silence_is_overtaken(void **state)
{
	struct place hole = hole_at("127.0.0.2"), good = listen_at("127.0.0.3");
	struct world w;
	int64_t began;

	(void)state;
	setup(&w);
	w.options.connect_ms = 60000;
	serve(&w, "xmpps", "r.example", 1, 0, &hole, "hole.example");
	serve(&w, "xmpp", "r.example", 2, 0, &good, "good.example");
	fake_dns_addr(w.server, "hole.example", "127.0.0.2");
	fake_dns_addr(w.server, "good.example", "127.0.0.3");
	began = loop_now(w.loop);
	dial(&w, "r.example");
	assert_connected(&w, &good.at, "good.example", false);
	assert_true(loop_now(w.loop) - began >= STAGGER_MS);
	assert_true(loop_now(w.loop) - began < 30000);
	assert_true(dial_more(w.dial)); /* the first is still under way */
	place_close(&hole);
	place_close(&good);
	teardown(&w);
}

/* One of two under way fails: the third does not wait for its time. */
static void test_failure_beside_another_attempt(void **state)
{
	struct place hole = hole_at("127.0.0.2"), bad = refusing_at("127.0.0.3"), good = listen_at("127.0.0.4");
	struct world w;
	int64_t began;

	(void)state;
	setup(&w);
	w.options.stagger_ms = 700;
	w.options.connect_ms = 60000;
	serve(&w, "xmpps", "r.example", 1, 0, &hole, "hole.example");
	serve(&w, "xmpp", "r.example", 2, 0, &bad, "bad.example");
	serve(&w, "xmpp", "r.example", 3, 0, &good, "good.example");
	fake_dns_addr(w.server, "hole.example", "127.0.0.2");
	fake_dns_addr(w.server, "bad.example", "127.0.0.3");
	fake_dns_addr(w.server, "good.example", "127.0.0.4");
	began = loop_now(w.loop);
	dial(&w, "r.example");
	assert_connected(&w, &good.at, "good.example", false);
	assert_true(loop_now(w.loop) - began >= 700);
	assert_true(loop_now(w.loop) - began < 1400);
	place_close(&hole);
	place_close(&bad);
	place_close(&good);
	teardown(&w);
}

/* The first comes late, while the second is being tried out: it waits for its turn. */
static void test_late_winner_waits_for_its_turn(void **state)
{
	struct place hole = hole_at("127.0.0.2"), good = listen_at("127.0.0.3");
	unsigned calls;
	struct world w;

	(void)state;
	setup(&w);
	w.options.connect_ms = 60000;
	serve(&w, "xmpps", "r.example", 1, 0, &hole, "hole.example");
	serve(&w, "xmpp", "r.example", 2, 0, &good, "good.example");
	fake_dns_addr(w.server, "hole.example", "127.0.0.2");
	fake_dns_addr(w.server, "good.example", "127.0.0.3");
	dial(&w, "r.example");
	assert_connected(&w, &good.at, "good.example", false);
	calls = w.calls;
	drain(&hole, hole.fill_n + 1);
	run_for(&w, 10);
	assert_int_equal(w.calls, calls);
	assert_true(dial_more(w.dial));
	next(&w);
	assert_connected(&w, &hole.at, "hole.example", true);
	assert_false(dial_more(w.dial));
	place_close(&hole);
	place_close(&good);
	teardown(&w);
}

static void test_silence_alone_is_a_timeout(void **state)
{
	struct place hole = hole_at("127.0.0.2"), bad = refusing_at("127.0.0.3");
	struct world w;
	int64_t began;

	(void)state;
	setup(&w);
	w.options.connect_ms = 150;
	serve(&w, "xmpp", "silent.example", 1, 0, &hole, "hole.example");
	serve(&w, "xmpp", "both.example", 1, 0, &bad, "bad.example");
	serve(&w, "xmpp", "both.example", 2, 0, &hole, "hole.example");
	fake_dns_addr(w.server, "hole.example", "127.0.0.2");
	fake_dns_addr(w.server, "bad.example", "127.0.0.3");
	began = loop_now(w.loop);
	dial(&w, "silent.example");
	assert_failed(&w, REASON_CONNECT_TIMEOUT);
	assert_true(addr_eq(&w.endpoint.addr, &hole.at));
	assert_true(loop_now(w.loop) - began >= 150);
	dial_cancel(&w.dial);
	w.calls = 0;
	dial(&w, "both.example");
	assert_failed(&w, REASON_CONNECT_REFUSED); /* says more, though it came first */
	assert_true(addr_eq(&w.endpoint.addr, &bad.at));
	place_close(&hole);
	place_close(&bad);
	teardown(&w);
}

/* The first target's name is slow to resolve: waited for a little, then passed by, then tried after all. */
static void test_slow_name_is_passed_by(void **state)
{
	struct place first = listen_at("127.0.0.2"), second = listen_at("127.0.0.3");
	struct world w;
	int64_t began;

	(void)state;
	setup(&w);
	dns_free(w.dns);
	w.dns = dns_new(w.loop, &w.server->addr, 1, 60000);
	assert_non_null(w.dns);
	serve(&w, "xmpp", "r.example", 1, 0, &first, "slow.example");
	serve(&w, "xmpp", "r.example", 2, 0, &second, "fast.example");
	fake_dns_addr(w.server, "slow.example", "127.0.0.2");
	fake_dns_addr(w.server, "fast.example", "127.0.0.3");
	fake_dns_rule(w.server, "slow.example", 0, FAKE_SILENT);
	began = loop_now(w.loop);
	dial(&w, "r.example");
	assert_connected(&w, &second.at, "fast.example", false);
	assert_true(loop_now(w.loop) - began >= STAGGER_MS);
	assert_true(dial_more(w.dial));
	fake_dns_release(w.server);
	next(&w);
	assert_connected(&w, &first.at, "slow.example", false);
	place_close(&first);
	place_close(&second);
	teardown(&w);
}

/* In time, a name that resolves later than another still goes first. */
static void test_name_in_time_keeps_its_place(void **state)
{
	struct place first = listen_at("127.0.0.2"), second = listen_at("127.0.0.3");
	struct world w;

	(void)state;
	setup(&w);
	w.options.stagger_ms = 60000;
	dns_free(w.dns);
	w.dns = dns_new(w.loop, &w.server->addr, 1, 60000);
	assert_non_null(w.dns);
	serve(&w, "xmpp", "r.example", 1, 0, &first, "slow.example");
	serve(&w, "xmpp", "r.example", 2, 0, &second, "fast.example");
	fake_dns_addr(w.server, "slow.example", "127.0.0.2");
	fake_dns_addr(w.server, "fast.example", "127.0.0.3");
	fake_dns_rule(w.server, "slow.example", 0, FAKE_SILENT);
	start(&w, "r.example");
	while (fake_dns_asked(w.server, "fast.example", 0, false) < 2)
		run_for(&w, 1);
	run_for(&w, 10);
	assert_int_equal(w.calls, 0);
	fake_dns_release(w.server);
	wait_call(&w);
	assert_connected(&w, &first.at, "slow.example", false);
	place_close(&first);
	place_close(&second);
	teardown(&w);
}

static void test_families_alternate_ipv6_first(void **state)
{
	struct place v6 = listen_at("[::1]");
	struct place v4 = {.at = v6.at};
	char text[ADDR_TEXT_MAX], err[256];
	struct world w;

	(void)state;
	snprintf(text, sizeof(text), "127.0.0.2:%u", v6.port);
	assert_true(addr_parse(&v4.at, span_of(text), false));
	v4.fd = sock_listen(&v4.at, false, err, sizeof(err));
	assert_true(v4.fd >= 0);
	setup(&w);
	serve(&w, "xmpp", "r.example", 1, 0, &v6, "x.example");
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	fake_dns_addr(w.server, "x.example", "::1");
	dial(&w, "r.example");
	assert_connected(&w, &v6.at, "x.example", false);
	next(&w);
	assert_connected(&w, &v4.at, "x.example", false);
	place_close(&v6);
	place_close(&v4);
	teardown(&w);
}

/* Four attempts at once, no more, though their time has come. */
static void test_attempts_at_once_are_bounded(void **state)
{
	struct place hole = hole_at("0.0.0.0");
	struct world w;
	char text[32];
	unsigned before, after;

	(void)state;
	setup(&w);
	w.options.stagger_ms = 1;
	w.options.connect_ms = 60000;
	serve(&w, "xmpp", "r.example", 1, 0, &hole, "x.example");
	for (unsigned k = 0; k < 8; k++) {
		snprintf(text, sizeof(text), "127.0.1.%u", k + 1);
		fake_dns_addr(w.server, "x.example", text);
	}
	start(&w, "r.example");
	while (fake_dns_asked(w.server, "x.example", 0, false) < 2)
		run_for(&w, 1);
	run_for(&w, 100);
	/* The next descriptor that the system gives tells how many are taken. */
	before = (unsigned)dup(0);
	close((int)before);
	dial_cancel(&w.dial);
	run_for(&w, 1);
	for (after = before; after > 0 && fcntl((int)after - 1, F_GETFD) < 0; after--)
		;
	assert_int_equal(before - after, 4);
	place_close(&hole);
	teardown(&w);
}

static void test_no_descriptors(void **state)
{
	struct place p = listen_at("127.0.0.2");
	struct rlimit limit, none;
	struct world w;
	int free_fd;

	(void)state;
	setup(&w);
	serve(&w, "xmpp", "r.example", 1, 0, &p, "x.example");
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	start(&w, "r.example");
	while (fake_dns_asked(w.server, "x.example", 0, false) == 0)
		run_for(&w, 0);
	/* c-ares's socket is open; nothing more can be. */
	free_fd = dup(0);
	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	if (w.calls == 0)
		wait_call(&w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_failed(&w, REASON_NO_MEMORY);
	assert_true(addr_eq(&w.endpoint.addr, &p.at));
	place_close(&p);
	teardown(&w);
}

/* --- the ticket --- */

static void cancel_inside(struct world *w)
{
	dial_cancel(&w->dial);
	assert_null(w->dial);
}

static void next_inside(struct world *w)
{
	if (w->calls < 3)
		dial_next(w->dial);
}

/* Two attempts complete in one turn, and each callback asks for the next at once. */
static void test_next_twice_in_one_turn(void **state)
{
	struct place first = hole_at("127.0.0.2"), second = hole_at("127.0.0.3");
	struct world w;

	(void)state;
	setup(&w);
	w.options.stagger_ms = 1;
	w.options.connect_ms = 60000;
	serve(&w, "xmpp", "r.example", 1, 0, &first, "x.example");
	serve(&w, "xmpp", "r.example", 2, 0, &second, "y.example");
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	fake_dns_addr(w.server, "y.example", "127.0.0.3");
	w.inside = next_inside;
	start(&w, "r.example");
	run_for(&w, 100);
	drain(&first, first.fill_n + 1); /* the loop does not run meanwhile */
	drain(&second, second.fill_n + 1);
	while (w.calls < 3)
		loop_run(w.loop);
	assert_failed(&w, REASON_CONNECT_FAILED);
	place_close(&first);
	place_close(&second);
	teardown(&w);
}

static void test_next_and_cancel_inside_the_callback(void **state)
{
	struct place p = listen_at("0.0.0.0");
	struct world w;

	(void)state;
	setup(&w);
	serve(&w, "xmpp", "r.example", 1, 0, &p, "x.example");
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	fake_dns_addr(w.server, "x.example", "127.0.0.3");
	w.inside = next_inside;
	start(&w, "r.example");
	while (w.calls < 3)
		loop_run(w.loop);
	assert_failed(&w, REASON_CONNECT_FAILED);
	dial_cancel(&w.dial);
	w.calls = 0;
	w.inside = cancel_inside;
	dial(&w, "r.example");
	assert_true(w.fd >= 0); /* the connection outlives the dial */
	run_for(&w, 10);
	assert_int_equal(w.calls, 1);
	place_close(&p);
	teardown(&w);
}

/* Cancelled after so many milliseconds of whatever it is doing: no callback, no descriptor left (nor memory, says
 * ASan). */
static void test_cancel_at_any_moment(void **state)
{
	struct place hole = hole_at("127.0.0.2"), good = listen_at("127.0.0.3");
	struct world w;
	int before, after;

	(void)state;
	setup(&w);
	w.options.random = NULL;
	w.options.connect_ms = 60000;
	serve(&w, "xmpps", "r.example", 1, 0, &hole, "hole.example");
	serve(&w, "xmpp", "r.example", 1, 0, &hole, "slow.example");
	serve(&w, "xmpp", "r.example", 2, 0, &good, "good.example");
	fake_dns_addr(w.server, "hole.example", "127.0.0.2");
	fake_dns_addr(w.server, "good.example", "127.0.0.3");
	fake_dns_rule(w.server, "slow.example", 0, FAKE_SILENT);
	run_for(&w, 1);
	before = dup(0);
	close(before);
	for (uint32_t ms = 0; ms < 60; ms = ms * 2 + 1) {
		start(&w, "r.example");
		if (ms > 0)
			run_for(&w, ms);
		dial_cancel(&w.dial);
		dial_cancel(&w.dial);
		assert_int_equal(w.calls, 0);
		w.server->log_n = w.server->held_n = 0;
	}
	/* And while the late first one is still under way behind the second's success. */
	dial(&w, "r.example");
	dial_next(w.dial);
	dial_cancel(&w.dial);
	close_fd(&w);
	run_for(&w, 10);
	assert_int_equal(w.calls, 1);
	dns_free(w.dns);
	w.dns = NULL;
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
	place_close(&hole);
	place_close(&good);
	teardown(&w);
}

static void test_a_configured_address(void **state)
{
	struct place good = listen_at("127.0.0.2"), bad = refusing_at("127.0.0.3");
	char text[ADDR_TEXT_MAX];
	struct world w;

	(void)state;
	setup(&w);
	w.dial = dial_start_addr(w.loop, &good.at, &w.options, dialled, &w);
	assert_non_null(w.dial);
	assert_int_equal(w.calls, 0);
	wait_call(&w);
	assert_connected(&w, &good.at, addr_format(&good.at, text), false);
	assert_false(dial_more(w.dial));
	dial_cancel(&w.dial);
	w.dial = dial_start_addr(w.loop, &bad.at, &w.options, dialled, &w);
	wait_call(&w);
	assert_failed(&w, REASON_CONNECT_REFUSED);
	assert_true(addr_eq(&w.endpoint.addr, &bad.at));
	place_close(&good);
	place_close(&bad);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_goes_on_at_once),
	    cmocka_unit_test(test_silence_is_overtaken),
	    cmocka_unit_test(test_failure_beside_another_attempt),
	    cmocka_unit_test(test_late_winner_waits_for_its_turn),
	    cmocka_unit_test(test_silence_alone_is_a_timeout),
	    cmocka_unit_test(test_slow_name_is_passed_by),
	    cmocka_unit_test(test_name_in_time_keeps_its_place),
	    cmocka_unit_test(test_families_alternate_ipv6_first),
	    cmocka_unit_test(test_attempts_at_once_are_bounded),
	    cmocka_unit_test(test_no_descriptors),
	    cmocka_unit_test(test_next_twice_in_one_turn),
	    cmocka_unit_test(test_next_and_cancel_inside_the_callback),
	    cmocka_unit_test(test_cancel_at_any_moment),
	    cmocka_unit_test(test_a_configured_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
