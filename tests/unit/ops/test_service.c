/* service: the watchdog says that all is well only while every worker answers.  The workers are this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sallyport/service.h"

struct gate {
	bool stuck, no_memory;
	void (*fn)(void *arg); /* what a stuck one has not come to */
	void *arg;
	unsigned asked;
};

/* --- stands in for gate.c --- */

static struct {
	struct loop *loop;
	struct gate gate[2];
	unsigned until; /* the first gate's asked at which the loop stops */
} world;

bool gate_post(struct gate *g, void (*fn)(void *arg), void *arg)
{
	g->asked++;
	if (g == &world.gate[0] && g->asked >= world.until)
		loop_stop(world.loop);
	if (g->no_memory)
		return false;
	if (!g->stuck) {
		fn(arg);
		return true;
	}
	assert_null(g->fn);
	g->fn = fn;
	g->arg = arg;
	return true;
}

/* --- the world --- */

static struct {
	char dir[64], path[96];
	int fd;
} manager;

static int begin(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	(void)state;
	memset(&world, 0, sizeof(world));
	world.loop = loop_new();
	strcpy(manager.dir, "/tmp/sallyport-service-XXXXXX");
	assert_non_null(mkdtemp(manager.dir));
	snprintf(manager.path, sizeof(manager.path), "%s/notify", manager.dir);
	memcpy(un.sun_path, manager.path, strlen(manager.path));
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager.fd, (struct sockaddr *)&un, sizeof(un)), 0);
	setenv("NOTIFY_SOCKET", manager.path, 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	loop_free(world.loop);
	close(manager.fd);
	unlink(manager.path);
	rmdir(manager.dir);
	return 0;
}

static struct service *service(const char *watchdog_us)
{
	static struct gate *const gates[] = {&world.gate[0], &world.gate[1]};
	struct service *s;

	setenv("WATCHDOG_USEC", watchdog_us, 1);
	s = service_new();
	assert_non_null(s);
	assert_true(service_watch(s, world.loop, gates, 2));
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	return s;
}

/* How often these words were heard since; the others are passed over. */
static unsigned heard(const char *words)
{
	char text[1024];
	ssize_t n;
	unsigned times = 0;

	while ((n = recv(manager.fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		times += strncmp(text, words, strlen(words)) == 0;
	}
	return times;
}

static void turn(unsigned times)
{
	world.until = world.gate[0].asked + times;
	loop_run(world.loop);
}

static void tells_its_states(void **state)
{
	struct service *s = service("0");

	(void)state;
	service_ready(s, "2 hosts");
	assert_int_equal(heard("READY=1\nSTATUS=2 hosts"), 1);
	service_reloading(s);
	assert_int_equal(heard("RELOADING=1\nMONOTONIC_USEC="), 1);
	service_stopping(s, "so");
	assert_int_equal(heard("STOPPING=1\nSTATUS=so"), 1);
	service_free(s);
}

static void says_that_all_is_well_while_all_answer(void **state)
{
	struct service *s = service("40000");

	(void)state;
	service_ready(s, "");
	turn(4);
	assert_int_equal(heard("WATCHDOG=1"), 4);
	service_free(s);
}

static void one_that_is_stuck_silences_it(void **state)
{
	struct service *s = service("40000");

	(void)state;
	service_ready(s, "");
	turn(2);
	world.gate[1].stuck = true;
	turn(1);
	heard("");
	turn(5);
	assert_int_equal(heard("WATCHDOG=1"), 0);
	/* and it goes on once it has answered */
	world.gate[1].stuck = false;
	world.gate[1].fn(world.gate[1].arg);
	turn(3);
	assert_true(heard("WATCHDOG=1") >= 2);
	service_free(s);
}

static void one_that_could_not_be_asked_is_asked_again(void **state)
{
	struct service *s = service("40000");

	(void)state;
	service_ready(s, "");
	world.gate[1].no_memory = true;
	turn(3);
	assert_int_equal(world.gate[1].asked, 3);
	service_free(s);
}

/* A message with these words; the descriptor that came with it, or -1. */
static int received(const char *words)
{
	char text[256];
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {text, sizeof(text) - 1};
	struct msghdr msg = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	struct cmsghdr *rights;
	ssize_t n = recvmsg(manager.fd, &msg, 0);
	int fd = -1;

	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, words);
	rights = CMSG_FIRSTHDR(&msg);
	if (rights == NULL)
		return -1;
	assert_int_equal(rights->cmsg_type, SCM_RIGHTS);
	assert_int_equal(rights->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
	return fd;
}

static void descriptors_go_with_their_name(void **state)
{
	struct service *s = service("0");
	struct stat sent, got;
	int fds[2], fd;

	(void)state;
	assert_true(service_keeps(s));
	assert_int_equal(pipe(fds), 0);
	service_store(s, "listener", fds[0]);
	fd = received("FDSTORE=1\nFDNAME=listener");
	assert_true(fd >= 0 && fd != fds[0]);
	assert_int_equal(fstat(fds[0], &sent), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_true(sent.st_ino == got.st_ino);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	service_free(s);
}

static atomic_bool discarded;

static void *hear_discard(void *arg)
{
	struct pollfd in = {.fd = manager.fd, .events = POLLIN};
	int barrier;

	(void)arg;
	assert_int_equal(poll(&in, 1, 20000), 1);
	assert_int_equal(received("FDSTOREREMOVE=1\nFDNAME=listener"), -1);
	assert_int_equal(poll(&in, 1, 20000), 1);
	barrier = received("BARRIER=1");
	assert_true(barrier >= 0);
	discarded = true;
	close(barrier);
	return NULL;
}

static void discarding_waits_until_it_is_done(void **state)
{
	struct service *s = service("0");
	pthread_t thread;

	(void)state;
	discarded = false;
	assert_int_equal(pthread_create(&thread, NULL, hear_discard, NULL), 0);
	service_discard(s, "listener");
	assert_true(discarded);
	assert_int_equal(pthread_join(thread, NULL), 0);
	service_free(s);
}

static void without_a_manager_nothing_happens(void **state)
{
	struct service *s;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	s = service("40000");
	service_ready(s, "");
	service_reloading(s);
	service_stopping(s, "");
	assert_false(service_keeps(s));
	service_store(s, "listener", 0);
	service_discard(s, "listener");
	assert_int_equal(world.gate[0].asked, 0);
	assert_int_equal(heard(""), 0);
	service_free(s);
	service_ready(NULL, "");
	service_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tells_its_states),
	    TEST(says_that_all_is_well_while_all_answer),
	    TEST(one_that_is_stuck_silences_it),
	    TEST(one_that_could_not_be_asked_is_asked_again),
	    TEST(descriptors_go_with_their_name),
	    TEST(discarding_waits_until_it_is_done),
	    TEST(without_a_manager_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
