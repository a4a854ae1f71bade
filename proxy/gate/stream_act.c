/* The actions of fsm.h, performed. */
#include <stdio.h>
#include <stdlib.h>

#include "stream_internal.h"

/* SASL attempts before the stream is closed (RFC 6120 section 6.4.5 wants 2 to 5). */
#define AUTH_TRIES 3

/* False: out of room, and the stream has failed. */
static bool said(struct stream *s, bool put)
{
	if (put)
		return true;
	stream_fail(s, REASON_LIMIT_QUEUE, "our own words");
	return false;
}

static bool say_header(struct stream *s)
{
	s->said_header = true;
	return said(s, stream_put_header(s));
}

static bool offer(struct stream *s, unsigned offers)
{
	return said(s, xmpp_put_features(leg_out(s->leg), offers));
}

static const struct conf_host *host_of(const struct stream *s, const struct domain *d)
{
	return conf_host_find(s->site->conf, d);
}

/* The header of a public-in stream must be addressed to one domain of ours, the same throughout. */
static bool check_to(struct stream *s, const struct xmpp_header *h)
{
	if (h->to_is != XMPP_ADDRESS_GOOD) {
		stream_fail(s, REASON_HEADER_ADDRESS, "no good to");
		return false;
	}
	if (s->pair.to.n > 0 && !domain_eq(&s->pair.to, &h->to)) {
		stream_fail(s, REASON_HEADER_ADDRESS, "to has changed");
		return false;
	}
	if (host_of(s, &h->to) == NULL) {
		stream_fail(s, REASON_HOST_UNKNOWN, h->to.s);
		return false;
	}
	s->pair.to = h->to;
	return true;
}

static void greet_public(struct stream *s, const struct xmpp_header *h)
{
	if (!check_to(s, h))
		return;
	if (h->from_is == XMPP_ADDRESS_BAD) {
		stream_fail(s, REASON_HEADER_ADDRESS, "from is no domain");
		return;
	}
	if (say_header(s) && offer(s, XMPP_OFFER_STARTTLS_REQUIRED))
		(void)leg_flush(s->leg);
}

static void greet_backend(struct stream *s, const struct xmpp_header *h)
{
	if (h->from_is == XMPP_ADDRESS_BAD || h->to_is == XMPP_ADDRESS_BAD) {
		stream_fail(s, REASON_HEADER_ADDRESS, "from or to is no domain");
		return;
	}
	s->paired = h->from_is == XMPP_ADDRESS_GOOD && h->to_is == XMPP_ADDRESS_GOOD;
	s->pair = (struct pair){h->from, h->to};
	unsigned offers = XMPP_OFFER_DIALBACK;
	if (leg_tls(s->leg) == NULL)
		offers |= XMPP_OFFER_STARTTLS;
	if (say_header(s) && (!h->version_1 || offer(s, offers)))
		(void)leg_flush(s->leg);
}

static void act_greet(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_header h;
	xmpp_header_read(&h, ev);
	if (s->role == ROLE_PUBLIC_IN)
		greet_public(s, &h);
	else
		greet_backend(s, &h);
}

static void act_accept_direct(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	(void)stream_start_tls(s, NULL, NULL);
}

/* Bytes behind <starttls/> or <proceed/> were sent in the clear; whoever put them there, they are not TLS (S2). */
static bool no_early_bytes(struct stream *s)
{
	if (s->rest == 0)
		return true;
	stream_fail(s, REASON_EARLY_BYTES, "");
	return false;
}

static void act_proceed(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	if (!no_early_bytes(s))
		return;
	struct cert_own *own = NULL;
	if (s->role == ROLE_PUBLIC_IN) {
		own = cert_own_find(s->site->certs, &s->pair.to);
		if (own == NULL) {
			stream_fail(s, REASON_OWN_CERT, s->pair.to.s);
			return;
		}
	}
	/* first, as it may fail: after <proceed/> nothing can be said but TLS */
	bool started = stream_start_tls(s, own, NULL);
	cert_own_unref(own);
	if (started && said(s, xmpp_put_proceed(leg_out(s->leg))))
		(void)leg_flush(s->leg);
}

/* Direct TLS chose the certificate by SNI: it must be the one for `to`, or two hosts' policies would mix. */
static bool check_sni(struct stream *s)
{
	struct tls_facts facts;
	struct domain sni;
	tls_facts(leg_tls(s->leg), &facts);
	if (!s->direct || facts.sni.n == 0)
		return true;
	const struct conf *conf = s->site->conf;
	if (domain_parse(&sni, facts.sni) && conf_host_find(conf, &sni) == conf_host_find(conf, &s->pair.to))
		return true;
	stream_fail(s, REASON_HEADER_ADDRESS, "to is another host than the TLS server name");
	return false;
}

static bool admit_peer(struct stream *s)
{
	struct cert_verdict verdict;
	enum reason why = stream_judge(s, &verdict);
	if (why != REASON_NONE)
		stream_close(s, why, reason_row(why)->direct, verdict.peer_text, verdict.detail);
	return why == REASON_NONE;
}

/* Not before its certificate was judged: whoever claims to be somebody must not use up that one's places. */
static bool count_domain(struct stream *s)
{
	s->domained = admit_enter_domain(s->site->admit, &s->pair.from);
	if (!s->domained)
		stream_fail(s, REASON_LIMIT_DOMAIN, "");
	return s->domained;
}

static void act_admit(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_header h;
	xmpp_header_read(&h, ev);
	xmpp_new_id(s->id);
	s->pair.from = h.from;
	if (!check_to(s, &h) || !check_sni(s))
		return;
	if (h.from_is != XMPP_ADDRESS_GOOD) {
		stream_fail(s, REASON_HEADER_ADDRESS, "no good from");
		return;
	}
	if (admit_peer(s) && count_domain(s) && say_header(s) && offer(s, XMPP_OFFER_EXTERNAL))
		(void)leg_flush(s->leg);
}

static void refuse_auth(struct stream *s, const char *condition, enum reason why)
{
	if (!said(s, xmpp_put_sasl_failure(leg_out(s->leg), condition, reason_row(why)->peer_text)))
		return;
	(void)leg_flush(s->leg);
	if (++s->auth_tries >= AUTH_TRIES)
		stream_fail(s, why, "");
	else
		stream_enter(s, STATE_AUTH);
}

static void act_check_auth(struct stream *s, const struct xml_ev *ev)
{
	switch (xmpp_auth_read(s->xml, ev, &s->pair.from)) {
	case XMPP_AUTH_GOOD:
		break;
	case XMPP_AUTH_MECHANISM:
		refuse_auth(s, "invalid-mechanism", REASON_SASL_MECHANISM);
		return;
	case XMPP_AUTH_MALFORMED:
		refuse_auth(s, "malformed-request", REASON_SASL_ENCODING);
		return;
	case XMPP_AUTH_ENCODING:
		refuse_auth(s, "incorrect-encoding", REASON_SASL_ENCODING);
		return;
	case XMPP_AUTH_AUTHZID:
		refuse_auth(s, "invalid-authzid", REASON_SASL_AUTHZID);
		return;
	}
	if (s->rest > 0) {
		stream_fail(s, REASON_UNEXPECTED, "bytes behind <auth/>");
		return;
	}
	/* the peer keeps its queue until the way to the backend stands: nothing can be lost here.  Reading goes on,
	 * since a peer that has gone meanwhile would be noticed too late. */
	s->hooks->authenticated(s->arg, s);
}

void stream_sink_open(struct stream *s)
{
	stream_step(s, EVENT_SINK_OPEN, NULL);
}

static void act_success(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	xml_reset(s->xml);
	if (!said(s, xmpp_put_success(leg_out(s->leg))))
		return;
	s->said_header = false;
	(void)leg_flush(s->leg);
}

static void now_open(struct stream *s)
{
	s->opened = loop_now(s->w->loop);
	stream_count_opened(s);
	dial_cancel(&s->dial);
	/* what earlier endpoints had against us is past */
	s->why = REASON_NONE;
	free(s->detail);
	s->detail = NULL;
	stream_remember_open(s);
	/* the configuration may have changed since the peer was judged (invariant S11) */
	if (s->site != s->w->site && !stream_recheck(s))
		return;
	if (s->hooks != NULL && s->hooks->opened != NULL)
		s->hooks->opened(s->arg, s);
}

static void act_reopen(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_header h;
	xmpp_header_read(&h, ev);
	bool same = h.to_is == XMPP_ADDRESS_GOOD && domain_eq(&h.to, &s->pair.to);
	/* RFC 6120 section 4.7.1 lets from be left out only where nothing was authenticated */
	same = same && (h.from_is == XMPP_ADDRESS_ABSENT ||
	                   (h.from_is == XMPP_ADDRESS_GOOD && domain_eq(&h.from, &s->pair.from)));
	if (!same) {
		stream_fail(s, REASON_HEADER_ADDRESS, "from or to has changed after authentication");
		return;
	}
	xmpp_new_id(s->id);
	stream_set_xml_limits(s, true);
	if (!say_header(s) || !offer(s, 0) || !leg_flush(s->leg))
		return;
	now_open(s);
}

static void act_hello(struct stream *s, const struct xml_ev *ev)
{
	if (ev != NULL && s->rest > 0) {
		stream_fail(s, REASON_UNEXPECTED, "bytes behind <success/>");
		return;
	}
	xml_reset(s->xml);
	if (say_header(s))
		(void)leg_flush(s->leg);
}

static void act_request_tls(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	if (said(s, xmpp_put_starttls(leg_out(s->leg))))
		(void)leg_flush(s->leg);
}

static void act_connect_tls(struct stream *s, const struct xml_ev *ev)
{
	if (ev != NULL && !no_early_bytes(s))
		return;
	struct cert_own *own = s->role == ROLE_PUBLIC_OUT ? cert_own_find(s->site->certs, &s->pair.from) : NULL;
	(void)stream_start_tls(s, own, &s->pair.to);
	cert_own_unref(own);
}

static void act_judge(struct stream *s, const struct xml_ev *ev)
{
	if (admit_peer(s))
		act_hello(s, ev);
}

static void act_auth(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	if (said(s, xmpp_put_auth_external(leg_out(s->leg), &s->pair.from)))
		(void)leg_flush(s->leg);
}

static void act_send_key(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	struct buf *out = leg_out(s->leg);
	if (s->role == ROLE_BACKEND_VERIFY) {
		if (said(s, xmpp_put_db_verify(out, &s->pair, s->question->id, s->question->key, NULL)))
			(void)leg_flush(s->leg);
		return;
	}
	if (s->peer_id == NULL || s->peer_id[0] == '\0') {
		stream_fail(s, REASON_BACKEND_REFUSED, "the backend's stream header has no id");
		return;
	}
	char key[XMPP_DIALBACK_KEY_LEN + 1];
	xmpp_dialback_key(key, &s->site->secret, &s->pair.to, &s->pair.from, s->peer_id);
	if (said(s, xmpp_put_db_result(out, &s->pair, key, NULL)))
		(void)leg_flush(s->leg);
}

/* An answer counts only if it is the one to what was asked on this very stream (XEP-0220 section 2.1.2). */
static bool answers(const struct stream *s, const struct xmpp_db *db, enum xmpp_kind kind)
{
	bool verify = s->role == ROLE_BACKEND_VERIFY;
	if (!db->good || kind != (verify ? XMPP_DB_VERIFY : XMPP_DB_RESULT) || db->type == XMPP_DB_REQUEST)
		return false;
	if (verify && strcmp(db->id, s->question->id) != 0)
		return false;
	return domain_eq(&db->pair.from, &s->pair.to) && domain_eq(&db->pair.to, &s->pair.from);
}

static void act_key_answer(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_db db;
	xmpp_db_read(&db, s->xml, ev);
	bool verify = s->role == ROLE_BACKEND_VERIFY;
	if (!answers(s, &db, xmpp_kind(ev))) {
		stream_fail(s, REASON_BACKEND_RESULT, "");
		return;
	}
	if (db.type != XMPP_DB_VALID) {
		stream_note_error(s, &db.error);
		enum reason why = verify && db.type == XMPP_DB_INVALID ? REASON_BACKEND_KEY : REASON_BACKEND_REFUSED;
		stream_close(s, why, "", "", db.type == XMPP_DB_INVALID ? "invalid" : "error");
		return;
	}
	now_open(s);
	if (verify)
		stream_end(s, REASON_CLOSED);
}

static void act_sink_ready(struct stream *s, const struct xml_ev *ev)
{
	(void)ev;
	now_open(s);
}

static void act_db_result(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_db db;
	xmpp_db_read(&db, s->xml, ev);
	if (!db.good || db.type != XMPP_DB_REQUEST)
		stream_fail(s, REASON_BACKEND_RESULT, db.good ? "db:result with a type" : "malformed db:result");
	else
		s->hooks->requested(s->arg, s, &db);
}

static void answer_verify(struct stream *s, const struct xmpp_db *db, bool valid)
{
	struct pair answer = {.from = db->pair.to, .to = db->pair.from};
	if (said(s, xmpp_put_db_verify(leg_out(s->leg), &answer, db->id, NULL, valid ? "valid" : "invalid")))
		(void)leg_flush(s->leg);
}

/* The backend asks whether a key is ours; any instance can tell, since the key is an HMAC (XEP-0185). */
static void act_db_verify(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_db db;
	xmpp_db_read(&db, s->xml, ev);
	if (!db.good || db.type != XMPP_DB_REQUEST) {
		stream_fail(s, REASON_BACKEND_RESULT, "malformed db:verify");
		return;
	}
	const struct conf_host *host = host_of(s, &db.pair.from);
	bool valid = host != NULL && host->backend == s->backend &&
	             xmpp_dialback_check(&s->site->secret, &db.pair.from, &db.pair.to, db.id, db.key);
	answer_verify(s, &db, valid);
}

/* We never give out keys in public, so whoever asks was lied to (invariant S4). */
static void act_db_deny(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_db db;
	xmpp_db_read(&db, s->xml, ev);
	if (!db.good || db.type != XMPP_DB_REQUEST)
		stream_fail(s, REASON_DIALBACK, "malformed db:verify");
	else
		answer_verify(s, &db, false);
}

static void act_relay(struct stream *s, const struct xml_ev *ev)
{
	s->stanzas++;
	stats_add(&s->w->tally.stanzas[s->role == ROLE_PUBLIC_IN ? TALLY_INBOUND : TALLY_OUTBOUND], 1);
	if (s->hooks != NULL)
		s->hooks->stanza(s->arg, s, ev);
}

static void act_peer_error(struct stream *s, const struct xml_ev *ev)
{
	struct xmpp_error error;
	xmpp_error_read(&error, s->xml, ev);
	stream_note_error(s, &error);
	bool unknown = strcmp(error.condition, "host-unknown") == 0;
	stream_close(s, unknown ? REASON_PEER_HOST_UNKNOWN : REASON_PEER_ERROR, "", "", "");
}

void stream_act(struct stream *s, enum fsm_action action, const struct xml_ev *ev)
{
	static void (*const acts[])(struct stream *, const struct xml_ev *) = {
	    [ACT_ACCEPT_DIRECT] = act_accept_direct,
	    [ACT_GREET] = act_greet,
	    [ACT_PROCEED] = act_proceed,
	    [ACT_ADMIT] = act_admit,
	    [ACT_CHECK_AUTH] = act_check_auth,
	    [ACT_SUCCESS] = act_success,
	    [ACT_REOPEN] = act_reopen,
	    [ACT_HELLO] = act_hello,
	    [ACT_REQUEST_TLS] = act_request_tls,
	    [ACT_CONNECT_TLS] = act_connect_tls,
	    [ACT_JUDGE] = act_judge,
	    [ACT_AUTH] = act_auth,
	    [ACT_SEND_KEY] = act_send_key,
	    [ACT_KEY_ANSWER] = act_key_answer,
	    [ACT_SINK_READY] = act_sink_ready,
	    [ACT_DB_RESULT] = act_db_result,
	    [ACT_DB_VERIFY] = act_db_verify,
	    [ACT_DB_DENY] = act_db_deny,
	    [ACT_RELAY] = act_relay,
	    [ACT_PEER_ERROR] = act_peer_error,
	};
	if (action != ACT_NONE)
		acts[action](s, ev);
}
