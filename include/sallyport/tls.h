/* tls: BoringSSL as a step function over byte buffers; owns no descriptor and never waits.
 *
 * Records come from one buf and go to another; the caller moves those to and from a socket.  TLS 1.2 and 1.3 only, no
 * 0-RTT, no renegotiation, no static RSA, no SHA-1 signatures (RFC 9325), otherwise BoringSSL's own choice of ciphers,
 * unless the configuration has another for the public roles in TLS 1.2.  No resumption either: every connection shows
 * its chain afresh, so no verdict is softer than in a full handshake (invariant S11).  The peer's chain is taken without
 * judgement: cert_judge() decides afterwards, so that the peer can be told why in a stream error.
 *
 * An output buffer must be allowed at least TLS_OUT_MIN bytes, or writing never gets anywhere. */
#ifndef SALLYPORT_TLS_H
#define SALLYPORT_TLS_H

#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/cert.h"
#include "sallyport/jid.h"
#include "sallyport/keys.h"

#define TLS_OUT_MIN 4096

enum tls_role {
	TLS_PUBLIC_IN, /* server; certificate by `own` or by SNI; asks for a client certificate with an empty CA list */
	TLS_PUBLIC_OUT,  /* client; SNI and ALPN; shows `own` when asked */
	TLS_BACKEND_IN,  /* server towards the backend: a self-signed certificate made at start does */
	TLS_BACKEND_OUT, /* client towards the backend: its certificate is not judged (INTEROP: backends are
	                    self-signed) */
	TLS_ROLES
};

enum tls_rc {
	TLS_DONE,      /* the handshake is complete; the bytes were taken */
	TLS_WANT_READ, /* needs more records */
	TLS_WANT_KEY,  /* handshake only: waits for a signature; tls_on_signature() tells when to step again */
	TLS_WANT_ROOM, /* the output (or plaintext) buffer is full */
	TLS_CLOSED,    /* close_notify received */
	TLS_FAILED,    /* see tls_error() */
};

struct tls_ctx; /* shared by all connections of one configuration; immutable; any thread */
/* The store must outlive it.  ciphers: for the public roles in TLS 1.2, as in struct conf.  err: one sentence, when NULL is returned. */
struct tls_ctx *tls_ctx_new(const struct cert_store *store, const char *ciphers, char *err, size_t err_n);
void tls_ctx_free(struct tls_ctx *ctx); /* after all its connections; takes NULL */

struct tls;
/* own: PUBLIC_IN: the certificate for a STARTTLS stream's `to` (whatever the SNI, RFC 6120 section 5.4.3.1), NULL for
 * direct TLS: chosen by SNI; an unknown SNI fails with unrecognized_name; without SNI it is the first host's, so that
 * the client can be told in a stream error; the stream compares `to` with what SNI said.  PUBLIC_OUT: shown when asked,
 * NULL shows none.  Backend roles: NULL.  The connection takes a reference.  Of several certificates it shows the first
 * from an authority that the peer names, else the first, always among those whose signatures the peer can verify. name:
 * PUBLIC_OUT, BACKEND_OUT: SNI (the domain, not the SRV target); NULL: none. direct: direct TLS, so offer (client) or
 * select (server) ALPN "xmpp-server" (XEP-0368); a client that offers only other protocols is refused with
 * no_application_protocol.  ALPN inside STARTTLS is ignored. NULL: no memory. */
struct tls *tls_new(
    struct tls_ctx *ctx, enum tls_role role, struct cert_own *own, const struct domain *name, bool direct);
void tls_free(struct tls *t); /* takes NULL */
/* Where signatures come from, before the handshake; NULL, as at first, does for keys of this process.  The line must
 * outlive the handshake. */
void tls_sign_by(struct tls *t, struct keys_line *line);
/* Who is told, in the line's thread and never inside a step, that tls_handshake() may go on.  NULL: nobody. */
void tls_on_signature(struct tls *t, void (*fn)(void *arg), void *arg);

/* PUBLIC_OUT, before the handshake, for tools: talks only to a server that signs with a key of this kind.  False: no
 * memory. */
enum tls_kind { TLS_ECDSA, TLS_RSA };
MUST_CHECK bool tls_only(struct tls *t, enum tls_kind kind);

/* One step; reads records from in, appends records to out.  Records behind the handshake stay in `in`.  When it fails,
 * out holds the alert that tells the peer. */
MUST_CHECK enum tls_rc tls_handshake(struct tls *t, struct buf *in, struct buf *out);
/* Decrypts as much of `in` as there is into plain (as many records as fit its bound).  TLS_WANT_READ: all taken;
 * TLS_WANT_ROOM: plain is full and more is waiting.  May append to out (alerts, answers to KeyUpdate).  Plaintext that
 * came before TLS_CLOSED or TLS_FAILED is in plain. */
MUST_CHECK enum tls_rc tls_read(struct tls *t, struct buf *in, struct buf *plain, struct buf *out);
/* Encrypts bytes to out.  TLS_DONE: all of them.  TLS_WANT_ROOM: *taken says how far it came; nothing of the rest is
 * kept, so later may bring other bytes.  TLS_FAILED. */
MUST_CHECK enum tls_rc tls_write(struct tls *t, struct span bytes, size_t *taken, struct buf *out);
/* close_notify, once, if out has room.  Reading may go on. */
void tls_close(struct tls *t, struct buf *out);

/* Facts for the log; strings live as long as t. */
struct tls_facts {
	const char *version, *cipher, *group; /* "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519" */
	bool resumed;
	struct span sni, alpn; /* what the client sent / what was selected; n == 0: none */
	/* PUBLIC_OUT: the server asked for our certificate, and says that it can verify one with such a key. */
	bool asked, asked_ecdsa, asked_rsa;
};
void tls_facts(const struct tls *t, struct tls_facts *facts);
/* The peer's chain; NULL: it showed none (or no memory).  Owner: the caller. */
struct cert_chain *tls_peer_chain(const struct tls *t);
/* After TLS_FAILED: half a sentence ("peer sent alert unknown_ca", "wrong version number", …). */
const char *tls_error(const struct tls *t);
/* What it comes to: REASON_TLS_REFUSED or _TLS_CERT_REFUSED: an alert of the peer's, so it refused us, rather than we it;
 * REASON_CERT_KEY: it does not have the key of the certificate that it showed; REASON_CERT_PURPOSE: that is not for signing
 * handshakes; REASON_HOST_UNKNOWN, REASON_OWN_CERT: of the server name that it asked for; REASON_NO_MEMORY;
 * REASON_NONE: nothing in particular. */
enum reason tls_error_reason(const struct tls *t);

#endif
