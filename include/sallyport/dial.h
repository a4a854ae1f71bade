/* dial: from a domain to a connected socket (RFC 6120 section 3.2, XEP-0368, RFC 8305).
 *
 * _xmpps-server and _xmpp-server are looked up together and mixed by priority and weight; an address record is the
 * fall-back only where there is neither.  Attempts are staggered and the first to connect wins.  When what comes after
 * (TLS, the stream) fails with one endpoint, dial_next() goes on with those not yet tried. */
#ifndef SALLYPORT_DIAL_H
#define SALLYPORT_DIAL_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/dns.h"
#include "sallyport/jid.h"
#include "sallyport/loop.h"
#include "sallyport/reason.h"

/* Where a connection goes to; a plain value. */
struct endpoint {
	struct addr addr;
	char target[256]; /* the SRV target, or the domain itself */
	bool direct_tls;  /* from _xmpps-server */
};

struct dial; /* a ticket */

struct dial_options {
	uint32_t connect_ms; /* one attempt */
	uint32_t stagger_ms; /* before the next attempt starts beside it; 250 */
	uint64_t (*random)(void *arg); /* for SRV weights; NULL: the system's */
	void *random_arg;
};

/* Starts.  fn comes once for each dial_start() and dial_next(), never from inside them: with a connected, non-blocking fd
 * (now the callee's) and its endpoint, or with fd -1 and the reason: REASON_DNS_*, or REASON_CONNECT_* (the most telling
 * of all attempts) when every endpoint was tried; endpoint is then the last one tried or NULL.
 * Several backends connect to their configured address with dial_start_addr() and the same callback.  NULL: no memory. */
typedef void dial_fn(void *arg, int fd, const struct endpoint *endpoint, enum reason why);
struct dial *dial_start(struct loop *loop, struct dns *dns, const struct domain *domain,
                        const struct dial_options *options, dial_fn *fn, void *arg);
struct dial *dial_start_addr(struct loop *loop, const struct addr *addr, const struct dial_options *options, dial_fn *fn,
                             void *arg);
/* After a success: the next endpoint (attempts still under way go on and may win).  After a failure there is none left:
 * the callback brings the failure again. */
void dial_next(struct dial *dial);
/* True if dial_next() has something left to try. */
bool dial_more(const struct dial *dial);
/* Cancels; no callback after this; legal inside it.  NULL-safe; clears *dial. */
void dial_cancel(struct dial **dial);

#endif
