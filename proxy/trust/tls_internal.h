/* tls, inside: what tls.c (steps), tls_ctx.c (settings), tls_choose.c (certificates), tls_sign.c (their keys) and
 * tls_error.c (sentences) share. */
#ifndef SALLYPORT_TLS_INTERNAL_H
#define SALLYPORT_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "cert_own_internal.h"
#include "sallyport/tls.h"

#define TLS_ROLES 4
#define TLS_ERROR_MAX 192

struct tls_ctx {
	const struct cert_store *store;
	SSL_CTX *role[TLS_ROLES]; /* by enum tls_role */
	BIO_METHOD *bio;
	CRYPTO_BUFFER_POOL
	*shown; /* what peers show is kept as long as they stay; most intermediate ones are the same */
	struct cert_own *backend; /* for TLS_BACKEND_IN */
};

enum tls_state {
	TLS_SHAKING,
	TLS_OPEN,
	TLS_ENDED, /* the peer's close_notify has come; we may still write */
	TLS_DEAD,  /* failed; error says why */
};

/* What a peer can verify, as far as BoringSSL does not keep it until we choose. */
struct tls_peer {
	bool ecdsa, rsa;                  /* TLS 1.2: kinds of keys that may sign */
	bool any_group, p256, p384, p521; /* TLS 1.2: curves that such a key may be on */
	uint8_t *authorities;             /* the client's certificate_authorities, as it came; OPENSSL_free() */
	size_t authorities_n;
};

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx;
	enum tls_state state;
	bool direct, own_given, no_memory, no_signature;
	bool asked, asked_ecdsa, asked_rsa; /* by the server, for our certificate */
	struct cert_own *own;               /* what may be shown, during the handshake; NULL: nothing */
	struct tls_peer peer;
	struct keys_line *line;       /* where signatures are asked for; NULL: only keys of this process can sign */
	struct keys_key *key;         /* of the certificate that is shown; NULL: none is */
	struct keys_ticket *ticket;   /* for the signature; NULL: none is asked for */
	void (*signature)(void *arg); /* there is an answer; NULL: nobody waits */
	void *signature_arg;
	int alert_in, alert_out; /* the last fatal alert each way; -1: none */
	struct buf *in, *out;    /* for the duration of one step */
	char error[TLS_ERROR_MAX];
	enum reason unserved; /* why there was nothing to show; REASON_NONE: there was */
	enum reason why;      /* tls_error_reason() */
};

/* BoringSSL's callbacks find the connection by this. */
struct tls *tls_of(const SSL *ssl);
/* The two ends of the BIO (tls.c). */
int tls_bio_read(BIO *bio, char *to, int n);
int tls_bio_write(BIO *bio, const char *from, int n);
/* A ClientHello has come. */
enum ssl_select_cert_result_t tls_note_client(const SSL_CLIENT_HELLO *hello);
/* BoringSSL is about to show a certificate. */
int tls_choose(SSL *ssl, void *arg);
/* How BoringSSL gets at the key of what was chosen (tls_sign.c). */
extern const SSL_PRIVATE_KEY_METHOD tls_key_method;
/* Nothing is to be chosen any more. */
void tls_forget(struct tls *t);
/* A client's ALPN offer. */
MUST_CHECK bool tls_offer_alpn(SSL *ssl);
/* Writes t->error and t->why from BoringSSL's error queue and the alerts seen. */
void tls_explain(struct tls *t);

#endif
