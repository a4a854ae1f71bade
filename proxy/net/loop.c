#include "sallyport/loop.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sallyport/log.h"

#define MAGIC_LOOP 0x6c6f6f70u
#define MAGIC_IO 0x696f696fu
#define MAGIC_TIMER 0x74696d65u
#define MAGIC_SIGNAL 0x7369676eu

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	unsigned magic;
	bool stop;
	bool ticked; /* now is this turn's */
	int64_t now;
	struct event_base *base;
	struct loop_later *later_first, **later_end;

	int wake; /* eventfd, readable while posts wait */
	struct event wake_event;
	pthread_mutex_t lock; /* guards the posts, the only part that other threads touch */
	struct post *post_first, **post_end;
};

struct loop_io {
	unsigned magic;
	bool reading, writing;
	bool failing; /* the deferred report is queued */
	struct loop *loop;
	void (*fn)(void *arg, unsigned ready); /* NULL: freed, memory goes at the end of the turn */
	void *arg;
	struct event rd, wr;
	struct loop_later report, bury;
};

struct loop_timer {
	unsigned magic;
	bool pending; /* set; libevent calls at wakes, which due may have moved away from */
	int64_t due, wakes;
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	struct event ev;
	struct loop_later bury;
};

struct loop_signal {
	unsigned magic;
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	struct event ev;
	struct loop_later bury;
};

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	ENSURE(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* libevent has no hook between waiting and dispatching, so the first callback of a turn reads the clock. */
static void tick(struct loop *loop)
{
	if (!loop->ticked) {
		loop->now = monotonic_ms();
		loop->ticked = true;
	}
}

static void run_later(struct loop *loop)
{
	while (loop->later_first != NULL) {
		struct loop_later *node = loop->later_first;

		loop->later_first = node->next;
		if (node->next == NULL)
			loop->later_end = &loop->later_first;
		node->fn(node->arg); /* may free node, may defer more */
	}
}

/* --- posts from other threads --- */

static struct post *take_posts(struct loop *loop)
{
	struct post *first;

	pthread_mutex_lock(&loop->lock);
	first = loop->post_first;
	loop->post_first = NULL;
	loop->post_end = &loop->post_first;
	pthread_mutex_unlock(&loop->lock);
	return first;
}

static void wake_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	struct post *post;
	uint64_t count;

	(void)what;
	MAGIC_CHECK(loop, MAGIC_LOOP);
	tick(loop);
	/* Reset before taking: a post that comes in between wakes us once more, rather than never. */
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	post = take_posts(loop);
	while (post != NULL) {
		struct post *next = post->next;

		post->fn(post->arg);
		free(post);
		post = next;
	}
}

bool loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct post *post = malloc(sizeof(*post));
	bool first;

	if (post == NULL)
		return false;
	*post = (struct post){NULL, fn, arg};
	pthread_mutex_lock(&loop->lock);
	first = loop->post_first == NULL;
	*loop->post_end = post;
	loop->post_end = &post->next;
	/* Under the lock, so that the loop can't have taken the post, stopped and been freed before the write. */
	if (first)
		ENSURE(eventfd_write(loop->wake, 1) == 0);
	pthread_mutex_unlock(&loop->lock);
	return true;
}

/* --- the loop --- */

/* libevent would print its own lines on stderr, between ours. */
static void log_libevent(int severity, const char *text)
{
	log_text(severity == EVENT_LOG_DEBUG ? LOG_DEBUG : LOG_WARNING, "libevent", "%s", text);
}

static struct event_base *epoll_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* No locks: only loop_post() is called from other threads, and that has its own. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_require_features(config, EV_FEATURE_O1) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	event_set_log_callback(log_libevent);
	if (loop == NULL)
		return NULL;
	loop->magic = MAGIC_LOOP;
	loop->later_end = &loop->later_first;
	loop->post_end = &loop->post_first;
	loop->wake = -1;
	ENSURE(pthread_mutex_init(&loop->lock, NULL) == 0);
	loop->base = epoll_base();
	if (loop->base == NULL)
		goto fail;
	loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake < 0)
		goto fail;
	if (event_assign(&loop->wake_event, loop->base, loop->wake, EV_READ | EV_PERSIST, wake_ready, loop) != 0 ||
	    event_add(&loop->wake_event, NULL) != 0)
		goto fail;
	tick(loop);
	return loop;
fail:
	loop_free(loop);
	return NULL;
}

struct event_base *loop_event_base(struct loop *loop)
{
	MAGIC_CHECK(loop, MAGIC_LOOP);
	return loop->base;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	MAGIC_CHECK(loop, MAGIC_LOOP);
	run_later(loop);
	for (struct post *post = take_posts(loop), *next; post != NULL; post = next) {
		next = post->next;
		free(post);
	}
	if (event_initialized(&loop->wake_event))
		(void)event_del(&loop->wake_event);
	if (loop->base != NULL)
		event_base_free(loop->base);
	if (loop->wake >= 0)
		(void)close(loop->wake);
	pthread_mutex_destroy(&loop->lock);
	loop->magic = 0;
	free(loop);
}

void loop_run(struct loop *loop)
{
	MAGIC_CHECK(loop, MAGIC_LOOP);
	run_later(loop);
	while (!loop->stop) {
		loop->ticked = false;
		/* Fails only if the epoll descriptor itself is broken. */
		ENSURE(event_base_loop(loop->base, EVLOOP_ONCE) == 0);
		tick(loop);
		run_later(loop);
	}
	loop->stop = false;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

int64_t loop_now(const struct loop *loop)
{
	return loop->now;
}

int64_t loop_wall(const struct loop *loop)
{
	(void)loop;
	return (int64_t)time(NULL);
}

void loop_defer(struct loop *loop, struct loop_later *node, void (*fn)(void *arg), void *arg)
{
	*node = (struct loop_later){NULL, fn, arg};
	*loop->later_end = node;
	loop->later_end = &node->next;
}

/* --- descriptors --- */

static void io_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;

	(void)fd;
	MAGIC_CHECK(io, MAGIC_IO);
	tick(io->loop);
	if (io->fn != NULL)
		io->fn(io->arg, (what & EV_READ) != 0 ? LOOP_READ : LOOP_WRITE);
}

static void io_report(void *arg)
{
	struct loop_io *io = arg;

	MAGIC_CHECK(io, MAGIC_IO);
	io->failing = false;
	if (io->fn != NULL)
		io->fn(io->arg, LOOP_FAILED);
}

struct loop_io *loop_io_new(struct loop *loop, int fd, void (*fn)(void *arg, unsigned ready), void *arg)
{
	struct loop_io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	io->magic = MAGIC_IO;
	io->loop = loop;
	io->fn = fn;
	io->arg = arg;
	/* Assigned once, for life: re-assigning an event that libevent still holds corrupts its lists. */
	ENSURE(event_assign(&io->rd, loop->base, fd, EV_READ | EV_PERSIST, io_ready, io) == 0);
	ENSURE(event_assign(&io->wr, loop->base, fd, EV_WRITE | EV_PERSIST, io_ready, io) == 0);
	return io;
}

/* True if the event is now as wanted. */
static bool io_switch(struct event *ev, bool *is, bool want)
{
	if (*is == want)
		return true;
	if (!want)
		(void)event_del(ev);
	else if (event_add(ev, NULL) != 0)
		return false;
	*is = want;
	return true;
}

void loop_io_want(struct loop_io *io, bool read, bool write)
{
	bool ok;

	MAGIC_CHECK(io, MAGIC_IO);
	ENSURE(io->fn != NULL);
	ok = io_switch(&io->rd, &io->reading, read);
	ok = io_switch(&io->wr, &io->writing, write) && ok;
	if (!ok && !io->failing) {
		io->failing = true;
		loop_defer(io->loop, &io->report, io_report, io);
	}
}

static void io_bury(void *arg)
{
	struct loop_io *io = arg;

	io->magic = 0;
	free(io);
}

void loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	MAGIC_CHECK(io, MAGIC_IO);
	ENSURE(io->fn != NULL);
	(void)event_del(&io->rd);
	(void)event_del(&io->wr);
	io->fn = NULL;
	/* After a queued report: the deferred list keeps its order. */
	loop_defer(io->loop, &io->bury, io_bury, io);
}

/* --- timers --- */

static void timer_arm(struct loop_timer *t);

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd;
	(void)what;
	MAGIC_CHECK(t, MAGIC_TIMER);
	tick(t->loop);
	t->pending = false;
	if (t->fn == NULL)
		return;
	/* Put off since it was armed; or early, as libevent counts on a coarse clock. */
	if (t->loop->now < t->due) {
		timer_arm(t);
		return;
	}
	t->fn(t->arg);
}

static void timer_arm(struct loop_timer *t)
{
	int64_t ms = t->due - t->loop->now;
	struct timeval tv;

	if (ms < 0)
		ms = 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	t->wakes = t->due;
	if (event_add(&t->ev, &tv) != 0) {
		/* No memory.  A deadline that comes at once fails one stream; one that never comes holds it for ever.
		 */
		t->due = t->wakes = t->loop->now;
		(void)event_del(&t->ev);
		event_active(&t->ev, EV_TIMEOUT, 1);
	}
	t->pending = true;
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->magic = MAGIC_TIMER;
	t->loop = loop;
	t->fn = fn;
	t->arg = arg;
	ENSURE(event_assign(&t->ev, loop->base, -1, 0, timer_fired, t) == 0);
	return t;
}

void loop_timer_set(struct loop_timer *t, uint32_t ms)
{
	MAGIC_CHECK(t, MAGIC_TIMER);
	ENSURE(t->fn != NULL);
	t->due = t->loop->now + ms;
	/* A deadline that only moves away costs nothing: it is armed anew when it wakes too early. */
	if (!t->pending || t->wakes > t->due)
		timer_arm(t);
}

void loop_timer_stop(struct loop_timer *t)
{
	MAGIC_CHECK(t, MAGIC_TIMER);
	t->pending = false;
	(void)event_del(&t->ev);
}

static void timer_bury(void *arg)
{
	struct loop_timer *t = arg;

	t->magic = 0;
	free(t);
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	loop_timer_stop(t);
	ENSURE(t->fn != NULL);
	t->fn = NULL;
	loop_defer(t->loop, &t->bury, timer_bury, t);
}

/* --- signals --- */

static void signal_came(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)signo;
	(void)what;
	MAGIC_CHECK(s, MAGIC_SIGNAL);
	tick(s->loop);
	if (s->fn != NULL)
		s->fn(s->arg);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signo, void (*fn)(void *arg), void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->magic = MAGIC_SIGNAL;
	s->loop = loop;
	s->fn = fn;
	s->arg = arg;
	if (event_assign(&s->ev, loop->base, signo, EV_SIGNAL | EV_PERSIST, signal_came, s) == 0 &&
	    event_add(&s->ev, NULL) == 0)
		return s;
	free(s);
	return NULL;
}

static void signal_bury(void *arg)
{
	struct loop_signal *s = arg;

	s->magic = 0;
	free(s);
}

void loop_signal_free(struct loop_signal *s)
{
	if (s == NULL)
		return;
	MAGIC_CHECK(s, MAGIC_SIGNAL);
	ENSURE(s->fn != NULL);
	(void)event_del(&s->ev);
	s->fn = NULL;
	loop_defer(s->loop, &s->bury, signal_bury, s);
}
