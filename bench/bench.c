#include "bench.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "flow.h"
#include "link.h"
#include "lives.h"
#include "names.h"
#include "party.h"
#include "sallyport/sock.h"

#define LANE_MAGIC 0x6c616e65u
/* Free chunks that a lane keeps. */
#define POOL_KEEP 256
/* Latencies from 100 ns to 10 minutes, to three digits. */
#define LATENCY_LEAST 100
#define LATENCY_MOST INT64_C(600000000000)
#define ACCEPT_BATCH 64

static int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bench_now(const struct bench *b)
{
	return monotonic_ns() - b->epoch;
}

void bench_problem(struct bench *b, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&b->lock);
	if (b->problems < BENCH_PROBLEMS_KEPT) {
		va_start(ap, fmt);
		(void)vsnprintf(b->problem[b->problems], sizeof(b->problem[0]), fmt, ap);
		va_end(ap);
	}
	b->problems++;
	pthread_mutex_unlock(&b->lock);
}

uint64_t bench_sum(const struct bench *b, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < b->plan->threads; i++)
		sum += count_get((const count_t *)((const char *)&b->lane[i].n + offset));
	return sum;
}

void bench_peer_domain(const struct bench *b, uint32_t route, struct domain *out)
{
	int n = snprintf(out->s, sizeof(out->s), "r%05u.%s", route, b->plan->peers);

	ENSURE(n > 0 && (size_t)n < sizeof(out->s));
	out->n = (uint8_t)n;
}

bool bench_peer_route(const struct bench *b, const struct domain *domain, uint32_t *route)
{
	uint32_t n = 0;

	if (domain->n < ROUTE_DIGITS + 3 || domain->s[0] != 'r' || domain->s[ROUTE_DIGITS + 1] != '.' ||
	    strcmp(domain->s + ROUTE_DIGITS + 2, b->plan->peers) != 0)
		return false;
	for (size_t i = 1; i <= ROUTE_DIGITS; i++) {
		if (domain->s[i] < '0' || domain->s[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(domain->s[i] - '0');
	}
	*route = n;
	return n < b->plan->routes;
}

/* --- lanes --- */

static bool histogram(struct hdr_histogram **h)
{
	return hdr_init(LATENCY_LEAST, LATENCY_MOST, 3, h) == 0;
}

static bool lane_init(struct lane *lane, struct bench *b, unsigned index)
{
	*lane = (struct lane){.magic = LANE_MAGIC, .index = index, .bench = b, .plan = b->plan};
	lane->backend_door.fd = lane->remote_door.fd = -1;
	lane->loop = loop_new();
	lane->pool = buf_pool_new(POOL_KEEP);
	lane->rx = malloc(LANE_READ);
	lane->plain = malloc(LANE_READ);
	lane->stanza = malloc(b->payload.largest);
	if (lane->loop == NULL || lane->pool == NULL || lane->rx == NULL || lane->plain == NULL ||
	    lane->stanza == NULL || !histogram(&lane->latency) || !histogram(&lane->first) ||
	    !histogram(&lane->setup) || !histogram(&lane->lag))
		return false;
	if (plan_lives(b->plan))
		lane->lives = lives_new(lane);
	else
		lane->flow = flow_new(lane);
	return lane->lives != NULL || lane->flow != NULL;
}

static void door_close(struct door *d)
{
	loop_io_free(d->io);
	if (d->fd >= 0)
		sock_close(d->fd);
	d->io = NULL;
	d->fd = -1;
}

static void lane_free(struct lane *lane)
{
	if (lane->magic != LANE_MAGIC)
		return;
	door_close(&lane->backend_door);
	door_close(&lane->remote_door);
	flow_free(lane->flow);
	lives_free(lane->lives);
	names_free(lane->names);
	while (lane->parties != NULL)
		party_drop(lane->parties);
	loop_free(lane->loop);
	buf_pool_free(lane->pool);
	SSL_SESSION_free(lane->session.newest);
	free(lane->rx);
	free(lane->plain);
	free(lane->stanza);
	struct hdr_histogram *all[] = {lane->latency, lane->first, lane->setup, lane->lag};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] != NULL)
			hdr_close(all[i]);
}

static void on_knock(void *arg, unsigned ready)
{
	struct door *d = arg;
	struct addr from;
	int fd, err;

	(void)ready;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		enum sock_rc rc = sock_accept(d->fd, &fd, &from, &err);

		if (rc == SOCK_AGAIN)
			return;
		if (rc != SOCK_OK) {
			bench_problem(d->lane->bench, "a connection could not be accepted: %s", strerror(err));
			loop_io_want(d->io, false, false);
			return;
		}
		party_accept(d->lane, (enum party_role)d->role, fd);
	}
}

static bool door_open(
    struct door *d, struct lane *lane, const struct addr *at, enum party_role role, char *err, size_t err_n)
{
	*d = (struct door){.lane = lane, .role = (int)role};
	d->fd = sock_listen(at, lane->plan->threads > 1, err, err_n);
	if (d->fd < 0)
		return false;
	d->io = loop_io_new(lane->loop, d->fd, on_knock, d);
	if (d->io == NULL) {
		snprintf(err, err_n, "out of memory");
		return false;
	}
	loop_io_want(d->io, true, false);
	return true;
}

bool lane_listen(struct lane *lane, char *err, size_t err_n)
{
	const struct plan *plan = lane->plan;
	bool raw = plan->wire == WIRE_RAW;

	if (!door_open(&lane->backend_door, lane, &plan->backend, raw ? PARTY_SINK : PARTY_BACKEND, err, err_n))
		return false;
	if (plan->direction == DIRECTION_IN)
		return true;
	if (!door_open(&lane->remote_door, lane, &plan->remote, PARTY_REMOTE, err, err_n))
		return false;
	/* one thread answers for all */
	if (lane->index > 0)
		return true;
	lane->names = names_new(lane, err, err_n);
	return lane->names != NULL;
}

void lane_post(struct lane *lane, void (*fn)(void *lane))
{
	if (!loop_post(lane->loop, fn, lane))
		bench_problem(lane->bench, "out of memory");
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;

	loop_run(lane->loop);
	return NULL;
}

/* --- the whole --- */

bool bench_init(struct bench *b, const struct plan *plan, char *err, size_t err_n)
{
	uint8_t secret[32];

	*b = (struct bench){.plan = plan, .epoch = monotonic_ns()};
	pthread_mutex_init(&b->lock, NULL);
	if (!domain_parse(&b->local, span_of(plan->local))) {
		snprintf(err, err_n, "--local: \"%s\" is no domain", plan->local);
		return false;
	}
	if (!RAND_bytes(secret, sizeof(secret)) || !payload_init(&b->payload, plan->payload, plan, err, err_n) ||
	    !creds_init(&b->creds, plan, err, err_n))
		return false;
	xmpp_dialback_secret(&b->secret, (struct span){(const char *)secret, sizeof(secret)});
	snprintf(err, err_n, "out of memory");
	b->bio = link_bio_method();
	b->route = calloc(plan->routes, sizeof(*b->route));
	b->lane = calloc(plan->threads, sizeof(*b->lane));
	if (b->bio == NULL || b->route == NULL || b->lane == NULL)
		return false;
	for (unsigned i = 0; i < plan->threads; i++)
		if (!lane_init(&b->lane[i], b, i))
			return false;
	for (unsigned i = 0; i < plan->threads; i++)
		if (!lane_listen(&b->lane[i], err, err_n))
			return false;
	return true;
}

void bench_free(struct bench *b)
{
	for (unsigned i = 0; b->lane != NULL && i < b->plan->threads; i++)
		lane_free(&b->lane[i]);
	free(b->lane);
	free(b->route);
	creds_free(&b->creds);
	payload_free(&b->payload);
	BIO_meth_free(b->bio);
	pthread_mutex_destroy(&b->lock);
}

bool bench_start(struct bench *b)
{
	for (unsigned i = 0; i < b->plan->threads; i++) {
		struct lane *lane = &b->lane[i];

		lane->started = pthread_create(&lane->thread, NULL, lane_run, lane) == 0;
		if (!lane->started)
			return false;
	}
	return true;
}

static void stop_lane(void *arg)
{
	struct lane *lane = arg;

	loop_stop(lane->loop);
}

void bench_join(struct bench *b)
{
	for (unsigned i = 0; i < b->plan->threads; i++) {
		struct lane *lane = &b->lane[i];

		if (!lane->started)
			continue;
		lane_post(lane, stop_lane);
		pthread_join(lane->thread, NULL);
		lane->started = false;
	}
}
