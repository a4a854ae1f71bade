/* link: one connection of ours, in the clear or in TLS.
 *
 * Like the gateway's leg, but made for load: each link_write() is one TLS record, and what was written goes out in one
 * system call at link_flush().  Owner: link_connect()'s or link_accept()'s caller; link_free() is legal inside any
 * hook. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <openssl/ssl.h>

#include "bench.h"
#include "sallyport/addr.h"
#include "sallyport/base.h"

/* Plaintext of one record. */
#define LINK_RECORD_MAX 16384u
/* Who has so many bytes waiting should write no more until `writable`. */
#define LINK_HIGH_WATER 24576u

struct link;

struct link_hooks {
	void (*connected)(void *arg);
	void (*secured)(void *arg);
	/* Plaintext; returns how many bytes it took.  The rest comes again, with more behind it. */
	size_t (*data)(void *arg, struct span bytes);
	/* all that waited has been sent */
	void (*writable)(void *arg);
	/* final; why: NULL for an end in order (FIN or close_notify), else half a sentence */
	void (*ended)(void *arg, const char *why);
};

/* How BoringSSL reaches a link; for bench.bio.  NULL: no memory. */
BIO_METHOD *link_bio_method(void);

/* NULL: no memory, or no way to connect (errno). */
struct link *link_connect(struct lane *lane, const struct addr *to, const struct link_hooks *hooks, void *arg);
struct link *link_accept(struct lane *lane, int fd, const struct link_hooks *hooks, void *arg);
void link_free(struct link *l); /* takes NULL */

/* Starts TLS; ssl becomes the link's.  NULL ssl: fails later, through `ended`. */
void link_secure(struct link *l, SSL *ssl);
const SSL *link_ssl(const struct link *l);
/* At most LINK_RECORD_MAX bytes: one record, or as they are.  Failures come through `ended`. */
void link_write(struct link *l, struct span bytes);
/* Where words are put in the clear of TLS; link_say() sends them. */
struct buf *link_words(struct link *l);
void link_say(struct link *l);
void link_flush(struct link *l);
/* Bytes that the socket has not taken yet. */
size_t link_queued(const struct link *l);
/* Calls `writable` in a later turn, also if nothing waits. */
void link_ask_writable(struct link *l);
/* Flush, close_notify, FIN; reading goes on. */
void link_shut(struct link *l);

#endif
