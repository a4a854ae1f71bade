#include "fakenet.h"

#include <stdlib.h>

/* The leak checker's, in builds that have one. */
extern void __lsan_ignore_object(const void *p) __attribute__((weak));

/* There is one gateway at a time in the process. */
static bool inside_gateway;
static bool may_leak;

bool fake_inside(bool inside)
{
	bool was = inside_gateway;

	inside_gateway = inside;
	return was;
}

bool fake_is_inside(void)
{
	return inside_gateway;
}

void fake_may_leak(void)
{
	may_leak = true;
}

void *fake_alloc(size_t n)
{
	bool was = fake_inside(false);
	void *p = calloc(1, n);

	ENSURE(p != NULL);
	(void)fake_inside(was);
	if (may_leak && __lsan_ignore_object != NULL)
		__lsan_ignore_object(p);
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
