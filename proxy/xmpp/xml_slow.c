/* What is rare inside an element: tags that the input cuts, end tags with white space, CDATA, bytes that are not plain.
 */
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

enum xml_tok xml_start_tag_slow(struct xml_cursor *c, struct xml_tag *t)
{
	const char *end = xml_seek_tag_end(c);
	enum xml_tok tok;

	if (end == NULL)
		return XML_TOK_SHORT;
	tok = c->x->scan->tag(c, t, end);
	return tok == XML_TOK_SHORT ? xml_bad(c, XML_ERR_NOT_WELL_FORMED, end - 1) : tok;
}

enum xml_tok xml_end_tag_slow(struct xml_cursor *c, struct span name)
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

enum xml_tok xml_special_in_value(struct xml_cursor *c, const char **p, const char *end, bool *coded)
{
	const char *q;
	uint32_t cp;
	enum xml_tok tok;

	if ((unsigned char)**p >= 0x80)
		return xml_utf8(c, *p, end, p, &cp);
	if (**p == '&') {
		q = xml_ref_end(*p + 1, end);
		if (q == end)
			return XML_TOK_SHORT;
		tok = xml_check_ref(c, *p, q);
		*p = q + 1;
		*coded = true;
		return tok;
	}
	if (!xml_is(**p, XML_C_SPACE))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, *p);
	*coded = true;
	(*p)++;
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

enum xml_tok xml_special_in_text(struct xml_cursor *c, const char **p)
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

enum xml_tok xml_bang(struct xml_cursor *c)
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
