#include "check_judge.h"

#include <time.h>

static const char *mode_of(const struct endpoint *e)
{
	return e->direct_tls ? "direct TLS" : "STARTTLS";
}

/* "[2001:db8::1]:5269 (xmpp.example.org), STARTTLS" */
static void describe(char *out, size_t out_n, const struct endpoint *e)
{
	char addr[ADDR_TEXT_MAX];

	(void)snprintf(out, out_n, "%s (%s), %s", addr_format(&e->addr, addr), e->target, mode_of(e));
}

/* --- an endpoint --- */

static void tell_error(struct findings *all, const struct probe_found *p)
{
	if (p->error.condition[0] == '\0' && p->error.text[0] == '\0')
		return;
	(void)finding_add(all, FINDING_NOTE, "sasl", REASON_NONE, "their server says: %s%s%s", p->error.condition,
	    p->error.text[0] != '\0' ? ": " : "", p->error.text);
}

/* Like one before it, as it is with a server that has two addresses? */
static bool is_repeated(
    const struct check_view *view, const struct check_endpoint *e, const struct check_endpoint *first)
{
	for (; first != e; first++) {
		bool secured = first->found != NULL && first->found->secured;

		if (!secured && check_endpoint_why(view, first) == check_endpoint_why(view, e))
			return true;
	}
	return false;
}

static const char *consequence(const struct check_view *view, const struct check_endpoint *e, bool other_works)
{
	enum reason why = check_endpoint_why(view, e);

	if (e->found != NULL && e->found->at == STATE_HEADER &&
	    (why == REASON_XML_SYNTAX || why == REASON_XML_ENCODING))
		return "what listens there seems to be no XMPP server: is it the right port?";
	if (e->found != NULL && e->found->tls.asked && view->from == NULL)
		return "it may be that it wants a certificate of ours: --from DOMAIN of ours tells";
	if (other_works)
		return "streams are tried here, too, and come late or only by another address";
	return "no stream stands with this endpoint";
}

/* No TLS with it, or no connection at all. */
static void tell_lost(struct findings *all, const struct check_view *view, const struct check_endpoint *e,
    const struct check_endpoint *first, bool other_works)
{
	enum reason why = check_endpoint_why(view, e);
	char where[ADDR_TEXT_MAX + sizeof(e->where.target) + 32], detail[CHECK_DETAIL_MAX] = "";
	const char *topic = e->found != NULL ? "tls" : "tcp";
	enum finding_level level = other_works ? FINDING_WARN : FINDING_FAIL;
	struct finding *f;

	describe(where, sizeof(where), &e->where);
	if (e->found != NULL)
		check_detail(e->found, detail);
	if (is_repeated(view, e, first)) {
		finding_add(all, level, topic, why, "%s: the same", where)->who = WHO_NOBODY;
		return;
	}
	f = finding_add(all, level, topic, why, "%s: %s%s", where, reason_row(why)->text, detail);
	finding_so(f, "%s", consequence(view, e, other_works));
	if (why == REASON_TLS_REFUSED && e->where.direct_tls && strstr(detail, "unrecognized_name") != NULL)
		finding_fix(f, "they: a certificate for %s on that port, or no _xmpps-server record", view->domain->s);
	else
		check_fix(f, why, view->domain);
	if (e->found != NULL)
		tell_error(all, e->found);
}

static void tell_tls(struct findings *all, const struct check_endpoint *e, const char *more)
{
	char where[ADDR_TEXT_MAX + sizeof(e->where.target) + 32];
	const struct tls_facts *t = &e->found->tls;

	describe(where, sizeof(where), &e->where);
	(void)finding_add(
	    all, FINDING_OK, "tls", REASON_NONE, "%s: %s, %s, %s%s", where, t->version, t->cipher, t->group, more);
	if (e->where.direct_tls || e->found->clear.starttls_required)
		return;
	finding_fix(finding_add(all, FINDING_NOTE, "tls", REASON_NONE,
	                "STARTTLS is offered but not required: in the clear this server would speak, too"),
	    "they: ejabberd s2s_use_starttls: required; Prosody s2s_require_encryption = true");
}

/* --- the certificate --- */

static void date_of(int64_t when, char out[static 16])
{
	time_t seconds = (time_t)when;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(out, 16, "?");
}

static void tell_certificate(struct findings *all, const struct cert_facts *c, size_t i, int64_t now)
{
	int64_t days = (c->not_after - now) / 86400;
	char until[16];

	date_of(c->not_after, until);
	(void)finding_add(all, FINDING_OK, "cert", REASON_NONE, "%zu %s, by %s: %s, %s, until %s (%lld day%s%s)", i,
	    c->subject, c->self_issued ? "itself" : c->issuer, c->key, c->usage[0] != '\0' ? c->usage : "any use",
	    until, (long long)(days < 0 ? -days : days), days == 1 || days == -1 ? "" : "s",
	    c->not_after < now ? " ago" : "");
}

/* Sent in another order than from the leaf upwards, or with what is not needed. */
static void tell_order(struct findings *all, const struct cert_chain *chain)
{
	bool disorder = false, root = false;
	struct cert_facts c;

	for (size_t i = 1; i < cert_chain_n(chain); i++) {
		if (!cert_chain_facts(chain, i, &c))
			continue;
		disorder = disorder || !c.issued_previous;
		root = root || (c.issued_previous && c.self_issued);
	}
	if (disorder)
		finding_fix(
		    finding_add(all, FINDING_NOTE, "cert", REASON_NONE,
		        "the chain is not sent in order, or holds certificates that do not belong to it: some servers "
		        "refuse that"),
		    "they: leaf first, then its issuer, as in fullchain.pem");
	else if (root)
		(void)finding_add(all, FINDING_NOTE, "cert", REASON_NONE, "the root is sent along, which nobody needs");
}

/* Who renews in time is never seen so close to the end: in the last quarter of its life, within two weeks. */
static void tell_end(
    struct findings *all, const struct check_view *view, const struct cert_facts *leaf, int64_t expires)
{
	int64_t left = expires - view->now, bound = (leaf->not_after - leaf->not_before) / 4;
	char until[16];
	struct finding *f;

	if (bound > 14 * INT64_C(86400))
		bound = 14 * INT64_C(86400);
	if (left > bound)
		return;
	date_of(expires, until);
	f = finding_add(all, FINDING_WARN, "cert", REASON_NONE, "%s in %lld day%s (on %s), and is not renewed",
	    expires == leaf->not_after ? "expires" : "its chain ends", (long long)(left / 86400),
	    left / 86400 == 1 ? "" : "s", until);
	f->who = WHO_THEM;
	finding_so(f, "from then on no stream stands in either direction: SP-CERT-EXPIRED");
	check_fix(f, REASON_CERT_EXPIRED, view->domain);
}

static void tell_trust(struct findings *all, const struct check_view *view, const struct probe_found *p)
{
	const struct cert_verdict *v = &p->verdict;
	struct finding *f;

	if (v->why == REASON_NONE)
		return;
	f = finding_add(all, FINDING_FAIL, "cert", v->why, "%s%s%s%s", reason_row(v->why)->text,
	    v->detail[0] != '\0' ? " (" : "", v->detail, v->detail[0] != '\0' ? ")" : "");
	finding_so(f, "no stream stands in either direction");
	if (reason_row(v->why)->who == WHO_THEM)
		finding_tell(f, v->peer_text);
	check_fix(f, v->why, view->domain);
}

static void tell_row(struct findings *all, const struct probe_found *p)
{
	char title[CONF_PEER_TITLE_MAX];

	if (p->row != NULL)
		(void)finding_add(all, FINDING_NOTE, "policy", REASON_NONE, "%s of our configuration decides here%s%s",
		    conf_peer_title(p->row, title), p->row->note != NULL ? ": " : "",
		    p->row->note != NULL ? p->row->note : "");
}

static void tell_chain(struct findings *all, const struct check_view *view, const struct probe_found *p)
{
	struct cert_facts c, leaf = {.not_after = 0};

	for (size_t i = 0; i < cert_chain_n(p->chain); i++) {
		if (!cert_chain_facts(p->chain, i, &c))
			(void)finding_add(all, FINDING_NOTE, "cert", REASON_NONE, "%zu: cannot be read", i);
		else
			tell_certificate(all, &c, i, view->now);
		if (i == 0)
			leaf = c;
	}
	if (leaf.not_after == 0)
		return;
	(void)finding_add(all, FINDING_OK, "names", REASON_NONE, "%s", leaf.names[0] != '\0' ? leaf.names : "none");
	tell_order(all, p->chain);
	if (leaf.server && !leaf.client && !view->own)
		(void)finding_add(all, FINDING_NOTE, "eku", REASON_NONE,
		    "serverAuth alone: accepted here; not by ejabberd before 25.07, MongooseIM, Metronome");
	if (p->verdict.why == REASON_NONE)
		tell_end(all, view, &leaf, p->verdict.expires);
}

/* --- authentication --- */

static void tell_asked(struct findings *all, const struct probe_found *p)
{
	struct finding *f;

	if (check_dialback_alone(p)) {
		f = finding_add(all, FINDING_FAIL, "sasl", REASON_EXTERNAL_NOT_OFFERED,
		    "their server asks for no certificate, so that it can authenticate nobody by one");
		finding_so(f, "what is left is dialback, which this gateway does not use in public");
		finding_fix(
		    f, "they: SASL EXTERNAL; ejabberd s2s_use_starttls: required, Prosody s2s_secure_auth = true");
	} else if (p->tls.asked && (!p->tls.asked_ecdsa || !p->tls.asked_rsa)) {
		f = finding_add(all, FINDING_WARN, "keys", REASON_NONE, "takes certificates with %s keys only",
		    p->tls.asked_rsa ? "RSA" : "ECDSA");
		f->who = WHO_THEM;
		finding_so(f, "servers that have only %s certificates are cut off", p->tls.asked_rsa ? "ECDSA" : "RSA");
		finding_fix(f, "they: drop the hand-made list of ciphers or signatures (ejabberd s2s_ciphers, Prosody "
		               "ssl.ciphers)");
	}
}

static void tell_refusal(struct findings *all, const struct check_view *view, const struct probe_found *p)
{
	char detail[CHECK_DETAIL_MAX];
	struct finding *f;

	if (p->verdict.why != REASON_NONE || p->why == REASON_POLICY_DENIED || p->why == REASON_NONE ||
	    check_dialback_alone(p))
		return;
	check_detail(p, detail);
	f = finding_add(all, FINDING_FAIL, "sasl", p->why, "%s%s", reason_row(p->why)->text, detail);
	finding_so(f, "%s cannot send to %s", view->from->s, view->domain->s);
	check_fix(f, p->why, view->domain);
}

static void tell_sasl(struct findings *all, const struct check_view *view, const struct probe_found *p)
{
	if (p->authenticated && p->why == REASON_NONE)
		(void)finding_add(all, FINDING_OK, "sasl", REASON_NONE,
		    "EXTERNAL accepted: our certificate for %s is good enough", view->from->s);
	else if (view->from != NULL)
		tell_refusal(all, view, p);
	else if (p->heard)
		(void)finding_add(all, FINDING_NOTE, "sasl", REASON_NONE,
		    "EXTERNAL is %s to us, who show no certificate; --from DOMAIN of ours tells whether it is accepted",
		    p->features.external ? "offered even" : "not offered");
	else
		(void)finding_add(all, FINDING_NOTE, "sasl", REASON_NONE,
		    "what it offers inside TLS is not shown to us, who show no certificate; --from DOMAIN of ours "
		    "tells more");
	if (p->heard && p->features.dialback)
		(void)finding_add(
		    all, FINDING_NOTE, "sasl", REASON_NONE, "dialback is offered, too; this gateway does not use it");
}

/* --- all of an endpoint --- */

static bool same_words(const struct probe_found *x, const struct probe_found *y)
{
	return x->chain != NULL && y->chain != NULL && cert_chain_eq(x->chain, y->chain) && x->why == y->why &&
	       x->authenticated == y->authenticated && x->heard == y->heard && x->tls.asked == y->tls.asked &&
	       x->tls.asked_ecdsa == y->tls.asked_ecdsa && x->tls.asked_rsa == y->tls.asked_rsa &&
	       x->features.external == y->features.external && x->features.dialback == y->features.dialback;
}

/* One that was told of in all its words, and is like this. */
static bool was_told(const struct check_endpoint *e, const struct check_endpoint *first)
{
	for (; first != e; first++) {
		if (first->found != NULL && first->found->secured && same_words(e->found, first->found))
			return true;
	}
	return false;
}

void check_judge_endpoint(struct findings *all, const struct check_view *view, const struct check_endpoint *e,
    const struct check_endpoint *first, bool other_works)
{
	const struct probe_found *p = e->found;

	if (p == NULL || !p->secured) {
		tell_lost(all, view, e, first, other_works);
		return;
	}
	if (was_told(e, first)) {
		tell_tls(all, e, "; the same certificate");
		return;
	}
	tell_tls(all, e, "");
	tell_chain(all, view, p);
	tell_row(all, p);
	tell_trust(all, view, p);
	tell_asked(all, p);
	/* who does not say who asks is told little of what is offered, and of our own server we know it */
	if (view->own)
		return;
	tell_sasl(all, view, p);
	tell_error(all, p);
}

void check_judge_kinds(struct findings *all, const struct check_view *view, bool ecdsa, bool rsa)
{
	(void)view;
	if (ecdsa && rsa)
		(void)finding_add(
		    all, FINDING_OK, "keys", REASON_NONE, "shows an ECDSA certificate or an RSA one, as asked");
	else if (ecdsa || rsa)
		(void)finding_add(all, FINDING_NOTE, "keys", REASON_NONE,
		    "shows an %s certificate only: servers that speak nothing but %s do not connect",
		    ecdsa ? "ECDSA" : "RSA", ecdsa ? "RSA" : "ECDSA");
}
