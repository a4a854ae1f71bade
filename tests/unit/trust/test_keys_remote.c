/* Keys in another process, whatever that or the supervisor answers: a failure is told of, no descriptor is left over,
 * and a key process that talks nonsense is done away with. */
#include "keys_fake.h"

#include <sys/stat.h>

#include "sallyport/log.h"

static struct keys *connect_to(struct fake **f)
{
	char err[256] = "";
	struct keys *keys;
	int ask;

	*f = fake_new(&ask);
	keys = keys_connect(ask, FAKE_LINES, err, sizeof(err));
	assert_non_null(keys);
	assert_string_equal(err, "");
	assert_int_equal((*f)->started, 1);
	return keys;
}

/* --- starting --- */

static void start_in_vain(enum twist twist, uint32_t error, const char *why)
{
	unsigned before = open_fds();
	char err[256] = "";
	struct fake *f;
	int ask;

	f = fake_new(&ask);
	f->twist = twist;
	f->error = error;
	assert_null(keys_connect(ask, FAKE_LINES, err, sizeof(err)));
	assert_non_null(strstr(err, why));
	fake_free(f);
	assert_int_equal(open_fds(), before);
}

static void test_start(void **state)
{
	unsigned before = open_fds();
	struct fake *f;

	(void)state;
	keys_unref(connect_to(&f));
	fake_free(f);
	assert_int_equal(open_fds(), before);
	for (enum twist twist = TWIST_KIND; twist < TWISTS; twist++) {
		if (twist == TWIST_BODY) /* it has none */
			continue;
		start_in_vain(twist, 0, "can't be started: Broken pipe");
	}
	start_in_vain(TWIST_NONE, ENOMEM, "can't be started: Cannot allocate memory");
	start_in_vain(TWIST_FD_MORE, ENOMEM, "can't be started: Broken pipe");
}

/* --- opening --- */

static bool is_dev(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_rdev == b.st_rdev;
}

static void test_open(void **state)
{
	struct fake *f;
	struct keys *keys = connect_to(&f);
	unsigned before = open_fds();
	int fd;

	(void)state;
	fd = keys_open(keys, "/dev/zero", false);
	assert_true(fd >= 0 && is_dev(fd, "/dev/zero"));
	(void)close(fd);
	assert_int_equal(keys_open(keys, "/dev/zero", true), 0);
	f->error = EACCES;
	assert_int_equal(keys_open(keys, "/dev/zero", true), -1);
	assert_int_equal(errno, EACCES);
	f->twist = TWIST_FD_MORE; /* one with a refusal is nobody's */
	assert_int_equal(keys_open(keys, "/dev/zero", false), -1);
	assert_int_equal(errno, EACCES);
	f->error = 0;
	for (enum twist twist = TWIST_KIND; twist < TWISTS; twist++) {
		if (twist == TWIST_HANG_UP || twist == TWIST_BODY)
			continue;
		f->twist = twist;
		errno = 0;
		assert_int_equal(keys_open(keys, "/dev/zero", false), -1);
		assert_true(errno == EPROTO || errno == EPIPE);
		assert_int_equal(open_fds(), before);
		/* the next question gets its own answer, also where the last one's comes first */
		fd = keys_open(keys, "/dev/zero", false);
		assert_true(fd >= 0 && is_dev(fd, "/dev/zero"));
		(void)close(fd);
		assert_int_equal(open_fds(), before);
	}
	f->twist = TWIST_FD_MORE; /* for a check */
	assert_int_equal(keys_open(keys, "/dev/zero", true), 0);
	assert_int_equal(open_fds(), before);
	f->twist = TWIST_HANG_UP;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(keys_open(keys, "/dev/zero", false), -1);
		assert_int_equal(errno, EPIPE);
	}
	keys_reread(keys); /* to nobody */
	keys_unref(keys);
	fake_free(f);
}

static void test_reread(void **state)
{
	struct fake *f;
	struct keys *keys = connect_to(&f);

	(void)state;
	keys_reread(keys);
	fake_serve(f);
	assert_int_equal(f->reread, 1);
	keys_unref(keys);
	fake_free(f);
}

/* --- loading --- */

static void test_load(void **state)
{
	static const struct keys_files files[] = {{"good", "file"}, {FAKE_BAD, "file"}, {"good", "file"}};
	struct fake *f;
	struct keys *keys = connect_to(&f);
	struct told t;

	(void)state;
	assert_true(load_some(keys, 3, files, &t));
	assert_int_equal(t.n, 3);
	assert_true(t.key[0] != NULL && t.key[1] == NULL && t.key[2] != NULL);
	assert_string_equal(t.error, "bad: no");
	/* what was refused need not be forgotten; what somebody still has must not */
	assert_ptr_equal(keys_key_ref(t.key[2]), t.key[2]);
	release(&t);
	fake_serve(f);
	assert_int_equal(f->forgotten, 1);
	assert_int_equal(f->last_forgotten, 0);
	keys_key_unref(t.key[2]);
	fake_serve(f);
	assert_int_equal(f->forgotten, 2);
	assert_int_equal(f->last_forgotten, 2);
	keys_unref(keys);
	fake_free(f);
}

/* The second of three answers is not as it should be. */
static void test_load_nonsense(void **state)
{
	(void)state;
	for (enum twist twist = TWIST_KIND; twist < TWISTS; twist++) {
		unsigned before = open_fds();
		struct told t;
		struct fake *f;
		struct keys *keys;

		if (twist == TWIST_FD_LESS)
			continue;
		keys = connect_to(&f);
		f->twist = twist;
		f->fair = 1;
		if (twist == TWIST_FD_MORE || twist == TWIST_FD_FLOOD) {
			unsigned connected = open_fds();

			/* nobody has asked for them */
			assert_true(load_some(keys, 3, NULL, &t));
			assert_int_equal(t.keys, 3);
			assert_int_equal(open_fds(), connected);
		} else {
			assert_false(load_some(keys, 3, NULL, &t));
			assert_int_equal(t.n, 1);
			fake_serve(f);
			assert_int_equal(f->end[FAKE_HOME], -1); /* it was shown the door */
			/* and nothing is asked of one that is not there */
			release(&t);
			assert_false(load_some(keys, 1, NULL, &t));
		}
		release(&t);
		keys_unref(keys);
		fake_free(f);
		assert_int_equal(open_fds(), before);
	}
}

static void test_load_without_supervisor(void **state)
{
	struct fake *f;
	struct keys *keys = connect_to(&f);
	struct told t;

	(void)state;
	close_fd(&f->ask);
	assert_false(load_some(keys, 2, NULL, &t));
	assert_int_equal(t.n, 0);
	keys_unref(keys);
	fake_free(f);
}

/* --- when it dies --- */

struct watched {
	struct fake *f;
	struct keys *keys;
	struct loop *loop;
	struct told t;
	unsigned loaded, started; /* to be waited for */
};

static void watch(struct watched *w, unsigned n)
{
	*w = (struct watched){.loop = loop_new()};
	w->keys = connect_to(&w->f);
	assert_true(keys_watch(w->keys, w->loop));
	assert_true(load_some(w->keys, n, NULL, &w->t));
	assert_int_equal(w->t.keys, n);
}

static void unwatch(struct watched *w)
{
	release(&w->t);
	keys_unwatch(w->keys);
	keys_unref(w->keys);
	loop_free(w->loop);
	fake_free(w->f);
}

static bool is_loaded(void *arg)
{
	const struct watched *w = arg;

	return w->f->loaded >= w->loaded && w->f->started >= w->started && w->keys->io != NULL;
}

static void wait_loaded(struct watched *w, unsigned loaded, unsigned started)
{
	w->loaded = loaded;
	w->started = started;
	run_until(w->f, w->loop, is_loaded, w);
	assert_int_equal(w->f->loaded, loaded);
	assert_int_equal(w->f->started, started);
}

static void test_death(void **state)
{
	unsigned before = open_fds();
	struct watched w;
	struct told more;

	(void)state;
	watch(&w, 8);
	assert_true(load_some(w.keys, 3, NULL, &more));
	fake_die(w.f);
	/* while there is none, nothing can be loaded, and what is given back need not be forgotten */
	assert_false(load_some(w.keys, 1, NULL, &(struct told){.n = 0}));
	keys_key_unref(more.key[2]);
	wait_loaded(&w, 11 + 10, 2);
	assert_int_equal(w.f->forgotten, 0);
	keys_key_unref(more.key[0]);
	keys_key_unref(more.key[1]);
	fake_serve(w.f);
	assert_int_equal(w.f->forgotten, 2);
	unwatch(&w);
	assert_int_equal(open_fds(), before);
}

/* The files are no longer what they were: the new process must not sign with what it found. */
static void test_death_and_change(void **state)
{
	struct watched w;

	(void)state;
	watch(&w, 2);
	w.f->changed = true;
	fake_die(w.f);
	wait_loaded(&w, 4, 2);
	fake_serve(w.f);
	assert_int_equal(w.f->forgotten, 2);
	/* this does not bring it back */
	unwatch(&w);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whatever goes wrong while another one starts, there is one in the end; and it is not tried without a pause. */
static void test_death_again(void **state)
{
	unsigned before = open_fds();

	(void)state;
	for (enum twist twist = TWIST_KIND; twist < TWISTS; twist++) {
		for (unsigned fair = 0; fair <= 1; fair++) {
			struct watched w;
			int64_t began;

			if (twist == TWIST_BODY && fair == 0)
				continue;
			if ((twist == TWIST_FD_LESS || twist == TWIST_FD_MORE || twist == TWIST_FD_FLOOD) && fair == 1)
				continue;
			if (twist == TWIST_HANG_UP && fair == 0) /* that is the supervisor's end, and ours */
				continue;
			watch(&w, 1);
			w.f->twist = twist;
			w.f->fair = fair;
			began = now_ms();
			fake_die(w.f);
			wait_loaded(&w, 2 + fair, 3);
			assert_true(now_ms() - began >= (int64_t)AGAIN_MS);
			unwatch(&w);
			assert_int_equal(open_fds(), before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_start),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_reread),
	    cmocka_unit_test(test_load),
	    cmocka_unit_test(test_load_nonsense),
	    cmocka_unit_test(test_load_without_supervisor),
	    cmocka_unit_test(test_death),
	    cmocka_unit_test(test_death_and_change),
	    cmocka_unit_test(test_death_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
