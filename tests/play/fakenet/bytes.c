#include "fakenet.h"

#include <stdlib.h>

void *fake_alloc(size_t n)
{
	void *p = calloc(1, n);

	ENSURE(p != NULL);
	return p;
}

static void make_room(struct fake_bytes *b, size_t more)
{
	char *base = b->p != NULL ? b->p - b->head : NULL;

	if (more <= b->cap - b->head - b->n)
		return;
	/* Moving pays only when as much is dropped as is moved. */
	if (b->head > b->n && more <= b->cap - b->n) {
		memmove(base, b->p, b->n);
	} else {
		b->cap = 2 * (b->n + more);
		char *grown = fake_alloc(b->cap);

		if (b->n > 0)
			memcpy(grown, b->p, b->n);
		free(base);
		base = grown;
	}
	b->head = 0;
	b->p = base;
}

void fake_bytes_put(struct fake_bytes *b, struct span bytes)
{
	if (bytes.n == 0)
		return;
	make_room(b, bytes.n);
	memcpy(b->p + b->n, bytes.p, bytes.n);
	b->n += bytes.n;
}

void fake_bytes_drop(struct fake_bytes *b, size_t n)
{
	ENSURE(n <= b->n);
	if (n == 0)
		return;
	b->n -= n;
	b->p += n;
	b->head += n;
}

void fake_bytes_free(struct fake_bytes *b)
{
	free(b->p != NULL ? b->p - b->head : NULL);
	*b = (struct fake_bytes){NULL, 0, 0, 0};
}
