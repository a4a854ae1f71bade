/* dns_world: a resolver, the name server that it asks, and what came of each look-up.  Include after cmocka.h. */
#ifndef DNS_WORLD_H
#define DNS_WORLD_H

#include <stdio.h>

#include "net/fake_dns.h"
#include "sallyport/dns.h"

/* For tests in which somebody is silent; others must not fail on a busy machine. */
enum { SHORT_MS = 500, LONG_MS = 20000 };

struct world {
	struct loop *loop;
	struct fake_dns *server;
	struct dns *dns;
};

/* One look-up and what came of it; stops the loop when the last of those it was told to wait for has come. */
struct look {
	struct world *world;
	struct dns_req *ticket;
	unsigned calls;
	unsigned *waiting;
	enum dns_rc rc;
	size_t n;
	struct dns_srv srv[DNS_RECORDS_MAX];
	struct addr addrs[DNS_RECORDS_MAX];
	bool free_dns;
};

static inline void setup(struct world *w, uint32_t timeout_ms)
{
	w->loop = loop_new();
	assert_non_null(w->loop);
	w->server = fake_dns_new(w->loop, "127.0.0.1");
	w->dns = dns_new(w->loop, &w->server->addr, 1, timeout_ms);
	assert_non_null(w->dns);
}

static inline void teardown(struct world *w)
{
	dns_free(w->dns);
	fake_dns_free(w->server);
	loop_free(w->loop);
}

static inline void look_came(struct look *l, enum dns_rc rc, size_t n)
{
	l->calls++;
	l->ticket = NULL;
	l->rc = rc;
	l->n = n;
	assert_true(n <= DNS_RECORDS_MAX);
	assert_int_equal(n > 0, rc == DNS_FOUND);
	if (--*l->waiting == 0)
		loop_stop(l->world->loop);
	if (l->free_dns) {
		dns_free(l->world->dns);
		l->world->dns = NULL;
	}
}

static inline void srv_came(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct look *l = arg;

	if (n > 0)
		memcpy(l->srv, srv, n * sizeof(*srv));
	look_came(l, rc, n);
}

static inline void addr_came(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n)
{
	struct look *l = arg;

	if (n > 0)
		memcpy(l->addrs, addrs, n * sizeof(*addrs));
	look_came(l, rc, n);
}

static inline void look_srv(struct look *l, struct world *w, unsigned *waiting, const char *name)
{
	*l = (struct look){.world = w, .waiting = waiting};
	++*waiting;
	l->ticket = dns_lookup_srv(w->dns, name, srv_came, l);
	assert_non_null(l->ticket);
	assert_int_equal(l->calls, 0); /* never from inside */
}

static inline void look_addr(struct look *l, struct world *w, unsigned *waiting, const char *name)
{
	*l = (struct look){.world = w, .waiting = waiting};
	++*waiting;
	l->ticket = dns_lookup_addr(w->dns, name, addr_came, l);
	assert_non_null(l->ticket);
	assert_int_equal(l->calls, 0);
}

static inline struct look srv_of(struct world *w, const char *name)
{
	struct look l;
	unsigned waiting = 0;

	look_srv(&l, w, &waiting, name);
	loop_run(w->loop);
	assert_int_equal(l.calls, 1);
	return l;
}

static inline struct look addrs_of(struct world *w, const char *name)
{
	struct look l;
	unsigned waiting = 0;

	look_addr(&l, w, &waiting, name);
	loop_run(w->loop);
	assert_int_equal(l.calls, 1);
	return l;
}

static inline void assert_addr(const struct addr *a, const char *text)
{
	char got[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(a, got), text);
}

static inline void assert_srv(
    const struct dns_srv *s, unsigned priority, unsigned weight, unsigned port, const char *target)
{
	assert_int_equal(s->priority, priority);
	assert_int_equal(s->weight, weight);
	assert_int_equal(s->port, port);
	assert_string_equal(s->target, target);
}

#endif
