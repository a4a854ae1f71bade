#include "xmpp_internal.h"

static const struct {
	struct span name;
	enum xml_ns ns;
	enum xmpp_kind kind;
} kinds[] = {
    {SPAN("message"), XML_NS_SERVER, XMPP_MESSAGE},
    {SPAN("presence"), XML_NS_SERVER, XMPP_PRESENCE},
    {SPAN("iq"), XML_NS_SERVER, XMPP_IQ},
    {SPAN("features"), XML_NS_STREAMS, XMPP_FEATURES},
    {SPAN("error"), XML_NS_STREAMS, XMPP_STREAM_ERROR},
    {SPAN("starttls"), XML_NS_TLS, XMPP_STARTTLS},
    {SPAN("proceed"), XML_NS_TLS, XMPP_PROCEED},
    {SPAN("failure"), XML_NS_TLS, XMPP_TLS_FAILURE},
    {SPAN("auth"), XML_NS_SASL, XMPP_AUTH},
    {SPAN("challenge"), XML_NS_SASL, XMPP_CHALLENGE},
    {SPAN("response"), XML_NS_SASL, XMPP_RESPONSE},
    {SPAN("abort"), XML_NS_SASL, XMPP_ABORT},
    {SPAN("success"), XML_NS_SASL, XMPP_SUCCESS},
    {SPAN("failure"), XML_NS_SASL, XMPP_SASL_FAILURE},
    {SPAN("result"), XML_NS_DIALBACK, XMPP_DB_RESULT},
    {SPAN("verify"), XML_NS_DIALBACK, XMPP_DB_VERIFY},
};

enum xmpp_kind xmpp_kind(const struct xml_ev *ev)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].ns != ev->ns || !span_eq(kinds[i].name, ev->name))
			continue;
		/* Servers that compare names as written would take a prefixed stanza for something else, or miss it. */
		if (ev->prefixed && xmpp_is_stanza(kinds[i].kind))
			return XMPP_UNKNOWN;
		return kinds[i].kind;
	}
	return XMPP_UNKNOWN;
}
