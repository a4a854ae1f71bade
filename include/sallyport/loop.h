/* loop: readiness, timers, signals and deferred work on libevent; one loop a worker thread.
 *
 * Everything here belongs to the loop's own thread, but loop_post().  Play tests replace this module (with sock and
 * dns) by a fake with a clock of its own. */
#ifndef SALLYPORT_LOOP_H
#define SALLYPORT_LOOP_H

#include "sallyport/base.h"

struct event_base;
struct loop;
struct loop *loop_new(void); /* NULL: no memory or no epoll */
/* Runs what is still deferred, then frees; posts that have not run are dropped.  Everything made on the loop must have
 * been freed before.  Takes NULL. */
void loop_free(struct loop *loop);
/* For parts of libevent (evhttp) that want it themselves.  The loop's. */
struct event_base *loop_event_base(struct loop *loop);
/* Until the end of the turn in which loop_stop() is called; a stop before the start counts. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Monotonic milliseconds, constant during a turn. */
int64_t loop_now(const struct loop *loop);
/* Seconds since 1970, for certificates. */
int64_t loop_wall(const struct loop *loop);

/* Calls fn(arg) at the end of this turn, after all its callbacks: the safe place to free what a callback may still be
 * using.  Never fails: the caller embeds the node. */
struct loop_later {
	struct loop_later *next;
	void (*fn)(void *arg);
	void *arg;
};
void loop_defer(struct loop *loop, struct loop_later *node, void (*fn)(void *arg), void *arg);

/* From any thread that knows the loop is alive: calls fn(arg) on the loop's thread soon.  False: no memory. */
MUST_CHECK bool loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* --- descriptors --- */
/* LOOP_FAILED: what was wanted can't be watched (no memory in libevent or the kernel): give the descriptor up. */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_FAILED = 4 };
struct loop_io;
/* Watches fd, which stays the caller's and is closed after loop_io_free().  Nothing is wanted at first.  fn is called
 * with one of the above at a time: a descriptor that is readable and writable gives two calls.  NULL: no memory. */
struct loop_io *loop_io_new(struct loop *loop, int fd, void (*fn)(void *arg, unsigned ready), void *arg);
void loop_io_want(struct loop_io *io, bool read, bool write); /* level-triggered; cheap when nothing changes */
/* No callback after this, also not one of this turn.  Legal inside the callback.  Takes NULL. */
void loop_io_free(struct loop_io *io);

/* --- timers --- */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg); /* NULL: no memory */
/* One shot, ms after loop_now(), never earlier by that clock; replaces an earlier setting.  Cheap when it only puts a
 * deadline off, so set it freely on activity.  Never fails: without memory it fires at once after the present
 * callback. */
void loop_timer_set(struct loop_timer *t, uint32_t ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* no callback after this; takes NULL */

/* --- signals (one loop of the process only) --- */
struct loop_signal;
/* Every time signo comes.  NULL: no memory. */
struct loop_signal *loop_signal_new(struct loop *loop, int signo, void (*fn)(void *arg), void *arg);
void loop_signal_free(struct loop_signal *s); /* no callback after this; takes NULL */

#endif
