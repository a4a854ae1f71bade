/* leg in the clear: bytes, backpressure, bounds, and the ways in which a connection ends. */
#include "legs.h"

struct link {
	struct side a;
	int raw;
};

static void link_up(struct link *l, struct world *w, size_t in_max, size_t out_max)
{
	int fd;

	tcp_pair(&fd, &l->raw);
	side_up(&l->a, w, fd, in_max, out_max);
}

static void link_down(struct link *l)
{
	side_down(&l->a);
	if (l->raw >= 0)
		close(l->raw);
}

static void expect_raw(struct link *l, const char *text)
{
	char got[256];
	size_t n = 0;
	bool eof = false;

	UNTIL(n >= strlen(text), (turn(l->a.w), n += take_raw(l->raw, got + n, sizeof(got) - n, &eof)));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

/* Sends until more than LEG_HIGH_WATER waits in the leg. */
static size_t fill_above_high_water(struct link *l)
{
	char *piece = pattern(4096);
	size_t sent = 0;

	while (leg_queued(l->a.leg) <= LEG_HIGH_WATER) {
		assert_true(side_send(&l->a, (struct span){piece, 4096}));
		sent += 4096;
	}
	free(piece);
	return sent;
}

static size_t drain_raw(struct link *l, size_t most, bool *eof)
{
	char *sink = malloc(most);
	size_t n;

	assert_non_null(sink);
	n = take_raw(l->raw, sink, most, eof);
	free(sink);
	return n;
}

static void test_bytes_go_both_ways(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	put_raw(l.raw, SPAN("hello"));
	UNTIL(side_got(&l.a, "hello"), turn(*state));
	assert_true(buf_put(leg_out(l.a.leg), SPAN("own words, ")));
	assert_true(side_send(&l.a, SPAN("a stanza, ")));
	assert_true(side_say(&l.a, SPAN("more words")));
	expect_raw(&l, "own words, a stanza, more words");
	assert_int_equal(leg_sent(l.a.leg), strlen("own words, a stanza, more words"));
	assert_int_equal(leg_received(l.a.leg), 5);
	assert_int_equal(leg_queued(l.a.leg), 0);
	assert_null(leg_tls(l.a.leg));
	link_down(&l);
}

struct pump {
	const char *bytes;
	size_t n, at;
};

/* Feeds in pieces of growing size, whenever the leg takes more. */
static void feed(struct side *s)
{
	struct pump *p = s->more;

	while (p->at < p->n && leg_queued(s->leg) <= LEG_HIGH_WATER) {
		size_t piece = 1 + p->at % 20000;

		piece = piece < p->n - p->at ? piece : p->n - p->at;
		assert_true(leg_send(s->leg, (struct span){p->bytes + p->at, piece}));
		p->at += piece;
	}
}

static void feed_on(struct side *s, enum leg_event event)
{
	if (event == LEG_WRITABLE)
		feed(s);
}

static void test_many_bytes_arrive_whole_and_in_order(void **state)
{
	struct world *w = *state;
	struct side from, to;
	struct pump p = {.n = 3000000};
	char *bytes = pattern(p.n);
	int one, other;

	p.bytes = bytes;
	tcp_pair(&one, &other);
	side_up(&from, w, one, IN_MAX, OUT_MAX);
	side_up(&to, w, other, 5000, OUT_MAX);
	from.on = feed_on;
	from.more = &p;
	to.eat = 777; /* less than comes: the rest waits in the leg and in the kernel */
	feed(&from);
	UNTIL(to.got_n >= p.n, (turn(w), side_eat(&to, 3000), side_read_on(&to, false), side_read_on(&to, true)));
	assert_int_equal(to.got_n, p.n);
	assert_memory_equal(to.got, p.bytes, p.n);
	assert_true(from.writable > 1);
	side_down(&from);
	side_down(&to);
	free(bytes);
}

static void test_writable_comes_below_half_of_the_mark(void **state)
{
	struct link l;
	bool eof = false;
	size_t queued;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	fill_above_high_water(&l);
	settle(*state);
	assert_int_equal(l.a.writable, 0);
	do {
		queued = leg_queued(l.a.leg);
		assert_true(l.a.writable == 0 || queued < LEG_HIGH_WATER / 2);
		drain_raw(&l, 10000, &eof);
		turn(*state);
	} while (leg_queued(l.a.leg) >= LEG_HIGH_WATER / 2);
	turn(*state);
	assert_int_equal(l.a.writable, 1);
	UNTIL(leg_queued(l.a.leg) == 0, (drain_raw(&l, 100000, &eof), turn(*state)));
	settle(*state);
	assert_int_equal(l.a.writable, 1);
	/* and once more the next time */
	fill_above_high_water(&l);
	UNTIL(leg_queued(l.a.leg) == 0, (drain_raw(&l, 100000, &eof), turn(*state)));
	UNTIL(l.a.writable == 2, turn(*state));
	link_down(&l);
}

static void test_no_writable_without_need(void **state)
{
	char *piece = pattern(LEG_HIGH_WATER / 4);
	struct link l;
	bool eof = false;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	while (leg_queued(l.a.leg) == 0)
		assert_true(side_send(&l.a, (struct span){piece, LEG_HIGH_WATER / 4}));
	UNTIL(leg_queued(l.a.leg) == 0, (drain_raw(&l, 100000, &eof), turn(*state)));
	settle(*state);
	assert_int_equal(l.a.writable, 0);
	link_down(&l);
	free(piece);
}

/* The socket may take the rest in a call of the owner's own, not when the loop finds it writable. */
static void test_writable_is_told_whoever_flushes(void **state)
{
	struct link l;
	bool eof = false;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	fill_above_high_water(&l);
	UNTIL(leg_queued(l.a.leg) == 0, {
		drain_raw(&l, 1 << 20, &eof);
		l.a.calling = true;
		assert_true(leg_flush(l.a.leg));
		l.a.calling = false;
	});
	UNTIL(l.a.writable == 1, turn(*state));
	link_down(&l);
}

static void test_paused_leg_reads_nothing(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	l.a.eat = 2;
	put_raw(l.raw, SPAN("abcd"));
	UNTIL(side_got(&l.a, "ab"), turn(*state));
	side_read_on(&l.a, false);
	put_raw(l.raw, SPAN("efgh"));
	settle(*state);
	assert_true(side_got(&l.a, "ab"));
	assert_true(sleeps(*state));
	/* what lies in the leg is told again, what lies in the kernel follows */
	l.a.eat = SIZE_MAX;
	side_read_on(&l.a, true);
	UNTIL(side_got(&l.a, "abcdefgh"), turn(*state));
	link_down(&l);
}

static void pause_in_callback(struct side *s, enum leg_event event)
{
	if (event == LEG_READABLE)
		leg_read_on(s->leg, false);
}

static void test_pause_inside_the_callback(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	l.a.eat = 1;
	l.a.on = pause_in_callback;
	put_raw(l.raw, SPAN("abc"));
	for (unsigned i = 1; i <= 3; i++) {
		UNTIL(l.a.got_n == i, turn(*state));
		settle(*state);
		assert_int_equal(l.a.readable, i);
		side_read_on(&l.a, true);
	}
	assert_true(side_got(&l.a, "abc"));
	link_down(&l);
}

static void test_end_comes_after_the_last_byte(void **state)
{
	char *bytes = pattern(20000);
	struct link l;

	link_up(&l, *state, 1000, OUT_MAX);
	put_raw(l.raw, (struct span){bytes, 20000});
	close(l.raw);
	l.raw = -1;
	UNTIL(l.a.ended == 1, turn(*state));
	assert_int_equal(l.a.got_n, 20000);
	assert_memory_equal(l.a.got, bytes, 20000);
	assert_int_equal(l.a.failed, 0);
	link_down(&l);
	free(bytes);
}

static void test_end_waits_while_paused(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	l.a.eat = 0;
	put_raw(l.raw, SPAN("abc"));
	UNTIL(l.a.readable == 1, turn(*state));
	side_read_on(&l.a, false);
	put_raw(l.raw, SPAN("def"));
	close(l.raw);
	l.raw = -1;
	settle(*state);
	assert_int_equal(l.a.ended, 0);
	assert_true(sleeps(*state));
	l.a.eat = SIZE_MAX;
	side_read_on(&l.a, true);
	UNTIL(l.a.ended == 1, turn(*state));
	assert_true(side_got(&l.a, "abcdef"));
	link_down(&l);
}

static void test_in_has_a_bound(void **state)
{
	char *bytes = pattern(25000);
	struct link l;

	link_up(&l, *state, 1000, OUT_MAX);
	l.a.eat = 0;
	put_raw(l.raw, (struct span){bytes, 25000});
	close(l.raw);
	l.raw = -1;
	UNTIL(buf_len(leg_in(l.a.leg)) == 1000, turn(*state));
	assert_true(sleeps(*state));
	assert_int_equal(buf_len(leg_in(l.a.leg)), 1000);
	assert_int_equal(leg_received(l.a.leg), 1000);
	assert_int_equal(l.a.ended, 0);
	l.a.eat = 300;
	side_read_on(&l.a, false);
	side_read_on(&l.a, true);
	UNTIL(l.a.got_n > 20000, turn(*state));
	l.a.eat = SIZE_MAX;
	UNTIL(l.a.ended == 1, turn(*state));
	assert_memory_equal(l.a.got, bytes, 25000);
	link_down(&l);
	free(bytes);
}

static void test_reset_is_a_failure(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	reset_raw(l.raw);
	l.raw = -1;
	UNTIL(l.a.failed == 1, turn(*state));
	assert_int_equal(leg_why(l.a.leg), REASON_PEER_LOST);
	assert_string_equal(leg_error(l.a.leg), strerror(ECONNRESET));
	assert_false(side_send(&l.a, SPAN("x")));
	assert_false(side_say(&l.a, SPAN("x")));
	side_read_on(&l.a, false);
	side_read_on(&l.a, true);
	side_shut(&l.a);
	settle(*state);
	link_down(&l);
}

/* side_send() asserts that the failure is not told from inside it. */
static void test_failed_send_is_told_later_even_if_paused(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	side_read_on(&l.a, false);
	settle(*state);
	reset_raw(l.raw);
	l.raw = -1;
	UNTIL(!side_send(&l.a, SPAN("x")), (void)0);
	assert_false(side_send(&l.a, SPAN("x")));
	assert_int_equal(l.a.failed, 0);
	turn(*state);
	assert_int_equal(l.a.failed, 1);
	assert_int_equal(leg_why(l.a.leg), REASON_PEER_LOST);
	link_down(&l);
}

/* A peer that does not read any more says why and closes: what waits for it cannot leave, but what it said counts. */
static void test_last_words_are_heard_though_sending_fails(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	fill_above_high_water(&l);
	settle(*state);
	put_raw(l.raw, SPAN("<stream:error/>"));
	reset_raw(l.raw);
	l.raw = -1;
	UNTIL(l.a.failed == 1, turn(*state));
	assert_int_equal(leg_why(l.a.leg), REASON_PEER_LOST);
	assert_true(side_got(&l.a, "<stream:error/>"));
	link_down(&l);
}

static void test_out_has_a_bound(void **state)
{
	char *piece = pattern(10000);
	struct link l;
	size_t queued;

	link_up(&l, *state, IN_MAX, 300000);
	do
		queued = leg_queued(l.a.leg);
	while (side_send(&l.a, (struct span){piece, 10000}));
	assert_true(queued <= 300000 && queued > 280000);
	assert_true(leg_queued(l.a.leg) <= 300000);
	assert_int_equal(l.a.failed, 0);
	turn(*state);
	assert_int_equal(l.a.failed, 1);
	assert_int_equal(leg_why(l.a.leg), REASON_LIMIT_QUEUE);
	link_down(&l);
	free(piece);
}

static void test_shut_sends_all_then_fin(void **state)
{
	struct link l;
	size_t sent, got = 0;
	bool eof = false;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	sent = fill_above_high_water(&l);
	assert_true(buf_put(leg_out(l.a.leg), SPAN("</stream:stream>")));
	side_shut(&l.a);
	side_shut(&l.a);
	UNTIL(eof, (got += drain_raw(&l, 10000, &eof), turn(*state)));
	assert_int_equal(got, sent + strlen("</stream:stream>"));
	/* the other direction stays open */
	put_raw(l.raw, SPAN("their end"));
	UNTIL(side_got(&l.a, "their end"), turn(*state));
	assert_true(sleeps(*state));
	assert_int_equal(l.a.ended + l.a.failed, 0);
	close(l.raw);
	l.raw = -1;
	UNTIL(l.a.ended == 1, turn(*state));
	link_down(&l);
}

static void drop_in_callback(struct side *s, enum leg_event event)
{
	enum leg_event *when = s->more;

	if (event == *when)
		side_drop(s);
}

static void drop_at(void **state, enum leg_event when, bool reset)
{
	struct link l;
	bool eof = false;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	l.a.on = drop_in_callback;
	l.a.more = &when;
	l.a.eat = 1;
	if (when == LEG_WRITABLE)
		fill_above_high_water(&l);
	if (when == LEG_READABLE)
		put_raw(l.raw, SPAN("several bytes"));
	if (when == LEG_ENDED)
		assert_int_equal(shutdown(l.raw, SHUT_WR), 0);
	if (reset) {
		reset_raw(l.raw);
		l.raw = -1;
	}
	UNTIL(l.a.leg == NULL, {
		if (when == LEG_WRITABLE)
			drain_raw(&l, 100000, &eof);
		turn(*state);
	});
	settle(*state);
	assert_int_equal(l.a.readable + l.a.writable + l.a.ended + l.a.failed, 1);
	link_down(&l);
}

static void test_leg_may_be_freed_in_its_callback(void **state)
{
	drop_at(state, LEG_READABLE, false);
	drop_at(state, LEG_WRITABLE, false);
	drop_at(state, LEG_ENDED, false);
	drop_at(state, LEG_FAILED, true);
}

static void test_nothing_is_told_after_free(void **state)
{
	struct link l;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	settle(*state);
	reset_raw(l.raw);
	l.raw = -1;
	UNTIL(!side_send(&l.a, SPAN("x")), (void)0);
	side_drop(&l.a); /* with the failure still to be told */
	settle(*state);
	assert_int_equal(l.a.failed, 0);
	link_down(&l);
	leg_free(NULL);
}

/* Room and the end are found in one turn. */
static void test_nothing_is_told_after_the_end(void **state)
{
	struct link l;
	bool eof = false;

	link_up(&l, *state, IN_MAX, OUT_MAX);
	fill_above_high_water(&l);
	UNTIL(leg_queued(l.a.leg) < LEG_HIGH_WATER / 2 + 16000, (drain_raw(&l, 1000, &eof), turn(*state)));
	assert_int_equal(l.a.writable, 0);
	drain_raw(&l, 1 << 20, &eof);
	assert_int_equal(shutdown(l.raw, SHUT_WR), 0);
	UNTIL(l.a.ended == 1, turn(*state));
	settle(*state); /* side_event() fails if more comes */
	link_down(&l);
}

static void test_descriptor_that_cannot_be_watched_fails(void **state)
{
	char path[] = "/tmp/sallyport-leg-XXXXXX";
	int fd = mkstemp(path); /* epoll refuses a plain file */
	struct side s;

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	side_up(&s, *state, fd, IN_MAX, OUT_MAX);
	assert_int_equal(s.failed, 0);
	UNTIL(s.failed == 1, turn(*state));
	assert_int_equal(leg_why(s.leg), REASON_NO_MEMORY);
	side_down(&s);
}

/* buf_pool_free() aborts if anything is still lent. */
static void test_idle_leg_holds_no_storage(void **state)
{
	struct world *w = *state;
	struct link l;
	bool eof = false;

	link_up(&l, w, IN_MAX, OUT_MAX);
	fill_above_high_water(&l);
	put_raw(l.raw, SPAN("hello"));
	UNTIL(leg_queued(l.a.leg) == 0, (drain_raw(&l, 100000, &eof), turn(w)));
	UNTIL(side_got(&l.a, "hello"), turn(w));
	settle(w);
	assert_int_equal(shutdown(l.raw, SHUT_WR), 0);
	UNTIL(l.a.ended == 1, turn(w));
	buf_pool_free(w->pool);
	w->pool = NULL;
	link_down(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_bytes_go_both_ways),
	    TEST(test_many_bytes_arrive_whole_and_in_order),
	    TEST(test_writable_comes_below_half_of_the_mark),
	    TEST(test_no_writable_without_need),
	    TEST(test_writable_is_told_whoever_flushes),
	    TEST(test_paused_leg_reads_nothing),
	    TEST(test_pause_inside_the_callback),
	    TEST(test_end_comes_after_the_last_byte),
	    TEST(test_end_waits_while_paused),
	    TEST(test_in_has_a_bound),
	    TEST(test_reset_is_a_failure),
	    TEST(test_failed_send_is_told_later_even_if_paused),
	    TEST(test_last_words_are_heard_though_sending_fails),
	    TEST(test_out_has_a_bound),
	    TEST(test_shut_sends_all_then_fin),
	    TEST(test_leg_may_be_freed_in_its_callback),
	    TEST(test_nothing_is_told_after_free),
	    TEST(test_nothing_is_told_after_the_end),
	    TEST(test_descriptor_that_cannot_be_watched_fails),
	    TEST(test_idle_leg_holds_no_storage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
