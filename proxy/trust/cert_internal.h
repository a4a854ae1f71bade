/* cert, inside: what the parts of proxy/trust share and nobody else sees. */
#ifndef SALLYPORT_CERT_INTERNAL_H
#define SALLYPORT_CERT_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include "sallyport/cert.h"
#include "sallyport/pem.h"

/* A peer decides how many certificates it shows and we search among them: what stands behind these is not looked at. */
#define CERT_CHAIN_MAX 40

struct cert_chain {
	size_t n;
	CRYPTO_BUFFER *der[CERT_CHAIN_MAX]; /* as shown, not yet parsed */
};

/* Takes a reference to der.  False: the chain is full; nothing was taken. */
bool cert_chain_add(struct cert_chain *chain, CRYPTO_BUFFER *der);

/* Where the sentence about a failure goes. */
struct cert_complaint {
	char *text;
	size_t n;
};
/* Returns false, so that a failing function can end with it. */
bool cert_complain(const struct cert_complaint *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Trust anchors (cert_anchors.c). */
struct cert_anchors {
	X509 **x; /* in the order of their subjects, once sorted */
	size_t n, cap;
	/* Until they are sorted: those of the configuration before, to share those that are the same.  Streams hold on
	 * to the configuration that they were made under, for days, and the system's bundle takes a megabyte. */
	const struct cert_anchors *before;
};
/* A bundle of the system may hold a certificate that BoringSSL does not read; in a file that the operator named that is
 * an error. */
enum cert_bundle { CERT_BUNDLE_LENIENT, CERT_BUNDLE_STRICT };
/* Add those of a PEM text or file; cert_anchors_sort() must follow.  name: of the text, for the complaint. */
MUST_CHECK bool cert_anchors_read(
    struct cert_anchors *anchors, BIO *bio, enum cert_bundle kind, const char *name, const struct cert_complaint *c);
MUST_CHECK bool cert_anchors_load(
    struct cert_anchors *anchors, const char *path, enum cert_bundle kind, const struct cert_complaint *c);
void cert_anchors_sort(struct cert_anchors *anchors);
void cert_anchors_clear(struct cert_anchors *anchors);
/* Those with this subject; *n how many. */
X509 *const *cert_anchors_find(const struct cert_anchors *anchors, const X509_NAME *subject, size_t *n);

/* Revocation lists (cert_crl.c). */
struct cert_crls {
	struct crl **v; /* in the order of their issuers' names, once sorted */
	size_t n;
};
/* The state of their files (cert_watch.c). */
struct cert_crls_stamp {
	uint8_t sha256[32];
};
void cert_crls_stamp(const struct conf *conf, struct cert_crls_stamp *stamp);
/* For scandir(): hidden files hold no lists. */
struct dirent;
int cert_crls_wanted(const struct dirent *entry);
/* Adds the lists of a file (PEM or DER), or of all files in a folder; cert_crls_sort() must follow. */
MUST_CHECK bool cert_crls_load(struct cert_crls *crls, const char *place, const struct cert_complaint *c);
void cert_crls_sort(struct cert_crls *crls);
void cert_crls_clear(struct cert_crls *crls);
/* What the lists of its issuer hold against a certificate; *when: Unix seconds. */
enum cert_revoked { CERT_NOT_REVOKED, CERT_IS_REVOKED, CERT_NOT_KNOWN /* no memory */ };
enum cert_revoked cert_crls_find(const struct cert_crls *crls, X509 *x, X509 *issuer, int64_t *when);
/* True if a current list speaks of the certificate, listed or not; *until: as long as one does. */
bool cert_crls_cover(const struct cert_crls *crls, X509 *x, X509 *issuer, int64_t now, int64_t *until);
/* Logs the lists that went out of date after `since`, up to now. */
void cert_crls_remind(const struct cert_crls *crls, int64_t since, int64_t now);

struct cert_store {
	struct conf *conf;           /* NULL: anchors only */
	struct cert_anchors anchors; /* everybody's */
	struct cert_anchors *peers;  /* by index of conf->peers */
	struct cert_crls crls;
	struct cert_crls_stamp crls_stamp; /* before they were read, or when it was asked last */
	bool retired;
	struct cert_proven *proven; /* shared with the store before; NULL: nothing is remembered */
	struct cert_ring *ring;     /* our own certificates (cert_own_internal.h) */
};
/* A row's own anchors. */
const struct cert_anchors *cert_store_peer(const struct cert_store *store, const struct conf_peer *row);

/* What a chain is judged by: the general rules, or those of a row. */
struct cert_rules {
	const struct cert_store *store;
	const struct conf_peer *row;        /* NULL: none */
	const struct cert_anchors *own;     /* the row's anchors; NULL: none */
	const struct cert_anchors *general; /* NULL: those do not count */
	int64_t now;
};

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
	bool sound;        /* path is in order by itself, whatever is held against it besides */
	size_t depth;      /* of the certificate at fault in path */
	const char *cause; /* BoringSSL's or ours; static */
	int64_t when;      /* REASON_CERT_REVOKED: since then; else 0 */
	int64_t until;     /* the last second of what else the finding rests on; 0: nothing else */
	struct cert_path path;
};

/* Paths that BoringSSL has found in order (cert_proven.c).  Its answer follows from the certificates, the purpose and
 * the time alone, so until the first of them ends it need not be asked again: a reload judges every open stream's peer
 * anew, and each answer costs it two signatures.  What configuration and revocation lists hold against a path is not in
 * it.  Any thread. */
struct cert_proven;
struct cert_proven *cert_proven_new(void); /* NULL: no memory */
struct cert_proven *cert_proven_ref(struct cert_proven *p);
void cert_proven_unref(struct cert_proven *p);
/* NULL knows of none, and learns nothing. */
bool cert_proven_find(struct cert_proven *p, const struct cert_path *path, bool client, int64_t now);
void cert_proven_add(struct cert_proven *p, const struct cert_path *path, bool client);

/* The certificates of a peer, parsed; those that cannot be read are left out. */
struct cert_peer {
	size_t n;
	X509 *cert[CERT_CHAIN_MAX];
};

/* Looks for a way from peer->cert[0] to an anchor that is in order at `now`. */
void cert_path_find(const struct cert_rules *rules, const struct cert_peer *peer, struct cert_found *found);
/* What a certificate's key, or its signature if that counts, lacks (cert_weak.c); NULL: strong enough. */
const char *cert_weakness(X509 *x, bool anchor);
const char *cert_signature_weakness(int nid);
/* Block list, revocation and pins (cert_allow.c): what is held against found->path, which is sound, becomes the
 * finding. */
void cert_allow(const struct cert_rules *rules, struct cert_found *found);
/* False: no memory. */
MUST_CHECK bool cert_key(X509 *x, struct conf_key *key);
/* The same as configurations write it; "": no memory. */
#define CERT_KEY_TEXT sizeof(((struct cert_label *)NULL)->key)
const char *cert_key_text(X509 *x, char out[static CERT_KEY_TEXT]);
/* Calls fn for every name that counts: dNSName and SRV-ID (without its service) as they stand, XmppAddr as a domain.
 * False: they cannot be read. */
MUST_CHECK bool cert_names_list(X509 *leaf, void (*fn)(void *arg, struct span name), void *arg);
enum cert_named {
	CERT_NAMED,
	CERT_NOT_NAMED,
	CERT_NAMED_IN_VAIN, /* an authority in the path is confined to other names */
};
#define CERT_NO_SIGNING "key usage lacks digitalSignature"
#define CERT_OUTSIDE "outside of the authority's name constraints"
/* Whether the leaf, in this path, names the domain. */
enum cert_named cert_names(const struct cert_path *path, const struct domain *domain);

/* Writes verdict->peer_text and verdict->detail.  misnamed: the leaf does not name the domain. */
void cert_text(struct cert_verdict *verdict, const struct cert_found *found, const struct domain *domain, bool misnamed,
    int64_t now);
/* The texts of facts. */
void cert_text_facts(X509 *x, struct cert_facts *facts);
int64_t cert_time(const ASN1_TIME *t);

#endif
