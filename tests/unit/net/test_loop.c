#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sallyport/loop.h"

/* What callbacks note, in order: one letter each. */
struct trace {
	struct loop *loop;
	char text[64];
	size_t n;
	size_t stop_at; /* stops the loop at so many letters */
};

static void note(struct trace *t, char c)
{
	assert_true(t->n < sizeof(t->text) - 1);
	t->text[t->n++] = c;
	t->text[t->n] = '\0';
	if (t->n == t->stop_at)
		loop_stop(t->loop);
}

static struct trace trace_of(size_t stop_at)
{
	struct trace t = {.loop = loop_new(), .stop_at = stop_at};

	assert_non_null(t.loop);
	return t;
}

struct letter {
	struct trace *trace;
	char c;
	struct loop_later node;
};

static void letter_noted(void *arg)
{
	struct letter *l = arg;

	note(l->trace, l->c);
}

/* --- deferred work --- */

static void nested(void *arg)
{
	struct letter *l = arg;

	note(l->trace, l->c);
	if (l->c++ < 'd')
		loop_defer(l->trace->loop, &l->node, nested, l);
}

static void test_defer_keeps_order_and_nests(void **state)
{
	struct trace t = trace_of(5);
	struct letter first = {&t, 'x', {0}}, chain = {&t, 'a', {0}};

	(void)state;
	loop_defer(t.loop, &first.node, letter_noted, &first);
	loop_defer(t.loop, &chain.node, nested, &chain);
	loop_run(t.loop);
	assert_string_equal(t.text, "xabcd");
	loop_free(t.loop);
}

static void test_free_runs_deferred(void **state)
{
	struct trace t = trace_of(0);
	struct letter a = {&t, 'a', {0}};

	(void)state;
	loop_defer(t.loop, &a.node, letter_noted, &a);
	loop_free(t.loop);
	assert_string_equal(t.text, "a");
}

struct pair {
	struct trace *trace;
	int fd[2];
	struct loop_io *io[2];
	struct loop_later node;
	unsigned calls;
	int64_t now;
};

static struct pair *pair_new(struct trace *trace, void (*fn)(void *arg, unsigned ready))
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->trace = trace;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fd), 0);
	for (int i = 0; i < 2; i++) {
		p->io[i] = loop_io_new(trace->loop, p->fd[i], fn, p);
		assert_non_null(p->io[i]);
	}
	return p;
}

static void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		loop_io_free(p->io[i]);
		close(p->fd[i]);
	}
	free(p);
}

static void deferred_end(void *arg)
{
	struct pair *p = arg;

	note(p->trace, 'd');
	loop_stop(p->trace->loop);
}

static void ready_defers(void *arg, unsigned ready)
{
	struct pair *p = arg;

	assert_int_equal(ready, LOOP_READ);
	note(p->trace, 'r');
	if (p->calls++ == 0)
		loop_defer(p->trace->loop, &p->node, deferred_end, p);
}

/* Both ends are ready in the same turn; the work deferred by the first comes after the second. */
static void test_deferred_comes_after_all_callbacks(void **state)
{
	struct trace t = trace_of(0);
	struct pair *p = pair_new(&t, ready_defers);

	(void)state;
	assert_int_equal(write(p->fd[0], "x", 1), 1);
	assert_int_equal(write(p->fd[1], "x", 1), 1);
	loop_io_want(p->io[0], true, false);
	loop_io_want(p->io[1], true, false);
	loop_run(t.loop);
	assert_string_equal(t.text, "rrd");
	pair_free(p);
	loop_free(t.loop);
}

/* --- descriptors --- */

static void frees_both(void *arg, unsigned ready)
{
	struct pair *p = arg;

	(void)ready;
	note(p->trace, 'r');
	for (int i = 0; i < 2; i++) {
		loop_io_free(p->io[i]);
		p->io[i] = NULL;
	}
	loop_defer(p->trace->loop, &p->node, deferred_end, p);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static void run_for(struct loop *loop, uint32_t ms)
{
	struct loop_timer *timer = loop_timer_new(loop, stop_loop, loop);

	assert_non_null(timer);
	loop_timer_set(timer, ms);
	loop_run(loop);
	loop_timer_free(timer);
}

/* Four events are active in one turn (two ends, reading and writing); the first to be called frees all. */
static void test_io_free_silences_this_turn(void **state)
{
	struct trace t = trace_of(0);
	struct pair *p = pair_new(&t, frees_both);

	(void)state;
	assert_int_equal(write(p->fd[0], "x", 1), 1);
	assert_int_equal(write(p->fd[1], "x", 1), 1);
	loop_io_want(p->io[0], true, true);
	loop_io_want(p->io[1], true, true);
	loop_run(t.loop);
	assert_string_equal(t.text, "rd");
	run_for(t.loop, 5); /* nor in a later one: the descriptors are still open and ready */
	assert_string_equal(t.text, "rd");
	pair_free(p);
	loop_free(t.loop);
}

static void write_then_read(void *arg, unsigned ready)
{
	struct pair *p = arg;
	char c;

	note(p->trace, ready == LOOP_READ ? 'r' : 'w');
	if (ready == LOOP_WRITE) {
		/* Enough of writing: it must stay silent from now on, and the peer's byte must come through. */
		loop_io_want(p->io[0], true, false);
		assert_int_equal(write(p->fd[1], "xy", 2), 2);
		return;
	}
	assert_int_equal(read(p->fd[0], &c, 1), 1);
	note(p->trace, c);
}

static void test_want_is_level_triggered_and_switches(void **state)
{
	struct trace t = trace_of(5);
	struct pair *p = pair_new(&t, write_then_read);

	(void)state;
	loop_io_want(p->io[0], false, true);
	loop_io_want(p->io[0], false, true);
	loop_run(t.loop);
	assert_string_equal(t.text, "wrxry");
	pair_free(p);
	loop_free(t.loop);
}

static void failed_end(void *arg, unsigned ready)
{
	struct pair *p = arg;

	note(p->trace, ready == LOOP_FAILED ? 'f' : '?');
	loop_stop(p->trace->loop);
}

/* epoll refuses regular files as it refuses sockets when it has no memory. */
static void test_unwatchable_is_reported(void **state)
{
	struct trace t = trace_of(0);
	struct pair p = {.trace = &t};
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	p.io[0] = loop_io_new(t.loop, fileno(file), failed_end, &p);
	assert_non_null(p.io[0]);
	loop_io_want(p.io[0], true, true);
	assert_string_equal(t.text, "");
	loop_run(t.loop);
	assert_string_equal(t.text, "f");
	loop_io_want(p.io[0], true, false);
	loop_io_free(p.io[0]); /* the queued report must not come */
	loop_free(t.loop);
	assert_string_equal(t.text, "f");
	fclose(file);
}

/* --- timers --- */

struct alarm {
	struct trace *trace;
	char c;
	struct loop_timer *timer, *other;
	int64_t due;
};

static void alarm_rang(void *arg)
{
	struct alarm *a = arg;

	assert_true(loop_now(a->trace->loop) >= a->due);
	note(a->trace, a->c);
	if (a->other != NULL)
		loop_timer_free(a->other);
	a->other = NULL;
}

static void alarm_init(struct alarm *a, struct trace *t, char c)
{
	*a = (struct alarm){.trace = t, .c = c};
	a->timer = loop_timer_new(t->loop, alarm_rang, a);
	assert_non_null(a->timer);
}

static void alarm_set(struct alarm *a, uint32_t ms)
{
	a->due = loop_now(a->trace->loop) + ms;
	loop_timer_set(a->timer, ms);
}

static void test_timers_in_order_replaced_and_stopped(void **state)
{
	struct trace t = trace_of(4);
	struct alarm a[5];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		alarm_init(&a[i], &t, (char)('a' + i));
	alarm_set(&a[0], 40);
	alarm_set(&a[1], 60000);
	alarm_set(&a[1], 20); /* nearer than before */
	alarm_set(&a[2], 1);
	alarm_set(&a[2], 60); /* further than before */
	alarm_set(&a[3], 10);
	loop_timer_stop(a[3].timer);
	alarm_set(&a[4], 5);
	loop_timer_stop(a[4].timer);
	alarm_set(&a[4], 50); /* set again after a stop */
	loop_run(t.loop);
	assert_string_equal(t.text, "baec");
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		loop_timer_free(a[i].timer);
	loop_free(t.loop);
}

static void test_timer_is_one_shot_and_never_early(void **state)
{
	struct trace t = trace_of(0);
	struct alarm a;

	(void)state;
	alarm_init(&a, &t, 'a');
	for (t.stop_at = 1; t.stop_at <= 20; t.stop_at++) {
		alarm_set(&a, 3);
		loop_run(t.loop);
	}
	assert_int_equal(t.n, 20);
	loop_timer_free(a.timer);
	loop_free(t.loop);
}

static void test_timer_freed_by_another_of_this_turn(void **state)
{
	struct trace t = trace_of(2);
	struct alarm a, b, end;

	(void)state;
	alarm_init(&a, &t, 'a');
	alarm_init(&b, &t, 'b');
	alarm_init(&end, &t, 'e');
	a.other = b.timer;
	b.other = a.timer;
	alarm_set(&a, 0);
	alarm_set(&b, 0);
	alarm_set(&end, 20);
	loop_run(t.loop);
	assert_string_equal(t.text + 1, "e"); /* one of the two, never both */
	loop_timer_free(t.text[0] == 'a' ? a.timer : b.timer);
	loop_timer_free(end.timer);
	loop_free(t.loop);
}

/* --- clock --- */

static void clock_read(void *arg, unsigned ready)
{
	struct pair *p = arg;
	struct timespec work = {.tv_nsec = 5 * 1000 * 1000};

	(void)ready;
	if (p->calls++ == 0)
		p->now = loop_now(p->trace->loop);
	assert_int_equal(loop_now(p->trace->loop), p->now);
	nanosleep(&work, NULL); /* as if this callback took long */
	if (p->calls == 2)
		loop_stop(p->trace->loop);
}

static void test_now_stands_still_in_a_turn_and_moves_on(void **state)
{
	struct trace t = trace_of(0);
	struct pair *p = pair_new(&t, clock_read);

	(void)state;
	loop_io_want(p->io[0], false, true);
	loop_io_want(p->io[1], false, true);
	loop_run(t.loop);
	assert_int_equal(p->calls, 2);
	assert_int_equal(loop_now(t.loop), p->now);
	loop_io_want(p->io[0], false, false);
	loop_io_want(p->io[1], false, false);
	run_for(t.loop, 1);
	assert_true(loop_now(t.loop) >= p->now + 10);
	assert_true(loop_wall(t.loop) > 1500000000);
	pair_free(p);
	loop_free(t.loop);
}

/* --- posts --- */

enum { POSTERS = 4, POSTS = 500 };

struct poster {
	struct crowd *crowd;
	pthread_t thread;
	int sent;
	int seen; /* loop's thread only */
};

struct crowd {
	struct loop *loop;
	pthread_t home;
	int total;
	struct poster posters[POSTERS];
};

struct message {
	struct poster *from;
	int number;
};

static void message_came(void *arg)
{
	struct message *m = arg;
	struct crowd *c = m->from->crowd;

	assert_true(pthread_equal(pthread_self(), c->home));
	assert_int_equal(m->number, m->from->seen); /* a thread's posts stay in order */
	m->from->seen++;
	if (++c->total == POSTERS * POSTS)
		loop_stop(c->loop);
	free(m);
}

static void *poster_main(void *arg)
{
	struct poster *p = arg;

	for (; p->sent < POSTS; p->sent++) {
		struct message *m = malloc(sizeof(*m));

		if (m == NULL)
			abort();
		*m = (struct message){p, p->sent};
		if (!loop_post(p->crowd->loop, message_came, m))
			abort();
	}
	return NULL;
}

static void test_posts_from_many_threads(void **state)
{
	struct crowd c = {.loop = loop_new(), .home = pthread_self()};

	(void)state;
	assert_non_null(c.loop);
	for (int i = 0; i < POSTERS; i++) {
		c.posters[i].crowd = &c;
		assert_int_equal(pthread_create(&c.posters[i].thread, NULL, poster_main, &c.posters[i]), 0);
	}
	loop_run(c.loop);
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(c.posters[i].thread, NULL);
		assert_int_equal(c.posters[i].seen, POSTS);
	}
	loop_free(c.loop);
}

static int64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A wake-up that were not taken back would make every turn return at once. */
static void test_loop_rests_after_a_post(void **state)
{
	struct trace t = trace_of(1);
	struct letter a = {&t, 'a', {0}};
	int64_t before = cpu_ms();

	(void)state;
	assert_true(loop_post(t.loop, letter_noted, &a));
	loop_run(t.loop);
	run_for(t.loop, 200);
	assert_true(cpu_ms() - before < 50);
	loop_free(t.loop);
}

static void test_unrun_posts_are_dropped(void **state)
{
	struct trace t = trace_of(0);
	struct letter a = {&t, 'a', {0}};

	(void)state;
	assert_true(loop_post(t.loop, letter_noted, &a));
	assert_true(loop_post(t.loop, letter_noted, &a));
	loop_free(t.loop);
	assert_string_equal(t.text, "");
}

static void test_stop_before_run_counts_once(void **state)
{
	struct trace t = trace_of(1);
	struct letter a = {&t, 'a', {0}};

	(void)state;
	loop_stop(t.loop);
	loop_run(t.loop);
	assert_true(loop_post(t.loop, letter_noted, &a));
	loop_run(t.loop);
	assert_string_equal(t.text, "a");
	loop_free(t.loop);
}

/* --- signals --- */

static void test_signals(void **state)
{
	struct trace t = trace_of(1);
	struct letter a = {&t, 'h', {0}}, b = {&t, 'u', {0}};
	struct loop_signal *hup = loop_signal_new(t.loop, SIGHUP, letter_noted, &a);
	struct loop_signal *usr = loop_signal_new(t.loop, SIGUSR1, letter_noted, &b);

	(void)state;
	assert_non_null(hup);
	assert_non_null(usr);
	for (t.stop_at = 1; t.stop_at <= 2; t.stop_at++) {
		assert_int_equal(raise(SIGHUP), 0);
		loop_run(t.loop);
	}
	t.stop_at = 3;
	assert_int_equal(raise(SIGUSR1), 0);
	loop_run(t.loop);
	assert_string_equal(t.text, "hhu");
	loop_signal_free(hup);
	loop_signal_free(usr);
	loop_signal_free(NULL);
	loop_free(t.loop);
}

static void test_null_is_taken(void **state)
{
	(void)state;
	loop_free(NULL);
	loop_io_free(NULL);
	loop_timer_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defer_keeps_order_and_nests),
	    cmocka_unit_test(test_free_runs_deferred),
	    cmocka_unit_test(test_deferred_comes_after_all_callbacks),
	    cmocka_unit_test(test_io_free_silences_this_turn),
	    cmocka_unit_test(test_want_is_level_triggered_and_switches),
	    cmocka_unit_test(test_unwatchable_is_reported),
	    cmocka_unit_test(test_timers_in_order_replaced_and_stopped),
	    cmocka_unit_test(test_timer_is_one_shot_and_never_early),
	    cmocka_unit_test(test_timer_freed_by_another_of_this_turn),
	    cmocka_unit_test(test_now_stands_still_in_a_turn_and_moves_on),
	    cmocka_unit_test(test_posts_from_many_threads),
	    cmocka_unit_test(test_loop_rests_after_a_post),
	    cmocka_unit_test(test_unrun_posts_are_dropped),
	    cmocka_unit_test(test_stop_before_run_counts_once),
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_null_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
