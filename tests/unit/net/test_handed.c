/* handed: sockets that others opened are dealt out so that each is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/handed.h"
#include "sallyport/sock.h"

enum { MOST = 9 };

static struct addr address(const char *text)
{
	struct addr at;

	assert_true(addr_parse(&at, span_of(text), true));
	return at;
}

/* n sockets of one address, as daemons with so many workers have them; *at: where. */
static void open_some(struct handed *h, unsigned n, struct addr *at)
{
	char err[256];

	for (unsigned i = 0; i < n; i++) {
		int fd = sock_listen(at, true, err, sizeof(err));

		assert_true(fd >= 0);
		at->len = sizeof(at->u);
		assert_int_equal(getsockname(fd, &at->u.sa, &at->len), 0);
		assert_true(handed_add(h, fd));
	}
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Which sockets the workers get between them, and how many each. */
static void deal(unsigned sockets, unsigned workers)
{
	struct handed *h = handed_new();
	struct addr at = address("127.0.0.1:0");
	ino_t seen[MOST * MOST];
	unsigned n = 0, different = 0;

	open_some(h, sockets, &at);
	for (unsigned w = 0; w < workers; w++) {
		unsigned got = 0;
		int fd;

		while ((fd = handed_take(h, &at, w, workers, got)) >= 0) {
			seen[n++] = inode(fd);
			close(fd);
			got++;
			assert_true(got <= MOST);
		}
		assert_int_equal(errno, 0);
		assert_true(got >= 1);
	}
	for (unsigned i = 0; i < n; i++) {
		bool first = true;

		for (unsigned k = 0; k < i; k++)
			first = first && seen[k] != seen[i];
		different += first;
	}
	assert_int_equal(different, sockets);
	assert_int_equal(n, sockets > workers ? sockets : workers);
	handed_free(h);
}

static void each_is_served_and_no_worker_idles(void **state)
{
	(void)state;
	for (unsigned sockets = 1; sockets <= MOST; sockets++)
		for (unsigned workers = 1; workers <= MOST; workers++)
			deal(sockets, workers);
}

static unsigned left;

static void count_left(const struct addr *at)
{
	(void)at;
	left++;
}

static void addresses_are_told_apart(void **state)
{
	struct handed *h = handed_new();
	struct addr one = address("127.0.0.1:0"), two = address("127.0.0.1:0"), none = address("127.0.0.1:1");
	int fd;

	(void)state;
	open_some(h, 1, &one);
	open_some(h, 1, &two);
	assert_true(handed_has(h, &one) && handed_has(h, &two));
	assert_false(handed_has(h, &none));
	assert_int_equal(handed_take(h, &none, 0, 1, 0), -1);
	left = 0;
	handed_left(h, count_left);
	assert_int_equal(left, 2);
	fd = handed_take(h, &two, 0, 1, 0);
	assert_true(fd >= 0);
	close(fd);
	left = 0;
	handed_left(h, count_left);
	assert_int_equal(left, 1);
	handed_free(h);
}

static void what_does_not_listen_is_refused(void **state)
{
	struct handed *h = handed_new();
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_false(handed_add(h, fds[0]));
	assert_false(handed_add(h, fds[1]));
	assert_false(handed_add(h, socket(AF_INET, SOCK_STREAM, 0)));
	assert_false(handed_add(h, socket(AF_INET, SOCK_DGRAM, 0)));
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* closed all the same */
	handed_free(h);
	handed_free(NULL);
}

/* Meant for another process, or nonsense: nothing is taken, and the words are gone from the environment. */
static void environment_of_others(void **state)
{
	static const char *const numbers[] = {"1", "0", "-1", "x", "99999999"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct handed *h = handed_new();
		char err[128];

		setenv("LISTEN_FDS", numbers[i], 1);
		setenv("LISTEN_PID", "1", 1);
		assert_true(handed_from_environment(h, err, sizeof(err)));
		assert_null(getenv("LISTEN_FDS"));
		assert_null(getenv("LISTEN_PID"));
		left = 0;
		handed_left(h, count_left);
		assert_int_equal(left, 0);
		handed_free(h);
	}
}

static bool is_wanted(const void *arg, const struct addr *at)
{
	return addr_eq(arg, at);
}

static void count_ours(void *arg, int fd)
{
	(void)fd;
	++*(unsigned *)arg;
}

static bool still_listens(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n), 0);
	return on != 0;
}

/* What is not wanted ends for whoever has it; what others opened does not, wanted or not. */
static void ours_end_when_nobody_wants_them(void **state)
{
	struct handed *h = handed_new();
	struct addr at[2] = {address("127.0.0.1:0"), address("127.0.0.1:0")}, others = address("127.0.0.1:0");
	char err[256];
	int fd[2];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd[i] = sock_listen(&at[i], false, err, sizeof(err));
		at[i].len = sizeof(at[i].u);
		assert_int_equal(getsockname(fd[i], &at[i].u.sa, &at[i].len), 0);
		assert_true(handed_keep(h, fd[i]));
	}
	open_some(h, 1, &others);
	handed_ours(h, count_ours, &n);
	assert_int_equal(n, 2);
	assert_int_equal(handed_drop(h, is_wanted, &at[0]), 1);
	assert_true(still_listens(fd[0]) && !still_listens(fd[1]));
	assert_true(handed_has(h, &at[0]) && handed_has(h, &others) && !handed_has(h, &at[1]));
	/* ended elsewhere: it is let go of, and was not ended here */
	assert_int_equal(shutdown(fd[0], SHUT_RDWR), 0);
	assert_int_equal(handed_drop(h, is_wanted, &at[0]), 0);
	assert_false(handed_has(h, &at[0]));
	sock_close(fd[0]);
	sock_close(fd[1]);
	handed_free(h);
}

static void too_many_are_told_of(void **state)
{
	struct handed *h = handed_new();
	char err[128], pid[32];

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "1025", 1);
	setenv("LISTEN_PID", pid, 1);
	assert_false(handed_from_environment(h, err, sizeof(err)));
	assert_string_equal(err, "LISTEN_FDS: more than 1024 sockets");
	handed_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_is_served_and_no_worker_idles),
	    cmocka_unit_test(addresses_are_told_apart),
	    cmocka_unit_test(what_does_not_listen_is_refused),
	    cmocka_unit_test(environment_of_others),
	    cmocka_unit_test(ours_end_when_nobody_wants_them),
	    cmocka_unit_test(too_many_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
