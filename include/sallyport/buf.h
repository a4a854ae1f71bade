/* buf: a bounded byte queue in one contiguous piece, and the pool that lends it storage.
 *
 * Bytes are put at the tail and consumed at the head.  A buffer holds no storage while it is empty, so an idle stream
 * costs none; the first bytes borrow a chunk of BUF_CHUNK from the pool, and a buffer that needs more moves to a larger
 * block of the heap, up to its bound.  "Full" is a result, not a failure (STYLE: bound at birth). */
#ifndef SALLYPORT_BUF_H
#define SALLYPORT_BUF_H

#include "sallyport/base.h"

#define BUF_CHUNK 65536u

/* Free chunks of one worker.  Not thread-safe: one pool a worker.  Owner: buf_pool_new()'s caller; all buffers of it
 * must be freed before. */
struct buf_pool;
struct buf_pool *buf_pool_new(size_t keep); /* keep: how many free chunks it holds on to; NULL: no memory */
void buf_pool_free(struct buf_pool *pool);
/* All blocks larger than a chunk together are at most so many bytes, or there is no room for a further one: so those that
 * need much fail before those that need little.  Without it there is no bound. */
void buf_pool_limit(struct buf_pool *pool, size_t bytes);

/* Embedded in its owner; the fields are buf.c's and the inline readers' below. */
struct buf {
	struct buf_pool *pool; /* may be NULL: heap only */
	char *base;            /* NULL: no storage, and the three below are 0 */
	size_t head, tail, cap;
	size_t max;
	bool refused; /* since the last time it grew or was emptied, the pool had no room for a larger block */
};

/* max: the most bytes it may ever hold. */
void buf_init(struct buf *b, struct buf_pool *pool, size_t max);
/* Gives the storage back; the buffer is as after buf_init(). */
void buf_free(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){b->base != NULL ? b->base + b->head : NULL, b->tail - b->head};
}

/* Makes room for at least n more bytes at the tail (moving what is there: spans into the buffer die).
 * False: over the bound, or no memory; nothing changed. */
MUST_CHECK bool buf_reserve(struct buf *b, size_t n);
/* Where the next byte goes: only after a buf_reserve() of more than 0. */
static inline char *buf_tail(struct buf *b)
{
	return b->base + b->tail;
}
/* How many bytes may go there without another buf_reserve(); never leads beyond the bound. */
static inline size_t buf_room(const struct buf *b)
{
	size_t storage = b->cap - b->tail;
	size_t bound = buf_len(b) < b->max ? b->max - buf_len(b) : 0;

	return storage < bound ? storage : bound;
}
/* n bytes, at most buf_room(), were written at buf_tail(). */
void buf_filled(struct buf *b, size_t n);
/* Drops n bytes from the head; an empty buffer gives its storage back. */
void buf_consume(struct buf *b, size_t n);
/* Drops all bytes and gives the storage back. */
void buf_clear(struct buf *b);
/* Appends bytes from outside this buffer.  False: they do not fit, or no memory; nothing was appended. */
MUST_CHECK bool buf_put(struct buf *b, struct span bytes);

#endif
