/* The command line that check and ping share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe_args.h"

static enum probe_arg take(struct probe_args *a, const char *option, const char *value, int *used)
{
	char *argv[] = {"check", (char *)(uintptr_t)option, (char *)(uintptr_t)value, NULL};
	int i = 1;
	enum probe_arg rc = probe_args_take(a, value != NULL ? 3 : 2, argv, &i);

	*used = i;
	return rc;
}

static void resolver(const char *text, const char *wanted)
{
	struct probe_args a;
	char out[ADDR_TEXT_MAX];
	int used;

	probe_args_init(&a);
	assert_int_equal(take(&a, "--resolver", text, &used), wanted != NULL ? PROBE_ARG_TAKEN : PROBE_ARG_BAD);
	assert_int_equal(used, 2);
	if (wanted != NULL)
		assert_string_equal(addr_format(&a.resolver, out), wanted);
}

static void resolvers(void **state)
{
	(void)state;
	resolver("192.0.2.1", "192.0.2.1:53");
	resolver("192.0.2.1:5353", "192.0.2.1:5353");
	resolver("2001:db8::1", "[2001:db8::1]:53");
	resolver("[2001:db8::1]", "[2001:db8::1]:53");
	resolver("[2001:db8::1]:5353", "[2001:db8::1]:5353");
	resolver("ns.example.org", NULL);
	resolver("192.0.2.1:0", NULL);
	resolver("192.0.2.1:65536", NULL);
	resolver("", NULL);
	resolver(
	    "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111", NULL);
}

static void timeout(const char *text, uint32_t ms)
{
	struct probe_args a;
	int used;

	probe_args_init(&a);
	assert_int_equal(take(&a, "--timeout", text, &used), ms > 0 ? PROBE_ARG_TAKEN : PROBE_ARG_BAD);
	if (ms > 0)
		assert_int_equal(a.timeout_ms, ms);
}

static void timeouts(void **state)
{
	(void)state;
	timeout("2", 2000);
	timeout("0.5", 500);
	timeout("600", 600000);
	timeout("601", 0);
	timeout("0", 0);
	timeout("-1", 0);
	timeout("nan", 0);
	timeout("inf", 0);
	timeout("2s", 0);
	timeout("", 0);
}

static void domains_and_files(void **state)
{
	struct probe_args a;
	int used;

	(void)state;
	probe_args_init(&a);
	assert_int_equal(a.timeout_ms, 10000);
	assert_int_equal(take(&a, "--from", "EXAMPLE.org.", &used), PROBE_ARG_TAKEN);
	assert_string_equal(a.from.s, "example.org");
	assert_int_equal(take(&a, "--from", "no domain", &used), PROBE_ARG_BAD);
	assert_int_equal(take(&a, "-c", "x.ini", &used), PROBE_ARG_TAKEN);
	assert_string_equal(a.conf, "x.ini");
	assert_int_equal(take(&a, "--json", "y", &used), PROBE_ARG_TAKEN);
	assert_true(a.json && used == 1);
}

static void what_is_not_there(void **state)
{
	struct probe_args a;
	int used;

	(void)state;
	probe_args_init(&a);
	assert_int_equal(take(&a, "--from", NULL, &used), PROBE_ARG_BAD);
	assert_int_equal(take(&a, "--form", "example.org", &used), PROBE_ARG_OTHER);
	assert_int_equal(take(&a, "example.org", NULL, &used), PROBE_ARG_OTHER);
	assert_int_equal(used, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(resolvers),
	    cmocka_unit_test(timeouts),
	    cmocka_unit_test(domains_and_files),
	    cmocka_unit_test(what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
