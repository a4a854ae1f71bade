#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sallyport/utf8.h"

static void test_sequences(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint32_t cp;
	} rows[] = {
	    {"A", 1, 0x41},
	    {"\x7f", 1, 0x7f},
	    {"\xc3\xa4", 2, 0xe4},
	    {"\xe2\x82\xac", 3, 0x20ac},
	    {"\xf0\x9f\x98\x80", 4, 0x1f600},
	    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	    {"", 0, 0},
	    {"\x80", 0, 0},             /* the middle of one */
	    {"\xc0\xaf", 0, 0},         /* overlong */
	    {"\xe0\x80\xaf", 0, 0},     /* overlong */
	    {"\xed\xa0\x80", 0, 0},     /* a surrogate */
	    {"\xf4\x90\x80\x80", 0, 0}, /* beyond the last */
	    {"\xe2\x82", 0, 0},         /* cut off */
	    {"\xe2"
	     "A",
	        0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t cp = 0;

		assert_int_equal(utf8_read(span_of(rows[i].text), &cp), rows[i].n);
		if (rows[i].n > 0)
			assert_int_equal(cp, rows[i].cp);
	}
}

static void test_columns(void **state)
{
	(void)state;
	assert_int_equal(utf8_columns(SPAN_NONE), 0);
	assert_int_equal(utf8_columns(SPAN("a\xc3\xa4\xe2\x82\xac")), 3);
	assert_int_equal(utf8_columns(SPAN("a\xe2\x82z")), 4);
	assert_int_equal(utf8_columns(SPAN("a\x1b[")), 3);
}

static void test_hidden(void **state)
{
	static const uint32_t hidden[] = {0, 0x1b, 0x7f, 0x9b, 0xad, 0x200b, 0x202e, 0x2066, 0xfeff, 0xe0041};
	static const uint32_t shown[] = {' ', '~', 0xa0, 0xe4, 0x20ac, 0x1f600};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		assert_true(utf8_is_hidden(hidden[i]));
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		assert_false(utf8_is_hidden(shown[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sequences),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
