/* cert: trust anchors, the verdict on a peer's chain, and our own certificates.
 *
 * A store is built once from a configuration; but for our own certificates it is immutable.  Any thread may use it.
 * BoringSSL's types stay out of this header. */
#ifndef SALLYPORT_CERT_H
#define SALLYPORT_CERT_H

#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/jid.h"
#include "sallyport/keys.h"
#include "sallyport/reason.h"

/* What judged a chain and how: facts for log and texts.  Strings are bounded and still unescaped (log escapes). */
struct cert_verdict {
	enum reason why;     /* REASON_NONE: trusted for the domain */
	int depth;           /* of the certificate at fault; 0 the leaf; -1: not one certificate's fault */
	char peer_text[256]; /* sentence for the other operator: what *they* must mend ("Your server's certificate
	                        expired 12 days ago …") */
	char detail[512];    /* for us: depth, subject, issuer, names seen, EKU */
	int64_t expires; /* its last second: earliest notAfter in the accepted chain, or the end of what a revocation
	                    list that must not be missing says; Unix seconds; 0 unless trusted */
};

struct cert_chain; /* a peer's certificates, leaf first, as shown in the handshake */
void cert_chain_free(struct cert_chain *chain);
/* From PEM text, leaf first (tests and `sallyportctl verify`).  NULL: not PEM, no certificate, or no memory. */
struct cert_chain *cert_chain_from_pem(struct span pem);

size_t cert_chain_n(const struct cert_chain *chain); /* NULL: 0 */
/* The same certificates in the same order; none is NULL. */
bool cert_chain_eq(const struct cert_chain *a, const struct cert_chain *b);

/* What one certificate of a chain says of itself, for tools.  Texts are ASCII without control characters. */
struct cert_facts {
	char subject[72], issuer[72];  /* common name, else organisation */
	char key[32];                  /* "ECDSA P-256", "RSA 2048" */
	char names[160];               /* dNSNames, the first few; "": none */
	char usage[96];                /* extended key usage: "serverAuth, clientAuth"; "": anything */
	bool server, client;           /* usage allows it */
	bool issued_previous;          /* its subject is the issuer of the one before it in the chain */
	bool self_issued;              /* subject and issuer are the same */
	int64_t not_before, not_after; /* Unix seconds */
};
/* i < cert_chain_n(), 0 is the leaf.  False: it cannot be read. */
MUST_CHECK bool cert_chain_facts(const struct cert_chain *chain, size_t i, struct cert_facts *facts);

struct cert_store; /* anchors and own certificates of one configuration */
/* With private keys in this process.  err: one sentence with file and cause, when NULL is returned (bad bundle, key
 * does not match, no memory, …). */
struct cert_store *cert_store_new(struct conf *conf, char *err, size_t err_n);
/* The same, but takes over what before (NULL: nothing) has of our own certificates' files that have not changed, or are
 * not in order.  keys: where private keys are, as long as there was nothing before; NULL: in this process. */
struct cert_store *cert_store_follow(
    struct conf *conf, const struct cert_store *before, struct keys *keys, char *err, size_t err_n);
/* Anchors alone, from PEM text: no certificates of our own. */
struct cert_store *cert_store_from_pem(struct span pem, char *err, size_t err_n);
/* Gives such a store the [revocation] of a configuration without hosts and peers, before it is used. */
MUST_CHECK bool cert_store_revoke(struct cert_store *store, struct conf *conf, char *err, size_t err_n);
void cert_store_free(struct cert_store *store);
/* Whether the files of revocation lists have changed since the store was made, or since this was asked last: a new
 * store would hold others.  Waits for the disk; from one thread. */
bool cert_store_outdated(struct cert_store *store);
/* Logs the revocation lists that went out of date after `since`, up to now (Unix seconds). */
void cert_store_remind(const struct cert_store *store, int64_t since, int64_t now);
/* No chain will be judged by the store any more, but its certificates are still in use: frees what only verdicts need
 * and may be large. */
void cert_store_retire(struct cert_store *store);

/* Judges a chain (NULL: the peer showed none) as the *server* certificate of a domain, whichever side opened the
 * connection (RFC 6120 section 13.7, RFC 9525).
 *
 * EKU: absent or serverAuth, at every step below the anchor.  Names: dNSName, SRV-ID and XmppAddr, never the common
 * name; a wildcard is a whole left-most label; the domain itself must satisfy constraints on dNSName.  Keys: RSA of
 * 2048 to 8192 bits, P-256, P-384, P-521, Ed25519; no SHA-1 below the anchor.  All ways to an anchor are tried, within
 * bounds; an anchor need not be self-signed, and one that equals the leaf is a pin.  Revocation: CRLs in files, as
 * [revocation] says; nothing is fetched.
 *
 * row: of the store's configuration; it may add anchors or make its own the only ones, let certificates for clients
 * alone (EKU clientAuth) count under those, and pin keys.  NULL: the general rules. now: Unix seconds.  domain may be
 * NULL: identity is not judged. */
void cert_judge(const struct cert_store *store, const struct cert_chain *chain, const struct domain *domain,
    const struct conf_peer *row, int64_t now, struct cert_verdict *verdict);

/* A certificate as [peer] and [revocation] name it: base64 of the SHA-256 of its SubjectPublicKeyInfo, and its serial
 * number in hexadecimal (negative or overlong ones: ""). */
struct cert_label {
	char key[45];
	char serial[41];
};
#define CERT_LABELS_MAX 10
/* Those on the way from the leaf to an anchor, or as far as it leads, by the general rules; for tools.  How many. */
size_t cert_labels(const struct cert_store *store, const struct cert_chain *chain, int64_t now,
    struct cert_label out[static CERT_LABELS_MAX]);

/* Our certificates for a domain: those that its host names, or those that [certificates] holds for it; several of
 * different kinds and authorities, of which tls shows each peer one that it can verify.
 *
 * Files are read when the store is made, when cert_own_refresh() finds them changed and, at most every few seconds,
 * when a domain of ours has no certificate; files that are not in order are told of once, and what was read before
 * stays. */
struct cert_own;
/* With a reference; what comes later does not change it.  NULL: the domain is not ours, or has none, or no memory. */
struct cert_own *cert_own_find(const struct cert_store *store, const struct domain *domain);
/* Those of the first host, for a direct TLS client that names none; NULL: no hosts. */
struct cert_own *cert_own_default(const struct cert_store *store);
struct cert_own *cert_own_ref(struct cert_own *own);
void cert_own_unref(struct cert_own *own); /* takes NULL */
/* What peers will see of the preferred one, to be judged like theirs.  own's. */
const struct cert_chain *cert_own_chain(const struct cert_own *own);
/* Those of our certificates that are in use, by the time that is left to them, and our domains that have none. */
#define CERT_CENSUS_BOUNDS 6
struct cert_census {
	int64_t first_end; /* of all, Unix seconds; 0: there are none */
	/* expired, ending within a day, 7 days, 14 days, 30 days (each without those before), later */
	uint64_t by_end[CERT_CENSUS_BOUNDS];
	uint64_t uncovered; /* domains that none of them names */
};
/* Takes time in the number of hosts: not for a worker's thread, nor for every question. */
void cert_own_census(const struct cert_store *store, int64_t now, struct cert_census *census);
/* One of those; file NULL: none names the domain, and what follows is empty. */
struct cert_own_facts {
	const struct conf_host *host;
	struct span name; /* of the host or one of its subdomains */
	const char *file;
	const char *kind; /* "ECDSA", "RSA", … */
	int64_t not_before, not_after;
};
/* Those of the host at this place of the configuration, each for each domain that it would be shown for, the preferred ones
 * first.  False: there is no such place.  fn must not ask for certificates. */
MUST_CHECK bool cert_own_each(const struct cert_store *store, size_t host,
    void (*fn)(void *arg, const struct cert_own_facts *facts), void *arg);
/* Looks for new and changed files, and logs what is about to expire (30, 14, 7 and 1 days before, then daily) and which
 * domains have no certificate.  Waits for the disk: not for a worker's thread. */
void cert_own_refresh(struct cert_store *store, int64_t now);

/* For tools: certificates in files.  Neither is the daemon's. */
typedef bool cert_files_fn(void *arg, const char *certificate, const char *key);
/* Tells found() of each certificate with its key in a folder and those below it, by their names, as [certificates]
 * directory has it; false from found() ends the walk.  err: the last folder that could not be read, or "".  False:
 * found() said so. */
bool cert_files_find(const char *folder, cert_files_fn *found, void *arg, char *err, size_t err_n);
/* Judges what a peer of ours would see if the pair were shown for the domain, by the general rules; *named: whether it
 * names the domain, be it trusted or not.  False: the files are not in order, and err says why; the rest is as it was.
 */
bool cert_files_judge(const struct cert_store *store, const struct keys_files *files, const struct domain *domain,
    int64_t now, struct cert_verdict *verdict, bool *named, char *err, size_t err_n);

#endif
