/* creds: the TLS settings of all parts that we play.
 *
 * Made by hand on BoringSSL instead of with the gateway's own `tls`: a load generator must resume sessions, choose
 * versions and cut records as it is told. */
#ifndef BENCH_CREDS_H
#define BENCH_CREDS_H

#include <openssl/ssl.h>

#include "plan.h"
#include "sallyport/base.h"

enum creds_role {
	CREDS_PEER,        /* client towards the public listener */
	CREDS_REMOTE,      /* server: a remote domain; asks for a certificate */
	CREDS_BACKEND,     /* server: the backend, or what stands behind a raw gateway */
	CREDS_BACKEND_OUT, /* client: the backend towards the gateway's inner listener */
	CREDS_ROLES
};

struct creds {
	SSL_CTX *ctx[CREDS_ROLES];
	const struct plan *plan;
};

/* False: err says why. */
MUST_CHECK bool creds_init(struct creds *c, const struct plan *plan, char *err, size_t err_n);
void creds_free(struct creds *c);

/* Where a client keeps the session that it resumes next; the SSL's app data points to one. */
struct creds_session {
	SSL_SESSION *newest;
};

/* name: a client's SNI.  direct: offers (or selects) ALPN xmpp-server, but not in raw mode, where gateways know nothing
 * of it. session: may be NULL.  NULL: no memory. */
SSL *creds_ssl(
    const struct creds *c, enum creds_role role, const char *name, bool direct, struct creds_session *session);

/* The bare handshake between a peer and a server that checks its chain like a gateway would. */
MUST_CHECK bool creds_init_bare(SSL_CTX **client, SSL_CTX **server, const struct plan *plan, char *err, size_t err_n);

#endif
