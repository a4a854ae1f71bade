#include "xmpp_internal.h"

/* The longest JID (RFC 7622 section 3.1), and more than any id needs. */
#define BOUNCE_VALUE_MAX 3071
/* Types and nothing longer are told apart. */
#define TYPE_MAX 15

/* At most max raw bytes, ending neither inside a character nor inside a reference.  Decoded text is never longer. */
static struct span cut(struct span raw, size_t max)
{
	const char *amp;

	if (raw.n <= max)
		return raw;
	raw.n = max;
	while (raw.n > 0 && ((uint8_t)raw.p[raw.n] & 0xC0) == 0x80)
		raw.n--;
	amp = memrchr(raw.p, '&', raw.n);
	if (amp != NULL && memchr(amp, ';', (size_t)(raw.p + raw.n - amp)) == NULL)
		raw.n = (size_t)(amp - raw.p);
	return raw;
}

/* Conditions go on into logs and errors of ours as names: nothing but what RFC 6120's are made of. */
static void condition_copy(char *out, size_t cap, struct span name)
{
	out[0] = '\0';
	if (name.n >= cap)
		return;
	for (size_t i = 0; i < name.n; i++) {
		if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && name.p[i] != '-')
			return;
	}
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
}

void xmpp_error_from(struct xmpp_error *e, const struct xml_tree *t, const struct xml_node *node, const char *ns)
{
	*e = (struct xmpp_error){0};
	for (const struct xml_node *c = xmpp_first(t, node); c != NULL; c = xmpp_next(t, c)) {
		if (!span_eq(c->ns, span_of(ns)))
			continue;
		if (span_eq(c->name, SPAN("text"))) {
			if (!xmpp_text(e->text, sizeof(e->text), cut(xmpp_trim(c->text), XMPP_TEXT_MAX), c->cdata))
				e->text[0] = '\0';
		} else if (e->condition[0] == '\0') {
			condition_copy(e->condition, sizeof(e->condition), c->name);
		}
	}
}

void xmpp_error_child(struct xmpp_error *e, const struct xml_tree *t)
{
	for (const struct xml_node *c = xmpp_first(t, &t->node[0]); c != NULL; c = xmpp_next(t, c)) {
		if (span_eq(c->name, SPAN("error"))) {
			xmpp_error_from(e, t, c, NS_STANZA_ERRORS);
			return;
		}
	}
}

void xmpp_error_read(struct xmpp_error *e, const struct xml *x, const struct xml_ev *ev)
{
	struct xml_tree t;

	*e = (struct xmpp_error){0};
	if (!xml_tree_parse(&t, x, ev))
		return;
	if (xmpp_is_stanza(xmpp_kind(ev)))
		xmpp_error_child(e, &t);
	else
		xmpp_error_from(e, &t, &t.node[0], ev->ns == XML_NS_SASL ? NS_SASL : NS_STREAM_ERRORS);
}

bool xmpp_put_stream_error(struct buf *b, const char *condition, const char *text)
{
	bool has_text = text != NULL && text[0] != '\0';

	return PUT(b, LIT("<stream:error><"), RAW(span_of(condition)), LIT(" xmlns='" NS_STREAM_ERRORS "'/>"),
	    IF(has_text, LIT("<text xmlns='" NS_STREAM_ERRORS "' xml:lang='en'>")), TEXT(span_of(text)),
	    IF(has_text, LIT("</text>")), LIT("</stream:error>"));
}

/* RFC 6120 section 8.3.3; of two types that it allows, the first. */
static const char *error_type(const char *condition)
{
	static const struct {
		const char *condition, *type;
	} types[] = {
	    {"bad-request", "modify"},
	    {"forbidden", "auth"},
	    {"jid-malformed", "modify"},
	    {"not-acceptable", "modify"},
	    {"not-authorized", "auth"},
	    {"policy-violation", "modify"},
	    {"recipient-unavailable", "wait"},
	    {"redirect", "modify"},
	    {"registration-required", "auth"},
	    {"remote-server-timeout", "wait"},
	    {"resource-constraint", "wait"},
	    {"subscription-required", "auth"},
	    {"unexpected-request", "wait"},
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].condition, condition) == 0)
			return types[i].type;
	}
	return "cancel";
}

/* Whether a type is one of a list; the list ends in NULL. */
static bool type_in(const char *type, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(type, *list) == 0)
			return true;
	}
	return false;
}

/* An answer to an answer could go round for ever, and nobody waits for one to "unavailable". */
static bool wants_answer(enum xmpp_kind kind, const struct xml_attr *attr)
{
	static const char *const iq[] = {"get", "set", NULL};
	/* Untyped: a room being joined. */
	static const char *const presence[] = {
	    "", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", NULL};
	char type[TYPE_MAX + 1];

	if (!xmpp_value(type, sizeof(type), attr->value))
		return kind == XMPP_MESSAGE;
	if (kind == XMPP_IQ)
		return type_in(type, iq);
	if (kind == XMPP_PRESENCE)
		return type_in(type, presence);
	return kind == XMPP_MESSAGE && strcmp(type, "error") != 0;
}

bool xmpp_put_bounce(struct buf *b, const struct xml_ev *stanza, const char *condition, const char *text)
{
	bool has_text = text != NULL && text[0] != '\0', has_id = stanza->id.value.p != NULL;
	struct span from = stanza->from.value, to = stanza->to.value, id = stanza->id.value;

	if (!wants_answer(xmpp_kind(stanza), &stanza->type) || from.n == 0 || to.n == 0)
		return true;
	if (from.n > BOUNCE_VALUE_MAX || to.n > BOUNCE_VALUE_MAX || id.n > BOUNCE_VALUE_MAX)
		return true;
	return PUT(b, LIT("<"), RAW(stanza->name), IF(has_id, LIT(" id='")), CODED(id), IF(has_id, LIT("'")),
	    LIT(" from='"), CODED(to), LIT("' to='"), CODED(from), LIT("' type='error'><error type='"),
	    RAW(span_of(error_type(condition))), LIT("'><"), RAW(span_of(condition)),
	    LIT(" xmlns='" NS_STANZA_ERRORS "'/>"),
	    IF(has_text, LIT("<text xmlns='" NS_STANZA_ERRORS "' xml:lang='en'>")), TEXT(span_of(text)),
	    IF(has_text, LIT("</text>")), LIT("</error></"), RAW(stanza->name), LIT(">"));
}
