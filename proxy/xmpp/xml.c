/* What stands at the top of a stream, and the events. */
#include "xml_internal.h"

#include <stdlib.h>

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

static void enter(struct xml *x, enum xml_state state)
{
	ENSURE(x->state != XML_FAILED || state == XML_AT_START);
	x->state = state;
}

/* In the middle of an element the old limits hold on: its frames depend on them. */
static void use_limits(struct xml *x)
{
	x->limits = x->next_limits;
	if (x->deepest > x->limits.depth)
		x->deepest = x->limits.depth;
}

struct xml *xml_new(const struct xml_limits *limits)
{
	struct xml *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->rush = xml_best_rush();
	xml_set_limits(x, limits);
	if (!xml_deepen(x)) {
		xml_free(x);
		return NULL;
	}
	xml_reset(x);
	return x;
}

void xml_free(struct xml *x)
{
	if (x == NULL)
		return;
	free(x->frame);
	free(x->binding);
	free(x->header);
	free(x);
}

void xml_reset(struct xml *x)
{
	enter(x, XML_AT_START);
	free(x->header);
	x->header = NULL;
	x->frame[0] = (struct xml_frame){.content_ns = XML_NS_NONE};
	x->document = x->cdata = false;
	x->consumed = x->error_at = 0;
	x->pos = x->seek = 0;
	x->depth = x->bound = 0;
	use_limits(x);
	x->error = XML_OK;
	x->top = (struct xml_top){0};
}

void xml_set_limits(struct xml *x, const struct xml_limits *limits)
{
	x->next_limits.element_bytes = at_most(limits->element_bytes, XML_MOST_BYTES);
	x->next_limits.depth = limits->depth;
	x->next_limits.attributes = (unsigned)at_most(limits->attributes, XML_TAG_ATTRS);
	x->next_limits.name_bytes = (unsigned)at_most(limits->name_bytes, UINT16_MAX);
	if (x->pos == 0 && x->depth == 0)
		use_limits(x);
}

void xml_expect_document(struct xml *x)
{
	ENSURE(x->state == XML_AT_START && x->consumed == 0);
	x->document = true;
}

enum xml_error xml_error(const struct xml *x)
{
	return x->error;
}

uint64_t xml_error_offset(const struct xml *x)
{
	return x->error_at;
}

void xml_header_prefix(const struct xml *x, unsigned i, struct span *prefix, struct span *uri)
{
	ENSURE(x->header != NULL && i < x->header->bindings);
	*prefix = x->header->binding[i].prefix;
	*uri = x->header->binding[i].uri;
}

static struct xml_attr event_attr(const char *in, struct xml_raw raw)
{
	if (raw.at == 0)
		return (struct xml_attr){SPAN_NONE, false};
	return (struct xml_attr){xml_raw_span(in, raw), raw.coded};
}

/* The event for all bytes before c->p. */
static void make_event(struct xml_cursor *c, struct xml_ev *ev)
{
	struct xml *x = c->x;
	const struct xml_top *top = &x->top;
	size_t skip = top->name.prefix_n != 0 ? (size_t)top->name.prefix_n + 1 : 0;

	*ev = (struct xml_ev){
	    .bytes = {c->in, (size_t)(c->p - c->in)},
	    .name = {c->in + top->name.at + skip, top->name.n - skip},
	    .ns = top->ns,
	    .prefixed = skip != 0,
	    .empty = top->empty,
	    .from = event_attr(c->in, top->attr[XML_FROM]),
	    .to = event_attr(c->in, top->attr[XML_TO]),
	    .id = event_attr(c->in, top->attr[XML_ID]),
	    .type = event_attr(c->in, top->attr[XML_TYPE]),
	    .version = event_attr(c->in, top->attr[XML_VERSION]),
	    .lang = event_attr(c->in, top->attr[XML_LANG]),
	    .insert = top->name.at + top->name.n,
	    .prefixes = top->prefixes,
	    .dialback = top->dialback,
	    .content_ns = (enum xml_ns)x->frame[0].content_ns,
	};
	x->consumed += ev->bytes.n;
	x->pos = 0;
	use_limits(x);
}

/* The XML declaration, if the "<?" at c->p begins one. */
static enum xml_tok read_declaration(struct xml_cursor *c)
{
	static const char decl[] = "<?xml";
	size_t left = (size_t)(c->end - c->p), n = at_most(left, sizeof(decl) - 1);
	const char *end;

	if (memcmp(c->p, decl, n) != 0 || (left > n && !xml_is(c->p[n], XML_C_SPACE)))
		return xml_bad(c, XML_ERR_RESTRICTED, c->p);
	end = xml_seek_tag_end(c);
	if (end == NULL)
		return XML_TOK_SHORT;
	if (xml_read_declaration(c, c->p, end) != XML_TOK_OK)
		return XML_TOK_BAD;
	c->p = end;
	return XML_TOK_OK;
}

/* What may stand before the first start tag; OK: c->p is at its '<'. */
static enum xml_tok read_prolog(struct xml_cursor *c)
{
	unsigned char first = (unsigned char)*c->p;

	if (c->x->state == XML_AT_START) {
		if (first == 0 || first >= 0x80)
			return xml_bad(c, XML_ERR_ENCODING, c->p);
		if (first == '<' && c->end - c->p < 2)
			return XML_TOK_SHORT;
		if (first == '<' && c->p[1] == '?') {
			enum xml_tok tok = read_declaration(c);

			if (tok != XML_TOK_OK)
				return tok;
		}
		enter(c->x, XML_IN_PROLOG);
	}
	c->p = xml_skip_space(c->p, c->end);
	if (c->p == c->end)
		return XML_TOK_SHORT;
	if (*c->p != '<')
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->p);
	if (c->end - c->p < 2)
		return XML_TOK_SHORT;
	if (c->p[1] == '!' || c->p[1] == '?')
		return xml_bad(c, XML_ERR_RESTRICTED, c->p);
	return c->p[1] == '/' ? xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->p) : XML_TOK_OK;
}

static enum xml_rc read_element(struct xml_cursor *c, struct xml_ev *ev)
{
	enum xml_tok tok = xml_read_element(c);

	if (tok == XML_TOK_SHORT)
		return XML_MORE;
	if (tok == XML_TOK_BAD)
		return XML_BAD;
	make_event(c, ev);
	enter(c->x, c->x->document ? XML_AT_END : XML_AT_TOP);
	return XML_ELEMENT;
}

static enum xml_rc start_element(struct xml_cursor *c, struct xml_ev *ev)
{
	c->x->top = (struct xml_top){0};
	enter(c->x, XML_IN_ELEMENT);
	return read_element(c, ev);
}

static enum xml_rc read_header(struct xml_cursor *c, struct xml_ev *ev)
{
	struct xml *x = c->x;
	struct xml_tag t;
	enum xml_tok tok = read_prolog(c);

	if (tok == XML_TOK_OK && x->document)
		return start_element(c, ev);
	if (tok == XML_TOK_OK)
		tok = xml_start_tag(c, &t);
	if (tok == XML_TOK_SHORT)
		return XML_MORE;
	if (tok == XML_TOK_BAD)
		return XML_BAD;
	x->top = (struct xml_top){0};
	if (t.empty)
		tok = xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + t.end - 2);
	else if ((tok = xml_open(c, &t)) == XML_TOK_OK)
		tok = xml_keep_header(c, &t);
	if (tok != XML_TOK_OK)
		return XML_BAD;
	c->p = c->in + t.end;
	make_event(c, ev);
	enter(x, XML_AT_TOP);
	return XML_HEADER;
}

static enum xml_rc read_space(struct xml_cursor *c, struct xml_ev *ev)
{
	c->p = xml_skip_space(c->p, c->end);
	*ev = (struct xml_ev){.bytes = {c->in, (size_t)(c->p - c->in)}};
	c->x->consumed += ev->bytes.n;
	return XML_SPACE;
}

static enum xml_rc read_end(struct xml_cursor *c, struct xml_ev *ev)
{
	switch (xml_end_tag(c, c->x->header->name)) {
	case XML_TOK_OK:
		break;
	case XML_TOK_SHORT:
		return XML_MORE;
	case XML_TOK_BAD:
		return XML_BAD;
	}
	c->x->top = (struct xml_top){0};
	*ev = (struct xml_ev){.bytes = {c->in, (size_t)(c->p - c->in)}};
	c->x->consumed += ev->bytes.n;
	c->x->pos = 0;
	enter(c->x, XML_AT_END);
	return XML_END;
}

static enum xml_rc read_top(struct xml_cursor *c, struct xml_ev *ev)
{
	if (*c->p == '<' && c->end - c->p < 2)
		return XML_MORE;
	if (*c->p == '<' && c->p[1] == '/')
		return read_end(c, ev);
	if (*c->p == '<')
		return start_element(c, ev);
	if (xml_is(*c->p, XML_C_SPACE))
		return read_space(c, ev);
	(void)xml_bad(c, XML_ERR_STRAY_TEXT, c->p);
	return XML_BAD;
}

static enum xml_rc read_behind_end(struct xml_cursor *c, struct xml_ev *ev)
{
	if (xml_is(*c->p, XML_C_SPACE))
		return read_space(c, ev);
	(void)xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->p);
	return XML_BAD;
}

static enum xml_rc read_any(struct xml_cursor *c, struct xml_ev *ev)
{
	switch (c->x->state) {
	case XML_AT_START:
	case XML_IN_PROLOG:
		return read_header(c, ev);
	case XML_AT_TOP:
		return read_top(c, ev);
	case XML_IN_ELEMENT:
		return read_element(c, ev);
	case XML_AT_END:
		return read_behind_end(c, ev);
	case XML_FAILED:
		break;
	}
	return XML_BAD;
}

enum xml_rc xml_next(struct xml *x, struct xml_ev *ev, struct span in)
{
	size_t n = at_most(in.n, x->limits.element_bytes);
	struct xml_cursor c = {.x = x, .in = in.p, .p = in.p + x->pos, .end = in.p + n};
	enum xml_rc rc;

	if (x->state == XML_FAILED)
		return XML_BAD;
	if (in.n <= x->pos)
		return XML_MORE;
	rc = n > x->pos ? read_any(&c, ev) : XML_MORE;
	if (rc == XML_MORE) {
		x->pos = (size_t)(c.p - in.p);
		if (n == x->limits.element_bytes) {
			(void)xml_bad(&c, XML_ERR_TOO_BIG, c.end);
			rc = XML_BAD;
		}
	}
	if (rc == XML_BAD) {
		x->error = c.why;
		x->error_at = x->consumed + (size_t)(c.bad - in.p);
		enter(x, XML_FAILED);
	}
	return rc;
}

const char *xml_error_condition(enum xml_error e)
{
	switch (e) {
	case XML_OK:
	case XML_ERR_NOT_WELL_FORMED:
		break;
	case XML_ERR_RESTRICTED:
		return "restricted-xml";
	case XML_ERR_ENCODING:
		return "unsupported-encoding";
	case XML_ERR_NAMESPACE_PREFIX:
		return "bad-namespace-prefix";
	case XML_ERR_STRAY_TEXT:
		return "bad-format";
	case XML_ERR_TOO_BIG:
	case XML_ERR_TOO_DEEP:
	case XML_ERR_TOO_MANY_ATTRIBUTES:
	case XML_ERR_NAME_TOO_LONG:
	case XML_ERR_TOO_MANY_NAMESPACES:
		return "policy-violation";
	case XML_ERR_NO_MEMORY:
		return "resource-constraint";
	}
	return "not-well-formed";
}

const char *xml_error_text(enum xml_error e)
{
	switch (e) {
	case XML_OK:
		return "no error";
	case XML_ERR_NOT_WELL_FORMED:
		return "this is not well-formed XML";
	case XML_ERR_RESTRICTED:
		return "comments, processing instructions, DTDs and entities are not allowed in XMPP";
	case XML_ERR_ENCODING:
		return "this is not UTF-8";
	case XML_ERR_NAMESPACE_PREFIX:
		return "a namespace prefix is used that is not declared";
	case XML_ERR_STRAY_TEXT:
		return "there is text between stanzas";
	case XML_ERR_TOO_BIG:
		return "the element is too big";
	case XML_ERR_TOO_DEEP:
		return "elements are nested too deeply";
	case XML_ERR_TOO_MANY_ATTRIBUTES:
		return "an element has too many attributes";
	case XML_ERR_NAME_TOO_LONG:
		return "a name is too long";
	case XML_ERR_TOO_MANY_NAMESPACES:
		return "too many namespace prefixes are declared";
	case XML_ERR_NO_MEMORY:
		return "out of memory";
	}
	return "no error";
}
