#include "party_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lives.h"
#include "sallyport/sock.h"

#define PARTY_MAGIC 0x70617274u

static void on_connected(void *arg);
static void on_secured(void *arg);
static size_t on_data(void *arg, struct span bytes);
static void on_writable(void *arg);
static void on_ended(void *arg, const char *why);

static const struct link_hooks link_hooks = {on_connected, on_secured, on_data, on_writable, on_ended};

bool party_accepts(const struct party *p)
{
	return p->role == PARTY_BACKEND || p->role == PARTY_REMOTE || p->role == PARTY_SINK;
}

void party_enter(struct party *p, enum party_state next)
{
	ENSURE(p->state != PARTY_OVER);
	p->state = next;
}

/* --- life --- */

static struct party *make(struct lane *lane, enum party_role role)
{
	static const struct xml_limits limits = {
	    .element_bytes = PAYLOAD_STANZA_MAX, .depth = 64, .attributes = 64, .name_bytes = 1024};
	struct party *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct party){
	    .magic = PARTY_MAGIC, .role = role, .lane = lane, .started = bench_now(lane->bench), .next = lane->parties};
	p->xml = xml_new(&limits);
	if (p->xml == NULL) {
		free(p);
		return NULL;
	}
	if (p->next != NULL)
		p->next->prev = p;
	lane->parties = p;
	return p;
}

static void release(void *arg)
{
	struct party *p = arg;

	MAGIC_CHECK(p, PARTY_MAGIC);
	p->magic = 0;
	xml_free(p->xml);
	free(p->question);
	free(p);
}

void party_drop(struct party *p)
{
	MAGIC_CHECK(p, PARTY_MAGIC);
	link_free(p->link);
	p->link = NULL;
	p->state = PARTY_OVER;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		p->lane->parties = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	if (p->lane->verifier == p)
		p->lane->verifier = NULL;
	/* one of its hooks may be on the stack */
	loop_defer(p->lane->loop, &p->gone, release, p);
}

static void finish(struct party *p, const char *why)
{
	const struct party_hooks *hooks = p->hooks;
	void *arg = p->arg;

	party_drop(p);
	if (hooks != NULL)
		hooks->ended(arg, why);
}

void party_fail(struct party *p, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	if (p->state == PARTY_OVER)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (p->hooks == NULL)
		bench_problem(p->lane->bench, "%s", why);
	finish(p, why);
}

static const struct addr *address_of(const struct lane *lane, enum party_role role)
{
	bool inner = role == PARTY_ORIGIN || role == PARTY_VERIFIER;

	return inner ? &lane->plan->gateway_inner : &lane->plan->gateway;
}

static struct party *connect_as(struct lane *lane, enum party_role role)
{
	struct party *p = make(lane, role);

	if (p == NULL)
		return NULL;
	p->link = link_connect(lane, address_of(lane, role), &link_hooks, p);
	if (p->link == NULL) {
		party_drop(p);
		return NULL;
	}
	return p;
}

struct party *party_connect(
    struct lane *lane, enum party_role role, uint32_t route, const struct party_hooks *hooks, void *arg)
{
	struct party *p = connect_as(lane, role);
	struct domain peer;

	if (p == NULL)
		return NULL;
	p->route = route;
	p->hooks = hooks;
	p->arg = arg;
	check_init(&p->check, &lane->bench->payload, route);
	bench_peer_domain(lane->bench, route, &peer);
	if (role == PARTY_ORIGIN)
		p->pair = (struct pair){lane->bench->local, peer};
	else
		p->pair = (struct pair){peer, lane->bench->local};
	return p;
}

struct party *party_new_verifier(struct lane *lane, const struct pair *pair)
{
	struct party *p = connect_as(lane, PARTY_VERIFIER);

	if (p == NULL)
		bench_problem(lane->bench, "the backend can't connect to verify a key: %m");
	else
		p->pair = *pair;
	return p;
}

void party_accept(struct lane *lane, enum party_role role, int fd)
{
	struct party *p = make(lane, role);

	if (p == NULL) {
		bench_problem(lane->bench, "out of memory");
		sock_close(fd);
		return;
	}
	p->link = link_accept(lane, fd, &link_hooks, p);
	if (p->link == NULL) {
		bench_problem(lane->bench, "out of memory");
		party_drop(p);
		return;
	}
	party_enter(p, PARTY_TALKING);
	if ((role == PARTY_SINK && lane->plan->backend_tls) || (role == PARTY_REMOTE && lane->plan->direct_tls))
		party_start_tls(p);
}

struct link *party_link(struct party *p)
{
	return p->link;
}

const char *party_route_digits(const struct party *p)
{
	return p->check.route;
}

void party_open(struct party *p)
{
	struct lane *lane = p->lane;

	if (party_accepts(p)) {
		check_init(&p->check, &lane->bench->payload, p->route);
		party_enter(p, PARTY_RECEIVING);
		return;
	}
	party_enter(p, PARTY_SENDING);
	(void)hdr_record_value(lane->setup, bench_now(lane->bench) - p->started);
	count_add(&lane->n.opened, 1);
	p->hooks->open(p->arg);
}

void party_close(struct party *p)
{
	MAGIC_CHECK(p, PARTY_MAGIC);
	if (p->state == PARTY_OVER || p->state == PARTY_CLOSING)
		return;
	party_enter(p, PARTY_CLOSING);
	if (p->lane->plan->wire == WIRE_RAW) {
		link_shut(p->link);
		return;
	}
	if (xmpp_put_end(link_words(p->link)))
		link_say(p->link);
}

/* --- receiving --- */

static void note_times(struct party *p, int64_t now, uint64_t time)
{
	struct bench *b = p->lane->bench;
	int64_t from = atomic_load_explicit(&b->measure_from, memory_order_relaxed);
	int64_t until = atomic_load_explicit(&b->measure_until, memory_order_relaxed);
	int64_t planned = (int64_t)time;
	bool first = plan_lives(p->lane->plan) && p->check.seq == 1;

	if (planned < from || (until > 0 && planned >= until) || now < planned)
		return;
	(void)hdr_record_value(first ? p->lane->first : p->lane->latency, now - planned);
}

static void report_difference(struct party *p, struct span at)
{
	char excerpt[81];
	size_t n = at.n < sizeof(excerpt) - 1 ? at.n : sizeof(excerpt) - 1;

	for (size_t i = 0; i < n; i++)
		excerpt[i] = at.p[i] >= ' ' && at.p[i] < 127 ? at.p[i] : '?';
	excerpt[n] = '\0';
	party_fail(p, "peer %u: stanza %llu did not arrive as it was sent: from its byte %zu on stands \"%s\"",
	    p->route, (unsigned long long)p->check.seq, p->check.at, excerpt);
}

/* Nobody ends a stream that is kept before its sender does. */
static bool may_end(const struct party *p)
{
	return plan_lives(p->lane->plan) || atomic_load(&p->lane->bench->stopping);
}

/* True: all taken; false: the stream is over. */
static bool take_stanzas(struct party *p, struct span in, uint64_t *stanzas)
{
	int64_t now = bench_now(p->lane->bench);
	uint64_t time;

	for (;;) {
		switch (check_next(&p->check, &in, &time)) {
		case CHECK_MORE:
			return true;
		case CHECK_STANZA:
			(*stanzas)++;
			note_times(p, now, time);
			break;
		case CHECK_END:
			if (may_end(p)) {
				party_close(p);
				link_shut(p->link);
			} else {
				party_fail(p, "peer %u: the gateway ended the stream", p->route);
			}
			return false;
		case CHECK_BAD:
			report_difference(p, in);
			return false;
		}
	}
}

static void receive(struct party *p, struct span in)
{
	struct lane *lane = p->lane;
	struct delivery *d = &lane->bench->route[p->route];
	uint32_t route = p->route;
	uint64_t stanzas = 0;

	(void)take_stanzas(p, in, &stanzas);
	count_add(&lane->n.received_bytes, in.n);
	if (stanzas == 0)
		return;
	count_add(&lane->n.received, stanzas);
	count_add(&d->received, stanzas);
	if (plan_lives(lane->plan))
		lives_delivered(lane, route);
}

static size_t on_data(void *arg, struct span bytes)
{
	struct party *p = arg;
	size_t used = 0;

	MAGIC_CHECK(p, PARTY_MAGIC);
	while (used < bytes.n && p->state != PARTY_OVER && p->state != PARTY_SHAKING) {
		struct span rest = {bytes.p + used, bytes.n - used};
		struct xml_ev ev;
		enum xml_rc rc;

		if (p->state == PARTY_RECEIVING) {
			receive(p, rest);
			return bytes.n;
		}
		rc = xml_next(p->xml, &ev, rest);
		if (rc == XML_MORE)
			break;
		if (rc != XML_BAD)
			used += ev.bytes.n;
		party_on_event(p, rc, &ev);
	}
	return used;
}

/* --- other events of the link --- */

static void on_connected(void *arg)
{
	struct party *p = arg;

	MAGIC_CHECK(p, PARTY_MAGIC);
	party_enter(p, PARTY_TALKING);
	if (p->role == PARTY_SOURCE || (p->role == PARTY_PEER && p->lane->plan->direct_tls))
		party_start_tls(p);
	else
		party_say_header(p);
}

static void note_tls(struct party *p)
{
	struct bench *b = p->lane->bench;
	const SSL *ssl = link_ssl(p->link);
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	const char *group = SSL_get_curve_id(ssl) != 0 ? SSL_get_curve_name(SSL_get_curve_id(ssl)) : NULL;

	count_add(&p->lane->n.handshakes, 1);
	if (SSL_session_reused(ssl))
		count_add(&p->lane->n.resumed, 1);
	pthread_mutex_lock(&b->lock);
	if (b->tls_version[0] == '\0') {
		snprintf(b->tls_version, sizeof(b->tls_version), "%s", SSL_get_version(ssl));
		snprintf(
		    b->tls_cipher, sizeof(b->tls_cipher), "%s", cipher != NULL ? SSL_CIPHER_standard_name(cipher) : "");
		snprintf(b->tls_group, sizeof(b->tls_group), "%s", group != NULL ? group : "");
	}
	pthread_mutex_unlock(&b->lock);
}

static void on_secured(void *arg)
{
	struct party *p = arg;

	MAGIC_CHECK(p, PARTY_MAGIC);
	p->secure = true;
	xml_reset(p->xml);
	party_enter(p, PARTY_TALKING);
	if (p->role == PARTY_PEER || p->role == PARTY_SOURCE || p->role == PARTY_REMOTE)
		note_tls(p);
	if (party_accepts(p))
		return;
	party_say_header(p);
	if (p->role == PARTY_SOURCE)
		party_open(p);
}

static void on_writable(void *arg)
{
	struct party *p = arg;

	MAGIC_CHECK(p, PARTY_MAGIC);
	if (p->state == PARTY_SENDING)
		p->hooks->writable(p->arg);
}

static const char *const role_names[] = {
    [PARTY_PEER] = "peer",
    [PARTY_ORIGIN] = "backend's stream to peer",
    [PARTY_VERIFIER] = "backend's verifier for peer",
    [PARTY_SOURCE] = "client",
    [PARTY_BACKEND] = "backend's stream from peer",
    [PARTY_REMOTE] = "remote server",
    [PARTY_SINK] = "server behind the gateway, client",
};

static void on_ended(void *arg, const char *why)
{
	struct party *p = arg;

	MAGIC_CHECK(p, PARTY_MAGIC);
	if (p->state == PARTY_CLOSING) {
		finish(p, NULL);
		return;
	}
	if (party_accepts(p) && p->state != PARTY_RECEIVING && why == NULL) {
		/* a connection that only asked, or none at all (a health check) */
		finish(p, NULL);
		return;
	}
	if (p->state == PARTY_RECEIVING && why == NULL && p->check.at == 0 && may_end(p)) {
		finish(p, NULL);
		return;
	}
	if (p->state == PARTY_RECEIVING && p->check.at != 0)
		why = "the connection ended inside a stanza";
	party_fail(p, "%s %u: %s", role_names[p->role], p->route, why != NULL ? why : "the connection ended");
}
