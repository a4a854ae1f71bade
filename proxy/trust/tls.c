#include "tls_internal.h"

#include <openssl/err.h>
#include <stdlib.h>

/* Plaintext of one record. */
#define RECORD_MAX 16384
/* A write is cut into records that fit the room there is, but not into records smaller than this. */
#define RECORD_MIN 2048
/* What BoringSSL may put before our record: the answer to a KeyUpdate. */
#define WRITE_SLACK 64

static size_t room(const struct buf *b)
{
	size_t n = buf_len(b);

	return n < b->max ? b->max - n : 0;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

int tls_bio_read(BIO *bio, char *to, int n)
{
	struct tls *t = BIO_get_data(bio);
	size_t got;

	BIO_clear_retry_flags(bio);
	if (t->in == NULL || buf_len(t->in) == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	got = least(buf_len(t->in), (size_t)n);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a buffer that is not empty has storage */
	memcpy(to, buf_span(t->in).p, got);
	buf_consume(t->in, got);
	return (int)got;
}

int tls_bio_write(BIO *bio, const char *from, int n)
{
	struct tls *t = BIO_get_data(bio);
	size_t put = least(room(t->out), (size_t)n);

	BIO_clear_retry_flags(bio);
	if (put == 0) {
		BIO_set_retry_write(bio);
		return -1;
	}
	if (!buf_put(t->out, (struct span){from, put})) {
		t->no_memory = true;
		return -1;
	}
	return (int)put;
}

static void tls_enter(struct tls *t, enum tls_state state)
{
	static const unsigned from[] = {
	    [TLS_SHAKING] = 0,
	    [TLS_OPEN] = 1u << TLS_SHAKING,
	    [TLS_ENDED] = 1u << TLS_SHAKING | 1u << TLS_OPEN,
	    [TLS_DEAD] = 1u << TLS_SHAKING | 1u << TLS_OPEN | 1u << TLS_ENDED,
	};

	ENSURE((from[state] >> t->state & 1u) != 0);
	t->state = state;
}

static enum tls_rc tls_fail(struct tls *t)
{
	tls_explain(t);
	tls_enter(t, TLS_DEAD);
	return TLS_FAILED;
}

/* What a BoringSSL call that did not succeed means. */
static enum tls_rc tls_result(struct tls *t, int ret)
{
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_ROOM;
	case SSL_ERROR_WANT_PRIVATE_KEY_OPERATION:
		return TLS_WANT_KEY;
	case SSL_ERROR_ZERO_RETURN:
		if (t->state != TLS_ENDED)
			tls_enter(t, TLS_ENDED);
		return TLS_CLOSED;
	default:
		return tls_fail(t);
	}
}

static void step_begin(struct tls *t, struct buf *in, struct buf *out)
{
	ERR_clear_error();
	t->in = in;
	t->out = out;
}

static enum tls_rc step_end(struct tls *t, enum tls_rc rc)
{
	ERR_clear_error();
	t->in = t->out = NULL;
	return rc;
}

/* One BIO serves both ways, and the SSL owns it. */
static bool tls_attach_bio(struct tls *t)
{
	BIO *bio = BIO_new(t->ctx->bio);

	if (bio == NULL)
		return false;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return true;
}

static bool tls_set_up(struct tls *t, enum tls_role role, const struct domain *name)
{
	bool server = role == TLS_PUBLIC_IN || role == TLS_BACKEND_IN;

	if (!SSL_set_app_data(t->ssl, t))
		return false;
	/* A connection lives for days and never shakes hands again. */
	SSL_set_shed_handshake_config(t->ssl, 1);
	if (!tls_attach_bio(t))
		return false;
	if (server) {
		SSL_set_accept_state(t->ssl);
		return true;
	}
	SSL_set_connect_state(t->ssl);
	if (name != NULL && !SSL_set_tlsext_host_name(t->ssl, name->s))
		return false;
	return !t->direct || tls_offer_alpn(t->ssl);
}

struct tls *tls_new(
    struct tls_ctx *ctx, enum tls_role role, struct cert_own *own, const struct domain *name, bool direct)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (role == TLS_BACKEND_IN)
		own = ctx->backend;
	t->ctx = ctx;
	t->direct = direct;
	t->own_given = own != NULL;
	t->own = own != NULL ? cert_own_ref(own) : NULL;
	t->alert_in = t->alert_out = -1;
	t->ssl = SSL_new(ctx->role[role]);
	if (t->ssl == NULL || !tls_set_up(t, role, name)) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	return t;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	tls_forget(t);
	free(t);
}

void tls_sign_by(struct tls *t, struct keys_line *line)
{
	t->line = line;
}

void tls_on_signature(struct tls *t, void (*fn)(void *arg), void *arg)
{
	t->signature = fn;
	t->signature_arg = arg;
}

enum tls_rc tls_handshake(struct tls *t, struct buf *in, struct buf *out)
{
	int ret;

	if (t->state == TLS_OPEN)
		return TLS_DONE;
	if (t->state != TLS_SHAKING)
		return t->state == TLS_ENDED ? TLS_CLOSED : TLS_FAILED;
	step_begin(t, in, out);
	ret = SSL_do_handshake(t->ssl);
	if (ret != 1)
		return step_end(t, tls_result(t, ret));
	tls_enter(t, TLS_OPEN);
	tls_forget(t);
	return step_end(t, TLS_DONE);
}

/* Room for plaintext: what is left of the storage, else up to a whole record more. */
static bool plain_reserve(struct tls *t, struct buf *plain)
{
	if (buf_room(plain) > 0 || buf_reserve(plain, least(room(plain), RECORD_MAX)))
		return true;
	/* a pool that is full may have room again, and what is to be said meanwhile can be */
	t->no_memory = !plain->refused;
	return false;
}

static enum tls_rc read_records(struct tls *t, struct buf *plain)
{
	while (room(plain) > 0) {
		int ret;

		if (!plain_reserve(t, plain))
			return t->no_memory ? tls_fail(t) : TLS_WANT_ROOM;
		ret = SSL_read(t->ssl, buf_tail(plain), (int)buf_room(plain));
		if (ret <= 0)
			return tls_result(t, ret);
		buf_filled(plain, (size_t)ret);
	}
	return buf_len(t->in) > 0 || SSL_pending(t->ssl) > 0 ? TLS_WANT_ROOM : TLS_WANT_READ;
}

enum tls_rc tls_read(struct tls *t, struct buf *in, struct buf *plain, struct buf *out)
{
	ENSURE(t->state != TLS_SHAKING);
	if (t->state != TLS_OPEN)
		return t->state == TLS_ENDED ? TLS_CLOSED : TLS_FAILED;
	step_begin(t, in, out);
	return step_end(t, read_records(t, plain));
}

/* Only what fits is given to BoringSSL: it would hold a sealed record that did not, and then insist on the same bytes.
 */
static size_t fitting(const struct tls *t, size_t left)
{
	size_t overhead = SSL_max_seal_overhead(t->ssl) + WRITE_SLACK;
	size_t free_bytes = room(t->out);

	if (free_bytes < overhead + least(left, RECORD_MIN))
		return 0;
	return least(least(left, free_bytes - overhead), RECORD_MAX);
}

static enum tls_rc write_records(struct tls *t, struct span bytes, size_t *taken)
{
	while (*taken < bytes.n) {
		size_t n = fitting(t, bytes.n - *taken);
		int ret;

		if (n == 0)
			return TLS_WANT_ROOM;
		ret = SSL_write(t->ssl, bytes.p + *taken, (int)n);
		if (ret <= 0)
			return tls_result(t, ret);
		*taken += (size_t)ret;
	}
	return TLS_DONE;
}

enum tls_rc tls_write(struct tls *t, struct span bytes, size_t *taken, struct buf *out)
{
	*taken = 0;
	ENSURE(t->state != TLS_SHAKING);
	if (t->state == TLS_DEAD)
		return TLS_FAILED;
	step_begin(t, NULL, out);
	return step_end(t, write_records(t, bytes, taken));
}

void tls_close(struct tls *t, struct buf *out)
{
	if (t->state == TLS_SHAKING || t->state == TLS_DEAD)
		return;
	step_begin(t, NULL, out);
	(void)SSL_shutdown(t->ssl); /* the first time sends; without input the second does nothing */
	(void)step_end(t, TLS_DONE);
}

void tls_facts(const struct tls *t, struct tls_facts *facts)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
	const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
	uint16_t group = SSL_get_curve_id(t->ssl);
	const uint8_t *protocol;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &protocol, &n);
	*facts = (struct tls_facts){
	    .version = SSL_get_version(t->ssl),
	    .cipher = cipher != NULL ? SSL_CIPHER_standard_name(cipher) : "",
	    .group = group != 0 ? SSL_get_curve_name(group) : "",
	    .resumed = SSL_session_reused(t->ssl) != 0,
	    .sni = span_of(sni),
	    .alpn = {(const char *)protocol, n},
	    .asked = t->asked,
	    .asked_ecdsa = t->asked_ecdsa,
	    .asked_rsa = t->asked_rsa,
	};
}

struct cert_chain *tls_peer_chain(const struct tls *t)
{
	const STACK_OF(CRYPTO_BUFFER) *shown = SSL_get0_peer_certificates(t->ssl);
	struct cert_chain *chain;

	if (shown == NULL || sk_CRYPTO_BUFFER_num(shown) == 0)
		return NULL;
	chain = calloc(1, sizeof(*chain));
	if (chain == NULL)
		return NULL;
	for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(shown); i++) {
		if (!cert_chain_add(chain, sk_CRYPTO_BUFFER_value(shown, i)))
			break;
	}
	return chain;
}
