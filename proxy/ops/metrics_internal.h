/* The inside of the metrics: metrics.c (HTTP), metrics_text.c (the page), metrics_process.c (what the kernel says). */
#ifndef SALLYPORT_METRICS_INTERNAL_H
#define SALLYPORT_METRICS_INTERNAL_H

#include <event2/buffer.h>

#include "sallyport/metrics.h"

/* Our certificates are looked through again when what was found is older than this. */
#define METRICS_CENSUS_MS 60000

/* Everything that the page shows. */
struct metrics_facts {
	struct tally tally; /* of all workers */
	unsigned workers;
	const struct site *site;
	struct cert_census certificates;
	bool reload_good;           /* the last one */
	int64_t reload_at, good_at; /* Unix seconds: of the last one, of the last that was good; starting counts */
	uint64_t reloads_good, reloads_bad;
	struct metrics_process *process;
};

/* Appends the page.  False: no memory. */
MUST_CHECK bool metrics_text(struct evbuffer *out, const struct metrics_facts *facts);

/* --- the page, line by line --- */

struct page {
	struct evbuffer *out;
	bool good;
};
/* The two lines above a metric's samples.  type: "counter", "gauge" or "histogram". */
void page_metric(struct page *p, const char *name, const char *type, const char *help);
/* One line.  The format, a literal, begins with the metric's name. */
void page_line(struct page *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* --- the process, by the names that Prometheus's own libraries use --- */

struct metrics_process;
struct metrics_process *metrics_process_new(void);          /* NULL: no memory */
void metrics_process_free(struct metrics_process *process); /* takes NULL */
/* What can't be read is left out. */
void metrics_process_put(struct metrics_process *process, struct page *p);

#endif
