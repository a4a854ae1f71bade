/* leg: one byte stream to one server: a connected socket, TLS or not, and bounded buffers.
 *
 * It knows nothing of XML or of any other leg.  Events come through one callback, never from inside a call of the
 * owner's.  Owner: leg_new()'s caller; leg_free() takes NULL and is legal inside the callback. */
#ifndef SALLYPORT_LEG_H
#define SALLYPORT_LEG_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/loop.h"
#include "sallyport/reason.h"
#include "sallyport/stats.h"
#include "sallyport/tls.h"

/* Above this many unsent bytes whoever feeds a leg should stop; LEG_WRITABLE comes when half of it is left. */
#define LEG_HIGH_WATER 131072u

enum leg_event {
	LEG_READABLE, /* more bytes in leg_in() */
	LEG_SECURED,  /* the TLS handshake is complete */
	LEG_WRITABLE, /* the unsent bytes fell from above LEG_HIGH_WATER to below half of it */
	LEG_SHORT,    /* leg_in() must grow and may not, since all buffers together are full: the owner ends the stream */
	LEG_ENDED,    /* the other side has finished (FIN or close_notify), all its bytes were delivered; final */
	LEG_FAILED,   /* see leg_why(); final */
};

struct leg;

/* fd: connected and non-blocking; the leg's from now on (also on failure).  in_max, out_max: bounds of the plaintext not yet
 * consumed and of what waits to be sent.  NULL: no memory. */
struct leg *leg_new(struct loop *loop, struct buf_pool *pool, int fd, size_t in_max, size_t out_max,
                    void (*fn)(void *arg, enum leg_event event), void *arg);
void leg_free(struct leg *leg);
/* From now on counts the bytes that leg_received() and leg_sent() tell of in these too, which must outlive the leg. */
void leg_count(struct leg *leg, struct stats_count *received, struct stats_count *sent);

/* Received plaintext; the owner consumes, in the callback or while it does not read.  A leg that could not read because this
 * was full goes on after the callback. */
struct buf *leg_in(struct leg *leg);
/* Backpressure: stop and go on reading.  On again, LEG_READABLE tells of what still lies in leg_in(). */
void leg_read_on(struct leg *leg, bool on);

/* Where the owner's own words are written; leg_flush() sends them. */
struct buf *leg_out(struct leg *leg);
/* Sends what leg_out() holds; false: the leg has failed or is full (its LEG_FAILED event follows). */
bool leg_flush(struct leg *leg);
/* Sends bytes from where they lie, behind what leg_out() holds.  False as above. */
MUST_CHECK bool leg_send(struct leg *leg, struct span bytes);
/* Bytes accepted but not yet taken by the socket. */
size_t leg_queued(const struct leg *leg);
/* Bytes that the socket has taken and given so far. */
uint64_t leg_sent(const struct leg *leg);
uint64_t leg_received(const struct leg *leg);

/* Starts TLS (tls becomes the leg's).  Unread plaintext must be none (invariant S2), unless the bytes already here are the
 * first of direct TLS. */
void leg_secure(struct leg *leg, struct tls *tls, bool direct);
const struct tls *leg_tls(const struct leg *leg); /* NULL: in the clear */

/* Flush, close_notify, FIN (a handshake under way is completed first).  Nothing may be sent behind it; reading goes on until
 * the owner frees. */
void leg_shut(struct leg *leg);

/* After LEG_FAILED: REASON_PEER_LOST, _STALLED, _LIMIT_QUEUE, _TLS_FAILED, _TLS_REFUSED, _TLS_CERT_REFUSED, _CERT_KEY,
 * _CERT_PURPOSE, _HOST_UNKNOWN, _OWN_CERT, _TLS_LOST, _TLS_BROKEN, _LIMIT_BUFFERS or _NO_MEMORY; and a few words. */
enum reason leg_why(const struct leg *leg);
const char *leg_error(const struct leg *leg);

#endif
