/* payload: what is put is what is expected, however it is split; and whatever else comes is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "payload.h"

#define STANZAS 14

struct stream {
	struct payload payload;
	char *bytes;
	size_t n;
};

static struct plan plan_of(enum direction direction)
{
	return (struct plan){.local = "legacy.lab", .peers = "peers.lab", .direction = direction};
}

/* Stanzas 0 to STANZAS - 1 of peer 321, planned for 1000, 1001, … */
static void make(struct stream *s, const char *spec, enum direction direction)
{
	struct plan plan = plan_of(direction);
	char err[256], route[ROUTE_DIGITS + 1];

	assert_true(payload_init(&s->payload, spec, &plan, err, sizeof(err)));
	s->bytes = malloc(s->payload.largest * STANZAS);
	s->n = 0;
	payload_route(route, 321);
	for (uint64_t seq = 0; seq < STANZAS; seq++)
		s->n += payload_put(&s->payload, route, seq, 1000 + seq, s->bytes + s->n);
}

static void clear(struct stream *s)
{
	payload_free(&s->payload);
	free(s->bytes);
}

/* Feeds bytes in pieces; how many stanzas came whole before anything else than more of them. */
static uint64_t feed(const struct stream *s, struct span bytes, size_t piece, enum check_rc *last)
{
	struct check c;
	uint64_t whole = 0, time;

	check_init(&c, &s->payload, 321);
	*last = CHECK_MORE;
	while (bytes.n > 0) {
		struct span in = {bytes.p, bytes.n < piece ? bytes.n : piece};

		bytes.p += in.n;
		bytes.n -= in.n;
		do {
			*last = check_next(&c, &in, &time);
			if (*last == CHECK_STANZA) {
				assert_int_equal(time, 1000 + whole);
				whole++;
			}
		} while (*last == CHECK_STANZA);
		if (*last != CHECK_MORE)
			return whole;
	}
	return whole;
}

static void test_any_split(void **state)
{
	static const char *const specs[] = {"message:140", "mix", "body:5", "iq"};
	enum check_rc last;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct stream s;

		make(&s, specs[i], i % 2 == 0 ? DIRECTION_IN : DIRECTION_OUT);
		for (size_t piece = 1; piece <= s.n + 1; piece++) {
			assert_int_equal(feed(&s, (struct span){s.bytes, s.n}, piece, &last), STANZAS);
			assert_int_equal(last, CHECK_MORE);
		}
		clear(&s);
	}
}

/* Where a field of time stands: the only bytes that may differ. */
static bool is_time(const struct stream *s, size_t at)
{
	for (size_t seq = 0; seq < STANZAS; seq++) {
		const struct shape *shape = &s->payload.shape[seq % s->payload.n];

		for (size_t i = 0; at < shape->n && i < shape->fields; i++)
			if (shape->field[i].kind == FIELD_TIME && at >= shape->field[i].at &&
			    at < shape->field[i].at + TIME_DIGITS)
				return true;
		if (at < shape->n)
			return false;
		at -= shape->n;
	}
	return false;
}

static void test_any_altered_byte(void **state)
{
	enum check_rc last;
	struct stream s;

	(void)state;
	make(&s, "mix", DIRECTION_IN);
	for (size_t at = 0; at < s.n; at++) {
		char was = s.bytes[at];

		if (is_time(&s, at) || s.bytes[at] == '/')
			continue;
		s.bytes[at] ^= 1;
		(void)feed(&s, (struct span){s.bytes, s.n}, 1 + at % 50, &last);
		assert_int_equal(last, CHECK_BAD);
		s.bytes[at] = was;
	}
	clear(&s);
}

static void test_any_lost_byte(void **state)
{
	enum check_rc last;
	struct stream s;
	char *less;

	(void)state;
	make(&s, "message:150", DIRECTION_OUT);
	less = malloc(s.n);
	for (size_t at = 0; at + 1 < s.n; at++) {
		memcpy(less, s.bytes, at);
		memcpy(less + at, s.bytes + at + 1, s.n - at - 1);
		(void)feed(&s, (struct span){less, s.n - 1}, 7, &last);
		/* a digit of a time that equals the next may go unseen there, but not what follows */
		assert_int_equal(last, CHECK_BAD);
	}
	free(less);
	clear(&s);
}

static void test_spaces_and_end(void **state)
{
	static const char end[] = "</stream:stream>";
	struct stream s;
	enum check_rc last;
	char *more;

	(void)state;
	make(&s, "message", DIRECTION_IN);
	more = malloc(2 * s.n);
	for (size_t piece = 1; piece < 40; piece++) {
		memcpy(more, " \n\t", 3);
		memcpy(more + 3, s.bytes, s.n);
		memcpy(more + 3 + s.n, end, sizeof(end));
		assert_int_equal(feed(&s, (struct span){more, 3 + s.n + sizeof(end) - 1}, piece, &last), STANZAS);
		assert_int_equal(last, CHECK_END);
	}
	free(more);
	clear(&s);
}

static void test_sizes(void **state)
{
	static const char *const bad[] = {
	    "stew", "mix:5", "message:", "message:x", "message:20", "message:99999999", "message:0"};
	struct plan plan = plan_of(DIRECTION_IN);
	struct payload p;
	char err[256];

	(void)state;
	assert_true(payload_init(&p, "message:777", &plan, err, sizeof(err)));
	assert_int_equal(p.shape[0].n, 777);
	payload_free(&p);
	assert_true(payload_init(&p, "body:2048", &plan, err, sizeof(err)));
	assert_in_range(p.shape[0].n, 2048 + 50, 2048 + 200);
	payload_free(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err[0] = '\0';
		assert_false(payload_init(&p, bad[i], &plan, err, sizeof(err)));
		assert_string_not_equal(err, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_split),
	    cmocka_unit_test(test_any_altered_byte),
	    cmocka_unit_test(test_any_lost_byte),
	    cmocka_unit_test(test_spaces_and_end),
	    cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
