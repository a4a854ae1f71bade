#include "shortage.h"

#include <openssl/mem.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "fakenet.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

/* malloc() has no argument to find it by. */
static struct {
	bool on;
	uint64_t count, nth;
} shortage;

void shortage_begin(uint64_t nth)
{
	shortage.on = true;
	shortage.count = 0;
	shortage.nth = nth;
}

void shortage_end(void)
{
	shortage.on = false;
}

uint64_t shortage_count(void)
{
	return shortage.count;
}

/* Later BoringSSLs crash by themselves in places (x509_name_get_cache), so theirs are spared.  They come from one
 * function. */
static bool is_boringssl(const void *caller)
{
	return BORINGSSL_API_VERSION > 26 && (uintptr_t)caller - (uintptr_t)OPENSSL_malloc < 256;
}

static bool fails(const void *caller)
{
	return shortage.on && fake_is_inside() && !is_boringssl(caller) && ++shortage.count == shortage.nth;
}

void *__wrap_malloc(size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails(__builtin_return_address(0)) ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails(__builtin_return_address(0)) ? NULL : __real_strdup(s);
}
