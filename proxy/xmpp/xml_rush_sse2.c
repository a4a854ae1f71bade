#include "xml_internal.h"

#if defined(__x86_64__)
#include <emmintrin.h>

#define FN /* every x86-64 has it */
#include "xml_rush.inc"

struct sets16 {
	uint32_t name, stop;
};

/* Is b - first, unsigned, no more than `most`? */
INLINE __m128i in_range(__m128i b, int first, int most)
{
	__m128i offset = _mm_sub_epi8(b, _mm_set1_epi8((char)first));

	return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8((char)most)), offset);
}

INLINE __m128i is_byte(__m128i b, char value)
{
	return _mm_cmpeq_epi8(b, _mm_set1_epi8(value));
}

INLINE struct sets16 classify16(const char *p)
{
	__m128i b = _mm_loadu_si128((const void *)p);
	__m128i letter = in_range(_mm_or_si128(b, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
	__m128i name =
	    _mm_or_si128(_mm_or_si128(letter, in_range(b, '0', 9)), _mm_or_si128(in_range(b, '-', 1), is_byte(b, '_')));
	/* '&' and the apostrophe are neighbours.  Signed, so that bytes that are not ASCII are below the blank too. */
	__m128i stop = _mm_or_si128(_mm_or_si128(in_range(b, '&', 1), is_byte(b, '"')),
	    _mm_or_si128(_mm_or_si128(is_byte(b, '<'), is_byte(b, ']')), _mm_cmplt_epi8(b, _mm_set1_epi8(' '))));

	return (struct sets16){(uint32_t)_mm_movemask_epi8(name) ^ 0xffff, (uint32_t)_mm_movemask_epi8(stop)};
}

INLINE struct sets classify(const char *p)
{
	struct sets all = {0, 0};

	for (unsigned i = 0; i < 4; i++) {
		struct sets16 part = classify16(p + 16 * i);

		all.name |= (uint64_t)part.name << 16 * i;
		all.stop |= (uint64_t)part.stop << 16 * i;
	}
	return all;
}

INLINE unsigned lowest(uint64_t set)
{
	return set != 0 ? (unsigned)__builtin_ctzll(set) : WINDOW;
}

INLINE bool same_bytes(const char *a, const char *b, size_t n)
{
	__m128i first = _mm_cmpeq_epi8(_mm_loadu_si128((const void *)a), _mm_loadu_si128((const void *)b));
	__m128i second =
	    _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(a + 16)), _mm_loadu_si128((const void *)(b + 16)));
	uint64_t same = (uint64_t)_mm_movemask_epi8(first) | (uint64_t)_mm_movemask_epi8(second) << 16;

	return lowest(~same) >= n;
}

static const char *skip_utf8(const char *p, const char *end)
{
	return xml_skip_text(p, end);
}

static bool usable(void)
{
	return true;
}

const struct xml_rush xml_rush_sse2 = {"sse2", usable, run};
#endif
