/* party, inside: what party.c (life, reading) and party_talk.c (negotiation) share. */
#ifndef BENCH_PARTY_INTERNAL_H
#define BENCH_PARTY_INTERNAL_H

#include "party.h"
#include "sallyport/jid.h"
#include "sallyport/xml.h"
#include "sallyport/xmpp.h"

enum party_state {
	PARTY_CONNECTING,
	PARTY_TALKING,   /* negotiates */
	PARTY_SHAKING,   /* TLS handshake */
	PARTY_SENDING,   /* open; reads only what ends it */
	PARTY_RECEIVING, /* open; what arrives goes to `check` */
	PARTY_CLOSING,   /* our end is said */
	PARTY_OVER,      /* nothing more is done with it but dropping it */
};

struct party {
	uint32_t magic;
	enum party_role role;
	enum party_state state;
	struct lane *lane;
	struct link *link;
	struct xml *xml;
	uint32_t route;
	bool secure, authed;
	struct pair pair;                   /* from us, to them */
	char id[XMPP_ID_MAX + 1];           /* accepting: the id that our header gave; connecting: that theirs gave */
	char *question;                     /* backend: the key that it wants to have verified; NULL: none waits */
	bool ready;                         /* verifier: may ask */
	char asks_for[XMPP_NEW_ID_LEN + 1]; /* verifier: the stream id of the only party that it asks for; "": of all */
	struct check check;
	int64_t started;
	const struct party_hooks *hooks;
	void *arg;
	struct party *next, *prev; /* of the lane */
	struct loop_later gone;
};

/* The one place where the state changes. */
void party_enter(struct party *p, enum party_state next);
bool party_accepts(const struct party *p);
/* Ends it for a fault: connecting parties tell their owner, accepting ones bench_problem(). */
void party_fail(struct party *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Now stanzas flow. */
void party_open(struct party *p);
/* A verifier for one question (anonymous: for all). */
struct party *party_new_verifier(struct lane *lane, const struct pair *pair);

/* party_talk.c */
void party_say_header(struct party *p);
void party_on_event(struct party *p, enum xml_rc rc, const struct xml_ev *ev);
/* The TLS of a role. */
void party_start_tls(struct party *p);

#endif
