/* worker: what the streams of one thread work with.  Plain structs, filled and owned by `gate`. */
#ifndef SALLYPORT_WORKER_H
#define SALLYPORT_WORKER_H

#include <stdatomic.h>

#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/cert.h"
#include "sallyport/conf.h"
#include "sallyport/dns.h"
#include "sallyport/loop.h"
#include "sallyport/tls.h"
#include "sallyport/xmpp.h"

struct admit;   /* who holds how many connections (admit.h) */
struct outages; /* remote domains that failed a moment ago (outage.h) */
struct stream;

/* Shared by all workers; immutable but for the counters. */
struct site {
	atomic_uint refs;
	struct conf *conf;
	struct cert_store *certs;
	struct tls_ctx *tls;
	struct xmpp_dialback_secret secret;
	struct admit *admit;
};

/* One thread's. */
struct worker {
	struct loop *loop;
	struct site *site;
	struct buf_pool *pool;
	struct dns *dns;
	struct outages *outages;
	struct stream *streams; /* all of them, newest first */
	size_t streams_n;
	unsigned handshakes;    /* in progress on the public side */
	bool draining;
	void (*empty)(void *arg); /* called when draining and the last stream has gone */
	void *empty_arg;
};

#endif
