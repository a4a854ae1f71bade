/* The fakes themselves: a transcript proves nothing over a loop, a clock or a socket that does not behave like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "fakenet.h"
#include "sallyport/sock.h"

enum { TURNS = 1000 };

static struct addr at(const char *text)
{
	struct addr a;

	assert_true(addr_parse(&a, span_of(text), false));
	return a;
}

/* --- the clock --- */

struct tick {
	struct loop *loop;
	struct loop_timer *timer;
	char name;
	char *record;
	uint32_t again_ms; /* 0: once */
	int64_t fired_at;
};

static void tick_fired(void *arg)
{
	struct tick *t = arg;

	t->fired_at = loop_now(t->loop);
	strncat(t->record, &t->name, 1);
	if (t->again_ms > 0)
		loop_timer_set(t->timer, t->again_ms);
}

static void tick_new(struct tick *t, struct loop *loop, char name, char *record, uint32_t ms)
{
	*t = (struct tick){.loop = loop, .name = name, .record = record};
	t->timer = loop_timer_new(loop, tick_fired, t);
	assert_non_null(t->timer);
	loop_timer_set(t->timer, ms);
}

static void timers_fire_in_order(void **state)
{
	struct loop *loop = loop_new();
	char record[32] = "";
	struct tick a, b, c, d;
	int64_t start = loop_now(loop);

	(void)state;
	tick_new(&a, loop, 'a', record, 300);
	tick_new(&b, loop, 'b', record, 100);
	tick_new(&c, loop, 'c', record, 100);
	tick_new(&d, loop, 'd', record, 301);
	assert_true(fake_loop_advance(loop, 99, TURNS));
	assert_string_equal(record, "");
	assert_true(fake_loop_advance(loop, 1, TURNS));
	assert_string_equal(record, "bc");
	assert_true(fake_loop_advance(loop, 200, TURNS));
	assert_string_equal(record, "bca");
	assert_int_equal(a.fired_at, start + 300);
	loop_timer_stop(d.timer);
	assert_true(fake_loop_advance(loop, 3600 * 1000, TURNS));
	assert_string_equal(record, "bca");
	assert_int_equal(loop_wall(loop), FAKE_EPOCH + 3600);
	assert_int_equal(fake_loop_timers(loop), 4);
	loop_timer_free(a.timer);
	loop_timer_free(b.timer);
	loop_timer_free(c.timer);
	loop_timer_free(d.timer);
	assert_int_equal(fake_loop_timers(loop), 0);
	loop_free(loop);
}

static void a_timer_may_be_set_anew(void **state)
{
	struct loop *loop = loop_new();
	char record[64] = "";
	struct tick a;

	(void)state;
	tick_new(&a, loop, 'a', record, 10);
	a.again_ms = 10;
	assert_true(fake_loop_advance(loop, 35, TURNS));
	assert_string_equal(record, "aaa");
	loop_timer_set(a.timer, 1000); /* replaces the setting for 40 */
	assert_true(fake_loop_advance(loop, 900, TURNS));
	assert_string_equal(record, "aaa");
	loop_timer_free(a.timer);
	loop_free(loop);
}

struct spin {
	struct loop *loop;
	struct loop_later node;
	unsigned n;
};

static void spin(void *arg)
{
	struct spin *s = arg;

	if (s->n-- > 0)
		assert_true(loop_post(s->loop, spin, s));
}

static void a_busy_loop_is_told_from_a_quiet_one(void **state)
{
	struct spin s = {.loop = loop_new(), .n = 50};

	(void)state;
	loop_defer(s.loop, &s.node, spin, &s);
	assert_false(fake_loop_settle(s.loop, 20));
	assert_true(fake_loop_settle(s.loop, 100));
	loop_free(s.loop);
}

/* --- sockets --- */

struct reader {
	int fd;
	struct loop_io *io;
	char got[64];
	size_t n, calls;
	bool eof;
	int err;
	size_t per_call; /* bytes asked for */
};

static void reader_ready(void *arg, unsigned ready)
{
	struct reader *r = arg;
	size_t n;

	assert_int_equal(ready, LOOP_READ);
	for (;;) {
		enum sock_rc rc = sock_recv(r->fd, r->got + r->n, r->per_call, &n, &r->err);

		r->n += n;
		r->calls += rc == SOCK_OK;
		r->eof = rc == SOCK_EOF;
		if (rc != SOCK_OK) {
			loop_io_want(r->io, rc == SOCK_AGAIN, false);
			return;
		}
	}
}

static int accepted(int listener, const char *from, struct fake_conn **conn)
{
	struct addr here = at("203.0.113.1:5269");
	struct addr there = at(from);
	struct addr peer;
	int fd, none, err;

	*conn = fake_net_connect(&here, &there);
	assert_non_null(*conn);
	assert_int_equal(sock_accept(listener, &fd, &peer, &err), SOCK_OK);
	assert_true(addr_eq(&peer, &there));
	assert_int_equal(sock_accept(listener, &none, &peer, &err), SOCK_AGAIN);
	return fd;
}

static int listener_new(void)
{
	struct addr here = at("203.0.113.1:5269");
	char err[128];
	int fd = sock_listen(&here, true, err, sizeof(err));

	assert_true(fd >= 0);
	assert_int_equal(sock_listen(&here, true, err, sizeof(err)), -1);
	return fd;
}

static void read_in_pieces(size_t pieces, size_t calls)
{
	struct loop *loop = loop_new();
	int listener = listener_new();
	struct fake_conn *conn;
	struct reader r = {.per_call = 60};

	fake_net_pieces(pieces);
	r.fd = accepted(listener, "192.0.2.1:4000", &conn);
	r.io = loop_io_new(loop, r.fd, reader_ready, &r);
	loop_io_want(r.io, true, false);
	fake_conn_send(conn, SPAN("<stream"));
	fake_conn_send(conn, SPAN(":x>"));
	assert_true(fake_loop_settle(loop, TURNS));
	assert_int_equal(r.n, 10);
	assert_memory_equal(r.got, "<stream:x>", 10);
	assert_int_equal(r.calls, calls);
	assert_false(r.eof);
	fake_conn_send(conn, SPAN("!"));
	fake_conn_finish(conn);
	assert_true(fake_loop_settle(loop, TURNS));
	assert_int_equal(r.n, 11);
	assert_true(r.eof);
	loop_io_free(r.io);
	assert_int_equal(fake_loop_watches(loop), 0);
	assert_int_equal(fake_conn_end(conn), FAKE_OPEN);
	sock_close(r.fd);
	assert_int_equal(fake_conn_end(conn), FAKE_FINISHED);
	sock_close(listener);
	loop_free(loop);
	fake_net_reset();
}

static void bytes_arrive_whole_or_in_pieces(void **state)
{
	(void)state;
	read_in_pieces(0, 1);
	read_in_pieces(1, 10);
	read_in_pieces(4, 3);
}

static void a_close_over_unread_bytes_is_an_abort(void **state)
{
	struct loop *loop = loop_new();
	int listener = listener_new();
	struct fake_conn *conn;
	int fd = accepted(listener, "192.0.2.1:4000", &conn);

	(void)state;
	fake_conn_send(conn, SPAN("x"));
	sock_close(fd);
	assert_int_equal(fake_conn_end(conn), FAKE_ABORTED);
	sock_close(listener);
	loop_free(loop);
	fake_net_reset();
}

static void a_reset_is_an_error(void **state)
{
	struct loop *loop = loop_new();
	int listener = listener_new();
	struct fake_conn *conn;
	int fd = accepted(listener, "192.0.2.1:4000", &conn);
	char c;
	size_t n;
	int err = 0;

	(void)state;
	fake_conn_reset(conn);
	fake_net_turn();
	assert_int_equal(fake_net_ready(fd), LOOP_READ | LOOP_WRITE);
	assert_int_equal(sock_recv(fd, &c, 1, &n, &err), SOCK_ERROR);
	assert_int_equal(err, ECONNRESET);
	assert_int_equal(sock_send(fd, &SPAN("x"), 1, &n, &err), SOCK_ERROR);
	sock_close(fd);
	sock_close(listener);
	loop_free(loop);
	fake_net_reset();
}

static void a_far_end_that_stops_reading_fills_the_socket(void **state)
{
	struct loop *loop = loop_new();
	int listener = listener_new();
	struct fake_conn *conn;
	int fd = accepted(listener, "192.0.2.1:4000", &conn);
	static char much[FAKE_SOCKET_BUFFER + 10];
	struct span parts[2] = {{much, 10}, {much, FAKE_SOCKET_BUFFER}};
	size_t n;
	int err;

	(void)state;
	fake_net_turn();
	assert_int_equal(sock_send(fd, parts, 2, &n, &err), SOCK_OK);
	assert_int_equal(n, FAKE_SOCKET_BUFFER + 10);
	assert_int_equal(fake_conn_received(conn).n, FAKE_SOCKET_BUFFER + 10);
	fake_conn_reading(conn, false);
	assert_int_equal(sock_send(fd, parts, 2, &n, &err), SOCK_OK);
	assert_int_equal(n, FAKE_SOCKET_BUFFER);
	assert_int_equal(fake_net_ready(fd), 0);
	assert_int_equal(sock_send(fd, parts, 2, &n, &err), SOCK_AGAIN);
	fake_conn_reading(conn, true);
	assert_int_equal(fake_net_ready(fd), LOOP_WRITE);
	fake_net_pieces(3);
	fake_net_turn();
	assert_int_equal(sock_send(fd, parts, 2, &n, &err), SOCK_OK);
	assert_int_equal(n, 3);
	assert_int_equal(sock_send(fd, parts, 2, &n, &err), SOCK_AGAIN);
	sock_close(fd);
	sock_close(listener);
	loop_free(loop);
	fake_net_reset();
}

static void an_attempt_waits_for_its_answer(void **state)
{
	struct addr there = at("192.0.2.7:5269"), other = at("192.0.2.8:5269"), seen;
	int a, b, c, err;

	(void)state;
	assert_int_equal(sock_connect(&there, &a, &err), SOCK_OK);
	assert_int_equal(sock_connect(&there, &b, &err), SOCK_OK);
	assert_int_equal(sock_connect(&other, &c, &err), SOCK_OK);
	assert_int_equal(fake_net_ready(a), 0);
	assert_int_equal(fake_net_attempts(&seen), 3);
	assert_true(addr_eq(&seen, &there));
	assert_non_null(fake_net_accept(&there));
	assert_int_equal(fake_net_ready(a), LOOP_WRITE);
	assert_int_equal(sock_connected(a, &err), SOCK_OK);
	assert_int_equal(fake_net_ready(b), 0);
	assert_true(fake_net_refuse(&there, ECONNREFUSED));
	assert_int_equal(sock_connected(b, &err), SOCK_ERROR);
	assert_int_equal(err, ECONNREFUSED);
	assert_null(fake_net_accept(&there));
	assert_true(fake_net_ignore(&other));
	assert_int_equal(fake_net_ready(c), 0);
	assert_int_equal(fake_net_attempts(NULL), 0);
	assert_int_equal(fake_net_descriptors(), 3);
	sock_close(a);
	sock_close(b);
	sock_close(c);
	fake_net_reset();
}

/* --- names --- */

struct answer {
	unsigned calls;
	enum dns_rc rc;
	size_t n;
	char first[ADDR_TEXT_MAX];
	uint16_t port;
};

static void got_addrs(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n)
{
	struct answer *a = arg;

	*a = (struct answer){.calls = a->calls + 1, .rc = rc, .n = n};
	if (n > 0)
		addr_format(&addrs[0], a->first);
}

static void got_srv(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct answer *a = arg;

	*a = (struct answer){.calls = a->calls + 1, .rc = rc, .n = n};
	if (n > 0)
		a->port = srv[0].port;
}

static void zone_new(void)
{
	struct dns_srv srv = {.priority = 1, .port = 5270, .target = "xmpp.peer.lab"};
	struct addr v4 = at("192.0.2.7:1"), v6 = at("[2001:db8::7]:1");

	fake_dns_srv("_xmpp-server._tcp.peer.lab", &srv);
	fake_dns_addr("xmpp.peer.lab", &v4);
	fake_dns_addr("xmpp.peer.lab", &v6);
	fake_dns_fails("broken.lab", DNS_FAILED);
	fake_dns_fails("slow.lab", DNS_TIMEOUT);
}

static void names_answer_as_a_resolver_does(void **state)
{
	struct loop *loop = loop_new();
	struct dns *dns = dns_new(loop, NULL, 0, 5000);
	struct answer srv = {0}, addr = {0}, none = {0}, nodata = {0}, broken = {0}, slow = {0};

	(void)state;
	zone_new();
	assert_non_null(dns_lookup_srv(dns, "_XMPP-server._tcp.peer.lab", got_srv, &srv));
	assert_non_null(dns_lookup_addr(dns, "xmpp.peer.lab", got_addrs, &addr));
	assert_non_null(dns_lookup_addr(dns, "nowhere.lab", got_addrs, &none));
	assert_non_null(dns_lookup_srv(dns, "xmpp.peer.lab", got_srv, &nodata));
	assert_non_null(dns_lookup_srv(dns, "broken.lab", got_srv, &broken));
	assert_non_null(dns_lookup_srv(dns, "slow.lab", got_srv, &slow));
	assert_int_equal(srv.calls + addr.calls, 0);
	assert_true(fake_loop_settle(loop, TURNS));
	assert_int_equal(srv.rc, DNS_FOUND);
	assert_int_equal(srv.port, 5270);
	assert_int_equal(addr.n, 2);
	assert_string_equal(addr.first, "[2001:db8::7]:1");
	assert_int_equal(none.rc, DNS_NO_NAME);
	assert_int_equal(nodata.rc, DNS_NO_DATA);
	assert_int_equal(broken.rc, DNS_FAILED);
	assert_int_equal(slow.calls, 0);
	assert_true(fake_loop_advance(loop, 5000, TURNS));
	assert_int_equal(slow.rc, DNS_TIMEOUT);
	assert_int_equal(fake_dns_lookups(), 6);
	dns_free(dns);
	assert_int_equal(fake_loop_timers(loop), 0);
	loop_free(loop);
	fake_net_reset();
	assert_int_equal(fake_dns_lookups(), 0);
}

static void a_cancelled_look_up_says_nothing(void **state)
{
	struct loop *loop = loop_new();
	struct dns *dns = dns_new(loop, NULL, 0, 5000);
	struct answer a = {0}, b = {0};
	struct dns_req *req;

	(void)state;
	zone_new();
	req = dns_lookup_addr(dns, "xmpp.peer.lab", got_addrs, &a);
	assert_non_null(dns_lookup_addr(dns, "xmpp.peer.lab", got_addrs, &b));
	dns_cancel(&req);
	assert_null(req);
	dns_cancel(&req);
	dns_free(dns);
	assert_true(fake_loop_advance(loop, 10000, TURNS));
	assert_int_equal(a.calls + b.calls, 0);
	loop_free(loop);
	fake_net_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timers_fire_in_order),
	    cmocka_unit_test(a_timer_may_be_set_anew),
	    cmocka_unit_test(a_busy_loop_is_told_from_a_quiet_one),
	    cmocka_unit_test(bytes_arrive_whole_or_in_pieces),
	    cmocka_unit_test(a_close_over_unread_bytes_is_an_abort),
	    cmocka_unit_test(a_reset_is_an_error),
	    cmocka_unit_test(a_far_end_that_stops_reading_fills_the_socket),
	    cmocka_unit_test(an_attempt_waits_for_its_answer),
	    cmocka_unit_test(names_answer_as_a_resolver_does),
	    cmocka_unit_test(a_cancelled_look_up_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
