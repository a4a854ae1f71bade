/* stream: one XMPP stream over a leg, in one of the roles of fsm.h: negotiates, then hands stanzas to its owner or takes
 * them from it.
 *
 * A stream lives in its worker's list until it has closed; it frees itself.  Whoever holds a stream hears `ended` exactly
 * once and must not use it afterwards (closing handshake and linger are the stream's own business).  An -in stream that we
 * end by the book ends when the peer has, an -out stream at once.  Hooks are never called
 * from inside stream_open_*(), but may be from inside any other call. */
#ifndef SALLYPORT_STREAM_H
#define SALLYPORT_STREAM_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/fsm.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"
#include "sallyport/tls.h"
#include "sallyport/worker.h"
#include "sallyport/xml.h"
#include "sallyport/xmpp.h"

struct stream;

struct stream_hooks {
	/* out roles: stanzas may be sent.  backend-verify: the key is the backend's own. */
	void (*opened)(void *arg, struct stream *s);
	/* what waited to be sent has fallen below the low-water mark */
	void (*writable)(void *arg, struct stream *s);
	/* final; stream_why() and stream_detail() tell */
	void (*ended)(void *arg, struct stream *s);
	/* public-in: the peer is authenticated and waits; answer with stream_sink_open() or stream_break() */
	void (*authenticated)(void *arg, struct stream *s);
	/* backend-in: db:result asks for a pair */
	void (*requested)(void *arg, struct stream *s, const struct xmpp_db *db);
	/* public-in, backend-in: a stanza; its bytes live until `batch` */
	void (*stanza)(void *arg, struct stream *s, const struct xml_ev *ev);
	/* public-in, backend-in: white space between stanzas; likewise */
	void (*space)(void *arg, struct stream *s, const struct xml_ev *ev);
	/* all that was read in one go has been handed over */
	void (*batch)(void *arg, struct stream *s);
};

/* A stream lives under one configuration: accepted ones under the worker's present one, others under that of whom they
 * serve. */

/* A connection that was accepted on a public listener (backend NULL) or a backend's.  fd becomes the stream's. */
bool stream_accept(struct worker *w, int fd, const struct addr *peer, const struct conf_backend *backend,
                   const struct stream_hooks *hooks, void *arg);
/* A connection to a remote domain, pair->to, as pair->from, to be open within budget_ms, all its endpoints together. */
struct stream *stream_open_public(struct worker *w, struct site *site, const struct pair *pair, uint32_t budget_ms,
                                  const struct stream_hooks *hooks, void *arg);
/* A connection to the backend, speaking as pair->from to its pair->to, to be open within the dialback timeout. */
struct stream *stream_open_backend(struct worker *w, struct site *site, const struct conf_backend *backend,
                                   const struct pair *pair, const struct stream_hooks *hooks, void *arg);
/* Asks the backend whether it gave out the key for pair (from: its domain, to: remote) on the stream that we called id. */
struct stream *stream_open_verify(struct worker *w, struct site *site, const struct conf_backend *backend,
                                  const struct pair *pair, const char *id, const char *key, const struct stream_hooks *hooks, void *arg);

/* Hands the owner's place to another; NULL hooks: nobody listens any more. */
void stream_adopt(struct stream *s, const struct stream_hooks *hooks, void *arg);

/* public-in, after `authenticated`: <success/> */
void stream_sink_open(struct stream *s);
/* The other side of a stream did something that ends it: stream error `direct` of the reason. */
void stream_fail(struct stream *s, enum reason why, const char *detail);
/* Something behind us failed, by no fault of this stream's peer: stream error `relayed` of the reason. */
void stream_break(struct stream *s, enum reason why, const char *detail);
/* Ends by the book: </stream:stream>; what still arrives on an -in stream is handed on until theirs comes. */
void stream_end(struct stream *s, enum reason why);
/* A public stream that stands is judged again under the worker's present configuration and time; false: it has been ended
 * with <reset/> (RFC 6120 section 13.7.2.3). */
bool stream_recheck(struct stream *s);
/* At once, without a word to the other side (the worker gives up); the owner hears `ended`.  A stream's place in the worker's
 * list may still be walked from until the end of the turn. */
void stream_drop(struct stream *s, enum reason why);

/* Sinks: bytes behind what was sent before.  False: the stream has failed; `ended` follows. */
MUST_CHECK bool stream_send(struct stream *s, struct span bytes);
/* Sinks: among them were n stanzas; for the log. */
void stream_passed(struct stream *s, unsigned n);
/* Sinks: own words; follow with stream_flush(). */
struct buf *stream_out(struct stream *s);
bool stream_flush(struct stream *s);
size_t stream_queued(const struct stream *s);
uint64_t stream_sent(const struct stream *s);
/* Sources: backpressure. */
void stream_read_on(struct stream *s, bool on);
/* backend-in: answers a db:result request with valid. */
void stream_grant(struct stream *s, const struct pair *pair);

/* The next in the worker's list, from worker.streams on. */
struct stream *stream_next(const struct stream *s);
enum role stream_role(const struct stream *s);
enum fsm_state stream_state(const struct stream *s);
/* public-in: peer and our host; out roles: as opened; backend-in: what the header said, if anything. */
const struct pair *stream_pair(const struct stream *s);
const struct conf_backend *stream_backend(const struct stream *s);
struct worker *stream_worker(const struct stream *s);
/* The configuration that it was made under; it keeps it. */
struct site *stream_site(const struct stream *s);
const struct xml *stream_xml(const struct stream *s);
/* -in: the id that our header gave. */
const char *stream_id(const struct stream *s);
/* backend-in: its header named no pair, so it may carry several. */
bool stream_anonymous(const struct stream *s);
/* public roles: the other side's domain as far as it is known; NULL: not. */
const struct domain *stream_remote(const struct stream *s);
/* What hooks and arg stream_adopt() or the opening gave it: arg if the hooks are these, else NULL. */
void *stream_owner(const struct stream *s, const struct stream_hooks *hooks);

/* Of its worker's, in the order of their making, from 1. */
uint64_t stream_number(const struct stream *s);
/* A stream at this moment, for who looks on.  Pointers live as long as the stream. */
struct stream_view {
	const struct addr *addr;  /* len 0: none yet */
	const char *target;       /* the SRV target; "" */
	bool direct, secure;      /* direct TLS; inside TLS */
	struct tls_facts tls;     /* if secure */
	int64_t age_ms, open_ms;  /* since it was made; since it stood, -1: it does not */
	uint64_t received, sent;  /* bytes of the socket */
	uint64_t stanzas;         /* that crossed: taken from an -in stream, handed to an -out one */
	size_t queued;            /* bytes that the socket has not taken yet */
	bool paused;              /* not read from, since what it feeds is full */
};
void stream_view(const struct stream *s, struct stream_view *v);

/* What it ended by. */
enum reason stream_why(const struct stream *s);
const char *stream_detail(const struct stream *s);

#endif
