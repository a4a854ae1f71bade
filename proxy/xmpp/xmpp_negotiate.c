#include "xmpp_internal.h"

#include <openssl/base64.h>

/* Base64 of the longest domainpart: four characters for three bytes. */
#define BASE64_MAX (DOMAINPART_MAX / 3 * 4)
#define MECHANISM_MAX 20 /* RFC 4422 section 3.1 */

static bool mechanisms_have_external(const struct xml_tree *t, const struct xml_node *mechanisms)
{
	char name[MECHANISM_MAX + 1];

	for (const struct xml_node *m = xmpp_first(t, mechanisms); m != NULL; m = xmpp_next(t, m)) {
		if (span_eq(m->name, SPAN("mechanism")) && span_eq(m->ns, SPAN(NS_SASL)) &&
		    xmpp_node_text(name, sizeof(name), m) && strcmp(name, "EXTERNAL") == 0)
			return true;
	}
	return false;
}

bool xmpp_features_read(struct xmpp_features *f, const struct xml *x, const struct xml_ev *ev)
{
	struct xml_tree t;
	const struct xml_node *root = &t.node[0], *tls, *sasl, *dialback;

	*f = (struct xmpp_features){0};
	if (!xml_tree_parse(&t, x, ev))
		return false;
	tls = xml_tree_child(&t, root, "starttls", NS_TLS);
	sasl = xml_tree_child(&t, root, "mechanisms", NS_SASL);
	dialback = xml_tree_child(&t, root, "dialback", NS_DIALBACK_FEATURE);
	f->starttls = tls != NULL;
	f->starttls_required = tls != NULL && xml_tree_child(&t, tls, "required", NS_TLS) != NULL;
	f->mechanisms = sasl != NULL;
	f->external = sasl != NULL && mechanisms_have_external(&t, sasl);
	f->dialback = dialback != NULL;
	f->bidi = xml_tree_child(&t, root, "bidi", NS_BIDI_FEATURE) != NULL;
	f->acks = xml_tree_child(&t, root, "sm", NS_ACKS) != NULL;
	f->dialback_errors = dialback != NULL && xml_tree_child(&t, dialback, "errors", NS_DIALBACK_FEATURE) != NULL;
	return true;
}

bool xmpp_put_features(struct buf *b, unsigned offers)
{
	if (offers == 0)
		return PUT(b, LIT("<stream:features/>"));
	return PUT(b, LIT("<stream:features>"),
	    IF(offers & XMPP_OFFER_STARTTLS_REQUIRED, LIT("<starttls xmlns='" NS_TLS "'><required/></starttls>")),
	    IF((offers & (XMPP_OFFER_STARTTLS | XMPP_OFFER_STARTTLS_REQUIRED)) == XMPP_OFFER_STARTTLS,
	        LIT("<starttls xmlns='" NS_TLS "'/>")),
	    IF(offers & XMPP_OFFER_EXTERNAL,
	        LIT("<mechanisms xmlns='" NS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>")),
	    IF(offers & XMPP_OFFER_DIALBACK, LIT("<dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>")),
	    LIT("</stream:features>"));
}

bool xmpp_put_starttls(struct buf *b)
{
	return PUT(b, LIT("<starttls xmlns='" NS_TLS "'/>"));
}

bool xmpp_put_proceed(struct buf *b)
{
	return PUT(b, LIT("<proceed xmlns='" NS_TLS "'/>"));
}

bool xmpp_put_auth_external(struct buf *b, const struct domain *authzid)
{
	char text[DOMAIN_U_MAX];
	uint8_t base64[(DOMAIN_U_MAX + 2) / 3 * 4 + 1];
	struct span domain = domain_to_unicode(authzid, text);
	size_t n = EVP_EncodeBlock(base64, (const uint8_t *)domain.p, domain.n);

	return PUT(b, LIT("<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>"),
	    RAW(((struct span){(const char *)base64, n})), LIT("</auth>"));
}

bool xmpp_put_success(struct buf *b)
{
	return PUT(b, LIT("<success xmlns='" NS_SASL "'/>"));
}

bool xmpp_put_sasl_failure(struct buf *b, const char *condition, const char *text)
{
	bool has_text = text != NULL && text[0] != '\0';

	return PUT(b, LIT("<failure xmlns='" NS_SASL "'><"), RAW(span_of(condition)), LIT("/>"),
	    IF(has_text, LIT("<text xml:lang='en'>")), TEXT(span_of(text)), IF(has_text, LIT("</text>")),
	    LIT("</failure>"));
}

/* RFC 6120 section 13.9.1 wants every character outside of the alphabet and every misplaced '=' refused.  What encodes
 * to the very same text again has neither, nor stray bits behind its end. */
static bool base64_decode(uint8_t out[static BASE64_MAX], size_t *n, const char *text)
{
	uint8_t again[BASE64_MAX + 1];
	size_t len = strlen(text);

	if (!EVP_DecodeBase64(out, n, BASE64_MAX, (const uint8_t *)text, len))
		return false;
	return EVP_EncodeBlock(again, out, *n) == len && memcmp(again, text, len) == 0;
}

/* What an initial response says about the authorization identity; no white space is forgiven. */
static enum xmpp_auth response_read(const struct xml_node *auth, const struct domain *from)
{
	char text[BASE64_MAX + 1];
	uint8_t authzid[BASE64_MAX];
	struct domain domain;
	size_t n;

	if (auth->text.n == 0)
		return XMPP_AUTH_MALFORMED;
	if (!xmpp_only_text(auth))
		return XMPP_AUTH_ENCODING;
	if (!xmpp_text(text, sizeof(text), auth->text, auth->cdata))
		return XMPP_AUTH_AUTHZID; /* longer than any domain */
	if (strcmp(text, "=") == 0)
		return XMPP_AUTH_GOOD;
	if (!base64_decode(authzid, &n, text))
		return XMPP_AUTH_ENCODING;
	if (!domain_parse(&domain, (struct span){(const char *)authzid, n}) || !domain_eq(&domain, from))
		return XMPP_AUTH_AUTHZID;
	return XMPP_AUTH_GOOD;
}

enum xmpp_auth xmpp_auth_read(const struct xml *x, const struct xml_ev *ev, const struct domain *from)
{
	struct xml_tree t;
	const struct xml_tree_attr *mechanism;
	char name[MECHANISM_MAX + 1];

	if (!xml_tree_parse(&t, x, ev))
		return XMPP_AUTH_MALFORMED;
	mechanism = xml_tree_attr(&t, &t.node[0], "mechanism");
	if (mechanism == NULL || !xmpp_value(name, sizeof(name), mechanism->value) || strcmp(name, "EXTERNAL") != 0)
		return XMPP_AUTH_MECHANISM;
	return response_read(&t.node[0], from);
}
