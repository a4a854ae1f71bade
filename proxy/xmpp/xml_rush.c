/* Which instruction set is used. */
#include "xml_internal.h"

const struct xml_rush *const xml_rushes[] = {
#if defined(__x86_64__)
    &xml_rush_avx512, &xml_rush_avx2, &xml_rush_sse2,
#elif defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    &xml_rush_neon,
#endif
    NULL};
const unsigned xml_rush_count = ARRAY_LEN(xml_rushes);

bool xml_rush_usable(const struct xml_rush *rush)
{
	return rush == NULL || rush->usable();
}

const char *xml_rush_name(const struct xml_rush *rush)
{
	return rush != NULL ? rush->name : "plain";
}

const struct xml_rush *xml_best_rush(void)
{
	unsigned i = 0;

	while (!xml_rush_usable(xml_rushes[i]))
		i++;
	return xml_rushes[i];
}
