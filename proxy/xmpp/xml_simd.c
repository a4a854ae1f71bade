/* Which variant of the inner loop runs. */
#include "xml_internal.h"

extern const struct xml_scan xml_scan_portable;

const struct xml_scan *const xml_scans[] = {&xml_scan_portable, NULL};

const struct xml_scan *xml_best_scan(void)
{
	const struct xml_scan *const *s = xml_scans;

	while (!(*s)->usable())
		s++;
	return *s;
}
