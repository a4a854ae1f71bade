/* cert, inside: the index of our own pairs.  cert_scan.c makes it from the files, cert_index.c builds and searches it,
 * cert_ring.c holds the present one. */
#ifndef SALLYPORT_CERT_RING_INTERNAL_H
#define SALLYPORT_CERT_RING_INTERNAL_H

#include <limits.h>

#include "cert_own_internal.h"

/* The rank of a pair that only hosts name. */
#define CERT_RANK_NONE UINT_MAX

/* A pair that this configuration uses. */
struct cert_entry {
	struct cert_pair *pair;
	unsigned rank; /* of the first folder that has it */
	bool missing;  /* the folder had it the time before; whoever renews may just be about to write it anew */
};

struct cert_name {
	const char *text; /* the pair's */
	struct cert_pair *pair;
	unsigned rank;
};

/* Immutable; shared with the ring of the configuration before as long as no file changes. */
struct cert_index {
	atomic_uint refs;
	struct cert_entry *entry; /* in the order of their files */
	size_t n;
	struct cert_name *name; /* of those in folders, in order; the preferred one of the same text first */
	size_t names_n;
};

/* The pairs of the hosts that name theirs; they are the index's. */
struct cert_hosts {
	struct cert_pair **own; /* host by host */
	size_t *own_at;         /* by index of conf->hosts: where its begin; one more for the end */
};

struct cert_ring {
	struct conf *conf;
	struct cert_cache *cache;
	struct cert_index *index; /* replaced, with hosts, under both locks, so either is enough to read them */
	struct cert_hosts hosts;
	int64_t looked_at; /* when a missing certificate last made us look; the scan's lock */
	int64_t *warned;   /* by index of conf->hosts */
};

/* With a reference; NULL: no memory. */
struct cert_index *cert_index_new(size_t entries);
struct cert_index *cert_index_ref(struct cert_index *index);
void cert_index_unref(struct cert_index *index); /* takes NULL */
/* -1, 0 or 1: the order of entries. */
int cert_files_order(const char *a, const char *a_key, const char *b, const char *b_key);
/* The first entry whose files are not before these. */
size_t cert_index_bound(const struct cert_index *index, const char *certificate, const char *key);
/* index may be NULL; NULL: there is none. */
const struct cert_entry *cert_index_entry(const struct cert_index *index, const char *certificate, const char *key);
/* Once all entries are in it: the names.  False: no memory. */
MUST_CHECK bool cert_index_names(struct cert_index *index);
/* Adds those with this name that are valid, or those that are not. */
void cert_index_find(const struct cert_index *index, const char *name, bool valid, int64_t now, struct cert_own *own);
/* The hosts' own pairs.  False: no memory; hosts is to be cleared all the same. */
MUST_CHECK bool cert_hosts_build(struct cert_hosts *hosts, const struct cert_index *index, const struct conf *conf);
void cert_hosts_clear(struct cert_hosts *hosts);

/* How a look at the files is meant. */
enum cert_scan {
	CERT_SCAN_FIRST, /* at all; a host's own pair must be in order, unless an old one can stay */
	CERT_SCAN_ALL,
	CERT_SCAN_NEW, /* only for new ones */
};
/* Looks at the files, and installs in the ring what has changed since old (NULL: nothing was).  The scan's lock is
 * held. False: c says why. */
MUST_CHECK bool cert_scan(
    struct cert_ring *ring, struct cert_index *old, enum cert_scan how, const struct cert_complaint *c);
/* Takes index and hosts. */
void cert_ring_install(struct cert_ring *ring, struct cert_index *index, const struct cert_hosts *hosts);

#endif
