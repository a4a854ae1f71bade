#include "clockwork.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CLOCKWORK_MAGIC 0x74696b74u
/* What is due within so many nanoseconds is not worth a sleep. */
#define SLEEP_LEAST 20000

struct clockwork {
	uint32_t magic;
	const struct bench *bench;
	struct loop_io *io;
	int fd;
	double interval; /* ns */
	int64_t start;
	uint64_t limit, last, told;
	void (*fn)(void *arg, uint64_t due);
	void *arg;
};

int64_t clockwork_time(const struct clockwork *c, uint64_t k)
{
	return c->start + (int64_t)((double)k * c->interval);
}

uint64_t clockwork_due(const struct clockwork *c)
{
	int64_t until = atomic_load_explicit(&c->bench->measure_until, memory_order_relaxed);
	int64_t now = bench_now(c->bench);
	uint64_t k;

	if (c->limit == 0 && until > 0 && now >= until)
		now = until - 1;
	if (c->interval <= 0 || now < c->start)
		return 0;
	k = (uint64_t)((double)(now - c->start) / c->interval) + 1;
	/* the division may be off by one where clockwork_time() is not */
	while (k > 0 && clockwork_time(c, k - 1) > now)
		k--;
	return c->limit > 0 && k > c->limit ? c->limit : k;
}

uint64_t clockwork_last(const struct clockwork *c)
{
	return c->last;
}

bool clockwork_over(const struct clockwork *c)
{
	int64_t until = atomic_load_explicit(&c->bench->measure_until, memory_order_relaxed);

	return c->limit > 0 ? c->told >= c->limit : until > 0 && clockwork_time(c, c->told) >= until;
}

static void sleep_until_next(struct clockwork *c)
{
	int64_t next = clockwork_time(c, c->told), soonest = bench_now(c->bench) + SLEEP_LEAST;
	int64_t at = c->bench->epoch + (next > soonest ? next : soonest);
	struct itimerspec spec = {.it_value = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000}};

	/* one more look behind the end, to tell that it is over */
	ENSURE(timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0);
}

static void on_timer(void *arg, unsigned ready)
{
	struct clockwork *c = arg;
	uint64_t expirations;

	(void)ready;
	MAGIC_CHECK(c, CLOCKWORK_MAGIC);
	if (read(c->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	uint64_t due = clockwork_due(c);
	bool over;
	c->last = c->told;
	c->told = due > c->told ? due : c->told;
	over = clockwork_over(c);
	if (c->told > c->last || over)
		c->fn(c->arg, c->told);
	if (!over)
		sleep_until_next(c);
}

struct clockwork *clockwork_new(
    struct loop *loop, const struct bench *bench, void (*fn)(void *arg, uint64_t due), void *arg)
{
	struct clockwork *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct clockwork){.magic = CLOCKWORK_MAGIC, .bench = bench, .fn = fn, .arg = arg};
	c->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	c->io = c->fd >= 0 ? loop_io_new(loop, c->fd, on_timer, c) : NULL;
	if (c->io != NULL)
		return c;
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return NULL;
}

void clockwork_free(struct clockwork *c)
{
	if (c == NULL)
		return;
	loop_io_free(c->io);
	close(c->fd);
	c->magic = 0;
	free(c);
}

void clockwork_start(struct clockwork *c, int64_t at, double rate, uint64_t limit)
{
	c->start = at;
	c->interval = 1e9 / rate;
	c->limit = limit;
	c->last = c->told = 0;
	loop_io_want(c->io, true, false);
	sleep_until_next(c);
}
