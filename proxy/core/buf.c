#include "sallyport/buf.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A free chunk; while it is lent out, all of it is the buffer's. */
struct chunk {
	struct chunk *next;
};

struct buf_pool {
	struct chunk *free;
	size_t kept, keep;
	size_t lent;
	size_t large, large_max; /* bytes in blocks of the heap */
};

/* Chunks come and go by the thousand when strangers do, and between them lie small things that stay: on the heap none
 * of their pages would ever go back to the system.  (The sanitizer sees more of what malloc() gave.) */
#if defined(__SANITIZE_ADDRESS__)
static char *chunk_new(void)
{
	return malloc(BUF_CHUNK);
}

static void chunk_free(void *p)
{
	free(p);
}
#else
static char *chunk_new(void)
{
	void *p = mmap(NULL, BUF_CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

static void chunk_free(void *p)
{
	ENSURE(munmap(p, BUF_CHUNK) == 0);
}
#endif

struct buf_pool *buf_pool_new(size_t keep)
{
	struct buf_pool *pool = calloc(1, sizeof(*pool));

	if (pool != NULL)
		*pool = (struct buf_pool){.keep = keep, .large_max = SIZE_MAX};
	return pool;
}

void buf_pool_limit(struct buf_pool *pool, size_t bytes)
{
	pool->large_max = bytes;
}

void buf_pool_free(struct buf_pool *pool)
{
	if (pool == NULL)
		return;
	ENSURE(pool->lent == 0 && pool->large == 0);
	while (pool->free != NULL) {
		struct chunk *c = pool->free;

		pool->free = c->next;
		chunk_free(c);
	}
	free(pool);
}

static char *chunk_take(struct buf_pool *pool)
{
	char *p;

	if (pool == NULL)
		return chunk_new();
	if (pool->free != NULL) {
		p = (char *)pool->free;
		pool->free = pool->free->next;
		pool->kept--;
	} else {
		p = chunk_new();
	}
	if (p != NULL)
		pool->lent++;
	return p;
}

static void chunk_give(struct buf_pool *pool, char *p)
{
	struct chunk *c = (void *)p;

	if (pool != NULL) {
		ENSURE(pool->lent > 0);
		pool->lent--;
		if (pool->kept < pool->keep) {
			c->next = pool->free;
			pool->free = c;
			pool->kept++;
			return;
		}
	}
	chunk_free(p);
}

static bool has_room(const struct buf_pool *pool, size_t cap)
{
	return pool == NULL || (pool->large <= pool->large_max && cap <= pool->large_max - pool->large);
}

/* A block of BUF_CHUNK is the pool's, a larger one is the heap's. */
static char *block_take(struct buf *b, size_t cap)
{
	char *base;

	if (cap == BUF_CHUNK)
		return chunk_take(b->pool);
	b->refused = !has_room(b->pool, cap);
	base = b->refused ? NULL : malloc(cap);
	if (base != NULL && b->pool != NULL)
		b->pool->large += cap;
	return base;
}

static void block_give(struct buf_pool *pool, char *base, size_t cap)
{
	if (cap == BUF_CHUNK) {
		chunk_give(pool, base);
		return;
	}
	if (pool != NULL)
		pool->large -= cap;
	free(base);
}

void buf_init(struct buf *b, struct buf_pool *pool, size_t max)
{
	*b = (struct buf){.pool = pool, .max = max};
}

void buf_free(struct buf *b)
{
	buf_clear(b);
}

void buf_clear(struct buf *b)
{
	if (b->base != NULL)
		block_give(b->pool, b->base, b->cap);
	b->base = NULL;
	b->head = b->tail = b->cap = 0;
	b->refused = false;
}

/* Moves the live bytes to the start of a new block of cap bytes. */
static bool buf_move(struct buf *b, size_t cap)
{
	size_t len = buf_len(b);
	char *base = block_take(b, cap);

	if (base == NULL)
		return false;
	if (len > 0)
		memcpy(base, b->base + b->head, len);
	if (b->base != NULL)
		block_give(b->pool, b->base, b->cap);
	b->base = base;
	b->cap = cap;
	b->head = 0;
	b->tail = len;
	return true;
}

bool buf_reserve(struct buf *b, size_t n)
{
	size_t len = buf_len(b);
	size_t cap = b->cap > 0 ? b->cap : BUF_CHUNK;

	if (len > b->max || n > b->max - len)
		return false;
	if (n <= b->cap - b->tail)
		return true;
	if (n <= b->cap - len) {
		memmove(b->base, b->base + b->head, len);
		b->head = 0;
		b->tail = len;
		return true;
	}
	while (cap < len + n)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	return buf_move(b, cap);
}

void buf_filled(struct buf *b, size_t n)
{
	ENSURE(n <= buf_room(b));
	b->tail += n;
}

void buf_consume(struct buf *b, size_t n)
{
	ENSURE(n <= buf_len(b));
	b->head += n;
	if (b->head == b->tail)
		buf_clear(b);
}

bool buf_put(struct buf *b, struct span bytes)
{
	if (bytes.n == 0)
		return true;
	if (!buf_reserve(b, bytes.n))
		return false;
	memcpy(buf_tail(b), bytes.p, bytes.n);
	buf_filled(b, bytes.n);
	return true;
}
