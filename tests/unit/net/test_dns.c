#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/dns_world.h"

static void test_srv(void **state)
{
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_srv(w.server, "_xmpp-server._tcp.a.example", 5, 10, 5269, "x1.a.example");
	fake_dns_srv(w.server, "_xmpp-server._tcp.a.example", 65535, 0, 1, "a-b_c.example");
	l = srv_of(&w, "_xmpp-server._tcp.a.example");
	assert_int_equal(l.rc, DNS_FOUND);
	assert_int_equal(l.n, 2);
	assert_srv(&l.srv[0], 5, 10, 5269, "x1.a.example");
	assert_srv(&l.srv[1], 65535, 0, 1, "a-b_c.example");
	teardown(&w);
}

static void test_srv_root_target_is_kept(void **state)
{
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_srv(w.server, "_xmpp-server._tcp.a.example", 0, 0, 0, "");
	l = srv_of(&w, "_xmpp-server._tcp.a.example");
	assert_int_equal(l.rc, DNS_FOUND);
	assert_int_equal(l.n, 1);
	assert_srv(&l.srv[0], 0, 0, 0, "");
	teardown(&w);
}

static void test_srv_outcomes(void **state)
{
	static const struct {
		enum fake_manner manner;
		enum dns_rc rc;
	} rows[] = {
	    {FAKE_GOOD, DNS_FOUND},
	    {FAKE_NO_NAME, DNS_NO_NAME},
	    {FAKE_SERVFAIL, DNS_FAILED},
	    {FAKE_REFUSED, DNS_FAILED},
	    {FAKE_GARBAGE, DNS_FAILED},
	    {FAKE_SILENT, DNS_TIMEOUT},
	    {FAKE_TRUNCATED, DNS_FOUND},
	    {FAKE_NOISE, DNS_FOUND},
	};
	struct world w;
	struct look l;
	char name[64];

	(void)state;
	setup(&w, SHORT_MS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(name, sizeof(name), "s%zu.example", i);
		fake_dns_srv(w.server, name, 1, 2, 3, "t.example");
		fake_dns_rule(w.server, name, 0, rows[i].manner);
		l = srv_of(&w, name);
		assert_int_equal(l.rc, rows[i].rc);
		assert_int_equal(fake_dns_asked(w.server, name, FAKE_SRV, true), rows[i].manner == FAKE_TRUNCATED);
	}
	fake_dns_addr(w.server, "other.example", "192.0.2.1");
	assert_int_equal(srv_of(&w, "other.example").rc, DNS_NO_DATA);
	assert_int_equal(srv_of(&w, "never.example").rc, DNS_NO_NAME);
	teardown(&w);
}

/* Names that can't be put into a query don't exist; nobody is asked. */
static void test_impossible_names(void **state)
{
	char label[80], name[512];
	struct world w;

	(void)state;
	setup(&w, LONG_MS);
	memset(label, 'a', 64);
	label[64] = '\0';
	snprintf(name, sizeof(name), "%s.example", label);
	assert_int_equal(srv_of(&w, name).rc, DNS_NO_NAME);
	assert_int_equal(addrs_of(&w, name).rc, DNS_NO_NAME);
	label[60] = '\0';
	snprintf(name, sizeof(name), "%s.%s.%s.%s.%s", label, label, label, label, label);
	assert_int_equal(srv_of(&w, name).rc, DNS_NO_NAME);
	assert_int_equal(srv_of(&w, "a..example").rc, DNS_NO_NAME);
	assert_int_equal(w.server->log_n, 0);
	teardown(&w);
}

static void test_srv_targets_that_are_no_host_names_are_dropped(void **state)
{
	static const char *const odd[] = {"a b.example", "x\ny.example", "\\032.example", "a@b", "\x80.example", "<x>"};
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		fake_dns_srv(w.server, "mixed.example", 0, 0, 1, odd[i]);
		fake_dns_srv(w.server, "odd.example", 0, 0, 1, odd[i]);
	}
	fake_dns_srv(w.server, "mixed.example", 0, 0, 2, "good.example");
	l = srv_of(&w, "mixed.example");
	assert_int_equal(l.n, 1);
	assert_srv(&l.srv[0], 0, 0, 2, "good.example");
	assert_int_equal(srv_of(&w, "odd.example").rc, DNS_FAILED); /* not "no data": there is a service */
	teardown(&w);
}

static void test_records_are_bounded(void **state)
{
	struct world w;
	struct look l;
	char text[32];

	(void)state;
	setup(&w, LONG_MS);
	for (unsigned i = 0; i < 40; i++) {
		fake_dns_srv(w.server, "many.example", 0, 0, i, "target.example");
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		fake_dns_addr(w.server, "v4.example", text);
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		fake_dns_addr(w.server, "v6.example", text);
	}
	l = srv_of(&w, "many.example");
	assert_int_equal(l.n, DNS_RECORDS_MAX);
	assert_int_equal(l.srv[31].port, 31);
	assert_int_equal(fake_dns_asked(w.server, "many.example", FAKE_SRV, true), 1); /* too large for UDP */
	l = addrs_of(&w, "v4.example");
	assert_int_equal(l.n, DNS_RECORDS_MAX);
	assert_addr(&l.addrs[31], "192.0.2.32:0");
	l = addrs_of(&w, "v6.example");
	assert_int_equal(l.n, DNS_RECORDS_MAX);
	assert_addr(&l.addrs[31], "[2001:db8::20]:0");
	teardown(&w);
}

static void test_limits(void **state)
{
	const struct dns_limits limits = {.lookups = 3, .records = 5, .aliases = 3};
	struct look looks[5];
	unsigned waiting = 0;
	struct world w;
	char text[32];

	(void)state;
	setup(&w, LONG_MS);
	for (unsigned i = 0; i < 8; i++) {
		fake_dns_srv(w.server, "many.example", 0, 0, i, "target.example");
		snprintf(text, sizeof(text), "192.0.2.%u", i + 1);
		fake_dns_addr(w.server, "v4.example", text);
	}
	/* a4 -> a3 -> a2 -> a1 -> v4 */
	fake_dns_cname(w.server, "a1.example", "v4.example");
	for (unsigned i = 2; i < 5; i++) {
		char to[32];

		snprintf(text, sizeof(text), "a%u.example", i);
		snprintf(to, sizeof(to), "a%u.example", i - 1);
		fake_dns_cname(w.server, text, to);
	}
	assert_int_equal(addrs_of(&w, "a4.example").rc, DNS_FOUND);
	dns_limit(w.dns, &limits);
	assert_int_equal(srv_of(&w, "many.example").n, 5);
	assert_int_equal(addrs_of(&w, "v4.example").n, 5);
	assert_int_equal(addrs_of(&w, "a3.example").n, 5);
	assert_int_equal(addrs_of(&w, "a4.example").rc, DNS_FAILED);
	/* the fourth and fifth are too many; addresses need no look-up */
	for (size_t i = 0; i < 3; i++)
		look_srv(&looks[i], &w, &waiting, "many.example");
	look_srv(&looks[3], &w, &waiting, "many.example");
	look_addr(&looks[4], &w, &waiting, "v4.example");
	assert_int_equal(addrs_of(&w, "192.0.2.77").rc, DNS_FOUND);
	loop_run(w.loop);
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		assert_int_equal(looks[i].rc, i < 3 ? DNS_FOUND : DNS_BUSY);
	assert_int_equal(srv_of(&w, "many.example").rc, DNS_FOUND);
	teardown(&w);
}

/* --- addresses --- */

static void test_addresses_alternate_ipv6_first(void **state)
{
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_addr(w.server, "a.example", "192.0.2.1");
	fake_dns_addr(w.server, "a.example", "192.0.2.2");
	fake_dns_addr(w.server, "a.example", "192.0.2.3");
	fake_dns_addr(w.server, "a.example", "2001:db8::1");
	fake_dns_addr(w.server, "a.example", "2001:db8::2");
	l = addrs_of(&w, "a.example");
	assert_int_equal(l.rc, DNS_FOUND);
	assert_int_equal(l.n, 5);
	assert_addr(&l.addrs[0], "[2001:db8::1]:0");
	assert_addr(&l.addrs[1], "192.0.2.1:0");
	assert_addr(&l.addrs[2], "[2001:db8::2]:0");
	assert_addr(&l.addrs[3], "192.0.2.2:0");
	assert_addr(&l.addrs[4], "192.0.2.3:0");
	teardown(&w);
}

/* What each family's query gives, and what becomes of both. */
static void test_address_outcomes(void **state)
{
	static const struct {
		const char *name;
		enum fake_manner v6, v4;
		bool has_v4;
		enum dns_rc rc;
	} rows[] = {
	    {"both.example", FAKE_GOOD, FAKE_GOOD, true, DNS_FOUND},
	    {"v6fails.example", FAKE_SERVFAIL, FAKE_GOOD, true, DNS_FOUND},
	    {"v6silent.example", FAKE_SILENT, FAKE_GOOD, true, DNS_FOUND},
	    {"v6nx.example", FAKE_NO_NAME, FAKE_GOOD, true, DNS_FOUND},
	    {"nodata.example", FAKE_GOOD, FAKE_GOOD, false, DNS_NO_DATA},
	    {"v6nx-nodata.example", FAKE_NO_NAME, FAKE_GOOD, false, DNS_NO_DATA},
	    {"nx.example", FAKE_NO_NAME, FAKE_NO_NAME, true, DNS_NO_NAME},
	    {"v4fails.example", FAKE_GOOD, FAKE_SERVFAIL, true, DNS_FAILED},
	    {"v4silent.example", FAKE_GOOD, FAKE_SILENT, true, DNS_TIMEOUT},
	    {"silent.example", FAKE_SILENT, FAKE_SILENT, true, DNS_TIMEOUT},
	    {"fails-silent.example", FAKE_SERVFAIL, FAKE_SILENT, true, DNS_FAILED},
	    {"garbage.example", FAKE_GARBAGE, FAKE_GARBAGE, true, DNS_FAILED},
	    {"truncated.example", FAKE_TRUNCATED, FAKE_TRUNCATED, true, DNS_FOUND},
	};
	unsigned waiting = 0;
	struct look looks[ARRAY_LEN(rows)];
	struct world w;

	(void)state;
	setup(&w, SHORT_MS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_dns_srv(w.server, rows[i].name, 0, 0, 0, ""); /* the name exists */
		if (rows[i].has_v4)
			fake_dns_addr(w.server, rows[i].name, "192.0.2.1");
		if (w.server->rules_n + 2 > FAKE_RULES)
			w.server->rules_n = 0; /* those that were asked already are done */
		fake_dns_rule(w.server, rows[i].name, FAKE_AAAA, rows[i].v6);
		fake_dns_rule(w.server, rows[i].name, FAKE_A, rows[i].v4);
		look_addr(&looks[i], &w, &waiting, rows[i].name);
		loop_run(w.loop);
		assert_int_equal(looks[i].calls, 1);
		assert_int_equal(looks[i].rc, rows[i].rc);
		if (looks[i].rc == DNS_FOUND)
			assert_addr(&looks[i].addrs[0], "192.0.2.1:0");
	}
	teardown(&w);
}

static void test_cname_leads_to_addresses(void **state)
{
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_cname(w.server, "alias.example", "middle.example");
	fake_dns_cname(w.server, "middle.example", "end.example");
	fake_dns_addr(w.server, "end.example", "192.0.2.9");
	fake_dns_cname(w.server, "dead.example", "nowhere.example");
	l = addrs_of(&w, "alias.example");
	assert_int_equal(l.n, 1);
	assert_addr(&l.addrs[0], "192.0.2.9:0");
	assert_int_equal(addrs_of(&w, "dead.example").rc, DNS_NO_DATA);
	teardown(&w);
}

static void test_literals_need_no_query(void **state)
{
	static const char *const rows[][2] = {
	    {"192.0.2.7", "192.0.2.7:0"},
	    {"2001:db8::7", "[2001:db8::7]:0"},
	    {"[2001:db8::7]", "[2001:db8::7]:0"},
	};
	struct world w;
	struct look l;

	(void)state;
	setup(&w, LONG_MS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		l = addrs_of(&w, rows[i][0]);
		assert_int_equal(l.rc, DNS_FOUND);
		assert_int_equal(l.n, 1);
		assert_addr(&l.addrs[0], rows[i][1]);
	}
	assert_int_equal(w.server->log_n, 0);
	assert_int_equal(addrs_of(&w, "192.0.2.777").rc, DNS_NO_NAME);
	teardown(&w);
}

/* Of any machine's hosts file, "localhost" is what one can count on. */
static void test_hosts_file_comes_first(void **state)
{
	struct world w;
	struct look l;
	bool found = false;

	(void)state;
	setup(&w, LONG_MS);
	fake_dns_addr(w.server, "localhost", "192.0.2.66");
	l = addrs_of(&w, "localhost");
	for (size_t i = 0; i < l.n; i++) {
		char text[ADDR_TEXT_MAX];

		assert_string_not_equal(addr_format(&l.addrs[i], text), "192.0.2.66:0");
		found = found || strcmp(text, "127.0.0.1:0") == 0;
	}
	assert_true(found);
	assert_int_equal(w.server->log_n, 0);
	teardown(&w);
}

/* A search list or ndots of the machine must not turn one domain into another. */
static void test_no_search_list(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(setenv("LOCALDOMAIN", "search.example", 1), 0);
	assert_int_equal(setenv("RES_OPTIONS", "ndots:5", 1), 0);
	setup(&w, LONG_MS);
	fake_dns_addr(w.server, "single.search.example", "192.0.2.1");
	fake_dns_addr(w.server, "a.b.search.example", "192.0.2.1");
	assert_int_equal(addrs_of(&w, "single").rc, DNS_NO_NAME);
	assert_int_equal(addrs_of(&w, "a.b").rc, DNS_NO_NAME);
	assert_int_equal(srv_of(&w, "single").rc, DNS_NO_NAME);
	for (size_t i = 0; i < w.server->log_n; i++)
		assert_null(strstr(w.server->log[i].name, "search"));
	unsetenv("LOCALDOMAIN");
	unsetenv("RES_OPTIONS");
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_srv),
	    cmocka_unit_test(test_srv_root_target_is_kept),
	    cmocka_unit_test(test_srv_outcomes),
	    cmocka_unit_test(test_impossible_names),
	    cmocka_unit_test(test_srv_targets_that_are_no_host_names_are_dropped),
	    cmocka_unit_test(test_records_are_bounded),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_addresses_alternate_ipv6_first),
	    cmocka_unit_test(test_address_outcomes),
	    cmocka_unit_test(test_cname_leads_to_addresses),
	    cmocka_unit_test(test_literals_need_no_query),
	    cmocka_unit_test(test_hosts_file_comes_first),
	    cmocka_unit_test(test_no_search_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
