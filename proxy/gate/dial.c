#include "sallyport/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "dial_internal.h"
#include "sallyport/sock.h"

#define MAGIC_DIAL 0x6469616cu

/* Whoever owns the remote domain's zone decides how much we do for it: up to here. */
enum {
	HOSTS_MAX = 8, /* target names looked up */
	TARGETS_MAX = 16,
	ADDRS_MAX = 8,  /* of one name */
	TRIES_MAX = 16, /* connection attempts */
	FLIGHT_MAX = 4, /* of them at once */
	PORT_FALLBACK = 5269,
};

/* A name and its addresses; several targets may share it. */
struct host {
	struct dial *dial;
	struct dns_req *lookup;
	char name[256];
	struct addr addrs[ADDRS_MAX];
	size_t addrs_n;
};

struct target {
	struct host *host;
	uint16_t port;
	bool direct_tls;
};

struct attempt {
	struct dial *dial;
	int fd; /* -1: this slot is free */
	bool connected;
	struct endpoint endpoint;
	struct loop_io *io;
	struct loop_timer *timer;
};

enum dial_state {
	DIAL_ASKING,    /* for SRV records */
	DIAL_SEEKING,   /* a callback is owed */
	DIAL_RESTING,   /* it has come; attempts under way go on, new ones do not start */
	DIAL_CANCELLED, /* memory goes at the end of the turn */
};

struct dial {
	unsigned magic;
	enum dial_state state;
	bool going; /* go() is deferred */
	struct loop *loop;
	struct dns *dns;
	struct domain domain;
	struct dial_options options;
	dial_fn *fn;
	void *arg;
	struct loop_later later, bury;

	struct dial_answer answers[SERVICES];
	struct host hosts[HOSTS_MAX];
	size_t hosts_n;
	struct target targets[TARGETS_MAX]; /* in the order to try */
	size_t targets_n;

	struct attempt attempts[FLIGHT_MAX];
	struct {
		struct addr addr;
		bool direct_tls;
	} tried[TRIES_MAX];
	size_t tried_n;
	struct loop_timer *stagger;
	bool staggering; /* too early for a further attempt beside those under way, or past a name not yet looked up */

	enum reason why; /* the most telling failure so far, and where it happened, if at an address */
	struct endpoint where;
};

static void go(struct dial *d);

static void enter(struct dial *d, enum dial_state state)
{
	ENSURE(d->state != DIAL_CANCELLED);
	ENSURE(state != DIAL_RESTING || d->state == DIAL_SEEKING);
	d->state = state;
}

/* --- failures --- */

static void note_failure(struct dial *d, enum reason why, const struct endpoint *where)
{
	if (why == d->why || dial_telling(d->why, why) == d->why)
		return;
	d->why = why;
	d->where = where != NULL ? *where : (struct endpoint){.addr.len = 0};
}

static enum reason reason_of_errno(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return REASON_CONNECT_REFUSED;
	case ETIMEDOUT:
		return REASON_CONNECT_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return REASON_NO_MEMORY;
	default:
		return REASON_CONNECT_FAILED;
	}
}

/* --- going on --- */

static void go_deferred(void *arg)
{
	struct dial *d = arg;

	MAGIC_CHECK(d, MAGIC_DIAL);
	d->going = false;
	go(d);
}

static void go_later(struct dial *d)
{
	if (d->going)
		return;
	d->going = true;
	loop_defer(d->loop, &d->later, go_deferred, d);
}

static void stagger_stop(struct dial *d)
{
	d->staggering = false;
	loop_timer_stop(d->stagger);
}

static void stagger_start(struct dial *d)
{
	d->staggering = true;
	loop_timer_set(d->stagger, d->options.stagger_ms);
}

static void stagger_over(void *arg)
{
	struct dial *d = arg;

	MAGIC_CHECK(d, MAGIC_DIAL);
	d->staggering = false;
	go(d);
}

/* --- attempts --- */

static void attempt_unwatch(struct attempt *a)
{
	loop_io_free(a->io);
	loop_timer_free(a->timer);
	a->io = NULL;
	a->timer = NULL;
}

static int attempt_release(struct attempt *a)
{
	int fd = a->fd;

	attempt_unwatch(a);
	a->fd = -1;
	a->connected = false;
	return fd;
}

static void attempt_close(struct attempt *a)
{
	int fd = attempt_release(a);

	if (fd >= 0)
		sock_close(fd);
}

static void attempt_failed(struct attempt *a, enum reason why)
{
	struct dial *d = a->dial;

	note_failure(d, why, &a->endpoint);
	attempt_close(a);
	stagger_stop(d); /* a failure is answered by the next attempt at once (RFC 8305 section 5) */
	go(d);
}

static void attempt_ready(void *arg, unsigned ready)
{
	struct attempt *a = arg;
	int err = 0;

	MAGIC_CHECK(a->dial, MAGIC_DIAL);
	if ((ready & LOOP_FAILED) != 0) {
		attempt_failed(a, REASON_NO_MEMORY);
		return;
	}
	if (sock_connected(a->fd, &err) != SOCK_OK) {
		attempt_failed(a, reason_of_errno(err));
		return;
	}
	attempt_unwatch(a);
	a->connected = true;
	go(a->dial);
}

static void attempt_expired(void *arg)
{
	struct attempt *a = arg;

	MAGIC_CHECK(a->dial, MAGIC_DIAL);
	attempt_failed(a, REASON_CONNECT_TIMEOUT);
}

static bool attempt_start(struct dial *d, struct attempt *a, const struct endpoint *endpoint)
{
	int err = 0;

	d->tried[d->tried_n].addr = endpoint->addr;
	d->tried[d->tried_n++].direct_tls = endpoint->direct_tls;
	a->dial = d;
	a->endpoint = *endpoint;
	if (sock_connect(&endpoint->addr, &a->fd, &err) != SOCK_OK) {
		note_failure(d, reason_of_errno(err), endpoint);
		return false;
	}
	a->io = loop_io_new(d->loop, a->fd, attempt_ready, a);
	a->timer = loop_timer_new(d->loop, attempt_expired, a);
	if (a->io == NULL || a->timer == NULL) {
		note_failure(d, REASON_NO_MEMORY, endpoint);
		attempt_close(a);
		return false;
	}
	loop_io_want(a->io, false, true);
	loop_timer_set(a->timer, d->options.connect_ms);
	return true;
}

static size_t attempts_under_way(const struct dial *d)
{
	size_t n = 0;

	for (size_t i = 0; i < FLIGHT_MAX; i++)
		n += d->attempts[i].fd >= 0;
	return n;
}

/* A slot that holds a connection, or a free one. */
static struct attempt *find_slot(struct dial *d, bool connected)
{
	for (size_t i = 0; i < FLIGHT_MAX; i++) {
		struct attempt *a = &d->attempts[i];

		if (a->connected == connected && (a->fd >= 0) == connected)
			return a;
	}
	return NULL;
}

/* --- which endpoint is next --- */

static bool was_tried(const struct dial *d, const struct addr *addr, bool direct_tls)
{
	for (size_t i = 0; i < d->tried_n; i++) {
		if (d->tried[i].direct_tls == direct_tls && addr_eq(&d->tried[i].addr, addr))
			return true;
	}
	return false;
}

/* The first endpoint not yet tried; patient: none rather than one behind a name that is still being looked up. */
static bool pick(const struct dial *d, bool patient, struct endpoint *out)
{
	if (d->tried_n == TRIES_MAX)
		return false;
	for (size_t i = 0; i < d->targets_n; i++) {
		const struct target *t = &d->targets[i];

		if (t->host->lookup != NULL && patient)
			return false;
		for (size_t k = 0; k < t->host->addrs_n; k++) {
			struct addr addr = t->host->addrs[k];

			addr_set_port(&addr, t->port);
			if (was_tried(d, &addr, t->direct_tls))
				continue;
			out->addr = addr;
			out->direct_tls = t->direct_tls;
			memcpy(out->target, t->host->name, sizeof(out->target));
			return true;
		}
	}
	return false;
}

static bool anything_left(const struct dial *d)
{
	struct endpoint ignored;

	if (attempts_under_way(d) > 0 || pick(d, false, &ignored))
		return true;
	for (size_t i = 0; i < d->hosts_n; i++) {
		if (d->hosts[i].lookup != NULL && d->tried_n < TRIES_MAX)
			return true;
	}
	return false;
}

static void deliver(struct dial *d, int fd, const struct endpoint *endpoint, enum reason why)
{
	enter(d, DIAL_RESTING);
	stagger_stop(d);
	d->fn(d->arg, fd, endpoint, why); /* may cancel; d's memory lives to the end of the turn */
}

static void go(struct dial *d)
{
	struct attempt *a;
	struct endpoint endpoint;

	if (d->state != DIAL_SEEKING)
		return;
	a = find_slot(d, true);
	if (a != NULL) {
		endpoint = a->endpoint;
		deliver(d, attempt_release(a), &endpoint, REASON_NONE);
		return;
	}
	while ((attempts_under_way(d) == 0 || !d->staggering) && (a = find_slot(d, false)) != NULL &&
	       pick(d, d->staggering, &endpoint)) {
		if (attempt_start(d, a, &endpoint))
			stagger_start(d);
	}
	if (!anything_left(d))
		deliver(d, -1, d->where.addr.len > 0 ? &d->where : NULL,
		    d->why != REASON_NONE ? d->why : REASON_CONNECT_FAILED);
}

/* --- names --- */

static void note_forbidden(struct host *h, const struct addr *a)
{
	struct endpoint where = {.addr = *a};

	memcpy(where.target, h->name, sizeof(where.target));
	for (size_t i = 0; i < h->dial->targets_n; i++) {
		if (h->dial->targets[i].host == h)
			addr_set_port(&where.addr, h->dial->targets[i].port);
	}
	note_failure(h->dial, REASON_ADDRESS, &where);
}

static void host_answered(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n)
{
	struct host *h = arg;

	MAGIC_CHECK(h->dial, MAGIC_DIAL);
	h->lookup = NULL;
	for (size_t i = 0; i < n && h->addrs_n < ADDRS_MAX; i++) {
		if (!dial_allows(&addrs[i], h->dial->options.reach))
			note_forbidden(h, &addrs[i]);
		else
			h->addrs[h->addrs_n++] = addrs[i];
	}
	if (n == 0)
		note_failure(h->dial, dial_reason_of_dns(rc), NULL);
	go(h->dial);
}

static struct host *host_of(struct dial *d, const char *name)
{
	struct host *h;

	for (size_t i = 0; i < d->hosts_n; i++) {
		if (strcasecmp(d->hosts[i].name, name) == 0)
			return &d->hosts[i];
	}
	if (d->hosts_n == HOSTS_MAX)
		return NULL;
	h = &d->hosts[d->hosts_n++];
	h->dial = d;
	(void)snprintf(h->name, sizeof(h->name), "%s", name);
	return h;
}

static struct host *add_target(struct dial *d, const char *name, uint16_t port, bool direct_tls)
{
	struct host *h = host_of(d, name);

	if (h == NULL || d->targets_n == TARGETS_MAX)
		return NULL;
	d->targets[d->targets_n++] = (struct target){h, port, direct_tls};
	return h;
}

/* All targets are known: looks their names up, all together. */
static void seek(struct dial *d)
{
	enter(d, DIAL_SEEKING);
	for (size_t i = 0; i < d->hosts_n; i++) {
		struct host *h = &d->hosts[i];

		h->lookup = dns_lookup_addr(d->dns, h->name, host_answered, h);
		if (h->lookup == NULL)
			note_failure(d, REASON_NO_MEMORY, NULL);
	}
	stagger_start(d);
	go_later(d);
}

/* --- SRV --- */

static void choose_targets(struct dial *d)
{
	struct dial_choice choices[SERVICES * DNS_RECORDS_MAX];
	size_t n = 0;
	enum reason why = dial_choose(d->answers, &d->options, choices, &n);

	for (size_t i = 0; i < n; i++)
		(void)add_target(d, choices[i].srv->target, choices[i].srv->port, choices[i].direct_tls);
	if (why != REASON_NONE)
		note_failure(d, why, NULL);
	else if (n == 0)
		(void)add_target(d, d->domain.s, PORT_FALLBACK, false);
	for (int s = XMPPS; s < SERVICES; s++) {
		free(d->answers[s].srv);
		d->answers[s].srv = NULL;
	}
	seek(d);
}

static void srv_answered(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct dial_answer *answer = arg;
	struct dial *d = answer->dial;

	MAGIC_CHECK(d, MAGIC_DIAL);
	answer->lookup = NULL;
	answer->rc = rc;
	if (n > 0) {
		answer->srv = malloc(n * sizeof(*srv));
		if (answer->srv != NULL) {
			memcpy(answer->srv, srv, n * sizeof(*srv));
			answer->n = n;
		} else {
			answer->rc = DNS_FAILED;
			note_failure(d, REASON_NO_MEMORY, NULL);
		}
	}
	if (d->answers[XMPPS].lookup == NULL && d->answers[XMPP].lookup == NULL)
		choose_targets(d);
}

static bool ask_srv(struct dial *d, enum service s, const char *service)
{
	char name[sizeof("_xmpps-server._tcp.") + DOMAIN_MAX];

	(void)snprintf(name, sizeof(name), "%s._tcp.%s", service, d->domain.s);
	d->answers[s].dial = d;
	d->answers[s].lookup = dns_lookup_srv(d->dns, name, srv_answered, &d->answers[s]);
	return d->answers[s].lookup != NULL;
}

/* --- the ticket --- */

static struct dial *dial_new(struct loop *loop, const struct dial_options *options, dial_fn *fn, void *arg)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->stagger = loop_timer_new(loop, stagger_over, d);
	if (d->stagger == NULL) {
		free(d);
		return NULL;
	}
	d->magic = MAGIC_DIAL;
	d->loop = loop;
	d->options = *options;
	d->fn = fn;
	d->arg = arg;
	for (size_t i = 0; i < FLIGHT_MAX; i++)
		d->attempts[i].fd = -1;
	return d;
}

struct dial *dial_start(struct loop *loop, struct dns *dns, const struct domain *domain,
    const struct dial_options *options, dial_fn *fn, void *arg)
{
	struct dial *d = dial_new(loop, options, fn, arg);

	if (d == NULL)
		return NULL;
	d->dns = dns;
	d->domain = *domain;
	if (dial_is_literal(domain)) {
		(void)add_target(d, domain->s, PORT_FALLBACK, false);
		seek(d);
	} else if (!ask_srv(d, XMPPS, "_xmpps-server") || !ask_srv(d, XMPP, "_xmpp-server")) {
		dial_cancel(&d);
	}
	return d;
}

struct dial *dial_start_addr(
    struct loop *loop, const struct addr *addr, const struct dial_options *options, dial_fn *fn, void *arg)
{
	struct dial *d = dial_new(loop, options, fn, arg);
	char text[ADDR_TEXT_MAX];
	struct host *h;

	if (d == NULL)
		return NULL;
	h = add_target(d, addr_format(addr, text), addr_port(addr), false);
	h->addrs[h->addrs_n++] = *addr;
	enter(d, DIAL_SEEKING);
	go_later(d);
	return d;
}

void dial_next(struct dial *d)
{
	MAGIC_CHECK(d, MAGIC_DIAL);
	ENSURE(d->state == DIAL_RESTING);
	enter(d, DIAL_SEEKING);
	go_later(d);
}

bool dial_more(const struct dial *d)
{
	MAGIC_CHECK(d, MAGIC_DIAL);
	return anything_left(d);
}

static void dial_bury(void *arg)
{
	struct dial *d = arg;

	d->magic = 0;
	free(d);
}

void dial_cancel(struct dial **slot)
{
	struct dial *d = *slot;

	*slot = NULL;
	if (d == NULL)
		return;
	MAGIC_CHECK(d, MAGIC_DIAL);
	enter(d, DIAL_CANCELLED);
	for (size_t i = 0; i < FLIGHT_MAX; i++)
		attempt_close(&d->attempts[i]);
	for (size_t i = 0; i < d->hosts_n; i++)
		dns_cancel(&d->hosts[i].lookup);
	for (int s = XMPPS; s < SERVICES; s++) {
		dns_cancel(&d->answers[s].lookup);
		free(d->answers[s].srv);
	}
	loop_timer_free(d->stagger);
	loop_defer(d->loop, &d->bury, dial_bury, d);
}
