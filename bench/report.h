/* report: the results of a run as one JSON document (bench/README.md has its schema), and as a table for people.
 *
 * The table, the page, the plots and the comparison are all made from the document, so that a file from another day or
 * machine does as well as a run of now. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "run.h"

#define REPORT_SCHEMA "sallyport-bench/1"

/* NULL: no memory. */
json_t *report_new(const struct result *r);
/* What every document begins with, whatever made it.  NULL: no memory. */
json_t *report_frame(const struct plan *plan);
/* A histogram of nanoseconds; json null if it is empty. */
json_t *report_histogram(const struct hdr_histogram *h);
void report_table(const json_t *report, FILE *to);
/* False: err says why. */
MUST_CHECK bool report_save(const json_t *report, const char *path, char *err, size_t err_n);
/* NULL: it can't be read, or is none of ours. */
json_t *report_load(const char *path, char *err, size_t err_n);

/* A number by its path ("gateway.cpu_seconds_per_gb").  False: it is not there. */
MUST_CHECK bool report_number(const json_t *report, const char *path, double *out);
/* Likewise a text; "" if it is not there. */
const char *report_text(const json_t *report, const char *path);

#endif
