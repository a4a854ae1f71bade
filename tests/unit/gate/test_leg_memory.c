/* Whichever allocation of leg, buf or tls fails: one leg fails and says so, or could not be made; nothing leaks. */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "short_heap.h"

/* Whole chunks, but for the sanitizer's build. */
__attribute__((unused)) static void *pages(size_t n)
{
	return fails() ? MAP_FAILED : mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* The modules themselves, so that their allocations are ours. */
#define malloc heap
#define calloc heap_zeroed
#define mmap(at, n, ...) pages(n)
#define shake leg_shake /* the scene has one of its own */
#include "../../../proxy/core/buf.c"
#include "../../../proxy/gate/leg.c"
#undef malloc
#undef calloc
#undef mmap
#undef shake

#include "legs_tls.h"

struct exchange {
	struct side client, server;
	bool done;
};

static bool over(const struct exchange *x)
{
	return x->client.failed + x->server.failed + x->client.ended + x->server.ended > 0;
}

static bool made(struct exchange *x, struct tls_world *t)
{
	struct side *sides[] = {&x->client, &x->server};
	bool all = true;
	int fd[2];

	tcp_pair(&fd[0], &fd[1]);
	for (size_t i = 0; i < 2; i++) {
		*sides[i] = (struct side){.w = &t->w, .eat = SIZE_MAX};
		t->w.sides++;
		sides[i]->leg = leg_new(t->w.loop, t->w.pool, fd[i], IN_MAX, OUT_MAX, side_event, sides[i]);
		all = all && sides[i]->leg != NULL;
	}
	return all;
}

/* The last clear words may come together with the first record. */
static void take_tls(struct side *s, enum leg_event event)
{
	struct buf *in = leg_in(s->leg);

	if (event != LEG_READABLE || leg_tls(s->leg) != NULL)
		return;
	if (buf_len(in) > 0 && buf_span(in).p[0] == '.')
		buf_consume(in, 1);
	if (buf_len(in) > 0 && buf_span(in).p[0] == 0x16) {
		s->eat = SIZE_MAX;
		leg_secure(s->leg, server_tls(s->more, true), true);
	}
}

static bool exchange_much(struct exchange *x, struct tls_world *t, struct span much)
{
	x->client.got_n = x->server.got_n = 0;
	if (side_send(&x->client, much) && side_send(&x->server, much))
		UNTIL(over(x) || (x->client.got_n == much.n && x->server.got_n == much.n), turn(&t->w));
	else
		turn(&t->w);
	if (over(x))
		return false;
	assert_memory_equal(x->client.got, much.p, much.n);
	assert_memory_equal(x->server.got, much.p, much.n);
	return true;
}

/* More than a chunk each way, in the clear; a handshake behind words that have not left yet; the same again in TLS. */
static void talk(struct exchange *x, struct tls_world *t, struct span much)
{
	if (!exchange_much(x, t, much))
		return;
	x->server.eat = 0;
	x->server.on = take_tls;
	x->server.more = t;
	if (!buf_put(leg_out(x->client.leg), SPAN(".")))
		return;
	secure(&x->client, client_tls(t, "a.test", true), false);
	UNTIL(over(x) || x->client.secured + x->server.secured == 2, turn(&t->w));
	if (!over(x))
		x->done = exchange_much(x, t, much);
}

static void check_reason(const struct side *s)
{
	if (s->failed == 0)
		return;
	switch ((int)leg_why(s->leg)) {
	case REASON_NO_MEMORY:
	case REASON_LIMIT_QUEUE: /* full and no memory are one to a buffer */
	case REASON_TLS_FAILED:
	case REASON_TLS_BROKEN:
	case REASON_TLS_LOST: /* by the other one's going */
	case REASON_PEER_LOST:
		return;
	default:
		fail_msg("failed by %s", reason_row(leg_why(s->leg))->code);
	}
}

static void whichever_fails(void **state)
{
	struct tls_world *t = *state;
	char *bytes = pattern(100000);
	unsigned spoiled = 0;
	bool all_done = false;

	/* a pool that keeps nothing asks for memory whenever it can */
	buf_pool_free(t->w.pool);
	t->w.pool = buf_pool_new(0);
	for (long n = 0; !all_done && n < 1000; n++) {
		struct exchange x = {0};

		left = n;
		if (made(&x, t))
			talk(&x, t, (struct span){bytes, 100000});
		settle(&t->w);
		all_done = left >= 0; /* nothing failed this time */
		left = -1;
		assert_true(x.done || !all_done);
		spoiled += !x.done;
		check_reason(&x.client);
		check_reason(&x.server);
		side_down(&x.client);
		side_down(&x.server);
		settle(&t->w);
	}
	assert_true(all_done);
	assert_in_range(spoiled, 10, 1000);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TLS_TEST(whichever_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
