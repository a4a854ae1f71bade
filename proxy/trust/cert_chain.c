#include "cert_internal.h"

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

struct cert_chain *cert_chain_from_pem(struct span pem)
{
	struct cert_chain *chain = calloc(1, sizeof(*chain));
	BIO *bio = pem_open(pem);
	enum pem_rc rc = PEM_BAD;
	CRYPTO_BUFFER *der = NULL;

	while (chain != NULL && bio != NULL && (rc = pem_next(bio, &der)) == PEM_ONE) {
		/* Behind the bound nothing is read from a handshake either. */
		(void)cert_chain_add(chain, der);
		CRYPTO_BUFFER_free(der);
	}
	BIO_free(bio);
	if (rc == PEM_END && chain->n > 0)
		return chain;
	cert_chain_free(chain);
	return NULL;
}
