#include <stdlib.h>

#include "route_internal.h"
#include "sallyport/leg.h"
#include "sallyport/outage.h"
#include "sallyport/policy.h"

/* How long one stuck sink may hold up the other pairs of a shared source. */
#define SHARED_WAIT_MS 3000u
/* What declarations may add to a stanza that is kept. */
#define KEPT_ROOM 65536u

static void on_sink_opened(void *arg, struct stream *s);
static void on_sink_writable(void *arg, struct stream *s);
static void on_sink_ended(void *arg, struct stream *s);
static void on_key_known(void *arg, struct stream *s);
static void on_key_failed(void *arg, struct stream *s);
static void on_timer(void *arg);

static const struct stream_hooks sink_hooks = {
    .opened = on_sink_opened,
    .writable = on_sink_writable,
    .ended = on_sink_ended,
};
static const struct stream_hooks verifier_hooks = {.opened = on_key_known, .ended = on_key_failed};

/* No further stanza is sure to find room among those that are kept. */
static bool crowded(const struct route *r)
{
	return r->kept.max - buf_len(&r->kept) < r->site->conf->limits.stanza_bytes + KEPT_ROOM;
}

/* Other pairs must not wait for this one's sink, but for a moment; where there are none it can be waited for, and
 * nothing needs to be returned.  (A further pair could be asked for behind the stanzas: so not before the room is used
 * up.) */
static bool must_hold(const struct route *r)
{
	switch (r->state) {
	case ROUTE_BLOCKED:
		return true;
	case ROUTE_REDIAL:
		return !source_shared(r->source) || (r->source->n == 1 && crowded(r));
	case ROUTE_STALLED:
		return r->source->n == 1 && crowded(r);
	case ROUTE_ASK:
	case ROUTE_DIAL:
	case ROUTE_OPEN:
	case ROUTE_IDLE:
	case ROUTE_BOUNCE:
	case ROUTE_GONE:
		break;
	}
	return false;
}

/* A source reads on only while none of its routes holds it. */
static void hold_source(struct route *r)
{
	struct source *src = r->source;
	if (src == NULL)
		return;
	bool hold = must_hold(r);
	if (hold == r->holds)
		return;
	r->holds = hold;
	src->holds += hold ? 1u : -1u;
	if (src->holds == 0)
		stream_read_on(src->stream, true);
	else if (hold)
		stream_read_on(src->stream, false);
}

const char *route_state_name(enum route_state s)
{
	static const char *const names[] = {
#define X(id) [ROUTE_##id] = #id,
	    ROUTE_STATES(X)
#undef X
	};
	return names[s];
}

/* The one place where a route's state changes. */
static void enter(struct route *r, enum route_state next)
{
	if (log_wanted(LOG_DEBUG)) {
		struct log_line l;
		log_begin(&l, LOG_DEBUG, "route-state");
		log_str(&l, "from", r->pair.from.s);
		log_str(&l, "to", r->pair.to.s);
		log_str(&l, "was", route_state_name(r->state));
		log_str(&l, "state", route_state_name(next));
		log_end(&l);
	}
	r->state = next;
	const struct conf_timeouts *t = &r->site->conf->timeouts;
	if (next == ROUTE_BLOCKED || next == ROUTE_STALLED) {
		bool brief = next == ROUTE_BLOCKED && r->source != NULL && source_shared(r->source);
		r->mark = stream_sent(r->sink);
		loop_timer_set(r->timer, brief && SHARED_WAIT_MS < t->stall ? SHARED_WAIT_MS : t->stall);
	} else {
		loop_timer_stop(r->timer);
	}
	hold_source(r);
}

struct route *route_new(struct source *src, const struct pair *pair, const struct conf_backend *backend, bool inbound)
{
	struct worker *w = stream_worker(src->stream);
	struct route *r = calloc(1, sizeof *r);
	if (r == NULL)
		return NULL;
	*r = (struct route){.magic = ROUTE_MAGIC,
	    .state = inbound ? ROUTE_DIAL : ROUTE_ASK,
	    .pair = *pair,
	    .w = w,
	    .site = site_ref(stream_site(src->stream)),
	    .source = src,
	    .backend = backend,
	    .inbound = inbound,
	    .asked_at = loop_now(w->loop)};
	const struct conf_limits *l = &r->site->conf->limits;
	uint32_t one = l->stanza_bytes + KEPT_ROOM;
	buf_init(&r->kept, w->pool, one > l->queue_bytes ? one : l->queue_bytes);
	r->timer = loop_timer_new(w->loop, on_timer, r);
	if (r->timer == NULL) {
		site_unref(r->site);
		free(r);
		return NULL;
	}
	r->next = src->routes;
	src->routes = r;
	src->n++;
	return r;
}

static void release(void *arg)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	r->magic = 0;
	buf_free(&r->kept);
	site_unref(r->site);
	free(r);
}

static void destroy(struct route *r)
{
	if (r->state == ROUTE_GONE)
		return;
	enter(r, ROUTE_GONE);
	loop_timer_free(r->timer);
	bouncer_release(r->bouncer);
	r->bouncer = NULL;
	struct stream *both[] = {r->verifier, r->sink};
	r->verifier = r->sink = NULL;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		if (both[i] == NULL)
			continue;
		stream_adopt(both[i], NULL, NULL);
		stream_end(both[i], REASON_CLOSED);
	}
	/* one of its callbacks may be on the stack */
	loop_defer(r->w->loop, &r->gone, release, r);
}

/* Stanzas to be returned go to the backend as coming from the remote domain. */
static struct bouncer *bouncer(struct route *r)
{
	if (r->bouncer == NULL)
		r->bouncer = bouncer_new(r->w, r->site, r->backend, &r->pair);
	return r->bouncer;
}

static void give_back_kept(struct route *r, enum reason why)
{
	if (buf_len(&r->kept) > 0 && bouncer(r) != NULL)
		bouncer_stanzas(r->bouncer, buf_span(&r->kept), why);
	buf_clear(&r->kept);
	r->kept_n = 0;
}

/* Nothing leads to the remote domain at present. */
static void fail_outbound(struct route *r, enum reason why, const char *detail)
{
	const struct conf_timeouts *t = &r->site->conf->timeouts;
	bool answered = r->state == ROUTE_REDIAL;
	r->why = why;
	r->retry_at = loop_now(r->w->loop) + t->retry;
	if (r->source != NULL && !answered && !source_shared(r->source)) {
		/* the backend bounces its queue with the condition and text of a stream error */
		stream_break(r->source->stream, why, detail);
		return;
	}
	/* one bad domain must not take others down: say valid, and return this pair's stanzas alone */
	enter(r, ROUTE_BOUNCE);
	give_back_kept(r, why);
	if (r->source == NULL)
		destroy(r);
	else if (!answered)
		stream_grant(r->source->stream, &r->pair);
}

static void fail(struct route *r, enum reason why, const char *detail)
{
	if (!r->inbound)
		fail_outbound(r, why, detail);
	else if (r->source != NULL)
		stream_break(r->source->stream, why, detail);
	else
		destroy(r);
}

static void log_refusal(const struct route *r, enum reason why, const struct conf_peer *row)
{
	char title[CONF_PEER_TITLE_MAX];
	struct log_line l;
	log_begin(&l, LOG_INFO, "route-refused");
	log_source(&l, domain_span(&r->pair.to));
	log_str(&l, "reason", reason_row(why)->code);
	log_str(&l, "text", reason_row(why)->text);
	log_str(&l, "from", r->pair.from.s);
	log_str(&l, "to", r->pair.to.s);
	log_str(&l, "policy", conf_peer_title(row, title));
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who is refused by policy is refused by a row */
	log_str(&l, "note", row->note);
	log_end(&l);
}

/* A domain that the operator denies is not even looked up. */
static bool may_dial(struct route *r)
{
	const struct conf_peer *row = conf_peer_find(r->w->site->conf, &r->pair.to, loop_wall(r->w->loop));
	struct policy_facts facts = {.denied = row != NULL && row->deny};
	enum reason why = policy_peer(&facts).why;
	if (why == REASON_NONE)
		return true;
	log_refusal(r, why, row);
	history_failed(r->w->site->history, &r->pair.to, HISTORY_OUT, why, "", loop_wall(r->w->loop));
	fail(r, why, "");
	return false;
}

static void dial(struct route *r)
{
	struct worker *w = r->w;
	if (r->inbound) {
		r->sink = stream_open_backend(w, r->site, r->backend, &r->pair, &sink_hooks, r);
	} else if (may_dial(r)) {
		int64_t spent = r->state == ROUTE_DIAL ? loop_now(w->loop) - r->asked_at : 0;
		int64_t left = (int64_t)r->site->conf->timeouts.outbound - spent;
		r->sink = stream_open_public(w, r->site, &r->pair, left > 1 ? (uint32_t)left : 1, &sink_hooks, r);
	} else {
		return;
	}
	if (r->sink == NULL)
		fail(r, REASON_NO_MEMORY, "");
}

void route_start_inbound(struct route *r)
{
	dial(r);
}

static void dial_outbound(struct route *r)
{
	enter(r, ROUTE_DIAL);
	enum reason known = outage_find(r->w->outages, &r->pair, loop_now(r->w->loop));
	if (known != REASON_NONE)
		fail_outbound(r, known, "failed a moment ago");
	else
		dial(r);
}

void route_start_outbound(struct route *r, const char *key)
{
	struct source *src = r->source;
	if (!r->backend->authenticate || src->proven) {
		dial_outbound(r);
		return;
	}
	r->verifier =
	    stream_open_verify(r->w, r->site, r->backend, &r->pair, stream_id(src->stream), key, &verifier_hooks, r);
	if (r->verifier == NULL)
		stream_break(src->stream, REASON_NO_MEMORY, "");
}

static void on_key_known(void *arg, struct stream *s)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	stream_adopt(s, NULL, NULL);
	r->verifier = NULL;
	r->source->proven = true;
	dial_outbound(r);
}

static void on_key_failed(void *arg, struct stream *s)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	r->verifier = NULL;
	struct stream *source = r->source->stream;
	if (stream_why(s) == REASON_BACKEND_KEY)
		stream_fail(source, REASON_BACKEND_KEY, "");
	else
		stream_break(source, stream_why(s), stream_detail(s));
}

static void send_kept(struct route *r)
{
	if (buf_len(&r->kept) == 0 || !stream_send(r->sink, buf_span(&r->kept)))
		return;
	stream_passed(r->sink, r->kept_n);
	buf_clear(&r->kept);
	r->kept_n = 0;
}

static void on_sink_opened(void *arg, struct stream *s)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	(void)s;
	bool first = r->state == ROUTE_DIAL;
	enter(r, ROUTE_OPEN);
	send_kept(r);
	if (r->source == NULL)
		destroy(r);
	else if (first && r->inbound)
		stream_sink_open(r->source->stream);
	else if (first)
		stream_grant(r->source->stream, &r->pair);
}

static void on_sink_writable(void *arg, struct stream *s)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	(void)s;
	if (r->state != ROUTE_BLOCKED && r->state != ROUTE_STALLED)
		return;
	enter(r, ROUTE_OPEN);
	send_kept(r);
	if (r->source == NULL)
		destroy(r);
	else
		route_check(r);
}

/* A new sink is made under the present configuration.  False: that has no such pair any more. */
static bool refresh(struct route *r)
{
	struct site *now = r->w->site;
	if (now == r->site)
		return true;
	const struct conf_host *host = conf_host_find(now->conf, r->inbound ? &r->pair.to : &r->pair.from);
	if (host == NULL || strcmp(host->backend->name, r->backend->name) != 0)
		return false;
	site_unref(r->site);
	r->site = site_ref(now);
	r->backend = host->backend;
	return true;
}

static void redial(struct route *r)
{
	enter(r, ROUTE_REDIAL);
	if (refresh(r))
		dial(r);
	else
		fail(r, r->inbound ? REASON_HOST_UNKNOWN : REASON_BACKEND_FOREIGN, "the configuration has changed");
}

static void remember_outage(struct route *r, enum reason why)
{
	uint32_t ms = r->site->conf->timeouts.retry;
	outage_remember(r->w->outages, &r->pair, why, loop_now(r->w->loop) + ms);
	history_retry(r->w->site->history, &r->pair.to, loop_wall(r->w->loop) + (ms + 999) / 1000);
}

static void on_sink_ended(void *arg, struct stream *s)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	r->sink = NULL;
	if (r->source != NULL && r->source->relay.sink == s)
		r->source->relay = (struct relay){0};
	if (r->state == ROUTE_DIAL || r->state == ROUTE_REDIAL) {
		enum reason why = stream_why(s) == REASON_NONE ? REASON_PEER_LOST : stream_why(s);
		if (!r->inbound)
			remember_outage(r, why);
		fail(r, why, stream_detail(s));
		return;
	}
	/* it stood and has gone: closed for idleness, restarted, lost.  The source need not know. */
	enter(r, ROUTE_IDLE);
	if (buf_len(&r->kept) > 0)
		redial(r);
	else if (r->source == NULL)
		destroy(r);
}

static void on_timer(void *arg)
{
	struct route *r = arg;
	MAGIC_CHECK(r, ROUTE_MAGIC);
	bool moved = stream_sent(r->sink) != r->mark;
	bool shared = r->source != NULL && source_shared(r->source);
	if (r->state == ROUTE_BLOCKED && shared)
		enter(r, ROUTE_STALLED);
	else if (moved)
		enter(r, r->state);
	else
		stream_fail(r->sink, REASON_STALLED, "");
}

static void give_back(struct route *r, const struct xml_ev *ev, enum reason why)
{
	if (bouncer(r) != NULL)
		bouncer_stanza(r->bouncer, ev, why);
}

static void keep(struct route *r, const struct xml_ev *ev)
{
	if (relay_copy(&r->kept, stream_xml(r->source->stream), ev)) {
		r->kept_n++;
		hold_source(r);
		return;
	}
	/* a source with one pair is paused while there is still room for a stanza */
	if (!r->inbound)
		give_back(r, ev, REASON_LIMIT_QUEUE);
	else
		stream_break(r->source->stream, REASON_LIMIT_QUEUE, "");
}

static void try_again(struct route *r, const struct xml_ev *ev)
{
	keep(r, ev);
	redial(r);
}

/* The sink has failed, and has said so or will at the end of the turn: this goes to its successor. */
static void send_later(struct route *r, const struct xml_ev *ev)
{
	keep(r, ev);
	if (r->state == ROUTE_IDLE)
		redial(r);
}

void route_stanza(struct route *r, const struct xml_ev *ev)
{
	struct source *src = r->source;
	switch (r->state) {
	case ROUTE_OPEN:
	case ROUTE_BLOCKED:
		if (relay_add(&src->relay, r->sink, stream_xml(src->stream), ev))
			stream_passed(r->sink, 1);
		else
			send_later(r, ev);
		break;
	case ROUTE_STALLED:
	case ROUTE_REDIAL:
		keep(r, ev);
		break;
	case ROUTE_BOUNCE:
		if (loop_now(r->w->loop) < r->retry_at)
			give_back(r, ev, r->why);
		else
			try_again(r, ev);
		break;
	case ROUTE_IDLE:
		try_again(r, ev);
		break;
	case ROUTE_ASK:
	case ROUTE_DIAL:
		stream_fail(src->stream, REASON_NOT_AUTHORIZED, "a stanza before db:result was answered");
		break;
	case ROUTE_GONE:
		break;
	}
}

void route_space(struct route *r, const struct xml_ev *ev)
{
	if (r->state == ROUTE_OPEN && !relay_add(&r->source->relay, r->sink, stream_xml(r->source->stream), ev))
		r->source->relay = (struct relay){0};
}

void route_check(struct route *r)
{
	if (r->state == ROUTE_OPEN && r->sink != NULL && stream_queued(r->sink) > LEG_HIGH_WATER)
		enter(r, ROUTE_BLOCKED);
}

void route_orphan(struct route *r)
{
	r->source = NULL;
	/* without a sink this is the end of one that could not be made anew */
	bool pending =
	    r->sink != NULL && buf_len(&r->kept) > 0 && (r->state == ROUTE_REDIAL || r->state == ROUTE_STALLED);
	if (!pending)
		destroy(r);
}
