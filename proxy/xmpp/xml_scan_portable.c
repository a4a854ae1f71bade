/* The scanner's inner loop in plain C. */
#include "xml_internal.h"

#define FN

struct ahead {
	const char *base;
	uint64_t name;       /* no ASCII name character */
	uint64_t stop;       /* not plain in a value */
	uint64_t apos, quot; /* the quotes */
};

static void look64(struct ahead *a, const char *p)
{
	a->name = a->stop = a->apos = a->quot = 0;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;

		a->name |= xml_is(p[i], XML_C_NAME) ? 0 : bit;
		a->stop |= xml_is(p[i], XML_C_VALUE) ? 0 : bit;
		a->apos |= p[i] == '\'' ? bit : 0;
		a->quot |= p[i] == '"' ? bit : 0;
	}
}

static uint64_t text_mask(const char *p)
{
	uint64_t special = 0;

	for (unsigned i = 0; i < 64; i++)
		special |= (uint64_t)!xml_is(p[i], XML_C_TEXT) << i;
	return special;
}

static bool same_name(const char *a, const char *b, size_t n, size_t left)
{
	(void)left;
	return memcmp(a, b, n) == 0;
}

#include "xml_scan.inc"

static bool usable(void)
{
	return true;
}

extern const struct xml_scan xml_scan_portable;
const struct xml_scan xml_scan_portable = {"portable", usable, element, read_tag};
