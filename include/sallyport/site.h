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
#include "sallyport/tls.h"
#include "sallyport/xmpp.h"

struct site {
	atomic_uint refs;
	struct conf *conf;
	struct cert_store *certs;
	struct tls_ctx *tls;
	struct xmpp_dialback_secret secret;
	struct admit *admit;
};

/* Takes a reference to conf.  before: the site that this one is to follow, whose counted connections and (without one
 * configured) dialback secret it takes over; NULL for the first.  NULL: err says why.  Returned with one reference. */
struct site *site_new(struct conf *conf, const struct site *before, char *err, size_t err_n);
/* Any thread. */
struct site *site_ref(struct site *site);
/* Any thread; takes NULL. */
void site_unref(struct site *site);

#endif
