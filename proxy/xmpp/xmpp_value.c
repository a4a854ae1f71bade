#include "xmpp_internal.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span xmpp_trim(struct span s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool xmpp_text(char *out, size_t cap, struct span text, bool cdata)
{
	size_t n = 0;
	bool fits = cdata ? text.n < cap : text.n == 0 || xml_decode(text, false, out, cap - 1, &n);

	if (fits && cdata)
		memcpy(out, text.p, n = text.n);
	out[fits ? n : 0] = '\0';
	return fits;
}

bool xmpp_node_text(char *out, size_t cap, const struct xml_node *node)
{
	out[0] = '\0';
	return xmpp_only_text(node) && xmpp_text(out, cap, xmpp_trim(node->text), node->cdata);
}

bool xmpp_value(char *out, size_t cap, struct span raw)
{
	size_t n = 0;
	bool fits = raw.n == 0 || xml_decode(raw, true, out, cap - 1, &n);

	out[fits ? n : 0] = '\0';
	return fits;
}

enum xmpp_address xmpp_address(struct domain *out, const struct xml_attr *attr)
{
	char text[DOMAINPART_MAX + 1];

	*out = (struct domain){.n = 0};
	if (attr->value.n == 0)
		return XMPP_ADDRESS_ABSENT;
	if (!xmpp_value(text, sizeof(text), attr->value) || !domain_parse(out, span_of(text)))
		return XMPP_ADDRESS_BAD;
	return XMPP_ADDRESS_GOOD;
}
