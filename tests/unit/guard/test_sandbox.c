/* The sandbox, from within: each part of the daemon tries what it must not do, and what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/log.h"
#include "sallyport/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SALLYPORT_COVERAGE)
#define INSTRUMENTED true
#else
#define INSTRUMENTED false
#endif

static char folder[] = "/tmp/sallyport-sandbox-XXXXXX";
static char key[64], place[64];

/* What a part can do; each: true if it worked. */
static bool opens_key(void)
{
	return open(key, O_RDONLY) >= 0;
}

static bool writes(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/new", folder);
	return open(path, O_WRONLY | O_CREAT, 0600) >= 0 || open(key, O_WRONLY) >= 0;
}

static bool lists(void)
{
	return opendir(folder) != NULL;
}

static bool sees(void)
{
	struct stat st;

	return stat(key, &st) == 0;
}

static bool has_tcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool has_raw_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool forks(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool executes(void)
{
	char *const none[] = {NULL};

	execve("/bin/true", none, none);
	return false;
}

static bool traces(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool makes_code(void)
{
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool kills_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static bool starts_threads(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool talks(void)
{
	int ends[2] = {-1, -1};
	char byte = 'x';

	/* the key process has its sockets from before */
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0 && send(ends[0], &byte, 1, 0) == 1;
}

static bool binds_control(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", place);
	return fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && unlink(place) == 0;
}

/* In a process of its own, which has entered the part's sandbox. */
static bool can(enum sandbox_who who, bool (*does)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct conf *conf = conf_defaults();

		log_set_level(LOG_ERROR);
		free(conf->control_socket);
		conf->control_socket = strdup(place);
		conf->seccomp = conf->landlock = GUARD_REQUIRE;
		if (!sandbox_drop(conf) || !sandbox_enter(who, conf))
			_exit(2);
		_exit(does() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 2);
	return WEXITSTATUS(status) == 0;
}

static void test_keys(void **state)
{
	(void)state;
	if (INSTRUMENTED)
		skip();
	assert_true(can(SANDBOX_KEYS, starts_threads));
	assert_false(can(SANDBOX_KEYS, opens_key));
	assert_false(can(SANDBOX_KEYS, writes));
	assert_false(can(SANDBOX_KEYS, lists));
	assert_false(can(SANDBOX_KEYS, sees));
	assert_false(can(SANDBOX_KEYS, has_tcp));
	assert_false(can(SANDBOX_KEYS, talks));
	assert_false(can(SANDBOX_KEYS, binds_control));
	assert_false(can(SANDBOX_KEYS, forks));
	assert_false(can(SANDBOX_KEYS, executes));
	assert_false(can(SANDBOX_KEYS, traces));
	assert_false(can(SANDBOX_KEYS, makes_code));
	assert_false(can(SANDBOX_KEYS, kills_parent));
}

static void test_network(void **state)
{
	(void)state;
	if (INSTRUMENTED)
		skip();
	assert_true(can(SANDBOX_NETWORK, has_tcp));
	assert_true(can(SANDBOX_NETWORK, talks));
	assert_true(can(SANDBOX_NETWORK, lists));
	assert_true(can(SANDBOX_NETWORK, sees));
	assert_true(can(SANDBOX_NETWORK, starts_threads));
	assert_true(can(SANDBOX_NETWORK, binds_control));
	assert_false(can(SANDBOX_NETWORK, opens_key));
	assert_false(can(SANDBOX_NETWORK, writes));
	assert_false(can(SANDBOX_NETWORK, has_raw_packets));
	assert_false(can(SANDBOX_NETWORK, forks));
	assert_false(can(SANDBOX_NETWORK, executes));
	assert_false(can(SANDBOX_NETWORK, traces));
	assert_false(can(SANDBOX_NETWORK, makes_code));
	assert_false(can(SANDBOX_NETWORK, kills_parent));
}

static void test_supervisor(void **state)
{
	(void)state;
	if (INSTRUMENTED)
		skip();
	assert_true(can(SANDBOX_SUPERVISOR, opens_key));
	assert_true(can(SANDBOX_SUPERVISOR, forks));
	assert_false(can(SANDBOX_SUPERVISOR, writes));
	assert_false(can(SANDBOX_SUPERVISOR, executes));
	assert_false(can(SANDBOX_SUPERVISOR, traces));
	assert_false(can(SANDBOX_SUPERVISOR, makes_code));
	assert_false(can(SANDBOX_SUPERVISOR, has_raw_packets));
}

/* Each in force by itself, and either may be left out. */
static void test_each_alone(void **state)
{
	static const struct {
		enum conf_guard seccomp, landlock;
	} cases[] = {{GUARD_REQUIRE, GUARD_OFF}, {GUARD_OFF, GUARD_REQUIRE}, {GUARD_OFF, GUARD_OFF}};

	(void)state;
	if (INSTRUMENTED)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			struct conf *conf = conf_defaults();

			log_set_level(LOG_ERROR);
			conf->seccomp = cases[i].seccomp;
			conf->landlock = cases[i].landlock;
			if (!sandbox_drop(conf) || !sandbox_enter(SANDBOX_NETWORK, conf))
				_exit(8);
			_exit((forks() ? 1 : 0) | (opens_key() ? 2 : 0));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status),
		    (cases[i].seccomp == GUARD_OFF ? 1 : 0) | (cases[i].landlock == GUARD_OFF ? 2 : 0));
	}
}

static int up(void **state)
{
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(key, sizeof(key), "%s/key", folder);
	(void)snprintf(place, sizeof(place), "%s/control", folder);
	fd = open(key, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	return 0;
}

static int down(void **state)
{
	(void)state;
	(void)unlink(key);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_network),
	    cmocka_unit_test(test_supervisor),
	    cmocka_unit_test(test_each_alone),
	};

	return cmocka_run_group_tests(tests, up, down);
}
