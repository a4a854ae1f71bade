#include "tls_internal.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>
#include <openssl/nid.h>

/* Which of our certificates a peer is shown: one from an authority that it names, if there is one, else the first;
 * among those that it can verify.  What a client can do is in its ClientHello, which BoringSSL shows only at the
 * beginning. */

static bool is_ours(const SSL *ssl, const SSL_CIPHER *cipher)
{
	const STACK_OF(SSL_CIPHER) *ours = SSL_get_ciphers(ssl);

	for (size_t i = 0; i < sk_SSL_CIPHER_num(ours); i++) {
		if (sk_SSL_CIPHER_value(ours, i) == cipher)
			return true;
	}
	return false;
}

/* TLS 1.2: the cipher suite says what kind of key signs (RFC 8422 section 2), if it is one that we take, too. */
static void note_suites(struct tls_peer *peer, const SSL_CLIENT_HELLO *hello)
{
	CBS suites;
	uint16_t id;

	CBS_init(&suites, hello->cipher_suites, hello->cipher_suites_len);
	while (CBS_get_u16(&suites, &id)) {
		const SSL_CIPHER *cipher = SSL_get_cipher_by_value(id);

		if (cipher == NULL || !is_ours(hello->ssl, cipher))
			continue;
		peer->ecdsa = peer->ecdsa || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa;
		peer->rsa = peer->rsa || SSL_CIPHER_get_auth_nid(cipher) == NID_auth_rsa;
	}
}

static bool extension_list(const SSL_CLIENT_HELLO *hello, uint16_t type, CBS *list)
{
	const uint8_t *bytes;
	size_t n;
	CBS extension;

	if (!SSL_early_callback_ctx_extension_get(hello, type, &bytes, &n))
		return false;
	CBS_init(&extension, bytes, n);
	return CBS_get_u16_length_prefixed(&extension, list) != 0;
}

/* TLS 1.2: a key on another curve than these cannot be used with the client (RFC 8422 section 5.1). */
static void note_groups(struct tls_peer *peer, const SSL_CLIENT_HELLO *hello)
{
	uint16_t group;
	CBS list;

	peer->any_group = !extension_list(hello, TLSEXT_TYPE_supported_groups, &list);
	while (!peer->any_group && CBS_get_u16(&list, &group)) {
		peer->p256 = peer->p256 || group == SSL_CURVE_SECP256R1;
		peer->p384 = peer->p384 || group == SSL_CURVE_SECP384R1;
		peer->p521 = peer->p521 || group == SSL_CURVE_SECP521R1;
	}
}

enum ssl_select_cert_result_t tls_note_client(const SSL_CLIENT_HELLO *hello)
{
	struct tls *t = tls_of(hello->ssl);
	CBS list;

	/* once more after a HelloRetryRequest */
	OPENSSL_free(t->peer.authorities);
	t->peer = (struct tls_peer){.authorities = NULL};
	note_suites(&t->peer, hello);
	note_groups(&t->peer, hello);
	if (extension_list(hello, TLSEXT_TYPE_certificate_authorities, &list) &&
	    !CBS_stow(&list, &t->peer.authorities, &t->peer.authorities_n))
		return ssl_select_cert_error;
	return ssl_select_cert_success;
}

/* TLS 1.2: the same of a server, from its CertificateRequest. */
static void note_server(struct tls_peer *peer, const SSL *ssl)
{
	const uint8_t *types;
	size_t n = SSL_get0_certificate_types(ssl, &types);

	peer->any_group = true;
	for (size_t i = 0; i < n; i++) {
		peer->ecdsa = peer->ecdsa || types[i] == TLS_CT_ECDSA_SIGN;
		peer->rsa = peer->rsa || types[i] == TLS_CT_RSA_SIGN;
	}
}

static bool has_group(const struct tls_peer *peer, uint16_t group)
{
	return peer->any_group || (peer->p256 && group == SSL_CURVE_SECP256R1) ||
	       (peer->p384 && group == SSL_CURVE_SECP384R1) || (peer->p521 && group == SSL_CURVE_SECP521R1);
}

static bool kind_fits(const struct tls_peer *peer, const struct cert_pair *pair)
{
	return pair->kind == EVP_PKEY_RSA ? peer->rsa
	                                  : peer->ecdsa && (pair->group == 0 || has_group(peer, pair->group));
}

/* RFC 8446 section 4.2.3: there the curve is part of the algorithm, and PKCS#1 is for certificates alone. */
static bool algorithm_fits(uint16_t algorithm, const struct cert_pair *pair, bool tls13)
{
	switch (algorithm) {
	case SSL_SIGN_RSA_PKCS1_SHA256:
	case SSL_SIGN_RSA_PKCS1_SHA384:
	case SSL_SIGN_RSA_PKCS1_SHA512:
		return !tls13 && pair->kind == EVP_PKEY_RSA;
	case SSL_SIGN_RSA_PSS_RSAE_SHA256:
	case SSL_SIGN_RSA_PSS_RSAE_SHA384:
	case SSL_SIGN_RSA_PSS_RSAE_SHA512:
		return pair->kind == EVP_PKEY_RSA;
	case SSL_SIGN_ECDSA_SECP256R1_SHA256:
		return pair->kind == EVP_PKEY_EC && (!tls13 || pair->group == SSL_CURVE_SECP256R1);
	case SSL_SIGN_ECDSA_SECP384R1_SHA384:
		return pair->kind == EVP_PKEY_EC && (!tls13 || pair->group == SSL_CURVE_SECP384R1);
	case SSL_SIGN_ECDSA_SECP521R1_SHA512:
		return pair->kind == EVP_PKEY_EC && (!tls13 || pair->group == SSL_CURVE_SECP521R1);
	case SSL_SIGN_ED25519:
		return pair->kind == EVP_PKEY_ED25519;
	default:
		return false;
	}
}

static bool verifiable(const SSL *ssl, const struct tls_peer *peer, const struct cert_pair *pair)
{
	bool tls13 = SSL_version(ssl) >= TLS1_3_VERSION;
	const uint16_t *algorithms;
	size_t n = SSL_get0_peer_verify_algorithms(ssl, &algorithms);

	if (!tls13 && !kind_fits(peer, pair))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (algorithm_fits(algorithms[i], pair, tls13))
			return true;
	}
	return false;
}

/* For who asks later what kinds of certificate the server would have taken. */
static void note_request(struct tls *t)
{
	static const struct cert_pair rsa = {.kind = EVP_PKEY_RSA},
	                              p256 = {.kind = EVP_PKEY_EC, .group = SSL_CURVE_SECP256R1};

	t->asked = true;
	t->asked_rsa = verifiable(t->ssl, &t->peer, &rsa);
	t->asked_ecdsa = verifiable(t->ssl, &t->peer, &p256);
}

/* The Name of the issuer, as it stands in the certificate (RFC 5280 section 4.1). */
static bool issuer_of(const CRYPTO_BUFFER *der, CBS *issuer)
{
	CBS cbs, certificate, tbs;

	CRYPTO_BUFFER_init_CBS(der, &cbs);
	return CBS_get_asn1(&cbs, &certificate, CBS_ASN1_SEQUENCE) &&
	       CBS_get_asn1(&certificate, &tbs, CBS_ASN1_SEQUENCE) &&
	       CBS_get_optional_asn1(
	           &tbs, NULL, NULL, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0) && /* version */
	       CBS_get_asn1(&tbs, NULL, CBS_ASN1_INTEGER) &&                                  /* serialNumber */
	       CBS_get_asn1(&tbs, NULL, CBS_ASN1_SEQUENCE) &&                                 /* signature */
	       CBS_get_asn1_element(&tbs, issuer, CBS_ASN1_SEQUENCE);
}

static bool issued_by(const struct cert_chain *chain, const uint8_t *name, size_t n)
{
	CBS issuer;

	for (size_t i = 0; i < chain->n; i++) {
		if (issuer_of(chain->der[i], &issuer) && CBS_mem_equal(&issuer, name, n))
			return true;
	}
	return false;
}

/* Whether the chain leads to an authority that the peer named. */
static bool asked_for(const SSL *ssl, const struct tls_peer *peer, const struct cert_chain *chain)
{
	const STACK_OF(CRYPTO_BUFFER) *names = SSL_is_server(ssl) ? NULL : SSL_get0_server_requested_CAs(ssl);
	CBS list, name;

	for (size_t i = 0; names != NULL && i < sk_CRYPTO_BUFFER_num(names); i++) {
		const CRYPTO_BUFFER *der = sk_CRYPTO_BUFFER_value(names, i);

		if (issued_by(chain, CRYPTO_BUFFER_data(der), CRYPTO_BUFFER_len(der)))
			return true;
	}
	CBS_init(&list, peer->authorities, peer->authorities_n);
	while (CBS_get_u16_length_prefixed(&list, &name)) {
		if (issued_by(chain, CBS_data(&name), CBS_len(&name)))
			return true;
	}
	return false;
}

/* If the peer can verify none, the handshake fails with the first, and BoringSSL says why. */
static struct cert_pair *choose(const SSL *ssl, const struct tls_peer *peer, const struct cert_own *own)
{
	struct cert_pair *first = NULL;

	for (size_t i = 0; i < own->n; i++) {
		if (!verifiable(ssl, peer, own->pair[i]))
			continue;
		if (asked_for(ssl, peer, own->pair[i]->chain))
			return own->pair[i];
		if (first == NULL)
			first = own->pair[i];
	}
	return first != NULL ? first : own->pair[0];
}

int tls_choose(SSL *ssl, void *arg)
{
	struct tls *t = tls_of(ssl);
	struct cert_pair *pair;

	(void)arg;
	if (!SSL_is_server(ssl)) {
		note_server(&t->peer, ssl);
		note_request(t);
	}
	if (t->own == NULL)
		return 1;
	pair = choose(ssl, &t->peer, t->own);
	keys_key_unref(t->key);
	t->key = keys_key_ref(pair->key);
	return SSL_set_chain_and_key(ssl, pair->chain->der, pair->chain->n, NULL, &tls_key_method);
}

void tls_forget(struct tls *t)
{
	cert_own_unref(t->own);
	t->own = NULL;
	keys_drop(&t->ticket);
	keys_key_unref(t->key);
	t->key = NULL;
	OPENSSL_free(t->peer.authorities);
	t->peer = (struct tls_peer){.authorities = NULL};
}
