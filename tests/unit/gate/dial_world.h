/* dial_world: a dial, the name server it asks and the places it may reach, all on loopback.  Include after cmocka.h. */
#ifndef DIAL_WORLD_H
#define DIAL_WORLD_H

#include <poll.h>
#include <stdio.h>

#include "net/fake_dns.h"
#include "sallyport/dial.h"
#include "sallyport/sock.h"

enum { DNS_MS = 1000, CONNECT_MS = 5000, STAGGER_MS = 50 };

/* One dial and the last callback; the loop stops at each. */
struct world {
	struct loop *loop;
	struct fake_dns *server;
	struct dns *dns;
	struct dial_options options;
	uint64_t chances[16]; /* what the random source gives, in turn */
	size_t chances_n;

	struct dial *dial;
	unsigned calls;
	int fd;
	bool has_endpoint;
	struct endpoint endpoint;
	enum reason why;
	void (*inside)(struct world *w); /* run in the callback */
};

static inline uint64_t next_chance(void *arg)
{
	struct world *w = arg;

	assert_true(w->chances_n < ARRAY_LEN(w->chances));
	return w->chances[w->chances_n++];
}

static inline void setup(struct world *w)
{
	*w = (struct world){.fd = -1};
	w->loop = loop_new();
	assert_non_null(w->loop);
	w->server = fake_dns_new(w->loop, "127.0.0.1");
	w->dns = dns_new(w->loop, &w->server->addr, 1, DNS_MS);
	assert_non_null(w->dns);
	w->options = (struct dial_options){.connect_ms = CONNECT_MS,
	    .stagger_ms = STAGGER_MS,
	    .reach = ADDR_HERE,
	    .random = next_chance,
	    .random_arg = w};
}

static inline void close_fd(struct world *w)
{
	if (w->fd >= 0)
		sock_close(w->fd);
	w->fd = -1;
}

static inline void teardown(struct world *w)
{
	close_fd(w);
	dial_cancel(&w->dial);
	dns_free(w->dns);
	fake_dns_free(w->server);
	loop_free(w->loop);
}

static inline void dialled(void *arg, int fd, const struct endpoint *endpoint, enum reason why)
{
	struct world *w = arg;

	close_fd(w);
	w->calls++;
	w->fd = fd;
	w->why = why;
	w->has_endpoint = endpoint != NULL;
	if (endpoint != NULL)
		w->endpoint = *endpoint;
	assert_int_equal(fd < 0, why != REASON_NONE);
	if (w->inside != NULL)
		w->inside(w);
	loop_stop(w->loop);
}

static inline void start(struct world *w, const char *name)
{
	struct domain domain;

	assert_true(domain_parse(&domain, span_of(name)));
	w->dial = dial_start(w->loop, w->dns, &domain, &w->options, dialled, w);
	assert_non_null(w->dial);
	assert_int_equal(w->calls, 0); /* never from inside */
}

static inline void wait_call(struct world *w)
{
	unsigned before = w->calls;

	loop_run(w->loop);
	assert_int_equal(w->calls, before + 1);
}

static inline void dial(struct world *w, const char *name)
{
	start(w, name);
	wait_call(w);
}

static inline void next(struct world *w)
{
	unsigned before = w->calls;

	dial_next(w->dial);
	assert_int_equal(w->calls, before);
	wait_call(w);
}

static inline void assert_connected(const struct world *w, const struct addr *to, const char *target, bool direct_tls)
{
	char got[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];
	struct addr peer = {.len = sizeof(peer.u)};

	assert_int_equal(w->why, REASON_NONE);
	assert_true(w->fd >= 0);
	assert_string_equal(addr_format(&w->endpoint.addr, got), addr_format(to, want));
	assert_string_equal(w->endpoint.target, target);
	assert_int_equal(w->endpoint.direct_tls, direct_tls);
	assert_int_equal(getpeername(w->fd, &peer.u.sa, &peer.len), 0);
	assert_true(addr_eq(&peer, to));
}

static inline void assert_failed(const struct world *w, enum reason why)
{
	assert_int_equal(w->fd, -1);
	assert_string_equal(reason_row(w->why)->code, reason_row(why)->code);
}

static inline void stop_loop(void *arg)
{
	loop_stop(arg);
}

static inline void run_for(struct world *w, uint32_t ms)
{
	struct loop_timer *timer = loop_timer_new(w->loop, stop_loop, w->loop);

	assert_non_null(timer);
	loop_timer_set(timer, ms);
	loop_run(w->loop);
	loop_timer_free(timer);
}

/* --- what is dialled --- */

struct place {
	int fd;
	struct addr at;
	uint16_t port;
	int fill[8]; /* connections that fill a hole's queue */
	size_t fill_n;
};

static inline struct place listen_at(const char *host)
{
	struct place p = {0};
	char text[ADDR_TEXT_MAX], err[256];
	struct addr want;

	snprintf(text, sizeof(text), "%s:0", host);
	assert_true(addr_parse(&want, span_of(text), true));
	p.fd = sock_listen(&want, false, err, sizeof(err));
	assert_true(p.fd >= 0);
	p.at.len = sizeof(p.at.u);
	assert_int_equal(getsockname(p.fd, &p.at.u.sa, &p.at.len), 0);
	p.port = addr_port(&p.at);
	return p;
}

static inline void place_close(struct place *p)
{
	for (size_t i = 0; i < p->fill_n; i++)
		sock_close(p->fill[i]);
	if (p->fd >= 0)
		sock_close(p->fd);
}

/* Where nothing listens: bound, so that nobody else can listen there meanwhile. */
static inline struct place refusing_at(const char *host)
{
	struct place p = {.at = {.len = 0}};
	char text[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s:0", host);
	assert_true(addr_parse(&p.at, span_of(text), true));
	p.fd = socket(p.at.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p.fd, &p.at.u.sa, p.at.len), 0);
	assert_int_equal(getsockname(p.fd, &p.at.u.sa, &p.at.len), 0);
	p.port = addr_port(&p.at);
	return p;
}

/* Where connections neither succeed nor fail: the queue of those to accept is full, and Linux drops what else comes. */
static inline struct place hole_at(const char *host)
{
	struct place p = refusing_at(host);

	assert_int_equal(listen(p.fd, 0), 0);
	for (;;) {
		struct pollfd wait = {.events = POLLOUT};
		int err = 0;

		assert_true(p.fill_n < ARRAY_LEN(p.fill));
		assert_int_equal(sock_connect(&p.at, &wait.fd, &err), SOCK_OK);
		if (poll(&wait, 1, 200) == 0) {
			sock_close(wait.fd);
			return p;
		}
		p.fill[p.fill_n++] = wait.fd;
	}
}

/* Takes n connections out of a hole's queue: those that fill it, then one that comes through with its next SYN, a
 * second after its first.  Not two: of such as come together Linux may lose one. */
static inline void drain(struct place *p, size_t n)
{
	struct pollfd wait = {.fd = p->fd, .events = POLLIN};

	for (; n > 0; n--) {
		int fd;

		assert_int_equal(poll(&wait, 1, 20000), 1);
		fd = accept(p->fd, NULL, NULL);
		assert_true(fd >= 0);
		sock_close(fd);
	}
}

static inline void serve(struct world *w, const char *service, const char *domain, unsigned priority, unsigned weight,
    const struct place *place, const char *target)
{
	char name[128];

	snprintf(name, sizeof(name), "_%s-server._tcp.%s", service, domain);
	fake_dns_srv(w->server, name, priority, weight, place->port, target);
}

static inline void rule(struct world *w, const char *service, const char *domain, enum fake_manner manner)
{
	char name[128];

	snprintf(name, sizeof(name), "_%s-server._tcp.%s", service, domain);
	fake_dns_rule(w->server, name, FAKE_SRV, manner);
}

#endif
