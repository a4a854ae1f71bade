/* Asking for signatures, whatever the key process answers and whenever it dies: each ticket has one end, in its own
 * line's thread, and who waits through a death notices nothing. */
#include "keys_fake.h"

#include "../../../proxy/trust/keys_line.c"

#include "sallyport/log.h"

enum { ALGORITHM = 0x0403 };

struct scene {
	struct fake *f;
	struct keys *keys;
	struct loop *loop;
	struct keys_line *line;
	struct told t;
	struct keys_key *key;
	unsigned started; /* to be waited for */
};

struct want {
	struct keys_ticket *ticket;
	unsigned calls;
	struct keys_ticket **drop; /* when it is answered; NULL: none */
	struct scene *again;       /* one more is asked for then */
	struct keys_ticket *more;
};

static void count(void *arg)
{
	struct want *w = arg;

	w->calls++;
	if (w->drop != NULL)
		keys_drop(w->drop);
}

static void ask_more(void *arg)
{
	struct want *w = arg;

	w->calls++;
	w->more = keys_sign(w->again->line, w->again->key, ALGORITHM, SPAN("more"), count, w);
	assert_non_null(w->more);
}

static void up(struct scene *s)
{
	char err[256];
	int ask;

	*s = (struct scene){.loop = loop_new()};
	s->f = fake_new(&ask);
	s->keys = keys_connect(ask, FAKE_LINES, err, sizeof(err));
	assert_true(s->keys != NULL && keys_watch(s->keys, s->loop));
	assert_true(load_some(s->keys, 1, NULL, &s->t));
	s->key = s->t.key[0];
	s->line = keys_line_new(s->keys, s->loop);
	assert_non_null(s->line);
}

static void down(struct scene *s)
{
	keys_line_free(s->line);
	release(&s->t);
	keys_unwatch(s->keys);
	keys_unref(s->keys);
	loop_free(s->loop);
	fake_free(s->f);
}

static void sign(struct scene *s, struct want *w, const char *bytes)
{
	*w = (struct want){.calls = 0};
	w->ticket = keys_sign(s->line, s->key, ALGORITHM, span_of(bytes), count, w);
	assert_non_null(w->ticket);
	assert_int_equal(w->calls, 0);
}

/* What the key process is asked next; its ticket. */
static uint64_t hear(struct scene *s, const char *bytes)
{
	struct keymsg_in *in = &s->f->in;

	assert_int_equal(keymsg_recv(s->f->end[FAKE_LINE], in, s->f->room, sizeof(s->f->room), false), KEYMSG_DONE);
	assert_int_equal(in->head.kind, KEYMSG_SIGN);
	assert_int_equal(in->head.number, ALGORITHM);
	assert_int_equal(in->fds_n, 0);
	assert_true(span_eq(in->body, span_of(bytes)));
	return in->head.ticket;
}

static void hear_none(struct scene *s)
{
	assert_int_equal(
	    keymsg_recv(s->f->end[FAKE_LINE], &s->f->in, s->f->room, sizeof(s->f->room), false), KEYMSG_AGAIN);
}

static void say(struct scene *s, uint64_t ticket, uint32_t number, const char *signature)
{
	fake_say(s->f->end[FAKE_LINE], (struct keymsg){.kind = KEYMSG_SIGNED, .number = number, .ticket = ticket},
	    span_of(signature));
}

static bool turned(void *arg)
{
	bool *once = arg, before = *once;

	*once = true;
	return before;
}

/* The loop sees all that has come. */
static void turn(struct scene *s)
{
	bool once = false;

	run_until(s->f, s->loop, turned, &once);
}

static void assert_signed(struct want *w, const char *signature)
{
	struct span got;

	assert_int_equal(w->calls, 1);
	assert_int_equal(keys_state(w->ticket, &got), KEYS_SIGNED);
	assert_true(span_eq(got, span_of(signature)));
	keys_drop(&w->ticket);
	assert_null(w->ticket);
	keys_drop(&w->ticket);
}

static void assert_refused(struct want *w, unsigned calls)
{
	struct span got;

	assert_int_equal(w->calls, calls);
	assert_int_equal(keys_state(w->ticket, &got), KEYS_REFUSED);
	assert_int_equal(got.n, 0);
	keys_drop(&w->ticket);
}

static void assert_waiting(const struct want *w)
{
	struct span got;

	assert_int_equal(w->calls, 0);
	assert_int_equal(keys_state(w->ticket, &got), KEYS_WAITING);
}

static void test_order(void **state)
{
	struct want w[4];
	struct scene s;
	uint64_t t[4];

	(void)state;
	up(&s);
	for (int i = 0; i < 4; i++)
		sign(&s, &w[i], "bytes");
	for (int i = 0; i < 4; i++)
		t[i] = hear(&s, "bytes");
	say(&s, t[2], 1, "third");
	say(&s, t[0], 1, "first");
	say(&s, t[0], 1, "again");
	say(&s, 77, 1, "nobody's");
	say(&s, t[3], 0, "");
	turn(&s);
	assert_signed(&w[2], "third");
	assert_signed(&w[0], "first");
	assert_refused(&w[3], 1);
	assert_waiting(&w[1]);
	/* none by that name, in spite of what it says */
	say(&s, t[1], 1, "");
	turn(&s);
	assert_refused(&w[1], 1);
	down(&s);
}

static void test_drop(void **state)
{
	struct want w[5];
	struct scene s;
	uint64_t t[5];

	(void)state;
	up(&s);
	for (int i = 0; i < 5; i++) {
		sign(&s, &w[i], "bytes");
		t[i] = hear(&s, "bytes");
	}
	keys_drop(&w[1].ticket);  /* before its answer */
	keys_drop(&w[4].ticket);  /* the last */
	w[0].drop = &w[2].ticket; /* another one, whose answer is there already */
	w[3].drop = &w[3].ticket; /* itself */
	for (int i = 0; i < 5; i++)
		say(&s, t[i], 1, "signature");
	turn(&s);
	assert_signed(&w[0], "signature");
	assert_int_equal(w[1].calls + w[2].calls + w[4].calls, 0);
	assert_int_equal(w[3].calls, 1);
	assert_null(w[3].ticket);
	/* the line is none the worse for it */
	sign(&s, &w[0], "bytes");
	say(&s, hear(&s, "bytes"), 1, "signature");
	turn(&s);
	assert_signed(&w[0], "signature");
	down(&s);
}

static void test_ask_in_answer(void **state)
{
	struct want w = {.calls = 0};
	struct scene s;

	(void)state;
	up(&s);
	w.again = &s;
	w.ticket = keys_sign(s.line, s.key, ALGORITHM, SPAN("bytes"), ask_more, &w);
	say(&s, hear(&s, "bytes"), 1, "one");
	turn(&s);
	assert_signed(&w, "one");
	say(&s, hear(&s, "more"), 1, "two");
	turn(&s);
	assert_int_equal(w.calls, 2);
	w.ticket = w.more;
	w.calls = 1;
	assert_signed(&w, "two");
	down(&s);
}

/* More than the sockets hold: nothing is lost, and nothing is asked twice. */
static void test_many(void **state)
{
	static struct want w[KEYS_WAITING_MAX];
	static char much[KEYMSG_MAX + 1];
	struct want one = {.calls = 0};
	struct scene s;
	unsigned heard = 0;

	(void)state;
	up(&s);
	for (unsigned i = 0; i < KEYS_WAITING_MAX; i++)
		sign(&s, &w[i], "bytes");
	assert_null(keys_sign(s.line, s.key, ALGORITHM, SPAN("bytes"), count, &one));
	keys_drop(&w[0].ticket);
	sign(&s, &w[0], "bytes");
	assert_null(keys_sign(s.line, s.key, ALGORITHM, SPAN("bytes"), count, &one));
	keys_drop(&w[KEYS_WAITING_MAX - 1].ticket); /* that was not sent yet */
	for (unsigned turns = 0; heard < KEYS_WAITING_MAX; turns++) {
		struct keymsg_in *in = &s.f->in;

		assert_true(turns < 2 * KEYS_WAITING_MAX);
		while (keymsg_recv(s.f->end[FAKE_LINE], in, s.f->room, 64, false) == KEYMSG_DONE) {
			heard++;
			say(&s, in->head.ticket, 1, "signature");
		}
		assert_true(turns > 0 || heard < KEYS_WAITING_MAX); /* else this tests nothing */
		turn(&s);
	}
	hear_none(&s);
	for (unsigned i = 0; i < KEYS_WAITING_MAX - 1; i++)
		assert_signed(&w[i], "signature");
	assert_int_equal(one.calls + w[KEYS_WAITING_MAX - 1].calls, 0);
	/* nor may one be too large */
	assert_null(keys_sign(s.line, s.key, ALGORITHM, (struct span){much, sizeof(much)}, count, &one));
	one.ticket = keys_sign(s.line, s.key, ALGORITHM, (struct span){much, KEYMSG_MAX}, count, &one);
	assert_non_null(one.ticket);
	keys_drop(&one.ticket);
	down(&s);
}

static bool is_back(void *arg)
{
	const struct scene *s = arg;

	return s->f->started >= s->started && s->keys->io != NULL && s->line->io != NULL;
}

/* Another process is there, and has the keys. */
static void wait_back(struct scene *s, unsigned started)
{
	s->started = started;
	run_until(s->f, s->loop, is_back, s);
	assert_int_equal(s->f->started, started);
}

static void test_death(void **state)
{
	static struct want w[KEYS_WAITING_MAX];
	struct scene s;

	(void)state;
	up(&s);
	for (unsigned i = 0; i < KEYS_WAITING_MAX; i++)
		sign(&s, &w[i], "before");
	(void)hear(&s, "before");
	keys_drop(&w[0].ticket); /* not asked for again */
	fake_die(s.f);
	keys_drop(&w[1].ticket);
	wait_back(&s, 2);
	for (unsigned i = 2; i < KEYS_WAITING_MAX; i++) {
		assert_waiting(&w[i]);
		if (keymsg_recv(s.f->end[FAKE_LINE], &s.f->in, s.f->room, 64, false) == KEYMSG_AGAIN) {
			turn(&s);
			assert_int_equal(keymsg_recv(s.f->end[FAKE_LINE], &s.f->in, s.f->room, 64, false), KEYMSG_DONE);
		}
		assert_int_equal(s.f->in.head.ticket, i);
		say(&s, i, 1, "late");
		turn(&s);
		assert_signed(&w[i], "late");
	}
	hear_none(&s);
	assert_int_equal(w[0].calls + w[1].calls, 0);
	down(&s);
}

static void test_last_words(void **state)
{
	struct scene s;
	struct want w;

	(void)state;
	up(&s);
	sign(&s, &w, "bytes");
	say(&s, hear(&s, "bytes"), 1, "signature");
	fake_die(s.f);
	wait_back(&s, 2);
	hear_none(&s);
	assert_signed(&w, "signature");
	down(&s);
}

/* While there is none, more are asked for. */
static void test_between(void **state)
{
	struct want w[2];
	struct scene s;

	(void)state;
	up(&s);
	fake_die(s.f);
	sign(&s, &w[0], "one"); /* finds out */
	sign(&s, &w[1], "two");
	wait_back(&s, 2);
	say(&s, hear(&s, "one"), 1, "first");
	say(&s, hear(&s, "two"), 1, "second");
	turn(&s);
	assert_signed(&w[0], "first");
	assert_signed(&w[1], "second");
	down(&s);
}

/* Nonsense on a line: that process is done away with, and what was asked of it another one is asked. */
static void test_nonsense(void **state)
{
	static char large[VAULT_SIGNATURE_MAX + 1];

	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned before = open_fds();
		struct want w;
		struct scene s;
		int fd;

		up(&s);
		fd = s.f->end[FAKE_LINE];
		sign(&s, &w, "bytes");
		(void)hear(&s, "bytes");
		if (i == 0)
			fake_say(fd, (struct keymsg){.kind = KEYMSG_LOADED, .number = 1}, SPAN("x"));
		else if (i == 1)
			assert_int_equal(write(fd, "x", 1), 1);
		else if (i == 2)
			fake_say(fd, (struct keymsg){.kind = KEYMSG_SIGNED, .number = 1},
			    (struct span){large, sizeof(large)});
		else
			close_fd(&s.f->end[FAKE_LINE]); /* this thread of it only */
		wait_back(&s, 2);
		assert_waiting(&w);
		say(&s, hear(&s, "bytes"), 1, "signature");
		turn(&s);
		assert_signed(&w, "signature");
		down(&s);
		assert_int_equal(open_fds(), before);
	}
}

static void test_descriptors(void **state)
{
	struct keymsg m = {.kind = KEYMSG_SIGNED, .number = 1};
	int many[KEYMSG_FDS];
	struct scene s;
	struct want w;
	unsigned before;

	(void)state;
	up(&s);
	sign(&s, &w, "bytes");
	m.ticket = hear(&s, "bytes");
	for (size_t i = 0; i < KEYMSG_FDS; i++)
		many[i] = STDERR_FILENO;
	before = open_fds();
	assert_int_equal(keymsg_send(s.f->end[FAKE_LINE], &m, SPAN("s"), many, KEYMSG_FDS, false), KEYMSG_DONE);
	turn(&s);
	assert_int_equal(open_fds(), before);
	assert_signed(&w, "s");
	down(&s);
}

static void test_lines(void **state)
{
	struct keys_line *second;
	struct want w[2];
	struct scene s;

	(void)state;
	up(&s);
	second = keys_line_new(s.keys, s.loop);
	assert_non_null(second);
	assert_null(keys_line_new(s.keys, s.loop));
	assert_null(keys_sign(NULL, s.key, ALGORITHM, SPAN("bytes"), count, w));
	/* each has its own; both come back */
	fake_die(s.f);
	wait_back(&s, 2);
	s.f->started = 2;
	sign(&s, &w[0], "one");
	w[1] = (struct want){.ticket = keys_sign(second, s.key, ALGORITHM, SPAN("two"), count, &w[1])};
	(void)hear(&s, "one");
	assert_int_equal(
	    keymsg_recv(s.f->end[FAKE_LINE + 1], &s.f->in, s.f->room, sizeof(s.f->room), false), KEYMSG_DONE);
	assert_true(span_eq(s.f->in.body, SPAN("two")));
	/* a line ends: so do its tickets, without a word */
	keys_line_free(second);
	assert_refused(&w[1], 0);
	/* its place is free, but its descriptor comes with the next process */
	second = keys_line_new(s.keys, s.loop);
	assert_non_null(second);
	w[1] = (struct want){.ticket = keys_sign(second, s.key, ALGORITHM, SPAN("two"), count, &w[1])};
	assert_waiting(&w[1]);
	keys_line_free(second);
	assert_refused(&w[1], 0);
	assert_waiting(&w[0]);
	keys_drop(&w[0].ticket);
	down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_drop),
	    cmocka_unit_test(test_ask_in_answer),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_death),
	    cmocka_unit_test(test_last_words),
	    cmocka_unit_test(test_between),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_descriptors),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
