/* cert, inside: our own certificates: a pair of files (cert_pair.c), the folders that hold them (cert_folder.c), the
 * index of those that one configuration uses (cert_ring_internal.h), and what is said about them (cert_warn.c). */
#ifndef SALLYPORT_CERT_OWN_INTERNAL_H
#define SALLYPORT_CERT_OWN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "cert_internal.h"
#include "sallyport/keys.h"

/* What stands between two looks at a file: if it is the same, so is the file.  The inode tells a swapped symlink. */
struct cert_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};
/* A certificate's and its key's. */
struct cert_stamps {
	struct cert_stamp certificate, key;
};

struct cert_pair;

/* What the stores of successive configurations share, so that a reload costs nothing for files that stay the same. */
struct cert_cache {
	atomic_uint refs;
	pthread_mutex_t scan; /* one look at the files at a time; also guards what a pair says about that */
	uint64_t censuses;    /* taken so far; the scan is locked */
	pthread_mutex_t lock; /* every ring's index */
	struct keys *keys;
};
/* keys: where the keys are; NULL: in this process.  NULL: no memory. */
struct cert_cache *cert_cache_new(struct keys *keys);
struct cert_cache *cert_cache_ref(struct cert_cache *cache);
void cert_cache_unref(struct cert_cache *cache);

/* A certificate with its chain, and its key, wherever that is. */
struct cert_pair {
	atomic_uint refs;
	struct keys_key *key; /* NULL: the files are not in order */
	char *certificate, *key_file;
	struct cert_stamps stamps;
	struct cert_chain *chain; /* NULL: the files are not in order */
	int kind;                 /* EVP_PKEY_EC, … */
	uint16_t group;           /* SSL_GROUP_…: an EC key's curve; 0: none that TLS has a signature for */
	int64_t not_before, not_after;
	char *names; /* each terminated, lower case: what the certificate stands for, "*.a.example" as it is */
	size_t names_n;

	struct cert_stamps refused; /* of files that were found wanting, and that this pair outlived */
	int warned_days;            /* the nearest bound before its end that was told; 0: none was */
	int64_t warned_at;
	uint64_t counted; /* the census that it was counted in last */
};
/* What was loaded from these files, whose key it takes.  NULL: no memory.  If they are not in order c says why, and the
 * pair has no chain. */
struct cert_pair *cert_pair_new(const struct keys_files *files, const struct cert_stamps *stamps,
    const struct keys_loaded *loaded, const struct cert_complaint *c);
/* Takes a reference to der; the key is kept in this process (keys_keep()).  NULL: no
 * memory. */
struct cert_pair *cert_pair_of(CRYPTO_BUFFER *der, EVP_PKEY *key);
struct cert_pair *cert_pair_ref(struct cert_pair *pair);
void cert_pair_unref(struct cert_pair *pair);
/* Whether the certificate stands for the name, or (a wildcard, as written) for just those below. */
bool cert_pair_names(const struct cert_pair *pair, struct span name);
/* Keeps one copy of the certificates that two chains have in common at the same place. */
void cert_pair_share(struct cert_pair *pair, const struct cert_pair *with);
void cert_stamps_take(struct cert_stamps *stamps, const char *certificate, const char *key);
bool cert_stamps_same(const struct cert_stamps *a, const struct cert_stamps *b);

/* Who is told what a folder holds. */
struct cert_walk {
	/* False ends the walk. */
	bool (*found)(void *arg, const char *certificate, const char *key);
	/* True: nothing new is expected in this folder. */
	bool (*skip)(void *arg, const char *folder);
	void *arg;
};
/* Certificates with keys in a folder and those below it.  One that cannot be read is passed over, with a complaint in
 * c; the last one counts.  False: found() said so. */
bool cert_folder_walk(const struct cert_walk *walk, const char *path, const struct cert_complaint *c);

/* At most this many certificates are looked at for one domain. */
#define CERT_OWN_MAX 8

struct cert_own {
	atomic_uint refs;
	size_t n;
	struct cert_pair *pair[CERT_OWN_MAX]; /* the preferred one first */
};
/* A self-signed ECDSA certificate that nobody is expected to trust.  NULL: no memory. */
struct cert_own *cert_own_mint(void);

/* All pairs that a configuration uses, by file, by name and by host. */
struct cert_ring;
/* before: takes over what has not changed since, and where the keys are; NULL: nothing.  NULL: c says why. */
struct cert_ring *cert_ring_new(
    struct conf *conf, const struct cert_ring *before, struct keys *keys, const struct cert_complaint *c);
void cert_ring_free(struct cert_ring *ring); /* takes NULL */
/* What counts for a domain of this host, into own. */
void cert_ring_find(
    struct cert_ring *ring, const struct conf_host *host, const struct domain *domain, struct cert_own *own);
/* The same for a name as certificates have it, without looking for new files; the scan is locked. */
void cert_ring_peek(struct cert_ring *ring, const struct conf_host *host, struct span name, struct cert_own *own);
/* Looks at all files. */
void cert_ring_refresh(struct cert_ring *ring);
/* Says what its operator should see to; again only after a day, or when the next bound is near. */
void cert_ring_warn(struct cert_ring *ring, int64_t now);
bool cert_ring_each(
    struct cert_ring *ring, size_t at, void (*fn)(void *arg, const struct cert_own_facts *facts), void *arg);
void cert_ring_census(struct cert_ring *ring, int64_t now, struct cert_census *census);
/* When it was last said that a host has a domain without a certificate; the scan is locked. */
int64_t *cert_ring_warned(struct cert_ring *ring, const struct conf_host *host);
struct cert_cache *cert_ring_cache(const struct cert_ring *ring);
const struct conf *cert_ring_conf(const struct cert_ring *ring);

#endif
