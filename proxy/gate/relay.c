#include "sallyport/relay.h"

/* RFC 7622: a JID is at most 3071 bytes; references make it longer at most sixfold, and then it is refused. */
#define JID_MAX 3071u

/* The domainpart of an address attribute.  text: room for one that must be decoded. */
static bool domainpart(const struct xml_attr *a, char text[JID_MAX], struct span *part)
{
	struct span jid = a->value;
	if (jid.p == NULL)
		return false;
	if (a->coded) {
		size_t n;
		if (!xml_decode(jid, true, text, JID_MAX, &n))
			return false;
		jid = (struct span){text, n};
	}
	return jid_domainpart(jid, part);
}

static bool is_domain(const struct xml_attr *a, const struct domain *d)
{
	char text[JID_MAX];
	struct span part;
	if (!domainpart(a, text, &part))
		return false;
	/* nearly always it is spelt as the stream header spelt it */
	if (span_eq(part, domain_span(d)))
		return true;
	struct domain other;
	return domain_parse(&other, part) && domain_eq(&other, d);
}

static enum reason no_dialback(const struct xml_ev *stanza)
{
	return stanza->dialback ? REASON_DIALBACK : REASON_NONE;
}

enum reason relay_judge(const struct xml_ev *stanza, const struct pair *pair)
{
	if (stanza->from.value.p == NULL || stanza->to.value.p == NULL)
		return REASON_STANZA_TO;
	if (!is_domain(&stanza->from, &pair->from))
		return REASON_STANZA_FROM;
	if (!is_domain(&stanza->to, &pair->to))
		return REASON_STANZA_TO;
	return no_dialback(stanza);
}

enum reason relay_pair(const struct xml_ev *stanza, struct pair *pair)
{
	char text[JID_MAX];
	struct span part;
	if (!domainpart(&stanza->from, text, &part) || !domain_parse(&pair->from, part))
		return REASON_STANZA_TO;
	if (!domainpart(&stanza->to, text, &part) || !domain_parse(&pair->to, part))
		return REASON_STANZA_TO;
	return no_dialback(stanza);
}

/* One declaration as it was coded in the header: between its quotes stands only one kind of them. */
static bool put_declaration(struct buf *to, struct span prefix, struct span uri)
{
	struct span quote = memchr(uri.p, '\'', uri.n) != NULL ? SPAN("\"") : SPAN("'");
	return buf_put(to, SPAN(" xmlns:")) && buf_put(to, prefix) && buf_put(to, SPAN("=")) && buf_put(to, quote) &&
	       buf_put(to, uri) && buf_put(to, quote);
}

static size_t declaration_size(struct span prefix, struct span uri)
{
	return sizeof " xmlns:=''" - 1 + prefix.n + uri.n;
}

bool relay_copy(struct buf *to, const struct xml *x, const struct xml_ev *ev)
{
	struct span prefix[XML_HEADER_PREFIXES], uri[XML_HEADER_PREFIXES];
	unsigned n = 0;
	size_t size = ev->bytes.n;
	for (unsigned i = 0; i < XML_HEADER_PREFIXES; i++) {
		if ((ev->prefixes >> i & 1u) == 0)
			continue;
		xml_header_prefix(x, i, &prefix[n], &uri[n]);
		size += declaration_size(prefix[n], uri[n]);
		n++;
	}
	/* the whole stanza or nothing of it (invariant S5) */
	if (!buf_reserve(to, size))
		return false;
	bool ok = buf_put(to, (struct span){ev->bytes.p, ev->insert});
	for (unsigned i = 0; i < n; i++)
		ok = ok && put_declaration(to, prefix[i], uri[i]);
	ok = ok && buf_put(to, (struct span){ev->bytes.p + ev->insert, ev->bytes.n - ev->insert});
	ENSURE(ok);
	return true;
}

bool relay_add(struct relay *r, struct stream *sink, const struct xml *x, const struct xml_ev *ev)
{
	bool together = r->sink == sink && r->run.n > 0 && r->run.p + r->run.n == ev->bytes.p && ev->prefixes == 0;
	if (together) {
		r->run.n += ev->bytes.n;
		return true;
	}
	if (!relay_flush(r))
		return false;
	r->sink = sink;
	if (ev->prefixes == 0) {
		r->run = ev->bytes;
		return true;
	}
	if (!relay_copy(stream_out(sink), x, ev)) {
		stream_fail(sink, REASON_LIMIT_QUEUE, "");
		return false;
	}
	return stream_flush(sink);
}

bool relay_flush(struct relay *r)
{
	struct span run = r->run;
	r->run = SPAN_NONE;
	return run.n == 0 || stream_send(r->sink, run);
}
