#include "fakenet.h"

#include <stdlib.h>

void *fake_alloc(size_t n)
{
	void *p = calloc(1, n);

	ENSURE(p != NULL);
	return p;
}

void fake_bytes_put(struct fake_bytes *b, struct span bytes)
{
	if (bytes.n == 0)
		return;
	if (bytes.n > b->cap - b->n) {
		b->cap = 2 * (b->n + bytes.n);
		b->p = realloc(b->p, b->cap);
		ENSURE(b->p != NULL);
	}
	memcpy(b->p + b->n, bytes.p, bytes.n);
	b->n += bytes.n;
}

void fake_bytes_drop(struct fake_bytes *b, size_t n)
{
	ENSURE(n <= b->n);
	if (n == 0)
		return;
	b->n -= n;
	memmove(b->p, b->p + n, b->n);
}

void fake_bytes_free(struct fake_bytes *b)
{
	free(b->p);
	*b = (struct fake_bytes){NULL, 0, 0};
}
