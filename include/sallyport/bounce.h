/* bounce: stanzas go back to the local user who sent them, as stanza errors (RFC 6120 section 8.3).
 *
 * A backend takes them only from the remote domain, so they travel on a backend-out stream of their own, opened when the
 * first one comes, and again if it went down under some; those that no stream could be opened for are logged as lost. */
#ifndef SALLYPORT_BOUNCE_H
#define SALLYPORT_BOUNCE_H

#include "sallyport/stream.h"

struct bouncer;

/* pair: the route's, L to R.  NULL: no memory. */
struct bouncer *bouncer_new(struct worker *w, struct site *site, const struct conf_backend *backend, const struct pair *pair);
/* Returns one stanza for a reason. */
void bouncer_stanza(struct bouncer *b, const struct xml_ev *stanza, enum reason why);
/* Returns every whole stanza in bytes (as relay_copy() made them). */
void bouncer_stanzas(struct bouncer *b, struct span bytes, enum reason why);
/* Lets go: what is still to be returned is, then it frees itself.  Takes NULL. */
void bouncer_release(struct bouncer *b);

#endif
