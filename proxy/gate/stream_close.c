/* How streams end: with an error, by the book, or because the connection is gone. */
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/admit.h"
#include "stream_internal.h"

#define DETAIL_MAX 511

/* The same failure is the remote domain's or the backend's, depending on who is at the other end. */
static enum reason blame(const struct stream *s, enum reason why)
{
	if (s->role != ROLE_BACKEND_OUT && s->role != ROLE_BACKEND_VERIFY)
		return why;
	switch ((int)why) {
	case REASON_CONNECT_REFUSED:
	case REASON_CONNECT_TIMEOUT:
	case REASON_CONNECT_FAILED:
		return REASON_BACKEND_DOWN;
	case REASON_TLS_FAILED:
	case REASON_TLS_REFUSED:
	case REASON_TLS_LOST:
	case REASON_TLS_CERT_REFUSED:
	case REASON_CERT_KEY:
	case REASON_CERT_PURPOSE:
	case REASON_TLS_TIMEOUT:
	case REASON_TLS_BROKEN:
		return REASON_BACKEND_TLS;
	case REASON_TIMEOUT:
		return REASON_BACKEND_UNVERIFIED;
	case REASON_PEER_ERROR:
	case REASON_PEER_HOST_UNKNOWN:
		return REASON_BACKEND_REFUSED;
	case REASON_PEER_LOST:
		return REASON_BACKEND_LOST;
	default:
		return why;
	}
}

static void remember(struct stream *s, enum reason why, const char *detail)
{
	s->why = blame(s, why);
	if (detail == s->detail)
		return;
	char *copy = detail[0] != '\0' ? strndup(detail, DETAIL_MAX) : NULL;
	free(s->detail);
	s->detail = copy;
}

void stream_note_error(struct stream *s, const struct xmpp_error *error)
{
	if (s->peer_error == NULL)
		s->peer_error = malloc(sizeof *s->peer_error);
	if (s->peer_error != NULL)
		*s->peer_error = *error;
}

/* The owner hears of the end once; then nobody listens. */
static void tell(struct stream *s)
{
	if (s->told)
		return;
	s->told = true;
	stream_log_end(s);
	stream_remember_end(s);
	stream_count_closed(s);
	const struct stream_hooks *hooks = s->hooks;
	s->hooks = NULL;
	if (hooks != NULL && hooks->ended != NULL)
		hooks->ended(s->arg, s);
}

/* XML can be written: not into a handshake, nor to somebody who expects one. */
static bool can_speak(const struct stream *s)
{
	if (s->leg == NULL || s->state == STATE_DIAL)
		return false;
	return s->state != STATE_HANDSHAKE || (leg_tls(s->leg) == NULL && !s->direct);
}

/* Writes what must still be said: header, error, end. */
static void last_words(struct stream *s, const char *condition, const char *text)
{
	if (s->said_end)
		return;
	struct buf *out = leg_out(s->leg);
	/* section 4.9.1.2: an error at header time still comes inside a stream of ours */
	bool ok = s->said_header || stream_put_header(s);
	if (condition[0] != '\0')
		ok = ok && xmpp_put_stream_error(out, condition, text);
	if (ok && xmpp_put_end(out))
		(void)leg_flush(s->leg);
	s->said_header = s->said_end = true;
}

/* A public-out stream that did not come up tries the remote domain's next endpoint, as long as somebody wants it. */
static bool try_next(struct stream *s, enum reason why, const char *detail)
{
	if (s->role != ROLE_PUBLIC_OUT || s->opened != 0 || s->hooks == NULL || s->dial == NULL || !dial_more(s->dial))
		return false;
	stream_log_attempt(s, why, detail);
	stats_add(&s->w->tally.endpoints_failed, 1);
	if (s->leg != NULL)
		leg_shut(s->leg);
	leg_free(s->leg);
	s->leg = NULL;
	tls_free(s->tls_next);
	s->tls_next = NULL;
	xml_reset(s->xml);
	s->said_header = s->said_end = false;
	s->elements = s->negotiated = 0;
	if (s->why == REASON_NONE)
		remember(s, why, detail);
	stream_enter(s, STATE_DIAL);
	dial_next(s->dial);
	return true;
}

void stream_close(struct stream *s, enum reason why, const char *condition, const char *text, const char *detail)
{
	if (s->state == STATE_CLOSING)
		return;
	if (!can_speak(s)) {
		stream_lost(s, why, detail);
		return;
	}
	last_words(s, condition, text);
	if (try_next(s, why, detail))
		return;
	remember(s, why, detail);
	leg_shut(s->leg);
	stream_enter(s, STATE_CLOSING);
	stream_read_on(s, true);
	tell(s);
}

void stream_fail(struct stream *s, enum reason why, const char *detail)
{
	const struct reason_row *row = reason_row(why);
	stream_close(s, why, row->direct, row->peer_text, detail);
}

/* What broke is the backend's stream: to the peer a fault on our side (section 4.9.3.15), whatever the backend did. */
static const struct reason_row *row_for_peer(enum reason why)
{
	bool backend = reason_row(why)->who == WHO_THEM || why == REASON_BACKEND_RESULT;

	return reason_row(backend ? REASON_BACKEND_TLS : why);
}

void stream_break(struct stream *s, enum reason why, const char *detail)
{
	const struct reason_row *row = s->role == ROLE_PUBLIC_IN ? row_for_peer(why) : reason_row(why);
	char text[XMPP_TEXT_MAX + 1];
	/* a local user reads what the backend is told, a stranger what a peer is told; neither learns names (a bounce
	 * from a room would give away who is in it) */
	if (s->role == ROLE_BACKEND_IN)
		snprintf(text, sizeof text, "The remote server can't be reached: %s [%s]", row->text, row->code);
	else
		snprintf(text, sizeof text, "%s", row->peer_text);
	s->relayed = true;
	stream_close(s, why, row->relayed, text, detail);
}

/* Nothing more will be sent; what still arrives on an -in stream is handed on until the other side ends too. */
static void begin_end(struct stream *s, enum reason why, const char *condition, const char *text, const char *detail)
{
	remember(s, why, detail);
	last_words(s, condition, text);
	stream_enter(s, STATE_ENDING);
	if (!stream_is_in(s))
		tell(s);
}

void stream_end(struct stream *s, enum reason why)
{
	const struct reason_row *row = reason_row(why);
	if (s->state == STATE_ENDING || s->state == STATE_CLOSING)
		return;
	if (s->state == STATE_OPEN || s->state == STATE_READY)
		begin_end(s, why, row->direct, row->peer_text, "");
	else
		stream_fail(s, why, "");
}

void stream_reset(struct stream *s, enum reason why, const char *detail)
{
	begin_end(s, why, "reset", reason_row(why)->peer_text, detail);
}

static enum reason slowness(const struct stream *s)
{
	switch ((int)s->state) {
	case STATE_DIAL:
		return REASON_CONNECT_TIMEOUT;
	case STATE_HANDSHAKE:
		return REASON_TLS_TIMEOUT;
	case STATE_KEY:
		return REASON_BACKEND_UNVERIFIED;
	default:
		return REASON_TIMEOUT;
	}
}

/* The whole budget is used up: no further endpoint is tried.  What an earlier one had against us is the better reason.
 */
void stream_out_of_time(struct stream *s)
{
	char detail[DETAIL_MAX + 1];
	bool known = s->why != REASON_NONE;
	enum reason why = known ? s->why : slowness(s);
	snprintf(detail, sizeof detail, "%s", known ? stream_detail(s) : "out of time");
	dial_cancel(&s->dial);
	stream_fail(s, why, detail);
}

void stream_peer_end(struct stream *s)
{
	if (s->state == STATE_CLOSING)
		return;
	bool up = s->state == STATE_OPEN || s->state == STATE_READY;
	if (up)
		remember(s, REASON_CLOSED, "");
	if (!up && s->state != STATE_ENDING) {
		/* closed in the middle of negotiation, without a word why */
		stream_close(s, REASON_PEER_LOST, "", "", "</stream:stream> during negotiation");
		return;
	}
	last_words(s, "", "");
	leg_shut(s->leg);
	stream_enter(s, STATE_CLOSING);
	stream_read_on(s, true);
	tell(s);
}

void stream_lost(struct stream *s, enum reason why, const char *detail)
{
	if (!s->told && s->state != STATE_ENDING) {
		if (try_next(s, why, detail))
			return;
		remember(s, why, detail);
	}
	tell(s);
	stream_free(s);
}

void stream_drop(struct stream *s, enum reason why)
{
	if (!s->told)
		remember(s, why, "");
	tell(s);
	stream_free(s);
}

static void release(void *arg)
{
	struct stream *s = arg;
	MAGIC_CHECK(s, STREAM_MAGIC);
	s->magic = 0;
	xml_free(s->xml);
	free(s->peer_id);
	free(s->detail);
	free(s->peer_error);
	free(s->target);
	free(s->question);
	stream_set_row(s, NULL, NULL);
	site_unref(s->site);
	free(s);
}

static void unlink_stream(struct stream *s)
{
	struct worker *w = s->w;
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		w->streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	w->streams_n--;
	stats_add(&w->tally.gone[s->role], 1);
	w->count[s->role][s->state]--;
}

void stream_free(struct stream *s)
{
	struct worker *w = s->w;
	if (s->freed)
		return;
	s->freed = true;
	s->told = true;
	s->hooks = NULL;
	if (s->shaking)
		w->handshakes--;
	s->shaking = false;
	stream_count_tls_over(s);
	if (s->admitted)
		stream_leave_admit(s->site->admit, &s->addr, s->backend);
	if (s->domained)
		admit_leave_domain(s->site->admit, &s->pair.from);
	dial_cancel(&s->dial);
	leg_free(s->leg);
	s->leg = NULL;
	tls_free(s->tls_next);
	s->tls_next = NULL;
	loop_timer_free(s->timer);
	s->timer = NULL;
	unlink_stream(s);
	s->state = STATE_CLOSING;
	/* a callback of this stream may be on the stack */
	loop_defer(w->loop, &s->gone, release, s);
	if (w->draining && w->streams == NULL && w->empty != NULL)
		w->empty(w->empty_arg);
}
