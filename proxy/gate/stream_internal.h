/* The inside of a stream, shared by stream.c (life, bytes to events), stream_act.c (actions) and the other stream_*.c.
 */
#ifndef SALLYPORT_STREAM_INTERNAL_H
#define SALLYPORT_STREAM_INTERNAL_H

#include "sallyport/dial.h"
#include "sallyport/leg.h"
#include "sallyport/stream.h"

#define STREAM_MAGIC 0x73747221u

/* What a -verify stream asks; absent on others. */
struct stream_question {
	char id[XMPP_ID_MAX + 1];
	char key[XMPP_KEY_MAX + 1];
};

struct stream {
	uint32_t magic;
	enum role role;
	enum fsm_state state;
	struct worker *w;
	struct site *site;
	struct stream *next, *prev;
	const struct stream_hooks *hooks;
	void *arg;

	struct leg *leg;
	struct dial *dial;
	struct xml *xml;
	struct loop_timer *timer;
	struct loop_later gone;
	struct tls *tls_next; /* to be started once the element at hand is consumed */
	size_t rest;          /* bytes that came behind the element at hand */

	struct pair pair;
	bool paired; /* backend-in: the header named the pair */
	const struct conf_backend *backend;
	char id[XMPP_NEW_ID_LEN + 1]; /* -in: ours */
	char *peer_id;                /* backend-out: theirs, what our key is made for */
	struct stream_question *question;

	bool said_header; /* ours is on the wire since the last restart */
	bool said_end;
	bool paused;  /* not reading: backpressure */
	bool relayed; /* it ends for what another stream's line in the log explains */
	bool told;    /* `ended` was called, the end was logged */
	bool freed;
	bool admitted;  /* counted by admit */
	bool domained;  /* so is pair.from */
	bool shaking;   /* counted among w->handshakes */
	bool handshake; /* begun, not done and not failed, to the tally */
	unsigned elements, auth_tries;
	uint32_t negotiated; /* bytes that were read before authentication */

	enum reason why;
	/* streams live long and say little: what only few have takes no room in all */
	char *detail;                  /* of why; NULL: nothing */
	struct xmpp_error *peer_error; /* NULL: none came */
	struct addr addr;
	char *target; /* -out: the endpoint's name; NULL: none */
	bool direct;
	int64_t started, opened, moved_at, budget_end, handshake_at; /* ms of loop_now() */
	int64_t trust_until;         /* Unix seconds: a public peer is judged again; 0: time changes nothing */
	struct conf *row_conf;       /* has the row, with a reference; NULL: there is none */
	const struct conf_peer *row; /* of [peer], by which the peer was judged; NULL: the general rules */
	uint64_t stanzas, idle_mark;
	uint64_t number;
};

/* The remote side of the network, rather than the backend's. */
static inline bool stream_is_public(const struct stream *s)
{
	return s->role == ROLE_PUBLIC_IN || s->role == ROLE_PUBLIC_OUT;
}

/* They opened it. */
static inline bool stream_is_in(const struct stream *s)
{
	return s->role == ROLE_PUBLIC_IN || s->role == ROLE_BACKEND_IN;
}

static inline enum tls_role stream_tls_role(const struct stream *s)
{
	if (stream_is_public(s))
		return stream_is_in(s) ? TLS_PUBLIC_IN : TLS_PUBLIC_OUT;
	return stream_is_in(s) ? TLS_BACKEND_IN : TLS_BACKEND_OUT;
}

/* Our stream header, with the addresses that are known. */
MUST_CHECK static inline bool stream_put_header(struct stream *s)
{
	bool in = stream_is_in(s);
	const struct domain *from = in ? &s->pair.to : &s->pair.from, *to = in ? &s->pair.from : &s->pair.to;
	return xmpp_put_header(
	    leg_out(s->leg), from->n > 0 ? from : NULL, to->n > 0 ? to : NULL, in ? s->id : NULL, !stream_is_public(s));
}

/* stream_close.c: keeps a copy for the log; without memory that says less. */
void stream_note_error(struct stream *s, const struct xmpp_error *error);

/* stream.c */
void stream_enter(struct stream *s, enum fsm_state next);
void stream_step(struct stream *s, enum fsm_event event, const struct xml_ev *ev);
void stream_set_xml_limits(struct stream *s, bool authenticated);
void stream_leave_admit(struct admit *admit, const struct addr *peer, const struct conf_backend *backend);
bool stream_start_tls(struct stream *s, struct cert_own *own, const struct domain *name);
/* stream_trust.c */
/* What policy says of a public peer and its chain under the worker's present configuration, with its reason in place of
 * the certificate's where that is not the matter. */
enum reason stream_judge(struct stream *s, struct cert_verdict *verdict);
void stream_set_row(struct stream *s, struct conf *conf, const struct conf_peer *row);
uint32_t stream_idle_ms(const struct stream *s);
void stream_idle_tick(struct stream *s);

/* stream_memory.c: what the history keeps of public streams */
void stream_remember_open(const struct stream *s);
void stream_remember_end(const struct stream *s);

/* stream_act.c */
void stream_act(struct stream *s, enum fsm_action action, const struct xml_ev *ev);

/* stream_close.c */
void stream_close(struct stream *s, enum reason why, const char *condition, const char *text, const char *detail);
void stream_peer_end(struct stream *s);
void stream_lost(struct stream *s, enum reason why, const char *detail);
/* Gives back memory and place in the worker's list; nobody hears of it. */
void stream_free(struct stream *s);
void stream_out_of_time(struct stream *s);
void stream_reset(struct stream *s, enum reason why, const char *detail);

/* stream_count.c */
void stream_count_opened(struct stream *s);
void stream_count_closed(struct stream *s);
void stream_count_judged(struct stream *s, enum reason why);
void stream_count_tls_begun(struct stream *s);
void stream_count_tls_done(struct stream *s);
/* The handshake goes no further, if one was under way. */
void stream_count_tls_over(struct stream *s);

/* stream_log.c */
void stream_log_end(const struct stream *s);
void stream_log_attempt(const struct stream *s, enum reason why, const char *detail);

#endif
