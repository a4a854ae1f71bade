/* cert: trust anchors, the verdict on a peer's chain, and our own certificates.
 *
 * A store is built once from a configuration and is immutable; any thread may use it.  BoringSSL's types stay out of
 * this header. */
#ifndef SALLYPORT_CERT_H
#define SALLYPORT_CERT_H

#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"

/* What judged a chain and how: facts for log and texts.  Strings are bounded and still unescaped (log escapes). */
struct cert_verdict {
	enum reason why;     /* REASON_NONE: trusted for the domain */
	int depth;           /* of the certificate at fault; 0 the leaf; -1: not one certificate's fault */
	char peer_text[256]; /* sentence for the other operator: what *they* must mend ("Your server's certificate
	                        expired 12 days ago …") */
	char detail[512];    /* for us: depth, subject, issuer, names seen, EKU */
	int64_t expires;     /* its last second: earliest notAfter in the accepted chain, or the end of what a revocation
	                        list that must not be missing says; Unix seconds; 0 unless trusted */
};

struct cert_chain; /* a peer's certificates, leaf first, as shown in the handshake */
void cert_chain_free(struct cert_chain *chain);
/* From PEM text, leaf first (tests and `sallyportctl verify`).  NULL: not PEM, no certificate, or no memory. */
struct cert_chain *cert_chain_from_pem(struct span pem);

struct cert_store; /* anchors and own certificates of one configuration */
/* err: one sentence with file and cause, when NULL is returned (bad bundle, key does not match, no memory, …). */
struct cert_store *cert_store_new(struct conf *conf, char *err, size_t err_n);
/* Anchors alone, from PEM text: no certificates of our own. */
struct cert_store *cert_store_from_pem(struct span pem, char *err, size_t err_n);
void cert_store_free(struct cert_store *store);

/* Judges a chain (NULL: the peer showed none) as the *server* certificate of a domain, whichever side opened the
 * connection (RFC 6120 section 13.7, RFC 9525).
 *
 * EKU: absent or serverAuth, at every step below the anchor.  Names: dNSName, SRV-ID and XmppAddr, never the common
 * name; a wildcard is a whole left-most label; the domain itself must satisfy constraints on dNSName.  Keys: RSA of
 * 2048 to 8192 bits, P-256, P-384, P-521, Ed25519; no SHA-1 below the anchor.  All ways to an anchor are tried, within
 * bounds; an anchor need not be self-signed, and one that equals the leaf is a pin.  No CRL is read.
 *
 * row: of the store's configuration; it may add anchors or make its own the only ones, let certificates for clients alone
 * (EKU clientAuth) count under those, and pin keys.  NULL: the general rules.
 * now: Unix seconds.  domain may be NULL: identity is not judged. */
void cert_judge(const struct cert_store *store, const struct cert_chain *chain, const struct domain *domain,
    const struct conf_peer *row, int64_t now, struct cert_verdict *verdict);

/* Our certificate for a host; NULL: none.  Lives as long as the store. */
struct cert_own;
const struct cert_own *cert_own_find(const struct cert_store *store, const struct domain *domain);
/* That of the first host, for a direct TLS client that names none; NULL: no hosts. */
const struct cert_own *cert_own_default(const struct cert_store *store);
/* What peers will see of it, to be judged like theirs.  The store's. */
const struct cert_chain *cert_own_chain(const struct cert_own *own);

#endif
