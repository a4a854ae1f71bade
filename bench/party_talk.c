/* How each role negotiates its stream. */
#include <stdio.h>
#include <stdlib.h>

#include "party_internal.h"

static void say(struct party *p, bool put)
{
	if (put)
		link_say(p->link);
	else
		party_fail(p, "out of memory");
}

static bool speaks_dialback(const struct party *p)
{
	return p->role == PARTY_ORIGIN || p->role == PARTY_VERIFIER || p->role == PARTY_BACKEND;
}

static bool put_header(struct party *p)
{
	const struct domain *from = p->pair.from.n > 0 ? &p->pair.from : NULL;
	const struct domain *to = p->pair.to.n > 0 ? &p->pair.to : NULL;

	return xmpp_put_header(link_words(p->link), from, to, party_accepts(p) ? p->id : NULL, speaks_dialback(p));
}

void party_say_header(struct party *p)
{
	say(p, put_header(p));
}

void party_start_tls(struct party *p)
{
	static const enum creds_role creds[] = {
	    [PARTY_PEER] = CREDS_PEER,
	    [PARTY_SOURCE] = CREDS_PEER,
	    [PARTY_REMOTE] = CREDS_REMOTE,
	    [PARTY_BACKEND] = CREDS_BACKEND,
	    [PARTY_SINK] = CREDS_BACKEND,
	    [PARTY_ORIGIN] = CREDS_BACKEND_OUT,
	    [PARTY_VERIFIER] = CREDS_BACKEND_OUT,
	};
	struct lane *lane = p->lane;
	enum creds_role role = creds[p->role];
	const char *name = role == CREDS_PEER ? lane->bench->local.s : NULL;

	party_enter(p, PARTY_SHAKING);
	link_secure(p->link, creds_ssl(&lane->bench->creds, role, name, lane->plan->direct_tls,
	                         role == CREDS_PEER && lane->plan->resume ? &lane->session : NULL));
}

/* --- connecting roles --- */

static void ask(struct party *verifier, struct party *asker)
{
	const struct pair *pair = &asker->pair;

	say(verifier, xmpp_put_db_verify(link_words(verifier->link), pair, asker->id, asker->question, NULL));
	free(asker->question);
	asker->question = NULL;
}

static void ask_what_waits(struct party *verifier)
{
	verifier->ready = true;
	for (struct party *p = verifier->lane->parties; p != NULL && verifier->state == PARTY_TALKING; p = p->next)
		if (p->question != NULL && (verifier->asks_for[0] == '\0' || strcmp(p->id, verifier->asks_for) == 0))
			ask(verifier, p);
}

static void send_key(struct party *p)
{
	char key[XMPP_DIALBACK_KEY_LEN + 1];

	xmpp_dialback_key(key, &p->lane->bench->secret, &p->pair.to, &p->pair.from, p->id);
	say(p, xmpp_put_db_result(link_words(p->link), &p->pair, key, NULL));
}

static void on_features(struct party *p, const struct xml_ev *ev)
{
	struct xmpp_features f;

	if (!xmpp_features_read(&f, p->xml, ev)) {
		party_fail(p, "peer %u: the gateway's features can't be read", p->route);
		return;
	}
	bool wants_tls = p->role == PARTY_PEER || p->lane->plan->backend_tls;
	if (!p->secure && wants_tls) {
		if (f.starttls)
			say(p, xmpp_put_starttls(link_words(p->link)));
		else
			party_fail(p, "peer %u: the gateway offers no STARTTLS", p->route);
		return;
	}
	if (p->role == PARTY_VERIFIER) {
		ask_what_waits(p);
	} else if (p->role == PARTY_ORIGIN) {
		send_key(p);
	} else if (p->authed) {
		party_open(p);
	} else if (f.external) {
		say(p, xmpp_put_auth_external(link_words(p->link), &p->pair.from));
	} else {
		party_fail(p, "peer %u: the gateway does not offer SASL EXTERNAL", p->route);
	}
}

static void on_success(struct party *p)
{
	p->authed = true;
	xml_reset(p->xml);
	party_say_header(p);
}

static struct party *find_asker(const struct lane *lane, const char *id)
{
	for (struct party *p = lane->parties; p != NULL; p = p->next)
		if (p->role == PARTY_BACKEND && p->state == PARTY_TALKING && strcmp(p->id, id) == 0)
			return p;
	return NULL;
}

/* The gateway said whether a key was its own: the backend answers the stream that brought it. */
static void on_verified(struct party *verifier, const struct xmpp_db *db)
{
	struct party *asker = find_asker(verifier->lane, db->id);

	if (verifier->lane->verifier != verifier)
		party_close(verifier);
	if (asker == NULL)
		return;
	if (db->type != XMPP_DB_VALID) {
		party_fail(asker, "peer %u: the gateway calls its own dialback key invalid", asker->route);
		return;
	}
	say(asker, xmpp_put_db_result(link_words(asker->link), &asker->pair, NULL, "valid"));
	if (asker->state == PARTY_TALKING)
		party_open(asker);
}

/* --- accepting roles --- */

static bool find_route(struct party *p, const struct xmpp_header *h)
{
	const struct domain *peer = p->role == PARTY_REMOTE ? &h->to : &h->from;

	if (bench_peer_route(p->lane->bench, peer, &p->route))
		return true;
	party_fail(p, "a stream came for \"%s\", which is none of our peers", peer->s);
	return false;
}

static void greet(struct party *p, const struct xml_ev *ev)
{
	struct xmpp_header h;
	unsigned offers = 0;

	xmpp_header_read(&h, ev);
	if (!find_route(p, &h))
		return;
	p->pair = (struct pair){h.to, h.from};
	if (p->role == PARTY_SINK) {
		party_open(p);
		return;
	}
	xmpp_new_id(p->id);
	if (p->role == PARTY_BACKEND)
		offers = XMPP_OFFER_DIALBACK;
	else if (p->secure && !p->authed)
		offers = XMPP_OFFER_EXTERNAL;
	if (!p->secure && (p->role == PARTY_REMOTE || p->lane->plan->backend_tls))
		offers = XMPP_OFFER_STARTTLS_REQUIRED;
	say(p, put_header(p) && xmpp_put_features(link_words(p->link), offers));
	if (p->authed && p->state == PARTY_TALKING)
		party_open(p);
}

static void on_auth(struct party *p, const struct xml_ev *ev)
{
	const STACK_OF(CRYPTO_BUFFER) *chain = p->secure ? SSL_get0_peer_certificates(link_ssl(p->link)) : NULL;

	if (p->role != PARTY_REMOTE || chain == NULL) {
		party_fail(p, "remote server %u: the gateway wants to log in without a certificate", p->route);
		return;
	}
	if (xmpp_auth_read(p->xml, ev, &p->pair.to) != XMPP_AUTH_GOOD) {
		party_fail(p, "remote server %u: the gateway logs in as somebody else", p->route);
		return;
	}
	p->authed = true;
	xml_reset(p->xml);
	say(p, xmpp_put_success(link_words(p->link)));
}

/* The gateway speaks as a peer: its key is checked by asking "that peer", which is its inner listener. */
static void on_key(struct party *p, const struct xmpp_db *db)
{
	static const struct pair nobody;
	struct pair asking = {db->pair.to, db->pair.from};
	struct lane *lane = p->lane;
	struct party *v;

	if (!pair_eq(&asking, &p->pair)) {
		party_fail(p, "peer %u: a key for another pair than the stream's header names", p->route);
		return;
	}
	free(p->question);
	p->question = strdup(db->key);
	v = lane->verifier;
	if (v == NULL)
		v = party_new_verifier(lane, lane->plan->anonymous_verify ? &nobody : &asking);
	if (v == NULL || p->question == NULL)
		return;
	v->route = p->route;
	if (lane->plan->anonymous_verify)
		lane->verifier = v;
	else
		memcpy(v->asks_for, p->id, sizeof(v->asks_for)); /* one of xmpp_new_id() */
	if (v->ready)
		ask(v, p);
}

/* The gateway asks whether a key is the backend's own. */
static void on_question(struct party *p, const struct xmpp_db *db)
{
	struct pair answer = {db->pair.to, db->pair.from};
	bool ours = domain_eq(&db->pair.to, &p->lane->bench->local) &&
	            xmpp_dialback_check(&p->lane->bench->secret, &db->pair.from, &db->pair.to, db->id, db->key);

	say(p, xmpp_put_db_verify(link_words(p->link), &answer, db->id, NULL, ours ? "valid" : "invalid"));
}

/* --- events --- */

static void on_dialback(struct party *p, const struct xml_ev *ev, bool verify)
{
	struct xmpp_db db;

	xmpp_db_read(&db, p->xml, ev);
	if (!db.good) {
		party_fail(p, "peer %u: a dialback element that can't be read", p->route);
		return;
	}
	if (verify && db.type == XMPP_DB_REQUEST && p->role == PARTY_BACKEND) {
		on_question(p, &db);
	} else if (verify && p->role == PARTY_VERIFIER) {
		on_verified(p, &db);
	} else if (!verify && db.type == XMPP_DB_REQUEST && p->role == PARTY_BACKEND) {
		on_key(p, &db);
	} else if (!verify && p->role == PARTY_ORIGIN && p->state == PARTY_TALKING) {
		if (db.type == XMPP_DB_VALID)
			party_open(p);
		else
			party_fail(p, "peer %u: the gateway refused the backend's key", p->route);
	} else {
		party_fail(p, "peer %u: dialback that nobody asked for", p->route);
	}
}

static void on_header(struct party *p, const struct xml_ev *ev)
{
	struct xmpp_header h;

	if (party_accepts(p)) {
		greet(p, ev);
		return;
	}
	xmpp_header_read(&h, ev);
	snprintf(p->id, sizeof(p->id), "%s", h.id);
}

static void on_error(struct party *p, const struct xml_ev *ev, const char *what)
{
	struct xmpp_error e;

	xmpp_error_read(&e, p->xml, ev);
	party_fail(p, "peer %u: the gateway answers with %s %s%s%s", p->route, what, e.condition,
	    e.text[0] != '\0' ? ": " : "", e.text);
}

static void on_element(struct party *p, const struct xml_ev *ev)
{
	switch (xmpp_kind(ev)) {
	case XMPP_FEATURES:
		on_features(p, ev);
		return;
	case XMPP_PROCEED:
		party_start_tls(p);
		return;
	case XMPP_SUCCESS:
		on_success(p);
		return;
	case XMPP_STARTTLS:
		say(p, xmpp_put_proceed(link_words(p->link)));
		if (p->state == PARTY_TALKING)
			party_start_tls(p);
		return;
	case XMPP_AUTH:
		on_auth(p, ev);
		return;
	case XMPP_DB_RESULT:
	case XMPP_DB_VERIFY:
		on_dialback(p, ev, xmpp_kind(ev) == XMPP_DB_VERIFY);
		return;
	case XMPP_STREAM_ERROR:
		on_error(p, ev, "the stream error");
		return;
	case XMPP_SASL_FAILURE:
		on_error(p, ev, "the SASL failure");
		return;
	case XMPP_TLS_FAILURE:
	case XMPP_CHALLENGE:
	case XMPP_RESPONSE:
	case XMPP_ABORT:
	case XMPP_MESSAGE:
	case XMPP_PRESENCE:
	case XMPP_IQ:
	case XMPP_UNKNOWN:
		break;
	}
	party_fail(p, "peer %u: the gateway sent <%.*s/>, which has no place here", p->route,
	    (int)(ev->name.n < 40 ? ev->name.n : 40), ev->name.p);
}

void party_on_event(struct party *p, enum xml_rc rc, const struct xml_ev *ev)
{
	switch (rc) {
	case XML_HEADER:
		on_header(p, ev);
		break;
	case XML_ELEMENT:
		on_element(p, ev);
		break;
	case XML_END:
		if (p->state != PARTY_CLOSING && !party_accepts(p) && p->role != PARTY_VERIFIER) {
			party_fail(p, "peer %u: the gateway ended the stream", p->route);
			break;
		}
		party_close(p);
		if (p->state == PARTY_CLOSING)
			link_shut(p->link);
		break;
	case XML_BAD:
		party_fail(p, "peer %u: the gateway sent bad XML (%s)", p->route, xml_error_text(xml_error(p->xml)));
		break;
	case XML_SPACE:
	case XML_MORE:
		break;
	}
}
