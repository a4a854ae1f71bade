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
	(void)state;
	assert_true(parse("status"));
	assert_int_equal(r.verb, REQUEST_STATUS);
	assert_false(request_commands(r.verb));
	assert_true(parse("reload"));
	assert_int_equal(r.verb, REQUEST_RELOAD);
	assert_true(request_commands(r.verb));
	for (size_t i = 0; i < REQUEST_VERBS; i++)
		assert_true(strlen(request_name((enum request_verb)i)) > 0);
}

static void test_nonsense(void **state)
{
	static const char *const lines[] = {
	    "", " ", "statu", "status ", "Status", " status", "status x", "status  ", "\xff"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		bool ok = parse(lines[i]);

		/* one space behind a word ends it, and nothing stands behind that */
		assert_int_equal(ok, strcmp(lines[i], "status ") == 0);
		assert_int_equal(err[0] == '\0', ok);
	}
	assert_false(request_parse(&r, SPAN("status\0x"), err, sizeof(err)));
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
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
