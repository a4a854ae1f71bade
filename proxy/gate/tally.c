#include "sallyport/tally.h"

_Static_assert(sizeof(struct tally) % sizeof(struct stats_count) == 0, "made of counters alone");

void tally_sum(struct tally *sum, const struct tally *from)
{
	stats_sum((struct stats_count *)sum, (const struct stats_count *)from, STATS_COUNTS(struct tally));
}
