/* keys: our private keys from where TLS stands: they can be loaded by file and asked for a signature, and nothing else.
 *
 * They lie in a vault.  In the daemon that is another process (signer.h), so that nothing in this one's memory is a
 * key; in tools and tests it is here.  Whoever uses them sees no difference but that a signature may take a while.
 *
 * When the key process dies, keys_watch() has another one started, which loads all keys again; what was being asked for
 * is asked for again, and its caller notices nothing but the time. */
#ifndef SALLYPORT_KEYS_H
#define SALLYPORT_KEYS_H

#include <openssl/base.h>

#include "sallyport/base.h"
#include "sallyport/loop.h"

struct keys; /* counted by reference; any thread */
/* Keys in this process.  NULL: no memory. */
struct keys *keys_new(void);
/* Keys in a process of their own, which whoever is at the other end of `ask` starts (supervisor.h); with a line for
 * each of so many threads.  ask becomes theirs.  Waits until it is there.  NULL: err says why. */
struct keys *keys_connect(int ask, unsigned lines, char *err, size_t err_n);
struct keys *keys_ref(struct keys *keys);
void keys_unref(struct keys *keys); /* takes NULL */
/* From now on this loop notices when the key process has died.  keys_unwatch() before the loop is freed.  False: no
 * memory. */
MUST_CHECK bool keys_watch(struct keys *keys, struct loop *loop);
void keys_unwatch(struct keys *keys);

/* A configuration is about to be read that may name other files: those may be loaded from now on. */
void keys_reread(struct keys *keys);

/* For file_set_opener(): has the supervisor open a file that the configuration names, if it is none of a key; keys is a
 * struct keys * from keys_connect(). */
int keys_open(void *keys, const char *path, bool check);

struct keys_key; /* a key; counted by reference; any thread */
struct keys_key *keys_key_ref(struct keys_key *key);
void keys_key_unref(struct keys_key *key); /* the last one has it forgotten; takes NULL */

/* A certificate with its key, or both in one file. */
struct keys_files {
	const char *certificate, *key;
};
/* What became of them; spans live during the call. */
struct keys_loaded {
	struct keys_key *key;   /* with a reference for whoever is told; NULL: refused, and `error` says why */
	struct span public_key; /* SubjectPublicKeyInfo, DER */
	struct span chain;      /* certificates in their order, DER, each behind its length in three bytes */
	const char *error;
	bool no_pair; /* refused: the one file for both lacks a certificate or a key altogether */
};
/* At most so many at once. */
#define KEYS_BATCH 8u
/* Loads some, and tells of each in turn.  Waits for disk and key process, so not for a worker in a hurry.  False: the
 * key process is not there, or no memory; not all of them were told of. */
MUST_CHECK bool keys_load(struct keys *keys, const struct keys_files *files, size_t n,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg);
/* A key that was made here, and stays in this process: for a certificate that nobody trusts.  NULL: no memory. */
struct keys_key *keys_keep(const EVP_PKEY *key);

/* One thread's way to ask for signatures.  Before keys_unref(), in the loop's thread or when that has ended. */
struct keys_line;
/* NULL: no memory, or more lines than keys_connect() was told of. */
struct keys_line *keys_line_new(struct keys *keys, struct loop *loop);
void keys_line_free(struct keys_line *line); /* no callback after this; takes NULL */

/* Signatures that one line may wait for. */
#define KEYS_WAITING_MAX 1024u
struct keys_ticket;
/* Asks for a signature; algorithm: a SignatureScheme.  fn(arg) is called in the line's thread when there is an answer,
 * but never before keys_sign() has returned: it may be there at once.  line: NULL does for keys in this process. NULL:
 * no memory, or too many are waited for. */
struct keys_ticket *keys_sign(struct keys_line *line, struct keys_key *key, uint16_t algorithm, struct span bytes,
    void (*fn)(void *arg), void *arg);
enum keys_state { KEYS_WAITING, KEYS_SIGNED, KEYS_REFUSED };
/* *signature: the ticket's. */
enum keys_state keys_state(const struct keys_ticket *ticket, struct span *signature);
/* No callback after this; takes NULL, and leaves it. */
void keys_drop(struct keys_ticket **ticket);

#endif
