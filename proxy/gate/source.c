/* A source stream with its routes: where a stanza's way is chosen. */
#include <stdlib.h>

#include "route_internal.h"

static void on_ended(void *arg, struct stream *s);
static void on_authenticated(void *arg, struct stream *s);
static void on_requested(void *arg, struct stream *s, const struct xmpp_db *db);
static void on_fresh_stanza(void *arg, struct stream *s, const struct xml_ev *ev);
static void on_fresh_request(void *arg, struct stream *s, const struct xmpp_db *db);
static void on_stanza(void *arg, struct stream *s, const struct xml_ev *ev);
static void on_space(void *arg, struct stream *s, const struct xml_ev *ev);
static void on_batch(void *arg, struct stream *s);

/* Before the first pair is known there is no source, only a stream. */
const struct stream_hooks route_hooks = {
    .authenticated = on_authenticated,
    .requested = on_fresh_request,
    .stanza = on_fresh_stanza,
};

static const struct stream_hooks source_hooks = {
    .ended = on_ended,
    .requested = on_requested,
    .stanza = on_stanza,
    .space = on_space,
    .batch = on_batch,
};

bool source_shared(const struct source *src)
{
	return src->n > 1 || stream_anonymous(src->stream);
}

static struct source *source_new(struct stream *s)
{
	struct source *src = calloc(1, sizeof *src);
	if (src == NULL) {
		stream_fail(s, REASON_NO_MEMORY, "");
		return NULL;
	}
	*src = (struct source){.magic = SOURCE_MAGIC, .stream = s};
	stream_adopt(s, &source_hooks, src);
	return src;
}

static void on_fresh_stanza(void *arg, struct stream *s, const struct xml_ev *ev)
{
	(void)arg;
	(void)ev;
	stream_fail(s, REASON_NOT_AUTHORIZED, "no pair was authorised");
}

static void on_authenticated(void *arg, struct stream *s)
{
	(void)arg;
	const struct pair *pair = stream_pair(s);
	const struct conf_host *host = conf_host_find(stream_site(s)->conf, &pair->to);
	struct source *src = source_new(s);
	if (src == NULL)
		return;
	struct route *r = route_new(src, pair, host->backend, true);
	if (r == NULL)
		stream_fail(s, REASON_NO_MEMORY, "");
	else
		route_start_inbound(r);
}

static void on_fresh_request(void *arg, struct stream *s, const struct xmpp_db *db)
{
	(void)arg;
	struct source *src = source_new(s);
	if (src != NULL)
		on_requested(src, s, db);
}

static struct route *find(struct source *src, const struct pair *pair)
{
	for (struct route **at = &src->routes; *at != NULL; at = &(*at)->next) {
		struct route *r = *at;
		if (!pair_eq(&r->pair, pair))
			continue;
		*at = r->next;
		r->next = src->routes;
		src->routes = r;
		return r;
	}
	return NULL;
}

static void on_requested(void *arg, struct stream *s, const struct xmpp_db *db)
{
	struct source *src = arg;
	MAGIC_CHECK(src, SOURCE_MAGIC);
	const struct conf *conf = stream_site(s)->conf;
	struct route *r = find(src, &db->pair);
	if (r != NULL) {
		/* asked again: the first answer is on its way, or still holds */
		if (r->state != ROUTE_ASK && r->state != ROUTE_DIAL)
			stream_grant(s, &db->pair);
		return;
	}
	const struct conf_host *host = conf_host_find(conf, &db->pair.from);
	if (host == NULL || host->backend != stream_backend(s)) {
		stream_fail(s, REASON_BACKEND_FOREIGN, db->pair.from.s);
		return;
	}
	if (src->n >= conf->limits.backend_pairs) {
		stream_fail(s, REASON_LIMIT_PAIRS, "");
		return;
	}
	r = route_new(src, &db->pair, host->backend, false);
	if (r == NULL)
		stream_fail(s, REASON_NO_MEMORY, "");
	else
		route_start_outbound(r, db->key);
}

static void fail(struct source *src, enum reason why, const struct xml_ev *ev)
{
	/* what came before the offence was in order */
	relay_flush(&src->relay);
	const struct xml_attr *at = why == REASON_STANZA_FROM ? &ev->from : &ev->to;
	char detail[LOG_VALUE_MAX];
	size_t n = at->value.n < sizeof detail - 1 ? at->value.n : sizeof detail - 1;
	if (n > 0)
		memcpy(detail, at->value.p, n);
	detail[n] = '\0';
	stream_fail(src->stream, why, detail);
}

/* A stanza with dialback inside is somebody's trick, but not the peer server's: it alone is left out (S4, S9). */
static void drop(struct source *src, const struct route *r)
{
	relay_flush(&src->relay);
	stats_add(&r->w->tally.dropped, 1);
	struct log_line l;
	log_begin(&l, LOG_WARNING, "stanza-dropped");
	log_source(&l, domain_span(r->inbound ? &r->pair.from : &r->pair.to));
	log_str(&l, "reason", reason_row(REASON_DIALBACK)->code);
	log_str(&l, "from", r->pair.from.s);
	log_str(&l, "to", r->pair.to.s);
	log_str(&l, "text", "an element of the dialback namespace stands in the stanza");
	log_end(&l);
}

static void on_stanza(void *arg, struct stream *s, const struct xml_ev *ev)
{
	struct source *src = arg;
	MAGIC_CHECK(src, SOURCE_MAGIC);
	struct route *r = src->routes;
	enum reason why = r != NULL ? relay_judge(ev, &r->pair) : REASON_NOT_AUTHORIZED;
	if (why != REASON_NONE && why != REASON_DIALBACK && src->n > 1) {
		struct pair pair;
		enum reason bad = relay_pair(ev, &pair);
		if (bad == REASON_STANZA_TO) {
			fail(src, bad, ev);
			return;
		}
		r = find(src, &pair);
		why = r != NULL ? bad : REASON_STANZA_FROM;
	}
	if (why == REASON_DIALBACK)
		drop(src, r);
	else if (why != REASON_NONE)
		fail(src, why, ev);
	else
		route_stanza(r, ev);
	(void)s;
}

/* Keepalives go along where it is plain where to. */
static void on_space(void *arg, struct stream *s, const struct xml_ev *ev)
{
	struct source *src = arg;
	MAGIC_CHECK(src, SOURCE_MAGIC);
	(void)s;
	if (src->n == 1)
		route_space(src->routes, ev);
}

static void on_batch(void *arg, struct stream *s)
{
	struct source *src = arg;
	MAGIC_CHECK(src, SOURCE_MAGIC);
	(void)s;
	relay_flush(&src->relay);
	src->relay = (struct relay){0};
	for (struct route *r = src->routes; r != NULL; r = r->next)
		route_check(r);
}

void route_each(const struct stream *s, bool (*fn)(void *arg, const struct pair *pair, const char *state), void *arg)
{
	const struct source *src = stream_owner(s, &source_hooks);
	for (const struct route *r = src != NULL ? src->routes : NULL; r != NULL; r = r->next)
		if (!fn(arg, &r->pair, route_state_name(r->state)))
			return;
}

static void on_ended(void *arg, struct stream *s)
{
	struct source *src = arg;
	MAGIC_CHECK(src, SOURCE_MAGIC);
	(void)s;
	struct route *r = src->routes;
	src->routes = NULL;
	while (r != NULL) {
		struct route *next = r->next;
		r->next = NULL;
		route_orphan(r);
		r = next;
	}
	src->magic = 0;
	free(src);
}
