/* The XML declaration (XML 1.0 section 2.8): version first, then encoding, then standalone. */
#include "xml_internal.h"

#include <strings.h>

/* name = "value".  Its value may hold only what all three have in common: letters, digits, '.', '_' and '-'. */
struct pseudo {
	struct span name, value;
	const char *at;
};

/* The next one in [*p, end); none (name.n == 0) if only white space is left. */
static bool next_pseudo(const char **p, const char *end, struct pseudo *a)
{
	const char *s = xml_skip_space(*p, end);
	bool apart = s > *p;
	char quote;

	*a = (struct pseudo){.at = s};
	*p = s;
	if (s == end)
		return true;
	while (s < end && *s >= 'a' && *s <= 'z')
		s++;
	a->name = (struct span){a->at, (size_t)(s - a->at)};
	s = xml_skip_space(s, end);
	if (!apart || a->name.n == 0 || s == end || *s != '=')
		return false;
	s = xml_skip_space(s + 1, end);
	if (s == end || (*s != '"' && *s != '\''))
		return false;
	quote = *s++;
	a->value.p = s;
	while (s < end && xml_is(*s, XML_C_NAME) && (unsigned char)*s < 0x80)
		s++;
	a->value.n = (size_t)(s - a->value.p);
	if (s == end || *s != quote)
		return false;
	*p = s + 1;
	return true;
}

static bool is_version(struct span v)
{
	if (v.n < 3 || memcmp(v.p, "1.", 2) != 0)
		return false;
	for (size_t i = 2; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	}
	return true;
}

static bool is_utf8(struct span encoding)
{
	return encoding.n == 5 && strncasecmp(encoding.p, "UTF-8", 5) == 0;
}

enum xml_tok xml_read_declaration(struct xml_cursor *c, const char *p, const char *q)
{
	const char *end = q - 2; /* of "?>" */
	struct pseudo a;

	p += 5; /* "<?xml" */
	if (end < p || *end != '?' || end[1] != '>')
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, q - 1);
	if (!next_pseudo(&p, end, &a) || !span_eq(a.name, SPAN("version")) || !is_version(a.value))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
	if (!next_pseudo(&p, end, &a))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
	if (span_eq(a.name, SPAN("encoding"))) {
		if (!is_utf8(a.value))
			return xml_bad(c, XML_ERR_ENCODING, a.at);
		if (!next_pseudo(&p, end, &a))
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
	}
	if (span_eq(a.name, SPAN("standalone"))) {
		if (!span_eq(a.value, SPAN("yes")) && !span_eq(a.value, SPAN("no")))
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
		if (!next_pseudo(&p, end, &a))
			return xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
	}
	return a.name.n == 0 ? XML_TOK_OK : xml_bad(c, XML_ERR_NOT_WELL_FORMED, a.at);
}
