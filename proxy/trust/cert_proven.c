#include "cert_internal.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A power of two; 56 bytes each, and only those that are used take memory. */
#define PROOFS 8192u

struct proof {
	uint8_t path[SHA256_DIGEST_LENGTH];
	int64_t after, before; /* Unix seconds, exclusive: while all its certificates are valid */
};

struct cert_proven {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct proof proof[PROOFS];
};

struct cert_proven *cert_proven_new(void)
{
	struct cert_proven *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

struct cert_proven *cert_proven_ref(struct cert_proven *p)
{
	if (p != NULL)
		atomic_fetch_add(&p->refs, 1);
	return p;
}

void cert_proven_unref(struct cert_proven *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/* The path and what it was to be good for.  False: no memory. */
static bool digest(const struct cert_path *path, bool client, uint8_t out[static SHA256_DIGEST_LENGTH])
{
	uint8_t one[EVP_MAX_MD_SIZE], purpose = client;
	SHA256_CTX all;
	unsigned n;

	SHA256_Init(&all);
	SHA256_Update(&all, &purpose, 1);
	for (size_t i = 0; i < path->n; i++) {
		if (!X509_digest(path->cert[i], EVP_sha256(), one, &n))
			return false;
		SHA256_Update(&all, one, n);
	}
	SHA256_Final(out, &all);
	return true;
}

static struct proof *place(struct cert_proven *p, const uint8_t path[static SHA256_DIGEST_LENGTH])
{
	return &p->proof[(path[0] | (unsigned)path[1] << 8) % PROOFS];
}

bool cert_proven_find(struct cert_proven *p, const struct cert_path *path, bool client, int64_t now)
{
	uint8_t key[SHA256_DIGEST_LENGTH];
	const struct proof *proof;
	bool found;

	if (p == NULL || !digest(path, client, key))
		return false;
	proof = place(p, key);
	(void)pthread_mutex_lock(&p->lock);
	found = memcmp(proof->path, key, sizeof(key)) == 0 && proof->after < now && now < proof->before;
	(void)pthread_mutex_unlock(&p->lock);
	return found;
}

void cert_proven_add(struct cert_proven *p, const struct cert_path *path, bool client)
{
	struct proof proof = {.after = INT64_MIN, .before = INT64_MAX};

	if (p == NULL || !digest(path, client, proof.path))
		return;
	for (size_t i = 0; i < path->n; i++) {
		int64_t after = cert_time(X509_get0_notBefore(path->cert[i]));
		int64_t before = cert_time(X509_get0_notAfter(path->cert[i]));

		proof.after = after > proof.after ? after : proof.after;
		proof.before = before < proof.before ? before : proof.before;
	}
	(void)pthread_mutex_lock(&p->lock);
	*place(p, proof.path) = proof;
	(void)pthread_mutex_unlock(&p->lock);
}
