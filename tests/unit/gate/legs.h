/* legs: a loop, legs on it that note what they are told, and raw sockets at their other ends. */
#ifndef SALLYPORT_TEST_GATE_LEGS_H
#define SALLYPORT_TEST_GATE_LEGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/leg.h"

#define IN_MAX 65536u
#define OUT_MAX (1u << 20)

struct world {
	struct loop *loop;
	struct buf_pool *pool;
	unsigned sides;
};

static inline int world_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->loop = loop_new();
	w->pool = buf_pool_new(4);
	assert_true(w->loop != NULL && w->pool != NULL);
	*state = w;
	return 0;
}

static inline void world_end(struct world *w)
{
	if (w->sides > 0)
		return; /* the test failed in the middle */
	loop_free(w->loop);
	buf_pool_free(w->pool); /* aborts if a buffer still holds storage */
}

static inline int world_down(void **state)
{
	struct world *w = *state;

	world_end(w);
	free(w);
	return 0;
}

static inline void world_stop(void *arg)
{
	struct world *w = arg;

	loop_stop(w->loop);
}

/* What is ready now, and what was put off to the end of the turn; does not wait. */
static inline void turn(struct world *w)
{
	assert_true(loop_post(w->loop, world_stop, w));
	loop_run(w->loop);
}

/* Enough turns for all that two ends of this process can say to each other. */
static inline void settle(struct world *w)
{
	for (int i = 0; i < 30; i++)
		turn(w);
}

static inline double seconds(clockid_t clock)
{
	struct timespec t;

	assert_int_equal(clock_gettime(clock, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A condition that must come true; `step` is done before each look. */
#define UNTIL(cond, step)                                                                                              \
	do {                                                                                                           \
		double limit_ = seconds(CLOCK_MONOTONIC) + 20;                                                         \
		while (!(cond)) {                                                                                      \
			if (seconds(CLOCK_MONOTONIC) > limit_)                                                         \
				fail_msg("waited in vain for %s", #cond);                                              \
			step;                                                                                          \
		}                                                                                                      \
	} while (0)

/* Waits a fifth of a second in the loop.  True if it slept: a loop that spins uses as much processor as it gets. */
static inline bool sleeps(struct world *w)
{
	struct loop_timer *t = loop_timer_new(w->loop, world_stop, w);
	double before = seconds(CLOCK_THREAD_CPUTIME_ID);

	assert_non_null(t);
	loop_timer_set(t, 200);
	loop_run(w->loop);
	loop_timer_free(t);
	return seconds(CLOCK_THREAD_CPUTIME_ID) - before < 0.02;
}

struct side {
	struct world *w;
	struct leg *leg;
	char *got; /* all that was consumed */
	size_t got_n, got_cap;
	unsigned readable, secured, writable, ended, failed;
	size_t eat;   /* how much of leg_in() is consumed at each LEG_READABLE */
	bool calling; /* in a call of the owner's: no event may come from inside it */
	void (*on)(struct side *s, enum leg_event event); /* done in the callback, after what is above */
	void *more;
};

static inline void side_eat(struct side *s, size_t most)
{
	struct span have = buf_span(leg_in(s->leg));
	size_t n = have.n < most ? have.n : most;

	if (s->got_cap - s->got_n < n) {
		s->got_cap = 2 * s->got_cap + n;
		s->got = realloc(s->got, s->got_cap);
		assert_non_null(s->got);
	}
	if (n > 0)
		memcpy(s->got + s->got_n, have.p, n);
	s->got_n += n;
	buf_consume(leg_in(s->leg), n);
}

static inline void side_event(void *arg, enum leg_event event)
{
	struct side *s = arg;

	assert_false(s->calling);
	assert_true(s->ended == 0 && s->failed == 0);
	s->readable += event == LEG_READABLE;
	s->secured += event == LEG_SECURED;
	s->writable += event == LEG_WRITABLE;
	s->ended += event == LEG_ENDED;
	s->failed += event == LEG_FAILED;
	if (event == LEG_READABLE)
		side_eat(s, s->eat);
	if (s->on != NULL)
		s->on(s, event);
}

/* A leg on fd. */
static inline void side_up(struct side *s, struct world *w, int fd, size_t in_max, size_t out_max)
{
	*s = (struct side){.w = w, .eat = SIZE_MAX};
	w->sides++;
	s->leg = leg_new(w->loop, w->pool, fd, in_max, out_max, side_event, s);
	assert_non_null(s->leg);
}

static inline void side_down(struct side *s)
{
	leg_free(s->leg);
	s->leg = NULL;
	free(s->got);
	s->got = NULL;
	s->w->sides--;
}

/* In a callback: the leg goes. */
static inline void side_drop(struct side *s)
{
	leg_free(s->leg);
	s->leg = NULL;
}

static inline bool side_send(struct side *s, struct span bytes)
{
	bool ok;

	s->calling = true;
	ok = leg_send(s->leg, bytes);
	s->calling = false;
	return ok;
}

static inline bool side_say(struct side *s, struct span words)
{
	bool ok;

	assert_true(buf_put(leg_out(s->leg), words));
	s->calling = true;
	ok = leg_flush(s->leg);
	s->calling = false;
	return ok;
}

static inline void side_read_on(struct side *s, bool on)
{
	s->calling = true;
	leg_read_on(s->leg, on);
	s->calling = false;
}

static inline void side_shut(struct side *s)
{
	s->calling = true;
	leg_shut(s->leg);
	s->calling = false;
}

static inline bool side_got(const struct side *s, const char *text)
{
	return s->got_n == strlen(text) && memcmp(s->got, text, s->got_n) == 0;
}

/* --- raw ends --- */

static inline void set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* Two connected TCP sockets, so that a reset is one; the kernel holds only a little between them. */
static inline void tcp_pair(int *one, int *other)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), little = 16384;

	assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	*one = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(setsockopt(*one, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	assert_int_equal(setsockopt(*one, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	assert_int_equal(connect(*one, (struct sockaddr *)&at, n), 0);
	*other = accept(listener, NULL, NULL);
	assert_true(*other >= 0);
	close(listener);
	set_nonblocking(*one);
	set_nonblocking(*other);
}

static inline void put_raw(int fd, struct span bytes)
{
	assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
}

/* What is there, at most `most` bytes; *eof: the other side has finished. */
static inline size_t take_raw(int fd, char *to, size_t most, bool *eof)
{
	size_t got = 0;

	while (got < most) {
		ssize_t n = recv(fd, to + got, most - got, 0);

		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		if (n == 0)
			*eof = true;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* A reset rather than an end. */
static inline void reset_raw(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

/* Bytes that differ from their neighbours, so that a gap or a swap shows. */
static inline char *pattern(size_t n)
{
	char *p = malloc(n);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (char)(x >> 24);
	}
	return p;
}

#endif
