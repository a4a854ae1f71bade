#include "tls_internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

/* Towards backends, however old: BoringSSL's own choice and order, without static RSA, which has no forward secrecy
 * (RFC 9325 section 4.1). */
#define CIPHERS "ALL:!kRSA"

/* What a peer may sign its handshake with: BoringSSL's list without rsa_pkcs1_sha1, and with the two kinds of key that
 * only private CAs issue. */
static const uint16_t verify_sigalgs[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256,
    SSL_SIGN_ED25519,
    SSL_SIGN_RSA_PSS_RSAE_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA256,
    SSL_SIGN_ECDSA_SECP384R1_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA384,
    SSL_SIGN_RSA_PKCS1_SHA384,
    SSL_SIGN_ECDSA_SECP521R1_SHA512,
    SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA512,
};

static const uint8_t alpn[] = {11, 'x', 'm', 'p', 'p', '-', 's', 'e', 'r', 'v', 'e', 'r'};

struct tls *tls_of(const SSL *ssl)
{
	struct tls *t = SSL_get_app_data(ssl);

	ENSURE(t != NULL);
	return t;
}

/* Every chain passes here: breaking the handshake would tell the peer no more than an alert number, and the verdict
 * needs the domain, which only the stream header brings. */
static enum ssl_verify_result_t accept_chain(SSL *ssl, uint8_t *alert)
{
	(void)ssl;
	(void)alert;
	return ssl_verify_ok;
}

static void note_alert(const SSL *ssl, int type, int value)
{
	struct tls *t = tls_of(ssl);
	int alert = value & 0xff;

	if (alert == SSL_AD_CLOSE_NOTIFY || alert == SSL_AD_USER_CANCELLED)
		return;
	if (type == SSL_CB_READ_ALERT)
		t->alert_in = alert;
	else if (type == SSL_CB_WRITE_ALERT)
		t->alert_out = alert;
}

static bool is_ours(const struct cert_store *store, const struct domain *domain)
{
	return store->conf != NULL && domain->n > 0 && conf_host_find(store->conf, domain) != NULL;
}

/* Direct TLS: the certificate follows the server name.  A client without one gets the first host's, so that it can be
 * told what is wrong in a stream error. */
static int choose_by_sni(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = tls_of(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct domain domain = {.n = 0};

	(void)arg;
	if (t->own_given)
		return SSL_TLSEXT_ERR_NOACK;
	cert_own_unref(t->own);
	t->own = NULL;
	if (name == NULL) {
		t->own = cert_own_default(t->ctx->store);
	} else if (domain_parse(&domain, span_of(name))) {
		t->own = cert_own_find(t->ctx->store, &domain);
	}
	if (t->own == NULL) {
		t->unserved = name == NULL || is_ours(t->ctx->store, &domain) ? REASON_OWN_CERT : REASON_HOST_UNKNOWN;
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return name != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* XEP-0368 section 2.2.  Inside STARTTLS ALPN has no meaning, and old peers that send it must not fail for it. */
static int choose_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n, void *arg)
{
	uint8_t *selected;

	(void)arg;
	if (!tls_of(ssl)->direct)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_select_next_proto(&selected, out_n, in, in_n, alpn, sizeof(alpn)) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

static bool role_is_server(enum tls_role role)
{
	return role == TLS_PUBLIC_IN || role == TLS_BACKEND_IN;
}

static bool role_is_public(enum tls_role role)
{
	return role == TLS_PUBLIC_IN || role == TLS_PUBLIC_OUT;
}

static SSL_CTX *role_new(enum tls_role role, const char *ciphers)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_with_buffers_method());

	if (ssl == NULL)
		return NULL;
	if (!SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) ||
	    !SSL_CTX_set_strict_cipher_list(ssl, role_is_public(role) ? ciphers : CIPHERS) ||
	    !SSL_CTX_set_verify_algorithm_prefs(ssl, verify_sigalgs, ARRAY_LEN(verify_sigalgs))) {
		SSL_CTX_free(ssl);
		return NULL;
	}
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* No resumption: a resumed session would carry an older chain past the verdict (invariant S11), and an s2s
	 * stream lives too long for the saved half round trip to matter. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_info_callback(ssl, note_alert);
	if (role != TLS_BACKEND_IN)
		SSL_CTX_set_custom_verify(ssl, SSL_VERIFY_PEER, accept_chain);
	SSL_CTX_set_cert_cb(ssl, tls_choose, NULL);
	if (role_is_server(role)) {
		SSL_CTX_set_select_certificate_cb(ssl, tls_note_client);
		SSL_CTX_set_tlsext_servername_callback(ssl, choose_by_sni);
		SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, NULL);
	}
	return ssl;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(0, "buf");

	if (method == NULL)
		return NULL;
	if (!BIO_meth_set_read(method, tls_bio_read) || !BIO_meth_set_write(method, tls_bio_write) ||
	    !BIO_meth_set_ctrl(method, bio_ctrl)) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

struct tls_ctx *tls_ctx_new(const struct cert_store *store, const char *ciphers, char *err, size_t err_n)
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		goto fail;
	ctx->store = store;
	ctx->bio = bio_method_new();
	ctx->shown = CRYPTO_BUFFER_POOL_new();
	ctx->backend = cert_own_mint();
	if (ctx->bio == NULL || ctx->shown == NULL || ctx->backend == NULL)
		goto fail;
	for (int role = 0; role < TLS_ROLES; role++) {
		ctx->role[role] = role_new((enum tls_role)role, ciphers);
		if (ctx->role[role] == NULL)
			goto fail;
		SSL_CTX_set0_buffer_pool(ctx->role[role], ctx->shown);
	}
	return ctx;
fail:
	ERR_clear_error();
	tls_ctx_free(ctx);
	(void)snprintf(err, err_n, "TLS could not be set up: out of memory");
	return NULL;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (ctx == NULL)
		return;
	for (int role = 0; role < TLS_ROLES; role++)
		SSL_CTX_free(ctx->role[role]);
	cert_own_unref(ctx->backend);
	CRYPTO_BUFFER_POOL_free(ctx->shown);
	BIO_meth_free(ctx->bio);
	free(ctx);
}

bool tls_only(struct tls *t, enum tls_kind kind)
{
	static const uint16_t ecdsa[] = {
	    SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_ECDSA_SECP521R1_SHA512};
	static const uint16_t rsa[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256,
	    SSL_SIGN_RSA_PSS_RSAE_SHA384, SSL_SIGN_RSA_PKCS1_SHA384, SSL_SIGN_RSA_PSS_RSAE_SHA512,
	    SSL_SIGN_RSA_PKCS1_SHA512};

	if (kind == TLS_ECDSA)
		return SSL_set_strict_cipher_list(t->ssl, "aECDSA") &&
		       SSL_set_verify_algorithm_prefs(t->ssl, ecdsa, ARRAY_LEN(ecdsa));
	return SSL_set_strict_cipher_list(t->ssl, "aRSA:!kRSA") &&
	       SSL_set_verify_algorithm_prefs(t->ssl, rsa, ARRAY_LEN(rsa));
}

bool tls_offer_alpn(SSL *ssl)
{
	return SSL_set_alpn_protos(ssl, alpn, sizeof(alpn)) == 0;
}
