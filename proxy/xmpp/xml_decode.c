/* Raw bytes to what a parser would hand out: references, line ends, white space in attributes. */
#include "xml_internal.h"

struct decoded {
	char bytes[4];
	unsigned n;
};

static void put_char(struct decoded *d, uint32_t cp)
{
	d->n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	if (d->n == 1) {
		d->bytes[0] = (char)cp;
		return;
	}
	for (unsigned i = d->n - 1; i > 0; i--, cp >>= 6)
		d->bytes[i] = (char)(0x80 | (cp & 0x3f));
	d->bytes[0] = (char)((0xf00u >> d->n & 0xff) | cp);
}

/* Takes the next character (or byte of one) from raw, which is not empty. */
static bool take(struct span *raw, bool attribute, struct decoded *d)
{
	size_t n = 1;
	char b = raw->p[0];

	d->n = 1;
	if (b == '&') {
		const char *semicolon = memchr(raw->p, ';', raw->n);
		uint32_t cp = 0;

		if (semicolon != NULL)
			cp = xml_ref_char((struct span){raw->p + 1, (size_t)(semicolon - raw->p - 1)});
		if (cp == 0)
			return false;
		put_char(d, cp);
		n = (size_t)(semicolon - raw->p) + 1;
	} else if (b == '\r') {
		n += raw->n > 1 && raw->p[1] == '\n';
		d->bytes[0] = attribute ? ' ' : '\n';
	} else {
		d->bytes[0] = attribute && (b == '\n' || b == '\t') ? ' ' : b;
	}
	raw->p += n;
	raw->n -= n;
	return true;
}

bool xml_decode(struct span raw, bool attribute, char *out, size_t cap, size_t *n)
{
	size_t used = 0;

	while (raw.n > 0) {
		struct decoded d;

		if (!take(&raw, attribute, &d) || d.n > cap - used)
			return false;
		memcpy(out + used, d.bytes, d.n);
		used += d.n;
	}
	*n = used;
	return true;
}

/* One decoded byte at a time; -1: the end (or no reference where one should be). */
struct reader {
	struct span raw;
	struct decoded d;
	unsigned at;
};

static int read_byte(struct reader *r)
{
	if (r->at == r->d.n) {
		r->at = 0;
		if (r->raw.n == 0 || !take(&r->raw, true, &r->d)) {
			r->d.n = 0;
			return -1;
		}
	}
	return (unsigned char)r->d.bytes[r->at++];
}

bool xml_same_value(struct span a, struct span b)
{
	struct reader x = {.raw = a}, y = {.raw = b};
	int c;

	if (span_eq(a, b))
		return true;
	do {
		c = read_byte(&x);
		if (c != read_byte(&y))
			return false;
	} while (c >= 0);
	return true;
}

enum xml_ns xml_classify(struct span uri, bool coded, bool *reserved, bool *is_xml)
{
	static const struct {
		struct span uri;
		enum xml_ns ns;
	} known[] = {
	    {SPAN(""), XML_NS_NONE},
	    {SPAN("jabber:server"), XML_NS_SERVER},
	    {SPAN("jabber:server:dialback"), XML_NS_DIALBACK},
	    {SPAN("http://www.w3.org/2000/xmlns/"), XML_NS_OTHER},
	    {SPAN("urn:ietf:params:xml:ns:xmpp-tls"), XML_NS_TLS},
	    {SPAN("urn:ietf:params:xml:ns:xmpp-sasl"), XML_NS_SASL},
	    {SPAN("http://etherx.jabber.org/streams"), XML_NS_STREAMS},
	    {SPAN("http://www.w3.org/XML/1998/namespace"), XML_NS_OTHER},
	};
	char plain[64]; /* longer than every one that is known */

	*is_xml = *reserved = false;
	if (!coded && !xml_may_be_known(uri.n))
		return XML_NS_OTHER;
	if (coded) {
		if (!xml_decode(uri, true, plain, sizeof(plain), &uri.n))
			return XML_NS_OTHER;
		uri.p = plain;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (uri.n == known[i].uri.n && memcmp(uri.p, known[i].uri.p, uri.n) == 0) {
			*is_xml = i == ARRAY_LEN(known) - 1;
			*reserved = known[i].ns == XML_NS_OTHER;
			return known[i].ns;
		}
	}
	return XML_NS_OTHER;
}
