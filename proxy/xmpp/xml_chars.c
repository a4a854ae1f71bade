/* Characters and references of XML 1.0. */
#include "xml_internal.h"

#define LETTER (XML_C_NAME | XML_C_START | XML_C_VALUE | XML_C_TEXT)
#define NAME (XML_C_NAME | XML_C_VALUE | XML_C_TEXT)
#define OTHER (XML_C_VALUE | XML_C_TEXT | XML_C_NO_NAME)
#define NOWHERE (XML_C_NO_NAME | XML_C_STOP)

const uint8_t xml_class[256] = {
    [0 ... 8] = NOWHERE,
    ['\t'] = XML_C_SPACE | NOWHERE,
    ['\n'] = XML_C_SPACE | NOWHERE,
    [11 ... 12] = NOWHERE,
    ['\r'] = XML_C_SPACE | NOWHERE,
    [14 ... 31] = NOWHERE,
    [' '] = XML_C_SPACE | OTHER,
    ['!'] = OTHER,
    ['"'] = OTHER | XML_C_STOP,
    ['#' ... '%'] = OTHER,
    ['&'] = NOWHERE,
    ['\''] = OTHER | XML_C_STOP,
    ['(' ... ','] = OTHER,
    ['-' ... '.'] = NAME,
    ['/'] = OTHER,
    ['0' ... '9'] = NAME,
    [':' ... ';'] = OTHER,
    ['<'] = NOWHERE,
    ['=' ... '@'] = OTHER,
    ['A' ... 'Z'] = LETTER,
    ['[' ... '\\'] = OTHER,
    [']'] = XML_C_VALUE | NOWHERE,
    ['^'] = OTHER,
    ['_'] = LETTER,
    ['`'] = OTHER,
    ['a' ... 'z'] = LETTER,
    ['{' ... 0x7f] = OTHER,
    [0x80 ... 0xff] = NOWHERE,
};

bool xml_is_char(uint32_t cp)
{
	if (cp < 0x20)
		return cp == '\t' || cp == '\n' || cp == '\r';
	return cp < 0xd800 || (cp > 0xdfff && cp < 0xfffe) || (cp > 0xffff && cp <= 0x10ffff);
}

enum xml_tok xml_utf8(struct xml_cursor *c, const char *p, const char *end, const char **next, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = (unsigned char)*p;
	unsigned n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	uint32_t value = lead & (0x7fu >> n);

	if (lead < 0xc2 || lead > 0xf4)
		return xml_bad(c, XML_ERR_ENCODING, p);
	if ((size_t)(end - p) < n)
		return XML_TOK_SHORT;
	for (unsigned i = 1; i < n; i++) {
		unsigned char trail = (unsigned char)p[i];

		if ((trail & 0xc0) != 0x80)
			return xml_bad(c, XML_ERR_ENCODING, p);
		value = value << 6 | (trail & 0x3f);
	}
	if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return xml_bad(c, XML_ERR_ENCODING, p);
	if (!xml_is_char(value))
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, p);
	*next = p + n;
	*cp = value;
	return XML_TOK_OK;
}

/* May b, behind a lead byte, begin its trail?  Leaves out overlong forms, surrogates and what is above U+10FFFF. */
static bool is_second(unsigned char lead, unsigned char b)
{
	switch (lead) {
	case 0xe0:
		return b >= 0xa0 && b <= 0xbf;
	case 0xed:
		return b >= 0x80 && b <= 0x9f;
	case 0xf0:
		return b >= 0x90 && b <= 0xbf;
	case 0xf4:
		return b >= 0x80 && b <= 0x8f;
	default:
		return (b & 0xc0) == 0x80;
	}
}

const char *xml_skip_utf8(const char *start, const char *end)
{
	const unsigned char *p = (const unsigned char *)start;
	const unsigned char *last = (const unsigned char *)end - 4;

	while (p <= last && *p >= 0xc2 && *p <= 0xf4 && is_second(p[0], p[1])) {
		if (p[0] < 0xe0) {
			p += 2;
		} else if ((p[2] & 0xc0) != 0x80 || (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)) {
			break;
		} else if (p[0] < 0xf0) {
			p += 3;
		} else if ((p[3] & 0xc0) != 0x80) {
			break;
		} else {
			p += 4;
		}
	}
	return (const char *)p;
}

const char *xml_skip_text(const char *p, const char *end)
{
	const char *start;

	do {
		start = p;
		p = xml_skip_utf8(p, end);
		while (p < end && xml_is(*p, XML_C_TEXT))
			p++;
	} while (p > start);
	return p;
}

const char *xml_ref_end(const char *p, const char *end)
{
	while (p < end && (*p == '#' || (xml_is(*p, XML_C_NAME) && *p != '-' && *p != '.' && *p != '_')))
		p++;
	return p;
}

static uint32_t numeric_ref(struct span digits, uint32_t base)
{
	uint32_t value = 0;

	if (digits.n == 0)
		return 0;
	for (size_t i = 0; i < digits.n; i++) {
		char d = digits.p[i];
		uint32_t v = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
		             : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a') + 10
		             : d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A') + 10
		                                    : 16;

		if (v >= base)
			return 0;
		value = value * base + v;
		if (value > 0x10ffff)
			return 0;
	}
	return xml_is_char(value) ? value : 0;
}

uint32_t xml_ref_char(struct span body)
{
	static const struct {
		const char *name;
		uint32_t cp;
	} entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};

	if (body.n >= 2 && body.p[0] == '#' && body.p[1] == 'x')
		return numeric_ref((struct span){body.p + 2, body.n - 2}, 16);
	if (body.n >= 1 && body.p[0] == '#')
		return numeric_ref((struct span){body.p + 1, body.n - 1}, 10);
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		if (span_eq(body, span_of(entities[i].name)))
			return entities[i].cp;
	}
	return 0;
}

enum xml_tok xml_check_ref(struct xml_cursor *c, const char *p, const char *q)
{
	struct span body = {p + 1, (size_t)(q - p - 1)};

	if (*q != ';' || body.n == 0)
		return xml_bad(c, XML_ERR_NOT_WELL_FORMED, q);
	if (xml_ref_char(body) != 0)
		return XML_TOK_OK;
	return xml_bad(c, body.p[0] == '#' ? XML_ERR_NOT_WELL_FORMED : XML_ERR_RESTRICTED, p);
}
