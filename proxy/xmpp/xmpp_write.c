#include "xmpp_internal.h"

/* How one byte is written: itself (n == 1, p == at) or a reference. */
static struct span written(const char *at, enum part_as as)
{
	if (as == PART_RAW || (as == PART_CODED && *at != '\''))
		return (struct span){at, 1};
	switch (*at) {
	case '&':
		return SPAN("&amp;");
	case '<':
		return SPAN("&lt;");
	case '>':
		return SPAN("&gt;");
	case '\'':
		return SPAN("&apos;");
	case '"':
		return SPAN("&quot;");
	/* Attribute and line end normalisation would turn these into others. */
	case '\t':
		return SPAN("&#9;");
	case '\n':
		return SPAN("&#10;");
	case '\r':
		return SPAN("&#13;");
	default:
		/* Other control characters can't be written in XML at all. */
		return (uint8_t)*at < 0x20 ? SPAN("?") : (struct span){at, 1};
	}
}

static size_t part_len(const struct part *part)
{
	size_t n = 0;

	if (part->as == PART_RAW)
		return part->bytes.n;
	for (size_t i = 0; i < part->bytes.n; i++)
		n += written(part->bytes.p + i, part->as).n;
	return n;
}

bool xmpp_put_parts(struct buf *b, const struct part *parts)
{
	size_t n = 0;
	char *out;

	for (const struct part *part = parts; part->as != PART_END; part++)
		n += part_len(part);
	if (!buf_reserve(b, n))
		return false;
	out = buf_tail(b);
	for (const struct part *part = parts; part->as != PART_END; part++) {
		for (size_t i = 0; i < part->bytes.n; i++) {
			struct span s = written(part->bytes.p + i, part->as);

			memcpy(out, s.p, s.n);
			out += s.n;
		}
	}
	buf_filled(b, n);
	return true;
}
