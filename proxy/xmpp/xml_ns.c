/* Namespaces in XML 1.0: what a start tag declares, and what its names mean. */
#include "xml_internal.h"

#include <stdlib.h>

/* What a prefix is bound to. */
struct meaning {
	enum xml_ns ns;
	struct span uri;
};

static struct span prefix_of(const struct xml_cursor *c, const struct xml_qname *q)
{
	return (struct span){c->in + q->at, q->prefix_n};
}

static struct span local_of(const struct xml_cursor *c, const struct xml_qname *q)
{
	size_t skip = q->prefix_n != 0 ? (size_t)q->prefix_n + 1 : 0;

	return (struct span){c->in + q->at + skip, q->n - skip};
}

static bool is_declaration(const struct xml_cursor *c, const struct xml_qname *q)
{
	return q->prefix_n == 5 && memcmp(c->in + q->at, "xmlns", 5) == 0;
}

/* What the name's prefix is bound to.  False: nothing. */
static bool resolve(struct xml_cursor *c, const struct xml_qname *q, struct meaning *m)
{
	struct xml *x = c->x;
	struct span prefix = prefix_of(c, q);
	uint64_t key = xml_key(prefix.p, prefix.n, c->end);

	if (key == XML_KEY_XML && prefix.n == 3) {
		*m = (struct meaning){XML_NS_OTHER, SPAN("http://www.w3.org/XML/1998/namespace")};
		return true;
	}
	for (unsigned i = x->bound; i-- > 0;) {
		const struct xml_binding *b = &x->binding[i];

		if (b->key == key && span_eq(prefix, (struct span){c->in + b->prefix, b->prefix_n})) {
			*m = (struct meaning){b->ns, xml_raw_span(c->in, b->uri)};
			return true;
		}
	}
	for (unsigned i = 0; x->header != NULL && i < x->header->bindings; i++) {
		const struct xml_header_binding *b = &x->header->binding[i];

		if (b->key == key && span_eq(prefix, b->prefix)) {
			x->top.prefixes |= UINT32_C(1) << i;
			*m = (struct meaning){b->ns, b->uri};
			return true;
		}
	}
	return false;
}

static enum xml_tok default_ns(struct xml_cursor *c, const struct xml_tag_attr *a, enum xml_ns *ns)
{
	bool reserved, is_xml;

	*ns = xml_classify(xml_raw_span(c->in, a->value), a->value.coded, &reserved, &is_xml);
	return reserved ? xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + a->name.at) : XML_TOK_OK;
}

/* Twice as much room for bindings. */
static bool bind_more(struct xml *x)
{
	unsigned n = x->bindings == 0 ? 8 : x->bindings * 2;
	struct xml_binding *more = realloc(x->binding, n * sizeof(*more));

	if (more == NULL)
		return false;
	x->binding = more;
	x->bindings = n;
	return true;
}

bool xml_deepen(struct xml *x)
{
	unsigned n = x->deepest == 0 ? 8 : x->deepest * 2;
	struct xml_frame *more;

	if (n > x->limits.depth)
		n = x->limits.depth;
	more = realloc(x->frame, (n + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	x->frame = more;
	x->deepest = n;
	return true;
}

static enum xml_tok bind_prefix(struct xml_cursor *c, const struct xml_tag_attr *a)
{
	struct xml *x = c->x;
	struct span prefix = local_of(c, &a->name);
	bool reserved, is_xml;
	enum xml_ns ns = xml_classify(xml_raw_span(c->in, a->value), a->value.coded, &reserved, &is_xml);

	if (span_eq(prefix, SPAN("xml")))
		return is_xml ? XML_TOK_OK : xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + a->name.at);
	if (reserved || a->value.n == 0 || span_eq(prefix, SPAN("xmlns")))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + a->name.at);
	if (x->bound == XML_SCOPE_PREFIXES)
		return xml_bad(c, XML_ERR_TOO_MANY_NAMESPACES, c->in + a->name.at);
	if (x->bound == x->bindings && !bind_more(x))
		return xml_bad(c, XML_ERR_NO_MEMORY, c->in + a->name.at);
	x->binding[x->bound++] = (struct xml_binding){
	    .key = xml_key(prefix.p, prefix.n, c->end),
	    .prefix = (uint32_t)(prefix.p - c->in),
	    .prefix_n = (uint32_t)prefix.n,
	    .uri = a->value,
	    .ns = ns,
	};
	return XML_TOK_OK;
}

/* Is attribute i, whose prefix means m, the same by its expanded name as one before it? */
static bool is_same_expanded(struct xml_cursor *c, const struct xml_tag *t, unsigned i, const struct meaning *m)
{
	struct span local = local_of(c, &t->attr[i].name);

	for (unsigned k = 0; k < i; k++) {
		const struct xml_qname *q = &t->attr[k].name;
		struct meaning other;

		if (q->prefix_n == 0 || is_declaration(c, q) || !span_eq(local, local_of(c, q)))
			continue;
		if (resolve(c, q, &other) && xml_same_value(m->uri, other.uri))
			return true;
	}
	return false;
}

static enum xml_tok resolve_attrs(struct xml_cursor *c, const struct xml_tag *t)
{
	for (unsigned i = 0; i < t->attrs; i++) {
		const struct xml_qname *q = &t->attr[i].name;
		struct meaning m;

		if (q->prefix_n == 0 || is_declaration(c, q))
			continue;
		if (!resolve(c, q, &m))
			return xml_bad(c, XML_ERR_NAMESPACE_PREFIX, c->in + q->at);
		if (m.ns == XML_NS_DIALBACK)
			c->x->top.dialback = true;
		if (t->prefixed > 1 && is_same_expanded(c, t, i, &m))
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + q->at);
	}
	return XML_TOK_OK;
}

static enum xml_tok declare(struct xml_cursor *c, const struct xml_tag *t, enum xml_ns *content_ns)
{
	enum xml_tok tok = XML_TOK_OK;

	if (t->xmlns != NULL)
		tok = default_ns(c, t->xmlns, content_ns);
	for (unsigned i = 0; tok == XML_TOK_OK && t->prefixed > 0 && i < t->attrs; i++) {
		if (is_declaration(c, &t->attr[i].name))
			tok = bind_prefix(c, &t->attr[i]);
	}
	return tok;
}

/* Which of an element's attributes an event tells of; XML_TOP_ATTRS: none.  A name has no NUL, so that a key of less
 * than eight bytes says it all. */
static enum xml_top_attr known_attr(uint64_t key, size_t n)
{
	switch (key) {
	case XML_KEY_FROM:
		return XML_FROM;
	case XML_KEY_TO:
		return XML_TO;
	case XML_KEY_ID:
		return XML_ID;
	case XML_KEY_TYPE:
		return XML_TYPE;
	case XML_KEY_VERSION:
		return XML_VERSION;
	case XML_KEY_LANG:
		return n == 8 ? XML_LANG : XML_TOP_ATTRS;
	default:
		return XML_TOP_ATTRS;
	}
}

void xml_note_top(struct xml_cursor *c, const struct xml_tag *t, enum xml_ns ns)
{
	struct xml_top *top = &c->x->top;

	top->name = t->name;
	top->ns = ns;
	top->empty = t->empty;
	for (unsigned i = 0; i < t->attrs; i++) {
		const struct xml_tag_attr *a = &t->attr[i];

		top->attr[known_attr(xml_key(c->in + a->name.at, a->name.n, c->end), a->name.n)] = a->value;
	}
}

enum xml_tok xml_open(struct xml_cursor *c, const struct xml_tag *t)
{
	struct xml *x = c->x;
	unsigned bound = x->bound;
	enum xml_ns content_ns = (enum xml_ns)x->frame[x->depth].content_ns;
	struct meaning m;

	if (x->depth >= x->limits.depth)
		return xml_bad(c, XML_ERR_TOO_DEEP, c->in + t->start);
	if (declare(c, t, &content_ns) != XML_TOK_OK)
		return XML_TOK_BAD;
	m.ns = content_ns;
	if (t->name.prefix_n != 0 && !resolve(c, &t->name, &m))
		return xml_bad(c, XML_ERR_NAMESPACE_PREFIX, c->in + t->name.at);
	if (t->prefixed > 0 && resolve_attrs(c, t) != XML_TOK_OK)
		return XML_TOK_BAD;
	if (m.ns == XML_NS_DIALBACK)
		x->top.dialback = true;
	if (x->depth == 0)
		xml_note_top(c, t, m.ns);
	if (t->empty) {
		x->bound = bound;
		return XML_TOK_OK;
	}
	if (x->depth == x->deepest && !xml_deepen(x))
		return xml_bad(c, XML_ERR_NO_MEMORY, c->in + t->start);
	x->frame[++x->depth] = (struct xml_frame){t->name, (uint8_t)content_ns, (uint8_t)(x->bound - bound)};
	return XML_TOK_OK;
}

static struct span keep(char **to, struct span bytes)
{
	struct span kept = {*to, bytes.n};

	memcpy(*to, bytes.p, bytes.n);
	*to += bytes.n;
	return kept;
}

enum xml_tok xml_keep_header(struct xml_cursor *c, const struct xml_tag *t)
{
	struct xml *x = c->x;
	struct span name = {c->in + t->name.at, t->name.n}, content_uri = SPAN("");
	struct xml_header *h;
	size_t size = sizeof(*h) + x->bound * sizeof(h->binding[0]) + name.n;
	char *to;

	if (t->xmlns != NULL)
		content_uri = xml_raw_span(c->in, t->xmlns->value);
	size += content_uri.n;
	if (x->bound > XML_HEADER_PREFIXES)
		return xml_bad(c, XML_ERR_TOO_MANY_NAMESPACES, c->in + t->start);
	for (unsigned i = 0; i < x->bound; i++)
		size += x->binding[i].prefix_n + x->binding[i].uri.n;
	h = malloc(size);
	if (h == NULL)
		return xml_bad(c, XML_ERR_NO_MEMORY, c->in + t->start);
	to = (char *)&h->binding[x->bound];
	h->name = keep(&to, name);
	h->content_uri = keep(&to, content_uri);
	h->bindings = x->bound;
	for (unsigned i = 0; i < x->bound; i++) {
		const struct xml_binding *b = &x->binding[i];

		h->binding[i] = (struct xml_header_binding){
		    .key = b->key,
		    .prefix = keep(&to, (struct span){c->in + b->prefix, b->prefix_n}),
		    .uri = keep(&to, xml_raw_span(c->in, b->uri)),
		    .ns = b->ns,
		};
	}
	/* few stanzas declare prefixes */
	free(x->binding);
	x->binding = NULL;
	x->bindings = 0;
	x->header = h;
	x->frame[0].content_ns = x->frame[1].content_ns;
	x->depth = x->bound = 0;
	return XML_TOK_OK;
}
