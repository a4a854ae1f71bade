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

#endif
