#include "xml_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FN __attribute__((target("avx2,bmi,bmi2,lzcnt")))
#include "xml_rush.inc"
#include "xml_utf8_avx2.inc"

/* A byte's class is what the table entries for its two halves have in common: a name character has one of the lower
 * five bits, an ASCII byte that may stop a value or a text one of the upper three. */
#define BY_LOW 0x1a, 0x1e, 0x3e, 0x1e, 0x1e, 0x1e, 0x3e, 0x3e, 0x1e, 0x1e, 0x1c, 0x04, 0x44, (char)0x85, 0x05, 0x0c
#define BY_HIGH 0, 0, 0x21, 0x42, 0x04, (char)0x88, 0x04, 0x10, 0, 0, 0, 0, 0, 0, 0, 0

struct sets32 {
	uint32_t name, stop;
};

INLINE struct sets32 classify32(const char *p)
{
	const __m256i low = _mm256_setr_epi8(BY_LOW, BY_LOW), high = _mm256_setr_epi8(BY_HIGH, BY_HIGH);
	__m256i b = _mm256_loadu_si256((const void *)p);
	__m256i h = _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(0x0f));
	__m256i class = _mm256_and_si256(_mm256_shuffle_epi8(low, b), _mm256_shuffle_epi8(high, h));
	__m256i name = _mm256_cmpeq_epi8(_mm256_and_si256(class, _mm256_set1_epi8(0x1f)), _mm256_setzero_si256());
	__m256i stop = _mm256_cmpeq_epi8(_mm256_max_epu8(class, _mm256_set1_epi8(0x20)), class);
	/* Signed, so that bytes that are not ASCII are below too. */
	__m256i odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), b);

	return (struct sets32){
	    (uint32_t)_mm256_movemask_epi8(name), (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(stop, odd))};
}

INLINE struct sets classify(const char *p)
{
	struct sets32 first = classify32(p), second = classify32(p + 32);

	return (struct sets){first.name | (uint64_t)second.name << 32, first.stop | (uint64_t)second.stop << 32};
}

INLINE unsigned lowest(uint64_t set)
{
	return (unsigned)_tzcnt_u64(set);
}

INLINE bool same_bytes(const char *a, const char *b, size_t n)
{
	__m256i same = _mm256_cmpeq_epi8(_mm256_loadu_si256((const void *)a), _mm256_loadu_si256((const void *)b));

	return _bzhi_u64(~(uint64_t)(uint32_t)_mm256_movemask_epi8(same), (unsigned)n) == 0;
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

const struct xml_rush xml_rush_avx2 = {"avx2", usable, run};
#endif
