#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "probe_internal.h"
#include "sallyport/sock.h"

static void on_leg(void *arg, enum leg_event event);

int64_t probe_clock(void)
{
	struct timespec now = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- phases --- */

static enum probe_phase phase_of(enum fsm_state state)
{
	switch ((int)state) {
	case STATE_HANDSHAKE:
		return PHASE_TLS;
	case STATE_SASL:
	case STATE_AUTH_HEADER:
	case STATE_AUTH_FEATURES:
		return PHASE_EXTERNAL;
	case STATE_OPEN:
		return PHASE_PING;
	default:
		return PHASE_STREAM;
	}
}

/* What has passed since the last change counts for the phase that it was in. */
static void count_time(struct probe *p)
{
	enum probe_phase phase = phase_of(p->state);
	int64_t now = probe_clock();

	if (p->found.us[phase] < 0)
		p->found.us[phase] = 0;
	p->found.us[phase] += now - p->since;
	p->since = now;
}

/* --- the ends --- */

static void tell(void *arg)
{
	struct probe *p = arg;

	MAGIC_CHECK(p, PROBE_MAGIC);
	if (p->fn != NULL)
		p->fn(p->arg);
}

static void keep_tls(struct probe *p)
{
	if (p->leg == NULL || leg_tls(p->leg) == NULL)
		return;
	tls_facts(leg_tls(p->leg), &p->found.tls);
	p->found.tls.sni = p->found.tls.alpn = SPAN_NONE;
}

/* Nothing more is to be learnt: closes by the book, and says so at the end of the turn. */
void probe_finish(struct probe *p)
{
	if (p->finished)
		return;
	p->finished = true;
	p->found.at = p->state;
	if (p->state != STATE_OPEN || p->goal == PROBE_PING)
		count_time(p);
	keep_tls(p);
	loop_timer_stop(p->timer);
	if (p->said_header && !p->said_end && xmpp_put_end(leg_out(p->leg)))
		(void)leg_flush(p->leg);
	leg_shut(p->leg);
	leg_free(p->leg);
	p->leg = NULL;
	tls_free(p->tls_next);
	p->tls_next = NULL;
	loop_defer(p->net->loop, &p->later, tell, p);
}

/* The first thing that the daemon would have ended the stream for is the reason; what comes later follows from it. */
void probe_note(struct probe *p, enum reason why, const char *detail)
{
	if (p->found.why != REASON_NONE)
		return;
	p->found.why = why;
	(void)snprintf(p->found.detail, sizeof(p->found.detail), "%s", detail);
}

void probe_fail(struct probe *p, enum reason why, const char *detail)
{
	if (p->finished)
		return;
	probe_note(p, why, detail);
	probe_finish(p);
}

static void on_timer(void *arg)
{
	struct probe *p = arg;
	char detail[64];

	MAGIC_CHECK(p, PROBE_MAGIC);
	(void)snprintf(detail, sizeof(detail), "in state %s", fsm_state_name(p->state));
	probe_fail(p, p->state == STATE_HANDSHAKE ? REASON_TLS_TIMEOUT : REASON_TIMEOUT, detail);
}

/* --- states --- */

/* The deadline of a state, or the end of the whole, whichever is first. */
void probe_enter(struct probe *p, enum fsm_state next)
{
	const struct conf_timeouts *t = &p->net->timeouts;
	int64_t ms = next == STATE_HANDSHAKE ? t->handshake : t->negotiate;
	int64_t left = p->end - loop_now(p->net->loop);

	count_time(p);
	p->state = next;
	if (left < ms)
		ms = left;
	loop_timer_set(p->timer, ms > 1 ? (uint32_t)ms : 1);
}

static void step(struct probe *p, enum fsm_event event, const struct xml_ev *ev)
{
	struct fsm_step s = fsm_step(ROLE_PUBLIC_OUT, p->state, event);
	char detail[96] = "";

	if (s.action != ACT_FAIL) {
		if (s.next != p->state)
			probe_enter(p, s.next);
		probe_act(p, s.action, ev);
		return;
	}
	if (event == EVENT_SASL_FAILURE)
		xmpp_error_read(&p->found.error, p->xml, ev);
	if (ev != NULL)
		(void)snprintf(detail, sizeof(detail), "<%.*s/> in state %s", (int)(ev->name.n < 40 ? ev->name.n : 40),
		    ev->name.p, fsm_state_name(p->state));
	probe_fail(p, s.why, detail);
}

/* --- what comes in --- */

static void on_header(struct probe *p, const struct xml_ev *ev)
{
	struct xmpp_header h;

	xmpp_header_read(&h, ev);
	if (!h.namespaces_good)
		probe_fail(p, REASON_HEADER, "");
	else
		step(p, h.version_1 ? EVENT_HEADER : EVENT_OLD_HEADER, ev);
}

/* Those behind EXTERNAL say nothing of authentication any more, only of what can be done now.  True: it is enough. */
static bool keep_features(struct probe *p, const struct xml_ev *ev)
{
	struct xmpp_features f;

	if (!xmpp_features_read(&f, p->xml, ev))
		return false;
	p->acks = f.acks;
	if (p->state == STATE_FEATURES)
		p->found.clear = f;
	if (p->state != STATE_SECURE_FEATURES)
		return false;
	p->found.features = f;
	p->found.heard = true;
	return p->goal <= PROBE_FEATURES;
}

static void on_element(struct probe *p, const struct xml_ev *ev)
{
	enum fsm_event event = fsm_event_of(p->xml, ev, leg_tls(p->leg) != NULL);

	if (++p->elements > p->net->site->conf->limits.negotiation_elements) {
		probe_fail(p, REASON_LIMIT_NEGOTIATION, "");
		return;
	}
	if (ev->prefixed && ev->ns == XML_NS_SERVER) {
		probe_fail(p, REASON_XML_PREFIX, "a stanza with a prefix");
		return;
	}
	if (p->state == STATE_OPEN && event != EVENT_STREAM_ERROR) {
		probe_pinged(p, event, ev);
		return;
	}
	if (xmpp_kind(ev) == XMPP_FEATURES && keep_features(p, ev)) {
		/* who shows no certificate cannot expect to be offered EXTERNAL */
		if (p->order.pair->from.n > 0 && !p->found.features.external)
			probe_note(p, REASON_EXTERNAL_NOT_OFFERED, "");
		probe_finish(p);
		return;
	}
	step(p, event, ev);
}

static void on_bad_xml(struct probe *p)
{
	enum xml_error e = xml_error(p->xml);
	char detail[160];

	(void)snprintf(detail, sizeof(detail), "%s, at byte %llu of the stream", xml_error_text(e),
	    (unsigned long long)xml_error_offset(p->xml));
	probe_fail(p, fsm_xml_reason(e), detail);
}

static void on_end(struct probe *p)
{
	if (p->state == STATE_OPEN)
		probe_ping_ended(p);
	else
		probe_fail(p, REASON_PEER_LOST, "</stream:stream> during negotiation");
}

static void on_xml(struct probe *p, enum xml_rc rc, const struct xml_ev *ev)
{
	switch (rc) {
	case XML_HEADER:
		on_header(p, ev);
		break;
	case XML_ELEMENT:
		on_element(p, ev);
		break;
	case XML_END:
		on_end(p);
		break;
	case XML_BAD:
		on_bad_xml(p);
		break;
	case XML_SPACE:
	case XML_MORE:
		break;
	}
}

static void start_next_tls(struct probe *p)
{
	struct tls *t = p->tls_next;

	if (t == NULL || p->leg == NULL)
		return;
	p->tls_next = NULL;
	xml_reset(p->xml);
	p->said_header = false;
	leg_secure(p->leg, t, p->found.endpoint.direct_tls);
}

static void on_readable(struct probe *p)
{
	struct buf *in = leg_in(p->leg);
	struct xml_ev ev;

	while (p->leg != NULL && p->tls_next == NULL && p->state != STATE_HANDSHAKE && buf_len(in) > 0) {
		enum xml_rc rc = xml_next(p->xml, &ev, buf_span(in));
		size_t used = rc == XML_BAD || rc == XML_MORE ? 0 : ev.bytes.n;

		if (rc == XML_MORE)
			break;
		p->rest = buf_len(in) - used;
		on_xml(p, rc, &ev);
		if (p->leg != NULL)
			buf_consume(in, used);
	}
	start_next_tls(p);
}

static void on_secured(struct probe *p)
{
	p->found.secured = true;
	step(p, EVENT_SECURED, NULL);
}

static void on_leg(void *arg, enum leg_event event)
{
	struct probe *p = arg;

	MAGIC_CHECK(p, PROBE_MAGIC);
	switch (event) {
	case LEG_READABLE:
		on_readable(p);
		break;
	case LEG_SECURED:
		on_secured(p);
		break;
	case LEG_SHORT:
		probe_fail(p, REASON_LIMIT_BUFFERS, "");
		break;
	case LEG_WRITABLE:
		break;
	case LEG_ENDED:
		if (p->said_end)
			probe_ping_ended(p);
		else
			probe_fail(p, REASON_PEER_LOST, "the connection was closed without </stream:stream>");
		break;
	case LEG_FAILED:
		probe_fail(p, leg_why(p->leg), leg_error(p->leg));
		break;
	}
}

/* --- life --- */

static void begin(void *arg)
{
	struct probe *p = arg;

	MAGIC_CHECK(p, PROBE_MAGIC);
	if (p->fn == NULL)
		return;
	step(p, p->found.endpoint.direct_tls ? EVENT_CONNECTED_TLS : EVENT_CONNECTED, NULL);
	start_next_tls(p);
}

static bool set_up(struct probe *p, int fd)
{
	const struct conf_limits *l = &p->net->site->conf->limits;
	const struct xml_limits limits = {l->negotiation_bytes, l->stanza_depth, l->stanza_attributes, l->name_bytes};

	/* it owns fd, even when it fails */
	p->leg = leg_new(p->net->loop, p->net->pool, fd, l->negotiation_bytes + BUF_CHUNK, LEG_HIGH_WATER, on_leg, p);
	p->xml = xml_new(&limits);
	p->timer = loop_timer_new(p->net->loop, on_timer, p);
	return p->leg != NULL && p->xml != NULL && p->timer != NULL;
}

struct probe *probe_start(const struct probe_net *net, int fd, const struct endpoint *endpoint,
    const struct probe_order *order, void (*fn)(void *arg), void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		sock_close(fd);
		return NULL;
	}
	*p = (struct probe){
	    .magic = PROBE_MAGIC, .net = net, .order = *order, .goal = order->goal, .fn = fn, .arg = arg};
	p->state = STATE_DIAL;
	p->found.endpoint = *endpoint;
	p->found.verdict.depth = -1;
	for (int i = 0; i < PHASES; i++)
		p->found.us[i] = -1;
	if (!set_up(p, fd)) {
		probe_free(p);
		return NULL;
	}
	p->since = probe_clock();
	p->end = loop_now(net->loop) + (int64_t)net->timeouts.outbound;
	loop_defer(net->loop, &p->first, begin, p);
	return p;
}

const struct probe_found *probe_found(const struct probe *p)
{
	return &p->found;
}

static void release(void *arg)
{
	struct probe *p = arg;

	MAGIC_CHECK(p, PROBE_MAGIC);
	p->magic = 0;
	xml_free(p->xml);
	cert_chain_free(p->found.chain);
	free(p);
}

void probe_free(struct probe *p)
{
	if (p == NULL || p->fn == NULL)
		return;
	p->fn = NULL;
	p->finished = true;
	leg_free(p->leg);
	p->leg = NULL;
	tls_free(p->tls_next);
	p->tls_next = NULL;
	loop_timer_free(p->timer);
	p->timer = NULL;
	/* a callback of its own may be on the stack */
	loop_defer(p->net->loop, &p->gone, release, p);
}
