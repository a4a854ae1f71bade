/* flow: the scenarios that keep their routes: opens them, perhaps waits, then sends stanzas by a schedule or as fast as
 * it goes.  One for each lane; all but flow_new() and flow_free() run on its thread. */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include "bench.h"
#include "sallyport/base.h"

struct flow;
struct flow *flow_new(struct lane *lane); /* NULL: no memory */
void flow_free(struct flow *f);           /* takes NULL */

/* For lane_post(). */
void flow_open(void *lane);  /* open all routes */
void flow_go(void *lane);    /* traffic, from bench.start on */
void flow_close(void *lane); /* end all routes by the book */

#endif
