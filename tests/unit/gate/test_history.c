#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "sallyport/history.h"

static struct domain named(const char *text)
{
	struct domain d;

	assert_true(domain_parse(&d, span_of(text)));
	return d;
}

static struct domain numbered(const char *fmt, unsigned n)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s%u.example", fmt, n);
	return named(text);
}

static bool look(struct history *h, struct domain d, struct history_row *row)
{
	size_t at = 0;

	while (history_next(h, &at, row)) {
		if (domain_eq(&row->domain, &d))
			return true;
	}
	return false;
}

static size_t count(struct history *h)
{
	struct history_row row;
	size_t at = 0, n = 0;

	while (history_next(h, &at, &row))
		n++;
	return n;
}

static void a_life(void **state)
{
	struct history *h = history_new();
	struct domain d = named("a.example");
	struct history_row row;

	(void)state;
	assert_non_null(h);
	assert_false(look(h, d, &row));
	history_failed(h, &d, HISTORY_OUT, REASON_CONNECT_REFUSED, "nobody there", 100);
	history_failed(h, &d, HISTORY_OUT, REASON_CERT_EXPIRED, "yesterday", 110);
	history_retry(h, &d, 140);
	assert_true(look(h, d, &row));
	assert_int_equal(row.side[HISTORY_OUT].streak, 2);
	assert_int_equal(row.side[HISTORY_OUT].failed_at, 110);
	assert_int_equal(row.side[HISTORY_OUT].why, REASON_CERT_EXPIRED);
	assert_string_equal(row.side[HISTORY_OUT].detail, "yesterday");
	assert_int_equal(row.side[HISTORY_OUT].retry_at, 140);
	assert_int_equal(row.side[HISTORY_OUT].succeeded_at, 0);
	assert_int_equal(row.side[HISTORY_IN].failed_at, 0);
	history_opened(h, &d, HISTORY_OUT, 150);
	history_opened(h, &d, HISTORY_OUT, 151);
	history_ended(h, &d, HISTORY_OUT);
	assert_true(look(h, d, &row));
	assert_int_equal(row.side[HISTORY_OUT].open, 1);
	assert_int_equal(row.side[HISTORY_OUT].streak, 0);
	assert_int_equal(row.side[HISTORY_OUT].succeeded_at, 151);
	assert_int_equal(row.side[HISTORY_OUT].retry_at, 0);
	/* what failed before is still told */
	assert_int_equal(row.side[HISTORY_OUT].failed_at, 110);
	history_unref(h);
}

static void details_have_a_bound(void **state)
{
	struct history *h = history_new();
	struct domain d = named("a.example");
	struct history_row row;
	char detail[1000];

	(void)state;
	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	history_failed(h, &d, HISTORY_IN, REASON_CERT_NAME, detail, 1);
	assert_true(look(h, d, &row));
	assert_int_equal(strlen(row.side[HISTORY_IN].detail), HISTORY_DETAIL_MAX - 1);
	history_unref(h);
}

static void the_oldest_is_forgotten(void **state)
{
	struct history *h = history_new();
	struct history_row row;

	(void)state;
	for (unsigned i = 0; i < HISTORY_ROWS; i++) {
		struct domain d = numbered("d", i);
		history_failed(h, &d, HISTORY_OUT, REASON_TIMEOUT, "", i);
	}
	assert_int_equal(count(h), HISTORY_ROWS);
	/* heard of again: not the oldest any more */
	struct domain first = numbered("d", 0), second = numbered("d", 1), third = numbered("d", 2),
	              more = named("m.example");
	history_failed(h, &first, HISTORY_OUT, REASON_TIMEOUT, "", 9999);
	/* with a stream that stands: passed over */
	history_opened(h, &second, HISTORY_IN, 9999);
	for (unsigned i = 2; i < HISTORY_ROWS; i++) {
		struct domain d = numbered("d", i);
		history_failed(h, &d, HISTORY_OUT, REASON_TIMEOUT, "", 10000 + i);
	}
	history_failed(h, &more, HISTORY_OUT, REASON_TIMEOUT, "", 20000);
	assert_int_equal(count(h), HISTORY_ROWS);
	assert_true(look(h, more, &row) && look(h, second, &row) && look(h, third, &row));
	assert_false(look(h, first, &row));
	/* the forgotten one's end is nobody's, also when it has come anew */
	history_ended(h, &first, HISTORY_OUT);
	history_failed(h, &first, HISTORY_OUT, REASON_TIMEOUT, "", 1);
	history_ended(h, &first, HISTORY_OUT);
	assert_true(look(h, first, &row));
	assert_int_equal(row.side[HISTORY_OUT].open, 0);
	assert_true(look(h, second, &row));
	assert_false(look(h, third, &row));
	history_unref(h);
}

static void strangers_push_out_nobody_but_strangers(void **state)
{
	struct history *h = history_new();
	struct history_row row;
	struct domain known = named("known.example"), let_in = named("let-in.example");

	(void)state;
	history_failed(h, &known, HISTORY_OUT, REASON_TIMEOUT, "", 1);
	history_failed(h, &let_in, HISTORY_IN, REASON_CERT_NAME, "", 1);
	history_opened(h, &let_in, HISTORY_IN, 2);
	history_ended(h, &let_in, HISTORY_IN);
	for (unsigned i = 0; i < 3 * HISTORY_STRANGERS; i++) {
		struct domain d = numbered("s", i);
		history_failed(h, &d, HISTORY_IN, REASON_CERT_NAME, "", i);
	}
	assert_int_equal(count(h), HISTORY_STRANGERS + 2);
	assert_true(look(h, known, &row) && look(h, let_in, &row));
	assert_true(look(h, numbered("s", 3 * HISTORY_STRANGERS - 1), &row));
	assert_false(look(h, numbered("s", 0), &row));
	/* and make room for those that are none */
	for (unsigned i = 0; i < HISTORY_ROWS - 2; i++) {
		struct domain d = numbered("k", i);
		history_failed(h, &d, HISTORY_OUT, REASON_TIMEOUT, "", i);
	}
	assert_int_equal(count(h), HISTORY_ROWS);
	assert_true(look(h, known, &row) && look(h, let_in, &row));
	assert_false(look(h, numbered("s", 3 * HISTORY_STRANGERS - 1), &row));
	history_unref(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_life),
	    cmocka_unit_test(details_have_a_bound),
	    cmocka_unit_test(the_oldest_is_forgotten),
	    cmocka_unit_test(strangers_push_out_nobody_but_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
