#include "lives.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clockwork.h"
#include "link.h"
#include "party.h"

#define SLOT_MAGIC 0x736c6f74u

/* One route: a connection at a time. */
struct slot {
	uint32_t magic;
	struct lives *lives;
	struct party *party;
	uint32_t route;
	bool sent_all;
	int64_t planned;
	struct slot *next; /* free ones */
};

struct lives {
	struct lane *lane;
	struct slot *slot;
	uint32_t slots;
	struct slot *free;
	uint64_t begun, limit; /* connections; limit 0: none */
	struct clockwork *clock;
	bool starting;
};

static void on_open(void *arg);
static void on_writable(void *arg);
static void on_ended(void *arg, const char *why);
static void on_tick(void *arg, uint64_t due);
static void begin_more(struct lives *l);

static const struct party_hooks hooks = {on_open, on_writable, on_ended};

struct lives *lives_new(struct lane *lane)
{
	const struct plan *plan = lane->plan;
	struct lives *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->lane = lane;
	l->slots = (plan->routes - lane->index + plan->threads - 1) / plan->threads;
	/* the first lanes take what does not divide */
	l->limit = plan->count / plan->threads + (lane->index < plan->count % plan->threads);
	l->slot = calloc(l->slots, sizeof(*l->slot));
	l->clock = clockwork_new(lane->loop, lane->bench, on_tick, l);
	if (l->slot == NULL || l->clock == NULL) {
		lives_free(l);
		return NULL;
	}
	for (uint32_t i = l->slots; i-- > 0;) {
		l->slot[i] = (struct slot){.magic = SLOT_MAGIC, .lives = l, .route = lane->index + i * plan->threads};
		l->slot[i].next = l->free;
		l->free = &l->slot[i];
	}
	return l;
}

void lives_free(struct lives *l)
{
	if (l == NULL)
		return;
	clockwork_free(l->clock);
	free(l->slot);
	free(l);
}

/* --- beginnings --- */

/* How many connections may have begun by now. */
static uint64_t allowed(const struct lives *l)
{
	const struct bench *b = l->lane->bench;
	int64_t until = atomic_load(&b->measure_until);

	if (atomic_load(&b->stopping))
		return l->begun;
	if (l->lane->plan->rate > 0)
		return clockwork_due(l->clock);
	if (l->lane->plan->count > 0)
		return l->limit;
	return until > 0 && bench_now(b) >= until ? l->begun : UINT64_MAX;
}

static void begin(struct lives *l, struct slot *s)
{
	const struct plan *plan = l->lane->plan;
	enum party_role role = plan->wire == WIRE_RAW            ? PARTY_SOURCE
	                       : plan->direction == DIRECTION_IN ? PARTY_PEER
	                                                         : PARTY_ORIGIN;
	int64_t now = bench_now(l->lane->bench);

	s->planned = plan->rate > 0 ? clockwork_time(l->clock, l->begun) : now;
	if (plan->rate > 0 && now >= s->planned)
		(void)hdr_record_value(l->lane->lag, now - s->planned);
	s->sent_all = false;
	l->begun++;
	s->party = party_connect(l->lane, role, s->route, &hooks, s);
	if (s->party != NULL) {
		count_add(&l->lane->n.begun, 1);
		return;
	}
	count_add(&l->lane->n.failed, 1);
	bench_problem(
	    l->lane->bench, "connection %llu can't be made: %s", (unsigned long long)l->begun, strerror(errno));
	atomic_store(&l->lane->bench->stopping, true);
	s->next = l->free;
	l->free = s;
}

static void begin_more(struct lives *l)
{
	uint64_t until = allowed(l);

	while (l->free != NULL && l->begun < until) {
		struct slot *s = l->free;

		l->free = s->next;
		begin(l, s);
		until = allowed(l);
	}
}

static void on_tick(void *arg, uint64_t due)
{
	(void)due;
	begin_more(arg);
}

void lives_go(void *arg)
{
	struct lane *lane = arg;
	struct lives *l = lane->lives;
	const struct plan *plan = lane->plan;

	if (plan->rate > 0)
		clockwork_start(
		    l->clock, atomic_load(&lane->bench->start), (double)plan->rate / plan->threads, l->limit);
	else
		begin_more(l);
}

void lives_close(void *arg)
{
	struct lane *lane = arg;

	if (lane->verifier != NULL)
		party_close(lane->verifier);
}

/* --- one connection --- */

static void on_open(void *arg)
{
	struct slot *s = arg;
	struct lane *lane = s->lives->lane;
	struct link *link = party_link(s->party);
	const char *digits = party_route_digits(s->party);
	uint32_t stanzas = lane->plan->stanzas;
	uint64_t bytes = 0;

	MAGIC_CHECK(s, SLOT_MAGIC);
	for (uint32_t seq = 0; seq < stanzas; seq++) {
		/* the first tells how long the whole set-up took */
		int64_t time = seq == 0 ? s->planned : bench_now(lane->bench);
		size_t n = payload_put(&lane->bench->payload, digits, seq, (uint64_t)time, lane->stanza);

		for (size_t at = 0; at < n; at += LINK_RECORD_MAX)
			link_write(link,
			    (struct span){lane->stanza + at, n - at < LINK_RECORD_MAX ? n - at : LINK_RECORD_MAX});
		bytes += n;
	}
	/* before they can arrive */
	count_add(&lane->n.sent, stanzas);
	count_add(&lane->n.sent_bytes, bytes);
	count_add(&lane->bench->route[s->route].sent, stanzas);
	s->sent_all = true;
	link_flush(link);
}

static void on_writable(void *arg)
{
	struct slot *s = arg;

	/* all is written from the start; the link sends it as it can */
	MAGIC_CHECK(s, SLOT_MAGIC);
}

static void end_delivered(void *arg)
{
	struct slot *s = arg;
	struct lane *lane = s->lives->lane;
	const struct delivery *d = &lane->bench->route[s->route];

	MAGIC_CHECK(s, SLOT_MAGIC);
	if (s->party == NULL || !s->sent_all || count_get(&d->received) != count_get(&d->sent))
		return;
	s->sent_all = false;
	count_add(&lane->n.finished, 1);
	party_close(s->party);
}

void lives_delivered(struct lane *lane, uint32_t route)
{
	struct bench *b = lane->bench;
	struct lane *owner = &b->lane[route % b->plan->threads];
	struct slot *s = &owner->lives->slot[route / b->plan->threads];

	if (count_get(&b->route[route].received) < count_get(&b->route[route].sent))
		return;
	if (owner == lane)
		end_delivered(s);
	else if (!loop_post(owner->loop, end_delivered, s))
		bench_problem(b, "out of memory");
}

static void on_ended(void *arg, const char *why)
{
	struct slot *s = arg;
	struct lives *l = s->lives;
	struct lane *lane = l->lane;

	MAGIC_CHECK(s, SLOT_MAGIC);
	s->party = NULL;
	count_add(&lane->n.closed, 1);
	if (why != NULL) {
		count_add(&lane->n.failed, 1);
		bench_problem(lane->bench, "%s", why);
		atomic_store(&lane->bench->stopping, true);
	}
	s->next = l->free;
	l->free = s;
	begin_more(l);
}
