/* The inside of an element, token by token.  All is judged here, but for what xml_rush.inc knows to be simple. */
#include "xml_internal.h"

const char *xml_seek_tag_end(struct xml_cursor *c)
{
	struct xml *x = c->x;
	const char *p = c->in + x->seek;
	char quote = x->quote;

	if (x->seek == 0) {
		p = c->p + 1;
		quote = 0;
	}
	for (; p < c->end; p++) {
		/* '<' may stand nowhere in a tag, so it ends a broken one. */
		if (*p == '<' || (*p == '>' && quote == 0)) {
			x->seek = 0;
			return p + 1;
		}
		if (*p == quote)
			quote = 0;
		else if (quote == 0 && (*p == '"' || *p == '\''))
			quote = *p;
	}
	x->seek = (size_t)(p - c->in);
	x->quote = quote;
	return NULL;
}

enum xml_tok xml_start_tag(struct xml_cursor *c, struct xml_tag *t)
{
	enum xml_tok tok = XML_TOK_SHORT;
	const char *end;

	if (c->x->seek == 0)
		tok = xml_read_tag(c, t, c->end);
	if (tok != XML_TOK_OK) {
		end = xml_seek_tag_end(c);
		if (end == NULL)
			return XML_TOK_SHORT;
		tok = xml_read_tag(c, t, end);
		if (tok == XML_TOK_SHORT)
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, end - 1);
	}
	if (tok == XML_TOK_OK)
		c->p = c->in + t->end;
	return tok;
}

enum xml_tok xml_end_tag(struct xml_cursor *c, struct span name)
{
	const char *p = c->p + 2, *end = xml_seek_tag_end(c);

	if (end == NULL)
		return XML_TOK_SHORT;
	if ((size_t)(end - p) <= name.n || memcmp(p, name.p, name.n) != 0)
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, p);
	p = xml_skip_space(p + name.n, end);
	if (*p != '>')
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, p);
	c->p = p + 1;
	return XML_TOK_OK;
}

static enum xml_tok ref_in_text(struct xml_cursor *c, const char **p)
{
	struct xml *x = c->x;
	const char *q = xml_ref_end(x->seek != 0 ? c->in + x->seek : *p + 1, c->end);
	enum xml_tok tok;

	if (q == c->end) {
		x->seek = (size_t)(q - c->in);
		return XML_TOK_SHORT;
	}
	x->seek = 0;
	tok = xml_check_ref(c, *p, q);
	*p = q + 1;
	return tok;
}

/* The byte at *p that is not plain: steps over it if it may be there. */
static enum xml_tok special_in_text(struct xml_cursor *c, const char **p)
{
	size_t left = (size_t)(c->end - *p);
	uint32_t cp;

	switch (**p) {
	case '&':
		return ref_in_text(c, p);
	case ']':
		if (left >= 3 && memcmp(*p, "]]>", 3) == 0)
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, *p);
		if (left < 3 && memcmp(*p, "]]>", left) == 0)
			return XML_TOK_SHORT;
		(*p)++;
		return XML_TOK_OK;
	case '\t':
	case '\n':
	case '\r':
		(*p)++;
		return XML_TOK_OK;
	default:
		if ((unsigned char)**p < 0x80)
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, *p);
		return xml_utf8(c, *p, c->end, p, &cp);
	}
}

/* "<!": CDATA, or nothing that we let through. */
static enum xml_tok bang(struct xml_cursor *c)
{
	static const char cdata[] = "<![CDATA[";
	size_t left = (size_t)(c->end - c->p), n = left < sizeof(cdata) - 1 ? left : sizeof(cdata) - 1;

	if (left < 3)
		return XML_TOK_SHORT;
	if (c->p[2] != '[')
		return xml_bad(c, XML_ERR_RESTRICTED, c->p);
	if (c->x->depth == 0)
		return xml_bad(c, XML_ERR_STRAY_TEXT, c->p);
	if (memcmp(c->p, cdata, n) != 0)
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->p);
	if (n < sizeof(cdata) - 1)
		return XML_TOK_SHORT;
	c->p += n;
	c->x->cdata = true;
	return XML_TOK_OK;
}

/* Character data: as much as is worth while where xml_rush.inc has left off. */
static enum xml_tok text(struct xml_cursor *c)
{
	size_t left = (size_t)(c->end - c->p), some = c->x->rush != NULL && left > 64 ? 64 : left;
	const char *enough = c->p + some;
	enum xml_tok tok = XML_TOK_OK;

	while (tok == XML_TOK_OK && c->p < enough && *c->p != '<') {
		const char *p = xml_skip_text(c->p, enough);

		if (p == c->p)
			tok = special_in_text(c, &p);
		if (tok == XML_TOK_OK)
			c->p = p;
	}
	return tok;
}

/* In a CDATA section, and its end. */
static enum xml_tok cdata(struct xml_cursor *c)
{
	enum xml_tok tok = XML_TOK_OK;

	while (tok == XML_TOK_OK && c->p < c->end) {
		const char *p = xml_skip_text(c->p, c->end);

		if (p > c->p) {
			c->p = p;
		} else if (c->end - p >= 3 && memcmp(p, "]]>", 3) == 0) {
			c->p = p + 3;
			c->x->cdata = false;
			return XML_TOK_OK;
		} else if (*p == '<' || *p == '&') {
			c->p++;
		} else {
			tok = special_in_text(c, &p);
			c->p = tok == XML_TOK_OK ? p : c->p;
		}
	}
	return tok;
}

static enum xml_tok open_element(struct xml_cursor *c)
{
	struct xml_tag t;
	enum xml_tok tok = xml_start_tag(c, &t);

	return tok == XML_TOK_OK ? xml_open(c, &t) : tok;
}

static enum xml_tok close_element(struct xml_cursor *c)
{
	const struct xml_qname *name = &c->x->frame[c->x->depth].name;
	enum xml_tok tok = xml_end_tag(c, (struct span){c->in + name->at, name->n});

	if (tok == XML_TOK_OK)
		xml_close(c->x);
	return tok;
}

static enum xml_tok read_token(struct xml_cursor *c)
{
	if (c->p == c->end)
		return XML_TOK_SHORT;
	if (c->x->cdata)
		return cdata(c);
	if (*c->p != '<')
		return text(c);
	if (c->end - c->p < 2)
		return XML_TOK_SHORT;
	switch (c->p[1]) {
	case '/':
		return close_element(c);
	case '!':
		return bang(c);
	case '?':
		return xml_bad(c, XML_ERR_RESTRICTED, c->p);
	default:
		return open_element(c);
	}
}

enum xml_tok xml_read_element(struct xml_cursor *c)
{
	struct xml *x = c->x;
	enum xml_tok tok;

	do {
		if (x->rush != NULL && !x->cdata && x->seek == 0 && x->rush->run(c))
			return XML_TOK_OK;
		tok = read_token(c);
	} while (tok == XML_TOK_OK && (x->depth > 0 || x->cdata));
	return tok;
}
