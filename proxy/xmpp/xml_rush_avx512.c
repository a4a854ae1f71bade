#include "xml_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FN __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,bmi,bmi2,lzcnt")))
#include "xml_rush.inc"
#include "xml_utf8_avx2.inc"

INLINE struct sets classify(const char *p)
{
	__m512i b = _mm512_loadu_si512(p);
	__m512i class = _mm512_permutex2var_epi8(_mm512_loadu_si512(xml_class), b, _mm512_loadu_si512(xml_class + 64));

	/* The topmost bits make the sets: XML_C_STOP, and XML_C_NO_NAME moved there; or b's own, if it is not ASCII. */
	return (struct sets){_cvtmask64_u64(_mm512_movepi8_mask(_mm512_or_si512(_mm512_add_epi8(class, class), b))),
	    _cvtmask64_u64(_mm512_movepi8_mask(_mm512_or_si512(class, b)))};
}

INLINE unsigned lowest(uint64_t set)
{
	return (unsigned)_tzcnt_u64(set);
}

INLINE bool same_bytes(const char *a, const char *b, size_t n)
{
	__m256i left = _mm256_loadu_si256((const void *)a), right = _mm256_loadu_si256((const void *)b);

	return _bzhi_u32(_mm256_cmpneq_epi8_mask(left, right), (unsigned)n) == 0;
}

static bool usable(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2");
}

const struct xml_rush xml_rush_avx512 = {"avx512", usable, run};
#endif
