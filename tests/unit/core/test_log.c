#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "sallyport/log.h"

/* Lines go into a datagram-like pipe of our own: one read() sees what was written so far. */
struct capture {
	int fds[2];
	char text[1 << 16];
};

static int capture_start(void **state)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL || pipe(c->fds) != 0)
		return -1;
	log_set_fd(c->fds[1]);
	log_set_level(LOG_DEBUG);
	*state = c;
	return 0;
}

static int capture_end(void **state)
{
	struct capture *c = *state;

	log_set_fd(STDERR_FILENO);
	close(c->fds[0]);
	close(c->fds[1]);
	free(c);
	return 0;
}

/* What was written, without the time at the head. */
static const char *captured(struct capture *c)
{
	ssize_t n = read(c->fds[0], c->text, sizeof(c->text) - 1);
	char *space;

	assert_true(n > 0);
	c->text[n] = '\0';
	space = strchr(c->text, ' ');
	assert_non_null(space);
	return space + 1;
}

static void values(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} cases[] = {
	    {{"plain", 5}, "plain"},
	    {{"a.example/b@c:[1]'{}", 20}, "a.example/b@c:[1]'{}"},
	    {{"two words", 9}, "\"two words\""},
	    {{"a=b", 3}, "\"a=b\""},
	    {{"say \"hi\"", 8}, "\"say \\\"hi\\\"\""},
	    {{"back\\slash", 10}, "\"back\\\\slash\""},
	    {{"a\nlevel=error", 13}, "\"a\\nlevel=error\""},
	    {{"a\tb", 3}, "\"a\\tb\""},
	    {{"a\0b", 3}, "\"a\\x00b\""},
	    {{"\x1b[2J\r\x7f", 6}, "\"\\x1b[2J\\x0d\\x7f\""},
	    {SPAN("exämple.€.𝄞"), "exämple.€.𝄞"},
	    {SPAN("\xc2\x9b"
	          "2J"),
	        "\"\\xc2\\x9b2J\""}, /* C1: a terminal's CSI */
	    {SPAN("\xe2\x80\xae"
	          "moc"),
	        "\"\\xe2\\x80\\xaemoc\""}, /* RIGHT-TO-LEFT OVERRIDE */
	    {SPAN("a\xe2\x80\xa8"
	          "b"),
	        "\"a\\xe2\\x80\\xa8b\""}, /* LINE SEPARATOR */
	    {SPAN("\xef\xbb\xbf"), "\"\\xef\\xbb\\xbf\""},
	    {SPAN("\xff"), "\"\\xff\""},
	    {{"\xc3\xa4", 1}, "\"\\xc3\""},
	    {SPAN("\xc3"), "\"\\xc3\""},                            /* cut short */
	    {SPAN("\xc3("), "\"\\xc3(\""},                          /* no continuation */
	    {SPAN("\xc0\xaf"), "\"\\xc0\\xaf\""},                   /* overlong */
	    {SPAN("\xe0\x80\xaf"), "\"\\xe0\\x80\\xaf\""},          /* overlong */
	    {SPAN("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\""},          /* surrogate */
	    {SPAN("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\""}, /* beyond Unicode */
	    {SPAN("\xf0\x9f\x98"), "\"\\xf0\\x9f\\x98\""},
	    {SPAN("\x80\xbf"), "\"\\x80\\xbf\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log_line l;
		char expected[256];

		log_begin(&l, LOG_INFO, "test");
		log_span(&l, "v", cases[i].in);
		log_end(&l);
		snprintf(expected, sizeof(expected), "level=info event=test v=%s\n", cases[i].out);
		assert_string_equal(captured(*state), expected);
	}
}

static void pairs(void **state)
{
	struct log_line l;

	log_begin(&l, LOG_WARNING, "stream-end");
	log_str(&l, "from", "a.example");
	log_str(&l, "none", NULL);
	log_str(&l, "empty", "");
	log_span(&l, "nothing", SPAN_NONE);
	log_int(&l, "least", INT64_MIN);
	log_int(&l, "zero", 0);
	log_span(&l, "part", (struct span){"abcdef", 3});
	log_end(&l);
	assert_string_equal(captured(*state),
	    "level=warning event=stream-end from=a.example least=-9223372036854775808 zero=0 part=abc\n");
	log_text(LOG_ERROR, "bad", "%d of %s", 3, "five");
	assert_string_equal(captured(*state), "level=error event=bad text=\"3 of five\"\n");
}

static void time_stamp(void **state)
{
	struct capture *c = *state;
	struct tm tm = {0};
	time_t before = time(NULL), stamp;
	char *end;

	/* UTC, whatever the process believes the time zone to be. */
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	log_text(LOG_INFO, "now", "x");
	captured(c);
	end = strptime(c->text, "ts=%Y-%m-%dT%H:%M:%S.", &tm);
	assert_non_null(end);
	stamp = timegm(&tm);
	assert_in_range(stamp, before, time(NULL));
	for (int i = 0; i < 3; i++)
		assert_in_range(end[i], '0', '9');
	assert_memory_equal(end + 3, "Z level=", 8);
}

/* A long value is cut at a whole character, and what stands behind it is still there. */
static void long_values(void **state)
{
	struct log_line l;
	char value[600], expected[800];

	for (int offset = 0; offset < 4; offset++) {
		size_t n = (size_t)offset;

		memset(value, 'a', n);
		while (n + 3 < sizeof(value)) {
			memcpy(value + n, "€", 3);
			n += 3;
		}
		log_begin(&l, LOG_INFO, "test");
		log_span(&l, "v", (struct span){value, n});
		log_int(&l, "next", 1);
		log_end(&l);
		n = (size_t)offset + (LOG_VALUE_MAX - (size_t)offset) / 3 * 3;
		snprintf(expected, sizeof(expected), "level=info event=test v=%.*s… next=1\n", (int)n, value);
		assert_string_equal(captured(*state), expected);
	}
	memset(value, '\n', sizeof(value));
	log_begin(&l, LOG_INFO, "test");
	log_span(&l, "v", (struct span){value, sizeof(value)});
	log_end(&l);
	captured(*state);
	assert_int_equal(strlen(strstr(((struct capture *)*state)->text, "v=")), 2 + 1 + LOG_VALUE_MAX + 3 + 1 + 1);

	memset(value, 'b', LOG_VALUE_MAX);
	log_begin(&l, LOG_INFO, "test");
	log_span(&l, "v", (struct span){value, LOG_VALUE_MAX});
	log_end(&l);
	assert_null(strstr(captured(*state), "…"));
}

/* A line without room keeps whole pairs only, says so, and still ends. */
static void long_lines(void **state)
{
	char value[LOG_VALUE_MAX];
	const char *line;
	struct log_line l;

	memset(value, ' ', sizeof(value));
	log_begin(&l, LOG_INFO, "test");
	for (int i = 0; i < 50; i++)
		log_span(&l, "value", (struct span){value, sizeof(value) - (size_t)i});
	log_int(&l, "late", 1);
	log_end(&l);
	line = captured(*state);
	assert_in_range(strlen(((struct capture *)*state)->text), LOG_LINE_MAX - 300, LOG_LINE_MAX);
	assert_string_equal(line + strlen(line) - 11, "\" cut=true\n");
	assert_null(strstr(line, "late="));

	/* Wherever the last pair ends. */
	for (size_t last = 1; last < sizeof(value); last++) {
		log_begin(&l, LOG_INFO, "test");
		for (int i = 0; i < 7; i++)
			log_span(&l, "value", (struct span){value, sizeof(value)});
		log_span(&l, "last", (struct span){value, last});
		log_end(&l);
		assert_in_range(l.n, 1, LOG_LINE_MAX);
		captured(*state);
	}
}

static void levels(void **state)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	struct capture *c = *state;

	for (int set = LOG_ERROR; set <= LOG_DEBUG; set++) {
		enum log_level parsed;

		assert_true(log_level_parse(span_of(names[set]), &parsed));
		assert_int_equal(parsed, set);
		log_set_level(parsed);
		for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
			struct log_line l;

			assert_int_equal(log_wanted((enum log_level)level), level <= set);
			log_begin(&l, (enum log_level)level, "e");
			log_int(&l, "k", 1);
			log_end(&l);
			log_text((enum log_level)level, "e", "x");
		}
		/* Two lines for each level up to the one that was set, and nothing else. */
		const char *p = captured(c);
		int lines = 0;

		while ((p = strchr(p, '\n')) != NULL && ++lines)
			p++;
		assert_int_equal(lines, 2 * (set + 1));
	}
	enum log_level none;

	assert_false(log_level_parse(SPAN("INFO"), &none));
	assert_false(log_level_parse(SPAN("inf"), &none));
	assert_false(log_level_parse(SPAN(""), &none));
}

static void *write_many(void *name)
{
	for (int i = 0; i < 100; i++) {
		struct log_line l;

		log_begin(&l, LOG_INFO, "thread");
		log_str(&l, "a", name);
		log_str(&l, "b", name);
		log_end(&l);
	}
	return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
	struct capture *c = *state;
	pthread_t threads[4];
	static char names[4][2] = {"0", "1", "2", "3"};
	int lines = 0;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	captured(c);
	for (char *save, *line = strtok_r(c->text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char a, b;

		assert_int_equal(sscanf(line, "ts=%*s level=info event=thread a=%c b=%c", &a, &b), 2);
		assert_int_equal(a, b);
		lines++;
	}
	assert_int_equal(lines, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(pairs, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(time_stamp, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(long_values, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(long_lines, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(levels, capture_start, capture_end),
	    cmocka_unit_test_setup_teardown(lines_of_threads_stay_whole, capture_start, capture_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
