#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

/* Counts the heap's blocks, and refuses one on demand. */
static bool no_memory;
static size_t blocks, blocks_taken;

static void *heap_take(size_t n)
{
	void *p = no_memory ? NULL : malloc(n);

	blocks += p != NULL;
	blocks_taken += p != NULL;
	return p;
}

static void *heap_zeroed(size_t count, size_t n)
{
	void *p = heap_take(count * n);

	return p != NULL ? memset(p, 0, count * n) : NULL;
}

static void heap_give(void *p)
{
	blocks -= p != NULL;
	free(p);
}

/* Whole chunks come from the system, but for the sanitizer's build: here from the same count. */
__attribute__((unused)) static void *pages_take(size_t n)
{
	void *p = heap_take(n);

	return p != NULL ? p : MAP_FAILED;
}

__attribute__((unused)) static int pages_give(void *p)
{
	heap_give(p);
	return 0;
}

/* The module itself, so that its allocations are ours. */
#define malloc heap_take
#define calloc heap_zeroed
#define free heap_give
#define mmap(at, n, ...) pages_take(n)
#define munmap(p, n) pages_give(p)
#include "../../../proxy/core/buf.c"
#undef malloc
#undef calloc
#undef free
#undef mmap
#undef munmap

static struct span run(char c, size_t n)
{
	static char text[1 << 20];

	ENSURE(n <= sizeof(text));
	memset(text, c, n);
	return (struct span){text, n};
}

static void assert_holds(const struct buf *b, const char *text)
{
	assert_int_equal(buf_len(b), strlen(text));
	assert_memory_equal(buf_span(b).p, text, strlen(text));
}

static void put_and_consume(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 100);
	assert_int_equal(buf_len(&b), 0);
	assert_null(buf_span(&b).p);
	assert_int_equal(buf_room(&b), 0);
	assert_true(buf_put(&b, SPAN("hello ")));
	assert_true(buf_put(&b, SPAN("")));
	assert_true(buf_put(&b, SPAN("world")));
	assert_holds(&b, "hello world");
	buf_consume(&b, 6);
	assert_holds(&b, "world");
	buf_consume(&b, 0);
	assert_holds(&b, "world");
	assert_true(buf_reserve(&b, 3));
	memcpy(buf_tail(&b), "!!!", 3);
	buf_filled(&b, 2);
	assert_holds(&b, "world!!");
	buf_free(&b);
	assert_int_equal(blocks, 0);
	assert_true(buf_put(&b, SPAN("again")));
	assert_holds(&b, "again");
	buf_free(&b);
}

static void empty_holds_no_storage(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 20);
	assert_true(buf_reserve(&b, 0));
	assert_true(buf_put(&b, SPAN_NONE));
	assert_int_equal(blocks, 0);
	assert_true(buf_put(&b, run('x', 100)));
	buf_consume(&b, 99);
	assert_int_equal(blocks, 1);
	buf_consume(&b, 1);
	assert_int_equal(blocks, 0);
	assert_null(b.base);
	assert_true(buf_put(&b, run('x', 200000)));
	buf_clear(&b);
	assert_int_equal(blocks, 0);
}

static void bound(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 10);
	assert_true(buf_put(&b, run('a', 10)));
	assert_int_equal(buf_room(&b), 0); /* the chunk has more, the bound has not */
	assert_true(buf_reserve(&b, 0));
	assert_false(buf_put(&b, run('a', 1)));
	assert_int_equal(buf_len(&b), 10);
	buf_consume(&b, 4);
	assert_int_equal(buf_room(&b), 4);
	assert_false(buf_put(&b, run('a', 5)));
	assert_false(buf_reserve(&b, SIZE_MAX));
	assert_true(buf_put(&b, run('b', 4)));
	assert_holds(&b, "aaaaaabbbb");
	b.max = 5;
	assert_holds(&b, "aaaaaabbbb"); /* what is there stays */
	assert_int_equal(buf_room(&b), 0);
	assert_false(buf_reserve(&b, 0));
	buf_consume(&b, 6);
	assert_int_equal(buf_room(&b), 1);
	assert_true(buf_put(&b, run('c', 1)));
	assert_false(buf_put(&b, run('c', 1)));
	b.max = 6;
	assert_true(buf_put(&b, run('d', 1)));
	assert_holds(&b, "bbbbcd");
	buf_free(&b);
	buf_init(&b, NULL, 0);
	assert_false(buf_put(&b, run('a', 1)));
	assert_true(buf_put(&b, SPAN_NONE));
}

static void growth(void **state)
{
	const size_t max = 5 * BUF_CHUNK + 7;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, max);
	assert_true(buf_put(&b, run('a', BUF_CHUNK)));
	assert_int_equal(b.cap, BUF_CHUNK);
	assert_true(buf_put(&b, run('b', 1)));
	assert_int_equal(b.cap, 2 * BUF_CHUNK);
	assert_true(buf_put(&b, run('c', 2 * BUF_CHUNK)));
	assert_int_equal(b.cap, 4 * BUF_CHUNK);
	assert_true(buf_put(&b, run('d', BUF_CHUNK)));
	assert_int_equal(b.cap, max); /* not beyond the bound */
	assert_int_equal(blocks, 1);
	assert_true(buf_put(&b, run('e', max - buf_len(&b))));
	assert_false(buf_put(&b, run('f', 1)));
	for (size_t i = 0; i < max; i++) {
		char want = i < BUF_CHUNK        ? 'a'
		            : i == BUF_CHUNK     ? 'b'
		            : i <= 3 * BUF_CHUNK ? 'c'
		            : i <= 4 * BUF_CHUNK ? 'd'
		                                 : 'e';

		if (buf_span(&b).p[i] != want)
			fail_msg("byte %zu is %c, not %c", i, buf_span(&b).p[i], want);
	}
	buf_free(&b);
	assert_true(buf_put(&b, run('g', max))); /* at once, too */
	assert_int_equal(b.cap, max);
	buf_free(&b);
	assert_int_equal(blocks, 0);
}

/* The space in front of the head is used before more is asked for. */
static void compaction(void **state)
{
	struct buf b;
	size_t before;

	(void)state;
	buf_init(&b, NULL, 4 * BUF_CHUNK);
	assert_true(buf_put(&b, run('a', BUF_CHUNK - 3)));
	assert_true(buf_put(&b, SPAN("xyz")));
	buf_consume(&b, BUF_CHUNK - 3);
	before = blocks_taken;
	assert_int_equal(buf_room(&b), 0);
	assert_true(buf_put(&b, run('b', BUF_CHUNK - 3)));
	assert_int_equal(blocks_taken, before);
	assert_int_equal(b.cap, BUF_CHUNK);
	assert_memory_equal(buf_span(&b).p, "xyzbb", 5);
	buf_free(&b);
}

static void no_memory_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4 * BUF_CHUNK);
	no_memory = true;
	assert_false(buf_put(&b, SPAN("x")));
	no_memory = false;
	assert_int_equal(buf_len(&b), 0);
	assert_true(buf_put(&b, SPAN("keep")));
	no_memory = true;
	assert_false(buf_put(&b, run('y', BUF_CHUNK)));
	assert_true(buf_put(&b, SPAN(" this"))); /* what fits needs no memory */
	no_memory = false;
	assert_holds(&b, "keep this");
	buf_free(&b);
	assert_int_equal(blocks, 0);
}

static void pool_lends_and_keeps(void **state)
{
	struct buf_pool *pool = buf_pool_new(2);
	struct buf b[4];
	size_t before;

	(void)state;
	assert_non_null(pool);
	assert_int_equal(blocks, 1); /* the pool itself */
	for (size_t i = 0; i < ARRAY_LEN(b); i++) {
		buf_init(&b[i], pool, 2 * BUF_CHUNK);
		assert_true(buf_put(&b[i], run((char)('a' + i), 10)));
	}
	assert_int_equal(blocks - 1, 4);
	for (size_t i = 0; i < ARRAY_LEN(b); i++)
		buf_consume(&b[i], 10);
	assert_int_equal(blocks - 1, 2); /* two are kept, two went back to the heap */
	before = blocks_taken;
	for (int round = 0; round < 100; round++) {
		assert_true(buf_put(&b[0], run('x', 1)));
		assert_true(buf_put(&b[1], run('y', 1)));
		assert_memory_equal(buf_span(&b[0]).p, "x", 1);
		buf_clear(&b[0]);
		buf_clear(&b[1]);
	}
	assert_int_equal(blocks_taken, before);
	/* A buffer that outgrows its chunk gives it back, and the larger block never enters the pool. */
	assert_true(buf_put(&b[0], run('z', BUF_CHUNK)));
	assert_int_equal(blocks - 1, 2);
	assert_true(buf_put(&b[0], run('z', 1)));
	assert_int_equal(blocks - 1, 3);
	buf_free(&b[0]);
	assert_int_equal(blocks - 1, 2);
	buf_pool_free(pool);
	assert_int_equal(blocks, 0);
	buf_pool_free(NULL);
	no_memory = true;
	assert_null(buf_pool_new(1));
	no_memory = false;
}

/* Any sequence of operations behaves as a queue of bytes does. */
static void like_a_queue(void **state)
{
	static char model[4 * BUF_CHUNK];
	struct buf_pool *pool = buf_pool_new(1);
	uint32_t seed = 1;
	size_t len = 0;
	uint8_t next = 0;
	struct buf b;

	(void)state;
	buf_init(&b, pool, sizeof(model));
	for (int step = 0; step < 4000; step++) {
		size_t n, room;

		seed = seed * 1664525u + 1013904223u;
		n = (seed >> 8) % (step % 7 == 0 ? 3 * BUF_CHUNK : 3000);
		if (seed >> 31 != 0) {
			room = sizeof(model) - len;
			assert_int_equal(buf_reserve(&b, n), n <= room);
			if (n > room || n == 0)
				continue;
			for (size_t i = 0; i < n; i++)
				buf_tail(&b)[i] = model[len + i] = (char)next++;
			buf_filled(&b, n);
			len += n;
		} else {
			n = n < len ? n : len;
			buf_consume(&b, n);
			memmove(model, model + n, len - n);
			len -= n;
		}
		assert_int_equal(buf_len(&b), len);
		if (len > 0)
			assert_memory_equal(buf_span(&b).p, model, len);
		assert_int_equal(b.base == NULL, len == 0);
	}
	buf_free(&b);
	buf_pool_free(pool);
	assert_int_equal(blocks, 0);
}

/* Who needs no more than a chunk does not notice that others have used up the rest. */
static void large_blocks_are_bounded_together(void **state)
{
	struct buf_pool *pool = buf_pool_new(2);
	struct buf a, b, c;

	(void)state;
	assert_non_null(pool);
	buf_pool_limit(pool, 3 * BUF_CHUNK);
	buf_init(&a, pool, 8 * BUF_CHUNK);
	buf_init(&b, pool, 8 * BUF_CHUNK);
	buf_init(&c, pool, 8 * BUF_CHUNK);
	assert_true(buf_reserve(&a, 2 * BUF_CHUNK));
	assert_true(buf_put(&b, SPAN("b")));
	assert_false(buf_reserve(&b, 2 * BUF_CHUNK));
	assert_true(b.refused);
	assert_holds(&b, "b");
	assert_true(buf_reserve(&c, BUF_CHUNK));
	assert_false(c.refused || a.refused);
	/* full of its own accord is something else */
	assert_false(buf_reserve(&c, 9 * BUF_CHUNK));
	assert_false(c.refused);
	buf_free(&a);
	assert_true(buf_reserve(&b, BUF_CHUNK));
	assert_false(b.refused);
	/* a lower bound takes nothing away */
	buf_pool_limit(pool, BUF_CHUNK);
	assert_holds(&b, "b");
	assert_false(buf_reserve(&a, 2 * BUF_CHUNK));
	buf_free(&a);
	assert_false(a.refused);
	buf_free(&b);
	buf_free(&c);
	buf_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(put_and_consume),
	    cmocka_unit_test(empty_holds_no_storage),
	    cmocka_unit_test(bound),
	    cmocka_unit_test(growth),
	    cmocka_unit_test(compaction),
	    cmocka_unit_test(no_memory_changes_nothing),
	    cmocka_unit_test(pool_lends_and_keeps),
	    cmocka_unit_test(like_a_queue),
	    cmocka_unit_test(large_blocks_are_bounded_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
