/* gate: one worker: its listeners, resolver and streams.
 *
 * A gate belongs to the thread that runs its loop; several gates share a site and nothing else.  gate_drain() may be
 * asked for from the loop's thread only (main uses loop_post()). */
#ifndef SALLYPORT_GATE_H
#define SALLYPORT_GATE_H

#include "sallyport/base.h"
#include "sallyport/fsm.h"
#include "sallyport/loop.h"
#include "sallyport/site.h"
#include "sallyport/tally.h"

struct gate;
struct stream;
/* NULL: err says why.  Nothing listens yet. */
struct gate *gate_new(struct loop *loop, struct site *site, char *err, size_t err_n);
/* Before it listens: where signatures come from, if the site's private keys are in another process.  False: no memory. */
MUST_CHECK bool gate_sign_by(struct gate *gate, struct keys *keys);
/* Before gate_listen(): a socket that listens at this address already, to be used instead of a new one; there may be several.
 * fd becomes the gate's, also on failure.  False: no memory. */
MUST_CHECK bool gate_give(struct gate *gate, const struct addr *at, int fd);
/* Opens this worker's sockets on all listeners of the configuration (shared: with SO_REUSEPORT). */
MUST_CHECK bool gate_listen(struct gate *gate, bool shared, char *err, size_t err_n);
/* Calls fn for each socket that it opened since the last call; fd stays the gate's. */
void gate_opened(struct gate *gate, void (*fn)(void *arg, int fd), void *arg);
/* Goes over to another site at once: new connections and new sinks live under it; open streams go on if it allows them,
 * and end with <reset/> if not (RFC 6120 section 13.7.2.3).  False: err says why, and nothing has changed. */
MUST_CHECK bool gate_reload(struct gate *gate, struct site *site, char *err, size_t err_n);
/* Stops accepting, ends every stream by the book (system-shutdown, </stream:stream>), and calls done once none is left (at the
 * latest after the close timeout). */
void gate_drain(struct gate *gate, void (*done)(void *arg), void *arg);
/* Ends whatever is left at once; the memory goes with the loop's turn, or with the loop.  Takes NULL. */
void gate_free(struct gate *gate);
/* Open streams of all four roles; the loop's thread only. */
size_t gate_streams(const struct gate *gate);
/* What it has counted; any thread, while the gate lives. */
const struct tally *gate_tally(const struct gate *gate);
/* Calls fn for each of them whose number is below `below`, newest first, until it returns false.  fn may end them. */
void gate_each_stream(struct gate *gate, uint64_t below, bool (*fn)(void *arg, struct stream *s), void *arg);
/* Adds how many there are to sum. */
void gate_count(const struct gate *gate, uint32_t sum[ROLE_COUNT][STATE_COUNT]);

/* Any thread that knows the gate is alive: calls fn(arg) on the gate's own soon.  False: no memory. */
MUST_CHECK bool gate_post(struct gate *gate, void (*fn)(void *arg), void *arg);

#endif
