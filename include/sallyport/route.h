/* route: an authorised pair flowing one way: a source stream that feeds a sink stream.
 *
 * Inbound, R to L: a public-in stream feeds a backend-out stream.  Outbound, L to R: a backend-in stream feeds a public-out
 * stream, and may feed several, one a pair.  Routes belong to their source and end with it; a sink that goes away alone is
 * made anew when the next stanza comes. */
#ifndef SALLYPORT_ROUTE_H
#define SALLYPORT_ROUTE_H

#include "sallyport/stream.h"

/* The owner of every newly accepted stream; its arg is the struct worker. */
extern const struct stream_hooks route_hooks;

/* Who looks on: the pairs that a source stream is authorised for or asks for, the one used last first, and what became of
 * each ("OPEN", "REDIAL", …).  Ends when fn returns false. */
void route_each(const struct stream *s, bool (*fn)(void *arg, const struct pair *pair, const char *state), void *arg);

#endif
