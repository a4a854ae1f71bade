/* site: what all workers share: one configuration with its certificates, TLS contexts and dialback secret.
 *
 * Immutable once made, but for counters, and reference-counted: a reload makes a new one, and streams keep the one that they
 * were made under. */
#ifndef SALLYPORT_SITE_H
#define SALLYPORT_SITE_H

#include <stdatomic.h>

#include "sallyport/admit.h"
#include "sallyport/base.h"
#include "sallyport/cert.h"
#include "sallyport/conf.h"
#include "sallyport/history.h"
#include "sallyport/policy.h"
#include "sallyport/tls.h"
#include "sallyport/xmpp.h"

/* What came of the last attempt to connect to a backend. */
enum site_backend { BACKEND_UNTRIED, BACKEND_UP, BACKEND_DOWN };

struct site {
	atomic_uint refs, present;
	struct conf *conf;
	struct cert_store *certs;
	struct tls_ctx *tls;
	struct xmpp_dialback_secret secret;
	struct admit *admit;
	_Atomic enum site_backend *backends; /* one for each of conf->backends */
	struct history *history; /* shared with the sites before and after, like admit */
};

/* Takes a reference to conf.  before: the site that this one is to follow, whose counted connections and (without one
 * configured) dialback secret it takes over; NULL for the first.  keys: where the first one's private keys are; NULL: in this
 * process.  NULL: err says why.  Returned with one reference. */
struct site *site_new(struct conf *conf, const struct site *before, struct keys *keys, char *err, size_t err_n);
/* A worker has taken the site for its present one, and has given it up for another: verdicts follow the present one, and
 * once no worker has it so, what only they need is freed.  Any thread; who hands a site on to a worker enters it, too. */
void site_enter(struct site *site);
void site_leave(struct site *site);
/* A connection to the backend of that name was made, or failed; any thread. */
void site_backend_seen(struct site *site, const char *name, bool up);
/* Any thread. */
struct site *site_ref(struct site *site);
/* Any thread; takes NULL. */
void site_unref(struct site *site);

/* What policy says of a remote domain that has shown this chain (NULL: none), at `now` (Unix seconds).  *verdict: what
 * the certificates are found to be, or the reason that overrules them; *row: the one that decided, which lives as long
 * as the site; NULL: the general rules.  own_domain: see policy.h. */
struct policy_verdict site_judge(const struct site *site, const struct domain *theirs, const struct cert_chain *chain,
    bool own_domain, int64_t now, struct cert_verdict *verdict, const struct conf_peer **row);

#endif
