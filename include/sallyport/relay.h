/* relay: which stanzas may cross, and how they leave.
 *
 * A stanza crosses only if its from and to are of the route's pair (invariant S3) and nothing of dialback stands in it (S4).
 * A run of stanzas for one sink leaves from the source's buffer in one piece; a stanza that leans on prefixes of its stream's
 * header gets their declarations put in (S6). */
#ifndef SALLYPORT_RELAY_H
#define SALLYPORT_RELAY_H

#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"
#include "sallyport/stream.h"
#include "sallyport/xml.h"

/* REASON_NONE: the stanza is of the pair.  REASON_STANZA_FROM, _STANZA_TO or _DIALBACK otherwise. */
enum reason relay_judge(const struct xml_ev *stanza, const struct pair *pair);
/* The pair that a stanza names; REASON_NONE, or what is wrong with its addresses. */
enum reason relay_pair(const struct xml_ev *stanza, struct pair *pair);

/* Stanzas of one source on their way to one sink; a value within its owner, empty when zeroed. */
struct relay {
	struct stream *sink;
	struct span run; /* bytes in the source's buffer that lie together */
};
/* Adds a stanza, or white space.  False: the sink has failed. */
MUST_CHECK bool relay_add(struct relay *r, struct stream *sink, const struct xml *x, const struct xml_ev *ev);
/* Sends what was added; must be called before the source's bytes move.  False: the sink has failed, and its owner will hear of
 * it. */
bool relay_flush(struct relay *r);
/* Copies a stanza with the declarations it needs, to be sent later.  False: no room. */
MUST_CHECK bool relay_copy(struct buf *to, const struct xml *x, const struct xml_ev *ev);

#endif
