#include "sallyport/utf8.h"

size_t utf8_read(struct span s, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (s.n == 0)
		return 0;
	uint8_t lead = (uint8_t)s.p[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);

	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		uint8_t byte = (uint8_t)s.p[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (byte & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return n;
}

size_t utf8_columns(struct span s)
{
	size_t columns = 0;

	while (s.n > 0) {
		uint32_t cp;
		size_t n = utf8_read(s, &cp);

		n = n == 0 ? 1 : n;
		s.p += n;
		s.n -= n;
		columns++;
	}
	return columns;
}

bool utf8_is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}
