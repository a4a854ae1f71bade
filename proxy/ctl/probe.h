/* probe: one connection to another server, negotiated by the table of the daemon's public-out role (fsm.h) and by the
 * same modules below it, which goes only as far as it is told and keeps what it learns on the way.
 *
 * What the daemon would end the stream for becomes `why`; where there is more to be learnt, as behind a certificate that
 * is not trusted, it goes on.  Nothing that the other side sends is trusted: elements, bytes and time are bounded. */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include "sallyport/cert.h"
#include "sallyport/dial.h"
#include "sallyport/fsm.h"
#include "sallyport/site.h"
#include "sallyport/xmpp.h"

/* What all connections of one command share. */
struct probe_net {
	struct loop *loop;
	struct dns *dns;
	struct buf_pool *pool;
	struct site *site;
	struct conf_timeouts timeouts; /* of the configuration, or as --timeout says */
};
/* servers: NULL, n 0: those of the configuration, else of /etc/resolv.conf.  timeout_ms: for each step; 0: as configured.
 * The site's reference is the net's from now on, also on failure.  False: err says why. */
MUST_CHECK bool probe_net_open(struct probe_net *net, struct site *site, const struct addr *server, uint32_t timeout_ms,
    char *err, size_t err_n);
/* After all that was made on it.  Runs what is still deferred. */
void probe_net_close(struct probe_net *net);

enum probe_goal {
	PROBE_HANDSHAKE, /* TLS stands */
	PROBE_FEATURES,  /* what is offered inside TLS */
	PROBE_AUTH,      /* EXTERNAL, up to where stanzas could be sent; none is */
	PROBE_PING,      /* a ping (XEP-0199), and what becomes of it */
};

struct probe_order {
	const struct pair *pair; /* from.n == 0: nobody, and no certificate is shown; lives as long as the probe */
	enum probe_goal goal;
	bool one_kind; /* only with a server that signs with a key of this kind */
	enum tls_kind kind;
};

/* How far a ping came. */
enum probe_pong {
	PONG_NONE,     /* not sent, or nothing came back: see why */
	PONG_TAKEN,    /* the server read it, and closed the stream by the book */
	PONG_ACKED,    /* it acknowledged the stanza (XEP-0198) */
	PONG_ANSWERED, /* the answer came, on the same stream */
	PONG_ERROR,    /* an error came as the answer: see error */
};

enum probe_phase { PHASE_TLS, PHASE_STREAM, PHASE_EXTERNAL, PHASE_PING, PHASES };

struct probe_found {
	enum reason why;   /* for what the daemon would end it; REASON_NONE: as far as it went, in order */
	char detail[512];
	enum fsm_state at; /* where it ended */
	bool secured, heard, authenticated; /* TLS stands; features inside TLS came; EXTERNAL was accepted */
	struct endpoint endpoint;
	struct tls_facts tls; /* strings are static or empty; sni and alpn are not kept */
	struct cert_chain *chain;
	struct cert_verdict verdict;   /* on the chain alone, also where policy denies the domain */
	const struct conf_peer *row;   /* that decided; the site's; NULL: the general rules */
	struct xmpp_features clear, features;
	struct xmpp_error error; /* the other side's: stream error, SASL failure or the ping's */
	enum probe_pong pong;
	int64_t us[PHASES]; /* how long each took; -1: it did not come to that */
};

struct probe;
/* fd: connected, the probe's from now on (also on failure).  fn comes once, never from inside; probe_free() is legal in
 * it.  NULL: no memory. */
struct probe *probe_start(const struct probe_net *net, int fd, const struct endpoint *endpoint,
    const struct probe_order *order, void (*fn)(void *arg), void *arg);
/* After fn.  The probe's. */
const struct probe_found *probe_found(const struct probe *p);
void probe_free(struct probe *p); /* takes NULL */

/* Microseconds of the monotonic clock. */
int64_t probe_clock(void);

#endif
