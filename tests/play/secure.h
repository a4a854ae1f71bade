/* secure: TLS at the far end of a connection, by BoringSSL, in memory. */
#ifndef PLAY_SECURE_H
#define PLAY_SECURE_H

#include "certs.h"
#include "fakenet.h"

struct secure_options {
	bool server;
	const struct cert *cert; /* NULL: none (a server needs one) */
	char sni[256];           /* client; "": none */
	char alpn[64];           /* client: offers it; server: selects it if offered.  "": none */
	bool asks;               /* server: asks for the gateway's certificate */
	int refuse;              /* alert that answers the gateway's certificate; -1: accept it */
	uint16_t max_version;    /* 0: TLS 1.3 */
};

enum secure_state {
	SECURE_SHAKING,
	SECURE_OPEN,
	SECURE_ENDED, /* close_notify came */
	SECURE_FAILED,
};

struct secure;
struct secure *secure_new(const struct secure_options *options);
void secure_free(struct secure *s);
/* Takes what the connection has received, goes on, sends what there is to send.  True if anything happened. */
bool secure_step(struct secure *s, struct fake_conn *conn);
void secure_write(struct secure *s, struct span bytes);
void secure_close(struct secure *s); /* close_notify */
enum secure_state secure_state(const struct secure *s);
/* After SECURE_FAILED. */
const char *secure_error(const struct secure *s);
/* Received plaintext; the owner consumes. */
struct fake_bytes *secure_plain(struct secure *s);

/* What the handshake showed of the gateway.  n == 0: nothing. */
struct secure_facts {
	bool asked;         /* client: the gateway asked for our certificate */
	size_t authorities; /* … naming so many acceptable authorities */
	bool certificate;
	struct span sni, alpn, version;
};
void secure_facts(const struct secure *s, struct secure_facts *facts);
bool secure_shown(const struct secure *s, const struct cert *cert);

#endif
