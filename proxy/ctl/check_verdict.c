/* Verdicts, classes and remedies. */
#include "check_judge.h"

static const struct {
	const char *name, *text;
} classes[] = {
    [CLASS_COMPLIANT] = {"compliant", "compliant: TLS with a trusted certificate, and authentication by certificate"},
    [CLASS_UNTRUSTED] = {"untrusted certificate", "untrusted certificate: anybody in between can read along"},
    [CLASS_DIALBACK_ONLY] = {"dialback only", "dialback only: whoever controls DNS or the path can pass for others"},
    [CLASS_ONE_KIND] = {"RSA or ECC only", "RSA or ECC only: servers with the other kind of certificate are cut off"},
    [CLASS_NO_TLS] = {"no TLS", "no TLS: it is not offered, or does not come about"},
    [CLASS_UNKNOWN] = {"not known", "not known: the server could not be tested"},
};

const char *check_class_text(enum check_class class)
{
	return classes[class].text;
}

const char *check_class_name(enum check_class class)
{
	return classes[class].name;
}

bool check_reason_is_silence(enum reason why)
{
	switch ((int)why) {
	case REASON_DNS_NO_NAME:
	case REASON_DNS_NO_SERVICE:
	case REASON_DNS_FAILED:
	case REASON_ADDRESS:
	case REASON_CONNECT_REFUSED:
	case REASON_CONNECT_TIMEOUT:
	case REASON_CONNECT_FAILED:
	case REASON_PEER_LOST:
	case REASON_TIMEOUT:
	case REASON_TLS_TIMEOUT:
	case REASON_NO_MEMORY:
		return true;
	default:
		return false;
	}
}

enum reason check_endpoint_why(const struct check_view *view, const struct check_endpoint *e)
{
	const struct probe_found *p = e->found;

	if (view->denied)
		return REASON_POLICY_DENIED;
	if (p == NULL)
		return e->why;
	if (p->verdict.why != REASON_NONE)
		return p->verdict.why;
	if (!p->secured)
		return p->why;
	if (view->from != NULL || p->why == REASON_PEER_HOST_UNKNOWN)
		return p->why;
	/* who does not say who asks is told little by some servers: that is no fault of theirs */
	return check_dialback_alone(p) ? REASON_EXTERNAL_NOT_OFFERED : REASON_NONE;
}

bool check_dialback_alone(const struct probe_found *p)
{
	return p->heard && !p->tls.asked && !p->features.external;
}

/* The one that says most: as the gateway would end, having tried them all (stream_close.c, dial.c). */
static enum reason out_of(const struct check_view *view, const struct check_endpoint *e, size_t n)
{
	enum reason silent = REASON_NONE, first = REASON_NONE;

	for (size_t i = 0; i < n; i++) {
		enum reason why = check_endpoint_why(view, &e[i]);

		if (why == REASON_NONE)
			return REASON_NONE;
		if (e[i].found == NULL && !view->denied)
			silent = dial_telling(silent, why);
		else if (first == REASON_NONE || i == n - 1)
			first = why;
	}
	return first != REASON_NONE ? first : silent;
}

static const struct probe_found *best_of(const struct check_view *view, const struct check_endpoint *e, size_t n)
{
	const struct probe_found *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (e[i].found == NULL || !e[i].found->secured)
			continue;
		if (check_endpoint_why(view, &e[i]) == REASON_NONE)
			return e[i].found;
		if (best == NULL || (best->verdict.why != REASON_NONE && e[i].found->verdict.why == REASON_NONE))
			best = e[i].found;
	}
	return best;
}

static enum check_class class_of(const struct check_view *view, const struct probe_found *p)
{
	if (p->verdict.why != REASON_NONE)
		return CLASS_UNTRUSTED;
	if (!p->heard && (!p->tls.asked || p->why == REASON_PEER_HOST_UNKNOWN))
		return CLASS_UNKNOWN;
	if (check_dialback_alone(p) ||
	    (view->from != NULL && p->heard && !p->features.external && p->features.dialback))
		return CLASS_DIALBACK_ONLY;
	if (p->tls.asked && (!p->tls.asked_ecdsa || !p->tls.asked_rsa))
		return CLASS_ONE_KIND;
	return CLASS_COMPLIANT;
}

/* With a server with which TLS stood nowhere. */
static enum check_class class_without_tls(const struct check_view *view, const struct check_endpoint *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct probe_found *p = e[i].found;
		bool shy = p != NULL && p->tls.asked && view->from == NULL;

		if (p != NULL && !shy &&
		    (p->why == REASON_TLS_NOT_OFFERED || p->why == REASON_TLS_FAILED || p->why == REASON_TLS_REFUSED))
			return CLASS_NO_TLS;
	}
	return CLASS_UNKNOWN;
}

struct check_verdict check_verdict_of(
    const struct check_view *view, const struct check_endpoint *e, size_t n, enum reason zone_why)
{
	const struct probe_found *best = best_of(view, e, n);
	struct check_verdict v = {.out = n > 0 ? out_of(view, e, n) : zone_why, .class = CLASS_UNKNOWN};

	if (view->denied)
		v.out = v.in = REASON_POLICY_DENIED;
	v.out_known = view->from != NULL || v.out != REASON_NONE;
	v.in_known = best != NULL || view->denied;
	if (best != NULL && !view->denied)
		v.in = best->verdict.why;
	v.class = best != NULL ? class_of(view, best) : class_without_tls(view, e, n);
	return v;
}

/* Who must act was said where the cause was. */
static void tell_way(struct findings *all, const char *way, enum reason why, const char *text)
{
	finding_add(all, why != REASON_NONE ? FINDING_FAIL : FINDING_OK, way, why, "%s", text)->who = WHO_NOBODY;
}

static void judge_theirs(struct findings *all, const struct check_view *view, const struct check_verdict *v)
{
	const char *theirs = view->domain->s, *ours = view->from != NULL ? view->from->s : "us";
	const char *condition = v->in == REASON_POLICY_DENIED ? "" : ", if it shows the same certificate";
	char text[3 * DOMAIN_MAX];

	if (v->out_known)
		(void)snprintf(text, sizeof(text), "a stream from %s to %s %s", ours, theirs,
		    v->out != REASON_NONE ? "would not stand" : "stands");
	else
		(void)snprintf(text, sizeof(text),
		    "nothing of ours is against a stream to %s; what it says to our certificate is "
		    "not known",
		    theirs);
	tell_way(all, "out", v->out, text);
	if (!v->in_known) {
		(void)finding_add(all, FINDING_NOTE, "in", REASON_NONE,
		    "whether a stream from %s would be let in is not known: no certificate of theirs was seen", theirs);
		return;
	}
	(void)snprintf(text, sizeof(text), "a stream from %s would be %s%s", theirs,
	    v->in != REASON_NONE ? "refused" : "let in", condition);
	tell_way(all, "in", v->in, text);
}

static void judge_ours(struct findings *all, const struct check_view *view, const struct check_verdict *v)
{
	char text[2 * DOMAIN_MAX];

	(void)snprintf(text, sizeof(text), "servers that keep the manifesto %s send to %s",
	    v->out != REASON_NONE ? "cannot" : "can", view->domain->s);
	tell_way(all, "in", v->out, text);
	if (!v->in_known)
		return;
	(void)snprintf(text, sizeof(text), "they %s what %s sends with this certificate",
	    v->in != REASON_NONE ? "refuse" : "take", view->domain->s);
	tell_way(all, "out", v->in, text);
}

void check_judge_verdict(struct findings *all, const struct check_view *view, const struct check_verdict *v)
{
	if (view->own)
		judge_ours(all, view, v);
	else
		judge_theirs(all, view, v);
}

static const char *awaited(enum fsm_state state)
{
	switch ((int)state) {
	case STATE_HEADER:
	case STATE_SECURE_HEADER:
	case STATE_AUTH_HEADER:
		return "its stream header";
	case STATE_PROCEED:
		return "its leave to start TLS";
	case STATE_HANDSHAKE:
		return "its part of the handshake";
	case STATE_SASL:
		return "its answer to EXTERNAL";
	case STATE_OPEN:
		return "a sign that it has the ping";
	default:
		return "its features";
	}
}

void check_detail(const struct probe_found *p, char out[static CHECK_DETAIL_MAX])
{
	if (p->why == REASON_TIMEOUT || p->why == REASON_TLS_TIMEOUT)
		(void)snprintf(out, CHECK_DETAIL_MAX, ": we waited in vain for %s", awaited(p->at));
	else if (p->detail[0] == '\0' ||
	         p->detail[0] == '<') /* an element, and a state of ours: nothing for operators */
		out[0] = '\0';
	else
		(void)snprintf(out, CHECK_DETAIL_MAX, ": %s", p->detail);
}

/* The command or setting itself; "": the table says all there is. */
static void remedy(char *out, size_t out_n, enum reason why, const char *domain)
{
	out[0] = '\0';
	switch ((int)why) {
	case REASON_CERT_SELF_SIGNED:
	case REASON_CERT_UNKNOWN_CA:
	case REASON_CERT_PURPOSE:
	case REASON_CERT_NONE:
		(void)snprintf(
		    out, out_n, ": certbot certonly -d %s, and fullchain.pem in the server's configuration", domain);
		break;
	case REASON_CERT_EXPIRED:
		(void)snprintf(out, out_n, ": certbot renew --cert-name %s", domain);
		break;
	case REASON_CERT_NAME:
		(void)snprintf(out, out_n, ": certbot certonly --expand -d %s", domain);
		break;
	case REASON_CERT_WEAK:
		(void)snprintf(out, out_n, ": certbot renew --cert-name %s --key-type ecdsa --force-renewal", domain);
		break;
	case REASON_CERT_REVOKED:
		(void)snprintf(out, out_n, ": certbot renew --cert-name %s --force-renewal", domain);
		break;
	case REASON_CERT_INCOMPLETE:
		(void)snprintf(out, out_n, " (ejabberd certfiles, Prosody certificate, jabberd2 pemfile)");
		break;
	case REASON_TLS_NOT_OFFERED:
		(void)snprintf(out, out_n,
		    ": ejabberd s2s_use_starttls: required; Prosody module \"tls\" and a certificate; "
		    "jabberd2 pemfile in s2s.xml");
		break;
	default:
		break;
	}
}

void check_fix(struct finding *f, enum reason why, const struct domain *domain)
{
	const char *fix = reason_row(why)->fix;
	char more[400];

	/* the table speaks of fields of the log here */
	if (why == REASON_TLS_FAILED) {
		finding_fix(
		    f, "they: key and certificate that belong together, TLS 1.2 or 1.3, no hand-made list of ciphers");
	} else if (why == REASON_TLS_REFUSED) {
		finding_fix(f,
		    "they: look into their log; often there is no common version or kind of key, or they refuse our "
		    "certificate (older servers want EKU clientAuth)");
	} else if (why == REASON_PEER_ERROR) {
		finding_fix(f, "see what their server says; they: look into its log");
	} else if (why == REASON_EXTERNAL_REFUSED) {
		finding_fix(f, "check that our certificate names our domain; see what their server says");
	} else if (why == REASON_TIMEOUT) {
		finding_fix(f, "they: check the server's load, and what it is that listens there");
	} else {
		remedy(more, sizeof(more), why, domain->s);
		/* the table speaks of peers; this may be about a certificate of our own */
		if (f->who == WHO_US && strncmp(fix, "they: ", 6) == 0)
			fix += 6;
		finding_fix(f, "%s%s", fix, more);
	}
}
