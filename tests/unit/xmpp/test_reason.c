#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sallyport/reason.h"

/* RFC 6120 section 4.9.3; "": close without an error. */
static const char *const stream_conditions[] = {
    "",
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
    NULL,
};

/* RFC 6120 section 8.3.3. */
static const char *const stanza_conditions[] = {
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "recipient-unavailable",
    "redirect",
    "registration-required",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "subscription-required",
    "undefined-condition",
    "unexpected-request",
    NULL,
};

static bool is_in(const char *word, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(word, *list) == 0)
			return true;
	}
	return false;
}

static void test_codes_have_one_form(void **state)
{
	(void)state;
	for (enum reason r = 0; r < REASON_COUNT; r++) {
		const char *code = reason_row(r)->code;

		assert_int_equal(strncmp(code, "SP-", 3), 0);
		assert_true(strlen(code) > 3);
		if (strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(code) || code[strlen(code) - 1] == '-' ||
		    strstr(code, "--") != NULL)
			fail_msg("%s", code);
	}
}

/* Also proves the codes unique: a second row of the same code would never be found. */
static void test_find(void **state)
{
	(void)state;
	for (enum reason r = 0; r < REASON_COUNT; r++) {
		const char *code = reason_row(r)->code;
		char lower[64];
		size_t n = strlen(code);

		assert_true(n < sizeof(lower));
		if (reason_find(code) != r)
			fail_msg("%s is there twice", code);
		for (size_t i = 0; i <= n; i++)
			lower[i] = (char)(code[i] >= 'A' && code[i] <= 'Z' ? code[i] + 32 : code[i]);
		assert_int_equal(reason_find(lower), r);
		lower[n - 1] = '\0';
		assert_int_not_equal(reason_find(lower), r);
	}
	assert_int_equal(reason_find(""), REASON_COUNT);
	assert_int_equal(reason_find("SP-"), REASON_COUNT);
	assert_int_equal(reason_find("SP-NO-SUCH-REASON"), REASON_COUNT);
}

static void test_conditions_are_of_rfc_6120(void **state)
{
	(void)state;
	for (enum reason r = 0; r < REASON_COUNT; r++) {
		const struct reason_row *row = reason_row(r);

		if (!is_in(row->direct, stream_conditions) || !is_in(row->relayed, stream_conditions))
			fail_msg("%s: %s, %s", row->code, row->direct, row->relayed);
		if (r != REASON_NONE && !is_in(row->bounce, stanza_conditions))
			fail_msg("%s: %s", row->code, row->bounce);
	}
}

/* A failure of the backend is no failed connection to the peer (RFC 6120 section 4.9.3.15). */
static void test_backend_failures_are_internal(void **state)
{
	(void)state;
	for (enum reason r = REASON_BACKEND_DOWN; r <= REASON_BACKEND_LOST; r++) {
		assert_int_equal(reason_row(r)->who, WHO_BACKEND);
		assert_string_equal(reason_row(r)->relayed, "internal-server-error");
	}
}

static bool begins_and_ends_as_a_sentence(const char *text)
{
	size_t n = strlen(text);

	return n > 2 && text[0] >= 'A' && text[0] <= 'Z' && text[n - 2] != ' ' && text[n - 1] == '.' &&
	       text[n - 2] != '.' && strstr(text, "  ") == NULL;
}

/* Texts go behind a code or a colon in our operator's log: no capital they did not earn, no full stop. */
static bool is_a_clause(const char *text)
{
	size_t n = strlen(text);

	return n > 2 && !(text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z') && text[n - 1] != '.' &&
	       text[n - 1] != ' ' && text[0] != ' ' && strstr(text, "  ") == NULL;
}

static void test_texts(void **state)
{
	(void)state;
	for (enum reason r = 0; r < REASON_COUNT; r++) {
		const struct reason_row *row = reason_row(r);

		if (!begins_and_ends_as_a_sentence(row->peer_text))
			fail_msg("%s: peer text: %s", row->code, row->peer_text);
		if (!is_a_clause(row->text) || !is_a_clause(row->fix))
			fail_msg("%s: %s / %s", row->code, row->text, row->fix);
	}
}

static void test_who_text(void **state)
{
	(void)state;
	for (enum reason_who w = WHO_NOBODY; w <= WHO_NETWORK; w++) {
		assert_true(is_a_clause(reason_who_text(w)));
		for (enum reason_who v = WHO_NOBODY; v < w; v++)
			assert_string_not_equal(reason_who_text(v), reason_who_text(w));
	}
	/* Where nobody must act, nothing is wrong, and nothing to mend. */
	assert_int_equal(reason_row(REASON_NONE)->who, WHO_NOBODY);
	assert_string_equal(reason_row(REASON_NONE)->fix, "nothing to do");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_codes_have_one_form),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_conditions_are_of_rfc_6120),
	    cmocka_unit_test(test_backend_failures_are_internal),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_who_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
