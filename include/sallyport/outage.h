/* outage: remote domains that could not be reached a moment ago, so that a backend which retries two hundred times a second
 * gets the answer from memory.  One table a worker, fixed size; a newer outage may push out another. */
#ifndef SALLYPORT_OUTAGE_H
#define SALLYPORT_OUTAGE_H

#include "sallyport/base.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"

struct outages;
struct outages *outages_new(void); /* NULL: no memory */
void outages_free(struct outages *o);
/* Times in milliseconds of loop_now(). */
void outage_remember(struct outages *o, const struct pair *pair, enum reason why, int64_t until);
/* All of them: another configuration may let through what failed under the one before. */
void outages_forget(struct outages *o);
/* REASON_NONE: nothing is known against the pair. */
enum reason outage_find(const struct outages *o, const struct pair *pair, int64_t now);

#endif
