/* outage: what is remembered against a pair, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "sallyport/outage.h"

static struct pair pair_of(const char *from, const char *to)
{
	struct pair p;

	assert_true(domain_parse(&p.from, span_of(from)));
	assert_true(domain_parse(&p.to, span_of(to)));
	return p;
}

static enum reason found(const struct outages *o, const char *from, const char *to, int64_t now)
{
	struct pair p = pair_of(from, to);

	return outage_find(o, &p, now);
}

static void remembered_until_then(void **state)
{
	struct outages *o = outages_new();
	struct pair p = pair_of("a.test", "peer.test");

	(void)state;
	assert_non_null(o);
	assert_int_equal(outage_find(o, &p, 0), REASON_NONE);
	outage_remember(o, &p, REASON_DNS_NO_NAME, 1000);
	assert_int_equal(outage_find(o, &p, 0), REASON_DNS_NO_NAME);
	assert_int_equal(outage_find(o, &p, 999), REASON_DNS_NO_NAME);
	assert_int_equal(outage_find(o, &p, 1000), REASON_NONE);
	/* the newer one counts, also if it ends earlier */
	outage_remember(o, &p, REASON_CONNECT_REFUSED, 3000);
	outage_remember(o, &p, REASON_CERT_EXPIRED, 2000);
	assert_int_equal(outage_find(o, &p, 1999), REASON_CERT_EXPIRED);
	assert_int_equal(outage_find(o, &p, 2000), REASON_NONE);
	outages_free(o);
}

/* The certificate that we show is the local domain's, so what befell one says nothing about another. */
static void only_this_pair(void **state)
{
	struct outages *o = outages_new();
	struct pair p = pair_of("a.test", "peer.test");

	(void)state;
	assert_non_null(o);
	outage_remember(o, &p, REASON_DNS_FAILED, 1000);
	assert_int_equal(found(o, "A.TEST.", "Peer.Test", 0), REASON_DNS_FAILED);
	assert_int_equal(found(o, "b.test", "peer.test", 0), REASON_NONE);
	assert_int_equal(found(o, "a.test", "evil.test", 0), REASON_NONE);
	assert_int_equal(found(o, "peer.test", "a.test", 0), REASON_NONE);
	assert_int_equal(found(o, "a.testp", "eer.test", 0), REASON_NONE);
	outages_free(o);
}

static void all_are_forgotten(void **state)
{
	struct outages *o = outages_new();
	struct pair p = pair_of("a.test", "peer.test"), q = pair_of("a.test", "other.test");

	(void)state;
	assert_non_null(o);
	outage_remember(o, &p, REASON_CERT_UNKNOWN_CA, 1000);
	outage_remember(o, &q, REASON_DNS_FAILED, 1000);
	outages_forget(o);
	assert_int_equal(outage_find(o, &p, 0), REASON_NONE);
	assert_int_equal(outage_find(o, &q, 0), REASON_NONE);
	outage_remember(o, &p, REASON_DNS_FAILED, 1000);
	assert_int_equal(outage_find(o, &p, 0), REASON_DNS_FAILED);
	outages_free(o);
}

/* Far more outages than rows: some are forgotten, none is taken for another's. */
static void many_share_a_fixed_table(void **state)
{
	enum { MANY = 20000 };
	static const enum reason reasons[] = {REASON_DNS_FAILED, REASON_CONNECT_REFUSED, REASON_CERT_NAME};
	struct outages *o = outages_new();
	unsigned known = 0, late = 0;
	char name[32];

	(void)state;
	assert_non_null(o);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < MANY; i++) {
			struct pair p;
			enum reason why;

			(void)snprintf(name, sizeof(name), "n%u.test", i);
			p = pair_of("a.test", name);
			if (pass == 0) {
				outage_remember(o, &p, reasons[i % 3], 1000);
				continue;
			}
			why = outage_find(o, &p, 0);
			assert_true(why == REASON_NONE || why == reasons[i % 3]);
			known += why != REASON_NONE;
			late += why != REASON_NONE && i >= MANY - 100;
		}
	}
	assert_true(known > 1000 && known < MANY);
	assert_true(late > 80);
	outages_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(remembered_until_then),
	    cmocka_unit_test(only_this_pair),
	    cmocka_unit_test(all_are_forgotten),
	    cmocka_unit_test(many_share_a_fixed_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
