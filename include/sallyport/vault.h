/* vault: private keys by number, and all that is ever done with them: they are read, they sign, they are forgotten.
 *
 * The bytes of a key never leave it.  They are kept as they were read; the parsed form takes far more memory, is made
 * when a key is first used, and only so many of them are kept.  Any thread may use a vault. */
#ifndef SALLYPORT_VAULT_H
#define SALLYPORT_VAULT_H

#include <openssl/base.h>

#include "sallyport/base.h"

/* More certificates than this in one file are refused. */
#define VAULT_CHAIN_MAX 40
/* So are more bytes of them: with the public key, they fit into one of keymsg's messages. */
#define VAULT_CHAIN_BYTES 122880u
/* A file of more bytes than this is refused. */
#define VAULT_FILE_MAX (1u << 20)
/* A signature by the largest key: RSA of 16384 bits. */
#define VAULT_SIGNATURE_MAX 2048

struct vault;
struct vault *vault_new(void);    /* NULL: no memory */
void vault_free(struct vault *v); /* wipes all keys; takes NULL */

/* A file that somebody has opened, or tried to. */
struct vault_file {
	const char *path; /* for sentences */
	int fd;           /* from its beginning; stays the caller's; below 0: there is none, because of … */
	int error;        /* … errno */
};
/* What may be told of a key, or the sentence why it was refused.  vault_answer_free() when done. */
struct vault_answer {
	uint8_t *p;
	size_t n;
	bool no_pair; /* refused: the one file for both lacks a certificate or a key altogether, so it may be meant for
	                 something else */
};
void vault_answer_free(struct vault_answer *answer);

/* Reads the certificates of one file and the private key of another, and keeps the key under id; if they have the same
 * path, both are read from the first.  True: answer holds the key's SubjectPublicKeyInfo (DER) and then each certificate
 * (DER), each behind its length in three bytes, big-endian.  False: the sentence. */
MUST_CHECK bool vault_load(struct vault *v, uint64_t id, const struct vault_file *certificates,
    const struct vault_file *key, struct vault_answer *answer);
/* Takes in a key that was made here.  False: no memory. */
MUST_CHECK bool vault_put(struct vault *v, uint64_t id, const EVP_PKEY *key);
/* Signs as TLS does it; algorithm: a SignatureScheme (RFC 8446 section 4.2.3).  False: no such key, the algorithm is
 * not the key's, or no memory. */
MUST_CHECK bool vault_sign(struct vault *v, uint64_t id, uint16_t algorithm, struct span bytes,
    uint8_t signature[static VAULT_SIGNATURE_MAX], size_t *n);
void vault_forget(struct vault *v, uint64_t id); /* wipes it, if there is such a key */

#endif
