/* Whichever allocation fails, of ours, libevent's or c-ares's: a dial ends with one callback or never starts, the loop
 * and the resolver go on, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "short_heap.h"

/* The modules themselves, so that their allocations are ours. */
#define malloc heap
#define calloc heap_zeroed
#include "../../../proxy/gate/dial.c"
#include "../../../proxy/gate/dial_choose.c"
#include "../../../proxy/net/dns.c"
#include "../../../proxy/net/dns_channel.c"
#include "../../../proxy/net/loop.c"
#undef malloc
#undef calloc

#include "gate/dial_world.h"

static void loop_new_survives(void **state)
{
	bool all_done = false;
	long failed = 0;

	(void)state;
	for (; !all_done && failed < 100; failed++) {
		struct loop *loop;

		left = failed;
		loop = loop_new();
		all_done = left >= 0; /* nothing failed this time */
		left = -1;
		assert_true(loop != NULL || !all_done);
		loop_free(loop);
	}
	assert_in_range(failed, 5, 99);
}

static void count_and_stop(void *arg)
{
	struct world *w = arg;

	w->calls++;
	loop_stop(w->loop);
}

/* A deadline that can't be set comes at once. */
static void timers_never_get_lost(void **state)
{
	struct loop_timer *timers[200];
	struct world w = {.loop = loop_new()};
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
		timers[i] = loop_timer_new(w.loop, count_and_stop, &w);
		assert_non_null(timers[i]);
		left = i % 3 == 0 ? 0 : -1; /* the others may grow libevent's heap */
		loop_timer_set(timers[i], 3600 * 1000);
		failed += i % 3 == 0 && left < 0;
		left = -1;
		while (w.calls < failed)
			loop_run(w.loop);
	}
	assert_in_range(failed, 2, 20);
	run_for(&w, 1);
	assert_int_equal(w.calls, failed);
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		loop_timer_free(timers[i]);
	loop_free(w.loop);
}

static void dns_new_survives(void **state)
{
	struct loop *loop = loop_new();
	struct addr server;
	bool all_done = false;
	long failed = 0;

	(void)state;
	assert_true(addr_parse(&server, SPAN("127.0.0.1:53"), false));
	for (; !all_done && failed < 1000; failed++) {
		struct dns *dns;

		left = failed;
		dns = dns_new(loop, &server, 1, 1000);
		all_done = left >= 0;
		left = -1;
		assert_true(dns != NULL || !all_done);
		dns_free(dns);
	}
	assert_in_range(failed, 5, 999);
	loop_free(loop);
}

/* Two targets, of which the first refuses: every kind of allocation that a dial can make. */
static void dial_survives(void **state)
{
	struct place bad = refusing_at("127.0.0.2"), good = listen_at("127.0.0.3");
	unsigned succeeded = 0, refused_to_start = 0;
	bool all_done = false;
	struct domain domain;
	struct world w;

	(void)state;
	setup(&w);
	dns_free(w.dns);
	w.dns = dns_new(w.loop, &w.server->addr, 1, 200);
	assert_non_null(w.dns);
	w.options.random = NULL;
	serve(&w, "xmpps", "r.example", 1, 0, &bad, "bad.example");
	serve(&w, "xmpp", "r.example", 2, 0, &good, "good.example");
	fake_dns_addr(w.server, "bad.example", "127.0.0.2");
	fake_dns_addr(w.server, "good.example", "127.0.0.3");
	fake_dns_addr(w.server, "r.example", "127.0.0.3");
	assert_true(domain_parse(&domain, SPAN("r.example")));
	for (long failed = 0; !all_done; failed++) {
		assert_true(failed < 1000);
		w.calls = 0;
		w.server->log_n = 0;
		left = failed;
		w.dial = dial_start(w.loop, w.dns, &domain, &w.options, dialled, &w);
		refused_to_start += w.dial == NULL;
		if (w.dial != NULL)
			wait_call(&w);
		all_done = left >= 0;
		left = -1;
		succeeded += w.fd >= 0;
		assert_int_equal(fake_dns_asked(w.server, "r.example", FAKE_A, false), 0); /* never for want of SRV */
		dial_cancel(&w.dial);
		/* With memory again, all is well at once. */
		w.calls = 0;
		dial(&w, "r.example");
		assert_connected(&w, &good.at, "good.example", false);
		dial_cancel(&w.dial);
		close_fd(&w);
	}
	assert_true(refused_to_start > 4);
	assert_true(succeeded > 1); /* some failures cost one endpoint or one try only, and the last time none did */
	place_close(&bad);
	place_close(&good);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(loop_new_survives),
	    cmocka_unit_test(timers_never_get_lost),
	    cmocka_unit_test(dns_new_survives),
	    cmocka_unit_test(dial_survives),
	};

	event_set_mem_functions(heap, heap_more, free);
	ares_library_init_mem(ARES_LIB_INIT_ALL, heap, free, heap_more);
	log_set_level(LOG_ERROR); /* libevent's complaints */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
