/* pairs: folders of certificates with keys, and stores that read them. */
#ifndef SALLYPORT_TEST_TRUST_PAIRS_H
#define SALLYPORT_TEST_TRUST_PAIRS_H

#include "scene.h"

#include <ftw.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

struct pairs {
	char dir[64];
	struct mint root, other; /* authorities */
	struct mint peer;
	struct conf *conf;
	struct cert_store *store;
	struct tls_ctx *ctx;
};

static inline int pairs_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline const char *pairs_path(const struct pairs *p, const char *name)
{
	static char path[4][PATH_MAX];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], PATH_MAX, "%s/%s", p->dir, name);
	return path[turn];
}

static inline void pairs_folder(const struct pairs *p, const char *name)
{
	assert_int_equal(mkdir(pairs_path(p, name), 0700), 0);
}

static inline int pairs_up(void **state)
{
	struct pairs *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	/* in memory, if there is such a place: many files are written */
	(void)snprintf(
	    p->dir, sizeof(p->dir), "%s/sallyport-pairs-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	p->root = mint_new(&(struct mint_spec){.cn = "Public Root", .ca = true}, NULL);
	p->other = mint_new(&(struct mint_spec){.cn = "Private Root", .ca = true}, NULL);
	p->peer = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("peer.test")}, .serial = 1}, &p->root);
	mint_write_pair(p->dir, "root", &p->root, NULL, 0);
	pairs_folder(p, "certs");
	*state = p;
	return 0;
}

static inline void pairs_close(struct pairs *p)
{
	tls_ctx_free(p->ctx);
	cert_store_free(p->store);
	conf_unref(p->conf);
	p->ctx = NULL;
	p->store = NULL;
	p->conf = NULL;
}

static inline int pairs_down(void **state)
{
	struct pairs *p = *state;

	pairs_close(p);
	mint_free(&p->root);
	mint_free(&p->other);
	mint_free(&p->peer);
	assert_int_equal(nftw(p->dir, pairs_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(p);
	return 0;
}

/* text: what stands behind [public], [trust] and [backend], with $D for the folder. */
static inline struct conf *pairs_conf(const struct pairs *p, const char *text)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	FILE *f = fopen(pairs_path(p, "sallyport.conf"), "w");
	struct conf *conf;

	assert_non_null(f);
	fprintf(f,
	    "[public]\nlisten = 127.0.0.1:5269\n[trust]\nsystem = no\nanchor = %s/root.pem\n"
	    "[backend old]\nconnect = 127.0.0.1:15269\nlisten = 127.0.0.1:15270\n",
	    p->dir);
	for (; *text != '\0'; text++) {
		if (text[0] == '$' && text[1] == 'D')
			fprintf(f, "%s", p->dir), text++;
		else
			putc(*text, f);
	}
	assert_int_equal(fclose(f), 0);
	conf = conf_load(pairs_path(p, "sallyport.conf"), errors);
	if (conf == NULL)
		fail_msg("%s", errors->text[0]);
	free(errors);
	return conf;
}

static inline void pairs_open(struct pairs *p, const char *text)
{
	char err[512] = "";

	p->conf = pairs_conf(p, text);
	p->store = cert_store_new(p->conf, err, sizeof(err));
	if (p->store == NULL)
		fail_msg("%s", err);
	p->ctx = tls_ctx_new(p->store, p->conf->ciphers, err, sizeof(err));
	assert_non_null(p->ctx);
}

/* A certificate for a name, valid from now on: serial tells it from others, which peers see. */
static inline struct mint pairs_mint(
    const struct mint *issuer, const char *name, unsigned serial, enum mint_key key, int64_t days)
{
	int64_t now = time(NULL);
	struct mint_spec spec = {.names = {{MINT_DNS, span_of(name)}},
	    .serial = serial,
	    .key = key,
	    .not_before = now - MINT_DAY + serial,
	    .not_after = now + days * MINT_DAY};

	return mint_new(&spec, issuer);
}

static inline void pairs_write(const char *certificate, const char *key, const struct mint *m)
{
	struct mint_pem cert_pem = {0}, key_pem = {0};

	mint_pem_cert(&cert_pem, m);
	mint_pem_key(&key_pem, m, NULL);
	mint_write(certificate, mint_pem_span(&cert_pem));
	mint_write(key, mint_pem_span(&key_pem));
}

/* Mints and writes. */
static inline void pairs_put(const struct pairs *p, const char *certificate, const char *key, const char *name,
    unsigned serial, enum mint_key kind)
{
	struct mint m = pairs_mint(&p->root, name, serial, kind, 60);

	pairs_write(pairs_path(p, certificate), pairs_path(p, key), &m);
	mint_free(&m);
}

#define PAIRS_NONE 9999u

/* The serial number that spec had of the certificate that a connection's peer shows. */
static inline unsigned pairs_serial(const SSL *ssl)
{
	const STACK_OF(CRYPTO_BUFFER) *chain = SSL_get0_peer_certificates(ssl);
	uint64_t serial = 0;
	X509 *x;

	if (chain == NULL || sk_CRYPTO_BUFFER_num(chain) == 0)
		return PAIRS_NONE;
	x = X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, 0));
	assert_non_null(x);
	assert_true(ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(x)));
	X509_free(x);
	return (unsigned)serial - 1; /* mint adds one */
}

static inline void pairs_pump(SSL *ssl, BIO *in, BIO *out, struct end *end)
{
	for (int turn = 0; turn < 8; turn++) {
		const uint8_t *bytes;
		size_t n;

		(void)SSL_do_handshake(ssl);
		assert_true(BIO_mem_contents(out, &bytes, &n));
		assert_true(buf_put(&end->in, (struct span){(const char *)bytes, n}));
		(void)BIO_reset(out);
		if (end_shakes(end))
			end->rc = tls_handshake(end->tls, &end->in, &end->out);
		(void)BIO_write(in, buf_span(&end->out).p, (int)buf_len(&end->out));
		buf_clear(&end->out);
	}
}

static inline enum ssl_verify_result_t pairs_accept(SSL *ssl, uint8_t *alert)
{
	(void)ssl;
	(void)alert;
	return ssl_verify_ok;
}

/* Which certificate a peer of plain BoringSSL is shown: a client of ours by SNI, or a server that host calls.  set_up
 * says what the peer can do; NULL: all.  PAIRS_NONE: none. */
static inline unsigned pairs_shown(struct pairs *p, const char *host, bool peer_is_server, void (*set_up)(SSL *ssl))
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	struct domain d = scene_domain(host);
	struct cert_own *own = peer_is_server ? cert_own_find(p->store, &d) : NULL;
	struct end end;
	unsigned serial;

	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_custom_verify(ssl, SSL_VERIFY_PEER, pairs_accept);
	if (peer_is_server) {
		assert_true(SSL_use_certificate(ssl, p->peer.x) && SSL_use_PrivateKey(ssl, p->peer.key));
		SSL_set_accept_state(ssl);
	} else {
		assert_true(SSL_set_tlsext_host_name(ssl, host));
		SSL_set_connect_state(ssl);
	}
	if (set_up != NULL)
		set_up(ssl);
	end_init(&end, tls_new(p->ctx, peer_is_server ? TLS_PUBLIC_OUT : TLS_PUBLIC_IN, own, NULL, !peer_is_server),
	    1 << 16);
	cert_own_unref(own);
	pairs_pump(ssl, in, out, &end);
	serial = end.rc == TLS_DONE ? pairs_serial(ssl) : PAIRS_NONE;
	end_free(&end);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return serial;
}

#endif
