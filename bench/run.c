#include "run.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "flow.h"
#include "lives.h"

#define POLL_NS 2000000
#define SETTLE_NS 300000000
#define CLOSE_NS INT64_C(10000000000)
#define POINTS_MAX 100000

struct conductor {
	struct result *r;
	struct bench *b;
	int64_t next_point, interval;
	uint64_t moved; /* to see that something still happens */
	int64_t moved_at;
	bool stalled;
	sigset_t signals; /* SIGINT, SIGTERM: blocked, and looked at in every pause */
};

static void take_point(const struct conductor *c, struct point *p)
{
	const struct bench *b = c->b;

	*p = (struct point){.t = (double)bench_now(b) / 1e9,
	    .opened = BENCH_SUM(b, opened),
	    .finished = BENCH_SUM(b, finished),
	    .received = BENCH_SUM(b, received),
	    .received_bytes = BENCH_SUM(b, received_bytes),
	    .own_cpu = watch_own_cpu(),
	    .machine_cpu = watch_machine_cpu()};
	watch_take(&c->r->watch, &p->usage);
}

static void show_progress(const struct conductor *c, const struct point *last, const struct point *now)
{
	double dt = now->t - last->t;
	bool terminal = isatty(STDERR_FILENO);

	if (c->r->plan->quiet || dt <= 0)
		return;
	fprintf(stderr, "%s%6.1f s  %llu open  %.0f stanzas/s  %.1f MB/s", terminal ? "\r\033[K" : "", now->t,
	    (unsigned long long)(now->opened - BENCH_SUM(c->b, closed)), (double)(now->received - last->received) / dt,
	    (double)(now->received_bytes - last->received_bytes) / dt / 1e6);
	if (plan_lives(c->r->plan))
		fprintf(stderr, "  %.0f connections/s", (double)(now->finished - last->finished) / dt);
	if (c->r->watch.pids > 0)
		fprintf(stderr, "  gateway %.0f %% CPU, %.1f MB", 100 * (now->usage.cpu - last->usage.cpu) / dt,
		    (double)now->usage.memory / 1e6);
	fputs(terminal ? "" : "\n", stderr);
}

static void add_point(struct conductor *c)
{
	struct result *r = c->r;
	struct point *grown;

	c->next_point += c->interval;
	if (r->points == POINTS_MAX)
		return;
	grown = realloc(r->series, (r->points + 1) * sizeof(*grown));
	if (grown == NULL)
		return;
	r->series = grown;
	take_point(c, &r->series[r->points++]);
	if (r->points > 1 && c->interval >= 1000000000)
		show_progress(c, &r->series[r->points - 2], &r->series[r->points - 1]);
}

static bool has_stalled(struct conductor *c)
{
	const struct bench *b = c->b;
	uint64_t moved = BENCH_SUM(b, opened) + BENCH_SUM(b, received) + BENCH_SUM(b, sent) + BENCH_SUM(b, closed);
	int64_t now = bench_now(b);

	if (moved != c->moved) {
		c->moved = moved;
		c->moved_at = now;
	}
	if (now - c->moved_at < (int64_t)c->r->plan->timeout_ms * 1000000)
		return false;
	if (!c->stalled)
		bench_problem(c->b, "nothing has moved for %u ms: %llu open, %llu stanzas sent, %llu received",
		    c->r->plan->timeout_ms, (unsigned long long)BENCH_SUM(b, opened),
		    (unsigned long long)BENCH_SUM(b, sent), (unsigned long long)BENCH_SUM(b, received));
	c->stalled = true;
	return true;
}

static bool is_spoilt(const struct bench *b)
{
	pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&b->lock);
	bool spoilt = b->problems > 0;
	pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&b->lock);
	return spoilt;
}

/* Waits until done() or, if there is a moment, until then; false: there is no sense in going on. */
static bool wait_for(struct conductor *c, bool (*done)(const struct bench *b), int64_t moment)
{
	static const struct timespec pause = {0, POLL_NS};

	c->moved_at = bench_now(c->b);
	for (;;) {
		int64_t now = bench_now(c->b);

		if (now >= c->next_point)
			add_point(c);
		if (done != NULL && done(c->b))
			return true;
		if (moment > 0 && now >= moment)
			return true;
		if (c->r->interrupted || is_spoilt(c->b) || (moment == 0 && has_stalled(c)))
			return false;
		c->r->interrupted = sigtimedwait(&c->signals, NULL, &pause) > 0;
	}
}

static bool all_open(const struct bench *b)
{
	return BENCH_SUM(b, opened) + BENCH_SUM(b, failed) >= b->plan->routes;
}

static bool all_delivered(const struct bench *b)
{
	uint64_t sent = BENCH_SUM(b, sent);

	if (BENCH_SUM(b, over) < b->plan->threads || sent < b->plan->count * b->plan->active)
		return false;
	return sent >= BENCH_SUM(b, owed) && BENCH_SUM(b, received) == sent;
}

static bool all_closed(const struct bench *b)
{
	return BENCH_SUM(b, closed) >= BENCH_SUM(b, opened);
}

static bool all_lived(const struct bench *b)
{
	return BENCH_SUM(b, closed) >= BENCH_SUM(b, begun) &&
	       (b->plan->count == 0 || BENCH_SUM(b, begun) >= b->plan->count);
}

static void post_all(struct bench *b, void (*fn)(void *lane))
{
	for (unsigned i = 0; i < b->plan->threads; i++)
		lane_post(&b->lane[i], fn);
}

/* Sets the times of what is measured; returns when it ends, 0: when the work is done. */
static int64_t set_times(struct bench *b)
{
	const struct plan *plan = b->plan;
	int64_t start = bench_now(b);
	int64_t from = start + (int64_t)plan->warmup_ms * 1000000;
	int64_t until = plan->count > 0 ? 0 : from + (int64_t)plan->duration_ms * 1000000;

	atomic_store(&b->start, start);
	atomic_store(&b->measure_from, from);
	atomic_store(&b->measure_until, until);
	return until;
}

/* Whatever happens, it ends here: no new work from now on. */
static void stop_work(struct conductor *c)
{
	int64_t now = bench_now(c->b);

	atomic_store(&c->b->stopping, true);
	if (atomic_load(&c->b->measure_until) == 0 || atomic_load(&c->b->measure_until) > now)
		atomic_store(&c->b->measure_until, now);
}

static void measure(struct conductor *c, void (*go)(void *lane), bool (*done)(const struct bench *b))
{
	struct result *r = c->r;
	int64_t until;
	bool ok = true;

	take_point(c, &r->from);
	until = set_times(c->b);
	post_all(c->b, go);
	if (r->plan->warmup_ms > 0) {
		ok = wait_for(c, NULL, atomic_load(&c->b->measure_from));
		take_point(c, &r->from);
	}
	if (ok)
		ok = wait_for(c, until > 0 ? NULL : done, until);
	take_point(c, &r->until);
	if (!ok)
		stop_work(c);
	else if (until > 0)
		ok = wait_for(c, done, 0);
	stop_work(c);
}

static bool open_routes(struct conductor *c)
{
	post_all(c->b, flow_open);
	if (!wait_for(c, all_open, 0))
		return false;
	c->r->opening = (double)bench_now(c->b) / 1e9 - c->r->nothing.t;
	/* memory that was used to open them goes back */
	if (c->r->watch.pids > 0 && !wait_for(c, NULL, bench_now(c->b) + SETTLE_NS))
		return false;
	take_point(c, &c->r->all_open);
	c->r->held = c->r->all_open;
	if (c->r->plan->hold_ms == 0)
		return true;
	bool ok = wait_for(c, NULL, bench_now(c->b) + (int64_t)c->r->plan->hold_ms * 1000000);
	take_point(c, &c->r->held);
	return ok;
}

static void conduct(struct conductor *c)
{
	take_point(c, &c->r->nothing);
	c->r->all_open = c->r->held = c->r->from = c->r->until = c->r->nothing;
	if (plan_lives(c->r->plan)) {
		measure(c, lives_go, all_lived);
		post_all(c->b, lives_close);
		return;
	}
	if (open_routes(c))
		measure(c, flow_go, all_delivered);
	stop_work(c);
	post_all(c->b, flow_close);
	/* a gateway that does not close in time is not to blame for what was measured */
	if (!is_spoilt(c->b))
		(void)wait_for(c, all_closed, bench_now(c->b) + CLOSE_NS);
}

/* What was sent must have come, to the stanza. */
static void verify(struct result *r)
{
	const struct bench *b = r->bench;

	for (uint32_t i = 0; i < r->plan->routes; i++) {
		uint64_t sent = count_get(&b->route[i].sent), received = count_get(&b->route[i].received);

		if (sent == received)
			continue;
		r->undelivered += sent > received ? sent - received : 0;
		bench_problem(r->bench, "peer %u: %llu stanzas were sent, %llu arrived", i, (unsigned long long)sent,
		    (unsigned long long)received);
	}
	if (BENCH_SUM(b, received) == 0)
		bench_problem(r->bench, "no stanza arrived at all");
}

static int64_t point_interval(const struct plan *plan)
{
	bool brief = plan->count == 0 && plan->warmup_ms + plan->duration_ms < 10000;

	return brief ? 100000000 : 1000000000;
}

bool run(struct result *r, struct bench *b, const struct plan *plan, char *err, size_t err_n)
{
	struct conductor c = {.r = r, .b = b, .interval = point_interval(plan)};
	sigset_t before;

	*r = (struct result){.plan = plan, .bench = b};
	if (!watch_init(&r->watch, plan->pids, err, err_n))
		return false;
	sigemptyset(&c.signals);
	sigaddset(&c.signals, SIGINT);
	sigaddset(&c.signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &c.signals, &before); /* the threads inherit it */
	if (bench_start(b))
		conduct(&c);
	else
		bench_problem(b, "can't create threads");
	if (!plan->quiet && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	bench_join(b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	verify(r);
	return true;
}

void result_free(struct result *r)
{
	free(r->series);
	r->series = NULL;
}
