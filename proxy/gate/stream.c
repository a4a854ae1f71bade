#include <stdio.h>
#include <stdlib.h>

#include "sallyport/sock.h"
#include "stream_internal.h"

/* What a leg may hold beyond one element: the rest of a read. */
#define READ_AHEAD 65536u

static void on_leg(void *arg, enum leg_event event);

static uint32_t deadline_ms(const struct stream *s)
{
	const struct conf_timeouts *t = &s->site->conf->timeouts;
	switch (fsm_deadline(s->state)) {
	case DEADLINE_NEGOTIATE:
		return t->negotiate;
	case DEADLINE_HANDSHAKE:
		return t->handshake;
	case DEADLINE_IDLE:
		return stream_idle_ms(s);
	case DEADLINE_CLOSE:
		return t->close;
	case DEADLINE_OUTER:
		break;
	}
	return 0;
}

/* The state's own deadline, or the end of the whole budget if that comes first; 0: none. */
static uint32_t timer_ms(const struct stream *s)
{
	uint32_t ms = deadline_ms(s);
	if (s->budget_end == 0 || s->opened != 0 || s->state == STATE_CLOSING)
		return ms;
	int64_t left = s->budget_end - loop_now(s->w->loop);
	if (left < 1)
		left = 1;
	return ms == 0 || left < (int64_t)ms ? (uint32_t)left : ms;
}

static void leave_handshake(struct stream *s)
{
	if (s->shaking)
		s->w->handshakes--;
	s->shaking = false;
}

/* The one place where a stream's state changes: traces it and arms the state's deadline. */
void stream_enter(struct stream *s, enum fsm_state next)
{
	ENSURE(s->state != STATE_CLOSING || next == STATE_CLOSING);
	if (log_wanted(LOG_DEBUG)) {
		struct log_line l;
		log_begin(&l, LOG_DEBUG, "stream-state");
		log_str(&l, "role", role_name(s->role));
		log_str(&l, "from", s->pair.from.s);
		log_str(&l, "to", s->pair.to.s);
		log_str(&l, "was", fsm_state_name(s->state));
		log_str(&l, "state", fsm_state_name(next));
		log_end(&l);
	}
	if (s->state == STATE_HANDSHAKE) {
		leave_handshake(s);
		stream_count_tls_over(s);
	}
	s->w->count[s->role][s->state]--;
	s->w->count[s->role][next]++;
	s->state = next;
	s->moved_at = loop_now(s->w->loop);
	uint32_t ms = timer_ms(s);
	if (ms > 0)
		loop_timer_set(s->timer, ms);
	else
		loop_timer_stop(s->timer);
}

void stream_set_xml_limits(struct stream *s, bool authenticated)
{
	const struct conf_limits *l = &s->site->conf->limits;
	struct xml_limits limits = {
	    .element_bytes = authenticated ? l->stanza_bytes : l->negotiation_bytes,
	    .depth = l->stanza_depth,
	    .attributes = l->stanza_attributes,
	    .name_bytes = l->name_bytes,
	};
	xml_set_limits(s->xml, &limits);
}

static void on_timer(void *arg)
{
	struct stream *s = arg;
	MAGIC_CHECK(s, STREAM_MAGIC);
	if (s->state != STATE_CLOSING && s->opened == 0 && s->budget_end != 0 &&
	    loop_now(s->w->loop) >= s->budget_end) {
		stream_out_of_time(s);
		return;
	}
	char detail[64];
	snprintf(detail, sizeof detail, "in state %s", fsm_state_name(s->state));
	switch (fsm_deadline(s->state)) {
	case DEADLINE_NEGOTIATE:
		stream_fail(s, REASON_TIMEOUT, detail);
		break;
	case DEADLINE_HANDSHAKE:
		stream_lost(s, REASON_TLS_TIMEOUT, "");
		break;
	case DEADLINE_IDLE:
		stream_idle_tick(s);
		break;
	case DEADLINE_CLOSE:
		stream_lost(s, s->why, stream_detail(s));
		break;
	case DEADLINE_OUTER:
		break;
	}
}

static struct stream *make(struct worker *w, struct site *site, enum role role, const struct conf_backend *backend,
    const struct stream_hooks *hooks, void *arg)
{
	struct stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	*s = (struct stream){.magic = STREAM_MAGIC,
	    .role = role,
	    .w = w,
	    .hooks = hooks,
	    .arg = arg,
	    .backend = backend,
	    .started = loop_now(w->loop)};
	const struct conf_limits *l = &site->conf->limits;
	struct xml_limits limits = {l->negotiation_bytes, l->stanza_depth, l->stanza_attributes, l->name_bytes};
	s->xml = xml_new(&limits);
	s->timer = loop_timer_new(w->loop, on_timer, s);
	if (s->xml == NULL || s->timer == NULL) {
		xml_free(s->xml);
		loop_timer_free(s->timer);
		free(s);
		return NULL;
	}
	s->site = site_ref(site);
	s->next = w->streams;
	if (w->streams != NULL)
		w->streams->prev = s;
	w->streams = s;
	w->streams_n++;
	s->number = ++w->streams_made;
	stats_add(&w->tally.begun[role], 1);
	w->count[role][s->state]++;
	return s;
}

static struct leg *make_leg(struct stream *s, int fd)
{
	const struct conf_limits *l = &s->site->conf->limits;
	size_t batch = l->stanza_bytes + READ_AHEAD;
	/* a sink must take a batch, and what was kept for it, on top of a full queue */
	size_t out = LEG_HIGH_WATER + 2 * batch + l->queue_bytes;
	struct leg *leg = leg_new(s->w->loop, s->w->pool, fd, batch, out, on_leg, s);
	if (leg != NULL)
		leg_count(leg, &s->w->tally.received[s->role], &s->w->tally.sent[s->role]);
	return leg;
}

/* Gives back what the gate has counted. */
void stream_leave_admit(struct admit *admit, const struct addr *peer, const struct conf_backend *backend)
{
	if (backend == NULL)
		admit_leave(admit, peer);
	else
		admit_leave_backend(admit);
}

bool stream_accept(struct worker *w, int fd, const struct addr *peer, const struct conf_backend *backend,
    const struct stream_hooks *hooks, void *arg)
{
	struct stream *s = make(w, w->site, backend != NULL ? ROLE_BACKEND_IN : ROLE_PUBLIC_IN, backend, hooks, arg);
	if (s == NULL) {
		stream_leave_admit(w->site->admit, peer, backend);
		sock_close(fd);
		return false;
	}
	s->addr = *peer;
	s->admitted = true;
	xmpp_new_id(s->id);
	s->leg = make_leg(s, fd);
	if (s->leg == NULL) {
		stream_free(s);
		return false;
	}
	stream_enter(s, STATE_FIRST);
	return true;
}

/* TLS begins where the bytes of the element that asked for it end (invariant S2). */
static void start_next_tls(struct stream *s, bool direct)
{
	struct tls *t = s->tls_next;
	s->tls_next = NULL;
	if (t == NULL)
		return;
	if (s->leg == NULL || s->state != STATE_HANDSHAKE) {
		tls_free(t);
		return;
	}
	xml_reset(s->xml);
	s->said_header = false;
	leg_secure(s->leg, t, direct);
}

static void on_dialled(void *arg, int fd, const struct endpoint *endpoint, enum reason why)
{
	struct stream *s = arg;
	MAGIC_CHECK(s, STREAM_MAGIC);
	if (endpoint != NULL) {
		s->addr = endpoint->addr;
		s->direct = endpoint->direct_tls;
		free(s->target);
		s->target = strdup(endpoint->target);
	}
	if (s->backend != NULL) {
		stats_add(fd < 0 ? &s->w->tally.backend_down : &s->w->tally.backend_up, 1);
		site_backend_seen(s->w->site, s->backend->name, fd >= 0);
	}
	if (fd < 0) {
		dial_cancel(&s->dial);
		/* what an endpoint that did answer had against us says more than that the others are away */
		bool told = s->why != REASON_NONE;
		stream_lost(s, told ? s->why : why, told ? stream_detail(s) : "");
		return;
	}
	s->leg = make_leg(s, fd);
	if (s->leg == NULL) {
		stream_lost(s, REASON_NO_MEMORY, "");
		return;
	}
	stream_step(s, s->direct ? EVENT_CONNECTED_TLS : EVENT_CONNECTED, NULL);
	start_next_tls(s, true);
}

static struct stream *open_out(struct worker *w, struct site *site, enum role role, const struct conf_backend *backend,
    const struct pair *pair, uint32_t budget_ms, const struct stream_hooks *hooks, void *arg)
{
	struct stream *s = make(w, site, role, backend, hooks, arg);
	if (s == NULL)
		return NULL;
	s->pair = *pair;
	s->budget_end = loop_now(w->loop) + budget_ms;
	stream_enter(s, STATE_DIAL);
	struct dial_options options = {
	    .connect_ms = site->conf->timeouts.connect, .stagger_ms = 250, .reach = site->conf->reach};
	if (backend != NULL) {
		s->addr = backend->connect;
		s->dial = dial_start_addr(w->loop, &backend->connect, &options, on_dialled, s);
	} else {
		s->dial = dial_start(w->loop, w->dns, &pair->to, &options, on_dialled, s);
	}
	if (s->dial == NULL) {
		stream_free(s);
		return NULL;
	}
	return s;
}

struct stream *stream_open_public(struct worker *w, struct site *site, const struct pair *pair, uint32_t budget_ms,
    const struct stream_hooks *hooks, void *arg)
{
	return open_out(w, site, ROLE_PUBLIC_OUT, NULL, pair, budget_ms, hooks, arg);
}

struct stream *stream_open_backend(struct worker *w, struct site *site, const struct conf_backend *backend,
    const struct pair *pair, const struct stream_hooks *hooks, void *arg)
{
	uint32_t budget_ms = site->conf->timeouts.dialback;
	return open_out(w, site, ROLE_BACKEND_OUT, backend, pair, budget_ms, hooks, arg);
}

struct stream *stream_open_verify(struct worker *w, struct site *site, const struct conf_backend *backend,
    const struct pair *pair, const char *id, const char *key, const struct stream_hooks *hooks, void *arg)
{
	/* we ask as the receiving server of XEP-0220 would: the remote domain */
	struct pair asking = {.from = pair->to, .to = pair->from};
	uint32_t budget_ms = site->conf->timeouts.dialback;
	struct stream *s = open_out(w, site, ROLE_BACKEND_VERIFY, backend, &asking, budget_ms, hooks, arg);
	if (s == NULL)
		return NULL;
	s->question = calloc(1, sizeof *s->question);
	if (s->question == NULL) {
		stream_free(s);
		return NULL;
	}
	snprintf(s->question->id, sizeof s->question->id, "%s", id);
	snprintf(s->question->key, sizeof s->question->key, "%s", key);
	return s;
}

bool stream_start_tls(struct stream *s, struct cert_own *own, const struct domain *name)
{
	enum tls_role role = stream_tls_role(s);
	const struct conf_limits *l = &s->site->conf->limits;
	if (role == TLS_PUBLIC_IN && s->w->handshakes >= l->handshakes) {
		stream_fail(s, REASON_LIMIT_HANDSHAKES, "");
		return false;
	}
	s->tls_next = tls_new(s->site->tls, role, own, name, s->direct);
	if (s->tls_next == NULL) {
		stream_fail(s, REASON_NO_MEMORY, "");
		return false;
	}
	tls_sign_by(s->tls_next, s->w->keys);
	s->shaking = role == TLS_PUBLIC_IN;
	s->w->handshakes += s->shaking;
	stream_count_tls_begun(s);
	return true;
}

void stream_step(struct stream *s, enum fsm_event event, const struct xml_ev *ev)
{
	struct fsm_step step = fsm_step(s->role, s->state, event);
	if (step.action == ACT_FAIL) {
		if (event == EVENT_SASL_FAILURE) {
			struct xmpp_error error;
			xmpp_error_read(&error, s->xml, ev);
			stream_note_error(s, &error);
		}
		char detail[96] = "";
		if (ev != NULL)
			snprintf(detail, sizeof detail, "<%.*s/> in state %s", (int)(ev->name.n < 40 ? ev->name.n : 40),
			    ev->name.p, fsm_state_name(s->state));
		stream_fail(s, step.why, detail);
		return;
	}
	/* most events are stanzas, which change nothing */
	if (step.next != s->state)
		stream_enter(s, step.next);
	stream_act(s, step.action, ev);
}

/* In the clear the addresses of a public-in header are hints, for our answer and the log; what counts comes inside TLS.
 */
static void take_hints(struct stream *s, const struct xmpp_header *h)
{
	s->pair.from = h->from;
	if (h->to_is == XMPP_ADDRESS_GOOD && conf_host_find(s->site->conf, &h->to) != NULL)
		s->pair.to = h->to;
}

static void on_header(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_header h;
	xmpp_header_read(&h, ev);
	if (s->role == ROLE_PUBLIC_IN && s->state == STATE_HEADER)
		take_hints(s, &h);
	if (!h.namespaces_good) {
		stream_fail(s, REASON_HEADER, "");
		return;
	}
	if (s->role == ROLE_BACKEND_OUT || s->role == ROLE_BACKEND_VERIFY) {
		free(s->peer_id);
		s->peer_id = h.id_bad ? NULL : strdup(h.id);
	}
	stream_step(s, h.version_1 ? EVENT_HEADER : EVENT_OLD_HEADER, ev);
}

/* What was handed over so far goes out. */
static void batch(struct stream *s)
{
	if (s->hooks != NULL && s->hooks->batch != NULL)
		s->hooks->batch(s->arg, s);
}

static bool is_negotiating(const struct stream *s)
{
	return s->state != STATE_OPEN && s->state != STATE_READY && s->state != STATE_ENDING;
}

/* White space counts, too.  False: the stream has failed. */
static bool count_negotiated(struct stream *s, size_t n)
{
	if (!is_negotiating(s))
		return true;
	s->negotiated += (uint32_t)n; /* one event is at most negotiation_bytes, or a read of white space */
	if (s->negotiated <= s->site->conf->limits.negotiation_total)
		return true;
	stream_fail(s, REASON_LIMIT_NEGOTIATION, "bytes");
	return false;
}

static void on_element(struct stream *s, const struct xml_ev *ev)
{
	enum fsm_event event = fsm_event_of(s->xml, ev, leg_tls(s->leg) != NULL);
	bool prefixed = ev->prefixed && ev->ns == XML_NS_SERVER;

	/* anything but a stanza may end the stream, and those before it were in order */
	if (event != EVENT_STANZA || prefixed)
		batch(s);
	if (is_negotiating(s) && ++s->elements > s->site->conf->limits.negotiation_elements) {
		stream_fail(s, REASON_LIMIT_NEGOTIATION, "elements");
		return;
	}
	/* RFC 6120 section 4.8.5: stanzas are written without a prefix, and old parsers behind us match names literally
	 */
	if (prefixed) {
		stream_fail(s, REASON_XML_PREFIX, "a stanza with a prefix");
		return;
	}
	stream_step(s, event, ev);
}

static void on_bad_xml(struct stream *s)
{
	enum xml_error e = xml_error(s->xml);
	char detail[160];

	snprintf(detail, sizeof detail, "%s, at byte %llu of the stream", xml_error_text(e),
	    (unsigned long long)xml_error_offset(s->xml));
	stream_fail(s, fsm_xml_reason(e), detail);
}

static void on_event(struct stream *s, enum xml_rc rc, const struct xml_ev *ev)
{
	switch (rc) {
	case XML_HEADER:
		on_header(s, ev);
		break;
	case XML_ELEMENT:
		on_element(s, ev);
		break;
	case XML_SPACE:
		if (s->hooks != NULL && s->hooks->space != NULL && (s->state == STATE_OPEN || s->state == STATE_READY))
			s->hooks->space(s->arg, s, ev);
		break;
	case XML_END:
		batch(s);
		stream_peer_end(s);
		break;
	case XML_BAD:
		batch(s);
		on_bad_xml(s);
		break;
	case XML_MORE:
		break;
	}
}

/* False where bytes are not XML of the present phase, or must wait. */
static bool takes_xml(const struct stream *s)
{
	switch (s->state) {
	case STATE_FIRST:
	case STATE_DIAL:
	case STATE_HANDSHAKE:
	case STATE_SINK:
	case STATE_CLOSING:
		return false;
	case STATE_HEADER:
	case STATE_FEATURES:
	case STATE_STARTTLS:
	case STATE_CLEAR:
	case STATE_PROCEED:
	case STATE_SECURE_HEADER:
	case STATE_SECURE_FEATURES:
	case STATE_AUTH:
	case STATE_RESTART:
	case STATE_SASL:
	case STATE_AUTH_HEADER:
	case STATE_AUTH_FEATURES:
	case STATE_KEY:
	case STATE_READY:
	case STATE_OPEN:
	case STATE_ENDING:
	case STATE_COUNT:
		break;
	}
	return !s->paused;
}

/* Everything that has arrived and is whole is handed on before any of it is consumed, so that a run of stanzas can
 * leave from where it lies. */
static void on_readable(struct stream *s)
{
	struct leg *leg = s->leg;
	struct buf *in = leg_in(leg);
	if (s->state == STATE_FIRST) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): readable is a leg that has read something */
		bool tls = buf_span(in).p[0] == 0x16;
		s->direct = tls;
		stream_step(s, tls ? EVENT_TLS_BYTE : EVENT_XML_BYTE, NULL);
		start_next_tls(s, true);
	}
	if (s->state == STATE_CLOSING)
		buf_clear(in);
	if (s->state == STATE_SINK && buf_len(in) > 0)
		stream_fail(s, REASON_UNEXPECTED, "bytes before <success/>");
	size_t used = 0;
	while (s->leg == leg && s->tls_next == NULL && takes_xml(s) && used < buf_len(in)) {
		struct span rest = buf_span(in);
		rest.p += used;
		rest.n -= used;
		struct xml_ev ev;
		enum xml_rc rc = xml_next(s->xml, &ev, rest);
		if (rc == XML_MORE)
			break;
		if (rc != XML_BAD)
			used += ev.bytes.n;
		s->rest = buf_len(in) - used;
		if (rc == XML_BAD || count_negotiated(s, ev.bytes.n))
			on_event(s, rc, &ev);
	}
	batch(s);
	buf_consume(in, used);
	if (s->leg == leg)
		start_next_tls(s, false);
}

static void on_leg(void *arg, enum leg_event event)
{
	struct stream *s = arg;
	MAGIC_CHECK(s, STREAM_MAGIC);
	switch (event) {
	case LEG_READABLE:
		on_readable(s);
		break;
	case LEG_SECURED:
		stream_count_tls_done(s);
		stream_step(s, EVENT_SECURED, NULL);
		break;
	case LEG_WRITABLE:
		if (s->hooks != NULL && s->hooks->writable != NULL)
			s->hooks->writable(s->arg, s);
		break;
	case LEG_SHORT:
		stream_fail(s, REASON_LIMIT_BUFFERS, "");
		if (s->leg != NULL)
			buf_clear(leg_in(s->leg));
		break;
	case LEG_ENDED:
		stream_lost(s, REASON_PEER_LOST, "the connection was closed without </stream:stream>");
		break;
	case LEG_FAILED:
		stream_lost(s, leg_why(s->leg), leg_error(s->leg));
		break;
	}
}
