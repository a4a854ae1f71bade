/* Patterns, captures and the comparison of XML: a transcript may not pass because these let something through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "match.h"
#include "view.h"

static const char header[] = "<?xml version='1.0'?><stream:stream xmlns:db='jabber:server:dialback' id='a1' "
                             "xmlns='jabber:server' to='b' xmlns:stream='http://etherx.jabber.org/streams'>";

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool good;
	} rows[] = {
	    {"", "", true},
	    {"", "x", false},
	    {"x", "", false},
	    {"abc", "abc", true},
	    {"abc", "abd", false},
	    {"abc", "abcd", false},
	    {"*", "", true},
	    {"a*c", "abbbc", true},
	    {"a*c", "abbb", false},
	    {"*12 days*", "expired 12 days ago", true},
	    {"*12 days*", "expired 13 days ago", false},
	    {"a$", "a$", true},
	    {"$one-$one", "x-x", true},
	    {"$one-$one", "x-y", false},
	    {"$one", "", false},
	    {"$a$b", "x", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vars *vars = vars_new();

		assert_int_equal(match(rows[i].pattern, span_of(rows[i].text), vars), rows[i].good);
		assert_true(rows[i].good || vars_mark(vars) == 0);
		vars_free(vars);
	}
}

static void a_variable_keeps_what_it_took_first(void **state)
{
	struct vars *vars = vars_new();
	struct span unknown = SPAN_NONE;
	char *text;

	(void)state;
	assert_true(match("id='$id'", SPAN("id='42'"), vars));
	assert_string_equal(vars_get(vars, SPAN("id")), "42");
	assert_true(match("<$id>", SPAN("<42>"), vars));
	assert_false(match("<$id>", SPAN("<43>"), vars));
	text = vars_expand(vars, "[$id] costs 5$", &unknown);
	assert_string_equal(text, "[42] costs 5$");
	free(text);
	assert_null(vars_expand(vars, "[$other]", &unknown));
	assert_true(span_eq(unknown, SPAN("other")));
	vars_free(vars);
}

/* What pattern says of bytes: NULL if it matches, else why not. */
static const char *verdict(const char *pattern, const char *bytes, bool is_header, size_t *used)
{
	static char why[512];
	struct vars *vars = vars_new();
	struct view *want = view_pattern(pattern, is_header, why, sizeof(why));
	struct view *got = NULL;
	enum view_rc rc = view_read(is_header ? SPAN_NONE : SPAN(header), span_of(bytes), &got, used, why, sizeof(why));
	bool good;

	assert_non_null(want);
	assert_true((rc == VIEW_ITEM) == (got != NULL));
	good = got != NULL && view_match(want, got, vars, why, sizeof(why));
	view_free(want);
	view_free(got);
	vars_free(vars);
	return good ? NULL : why;
}

static void elements(void **state)
{
	static const struct {
		const char *pattern, *bytes;
		bool good;
	} rows[] = {
	    {"<a b='1' c='2'/>", "<a  c=\"2\" b='1'></a>", true},
	    {"<a b='1'/>", "<a b='1' c='2'/>", false},
	    {"<a b='1' c='2'/>", "<a b='1'/>", false},
	    {"<a b='*'/>", "<a b=''/>", true},
	    {"<a>x &lt; y</a>", "<a>x &#60; y</a>", true},
	    {"<a>*</a>", "<a>x<b/></a>", false},
	    {"<a><b/><c/></a>", "<a><c/><b/></a>", false},
	    {"<a/>", "<a xmlns='other'/>", false},
	    {"<a xmlns='other'/>", "<a xmlns='other'/>", true},
	    {"<a xmlns='other'/>", "<o:a xmlns:o='other'/>", false}, /* the prefix counts */
	    {"<db:result/>", "<db:result/>", true},
	    {"<db:result/>", "<db:result xmlns:db='other'/>", false},
	    {"<db:result/>", "<result/>", false},
	    {"<a/>", "<a/><b/>", true}, /* the first of two */
	    {"<a/>", "<a/", false},
	    {"<a/>", "", false},
	    {"<a/>", " <a/>", false},
	    {"<a/>", "x<a/>", false},
	    {"<a/>", "<x:a/>", false}, /* a prefix that nobody declared */
	    {"<a/>", "</stream:stream>", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t used;
		const char *why = verdict(rows[i].pattern, rows[i].bytes, false, &used);

		if ((why == NULL) != rows[i].good)
			fail_msg("%s over %s: %s", rows[i].pattern, rows[i].bytes, why != NULL ? why : "matched");
	}
}

static void the_length_of_an_item(void **state)
{
	size_t used = 0;

	(void)state;
	assert_null(verdict("<a/>", "<a/><b/>", false, &used));
	assert_int_equal(used, 4);
	assert_null(verdict("<a>x</a>", "<a>x</a>y", false, &used));
	assert_int_equal(used, 8);
	assert_null(verdict("<stream:stream id='7'>",
	    "<stream:stream id='7' xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'><a/>", true,
	    &used));
	assert_int_equal(used, strlen("<stream:stream id='7' xmlns='jabber:server' "
	                              "xmlns:stream='http://etherx.jabber.org/streams'>"));
}

static void headers(void **state)
{
	size_t used;
	const char *bytes = header;

	(void)state;
	assert_null(verdict("<stream:stream xmlns:db='jabber:server:dialback' id='a1' to='b'>", bytes, true, &used));
	assert_int_equal(used, strlen(header));
	/* A declaration more or less is a difference, and so is an attribute. */
	assert_non_null(verdict("<stream:stream id='a1' to='b'>", bytes, true, &used));
	assert_non_null(verdict("<stream:stream xmlns:db='jabber:server:dialback' id='a1'>", bytes, true, &used));
	assert_non_null(
	    verdict("<stream:stream xmlns='jabber:client' xmlns:db='jabber:server:dialback' id='a1' to='b'>", bytes,
	        true, &used));
}

static void captures_come_from_whole_matches_only(void **state)
{
	struct vars *vars = vars_new();
	struct view *got = NULL;
	struct view *bad, *good;
	char why[256];
	size_t used;

	(void)state;
	bad = view_pattern("<db:verify id='$id'>other</db:verify>", false, why, sizeof(why));
	good = view_pattern("<db:verify id='$id'>$key</db:verify>", false, why, sizeof(why));
	assert_int_equal(
	    view_read(SPAN(header), SPAN("<db:verify id='7'>k</db:verify>"), &got, &used, why, sizeof(why)), VIEW_ITEM);
	assert_false(view_match(bad, got, vars, why, sizeof(why)));
	assert_null(vars_get(vars, SPAN("id")));
	assert_true(view_match(good, got, vars, why, sizeof(why)));
	assert_string_equal(vars_get(vars, SPAN("key")), "k");
	view_free(bad);
	view_free(good);
	view_free(got);
	vars_free(vars);
}

static void a_pattern_must_be_one_element(void **state)
{
	char why[256];

	(void)state;
	assert_null(view_pattern("<a/><b/>", false, why, sizeof(why)));
	assert_null(view_pattern("<a>", false, why, sizeof(why)));
	assert_null(view_pattern("text", false, why, sizeof(why)));
	assert_null(view_pattern("", false, why, sizeof(why)));
	assert_null(view_pattern("<stream:stream><a/>", true, why, sizeof(why)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns),
	    cmocka_unit_test(a_variable_keeps_what_it_took_first),
	    cmocka_unit_test(elements),
	    cmocka_unit_test(the_length_of_an_item),
	    cmocka_unit_test(headers),
	    cmocka_unit_test(captures_come_from_whole_matches_only),
	    cmocka_unit_test(a_pattern_must_be_one_element),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
