/* run: one run from the first connection to the last, and what was measured. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench.h"
#include "plan.h"
#include "watch.h"

/* Everything that is counted, at one moment. */
struct point {
	double t; /* seconds since bench.epoch */
	uint64_t opened, finished, received, received_bytes;
	struct usage usage; /* of the process under test */
	double own_cpu, machine_cpu;
};

struct result {
	const struct plan *plan;
	struct bench *bench; /* its threads have ended: counters, histograms and problems can be read at leisure */
	struct watch watch;
	bool interrupted;
	struct point nothing;     /* before the first connection */
	double opening;           /* seconds until all routes stood */
	struct point all_open;    /* a moment later */
	struct point held;        /* at the end of the hold; as all_open if there was none */
	struct point from, until; /* the time that is measured */
	struct point *series;
	size_t points;
	uint64_t undelivered; /* stanzas that were sent and never came */
};

/* Runs.  False: it could not be set up (err), or not be measured. */
MUST_CHECK bool run(struct result *r, struct bench *b, const struct plan *plan, char *err, size_t err_n);
void result_free(struct result *r);

#endif
