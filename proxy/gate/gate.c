#include "sallyport/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/admit.h"
#include "sallyport/outage.h"
#include "sallyport/route.h"
#include "sallyport/sock.h"
#include "sallyport/worker.h"

/* Free buffer chunks that a worker holds on to (2 MiB). */
#define POOL_KEEP 64u
/* Connections taken from one listener in a turn, so that a flood leaves time for the streams. */
#define ACCEPT_BATCH 32u
/* After accept() failed for want of descriptors or memory, it is tried again this much later. */
#define ACCEPT_PAUSE_MS 100u

struct listener {
	struct gate *gate;
	struct loop_io *io;
	const struct conf_backend *backend; /* NULL: public */
	int fd;
};

struct gate {
	struct worker w;
	struct listener *listeners;
	size_t listeners_n;
	struct loop_timer *resume; /* goes on accepting */
	struct loop_timer *hurry;  /* ends a drain that takes too long */
	struct loop_later gone;
	void (*drained)(void *arg);
	void *drained_arg;
};

static void accept_on(struct gate *g, bool on)
{
	for (size_t i = 0; i < g->listeners_n; i++)
		if (g->listeners[i].io != NULL)
			loop_io_want(g->listeners[i].io, on, false);
}

static void on_resume(void *arg)
{
	struct gate *g = arg;
	accept_on(g, !g->w.draining);
}

static void no_room(struct gate *g, const struct addr *peer)
{
	char text[ADDR_TEXT_MAX];
	struct log_line l;
	log_begin(&l, LOG_WARNING, "connection-refused");
	log_str(&l, "reason", reason_row(REASON_LIMIT_CONNECTIONS)->code);
	log_str(&l, "addr", addr_format(peer, text));
	log_str(&l, "text", reason_row(REASON_LIMIT_CONNECTIONS)->text);
	log_str(&l, "fix", reason_row(REASON_LIMIT_CONNECTIONS)->fix);
	log_end(&l);
	(void)g;
}

static void take(struct listener *at, int fd, const struct addr *peer)
{
	struct gate *g = at->gate;
	if (at->backend == NULL && !admit_enter(g->w.site->admit, peer)) {
		no_room(g, peer);
		sock_close(fd);
		return;
	}
	if (stream_accept(&g->w, fd, peer, at->backend, &route_hooks, &g->w))
		return;
	log_text(LOG_ERROR, "accept", "no memory for a connection");
}

static void on_connection(void *arg, unsigned ready)
{
	struct listener *at = arg;
	(void)ready;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd, err = 0;
		struct addr peer;
		switch (sock_accept(at->fd, &fd, &peer, &err)) {
		case SOCK_OK:
			take(at, fd, &peer);
			break;
		case SOCK_AGAIN:
		case SOCK_EOF:
			return;
		case SOCK_ERROR:
			/* the connection waits in the kernel's queue; so can we */
			log_text(LOG_ERROR, "accept", "%s; trying again shortly", strerror(err));
			accept_on(at->gate, false);
			loop_timer_set(at->gate->resume, ACCEPT_PAUSE_MS);
			return;
		}
	}
}

static void on_hurry(void *arg)
{
	struct gate *g = arg;
	while (g->w.streams != NULL)
		stream_drop(g->w.streams, REASON_SHUTDOWN);
}

struct gate *gate_new(struct loop *loop, struct site *site, char *err, size_t err_n)
{
	const struct conf *conf = site->conf;
	struct gate *g = calloc(1, sizeof *g);
	if (g == NULL) {
		snprintf(err, err_n, "no memory");
		return NULL;
	}
	size_t n = conf->public_listens;
	for (size_t i = 0; i < conf->backends_n; i++)
		n += conf->backends[i].listens;
	g->w = (struct worker){.loop = loop, .site = site_ref(site)};
	g->w.pool = buf_pool_new(POOL_KEEP);
	g->w.outages = outages_new();
	g->w.dns = dns_new(loop, conf->dns_servers, conf->dns_servers_n, conf->timeouts.dns);
	g->listeners = calloc(n + 1, sizeof *g->listeners);
	g->resume = loop_timer_new(loop, on_resume, g);
	g->hurry = loop_timer_new(loop, on_hurry, g);
	if (g->w.pool != NULL && g->w.outages != NULL && g->w.dns != NULL && g->listeners != NULL &&
	    g->resume != NULL && g->hurry != NULL)
		return g;
	snprintf(err, err_n,
	    g->w.dns == NULL ? "the resolver can't be set up (is /etc/resolv.conf readable?)" : "no memory");
	gate_free(g);
	return NULL;
}

static bool listen_at(
    struct gate *g, const struct addr *at, const struct conf_backend *backend, bool shared, char *err, size_t err_n)
{
	struct listener *l = &g->listeners[g->listeners_n];
	*l = (struct listener){.gate = g, .backend = backend};
	l->fd = sock_listen(at, shared, err, err_n);
	if (l->fd < 0)
		return false;
	g->listeners_n++;
	l->io = loop_io_new(g->w.loop, l->fd, on_connection, l);
	if (l->io == NULL) {
		snprintf(err, err_n, "no memory");
		return false;
	}
	loop_io_want(l->io, true, false);
	return true;
}

bool gate_listen(struct gate *g, bool shared, char *err, size_t err_n)
{
	const struct conf *conf = g->w.site->conf;
	for (size_t i = 0; i < conf->public_listens; i++)
		if (!listen_at(g, &conf->public_listen[i], NULL, shared, err, err_n))
			return false;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			if (!listen_at(g, &conf->backends[b].listen[i], &conf->backends[b], shared, err, err_n))
				return false;
	return true;
}

static void close_listeners(struct gate *g)
{
	for (size_t i = 0; i < g->listeners_n; i++) {
		loop_io_free(g->listeners[i].io);
		sock_close(g->listeners[i].fd);
	}
	g->listeners_n = 0;
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
	close_listeners(g);
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
	outages_free(g->w.outages);
	buf_pool_free(g->w.pool);
	free(g->listeners);
	site_unref(g->w.site);
	free(g);
}

void gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	g->w.empty = NULL;
	close_listeners(g);
	while (g->w.streams != NULL)
		stream_drop(g->w.streams, REASON_SHUTDOWN);
	loop_timer_free(g->resume);
	loop_timer_free(g->hurry);
	dns_free(g->w.dns);
	/* behind the memory of the streams, which still refers to it */
	loop_defer(g->w.loop, &g->gone, release, g);
}

size_t gate_streams(const struct gate *g)
{
	return g->w.streams_n;
}
