#include "sallyport/gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "sallyport/admit.h"
#include "sallyport/listen.h"
#include "sallyport/outage.h"
#include "sallyport/route.h"
#include "sallyport/sock.h"
#include "sallyport/worker.h"

/* Free buffer chunks that a worker holds on to (2 MiB). */
#define POOL_KEEP 32u
struct gate {
	struct worker w;
	struct listeners *listeners;
	bool shared;              /* the ports, with other workers */
	struct loop_timer *hurry; /* ends a drain that takes too long */
	struct loop_later gone;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* The other side learns why in one write that may fail, and without a wait: no stream is made for it. */
static void say_refusal(struct gate *g, int fd, enum role role, enum reason why)
{
	const struct reason_row *row = reason_row(why);
	char id[XMPP_NEW_ID_LEN + 1], seen[4096];
	struct buf out;
	size_t n = 0;
	int err;
	/* what is left unread would turn the end into a reset, which takes our words along */
	bool tls = sock_recv(fd, seen, sizeof seen, &n, &err) == SOCK_OK && seen[0] == 0x16;
	stats_add(&g->w.tally.received[role], n);
	if (tls)
		return; /* to direct TLS these would be no words */
	buf_init(&out, g->w.pool, sizeof seen);
	xmpp_new_id(id);
	if (xmpp_put_header(&out, NULL, NULL, id, false) && xmpp_put_stream_error(&out, row->direct, row->peer_text) &&
	    xmpp_put_end(&out)) {
		struct span words = buf_span(&out);
		(void)!sock_send(fd, &words, 1, &n, &err);
		stats_add(&g->w.tally.sent[role], n);
	}
	buf_free(&out);
}

static void refuse(struct gate *g, int fd, const struct addr *peer, const struct conf_backend *backend, enum reason why)
{
	char text[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX];
	struct log_line l;
	stats_add(&g->w.tally.refused[why], 1);
	log_begin(&l, LOG_WARNING, "connection-refused");
	log_source(&l, span_of(addr_format_source(peer, source)));
	log_str(&l, "reason", reason_row(why)->code);
	log_str(&l, "addr", addr_format(peer, text));
	log_str(&l, "backend", backend != NULL ? backend->name : "");
	log_str(&l, "text", reason_row(why)->text);
	log_str(&l, "fix", reason_row(why)->fix);
	log_end(&l);
	say_refusal(g, fd, backend == NULL ? ROLE_PUBLIC_IN : ROLE_BACKEND_IN, why);
	sock_close(fd);
}

static enum reason admit(struct gate *g, const struct addr *peer, const struct conf_backend *backend)
{
	struct admit *a = g->w.site->admit;
	if (backend == NULL)
		return admit_enter(a, peer, loop_now(g->w.loop));
	return admit_enter_backend(a) ? REASON_NONE : REASON_LIMIT_CONNECTIONS;
}

static void on_connection(void *arg, int fd, const struct addr *peer, const struct conf_backend *backend)
{
	struct gate *g = arg;
	enum reason why = admit(g, peer, backend);
	if (why != REASON_NONE)
		refuse(g, fd, peer, backend, why);
	else if (!stream_accept(&g->w, fd, peer, backend, &route_hooks, &g->w))
		log_text(LOG_ERROR, "accept", "no memory for a connection");
}

static void on_hurry(void *arg)
{
	struct gate *g = arg;
	while (g->w.streams != NULL)
		stream_drop(g->w.streams, REASON_SHUTDOWN);
}

static void set_limits(struct gate *g)
{
	const struct conf_limits *l = &g->w.site->conf->limits;
	const struct dns_limits dns = {.lookups = l->dns_lookups, .records = l->dns_records, .aliases = l->dns_aliases};
	buf_pool_limit(g->w.pool, l->buffer_bytes);
	dns_limit(g->w.dns, &dns);
}

struct gate *gate_new(struct loop *loop, struct site *site, char *err, size_t err_n)
{
	const struct conf *conf = site->conf;
	struct gate *g = calloc(1, sizeof *g);
	if (g == NULL) {
		snprintf(err, err_n, "no memory");
		return NULL;
	}
	g->w = (struct worker){.loop = loop, .site = site_ref(site)};
	site_enter(site);
	g->w.pool = buf_pool_new(POOL_KEEP);
	g->w.outages = outages_new();
	g->w.dns = dns_new(loop, conf->dns_servers, conf->dns_servers_n, conf->timeouts.dns);
	g->listeners = listeners_new(loop, &g->w.tally.accept_failed, on_connection, g);
	g->hurry = loop_timer_new(loop, on_hurry, g);
	if (g->w.dns != NULL)
		dns_count(g->w.dns, g->w.tally.dns);
	if (g->w.dns != NULL && g->w.pool != NULL)
		set_limits(g);
	if (g->w.pool != NULL && g->w.outages != NULL && g->w.dns != NULL && g->listeners != NULL && g->hurry != NULL)
		return g;
	snprintf(err, err_n,
	    g->w.dns == NULL ? "the resolver can't be set up (is /etc/resolv.conf readable?)" : "no memory");
	gate_free(g);
	return NULL;
}

bool gate_sign_by(struct gate *g, struct keys *keys)
{
	g->w.keys = keys_line_new(keys, g->w.loop);
	return g->w.keys != NULL;
}

bool gate_give(struct gate *g, const struct addr *at, int fd)
{
	return listeners_give(g->listeners, at, fd);
}

bool gate_listen(struct gate *g, bool shared, char *err, size_t err_n)
{
	g->shared = shared;
	return listeners_set(g->listeners, g->w.site->conf, shared, err, err_n);
}

void gate_opened(struct gate *g, void (*fn)(void *arg, int fd), void *arg)
{
	listeners_opened(g->listeners, fn, arg);
}

bool gate_reload(struct gate *g, struct site *site, char *err, size_t err_n)
{
	if (g->w.draining) {
		snprintf(err, err_n, "the gateway is ending");
		return false;
	}
	if (!listeners_set(g->listeners, site->conf, g->shared, err, err_n))
		return false;
	struct site *before = g->w.site;
	g->w.site = site_ref(site);
	site_enter(site);
	outages_forget(g->w.outages);
	set_limits(g);
	/* streams that end here stay linked until the turn is over */
	for (struct stream *s = g->w.streams, *next; s != NULL; s = next) {
		next = stream_next(s);
		stream_recheck(s);
	}
	site_leave(before);
	site_unref(before);
	return true;
}

static void on_empty(void *arg)
{
	struct gate *g = arg;
	loop_timer_stop(g->hurry);
	void (*drained)(void *) = g->drained;
	g->drained = NULL;
	if (drained != NULL)
		drained(g->drained_arg);
}

void gate_drain(struct gate *g, void (*done)(void *arg), void *arg)
{
	g->drained = done;
	g->drained_arg = arg;
	g->w.draining = true;
	g->w.empty = on_empty;
	g->w.empty_arg = g;
	listeners_close(g->listeners);
	loop_timer_set(g->hurry, g->w.site->conf->timeouts.close * 2);
	/* sources first: their sinks follow when the last stanza has passed.  Streams that end meanwhile stay linked
	 * until the turn is over, so walking on from them is safe. */
	struct stream *s = g->w.streams, *next;
	for (; s != NULL; s = next) {
		next = stream_next(s);
		if (stream_role(s) == ROLE_PUBLIC_IN || stream_role(s) == ROLE_BACKEND_IN)
			stream_end(s, REASON_SHUTDOWN);
	}
	if (g->w.streams == NULL)
		on_empty(g);
}

static void release(void *arg)
{
	struct gate *g = arg;
	keys_line_free(g->w.keys);
	outages_free(g->w.outages);
	buf_pool_free(g->w.pool);
	site_leave(g->w.site);
	site_unref(g->w.site);
	free(g);
}

void gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	g->w.empty = NULL;
	listeners_free(g->listeners);
	g->listeners = NULL;
	while (g->w.streams != NULL)
		stream_drop(g->w.streams, REASON_SHUTDOWN);
	loop_timer_free(g->hurry);
	dns_free(g->w.dns);
	/* behind the memory of the streams, which still refers to it */
	loop_defer(g->w.loop, &g->gone, release, g);
}

void gate_each_stream(struct gate *g, uint64_t below, bool (*fn)(void *arg, struct stream *s), void *arg)
{
	/* streams that end meanwhile stay linked until the turn is over */
	for (struct stream *s = g->w.streams, *next; s != NULL; s = next) {
		next = stream_next(s);
		if (stream_number(s) < below && !fn(arg, s))
			return;
	}
}

void gate_count(const struct gate *g, uint32_t sum[ROLE_COUNT][STATE_COUNT])
{
	for (size_t role = 0; role < ROLE_COUNT; role++)
		for (size_t state = 0; state < STATE_COUNT; state++)
			sum[role][state] += g->w.count[role][state];
}

bool gate_post(struct gate *g, void (*fn)(void *arg), void *arg)
{
	return loop_post(g->w.loop, fn, arg);
}

size_t gate_streams(const struct gate *g)
{
	return g->w.streams_n;
}

const struct tally *gate_tally(const struct gate *g)
{
	return &g->w.tally;
}
