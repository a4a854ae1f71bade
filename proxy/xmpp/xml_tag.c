/* Reads a start tag: any, byte by byte. */
#include "xml_internal.h"

/* The byte at *p that is not plain in a value: steps over it if it may be there. */
static enum xml_tok special_in_value(struct xml_cursor *c, const char **p, const char *end, bool *coded)
{
	const char *q;
	uint32_t cp;
	enum xml_tok tok;

	if ((unsigned char)**p >= 0x80) {
		q = xml_skip_utf8(*p, end);
		if (q == *p)
			return xml_utf8(c, *p, end, p, &cp);
		*p = q;
		return XML_TOK_OK;
	}
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

/* A value: leaves *p behind its closing quote. */
static enum xml_tok read_value(struct xml_cursor *c, const char **p, const char *end, char quote, struct xml_raw *value)
{
	const char *s = *p;
	bool coded = false;

	while (s < end && *s != quote) {
		if (xml_is(*s, XML_C_VALUE)) {
			s++;
		} else {
			enum xml_tok tok = special_in_value(c, &s, end, &coded);

			if (tok != XML_TOK_OK)
				return tok;
		}
	}
	if (s == end)
		return XML_TOK_SHORT;
	value->at = (uint32_t)(*p - c->in);
	value->n = (uint32_t)(s - *p) & 0x7fffffff;
	value->coded = coded;
	*p = s + 1;
	return XML_TOK_OK;
}

/* Between an attribute's name and its value: '=' and the quote, white space around them. */
static enum xml_tok read_equals(struct xml_cursor *c, const char **p, const char *end, char *quote)
{
	const char *s = xml_skip_space(*p, end);

	if (s < end && *s != '=')
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, s);
	if (s < end)
		s = xml_skip_space(s + 1, end);
	if (s == end)
		return XML_TOK_SHORT;
	*quote = *s;
	*p = s + 1;
	return *s == '"' || *s == '\'' ? XML_TOK_OK : xml_bad(c, XML_ERR_NOT_WELL_FORMED, s);
}

bool xml_is_repeated(const struct xml_cursor *c, const struct xml_tag *t, const struct xml_qname *q)
{
	for (unsigned i = 0; i < t->attrs; i++) {
		if (t->attr[i].name.n == q->n && memcmp(c->in + t->attr[i].name.at, c->in + q->at, q->n) == 0)
			return true;
	}
	return false;
}

/* Takes the attribute's name into the tag: counts it, and sees whether it was there before. */
static enum xml_tok note_name(struct xml_cursor *c, struct xml_tag *t, const char *end)
{
	const struct xml_qname *q = &t->attr[t->attrs].name;
	uint64_t key = xml_key(c->in + q->at, q->n, end), bit = xml_key_bit(key);

	if ((t->seen & bit) != 0 && xml_is_repeated(c, t, q))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, c->in + q->at);
	t->seen |= bit;
	if (q->prefix_n != 0)
		t->prefixed++;
	else if (key == XML_KEY_XMLNS && q->n == 5)
		t->xmlns = &t->attr[t->attrs];
	return XML_TOK_OK;
}

static enum xml_tok read_attr(struct xml_cursor *c, const char **p, const char *end, struct xml_tag *t)
{
	struct xml_tag_attr *attr = &t->attr[t->attrs];
	enum xml_tok tok;
	char quote;

	if (t->attrs == c->x->limits.attributes)
		return xml_bad(c, XML_ERR_TOO_MANY_ATTRIBUTES, *p);
	tok = xml_read_qname(c, *p, end, p, &attr->name);
	if (tok == XML_TOK_OK)
		tok = read_equals(c, p, end, &quote);
	if (tok == XML_TOK_OK)
		tok = read_value(c, p, end, quote, &attr->value);
	if (tok == XML_TOK_OK)
		tok = note_name(c, t, end);
	t->attrs++;
	return tok;
}

static enum xml_tok read_end(struct xml_cursor *c, const char *p, const char *end, struct xml_tag *t)
{
	t->empty = *p == '/';
	p += t->empty;
	if (p == end)
		return XML_TOK_SHORT;
	if (*p != '>')
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, p);
	t->end = (uint32_t)(p + 1 - c->in);
	return XML_TOK_OK;
}

enum xml_tok xml_read_tag(struct xml_cursor *c, struct xml_tag *t, const char *end)
{
	const char *p = c->p + 1;
	enum xml_tok tok;

	t->start = (uint32_t)(c->p - c->in);
	t->attrs = t->prefixed = 0;
	t->xmlns = NULL;
	t->seen = 0;
	tok = xml_read_qname(c, p, end, &p, &t->name);
	while (tok == XML_TOK_OK) {
		const char *space = p;

		p = xml_skip_space(p, end);
		if (p == end)
			return XML_TOK_SHORT;
		if (*p == '>' || *p == '/')
			return read_end(c, p, end, t);
		if (p == space)
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, p);
		tok = read_attr(c, &p, end, t);
	}
	return tok;
}
