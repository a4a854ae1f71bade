/* Whichever allocation fails while keys are loaded, asked for signatures and taken up by a new process, of ours or
 * libevent's: what failed is told of, nothing leaks, and with memory again everything works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "short_heap.h"

/* The modules themselves, so that their allocations are ours. */
#define malloc heap
#define calloc heap_zeroed
#define realloc heap_more
#define strdup heap_text
#include "../../../proxy/net/loop.c"
#include "../../../proxy/trust/keys.c"
#include "../../../proxy/trust/keys_line.c"
#include "keys_fake.h"
#undef malloc
#undef calloc
#undef realloc
#undef strdup

#include "sallyport/log.h"

struct scene {
	struct fake *f;
	struct keys *keys;
	struct loop *loop;
	struct loop_timer *tick;
	struct keys_line *line;
	struct told t;
	struct keys_ticket *ticket;
	unsigned calls;
};

static void count(void *arg)
{
	struct scene *s = arg;

	s->calls++;
}

/* The key process's part on the line. */
static void serve_line(struct fake *f)
{
	while (f->end[FAKE_LINE] >= 0 && keymsg_recv(f->end[FAKE_LINE], &f->in, f->room, 64, false) == KEYMSG_DONE) {
		struct keymsg m = {.kind = KEYMSG_SIGNED, .number = 1, .ticket = f->in.head.ticket};

		(void)keymsg_send(f->end[FAKE_LINE], &m, SPAN("signature"), NULL, 0, false);
	}
}

static void run(struct scene *s, bool (*holds)(const struct scene *s))
{
	for (unsigned turns = 0; !holds(s); turns++) {
		assert_true(turns < 5000);
		fake_serve(s->f);
		serve_line(s->f);
		loop_timer_set(s->tick, 2);
		loop_run(s->loop);
	}
}

static bool another(const struct scene *s)
{
	return s->f->started >= 2;
}

static bool settled(const struct scene *s)
{
	return s->f->started >= 2 && s->keys->io != NULL && s->f->end[FAKE_HOME] >= 0;
}

static bool answered_once(const struct scene *s)
{
	return s->calls > 0;
}

/* Whatever is not there yet. */
static void begin(struct scene *s)
{
	if (s->keys->loop == NULL)
		assert_true(keys_watch(s->keys, s->loop) || left < 0);
	if (s->t.keys == 0 && !load_some(s->keys, 1, NULL, &s->t))
		release(&s->t);
	if (s->line == NULL)
		s->line = keys_line_new(s->keys, s->loop);
	if (s->ticket == NULL && s->line != NULL && s->t.keys > 0)
		s->ticket = keys_sign(s->line, s->t.key[0], 0x0403, SPAN("bytes"), count, s);
}

/* True: it came to the end without needing that allocation. */
static bool survive(long failed, unsigned *refused)
{
	struct scene s = {.loop = loop_new()};
	struct span signature;
	char err[256] = "";
	bool all_done;
	int ask;

	s.tick = loop_timer_new(s.loop, stop_loop, s.loop);
	s.f = fake_new(&ask);
	left = failed;
	s.keys = keys_connect(ask, FAKE_LINES, err, sizeof(err));
	if (s.keys != NULL) {
		begin(&s);
		if (s.keys->loop == NULL)
			assert_true(left < 0 && keys_watch(s.keys, s.loop));
		fake_die(s.f);
		run(&s, another);
		all_done = left >= 0;
		left = -1;
		run(&s, settled);
		begin(&s);
		assert_true(s.ticket != NULL);
		run(&s, answered_once);
		assert_int_equal(s.calls, 1);
		*refused += keys_state(s.ticket, &signature) == KEYS_REFUSED;
		keys_drop(&s.ticket);
		keys_line_free(s.line);
		release(&s.t);
		keys_unwatch(s.keys);
		keys_unref(s.keys);
	} else {
		all_done = left >= 0;
		left = -1;
		assert_true(!all_done && strstr(err, "memory") != NULL);
	}
	loop_timer_free(s.tick);
	loop_free(s.loop);
	fake_free(s.f);
	return all_done;
}

static void every_allocation(void **state)
{
	unsigned before = open_fds(), refused = 0;
	long failed = 0;

	(void)state;
	while (!survive(failed, &refused)) {
		failed++;
		assert_int_equal(open_fds(), before);
		assert_true(failed < 200);
	}
	assert_in_range(failed, 15, 199);
	assert_in_range(refused, 0, 2); /* without room for the signature */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_allocation),
	};

	event_set_mem_functions(heap, heap_more, free);
	log_set_level(LOG_ERROR); /* libevent's complaints */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
