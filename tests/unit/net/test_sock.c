#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/sock.h"

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, span_of(text), true));
	return a;
}

static struct addr bound_to(int fd)
{
	struct addr a = {.len = sizeof(a.u)};

	assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
	return a;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, 10000), 1);
}

static int listen_on(const char *text, bool shared, struct addr *at)
{
	char err[256] = "";
	struct addr want = addr_of(text);
	int fd = sock_listen(&want, shared, err, sizeof(err));

	assert_string_equal(err, "");
	assert_true(fd >= 0);
	*at = bound_to(fd);
	return fd;
}

/* Two ends of one TCP connection. */
struct ends {
	int listener, near, far;
	struct addr at, peer;
};

static void ends_open(struct ends *e, const char *text)
{
	int err = 0;

	e->listener = listen_on(text, false, &e->at);
	assert_int_equal(sock_connect(&e->at, &e->near, &err), SOCK_OK);
	wait_for(e->listener, POLLIN);
	assert_int_equal(sock_accept(e->listener, &e->far, &e->peer, &err), SOCK_OK);
	wait_for(e->near, POLLOUT);
	assert_int_equal(sock_connected(e->near, &err), SOCK_OK);
}

static void ends_close(struct ends *e)
{
	sock_close(e->near);
	sock_close(e->far);
	sock_close(e->listener);
}

static int get_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t n = sizeof(value);

	assert_int_equal(getsockopt(fd, level, option, &value, &n), 0);
	return value;
}

static void assert_options(int fd)
{
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	assert_int_equal(get_int(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	assert_int_equal(get_int(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	assert_int_equal(get_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 120000);
}

static void test_options_at_both_ends(void **state)
{
	struct ends e;
	struct addr near;

	(void)state;
	ends_open(&e, "127.0.0.1:0");
	assert_options(e.near);
	assert_options(e.far);
	near = bound_to(e.near);
	assert_true(addr_eq(&e.peer, &near));
	ends_close(&e);
}

static void test_nothing_to_accept(void **state)
{
	struct addr at, peer;
	int fd, err = 0, listener = listen_on("127.0.0.1:0", false, &at);

	(void)state;
	assert_int_equal(sock_accept(listener, &fd, &peer, &err), SOCK_AGAIN);
	assert_int_equal(fd, -1);
	sock_close(listener);
}

/* On one port, which somebody else's connection may have for IPv4: then another one will do. */
static void listen_on_both(int *six, int *four, struct addr *at)
{
	struct addr any4 = addr_of("0.0.0.0:0");
	char err[256] = "";

	for (int i = 0; i < 50; i++) {
		*six = listen_on("[::]:0", false, at);
		addr_set_port(&any4, addr_port(at));
		*four = sock_listen(&any4, false, err, sizeof(err));
		if (*four >= 0)
			return;
		sock_close(*six);
	}
	fail_msg("%s", err);
}

/* "0.0.0.0:25269 [::]:25269" is what configurations say. */
static void test_any6_leaves_ipv4_to_a_listener_of_its_own(void **state)
{
	struct addr at, v4, peer, near;
	int near_fd, far_fd, cause = 0, six, four;

	(void)state;
	listen_on_both(&six, &four, &at);
	v4 = addr_of("127.0.0.1:0");
	addr_set_port(&v4, addr_port(&at));
	assert_int_equal(sock_connect(&v4, &near_fd, &cause), SOCK_OK);
	wait_for(four, POLLIN);
	assert_int_equal(sock_accept(four, &far_fd, &peer, &cause), SOCK_OK);
	near = bound_to(near_fd);
	assert_true(addr_eq(&peer, &near));
	sock_close(near_fd);
	sock_close(far_fd);
	sock_close(four);
	sock_close(six);
}

static void test_send_keeps_order_of_parts(void **state)
{
	struct span parts[20];
	char got[32] = "";
	size_t n;
	int err = 0;
	struct ends e;

	(void)state;
	ends_open(&e, "[::1]:0");
	assert_int_equal(sock_recv(e.far, got, sizeof(got), &n, &err), SOCK_AGAIN);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = (struct span){&"abcdefghijklmnopqrst"[i], 1};
	parts[1] = SPAN_NONE;
	parts[2].n = 0;
	assert_int_equal(sock_send(e.near, parts, ARRAY_LEN(parts), &n, &err), SOCK_OK);
	assert_int_equal(n, 16); /* the rest is for the next call */
	wait_for(e.far, POLLIN);
	assert_int_equal(sock_recv(e.far, got, sizeof(got), &n, &err), SOCK_OK);
	assert_int_equal(n, 16);
	assert_memory_equal(got, "adefghijklmnopqr", 16);
	assert_int_equal(sock_send(e.near, parts + 1, 2, &n, &err), SOCK_OK);
	assert_int_equal(n, 0);
	ends_close(&e);
}

static void test_send_fills_up_then_goes_on(void **state)
{
	static char block[65536];
	char sink[65536];
	struct span part = {block, sizeof(block)};
	size_t n, sent = 0, received = 0;
	enum sock_rc rc;
	int err = 0;
	struct ends e;

	(void)state;
	ends_open(&e, "127.0.0.1:0");
	while ((rc = sock_send(e.near, &part, 1, &n, &err)) == SOCK_OK)
		sent += n;
	assert_int_equal(rc, SOCK_AGAIN);
	assert_int_equal(n, 0);
	sock_shut_write(e.near);
	for (;;) {
		wait_for(e.far, POLLIN);
		rc = sock_recv(e.far, sink, sizeof(sink), &n, &err);
		if (rc == SOCK_EOF)
			break;
		received += n;
	}
	assert_int_equal(received, sent);
	assert_int_equal(sock_recv(e.far, sink, sizeof(sink), &n, &err), SOCK_EOF);
	/* Half-closed: the other direction still works. */
	part.n = 5;
	assert_int_equal(sock_send(e.far, &part, 1, &n, &err), SOCK_OK);
	wait_for(e.near, POLLIN);
	assert_int_equal(sock_recv(e.near, sink, sizeof(sink), &n, &err), SOCK_OK);
	assert_int_equal(n, 5);
	ends_close(&e);
}

static void test_send_to_the_dead_is_an_error_without_signal(void **state)
{
	struct span part = SPAN("x");
	size_t n;
	int err = 0;
	struct ends e;

	(void)state;
	ends_open(&e, "127.0.0.1:0");
	sock_shut_write(e.near);
	assert_int_equal(sock_send(e.near, &part, 1, &n, &err), SOCK_ERROR);
	assert_int_equal(err, EPIPE);
	ends_close(&e);
}

static void test_reset_is_an_error(void **state)
{
	struct linger hard = {.l_onoff = 1};
	char c;
	size_t n;
	int err = 0;
	struct ends e;

	(void)state;
	ends_open(&e, "127.0.0.1:0");
	assert_int_equal(setsockopt(e.far, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	sock_close(e.far);
	wait_for(e.near, POLLIN);
	assert_int_equal(sock_recv(e.near, &c, 1, &n, &err), SOCK_ERROR);
	assert_int_equal(err, ECONNRESET);
	sock_close(e.near);
	sock_close(e.listener);
}

static void test_connection_refused(void **state)
{
	struct addr at;
	int fd, err = 0, listener = listen_on("127.0.0.1:0", false, &at);

	(void)state;
	sock_close(listener);
	if (sock_connect(&at, &fd, &err) == SOCK_OK) {
		wait_for(fd, POLLOUT);
		assert_int_equal(sock_connected(fd, &err), SOCK_ERROR);
		sock_close(fd);
	}
	assert_int_equal(err, ECONNREFUSED);
}

static void test_connect_fails_at_once(void **state)
{
	struct addr broadcast = addr_of("255.255.255.255:5269");
	int fd, err = 0, free_before = dup(0), free_after;

	(void)state;
	close(free_before);
	assert_int_equal(sock_connect(&broadcast, &fd, &err), SOCK_ERROR);
	assert_int_equal(fd, -1);
	assert_int_not_equal(err, 0);
	free_after = dup(0);
	close(free_after);
	assert_int_equal(free_after, free_before); /* no descriptor left open */
}

/* --- listening --- */

static void assert_taken(const struct addr *at)
{
	char err[256] = "", want[256], text[ADDR_TEXT_MAX];

	snprintf(want, sizeof(want), "%s is in use by another process: is sallyport already running?",
	    addr_format(at, text));
	assert_false(sock_listen_probe(at, err, sizeof(err)));
	assert_string_equal(err, want);
}

static void test_probe_sees_a_shared_listener(void **state)
{
	char err[256] = "";
	struct addr at, again, any;
	int first = listen_on("127.0.0.1:0", true, &at), second;

	(void)state;
	second = sock_listen(&at, true, err, sizeof(err));
	assert_true(second >= 0); /* the next worker */
	again = bound_to(second);
	assert_true(addr_eq(&at, &again));
	assert_taken(&at);
	any = addr_of("0.0.0.0:0");
	addr_set_port(&any, addr_port(&at));
	assert_taken(&any);
	assert_int_equal(sock_listen(&at, false, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "is in use by another process"));
	sock_close(first);
	sock_close(second);
	assert_true(sock_listen_probe(&at, err, sizeof(err)));
	assert_true(sock_listen_probe(&at, err, sizeof(err))); /* it left nothing behind */
}

/* A daemon that just ended leaves connections in TIME_WAIT: they must not keep the next one from starting. */
static void test_probe_ignores_the_remains_of_connections(void **state)
{
	char err[256] = "", c;
	size_t n;
	int cause = 0;
	struct ends e;

	(void)state;
	ends_open(&e, "127.0.0.1:0");
	sock_close(e.far); /* the server's side closes first and keeps TIME_WAIT */
	sock_close(e.listener);
	wait_for(e.near, POLLIN);
	assert_int_equal(sock_recv(e.near, &c, 1, &n, &cause), SOCK_EOF);
	sock_close(e.near);
	assert_true(sock_listen_probe(&e.at, err, sizeof(err)));
}

static void test_listen_errors_are_sentences(void **state)
{
	char err[256] = "";
	struct addr foreign = addr_of("192.0.2.1:5269");

	(void)state;
	assert_int_equal(sock_listen(&foreign, true, err, sizeof(err)), -1);
	assert_string_equal(err, "cannot listen on 192.0.2.1:5269: no interface of this machine has that address");
	assert_false(sock_listen_probe(&foreign, err, 20));
	assert_int_equal(strlen(err), 19);
}

/* --- no descriptors left --- */

static void test_descriptor_limit_is_told(void **state)
{
	struct rlimit before, none;
	struct addr at, peer;
	int fd, near, err = 0, listener = listen_on("127.0.0.1:0", false, &at);

	(void)state;
	assert_int_equal(sock_connect(&at, &near, &err), SOCK_OK);
	wait_for(listener, POLLIN);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)near + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(sock_accept(listener, &fd, &peer, &err), SOCK_ERROR);
	assert_int_equal(err, EMFILE);
	err = 0;
	assert_int_equal(sock_connect(&at, &fd, &err), SOCK_ERROR);
	assert_int_equal(err, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(sock_accept(listener, &fd, &peer, &err), SOCK_OK); /* it had waited */
	sock_close(fd);
	sock_close(near);
	sock_close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options_at_both_ends),
	    cmocka_unit_test(test_nothing_to_accept),
	    cmocka_unit_test(test_any6_leaves_ipv4_to_a_listener_of_its_own),
	    cmocka_unit_test(test_send_keeps_order_of_parts),
	    cmocka_unit_test(test_send_fills_up_then_goes_on),
	    cmocka_unit_test(test_send_to_the_dead_is_an_error_without_signal),
	    cmocka_unit_test(test_reset_is_an_error),
	    cmocka_unit_test(test_connection_refused),
	    cmocka_unit_test(test_connect_fails_at_once),
	    cmocka_unit_test(test_probe_sees_a_shared_listener),
	    cmocka_unit_test(test_probe_ignores_the_remains_of_connections),
	    cmocka_unit_test(test_listen_errors_are_sentences),
	    cmocka_unit_test(test_descriptor_limit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
