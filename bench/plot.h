/* plot: reports as SVG line charts, one line for each report. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <jansson.h>
#include <stdio.h>

#include "sallyport/base.h"

#define PLOT_LINES_MAX 8

enum plot_kind {
	PLOT_LATENCY,    /* by percentile */
	PLOT_THROUGHPUT, /* over time, as the three below */
	PLOT_CPU,
	PLOT_MEMORY,
	PLOT_KINDS
};

/* "latency", … */
const char *plot_name(enum plot_kind kind);
/* Writes one <svg> element; n: at most PLOT_LINES_MAX.  Nothing if the reports hold no such figures. */
void plot_write(FILE *to, enum plot_kind kind, json_t *const *reports, size_t n);
/* `plot KIND REPORT.json… > FILE.svg` */
int plot_main(int argc, char **argv);

/* Text inside XML, and HTML. */
void plot_escape(FILE *to, const char *text);

#endif
