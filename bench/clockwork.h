/* clockwork: a constant rate.  Stanza (or connection) k of a lane is planned for start + k / rate; what is late stays
 * planned for when it was, so that a stall of the gateway shows in every latency that it caused.
 *
 * On a timerfd, since the loop's own timers count milliseconds. */
#ifndef BENCH_CLOCKWORK_H
#define BENCH_CLOCKWORK_H

#include "bench.h"
#include "sallyport/base.h"

struct clockwork;
/* fn(arg, due) whenever more has become due than before, and once when it is over.  NULL: no memory. */
struct clockwork *clockwork_new(
    struct loop *loop, const struct bench *bench, void (*fn)(void *arg, uint64_t due), void *arg);
void clockwork_free(struct clockwork *c); /* takes NULL */

/* at: nanoseconds since bench.epoch.  limit: so many in all; 0: until bench.measure_until. */
void clockwork_start(struct clockwork *c, int64_t at, double rate, uint64_t limit);
/* How many are due by now. */
uint64_t clockwork_due(const struct clockwork *c);
/* How many were due at the call of fn before the present one. */
uint64_t clockwork_last(const struct clockwork *c);
/* Nothing more will become due. */
bool clockwork_over(const struct clockwork *c);
/* When number k is planned. */
int64_t clockwork_time(const struct clockwork *c, uint64_t k);

#endif
