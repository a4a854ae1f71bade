/* A heap of which one allocation fails: what a test defines malloc() and its like as, around the modules that it
 * includes. To be included before that. */
#ifndef TEST_SHORT_HEAP_H
#define TEST_SHORT_HEAP_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Allocations left until one fails; below 0: none does. */
static long left = -1;

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

__attribute__((unused)) static void *heap(size_t n)
{
	return fails() ? NULL : malloc(n);
}

__attribute__((unused)) static void *heap_zeroed(size_t count, size_t n)
{
	return fails() ? NULL : calloc(count, n);
}

__attribute__((unused)) static void *heap_more(void *p, size_t n)
{
	return fails() ? NULL : realloc(p, n);
}

__attribute__((unused)) static char *heap_text(const char *text)
{
	return fails() ? NULL : strdup(text);
}

#endif
