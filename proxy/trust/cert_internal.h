/* cert, inside: what the parts of proxy/trust share and nobody else sees. */
#ifndef SALLYPORT_CERT_INTERNAL_H
#define SALLYPORT_CERT_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include "sallyport/cert.h"

/* A peer decides how many certificates it shows and we search among them: what stands behind these is not looked at. */
#define CERT_CHAIN_MAX 40

struct cert_chain {
	size_t n;
	CRYPTO_BUFFER *der[CERT_CHAIN_MAX]; /* as shown, not yet parsed */
};

/* Takes a reference to der.  False: the chain is full; nothing was taken. */
bool cert_chain_add(struct cert_chain *chain, CRYPTO_BUFFER *der);

/* PEM text to read from, which stays the caller's; NULL: no memory. */
BIO *cert_pem_open(struct span pem);
/* The next certificate of PEM text; other blocks (keys) are skipped. */
enum cert_pem { CERT_PEM_ONE, CERT_PEM_END, CERT_PEM_BAD };
enum cert_pem cert_pem_next(BIO *bio, CRYPTO_BUFFER **der);

struct cert_own {
	struct cert_chain *chain;
	EVP_PKEY *key;
};
void cert_own_clear(struct cert_own *own);
/* A self-signed ECDSA certificate that nobody is expected to trust. */
MUST_CHECK bool cert_own_mint(struct cert_own *own);

struct cert_store {
	struct conf *conf; /* NULL: anchors only */
	X509 **anchors;    /* in the order of their subjects */
	size_t anchors_n, anchors_cap;
	struct cert_own *own; /* by index of conf->hosts */
};
/* The anchors with this subject; *n how many. */
X509 *const *cert_store_anchors(const struct cert_store *store, const X509_NAME *subject, size_t *n);

/* Longest way from a leaf to an anchor, both included. */
#define CERT_PATH_MAX 10

/* Certificates of a way upwards, each issued by the next.  Borrowed from the peer's and the store's. */
struct cert_path {
	size_t n;
	X509 *cert[CERT_PATH_MAX];
};

/* What the search brought. */
struct cert_found {
	enum reason why;
	bool anchored;     /* path ends at an anchor; else it is the longest way that does not */
	size_t depth;      /* of the certificate at fault in path */
	const char *cause; /* BoringSSL's or ours; static */
	struct cert_path path;
};

/* The certificates of a peer, parsed; those that cannot be read are left out. */
struct cert_peer {
	size_t n;
	X509 *cert[CERT_CHAIN_MAX];
};

/* Looks for a way from peer->cert[0] to an anchor that is in order at `now`. */
void cert_path_find(
    const struct cert_store *store, const struct cert_peer *peer, int64_t now, struct cert_found *found);
/* True if the leaf, in this path, names the domain. */
bool cert_names(const struct cert_path *path, const struct domain *domain);

/* Writes verdict->peer_text and verdict->detail.  named: whether the domain's name is in order. */
void cert_text(
    struct cert_verdict *verdict, const struct cert_found *found, const struct domain *domain, bool named, int64_t now);
int64_t cert_time(const ASN1_TIME *t);

#endif
