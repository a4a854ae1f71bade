/* party: one XMPP server's end of one stream, as we play it (or, in raw mode, the end of a bare connection).
 *
 * Those that connect belong to their caller until `ended`; those that are accepted look after themselves: they check
 * and count what arrives. */
#ifndef BENCH_PARTY_H
#define BENCH_PARTY_H

#include "bench.h"
#include "link.h"
#include "sallyport/base.h"

enum party_role {
	PARTY_PEER,     /* a remote server that connects to the gateway: TLS, SASL EXTERNAL, stanzas */
	PARTY_ORIGIN,   /* the backend, which connects to send: dialback, stanzas */
	PARTY_VERIFIER, /* the backend, which connects to verify keys */
	PARTY_SOURCE,   /* raw: TLS, stanzas */
	PARTY_BACKEND,  /* the backend, accepting: dialback, stanzas */
	PARTY_REMOTE,   /* a strict remote server, accepting: TLS, SASL EXTERNAL, stanzas */
	PARTY_SINK,     /* raw, accepting: stanzas */
};

struct party;

struct party_hooks {
	void (*open)(void *arg); /* stanzas may be written to party_link() */
	void (*writable)(void *arg);
	/* final, and the party is gone; why: NULL after party_close() and an end in order */
	void (*ended)(void *arg, const char *why);
};

/* For a route, in a connecting role but the verifier's.  NULL: no memory, or no way to connect (errno). */
struct party *party_connect(
    struct lane *lane, enum party_role role, uint32_t route, const struct party_hooks *hooks, void *arg);
/* fd becomes the party's. */
void party_accept(struct lane *lane, enum party_role role, int fd);
struct link *party_link(struct party *p);
const char *party_route_digits(const struct party *p);
/* Says that no more will come, and waits for the other side. */
void party_close(struct party *p);
/* At once; no hook is called any more. */
void party_drop(struct party *p);

#endif
