/* What a stream's owner may ask and tell it once it stands. */
#include "sallyport/leg.h"
#include "stream_internal.h"

void stream_adopt(struct stream *s, const struct stream_hooks *hooks, void *arg)
{
	s->hooks = hooks;
	s->arg = arg;
}

bool stream_send(struct stream *s, struct span bytes)
{
	ENSURE(s->state == STATE_OPEN);
	return leg_send(s->leg, bytes);
}

void stream_passed(struct stream *s, unsigned n)
{
	s->stanzas += n;
}

struct buf *stream_out(struct stream *s)
{
	return leg_out(s->leg);
}

bool stream_flush(struct stream *s)
{
	return leg_flush(s->leg);
}

size_t stream_queued(const struct stream *s)
{
	return s->leg != NULL ? leg_queued(s->leg) : 0;
}

uint64_t stream_sent(const struct stream *s)
{
	return s->leg != NULL ? leg_sent(s->leg) : 0;
}

void stream_read_on(struct stream *s, bool on)
{
	s->paused = !on;
	if (s->leg != NULL)
		leg_read_on(s->leg, on);
}

void stream_grant(struct stream *s, const struct pair *pair)
{
	struct pair answer = {.from = pair->to, .to = pair->from};
	if (s->opened == 0) {
		s->opened = loop_now(s->w->loop);
		stream_count_opened(s);
		stream_set_xml_limits(s, true);
	}
	if (!xmpp_put_db_result(leg_out(s->leg), &answer, NULL, "valid")) {
		stream_fail(s, REASON_LIMIT_QUEUE, "db:result");
		return;
	}
	(void)leg_flush(s->leg);
}

struct stream *stream_next(const struct stream *s)
{
	return s->next;
}

enum role stream_role(const struct stream *s)
{
	return s->role;
}

enum fsm_state stream_state(const struct stream *s)
{
	return s->state;
}

const struct pair *stream_pair(const struct stream *s)
{
	return &s->pair;
}

const struct conf_backend *stream_backend(const struct stream *s)
{
	return s->backend;
}

struct worker *stream_worker(const struct stream *s)
{
	return s->w;
}

struct site *stream_site(const struct stream *s)
{
	return s->site;
}

const struct xml *stream_xml(const struct stream *s)
{
	return s->xml;
}

const char *stream_id(const struct stream *s)
{
	return s->id;
}

bool stream_anonymous(const struct stream *s)
{
	return s->role == ROLE_BACKEND_IN && !s->paired;
}

void *stream_owner(const struct stream *s, const struct stream_hooks *hooks)
{
	return s->hooks == hooks ? s->arg : NULL;
}

uint64_t stream_number(const struct stream *s)
{
	return s->number;
}

void stream_view(const struct stream *s, struct stream_view *v)
{
	int64_t now = loop_now(s->w->loop);
	*v = (struct stream_view){
	    .addr = &s->addr,
	    .target = s->target,
	    .direct = s->direct,
	    .secure = s->leg != NULL && leg_tls(s->leg) != NULL,
	    .age_ms = now - s->started,
	    .open_ms = s->opened != 0 ? now - s->opened : -1,
	    .stanzas = s->stanzas,
	    .paused = s->paused,
	};
	if (v->secure)
		tls_facts(leg_tls(s->leg), &v->tls);
	if (s->leg != NULL) {
		v->received = leg_received(s->leg);
		v->sent = leg_sent(s->leg);
		v->queued = leg_queued(s->leg);
	}
}

enum reason stream_why(const struct stream *s)
{
	return s->why;
}

const char *stream_detail(const struct stream *s)
{
	return s->detail != NULL ? s->detail : "";
}
