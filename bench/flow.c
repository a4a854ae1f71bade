#include "flow.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "clockwork.h"
#include "link.h"
#include "party.h"

#define COURSE_MAGIC 0x636f7572u
/* Routes that are being opened at a time, in each lane: more would only wait in the gateway. */
#define OPENING_MAX 64u
/* A batch that fits one chunk goes out in one system call and costs no allocation. */
#define BATCH_MAX (BUF_CHUNK - 512u)
#define RECORD_OVERHEAD 64u
#define SATURATION_BATCHES 64u

/* One route, as its sender sees it. */
struct course {
	uint32_t magic;
	struct flow *flow;
	struct party *party;
	uint32_t route;
	bool open, blocked;
	uint64_t sent; /* whole stanzas */
	size_t carry;  /* bytes of the next one that are sent already */
	uint64_t carry_time;
};

struct flow {
	struct lane *lane;
	struct course *course;
	uint32_t courses, active; /* those that carry stanzas come first */
	uint32_t next, opening;
	bool going;
	struct clockwork *clock;
	char *record;
};

static void on_open(void *arg);
static void on_writable(void *arg);
static void on_ended(void *arg, const char *why);
static void on_tick(void *arg, uint64_t due);

static const struct party_hooks hooks = {on_open, on_writable, on_ended};

struct flow *flow_new(struct lane *lane)
{
	const struct plan *plan = lane->plan;
	struct flow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->lane = lane;
	f->courses = (plan->routes - lane->index + plan->threads - 1) / plan->threads;
	f->course = calloc(f->courses, sizeof(*f->course));
	f->record = malloc(LINK_RECORD_MAX);
	f->clock = clockwork_new(lane->loop, lane->bench, on_tick, f);
	if (f->course == NULL || f->record == NULL || f->clock == NULL) {
		flow_free(f);
		return NULL;
	}
	for (uint32_t i = 0; i < f->courses; i++) {
		uint32_t route = lane->index + i * plan->threads;

		f->course[i] = (struct course){.magic = COURSE_MAGIC, .flow = f, .route = route};
		f->active += route < plan->active;
	}
	return f;
}

void flow_free(struct flow *f)
{
	if (f == NULL)
		return;
	clockwork_free(f->clock);
	free(f->course);
	free(f->record);
	free(f);
}

/* --- opening --- */

static void open_more(struct flow *f)
{
	const struct plan *plan = f->lane->plan;
	enum party_role role = plan->wire == WIRE_RAW            ? PARTY_SOURCE
	                       : plan->direction == DIRECTION_IN ? PARTY_PEER
	                                                         : PARTY_ORIGIN;

	while (f->next < f->courses && f->opening < OPENING_MAX && !atomic_load(&f->lane->bench->stopping)) {
		struct course *c = &f->course[f->next++];

		c->party = party_connect(f->lane, role, c->route, &hooks, c);
		if (c->party != NULL) {
			f->opening++;
			continue;
		}
		count_add(&f->lane->n.failed, 1);
		bench_problem(f->lane->bench, "peer %u can't connect: %s", c->route, strerror(errno));
	}
}

void flow_open(void *arg)
{
	struct lane *lane = arg;

	open_more(lane->flow);
}

static void on_open(void *arg)
{
	struct course *c = arg;

	MAGIC_CHECK(c, COURSE_MAGIC);
	c->open = true;
	c->flow->opening--;
	open_more(c->flow);
}

static void on_ended(void *arg, const char *why)
{
	struct course *c = arg;
	struct lane *lane = c->flow->lane;

	MAGIC_CHECK(c, COURSE_MAGIC);
	c->party = NULL;
	count_add(&lane->n.closed, 1);
	if (why != NULL) {
		count_add(&lane->n.failed, 1);
		bench_problem(lane->bench, "%s", why);
	}
	if (c->open)
		return;
	c->flow->opening--;
	open_more(c->flow);
}

/* --- sending --- */

static bool by_schedule(const struct flow *f)
{
	return f->lane->plan->rate > 0;
}

/* Which of the lane's stanzas, in the order of the schedule, is number seq of a course. */
static int64_t planned(const struct flow *f, const struct course *c, uint64_t seq)
{
	return clockwork_time(f->clock, seq * f->active + (uint64_t)(c - f->course));
}

/* How many stanzas of a course are due when `due` of the lane are. */
static uint64_t course_due(const struct flow *f, const struct course *c, uint64_t due)
{
	uint64_t n = (due + f->active - 1 - (uint64_t)(c - f->course)) / f->active;
	uint64_t count = f->lane->plan->count;

	return count > 0 && n > count ? count : n;
}

/* Puts the next bytes of the course into the record: up to `most`, from stanzas below `until`.  Returns how many. */
static size_t fill_record(struct course *c, size_t most, uint64_t until, int64_t now)
{
	struct flow *f = c->flow;
	struct lane *lane = f->lane;
	const struct payload *payload = &lane->bench->payload;
	size_t n = 0;

	while (n < most && c->sent < until) {
		if (c->carry == 0)
			c->carry_time = (uint64_t)(by_schedule(f) ? planned(f, c, c->sent) : now);
		size_t len = payload_put(payload, party_route_digits(c->party), c->sent, c->carry_time, lane->stanza);
		size_t part = len - c->carry < most - n ? len - c->carry : most - n;

		memcpy(f->record + n, lane->stanza + c->carry, part);
		n += part;
		c->carry += part;
		if (c->carry < len)
			break;
		if (by_schedule(f) && now >= (int64_t)c->carry_time)
			(void)hdr_record_value(lane->lag, now - (int64_t)c->carry_time);
		c->carry = 0;
		c->sent++;
		if (lane->plan->records != RECORDS_FULL)
			break;
	}
	return n;
}

/* Whether one more record goes out in the same system call. */
static bool goes_along(const struct course *c)
{
	const struct lane *lane = c->flow->lane;
	size_t next = lane->plan->records == RECORDS_FULL ? LINK_RECORD_MAX : lane->bench->payload.largest;

	return lane->plan->records != RECORDS_STANZA &&
	       link_queued(party_link(c->party)) + next + RECORD_OVERHEAD < BATCH_MAX;
}

/* Writes a batch and sends it. */
static void send_batch(struct course *c, uint64_t until, int64_t now)
{
	struct flow *f = c->flow;
	struct lane *lane = f->lane;
	struct link *link = party_link(c->party);
	uint64_t before = c->sent, bytes = 0;

	do {
		size_t n = fill_record(c, LINK_RECORD_MAX, until, now);

		link_write(link, (struct span){f->record, n});
		bytes += n;
	} while (c->sent < until && goes_along(c));
	/* before they can arrive */
	count_add(&lane->n.sent, c->sent - before);
	count_add(&lane->n.sent_bytes, bytes);
	count_add(&lane->bench->route[c->route].sent, c->sent - before);
	link_flush(link);
}

/* Sends as long as the socket takes it at once. */
static void send_until(struct course *c, uint64_t until, unsigned batches)
{
	struct link *link = party_link(c->party);
	int64_t now = bench_now(c->flow->lane->bench);

	while (c->sent < until && batches-- > 0 && link_queued(link) == 0)
		send_batch(c, until, now);
	c->blocked = link_queued(link) > 0;
}

static bool may_send(const struct course *c)
{
	return c->party != NULL && c->open && c->flow->going && !c->blocked;
}

static bool is_over(const struct flow *f)
{
	const struct bench *b = f->lane->bench;
	int64_t until = atomic_load_explicit(&b->measure_until, memory_order_relaxed);

	return f->lane->plan->count == 0 && until > 0 && bench_now(b) >= until;
}

/* As fast as it goes, but a few batches at a turn: nobody starves, and the end is seen. */
static void saturate(struct course *c)
{
	uint64_t count = c->flow->lane->plan->count;
	uint64_t until = count > 0 ? count : UINT64_MAX;

	if (is_over(c->flow))
		until = c->sent + (c->carry > 0);
	send_until(c, until, SATURATION_BATCHES);
	if (c->sent < until && !c->blocked)
		link_ask_writable(party_link(c->party));
}

static void on_writable(void *arg)
{
	struct course *c = arg;

	MAGIC_CHECK(c, COURSE_MAGIC);
	c->blocked = false;
	if (!may_send(c))
		return;
	if (by_schedule(c->flow))
		send_until(c, course_due(c->flow, c, clockwork_due(c->flow->clock)), UINT_MAX);
	else
		saturate(c);
}

static void on_tick(void *arg, uint64_t due)
{
	struct flow *f = arg;
	uint64_t last = clockwork_last(f->clock);
	uint64_t n = due - last < f->active ? due - last : f->active;

	count_add(&f->lane->n.owed, due - last);
	if (clockwork_over(f->clock))
		count_add(&f->lane->n.over, 1);
	for (uint64_t i = 0; i < n; i++) {
		struct course *c = &f->course[(last + i) % f->active];

		if (may_send(c))
			send_until(c, course_due(f, c, due), UINT_MAX);
	}
}

void flow_go(void *arg)
{
	struct lane *lane = arg;
	struct flow *f = lane->flow;
	const struct plan *plan = lane->plan;

	f->going = true;
	if (by_schedule(f) && f->active > 0) {
		double rate = (double)plan->rate * f->active / plan->active;

		clockwork_start(f->clock, atomic_load(&lane->bench->start), rate, plan->count * f->active);
		return;
	}
	count_add(&lane->n.over, 1);
	for (uint32_t i = 0; i < f->active; i++)
		if (may_send(&f->course[i]))
			saturate(&f->course[i]);
}

void flow_close(void *arg)
{
	struct lane *lane = arg;
	struct flow *f = lane->flow;

	f->going = false;
	for (uint32_t i = 0; i < f->courses; i++) {
		struct course *c = &f->course[i];

		if (c->party == NULL)
			continue;
		if (c->open && c->carry > 0)
			send_batch(c, c->sent + 1, bench_now(lane->bench));
		party_close(c->party);
	}
	if (lane->verifier != NULL)
		party_close(lane->verifier);
}
