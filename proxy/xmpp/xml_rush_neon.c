#include "xml_internal.h"

#if defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#include <arm_neon.h>

#define FN /* every AArch64 has it */
#include "xml_rush.inc"

/* The topmost bits of 64 bytes as a set. */
INLINE uint64_t topmost(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
	static const uint8_t place[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	const uint8x16_t bit = vld1q_u8(place);
	const int8x16_t zero = vdupq_n_s8(0);
	uint8x16_t ab = vpaddq_u8(vandq_u8(vcltq_s8(vreinterpretq_s8_u8(a), zero), bit),
	    vandq_u8(vcltq_s8(vreinterpretq_s8_u8(b), zero), bit));
	uint8x16_t cd = vpaddq_u8(vandq_u8(vcltq_s8(vreinterpretq_s8_u8(c), zero), bit),
	    vandq_u8(vcltq_s8(vreinterpretq_s8_u8(d), zero), bit));
	uint8x16_t all = vpaddq_u8(ab, cd);

	all = vpaddq_u8(all, all);
	return vgetq_lane_u64(vreinterpretq_u64_u8(all), 0);
}

/* Bytes outside of the table have the class 0; those that are not ASCII bring their own topmost bit. */
INLINE uint8x16_t class_of(uint8x16_t b)
{
	const uint8x16x4_t low = vld1q_u8_x4(xml_class), high = vld1q_u8_x4(xml_class + 64);

	return vorrq_u8(vqtbl4q_u8(low, b), vqtbl4q_u8(high, vsubq_u8(b, vdupq_n_u8(64))));
}

INLINE struct sets classify(const char *p)
{
	const uint8x16x4_t b = vld1q_u8_x4((const uint8_t *)p);
	uint8x16_t class[4], name[4], stop[4];

	for (unsigned i = 0; i < 4; i++) {
		class[i] = class_of(b.val[i]);
		stop[i] = vorrq_u8(class[i], b.val[i]);
		name[i] = vorrq_u8(vaddq_u8(class[i], class[i]), b.val[i]);
	}
	return (struct sets){topmost(name[0], name[1], name[2], name[3]), topmost(stop[0], stop[1], stop[2], stop[3])};
}

INLINE unsigned lowest(uint64_t set)
{
	return set != 0 ? (unsigned)__builtin_ctzll(set) : WINDOW;
}

INLINE bool same_bytes(const char *a, const char *b, size_t n)
{
	uint8x16_t first = vceqq_u8(vld1q_u8((const uint8_t *)a), vld1q_u8((const uint8_t *)b));
	uint8x16_t second = vceqq_u8(vld1q_u8((const uint8_t *)a + 16), vld1q_u8((const uint8_t *)b + 16));

	return lowest(~topmost(first, second, first, second)) >= n;
}

static const char *skip_utf8(const char *p, const char *end)
{
	return xml_skip_text(p, end);
}

static bool usable(void)
{
	return true;
}

const struct xml_rush xml_rush_neon = {"neon", usable, run};
#endif
