#include "vault_internal.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* A used RSA key takes some 20 KB. */
#define PARSED_MAX 1024

struct vault *vault_new(void)
{
	struct vault *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	(void)pthread_mutex_init(&v->lock, NULL);
	v->parsed_max = PARSED_MAX;
	return v;
}

void vault_answer_free(struct vault_answer *answer)
{
	OPENSSL_free(answer->p);
	*answer = (struct vault_answer){.p = NULL};
}

static struct vault_key **slot_of(struct vault *v, uint64_t id)
{
	struct vault_key **slot = &v->bucket[id % VAULT_BUCKETS];

	while (*slot != NULL && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

static void unlink_parsed(struct vault *v, struct vault_key *k)
{
	if (k->newer != NULL)
		k->newer->older = k->older;
	else
		v->newest = k->older;
	if (k->older != NULL)
		k->older->newer = k->newer;
	else
		v->oldest = k->newer;
	k->newer = k->older = NULL;
	v->parsed--;
}

static void link_newest(struct vault *v, struct vault_key *k)
{
	k->older = v->newest;
	k->newer = NULL;
	if (v->newest != NULL)
		v->newest->newer = k;
	else
		v->oldest = k;
	v->newest = k;
	v->parsed++;
}

static void drop_parsed(struct vault *v, struct vault_key *k)
{
	if (k->parsed == NULL)
		return;
	unlink_parsed(v, k);
	EVP_PKEY_free(k->parsed);
	k->parsed = NULL;
}

/* Takes the key in *slot out and away. */
static void remove_key(struct vault *v, struct vault_key **slot)
{
	struct vault_key *k = *slot;

	*slot = k->next;
	drop_parsed(v, k);
	OPENSSL_free(k->der);
	free(k);
}

void vault_free(struct vault *v)
{
	if (v == NULL)
		return;
	for (size_t i = 0; i < VAULT_BUCKETS; i++) {
		while (v->bucket[i] != NULL)
			remove_key(v, &v->bucket[i]);
	}
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}

bool vault_put(struct vault *v, uint64_t id, const EVP_PKEY *key)
{
	struct vault_key *k = calloc(1, sizeof(*k)), **slot;
	CBB cbb;

	if (k == NULL)
		return false;
	k->id = id;
	CBB_zero(&cbb);
	if (!CBB_init(&cbb, 256) || !EVP_marshal_private_key(&cbb, key) || !CBB_finish(&cbb, &k->der, &k->der_n)) {
		CBB_cleanup(&cbb);
		ERR_clear_error();
		free(k);
		return false;
	}
	(void)pthread_mutex_lock(&v->lock);
	slot = slot_of(v, id);
	if (*slot != NULL)
		remove_key(v, slot);
	k->next = *slot;
	*slot = k;
	(void)pthread_mutex_unlock(&v->lock);
	return true;
}

bool vault_load(struct vault *v, uint64_t id, const struct vault_file *certificates, const struct vault_file *key,
    struct vault_answer *answer)
{
	EVP_PKEY *parsed = vault_read(certificates, key, answer);
	bool kept;

	if (parsed == NULL)
		return false;
	kept = vault_put(v, id, parsed);
	EVP_PKEY_free(parsed);
	if (!kept)
		vault_answer_free(answer); /* nothing to say: there is no memory for a sentence, either */
	return kept;
}

void vault_forget(struct vault *v, uint64_t id)
{
	struct vault_key **slot;

	(void)pthread_mutex_lock(&v->lock);
	slot = slot_of(v, id);
	if (*slot != NULL)
		remove_key(v, slot);
	(void)pthread_mutex_unlock(&v->lock);
}

/* The parsed key, which becomes the newest; with a reference. */
static EVP_PKEY *use(struct vault *v, struct vault_key *k)
{
	CBS der;

	CBS_init(&der, k->der, k->der_n);
	if (k->parsed == NULL) {
		k->parsed = EVP_parse_private_key(&der);
		if (k->parsed == NULL)
			return NULL;
		if (v->parsed == v->parsed_max)
			drop_parsed(v, v->oldest);
	} else {
		unlink_parsed(v, k);
	}
	link_newest(v, k);
	EVP_PKEY_up_ref(k->parsed);
	return k->parsed;
}

static bool sign_with(EVP_PKEY *key, uint16_t algorithm, struct span bytes, uint8_t *signature, size_t *n)
{
	bool pss = SSL_is_signature_algorithm_rsa_pss(algorithm) != 0;
	EVP_PKEY_CTX *settings;
	EVP_MD_CTX ctx;
	bool ok;

	if (EVP_PKEY_id(key) != SSL_get_signature_algorithm_key_type(algorithm) ||
	    (size_t)EVP_PKEY_size(key) > VAULT_SIGNATURE_MAX)
		return false;
	EVP_MD_CTX_init(&ctx);
	*n = VAULT_SIGNATURE_MAX;
	ok = EVP_DigestSignInit(&ctx, &settings, SSL_get_signature_algorithm_digest(algorithm), NULL, key) &&
	     (!pss || (EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) &&
	                  EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, -1 /* as long as the hash */))) &&
	     EVP_DigestSign(&ctx, signature, n, (const uint8_t *)bytes.p, bytes.n);
	EVP_MD_CTX_cleanup(&ctx);
	return ok;
}

bool vault_sign(struct vault *v, uint64_t id, uint16_t algorithm, struct span bytes,
    uint8_t signature[static VAULT_SIGNATURE_MAX], size_t *n)
{
	struct vault_key *k;
	EVP_PKEY *key = NULL;
	bool ok;

	(void)pthread_mutex_lock(&v->lock);
	k = *slot_of(v, id);
	if (k != NULL)
		key = use(v, k);
	(void)pthread_mutex_unlock(&v->lock);
	ok = key != NULL && sign_with(key, algorithm, bytes, signature, n);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}
