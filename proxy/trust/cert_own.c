#include "cert_internal.h"

#include <openssl/ec.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define MINT_DAYS 3650

void cert_own_clear(struct cert_own *own)
{
	cert_chain_free(own->chain);
	EVP_PKEY_free(own->key);
	*own = (struct cert_own){NULL, NULL};
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

bool cert_own_mint(struct cert_own *own)
{
	X509 *x = X509_new();
	CRYPTO_BUFFER *der = NULL;
	uint8_t *bytes = NULL;
	int n;

	own->key = mint_key();
	own->chain = calloc(1, sizeof(*own->chain));
	if (x != NULL && own->key != NULL && own->chain != NULL && mint_fill(x, own->key) &&
	    (n = i2d_X509(x, &bytes)) > 0)
		der = CRYPTO_BUFFER_new(bytes, (size_t)n, NULL);
	if (der != NULL)
		(void)cert_chain_add(own->chain, der);
	else
		cert_own_clear(own);
	OPENSSL_free(bytes);
	CRYPTO_BUFFER_free(der);
	X509_free(x);
	return own->key != NULL;
}
