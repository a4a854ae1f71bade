/* Facts about a peer, and what is decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sallyport/policy.h"

static void check(struct policy_facts facts, enum reason why, int64_t until)
{
	struct policy_verdict v = policy_peer(&facts);

	assert_int_equal(v.why, why);
	assert_true(v.until == until);
}

static void test_admitted(void **state)
{
	(void)state;
	check((struct policy_facts){.cert = REASON_NONE}, REASON_NONE, 0);
}

/* The graver reason is told: whoever passes for us has no certificate to mend. */
static void test_refused(void **state)
{
	(void)state;
	check((struct policy_facts){.cert = REASON_CERT_EXPIRED}, REASON_CERT_EXPIRED, 0);
	check((struct policy_facts){.denied = true}, REASON_POLICY_DENIED, 0);
	check((struct policy_facts){.denied = true, .cert = REASON_CERT_EXPIRED}, REASON_POLICY_DENIED, 0);
	check((struct policy_facts){.own_domain = true}, REASON_OWN_DOMAIN, 0);
	check(
	    (struct policy_facts){.own_domain = true, .denied = true, .cert = REASON_CERT_NONE}, REASON_OWN_DOMAIN, 0);
}

static void test_until(void **state)
{
	(void)state;
	check((struct policy_facts){.cert_until = 100}, REASON_NONE, 100);
	check((struct policy_facts){.row_until = 100}, REASON_NONE, 100);
	check((struct policy_facts){.row_until = 100, .cert_until = 200}, REASON_NONE, 100);
	check((struct policy_facts){.row_until = 200, .cert_until = 100}, REASON_NONE, 100);
	check((struct policy_facts){.denied = true, .row_until = 100}, REASON_POLICY_DENIED, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_admitted),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_until),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
