#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/dial_world.h"

static void test_both_services_are_mixed_by_priority(void **state)
{
	struct place p[4] = {
	    listen_at("127.0.0.2"), listen_at("127.0.0.3"), listen_at("127.0.0.4"), listen_at("127.0.0.5")};
	struct world w;

	(void)state;
	setup(&w);
	serve(&w, "xmpps", "r.example", 30, 0, &p[3], "d.r.example");
	serve(&w, "xmpp", "r.example", 20, 0, &p[2], "c.r.example");
	serve(&w, "xmpp", "r.example", 5, 0, &p[0], "a.r.example");
	serve(&w, "xmpps", "r.example", 10, 0, &p[1], "B.r.example");
	fake_dns_addr(w.server, "a.r.example", "127.0.0.2");
	fake_dns_addr(w.server, "b.r.example", "127.0.0.3");
	fake_dns_addr(w.server, "c.r.example", "127.0.0.4");
	fake_dns_addr(w.server, "d.r.example", "127.0.0.5");
	dial(&w, "r.example");
	assert_connected(&w, &p[0].at, "a.r.example", false);
	assert_true(dial_more(w.dial));
	next(&w);
	assert_connected(&w, &p[1].at, "B.r.example", true);
	next(&w);
	assert_connected(&w, &p[2].at, "c.r.example", false);
	assert_true(dial_more(w.dial));
	next(&w);
	assert_connected(&w, &p[3].at, "d.r.example", true);
	assert_false(dial_more(w.dial));
	next(&w);
	assert_failed(&w, REASON_CONNECT_FAILED);
	next(&w);
	assert_failed(&w, REASON_CONNECT_FAILED);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		place_close(&p[i]);
	teardown(&w);
}

/* RFC 2782: z, c, a, b (that of weight 0 first) have the running sums 0, 30, 40, 60, against a number of 0 to 60. */
static void test_weights_draw_the_order(void **state)
{
	static const struct {
		uint64_t chances[4];
		const char *order;
	} rows[] = {
	    {{0, 0, 0, 0}, "zcab"}, {{1, 0, 0, 0}, "czab"}, {{30, 0, 0, 0}, "czab"},
	    {{31, 31, 1, 0}, "abcz"},                              /* then 0, 30, 50; then 0, 30 */
	    {{40, 30, 0, 0}, "aczb"}, {{41, 31, 0, 0}, "bazc"},    /* then 0, 30, 40; then 0, 30 */
	    {{60, 40, 30, 0}, "bacz"}, {{61, 61, 31, 11}, "zcab"}, /* each one beyond its sum: the same as 0 */
	};
	struct place p = listen_at("127.0.0.2");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		char order[8] = "";

		setup(&w);
		memcpy(w.chances, rows[i].chances, sizeof(rows[i].chances));
		serve(&w, "xmpp", "r.example", 1, 10, &p, "a.example");
		serve(&w, "xmpps", "r.example", 1, 30, &p, "c.example");
		serve(&w, "xmpp", "r.example", 1, 20, &p, "b.example");
		serve(&w, "xmpps", "r.example", 1, 0, &p, "z.example");
		for (size_t k = 0; k < 4; k++)
			fake_dns_rule(w.server, (const char *[]){"a.example", "b.example", "c.example", "z.example"}[k],
			    0, FAKE_SILENT);
		start(&w, "r.example");
		run_for(&w, 20);
		/* Targets are looked up in the order to try them. */
		for (size_t k = 0; k < w.server->log_n; k++) {
			if (w.server->log[k].type == FAKE_A)
				strncat(order, w.server->log[k].name, 1);
		}
		assert_string_equal(order, rows[i].order);
		teardown(&w);
	}
	place_close(&p);
}

enum srv { ABSENT, ROOT, PORTLESS, HERE, FAILS, GONE };

static void srv_row(struct world *w, const char *service, enum srv srv, const struct place *p)
{
	static const struct place nowhere = {.port = 0};

	if (srv == ROOT)
		serve(w, service, "r.example", 0, 0, p, "");
	if (srv == PORTLESS)
		serve(w, service, "r.example", 0, 0, &nowhere, "x.example");
	if (srv == HERE)
		serve(w, service, "r.example", 0, 0, p, "x.example");
	if (srv == FAILS)
		rule(w, service, "r.example", FAKE_SERVFAIL);
	if (srv == GONE)
		rule(w, service, "r.example", FAKE_SILENT);
}

/* What both SRV look-ups give decides: their records, nothing at all, or the domain's address at port 5269. */
static void test_what_srv_answers_mean(void **state)
{
	static const struct {
		enum srv xmpps, xmpp;
		enum { TO_DIRECT, TO_STARTTLS, TO_FALLBACK, TO_NOTHING } to;
		enum reason why;
	} rows[] = {
	    {HERE, ABSENT, TO_DIRECT, REASON_NONE},
	    {ABSENT, HERE, TO_STARTTLS, REASON_NONE},
	    {ROOT, HERE, TO_STARTTLS, REASON_NONE},
	    {HERE, ROOT, TO_DIRECT, REASON_NONE},
	    {FAILS, HERE, TO_STARTTLS, REASON_NONE},
	    {HERE, GONE, TO_DIRECT, REASON_NONE},
	    {ABSENT, ABSENT, TO_FALLBACK, REASON_CONNECT_REFUSED},
	    {ROOT, ABSENT, TO_NOTHING, REASON_DNS_NO_SERVICE},
	    {ABSENT, ROOT, TO_NOTHING, REASON_DNS_NO_SERVICE},
	    {PORTLESS, HERE, TO_STARTTLS, REASON_NONE},
	    {ABSENT, PORTLESS, TO_NOTHING, REASON_DNS_NO_SERVICE},
	    {ROOT, ROOT, TO_NOTHING, REASON_DNS_NO_SERVICE},
	    {FAILS, ABSENT, TO_NOTHING, REASON_DNS_FAILED},
	    {ABSENT, FAILS, TO_NOTHING, REASON_DNS_FAILED},
	    {GONE, ABSENT, TO_NOTHING, REASON_DNS_FAILED},
	    {ROOT, FAILS, TO_NOTHING, REASON_DNS_FAILED},
	    {FAILS, FAILS, TO_NOTHING, REASON_DNS_FAILED},
	};
	struct place p = listen_at("127.0.0.2");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;

		setup(&w);
		srv_row(&w, "xmpps", rows[i].xmpps, &p);
		srv_row(&w, "xmpp", rows[i].xmpp, &p);
		fake_dns_addr(w.server, "x.example", "127.0.0.2");
		fake_dns_addr(w.server, "r.example", "127.0.0.99");
		dial(&w, "r.example");
		if (rows[i].to == TO_DIRECT || rows[i].to == TO_STARTTLS) {
			assert_connected(&w, &p.at, "x.example", rows[i].to == TO_DIRECT);
		} else if (rows[i].to == TO_FALLBACK) {
			/* Whether something of this machine's listens there or not. */
			char text[ADDR_TEXT_MAX];

			assert_true(w.has_endpoint);
			assert_string_equal(addr_format(&w.endpoint.addr, text), "127.0.0.99:5269");
			assert_string_equal(w.endpoint.target, "r.example");
			assert_false(w.endpoint.direct_tls);
		} else {
			assert_failed(&w, rows[i].why);
			assert_false(w.has_endpoint);
			assert_false(dial_more(w.dial));
			next(&w);
			assert_failed(&w, rows[i].why);
		}
		if (rows[i].to != TO_FALLBACK)
			assert_int_equal(fake_dns_asked(w.server, "r.example", 0, false), 0);
		teardown(&w);
	}
	place_close(&p);
}

static void test_literal_domains_need_no_dns(void **state)
{
	static const char *const rows[][2] = {{"127.0.0.99", "127.0.0.99:5269"}, {"[::1]", "[::1]:5269"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;
		char text[ADDR_TEXT_MAX];

		setup(&w);
		dial(&w, rows[i][0]);
		assert_true(w.has_endpoint);
		assert_string_equal(addr_format(&w.endpoint.addr, text), rows[i][1]);
		assert_int_equal(w.server->log_n, 0);
		teardown(&w);
	}
}

static void test_targets_that_do_not_resolve(void **state)
{
	struct place p = listen_at("127.0.0.2");
	struct world w;

	(void)state;
	setup(&w);
	serve(&w, "xmpp", "some.example", 1, 0, &p, "nowhere.example");
	serve(&w, "xmpp", "some.example", 2, 0, &p, "x.example");
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	dial(&w, "some.example");
	assert_connected(&w, &p.at, "x.example", false);
	dial_cancel(&w.dial);

	serve(&w, "xmpp", "none.example", 1, 0, &p, "nowhere.example");
	w.calls = 0;
	dial(&w, "none.example");
	assert_failed(&w, REASON_DNS_NO_NAME);
	assert_false(w.has_endpoint);
	dial_cancel(&w.dial);

	serve(&w, "xmpp", "broken.example", 1, 0, &p, "nowhere.example");
	serve(&w, "xmpp", "broken.example", 2, 0, &p, "servfail.example");
	fake_dns_rule(w.server, "servfail.example", 0, FAKE_SERVFAIL);
	w.calls = 0;
	dial(&w, "broken.example");
	assert_failed(&w, REASON_DNS_FAILED);
	dial_cancel(&w.dial);

	w.calls = 0;
	dial(&w, "never.example");
	assert_failed(&w, REASON_DNS_NO_NAME);
	place_close(&p);
	teardown(&w);
}

/* --- bounds --- */

static void test_forbidden_addresses_are_never_tried(void **state)
{
	static const char *const never[] = {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "255.255.255.255",
	    "::", "ff02::1", "::ffff:127.0.0.2", "::127.0.0.2"};
	struct place p = listen_at("0.0.0.0");
	struct pollfd wait = {.events = POLLIN, .fd = p.fd};
	struct world w;

	(void)state;
	setup(&w);
	serve(&w, "xmpp", "r.example", 1, 0, &p, "x.example");
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		fake_dns_addr(w.server, "x.example", never[i]);
	dial(&w, "r.example");
	assert_failed(&w, REASON_ADDRESS);
	assert_int_equal(poll(&wait, 1, 0), 0);
	place_close(&p);
	teardown(&w);
}

static size_t count_endpoints(struct world *w, const char *name)
{
	size_t n = 0;

	for (dial(w, name); w->fd >= 0; n++)
		next(w);
	return n;
}

static void test_what_a_zone_can_ask_for_is_bounded(void **state)
{
	struct place p = listen_at("0.0.0.0");
	struct world w;
	char target[64], text[32];
	size_t asked = 0;

	(void)state;
	setup(&w);
	w.options.random = NULL;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(target, sizeof(target), "t%u.example", i);
		serve(&w, "xmpp", "r.example", 1, 1, &p, target);
		serve(&w, "xmpps", "r.example", 1, 1, &p, target);
		for (unsigned k = 0; k < 3; k++) {
			snprintf(text, sizeof(text), "127.0.%u.%u", i + 1, k + 1);
			fake_dns_addr(w.server, target, text);
		}
	}
	for (unsigned k = 0; k < 30; k++) {
		snprintf(text, sizeof(text), "127.1.0.%u", k + 1);
		fake_dns_addr(w.server, "many.example", text);
	}
	assert_int_equal(count_endpoints(&w, "r.example"), 16);
	for (size_t i = 0; i < w.server->log_n; i++)
		asked += w.server->log[i].type == FAKE_A;
	assert_int_equal(asked, 8);
	dial_cancel(&w.dial);
	serve(&w, "xmpp", "one.example", 1, 1, &p, "many.example");
	w.calls = 0;
	assert_int_equal(count_endpoints(&w, "one.example"), 8);
	place_close(&p);
	teardown(&w);
}

static void test_the_same_endpoint_is_tried_once(void **state)
{
	struct place p = listen_at("127.0.0.2");
	struct world w;

	(void)state;
	setup(&w);
	serve(&w, "xmpp", "r.example", 1, 0, &p, "x.example");
	serve(&w, "xmpp", "r.example", 2, 0, &p, "y.example");
	serve(&w, "xmpp", "r.example", 3, 0, &p, "X.example");
	serve(&w, "xmpps", "r.example", 4, 0, &p, "x.example"); /* direct TLS there is something else */
	fake_dns_addr(w.server, "x.example", "127.0.0.2");
	fake_dns_addr(w.server, "y.example", "127.0.0.2");
	assert_int_equal(count_endpoints(&w, "r.example"), 2);
	assert_int_equal(fake_dns_asked(w.server, "x.example", FAKE_A, false), 1);
	place_close(&p);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_services_are_mixed_by_priority),
	    cmocka_unit_test(test_weights_draw_the_order),
	    cmocka_unit_test(test_what_srv_answers_mean),
	    cmocka_unit_test(test_literal_domains_need_no_dns),
	    cmocka_unit_test(test_targets_that_do_not_resolve),
	    cmocka_unit_test(test_forbidden_addresses_are_never_tried),
	    cmocka_unit_test(test_what_a_zone_can_ask_for_is_bounded),
	    cmocka_unit_test(test_the_same_endpoint_is_tried_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
