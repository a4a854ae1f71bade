/* vault, inside: what vault.c (the table) and vault_read.c (the files) share. */
#ifndef SALLYPORT_VAULT_INTERNAL_H
#define SALLYPORT_VAULT_INTERNAL_H

#include <openssl/evp.h>
#include <pthread.h>

#include "sallyport/vault.h"

#define VAULT_BUCKETS 1024u

struct vault_key {
	uint64_t id;
	uint8_t *der; /* PKCS#8; OPENSSL_free() wipes what it frees */
	size_t der_n;
	EVP_PKEY *parsed;                /* NULL: not yet, or not any more */
	struct vault_key *next;          /* in its bucket */
	struct vault_key *newer, *older; /* by last use, if parsed */
};

struct vault {
	pthread_mutex_t lock;
	struct vault_key *bucket[VAULT_BUCKETS];
	struct vault_key *newest, *oldest;
	size_t parsed, parsed_max;
};

/* Reads both files.  NULL: answer says why; else it holds what vault_load() promises. */
EVP_PKEY *vault_read(const struct vault_file *certificates, const struct vault_file *key, struct vault_answer *answer);

#endif
