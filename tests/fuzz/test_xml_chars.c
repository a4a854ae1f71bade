/* Every code point, as the first character of a name, as a later one, in text and in an attribute value, as itself and
 * as a reference: accepted by the scanner exactly if libexpat accepts it. */
#include "xml_oracle.h"

#include "sallyport/xml.h"

#include <stdio.h>

static const struct xml_limits limits = {.element_bytes = 4096, .depth = 8, .attributes = 8, .name_bytes = 64};

/* Encoded as UTF-8 would, whether it is a character or not. */
static size_t encode(uint32_t cp, char *to)
{
	if (cp < 0x80) {
		to[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		to[0] = (char)(0xc0 | cp >> 6);
		to[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		to[0] = (char)(0xe0 | cp >> 12);
		to[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		to[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | cp >> 18);
	to[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	to[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	to[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

static bool accepts(struct xml *x, struct span in)
{
	struct xml_ev ev;

	xml_reset(x);
	xml_expect_document(x);
	return xml_next(x, &ev, in) == XML_ELEMENT && ev.bytes.n == in.n;
}

/* How many of the documents with this code point in it the two do not agree on. */
static unsigned compare(struct xml *x, uint32_t cp)
{
	static const char *const documents[][2] = {
	    {"<", "/>"}, {"<a", "/>"}, {"<a>", "</a>"}, {"<a b='", "'/>"}, {"<a ", "b='c'/>"}, {"<a b", "='c'/>"}};
	char bytes[4], ref[16], in[64];
	size_t n = encode(cp, bytes), ref_n = (size_t)snprintf(ref, sizeof(ref), "&#x%x;", (unsigned)cp);
	unsigned wrong = 0;

	for (size_t i = 0; i < 2 * ARRAY_LEN(documents); i++) {
		const char *const *around = documents[i / 2];
		struct span part = i % 2 == 0 ? (struct span){bytes, n} : (struct span){ref, ref_n};
		size_t head = strlen(around[0]), tail = strlen(around[1]);
		struct span document = {in, head + part.n + tail};
		struct oracle o;

		memcpy(in, around[0], head);
		memcpy(in + head, part.p, part.n);
		memcpy(in + head + part.n, around[1], tail);
		oracle_run(&o, document, ORACLE_DOCUMENT);
		if (accepts(x, document) != o.accepted) {
			printf("U+%04X in %s...%s: libexpat %s it\n", (unsigned)cp, around[0], around[1],
			    o.accepted ? "accepts" : "rejects");
			wrong++;
		}
		oracle_free(&o);
	}
	return wrong;
}

int main(void)
{
	struct xml *x = xml_new(&limits);
	unsigned wrong = 0;

	if (x == NULL)
		return 1;
	/* Beyond the BMP no edges but those of the planes. */
	for (uint32_t cp = 0; cp <= 0x110002;
	     cp += cp < 0x10100 || (cp & 0xffff) >= 0xfffc || (cp & 0xffff) < 3 ? 1 : 0x3f3)
		wrong += compare(x, cp);
	xml_free(x);
	printf("%u disagreements\n", wrong);
	return wrong == 0 ? 0 : 1;
}
