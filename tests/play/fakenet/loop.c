/* The fake loop: turns that are run by hand, a clock that moves when told. */
#include "fakenet.h"

#include <stdlib.h>

struct loop_io {
	struct loop_io *next;
	struct loop *loop;
	int fd;
	bool reading, writing, freed;
	void (*fn)(void *arg, unsigned ready);
	void *arg;
};

struct loop_timer {
	struct loop_timer *next;
	struct loop *loop;
	bool set, freed;
	int64_t due;
	uint64_t order; /* of setting: equal deadlines fire in it */
	void (*fn)(void *arg);
	void *arg;
};

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int64_t jumped; /* seconds by which the machine's clock was put right */
	int64_t now;
	uint64_t order;
	struct loop_io *ios;
	struct loop_timer *timers;
	struct loop_later *later_first, **later_end;
	struct post *post_first, **post_end;
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->now = 1000000; /* not 0: an unset deadline must not look like a past one */
	loop->later_end = &loop->later_first;
	loop->post_end = &loop->post_first;
	return loop;
}

static bool run_later(struct loop *loop)
{
	bool any = loop->later_first != NULL;

	while (loop->later_first != NULL) {
		struct loop_later *node = loop->later_first;

		loop->later_first = node->next;
		if (node->next == NULL)
			loop->later_end = &loop->later_first;
		node->fn(node->arg);
	}
	return any;
}

static bool run_posts(struct loop *loop)
{
	struct post *post = loop->post_first;
	bool any = post != NULL;

	loop->post_first = NULL;
	loop->post_end = &loop->post_first;
	while (post != NULL) {
		struct post *next = post->next;

		post->fn(post->arg);
		free(post);
		post = next;
	}
	return any;
}

/* Freed watches and timers stay linked until the end of the turn, as a callback may free any of them. */
static void sweep(struct loop *loop)
{
	for (struct loop_io **at = &loop->ios; *at != NULL;) {
		struct loop_io *io = *at;

		if (!io->freed) {
			at = &io->next;
			continue;
		}
		*at = io->next;
		free(io);
	}
	for (struct loop_timer **at = &loop->timers; *at != NULL;) {
		struct loop_timer *t = *at;

		if (!t->freed) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	run_later(loop);
	while (loop->post_first != NULL) {
		struct post *post = loop->post_first;

		loop->post_first = post->next;
		free(post);
	}
	sweep(loop);
	ENSURE(loop->ios == NULL && loop->timers == NULL);
	free(loop);
}

int64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

void fake_loop_jump(struct loop *loop, int64_t seconds)
{
	loop->jumped += seconds;
}

int64_t loop_wall(const struct loop *loop)
{
	return FAKE_EPOCH + loop->jumped + (loop->now - 1000000) / 1000;
}

void loop_defer(struct loop *loop, struct loop_later *node, void (*fn)(void *arg), void *arg)
{
	*node = (struct loop_later){NULL, fn, arg};
	*loop->later_end = node;
	loop->later_end = &node->next;
}

bool loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct post *post = malloc(sizeof(*post));

	if (post == NULL)
		return false;
	*post = (struct post){NULL, fn, arg};
	*loop->post_end = post;
	loop->post_end = &post->next;
	return true;
}

/* --- descriptors --- */

struct loop_io *loop_io_new(struct loop *loop, int fd, void (*fn)(void *arg, unsigned ready), void *arg)
{
	struct loop_io *io = calloc(1, sizeof(*io));
	struct loop_io **end = &loop->ios;

	if (io == NULL)
		return NULL;
	*io = (struct loop_io){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
	while (*end != NULL)
		end = &(*end)->next;
	*end = io;
	return io;
}

void loop_io_want(struct loop_io *io, bool read, bool write)
{
	ENSURE(!io->freed);
	io->reading = read;
	io->writing = write;
}

void loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	ENSURE(!io->freed);
	io->freed = true;
}

/* One call for each direction, as the real loop does. */
static bool io_turn(struct loop_io *io)
{
	unsigned ready = io->freed ? 0 : fake_net_ready(io->fd);
	bool any = false;

	if (!io->freed && io->reading && (ready & LOOP_READ) != 0) {
		io->fn(io->arg, LOOP_READ);
		any = true;
	}
	if (!io->freed && io->writing && (ready & LOOP_WRITE) != 0) {
		io->fn(io->arg, LOOP_WRITE);
		any = true;
	}
	return any;
}

/* --- timers --- */

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = (struct loop_timer){.next = loop->timers, .loop = loop, .fn = fn, .arg = arg};
	loop->timers = t;
	return t;
}

void loop_timer_set(struct loop_timer *t, uint32_t ms)
{
	ENSURE(!t->freed);
	t->set = true;
	t->due = t->loop->now + ms;
	t->order = t->loop->order++;
}

void loop_timer_stop(struct loop_timer *t)
{
	ENSURE(!t->freed);
	t->set = false;
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	ENSURE(!t->freed);
	t->set = false;
	t->freed = true;
}

static struct loop_timer *next_timer(const struct loop *loop, int64_t until)
{
	struct loop_timer *next = NULL;

	for (struct loop_timer *t = loop->timers; t != NULL; t = t->next) {
		if (!t->set || t->due > until)
			continue;
		if (next == NULL || t->due < next->due || (t->due == next->due && t->order < next->order))
			next = t;
	}
	return next;
}

static bool run_timers(struct loop *loop)
{
	uint64_t last = loop->order; /* those set by these callbacks wait for the next turn */
	bool any = false;
	struct loop_timer *t;

	while ((t = next_timer(loop, loop->now)) != NULL && t->order < last) {
		t->set = false;
		t->fn(t->arg);
		any = true;
	}
	return any;
}

/* --- by hand --- */

static bool turn(struct loop *loop)
{
	bool any = false;
	struct loop_io *last = loop->ios;
	bool was = fake_inside(true);

	fake_net_turn();
	/* Those that the callbacks add stand behind the last and wait for the next turn. */
	while (last != NULL && last->next != NULL)
		last = last->next;
	for (struct loop_io *io = loop->ios; io != NULL; io = io->next) {
		any = io_turn(io) || any;
		if (io == last)
			break;
	}
	any = run_timers(loop) || any;
	any = run_posts(loop) || any;
	any = run_later(loop) || any;
	sweep(loop);
	(void)fake_inside(was);
	return any;
}

bool fake_loop_settle(struct loop *loop, unsigned turns)
{
	uint64_t moved = fake_net_moved();

	for (unsigned i = 0; i < turns; i++) {
		if (!turn(loop))
			return true;
		if (fake_net_moved() != moved)
			i = 0;
		moved = fake_net_moved();
	}
	return false;
}

bool fake_loop_advance(struct loop *loop, int64_t ms, unsigned turns)
{
	int64_t until = loop->now + ms;
	struct loop_timer *t;

	if (!fake_loop_settle(loop, turns))
		return false;
	while ((t = next_timer(loop, until)) != NULL) {
		if (t->due > loop->now)
			loop->now = t->due;
		if (!fake_loop_settle(loop, turns))
			return false;
	}
	loop->now = until;
	return fake_loop_settle(loop, turns);
}

size_t fake_loop_watches(const struct loop *loop)
{
	size_t n = 0;

	for (const struct loop_io *io = loop->ios; io != NULL; io = io->next)
		n += !io->freed;
	return n;
}

size_t fake_loop_timers(const struct loop *loop)
{
	size_t n = 0;

	for (const struct loop_timer *t = loop->timers; t != NULL; t = t->next)
		n += !t->freed;
	return n;
}
