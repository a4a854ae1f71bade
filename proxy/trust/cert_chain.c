#include "cert_internal.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <stdlib.h>

void cert_chain_free(struct cert_chain *chain)
{
	if (chain == NULL)
		return;
	for (size_t i = 0; i < chain->n; i++)
		CRYPTO_BUFFER_free(chain->der[i]);
	free(chain);
}

bool cert_chain_add(struct cert_chain *chain, CRYPTO_BUFFER *der)
{
	if (chain->n == CERT_CHAIN_MAX)
		return false;
	CRYPTO_BUFFER_up_ref(der);
	chain->der[chain->n++] = der;
	return true;
}

BIO *cert_pem_open(struct span pem)
{
	return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* BoringSSL reports "nothing more" as an error like any other. */
bool cert_pem_at_end(void)
{
	uint32_t error = ERR_peek_last_error();

	ERR_clear_error();
	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

enum cert_pem cert_pem_next(BIO *bio, CRYPTO_BUFFER **der)
{
	for (;;) {
		char *name = NULL, *header = NULL;
		unsigned char *data = NULL;
		long n = 0;
		bool wanted;

		ERR_clear_error();
		if (!PEM_read_bio(bio, &name, &header, &data, &n))
			return cert_pem_at_end() ? CERT_PEM_END : CERT_PEM_BAD;
		wanted = strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
		if (wanted)
			*der = CRYPTO_BUFFER_new(data, (size_t)n, NULL);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
		if (wanted)
			return *der != NULL ? CERT_PEM_ONE : CERT_PEM_BAD;
	}
}

struct cert_chain *cert_chain_from_pem(struct span pem)
{
	struct cert_chain *chain = calloc(1, sizeof(*chain));
	BIO *bio = cert_pem_open(pem);
	enum cert_pem rc = CERT_PEM_BAD;
	CRYPTO_BUFFER *der = NULL;

	while (chain != NULL && bio != NULL && (rc = cert_pem_next(bio, &der)) == CERT_PEM_ONE) {
		/* Behind the bound nothing is read from a handshake either. */
		(void)cert_chain_add(chain, der);
		CRYPTO_BUFFER_free(der);
	}
	BIO_free(bio);
	if (rc == CERT_PEM_END && chain->n > 0)
		return chain;
	cert_chain_free(chain);
	return NULL;
}
