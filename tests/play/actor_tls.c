/* "tls" and "saw": an actor's handshake, and what it showed of the gateway. */
#include <stdio.h>

#include "stage.h"

/* What is wanted of a handshake. */
struct wanted {
	struct secure_options options;
	bool fails; /* the gateway, or this end, breaks it off */
};

static int alert_number(const struct stage *stage, struct span name)
{
	static const struct {
		const char *name;
		int alert;
	} alerts[] = {
	    {"bad_certificate", SSL_AD_BAD_CERTIFICATE},
	    {"unsupported_certificate", SSL_AD_UNSUPPORTED_CERTIFICATE},
	    {"certificate_expired", SSL_AD_CERTIFICATE_EXPIRED},
	    {"unknown_ca", SSL_AD_UNKNOWN_CA},
	};

	for (size_t i = 0; i < ARRAY_LEN(alerts); i++)
		if (span_eq(span_of(alerts[i].name), name))
			return alerts[i].alert;
	stage_fail(stage, "no such alert: %.*s", SPAN_FMT(name));
}

static const struct cert *find_cert(const struct stage *stage, struct span name)
{
	const struct cert *cert = certs_find(stage->certs, name);

	if (cert == NULL)
		stage_fail(stage, "there is no certificate \"%.*s\"", SPAN_FMT(name));
	return cert;
}

static bool is(struct span a, const char *b)
{
	return span_eq(a, span_of(b));
}

static void take_option(const struct stage *stage, struct wanted *w, struct span word)
{
	struct secure_options *o = &w->options;
	struct span key, value;

	split_option(word, &key, &value);
	if (is(word, "fails"))
		w->fails = true;
	else if (is(key, "cert"))
		o->cert = find_cert(stage, value);
	else if (is(key, "sni"))
		(void)snprintf(o->sni, sizeof(o->sni), "%.*s", SPAN_FMT(value));
	else if (is(key, "alpn"))
		(void)snprintf(o->alpn, sizeof(o->alpn), "%.*s", SPAN_FMT(value));
	else if (is(key, "asks") && is(value, "no"))
		o->asks = false;
	else if (is(key, "refuses"))
		o->refuse = alert_number(stage, value);
	else if (is(key, "max") && is(value, "1.2"))
		o->max_version = TLS1_2_VERSION;
	else if (is(key, "max") && is(value, "1.1"))
		o->max_version = TLS1_1_VERSION;
	else
		stage_fail(stage, "\"tls\" knows no \"%.*s\"", SPAN_FMT(word));
}

/* tls client|server [cert=NAME] [sni=DOMAIN] [alpn=PROTOCOL] [asks=no] [refuses=ALERT] [max=1.2] [fails] */
void actor_tls(struct stage *stage, struct actor *actor, const char *rest)
{
	struct wanted w = {.options = {.asks = true, .refuse = -1}};
	struct span role = next_word(&rest);
	enum secure_state state;
	bool gone;

	if (!is(role, "client") && !is(role, "server"))
		stage_fail(stage, "\"client\" or \"server\" must stand behind \"tls\"");
	w.options.server = is(role, "server");
	while (*rest != '\0')
		take_option(stage, &w, next_word(&rest));
	if (w.options.server && w.options.cert == NULL)
		stage_fail(stage, "a server needs a certificate");
	if (actor->secure != NULL)
		stage_fail(stage, "%s speaks TLS already", actor->name);
	actor->secure = secure_new(&w.options);
	fake_bytes_drop(&actor->header, actor->header.n);
	stage_settle(stage);
	state = secure_state(actor->secure);
	/* The alert may come in part only, before the connection goes. */
	gone = state == SECURE_SHAKING && fake_conn_end(actor->conn) != FAKE_OPEN;
	if (w.fails && (state == SECURE_FAILED || gone))
		return;
	if (w.fails)
		stage_fail(
		    stage, state == SECURE_SHAKING ? "nobody broke the handshake off" : "the handshake succeeded");
	if (state == SECURE_FAILED)
		stage_fail(stage, "the handshake failed: %s", secure_error(actor->secure));
	if (state == SECURE_SHAKING)
		stage_fail(stage, "the handshake stands still");
}

static void check_text(const struct stage *stage, struct span what, struct span wanted, struct span got)
{
	if (is(wanted, "none"))
		wanted = SPAN_NONE;
	if (!span_eq(wanted, got))
		stage_fail(stage, "%.*s is \"%.*s\"", SPAN_FMT(what), SPAN_FMT(got));
}

/* saw [cert=NAME|none] [sni=DOMAIN|none] [alpn=PROTOCOL|none] [version=TLSv1.3] [request=yes|no] */
void actor_saw(struct stage *stage, struct actor *actor, const char *rest)
{
	struct secure_facts facts;

	if (actor->secure == NULL || secure_state(actor->secure) == SECURE_SHAKING)
		stage_fail(stage, "%s has seen no handshake", actor->name);
	secure_facts(actor->secure, &facts);
	while (*rest != '\0') {
		struct span word = next_word(&rest);
		struct span key, value;

		split_option(word, &key, &value);
		if (is(key, "cert") && is(value, "none")) {
			if (facts.certificate)
				stage_fail(stage, "the gateway showed a certificate");
		} else if (is(key, "cert")) {
			if (!secure_shown(actor->secure, find_cert(stage, value)))
				stage_fail(stage, "the gateway showed %s", facts.certificate ? "another" : "none");
		} else if (is(key, "sni")) {
			check_text(stage, key, value, facts.sni);
		} else if (is(key, "alpn")) {
			check_text(stage, key, value, facts.alpn);
		} else if (is(key, "version")) {
			check_text(stage, key, value, facts.version);
		} else if (is(key, "request")) {
			check_text(stage, key, value, facts.asked ? SPAN("yes") : SPAN("no"));
			/* RFC 6120 leaves it open, but some clients withhold their certificate from a list without
			 * their CA. */
			if (facts.authorities > 0)
				stage_fail(stage, "the request names %zu authorities", facts.authorities);
		} else {
			stage_fail(stage, "\"saw\" knows no \"%.*s\"", SPAN_FMT(word));
		}
	}
}
