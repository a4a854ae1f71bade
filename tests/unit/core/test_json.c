#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "sallyport/json.h"

#define assert_json(j, expected)                                                                                       \
	do {                                                                                                           \
		struct span text_ = json_done(j);                                                                      \
		assert_int_equal(text_.n, strlen(expected));                                                           \
		assert_memory_equal(text_.p, expected, text_.n);                                                       \
	} while (0)

static void test_values(void **state)
{
	char to[256];
	struct json j;

	(void)state;
	json_init(&j, to, sizeof(to));
	json_open_object(&j, NULL);
	json_str(&j, "a", "x");
	json_int(&j, "n", INT64_MIN);
	json_bool(&j, "yes", true);
	json_open_array(&j, "list");
	json_int(&j, NULL, 1);
	json_open_object(&j, NULL);
	json_bool(&j, "no", false);
	json_close_object(&j);
	json_open_array(&j, NULL);
	json_close_array(&j);
	json_close_array(&j);
	json_str(&j, "none", NULL);
	json_close_object(&j);
	assert_json(
	    &j, "{\"a\":\"x\",\"n\":-9223372036854775808,\"yes\":true,\"list\":[1,{\"no\":false},[]],\"none\":\"\"}");
}

static void check(struct span raw, const char *expected)
{
	char to[256];
	struct json j;

	json_init(&j, to, sizeof(to));
	json_span(&j, NULL, raw);
	assert_json(&j, expected);
}

static void test_text_of_strangers(void **state)
{
	(void)state;
	check(SPAN("quote \" and \\ slash"), "\"quote \\\" and \\\\ slash\"");
	check(SPAN("a\nb\tc\0d\x7f"), "\"a\\u000ab\\u0009c\\u0000d\\u007f\"");
	check(SPAN("\x1b[31m"), "\"\\u001b[31m\"");
	check(SPAN("b\xc3\xbc"
	           "cher \xe2\x82\xac"),
	    "\"b\xc3\xbc"
	    "cher \xe2\x82\xac\"");
	/* right-to-left override, zero width space, a tag character */
	check(SPAN("\xe2\x80\xae|\xe2\x80\x8b|\xf3\xa0\x80\xa1"), "\"\\u202e|\\u200b|\\udb40\\udc21\"");
	/* C1, surrogate, overlong, cut short */
	check(SPAN("\xc2\x9b"), "\"\\u009b\"");
	check(SPAN("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
	check(SPAN("\xc0\xaf"), "\"\\ufffd\\ufffd\"");
	check(SPAN("x\xe2\x82"), "\"x\\ufffd\\ufffd\"");
	check(SPAN_NONE, "\"\"");
}

/* Whatever the room: all or nothing, and not a byte beyond it. */
static void test_room(void **state)
{
	static const char whole[] = "{\"key\":\"a\\u000a\",\"n\":12}";
	char to[64];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(whole); cap++) {
		struct json j;

		memset(to, '#', sizeof(to));
		json_init(&j, to, cap);
		json_open_object(&j, NULL);
		json_str(&j, "key", "a\n");
		json_int(&j, "n", 12);
		json_close_object(&j);
		assert_int_equal(json_done(&j).n, cap >= sizeof(whole) - 1 ? sizeof(whole) - 1 : 0);
		for (size_t i = cap; i < sizeof(to); i++)
			assert_int_equal(to[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_text_of_strangers),
	    cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
