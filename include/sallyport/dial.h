/* dial: from a domain to a connected socket (RFC 6120 section 3.2, XEP-0368, RFC 8305).
 *
 * _xmpps-server and _xmpp-server are looked up together and mixed by priority and weight; an address record (port 5269,
 * STARTTLS) is the fall-back only where the answer is that there is neither.  Attempts are staggered and the first to
 * connect wins.  When what comes after (TLS, the stream) fails with one endpoint, dial_next() goes on with those not
 * yet tried.
 *
 * What a zone can make us do is bounded: 8 names looked up, 8 addresses of each, 16 attempts, 4 of them at once, none
 * to this machine or further in than the options allow.  So the whole ends by itself after the look-ups and four times
 * connect_ms; whoever has less time cancels. */
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
	char target[256]; /* the SRV target, the domain itself, or dial_start_addr()'s address as text */
	bool direct_tls;  /* from _xmpps-server */
};

struct dial; /* a ticket */

struct dial_options {
	uint32_t connect_ms;           /* one attempt */
	uint32_t stagger_ms;           /* before the next attempt starts beside it; 250 */
	enum addr_reach reach;         /* names that lead nearer than this are not followed; never to ADDR_NOWHERE */
	uint64_t (*random)(void *arg); /* for SRV weights; NULL: the system's */
	void *random_arg;
};

/* Starts.  fn comes once for each dial_start() and dial_next(), never from inside them: with a connected, non-blocking
 * fd (now the callee's), its endpoint and REASON_NONE; or, when every endpoint was tried, with fd -1, the most telling
 * reason of all (REASON_DNS_*, REASON_ADDRESS, REASON_CONNECT_* or REASON_NO_MEMORY) and the endpoint that it was met at, NULL if at
 * none.  The endpoint lives during the callback only. Several backends connect to their configured address with
 * dial_start_addr() and the same callback.  NULL: no memory. */
typedef void dial_fn(void *arg, int fd, const struct endpoint *endpoint, enum reason why);
struct dial *dial_start(struct loop *loop, struct dns *dns, const struct domain *domain,
    const struct dial_options *options, dial_fn *fn, void *arg);
struct dial *dial_start_addr(
    struct loop *loop, const struct addr *addr, const struct dial_options *options, dial_fn *fn, void *arg);
/* After the callback.  After a success: the next endpoint (attempts under way then have gone on and may win).  After a
 * failure there is none left: the callback brings the failure again. */
void dial_next(struct dial *dial);
/* True if dial_next() has something left to try. */
bool dial_more(const struct dial *dial);
/* Cancels; no callback after this; legal inside it.  NULL-safe; clears *dial. */
void dial_cancel(struct dial **dial);

#endif
