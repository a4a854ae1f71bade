/* page: a report as one HTML file that needs nothing else: table, plots, plan, machine, and the JSON document itself.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include <jansson.h>

#include "sallyport/base.h"

/* False: err says why. */
MUST_CHECK bool page_save(json_t *report, const char *path, char *err, size_t err_n);

#endif
