/* A tree over an element that the scanner has accepted: so this reads, and checks nothing but its own room. */
#include "xml_internal.h"

#define TREE_DEPTH 32
#define TREE_BINDINGS 64

struct tree_binding {
	struct span prefix, uri; /* prefix.n == 0: the default namespace */
	uint16_t depth;
};

struct tree_reader {
	struct xml_tree *t;
	const struct xml *x;
	const char *p, *end;
	unsigned depth, bindings;
	uint16_t open[TREE_DEPTH], last[TREE_DEPTH]; /* nodes from the root on, and the last child of each */
	struct tree_binding binding[TREE_BINDINGS];
};

static struct span take_name(struct tree_reader *r)
{
	const char *start = r->p;

	while (!xml_is(*r->p, XML_C_SPACE) && *r->p != '=' && *r->p != '/' && *r->p != '>')
		r->p++;
	return (struct span){start, (size_t)(r->p - start)};
}

static struct span take_value(struct tree_reader *r)
{
	const char *start, *stop;

	while (*r->p != '"' && *r->p != '\'')
		r->p++;
	start = r->p + 1;
	stop = memchr(start, *r->p, (size_t)(r->end - start));
	ENSURE(stop != NULL);
	r->p = stop + 1;
	return (struct span){start, (size_t)(stop - start)};
}

/* Splits "prefix:local"; no colon: an empty prefix. */
static struct span split(struct span qname, struct span *local)
{
	const char *colon = memchr(qname.p, ':', qname.n);
	size_t n = colon != NULL ? (size_t)(colon - qname.p) : 0;
	size_t skip = colon != NULL ? n + 1 : 0;

	*local = (struct span){qname.p + skip, qname.n - skip};
	return (struct span){qname.p, n};
}

static struct span uri_of(const struct tree_reader *r, struct span prefix)
{
	const struct xml_header *h = r->x->header;

	if (span_eq(prefix, SPAN("xml")))
		return SPAN("http://www.w3.org/XML/1998/namespace");
	for (unsigned i = r->bindings; i-- > 0;) {
		if (span_eq(prefix, r->binding[i].prefix))
			return r->binding[i].uri;
	}
	for (unsigned i = 0; h != NULL && i < h->bindings; i++) {
		if (span_eq(prefix, h->binding[i].prefix))
			return h->binding[i].uri;
	}
	return h != NULL && prefix.n == 0 ? h->content_uri : SPAN("");
}

static bool bind(struct tree_reader *r, struct span prefix, struct span uri)
{
	if (r->bindings == TREE_BINDINGS)
		return false;
	r->binding[r->bindings++] = (struct tree_binding){prefix, uri, (uint16_t)r->depth};
	return true;
}

static bool take_attr(struct tree_reader *r, struct xml_node *node)
{
	struct span name = take_name(r), value = take_value(r), local, prefix = split(name, &local);
	struct xml_tree *t = r->t;

	if (span_eq(name, SPAN("xmlns")))
		return bind(r, SPAN(""), value);
	if (span_eq(prefix, SPAN("xmlns")))
		return bind(r, local, value);
	if (prefix.n != 0)
		return true;
	if (t->attrs == XML_TREE_ATTRS)
		return false;
	t->attr[t->attrs++] = (struct xml_tree_attr){name, value, false};
	for (size_t i = 0; i < value.n; i++)
		t->attr[t->attrs - 1].coded |= value.p[i] == '&' || (unsigned char)value.p[i] < 0x20;
	node->attrs++;
	return true;
}

static void link_node(struct tree_reader *r, uint16_t index)
{
	uint16_t parent = r->open[r->depth - 1], before = r->last[r->depth - 1];

	if (before == 0)
		r->t->node[parent].child = index;
	else
		r->t->node[before].next = index;
	r->t->node[index].parent = parent;
	r->last[r->depth - 1] = index;
}

static void close_node(struct tree_reader *r)
{
	r->depth--;
	while (r->bindings > 0 && r->binding[r->bindings - 1].depth > r->depth)
		r->bindings--;
}

/* A start tag; r->p is at its '<'. */
static bool take_start(struct tree_reader *r)
{
	struct xml_tree *t = r->t;
	uint16_t index = (uint16_t)t->nodes;
	struct xml_node *node = &t->node[t->nodes];
	struct span qname, prefix;

	if (t->nodes == XML_TREE_NODES || r->depth == TREE_DEPTH)
		return false;
	t->nodes++;
	*node = (struct xml_node){.attr = (uint16_t)t->attrs};
	if (r->depth > 0)
		link_node(r, index);
	r->open[r->depth] = index;
	r->last[r->depth] = 0;
	r->depth++;
	r->p++;
	qname = take_name(r);
	for (;;) {
		r->p = xml_skip_space(r->p, r->end);
		if (*r->p == '/' || *r->p == '>')
			break;
		if (!take_attr(r, node))
			return false;
	}
	prefix = split(qname, &node->name);
	node->ns = uri_of(r, prefix);
	if (*r->p == '/') {
		close_node(r);
		r->p++;
	}
	r->p++;
	return true;
}

static void add_text(struct tree_reader *r, struct span text, bool cdata)
{
	struct xml_node *node;

	if (text.n == 0)
		return;
	node = &r->t->node[r->open[r->depth - 1]];
	if (node->text.n == 0) {
		node->text = text;
		node->cdata = cdata;
	} else {
		node->more = true;
	}
}

/* Character data up to `stop`, and that too. */
static void take_text(struct tree_reader *r, struct span stop, bool cdata)
{
	const char *start = r->p, *to = memmem(start, (size_t)(r->end - start), stop.p, stop.n);

	ENSURE(to != NULL);
	add_text(r, (struct span){start, (size_t)(to - start)}, cdata);
	r->p = to + (cdata ? stop.n : 0);
}

static void take_end(struct tree_reader *r)
{
	while (*r->p != '>')
		r->p++;
	r->p++;
	close_node(r);
}

bool xml_tree_parse(struct xml_tree *t, const struct xml *x, const struct xml_ev *ev)
{
	struct tree_reader r = {.t = t, .x = x, .p = ev->name.p, .end = ev->bytes.p + ev->bytes.n};

	t->nodes = t->attrs = 0;
	while (*r.p != '<')
		r.p--;
	do {
		take_text(&r, SPAN("<"), false);
		if (r.p[1] == '!') {
			r.p += sizeof("<![CDATA[") - 1;
			take_text(&r, SPAN("]]>"), true);
		} else if (r.p[1] == '/') {
			take_end(&r);
		} else if (!take_start(&r)) {
			return false;
		}
	} while (r.depth > 0);
	return true;
}

const struct xml_node *xml_tree_child(
    const struct xml_tree *t, const struct xml_node *parent, const char *name, const char *ns)
{
	for (unsigned i = parent->child; i != 0; i = t->node[i].next) {
		const struct xml_node *node = &t->node[i];

		if (span_eq(node->name, span_of(name)) && xml_same_value(node->ns, span_of(ns)))
			return node;
	}
	return NULL;
}

const struct xml_tree_attr *xml_tree_attr(const struct xml_tree *t, const struct xml_node *node, const char *name)
{
	for (unsigned i = node->attr; i < node->attr + node->attrs; i++) {
		if (span_eq(t->attr[i].name, span_of(name)))
			return &t->attr[i];
	}
	return NULL;
}
