/* keys_fake: supervisor and key process in one, at the other end of the sockets, in the test's own thread.
 *
 * keys_remote.c, which is included here, waits for answers with poll(): the fake reads the question and answers before
 * the real poll() looks.  So everything happens in one order, and who never answers costs no time. */
#ifndef SALLYPORT_TEST_TRUST_KEYS_FAKE_H
#define SALLYPORT_TEST_TRUST_KEYS_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>

#include "sallyport/base.h"

static int fake_poll(struct pollfd *p, nfds_t n, int ms);

#define poll fake_poll
#include "../../../proxy/trust/keys_remote.c"
#undef poll

enum { FAKE_LINES = 2, FAKE_ENDS = 2 + FAKE_LINES, FAKE_HOME = 0, FAKE_LIFE, FAKE_LINE };

/* What goes wrong with an answer. */
enum twist {
	TWIST_NONE,
	TWIST_KIND,     /* it is another one's */
	TWIST_TICKET,   /* so is its ticket */
	TWIST_SHORT,    /* less than a head */
	TWIST_LARGE,    /* more than there is room for */
	TWIST_FD_LESS,  /* a descriptor is missing */
	TWIST_FD_MORE,  /* there is one more */
	TWIST_FD_FLOOD, /* there are far more */
	TWIST_BODY,     /* a body of the wrong shape */
	TWIST_HANG_UP,  /* the connection ends instead */
	TWIST_SILENT,   /* none comes */
	TWIST_LATE,     /* it comes before the next one */
	TWISTS
};

struct fake {
	int ask;            /* -1: hung up */
	int end[FAKE_ENDS]; /* of the key process; -1: not there */
	enum twist twist;   /* of … */
	unsigned fair;      /* … the answer after so many */
	uint32_t error;     /* of STARTED and OPENED */
	bool changed;       /* other keys are in the files by now */
	bool silent;        /* nothing will come of the last question */
	unsigned started, loaded, refused, forgotten, reread;
	uint64_t last_forgotten;
	struct keymsg late;
	char room[KEYMSG_MAX];
	struct keymsg_in in;
};

static struct fake *the_fake; /* poll() has no other way to it */

static inline unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* The key process dies. */
static inline void fake_die(struct fake *f)
{
	for (int i = 0; i < FAKE_ENDS; i++)
		close_fd(&f->end[i]);
}

static inline struct fake *fake_new(int *ask)
{
	struct fake *f = calloc(1, sizeof(*f));
	int ends[2];

	assert_true(f != NULL && keymsg_pair(ends));
	for (int i = 0; i < FAKE_ENDS; i++)
		f->end[i] = -1;
	f->ask = ends[0];
	*ask = ends[1];
	the_fake = f;
	return f;
}

static inline void fake_free(struct fake *f)
{
	fake_die(f);
	close_fd(&f->ask);
	the_fake = NULL;
	free(f);
}

/* A test's own message, as it is. */
static inline void fake_say(int fd, struct keymsg m, struct span body)
{
	assert_int_equal(keymsg_send(fd, &m, body, NULL, 0, false), KEYMSG_DONE);
}

/* fds stay the caller's. */
static void answer(struct fake *f, int *fd, struct keymsg m, struct span body, const int *fds, size_t n)
{
	static char much[KEYMSG_MAX + 1];
	int many[KEYMSG_FDS];
	enum twist twist = f->fair == 0 ? f->twist : TWIST_NONE;

	for (size_t i = 0; i < KEYMSG_FDS; i++)
		many[i] = i < n ? fds[i] : STDERR_FILENO;
	if (f->twist != TWIST_NONE && f->fair > 0)
		f->fair--;
	else
		f->twist = TWIST_NONE;
	if (twist == TWIST_KIND)
		m.kind = KEYMSG_REREAD;
	else if (twist == TWIST_TICKET)
		m.ticket++;
	else if (twist == TWIST_LARGE)
		body = (struct span){much, sizeof(much)};
	else if (twist == TWIST_BODY)
		body = (struct span){"\xff\xff\xff", 3};
	else if (twist == TWIST_FD_LESS)
		n -= n > 0;
	else if (twist == TWIST_FD_MORE)
		n++;
	else if (twist == TWIST_FD_FLOOD)
		n = KEYMSG_FDS;
	if (twist == TWIST_SHORT)
		assert_int_equal(write(*fd, "x", 1), 1);
	else if (twist == TWIST_HANG_UP && fd == &f->ask)
		close_fd(fd);
	else if (twist == TWIST_HANG_UP)
		fake_die(f);
	else if (twist != TWIST_SILENT && twist != TWIST_LATE)
		assert_int_equal(keymsg_send(*fd, &m, body, many, n, false), KEYMSG_DONE);
	f->silent = twist == TWIST_SILENT || twist == TWIST_LATE || twist == TWIST_TICKET;
	if (twist == TWIST_LATE)
		f->late = m;
}

static void on_start(struct fake *f)
{
	struct keymsg m = {.kind = KEYMSG_STARTED, .number = f->error, .ticket = f->in.head.ticket};
	int its[FAKE_ENDS];

	assert_int_equal(f->in.head.number, FAKE_LINES);
	f->started++;
	fake_die(f);
	for (int i = 0; i < FAKE_ENDS; i++) {
		int ends[2];

		assert_true(keymsg_pair(ends));
		f->end[i] = ends[0];
		its[i] = ends[1];
	}
	answer(f, &f->ask, m, SPAN_NONE, its, f->error == 0 ? FAKE_ENDS : 0);
	for (int i = 0; i < FAKE_ENDS; i++)
		close_fd(&its[i]);
	if (f->error != 0)
		fake_die(f);
}

/* A file of this name holds no key. */
#define FAKE_BAD "bad"
/* The public key of all others, and a chain of two bytes. */
#define FAKE_KEY "\0\0\3key"
#define FAKE_CHAIN "ab"

static void on_load(struct fake *f)
{
	bool bad = strcmp(f->in.body.p, FAKE_BAD) == 0;
	struct keymsg m = {.kind = KEYMSG_LOADED, .number = !bad, .ticket = f->in.head.ticket, .key = f->in.head.key};
	struct span body = f->changed ? SPAN("\0\0\3KEY" FAKE_CHAIN) : SPAN(FAKE_KEY FAKE_CHAIN);

	assert_string_equal(f->in.body.p + strlen(f->in.body.p) + 1, "file");
	if (f->end[FAKE_HOME] < 0)
		return;
	f->loaded += !bad;
	f->refused += bad;
	answer(f, &f->end[FAKE_HOME], m, bad ? SPAN("bad: no") : body, NULL, 0);
}

static void on_open(struct fake *f)
{
	struct keymsg m = {.kind = KEYMSG_OPENED, .number = f->error, .ticket = f->in.head.ticket};
	int fd = open(f->in.body.p, O_RDONLY | O_CLOEXEC);

	if (f->late.kind == KEYMSG_OPENED) { /* /dev/null stands for the earlier question's file */
		int late = open("/dev/null", O_RDONLY | O_CLOEXEC);

		assert_int_equal(keymsg_send(f->ask, &f->late, SPAN_NONE, &late, 1, false), KEYMSG_DONE);
		f->late = (struct keymsg){.kind = 0};
		(void)close(late);
	}
	assert_true(fd >= 0);
	answer(f, &f->ask, m, SPAN_NONE, &fd, f->error == 0 && f->in.head.number == 0);
	(void)close(fd);
}

/* Answers all that has been asked of the supervisor, and takes notice of what the key process is told. */
static void fake_serve(struct fake *f)
{
	while (f->ask >= 0 && keymsg_recv(f->ask, &f->in, f->room, sizeof(f->room), false) == KEYMSG_DONE) {
		assert_int_equal(f->in.fds_n, 0);
		if (f->in.head.kind == KEYMSG_START)
			on_start(f);
		else if (f->in.head.kind == KEYMSG_LOAD)
			on_load(f);
		else if (f->in.head.kind == KEYMSG_OPEN)
			on_open(f);
		else
			f->reread += f->in.head.kind == KEYMSG_REREAD;
	}
	while (f->end[FAKE_HOME] >= 0) {
		enum keymsg_rc rc = keymsg_recv(f->end[FAKE_HOME], &f->in, f->room, sizeof(f->room), false);

		if (rc == KEYMSG_AGAIN)
			return;
		if (rc == KEYMSG_ENDED) {
			fake_die(f); /* as the real one does */
			return;
		}
		assert_int_equal(f->in.head.kind, KEYMSG_FORGET);
		f->forgotten++;
		f->last_forgotten = f->in.head.key;
	}
}

static int fake_poll(struct pollfd *p, nfds_t n, int ms)
{
	int n_ready;

	assert_true(ms == PATIENCE_MS && p->fd >= 0);
	fake_serve(the_fake);
	n_ready = poll(p, n, 0);
	/* what is not there now will never be: to wait for it is right only if the fake is slow */
	assert_true(n_ready == 1 || the_fake->silent);
	return n_ready;
}

/* --- keys of such a process --- */

struct told {
	unsigned n, keys;
	struct keys_key *key[KEYS_BATCH]; /* NULL: refused */
	char error[128];
};

static void note_told(void *arg, size_t i, const struct keys_loaded *loaded)
{
	struct told *t = arg;

	assert_int_equal(i, t->n);
	t->key[t->n++] = loaded->key;
	assert_true((loaded->key == NULL) == (loaded->error != NULL));
	if (loaded->error != NULL)
		(void)snprintf(t->error, sizeof(t->error), "%s", loaded->error);
	t->keys += loaded->key != NULL;
}

static inline bool load_some(struct keys *keys, unsigned n, const struct keys_files *files, struct told *t)
{
	static const struct keys_files good = {"good", "file"};
	struct keys_files all[KEYS_BATCH];

	for (unsigned i = 0; i < n; i++)
		all[i] = files != NULL ? files[i] : good;
	*t = (struct told){.n = 0};
	return keys_load(keys, all, n, note_told, t);
}

static inline void release(struct told *t)
{
	for (unsigned i = 0; i < t->n; i++)
		keys_key_unref(t->key[i]);
}

/* --- the network process's loop --- */

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* Until it holds, or ten seconds are over; the fake does its part in between. */
static inline void run_until(struct fake *f, struct loop *loop, bool (*holds)(void *arg), void *arg)
{
	struct loop_timer *tick = loop_timer_new(loop, stop_loop, loop);
	unsigned turns = 0;

	assert_non_null(tick);
	while (!holds(arg)) {
		assert_true(turns++ < 5000);
		fake_serve(f);
		loop_timer_set(tick, 2);
		loop_run(loop);
	}
	loop_timer_free(tick);
}

#endif
