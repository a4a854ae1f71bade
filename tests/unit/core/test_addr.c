#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sallyport/addr.h"

static struct addr parsed(const char *text)
{
	struct addr a;

	if (!addr_parse(&a, span_of(text), true))
		fail_msg("addr_parse refused %s", text);
	return a;
}

static void parse_and_format(void **state)
{
	static const struct {
		const char *in, *out;
		int family;
		uint16_t port;
	} cases[] = {
	    {"192.0.2.1:5269", "192.0.2.1:5269", AF_INET, 5269},
	    {"0.0.0.0:1", "0.0.0.0:1", AF_INET, 1},
	    {"255.255.255.255:65535", "255.255.255.255:65535", AF_INET, 65535},
	    {"[2001:DB8:0::1]:5269", "[2001:db8::1]:5269", AF_INET6, 5269},
	    {"[::]:80", "[::]:80", AF_INET6, 80},
	    {"[::ffff:192.0.2.1]:80", "192.0.2.1:80", AF_INET6, 80},
	    {"[fe80::1%4294967295]:80", "[fe80::1%4294967295]:80", AF_INET6, 80},
	    {"[1111:2222:3333:4444:5555:6666:255.255.255.255%4294967295]:65535",
	        "[1111:2222:3333:4444:5555:6666:ffff:ffff%4294967295]:65535", AF_INET6, 65535},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct addr a;
		char text[ADDR_TEXT_MAX];

		assert_true(addr_parse(&a, span_of(cases[i].in), false));
		assert_string_equal(addr_format(&a, text), cases[i].out);
		assert_int_equal(a.u.sa.sa_family, cases[i].family);
		assert_int_equal(addr_port(&a), cases[i].port);
		assert_int_equal(a.len, cases[i].family == AF_INET ? sizeof(a.u.in) : sizeof(a.u.in6));
	}
}

static void refuses(void **state)
{
	static const char *const cases[] = {
	    "",
	    ":",
	    ":5269",
	    "192.0.2.1",
	    "192.0.2.1:",
	    "192.0.2.1:0",
	    "192.0.2.1:65536",
	    "192.0.2.1:18446744073709556885",
	    "192.0.2.1:05",
	    "192.0.2.1:+5",
	    "192.0.2.1: 5",
	    "192.0.2.1:5 ",
	    "192.0.2.1:-5",
	    " 192.0.2.1:5",
	    "192.0.2:5",
	    "192.0.2.01:5",
	    "192.0.2.256:5",
	    "192.0.2.1.1:5",
	    "0x7f.0.0.1:5",
	    "localhost:5",
	    "2001:db8::1:5269", /* without brackets the port can't be told from the address */
	    "[2001:db8::1]",
	    "[2001:db8::1]5269",
	    "[2001:db8::1:5269",
	    "2001:db8::1]:5269",
	    "[192.0.2.1]:5269",
	    "[]:5269",
	    "[:5269",
	    "]:5269",
	    "[fe80::1%]:5269",
	    "[fe80::1%0]:5269",
	    "[fe80::1%eth0]:5269",
	    "[fe80::1%4294967296]:5269",
	    "[fe80::1%1%1]:5269",
	    "[11111111111111111111111111111111111111111111111111111111111111]:5269",
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (addr_parse(&a, span_of(cases[i]), false))
			fail_msg("addr_parse took \"%s\"", cases[i]);
	}
	assert_false(addr_parse(&a, SPAN("127.0.0.1\0:5269"), false));
	assert_false(addr_parse(&a, SPAN_NONE, false));
	assert_true(addr_parse(&a, SPAN("127.0.0.1:0"), true));
}

/* The text need not be terminated, and what failed leaves the result alone. */
static void parse_reads_only_the_span(void **state)
{
	struct addr a = parsed("192.0.2.1:5269");
	struct addr before = a;

	(void)state;
	assert_true(addr_parse(&a, (struct span){"192.0.2.1:52699", 14}, false));
	assert_int_equal(addr_port(&a), 5269);
	assert_false(addr_parse(&a, SPAN("192.0.2.1:"), false));
	assert_memory_equal(&a, &before, sizeof(a));
}

static void equality(void **state)
{
	static const char *const all[] = {"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "[::1]:1", "[::1]:2", "[::2]:1",
	    "[::ffff:192.0.2.1]:1", "[fe80::1%1]:1", "[fe80::1%2]:1"};
	struct addr none = {.len = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct addr a = parsed(all[i]);

		for (size_t j = 0; j < ARRAY_LEN(all); j++) {
			struct addr b = parsed(all[j]);

			assert_int_equal(addr_eq(&a, &b), i == j);
		}
		assert_false(addr_eq(&a, &none));
		assert_false(addr_eq(&none, &a));
	}
	assert_true(addr_eq(&none, &none));
}

static void ports(void **state)
{
	struct addr v4 = parsed("192.0.2.1:1"), v6 = parsed("[::1]:1"), none = {.len = 0};
	char text[ADDR_TEXT_MAX];

	(void)state;
	addr_set_port(&v4, 5270);
	addr_set_port(&v6, 5271);
	assert_string_equal(addr_format(&v4, text), "192.0.2.1:5270");
	assert_string_equal(addr_format(&v6, text), "[::1]:5271");
	assert_int_equal(addr_port(&none), 0);
	assert_string_equal(addr_format(&none, text), "-");
}

static void test_reach(void **state)
{
	static const struct {
		const char *text;
		enum addr_reach reach;
	} rows[] = {
	    {"0.0.0.0:1", ADDR_NOWHERE},
	    {"1.0.0.1:1", ADDR_GLOBAL},
	    {"9.255.255.255:1", ADDR_GLOBAL},
	    {"10.0.0.0:1", ADDR_PRIVATE},
	    {"10.255.255.255:1", ADDR_PRIVATE},
	    {"11.0.0.0:1", ADDR_GLOBAL},
	    {"100.63.255.255:1", ADDR_GLOBAL},
	    {"100.64.0.0:1", ADDR_PRIVATE},
	    {"100.127.255.255:1", ADDR_PRIVATE},
	    {"100.128.0.0:1", ADDR_GLOBAL},
	    {"127.0.0.0:1", ADDR_HERE},
	    {"127.255.255.255:1", ADDR_HERE},
	    {"128.0.0.0:1", ADDR_GLOBAL},
	    {"169.253.255.255:1", ADDR_GLOBAL},
	    {"169.254.169.254:1", ADDR_HERE},
	    {"172.15.255.255:1", ADDR_GLOBAL},
	    {"172.16.0.0:1", ADDR_PRIVATE},
	    {"172.31.255.255:1", ADDR_PRIVATE},
	    {"172.32.0.0:1", ADDR_GLOBAL},
	    {"192.167.255.255:1", ADDR_GLOBAL},
	    {"192.168.0.0:1", ADDR_PRIVATE},
	    {"223.255.255.255:1", ADDR_GLOBAL},
	    {"224.0.0.1:1", ADDR_NOWHERE},
	    {"240.0.0.1:1", ADDR_NOWHERE},
	    {"255.255.255.255:1", ADDR_NOWHERE},
	    {"[::]:1", ADDR_NOWHERE},
	    {"[::1]:1", ADDR_HERE},
	    {"[::2]:1", ADDR_NOWHERE},
	    {"[::ffff:192.0.2.1]:1", ADDR_NOWHERE},
	    {"[fe80::1]:1", ADDR_HERE},
	    {"[febf::1]:1", ADDR_HERE},
	    {"[fec0::1]:1", ADDR_PRIVATE},
	    {"[fbff::1]:1", ADDR_GLOBAL},
	    {"[fc00::1]:1", ADDR_PRIVATE},
	    {"[fdff::1]:1", ADDR_PRIVATE},
	    {"[ff02::1]:1", ADDR_NOWHERE},
	    {"[64:ff9b::127.0.0.1]:1", ADDR_HERE},
	    {"[64:ff9b::10.0.0.1]:1", ADDR_PRIVATE},
	    {"[64:ff9b::192.0.2.1]:1", ADDR_GLOBAL},
	    {"[64:ff9b:1::10.0.0.1]:1", ADDR_GLOBAL},
	    {"[2001:db8::1]:1", ADDR_GLOBAL},
	};
	struct addr a = {.len = 0};

	(void)state;
	assert_int_equal(addr_reach(&a), ADDR_NOWHERE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(addr_parse(&a, span_of(rows[i].text), false));
		if (addr_reach(&a) != rows[i].reach)
			fail_msg("%s: %d", rows[i].text, (int)addr_reach(&a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parse_and_format),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(parse_reads_only_the_span),
	    cmocka_unit_test(equality),
	    cmocka_unit_test(ports),
	    cmocka_unit_test(test_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
