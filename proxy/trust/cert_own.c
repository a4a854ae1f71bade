#include "cert_own_internal.h"

#include <openssl/ec.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define MINT_DAYS 3650

static struct cert_own *own_new(void)
{
	struct cert_own *own = calloc(1, sizeof(*own));

	if (own != NULL)
		atomic_init(&own->refs, 1);
	return own;
}

struct cert_own *cert_own_ref(struct cert_own *own)
{
	atomic_fetch_add(&own->refs, 1);
	return own;
}

void cert_own_unref(struct cert_own *own)
{
	if (own == NULL || atomic_fetch_sub(&own->refs, 1) != 1)
		return;
	for (size_t i = 0; i < own->n; i++)
		cert_pair_unref(own->pair[i]);
	free(own);
}

static struct cert_own *find(const struct cert_store *store, const struct conf_host *host, const struct domain *domain)
{
	struct cert_own *own = own_new();

	if (own == NULL)
		return NULL;
	cert_ring_find(store->ring, host, domain, own);
	if (own->n > 0)
		return own;
	cert_own_unref(own);
	return NULL;
}

struct cert_own *cert_own_find(const struct cert_store *store, const struct domain *domain)
{
	const struct conf_host *host = store->conf != NULL ? conf_host_find(store->conf, domain) : NULL;

	return host != NULL ? find(store, host, domain) : NULL;
}

struct cert_own *cert_own_default(const struct cert_store *store)
{
	const struct conf_host *host = store->conf != NULL && store->conf->hosts_n > 0 ? store->conf->hosts : NULL;

	return host != NULL ? find(store, host, &host->domain) : NULL;
}

const struct cert_chain *cert_own_chain(const struct cert_own *own)
{
	return own->pair[0]->chain;
}

void cert_own_refresh(struct cert_store *store, int64_t now)
{
	if (store->ring == NULL)
		return;
	cert_ring_refresh(store->ring);
	cert_ring_warn(store->ring, now);
}

void cert_own_census(const struct cert_store *store, int64_t now, struct cert_census *census)
{
	*census = (struct cert_census){0};
	if (store->ring != NULL)
		cert_ring_census(store->ring, now, census);
}

bool cert_own_each(const struct cert_store *store, size_t host,
    void (*fn)(void *arg, const struct cert_own_facts *facts), void *arg)
{
	return store->ring != NULL && cert_ring_each(store->ring, host, fn, arg);
}

static EVP_PKEY *mint_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || !EVP_PKEY_keygen_init(ctx) ||
	    !EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) || !EVP_PKEY_keygen(ctx, &key))
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool mint_fill(X509 *x, EVP_PKEY *key)
{
	static const unsigned char name[] = "sallyport";
	X509_NAME *subject = X509_NAME_new();
	uint32_t serial;
	bool ok;

	if (subject == NULL || !RAND_bytes((uint8_t *)&serial, sizeof(serial))) {
		X509_NAME_free(subject);
		return false;
	}
	ok = X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) &&
	     X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, name, -1, -1, 0) &&
	     X509_set_subject_name(x, subject) && X509_set_issuer_name(x, subject) &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -86400L) != NULL &&
	     X509_gmtime_adj(X509_getm_notAfter(x), 86400L * MINT_DAYS) != NULL && X509_set_pubkey(x, key) &&
	     X509_sign(x, key, EVP_sha256()) != 0;
	X509_NAME_free(subject);
	return ok;
}

static struct cert_pair *mint_pair(X509 *x, EVP_PKEY *key)
{
	struct cert_pair *pair = NULL;
	CRYPTO_BUFFER *der = NULL;
	uint8_t *bytes = NULL;
	int n;

	if (x != NULL && key != NULL && mint_fill(x, key) && (n = i2d_X509(x, &bytes)) > 0)
		der = CRYPTO_BUFFER_new(bytes, (size_t)n, NULL);
	if (der != NULL)
		pair = cert_pair_of(der, key);
	OPENSSL_free(bytes);
	CRYPTO_BUFFER_free(der);
	return pair;
}

struct cert_own *cert_own_mint(void)
{
	struct cert_own *own = own_new();
	EVP_PKEY *key = mint_key();
	X509 *x = X509_new();
	struct cert_pair *pair = own != NULL ? mint_pair(x, key) : NULL;

	X509_free(x);
	EVP_PKEY_free(key);
	if (pair == NULL) {
		cert_own_unref(own);
		return NULL;
	}
	own->pair[own->n++] = pair;
	return own;
}
