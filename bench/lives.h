/* lives: the scenarios storm and churn: connections that open, carry some stanzas and close, over and over.
 *
 * Each route is a slot for one connection at a time.  One for each lane. */
#ifndef BENCH_LIVES_H
#define BENCH_LIVES_H

#include "bench.h"
#include "sallyport/base.h"

struct lives;
struct lives *lives_new(struct lane *lane); /* NULL: no memory */
void lives_free(struct lives *l);           /* takes NULL */

/* For lane_post(): begins, from bench.start on; it ends with bench.stopping, measure_until or the count. */
void lives_go(void *lane);
/* After the last connection has gone. */
void lives_close(void *lane);
/* Stanzas of a route have arrived on this lane: any lane's thread. */
void lives_delivered(struct lane *lane, uint32_t route);

#endif
