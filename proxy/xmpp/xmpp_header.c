#include "xmpp_internal.h"

#define VERSION_MAX 15

/* Digits at *p, moving it behind them; leading zeros do not count (RFC 6120 section 4.7.5).  False: none. */
static bool version_number(const char **p, bool *positive)
{
	const char *start = *p;

	*positive = false;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		*positive |= **p != '0';
	return *p > start;
}

/* Versions above ours are answered with ours, so every major number from 1 is 1 here. */
static bool version_is_1(const struct xml_attr *attr)
{
	char text[VERSION_MAX + 1];
	const char *p = text;
	bool major, minor;

	if (!xmpp_value(text, sizeof(text), attr->value) || !version_number(&p, &major) || *p++ != '.')
		return false;
	return version_number(&p, &minor) && *p == '\0' && major;
}

void xmpp_header_read(struct xmpp_header *h, const struct xml_ev *ev)
{
	*h = (struct xmpp_header){
	    .namespaces_good =
	        ev->ns == XML_NS_STREAMS && span_eq(ev->name, SPAN("stream")) && ev->content_ns == XML_NS_SERVER,
	    .version_1 = version_is_1(&ev->version),
	};
	h->from_is = xmpp_address(&h->from, &ev->from);
	h->to_is = xmpp_address(&h->to, &ev->to);
	h->id_bad = !xmpp_value(h->id, sizeof(h->id), ev->id.value);
}

bool xmpp_put_header(struct buf *b, const struct domain *from, const struct domain *to, const char *id, bool dialback)
{
	char from_u[DOMAIN_U_MAX], to_u[DOMAIN_U_MAX];

	/* xmlns:stream stands first: old ejabberd and Tigase read the declarations in order. */
	return PUT(b, LIT("<?xml version='1.0'?><stream:stream xmlns:stream='" NS_STREAMS "' xmlns='" NS_SERVER "'"),
	    IF(dialback, LIT(" xmlns:db='" NS_DIALBACK "'")), IF(from != NULL, LIT(" from='")),
	    IF(from != NULL, TEXT(domain_to_unicode(from, from_u))), IF(from != NULL, LIT("'")),
	    IF(to != NULL, LIT(" to='")), IF(to != NULL, TEXT(domain_to_unicode(to, to_u))), IF(to != NULL, LIT("'")),
	    IF(id != NULL, LIT(" id='")), TEXT(span_of(id)), IF(id != NULL, LIT("'")), LIT(" version='1.0'>"));
}

bool xmpp_put_end(struct buf *b)
{
	return PUT(b, LIT("</stream:stream>"));
}
