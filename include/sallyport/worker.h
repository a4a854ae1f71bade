/* worker: what the streams of one thread work with.  A plain struct, filled and owned by `gate`. */
#ifndef SALLYPORT_WORKER_H
#define SALLYPORT_WORKER_H

#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/dns.h"
#include "sallyport/fsm.h"
#include "sallyport/loop.h"
#include "sallyport/site.h"
#include "sallyport/tally.h"

struct outages; /* remote domains that failed a moment ago (outage.h) */
struct stream;

/* One thread's. */
struct worker {
	struct loop *loop;
	struct site *site; /* the present configuration; streams keep the one that they were made under */
	struct buf_pool *pool;
	struct dns *dns;
	struct keys_line *keys; /* for signatures; NULL: keys are in this process */
	struct outages *outages;
	struct stream *streams; /* all of them, newest first */
	size_t streams_n;
	uint64_t streams_made;  /* so far */
	uint32_t count[ROLE_COUNT][STATE_COUNT]; /* of them */
	unsigned handshakes;    /* in progress on the public side */
	struct tally tally;
	bool draining;
	void (*empty)(void *arg); /* called when draining and the last stream has gone */
	void *empty_arg;
};

#endif
