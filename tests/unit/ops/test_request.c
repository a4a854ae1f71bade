#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sallyport/request.h"

static struct request r;
static char err[256];

static bool parse(const char *line)
{
	err[0] = '\0';
	return request_parse(&r, span_of(line), err, sizeof(err));
}

static void test_verbs(void **state)
{
	static const char *const reading[] = {"status", "peers", "streams", "certs", "watch", "rules"};
	static const char *const commanding[] = {
	    "log a.test debug 1", "unlog a.test", "close a.test", "drain", "reload"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reading); i++) {
		assert_true(parse(reading[i]));
		assert_string_equal(request_name(r.verb), reading[i]);
		assert_false(request_commands(r.verb));
		assert_int_equal(r.match.domain.n, 0);
		assert_int_equal(r.seconds, -1);
	}
	for (size_t i = 0; i < ARRAY_LEN(commanding); i++) {
		assert_true(parse(commanding[i]));
		assert_true(request_commands(r.verb));
	}
	assert_int_equal(ARRAY_LEN(reading) + ARRAY_LEN(commanding), REQUEST_VERBS);
}

static void test_words(void **state)
{
	(void)state;
	assert_true(parse("peers Example.ORG"));
	assert_string_equal(r.match.domain.s, "example.org");
	assert_false(r.match.below);
	assert_true(parse("close *.B\xc3\xbc"
	                  "cher.example"));
	assert_string_equal(r.match.domain.s, "xn--bcher-kva.example");
	assert_true(r.match.below);
	assert_true(parse("certs 0") && r.seconds == 0);
	assert_true(parse("certs 315360000") && r.seconds == REQUEST_SECONDS_MAX);
	assert_true(parse("log a.test info 600"));
	assert_int_equal(r.level, LOG_INFO);
	assert_int_equal(r.seconds, 600);
}

static void test_nonsense(void **state)
{
	static const char *const lines[] = {"", " ", "statu", "Status", " status", "status x", "status  ", "\xff",
	    "close", "close ", "close *", "close *.", "close *.*.a.test", "close a.test b.test", "close a/b",
	    "close a@b", "log", "log a.test", "log a.test debug", "log a.test debug -1", "log a.test debug 1s",
	    "log a.test debug 315360001", "log a.test debug 99999999999999999999", "log a.test DEBUG 1",
	    "log  a.test debug 1", "certs x", "certs  1", "log a.test debug 1 1", "peers \"a\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (parse(lines[i]))
			fail_msg("\"%s\" was taken", lines[i]);
		assert_true(err[0] != '\0');
	}
	assert_false(request_parse(&r, SPAN("status\0x"), err, sizeof(err)));
	assert_false(request_parse(&r, SPAN("close a.test\0"), err, sizeof(err)));
	assert_false(request_parse(&r, SPAN_NONE, err, sizeof(err)));
}

static void test_matches(void **state)
{
	struct request_match all = {0}, one = {0}, below = {.below = true};
	struct domain d, sub, other;

	(void)state;
	assert_true(domain_parse(&one.domain, SPAN("example.org")) && domain_parse(&below.domain, SPAN("example.org")));
	assert_true(domain_parse(&d, SPAN("example.org")) && domain_parse(&sub, SPAN("a.b.example.org")) &&
	            domain_parse(&other, SPAN("badexample.org")));
	assert_true(request_matches(&all, &d) && request_matches(&all, &other));
	assert_true(request_matches(&one, &d));
	assert_false(request_matches(&one, &sub) || request_matches(&one, &other));
	assert_true(request_matches(&below, &sub));
	assert_false(request_matches(&below, &d) || request_matches(&below, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verbs),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
