/* bench: what all threads of one run share, and lane: one thread of it.
 *
 * A route is one peer's stream to the backend (or back); route r is driven by lane r % threads.  Its other end arrives
 * on whatever lane the kernel gives the connection to, so the two meet only in the counters of struct delivery. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <hdr/hdr_histogram.h>
#include <pthread.h>
#include <stdatomic.h>

#include "creds.h"
#include "payload.h"
#include "plan.h"
#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/jid.h"
#include "sallyport/loop.h"
#include "sallyport/xmpp.h"

/* One read takes at most this much. */
#define LANE_READ 131072u
#define BENCH_PROBLEMS_KEPT 20

/* Written by one thread, read by others. */
typedef _Atomic uint64_t count_t;

static inline void count_add(count_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_release);
}
static inline uint64_t count_get(const count_t *c)
{
	return atomic_load_explicit(c, memory_order_acquire);
}

/* Stanzas of one route, whole. */
struct delivery {
	count_t sent, received;
};

struct counters {
	count_t begun;    /* storm, churn: connections that were tried */
	count_t opened;   /* routes (storm, churn: connections) that were set up */
	count_t failed;   /* … that were not, or broke */
	count_t finished; /* storm, churn: connections whose stanzas all arrived */
	count_t closed;   /* … and that are gone */
	count_t owed;     /* stanzas that the schedule asked for */
	count_t over;     /* 1: it asks for no more */
	count_t sent, sent_bytes;
	count_t received, received_bytes;
	count_t handshakes, resumed; /* of peers with the gateway */
};

struct bench;
struct flow;
struct lives;
struct names;
struct party;

/* A listening socket of a lane. */
struct door {
	struct lane *lane;
	struct loop_io *io;
	int fd;
	int role; /* enum party_role of what is accepted */
};

struct lane {
	uint32_t magic;
	unsigned index;
	struct bench *bench;
	const struct plan *plan;
	struct loop *loop;
	struct buf_pool *pool;
	pthread_t thread;
	bool started;
	char *rx, *plain; /* of LANE_READ, for the link that is being read */
	char *stanza;     /* for the one that is being written */
	struct creds_session session;
	struct party *parties;  /* all of this lane */
	struct party *verifier; /* --anonymous-verify: its stream */
	struct door backend_door, remote_door;
	struct names *names;
	struct counters n;
	struct hdr_histogram *latency; /* from planned to arrived */
	struct hdr_histogram *first;   /* storm, churn: from the planned start to the first stanza's arrival */
	struct hdr_histogram *setup;   /* from the start to an open route */
	struct hdr_histogram *lag;     /* from planned to sent: our own lateness */
	struct flow *flow;             /* steady and its kin */
	struct lives *lives;           /* storm, churn */
};

struct bench {
	const struct plan *plan;
	struct payload payload;
	struct creds creds;
	BIO_METHOD *bio; /* link's */
	struct domain local;
	struct xmpp_dialback_secret secret;
	int64_t epoch;     /* CLOCK_MONOTONIC in ns: the zero of all times below and of those in stanzas */
	struct lane *lane; /* plan->threads of them */
	struct delivery *route;
	_Atomic int64_t start, measure_from, measure_until; /* ns since epoch; 0: not yet known */
	atomic_bool stopping;                               /* no new work */

	pthread_mutex_t lock; /* of what follows */
	unsigned problems;
	char problem[BENCH_PROBLEMS_KEPT][256];
	char tls_version[16], tls_cipher[48], tls_group[32]; /* of the first handshake with the gateway */
};

/* False: err says why. */
MUST_CHECK bool bench_init(struct bench *b, const struct plan *plan, char *err, size_t err_n);
void bench_free(struct bench *b);
/* Nanoseconds since epoch. */
int64_t bench_now(const struct bench *b);
/* Something that spoils the verdict: any thread, one sentence. */
void bench_problem(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Sum of one counter over all lanes; offset: that of the counter in struct counters. */
uint64_t bench_sum(const struct bench *b, size_t offset);
#define BENCH_SUM(b, counter) bench_sum((b), offsetof(struct counters, counter))

/* "r00012" + "." + peers. */
void bench_peer_domain(const struct bench *b, uint32_t route, struct domain *out);
/* The reverse.  False: it is none of ours. */
MUST_CHECK bool bench_peer_route(const struct bench *b, const struct domain *domain, uint32_t *route);

/* Opens the lane's listeners.  False: err says why. */
MUST_CHECK bool lane_listen(struct lane *lane, char *err, size_t err_n);
/* Runs fn(lane) on the lane's thread. */
void lane_post(struct lane *lane, void (*fn)(void *lane));
/* Starts and ends the threads. */
MUST_CHECK bool bench_start(struct bench *b);
void bench_join(struct bench *b);

#endif
