#include "secure.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct secure {
	struct secure_options options;
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	enum secure_state state;
	struct fake_bytes plain;
	char error[256];
	bool asked;
	size_t authorities;
	char offered_alpn[64];
};

static enum ssl_verify_result_t judge(SSL *ssl, uint8_t *alert)
{
	const struct secure *s = SSL_get_app_data(ssl);

	if (s->options.refuse < 0)
		return ssl_verify_ok;
	*alert = (uint8_t)s->options.refuse;
	return ssl_verify_invalid;
}

/* The client was asked for its certificate. */
static int was_asked(SSL *ssl, void *arg)
{
	struct secure *s = arg;
	const STACK_OF(CRYPTO_BUFFER) *names = SSL_get0_server_requested_CAs(ssl);

	s->asked = true;
	s->authorities = names != NULL ? sk_CRYPTO_BUFFER_num(names) : 0;
	return 1;
}

static int choose_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n, void *arg)
{
	struct secure *s = arg;
	const char *wanted = s->options.alpn;

	(void)ssl;
	ENSURE(in_n > 0 && in[0] < sizeof(s->offered_alpn));
	memcpy(s->offered_alpn, in + 1, in[0]);
	if (strcmp(s->offered_alpn, wanted) != 0)
		return SSL_TLSEXT_ERR_NOACK;
	*out = in + 1;
	*out_n = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static void set_up_client(struct secure *s)
{
	uint8_t alpn[65];
	size_t n = strlen(s->options.alpn);

	SSL_set_connect_state(s->ssl);
	if (s->options.sni[0] != '\0')
		ENSURE(SSL_set_tlsext_host_name(s->ssl, s->options.sni));
	if (n == 0)
		return;
	alpn[0] = (uint8_t)n;
	memcpy(alpn + 1, s->options.alpn, n);
	ENSURE(SSL_set_alpn_protos(s->ssl, alpn, (unsigned)n + 1) == 0);
}

struct secure *secure_new(const struct secure_options *options)
{
	struct secure *s = fake_alloc(sizeof(*s));

	s->options = *options;
	s->ctx = SSL_CTX_new(TLS_method());
	ENSURE(s->ctx != NULL);
	if (options->cert != NULL)
		cert_use(options->cert, s->ctx);
	if (!options->server || options->asks)
		SSL_CTX_set_custom_verify(s->ctx, SSL_VERIFY_PEER, judge);
	if (options->max_version != 0)
		ENSURE(SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION) &&
		       SSL_CTX_set_max_proto_version(s->ctx, options->max_version));
	SSL_CTX_set_alpn_select_cb(s->ctx, choose_alpn, s);
	if (!options->server)
		SSL_CTX_set_cert_cb(s->ctx, was_asked, s);
	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	ENSURE(s->ssl != NULL && s->in != NULL && s->out != NULL);
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_app_data(s->ssl, s);
	if (options->server)
		SSL_set_accept_state(s->ssl);
	else
		set_up_client(s);
	return s;
}

void secure_free(struct secure *s)
{
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	fake_bytes_free(&s->plain);
	free(s);
}

static void failed(struct secure *s)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	s->state = SECURE_FAILED;
	(void)snprintf(s->error, sizeof(s->error), "%s", reason != NULL ? reason : "no reason given");
	ERR_clear_error();
}

static void handshake(struct secure *s)
{
	int rc = SSL_do_handshake(s->ssl);
	int error = SSL_get_error(s->ssl, rc);

	if (rc == 1)
		s->state = SECURE_OPEN;
	else if (error != SSL_ERROR_WANT_READ)
		failed(s);
}

static void read_plain(struct secure *s)
{
	char piece[16384];
	int n, error;

	while ((n = SSL_read(s->ssl, piece, sizeof(piece))) > 0)
		fake_bytes_put(&s->plain, (struct span){piece, (size_t)n});
	error = SSL_get_error(s->ssl, n);
	if (error == SSL_ERROR_ZERO_RETURN)
		s->state = SECURE_ENDED;
	else if (error != SSL_ERROR_WANT_READ)
		failed(s);
}

static bool flush(struct secure *s, struct fake_conn *conn)
{
	const uint8_t *p;
	size_t n;

	ENSURE(BIO_mem_contents(s->out, &p, &n));
	if (n == 0)
		return false;
	fake_conn_send(conn, (struct span){(const char *)p, n});
	ENSURE(BIO_reset(s->out));
	return true;
}

bool secure_step(struct secure *s, struct fake_conn *conn)
{
	struct span got = fake_conn_received(conn);
	enum secure_state before = s->state;
	size_t plain_before = s->plain.n;

	/* Bytes behind a failure or close_notify stay with the connection, unread. */
	if (got.n > 0 && (s->state == SECURE_SHAKING || s->state == SECURE_OPEN)) {
		ENSURE(BIO_write(s->in, got.p, (int)got.n) == (int)got.n);
		fake_conn_consume(conn, got.n);
	}
	ERR_clear_error();
	if (s->state == SECURE_SHAKING)
		handshake(s);
	if (s->state == SECURE_OPEN)
		read_plain(s);
	return flush(s, conn) || s->state != before || s->plain.n != plain_before;
}

void secure_write(struct secure *s, struct span bytes)
{
	while (bytes.n > 0) {
		int n = SSL_write(s->ssl, bytes.p, bytes.n < 16384 ? (int)bytes.n : 16384);

		ENSURE(n > 0);
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
}

void secure_close(struct secure *s)
{
	(void)SSL_shutdown(s->ssl);
}

enum secure_state secure_state(const struct secure *s)
{
	return s->state;
}

const char *secure_error(const struct secure *s)
{
	return s->error;
}

struct fake_bytes *secure_plain(struct secure *s)
{
	return &s->plain;
}

void secure_facts(const struct secure *s, struct secure_facts *facts)
{
	const uint8_t *alpn;
	unsigned alpn_n;

	SSL_get0_alpn_selected(s->ssl, &alpn, &alpn_n);
	*facts = (struct secure_facts){
	    .asked = s->asked,
	    .authorities = s->authorities,
	    .certificate = sk_CRYPTO_BUFFER_num(SSL_get0_peer_certificates(s->ssl)) > 0,
	    .sni = span_of(SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name)),
	    .alpn = s->options.server ? span_of(s->offered_alpn) : (struct span){(const char *)alpn, alpn_n},
	    .version = span_of(SSL_get_version(s->ssl)),
	};
}

bool secure_shown(const struct secure *s, const struct cert *cert)
{
	return cert_was_shown(cert, s->ssl);
}
