#include "tls_internal.h"

/* A signature may take a while, since the key is another process's: BoringSSL is told to ask again, and whoever runs
 * the handshake when to do that. */

static void on_answer(void *arg)
{
	struct tls *t = arg;

	if (t->signature != NULL)
		t->signature(t->signature_arg);
}

static enum ssl_private_key_result_t complete(SSL *ssl, uint8_t *out, size_t *n, size_t max)
{
	struct tls *t = tls_of(ssl);
	struct span signature;

	switch (keys_state(t->ticket, &signature)) {
	case KEYS_WAITING:
		return ssl_private_key_retry;
	case KEYS_SIGNED:
		break;
	case KEYS_REFUSED:
		t->no_signature = true;
		return ssl_private_key_failure;
	}
	if (signature.n > max)
		return ssl_private_key_failure;
	memcpy(out, signature.p, signature.n);
	*n = signature.n;
	keys_drop(&t->ticket);
	return ssl_private_key_success;
}

static enum ssl_private_key_result_t sign(
    SSL *ssl, uint8_t *out, size_t *n, size_t max, uint16_t algorithm, const uint8_t *in, size_t in_n)
{
	struct tls *t = tls_of(ssl);

	keys_drop(&t->ticket);
	t->ticket = keys_sign(t->line, t->key, algorithm, (struct span){(const char *)in, in_n}, on_answer, t);
	if (t->ticket != NULL)
		return complete(ssl, out, n, max);
	t->no_signature = true;
	return ssl_private_key_failure;
}

/* Only for key exchange by RSA, which we do not offer. */
static enum ssl_private_key_result_t decrypt(
    SSL *ssl, uint8_t *out, size_t *n, size_t max, const uint8_t *in, size_t in_n)
{
	(void)ssl;
	(void)out;
	(void)n;
	(void)max;
	(void)in;
	(void)in_n;
	return ssl_private_key_failure;
}

const SSL_PRIVATE_KEY_METHOD tls_key_method = {.sign = sign, .decrypt = decrypt, .complete = complete};
