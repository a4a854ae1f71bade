/* base: the few words that every module uses.  Layer 0: includes nothing of ours. */
#ifndef SALLYPORT_BASE_H
#define SALLYPORT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A result that must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ENSURE states an invariant of our own and stays on in release.  Never use it on what the network sends: an
 * assertion that hostile bytes can reach is a remote kill switch. */
#define ENSURE(cond) ((cond) ? (void)0 : ensure_failed(#cond, __FILE__, __LINE__))
__attribute__((noreturn)) void ensure_failed(const char *cond, const char *file, int line);

/* A struct that travels through a void * carries one of these first and checks it at the boundary. */
#define MAGIC_CHECK(ptr, magic_value) ENSURE((ptr) != NULL && (ptr)->magic == (magic_value))

/* Bytes that somebody else owns; not terminated.  Lives as long as what it points into. */
struct span {
	const char *p;
	size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})
/* For printf("%.*s"): two arguments. */
#define SPAN_FMT(s) (int)(s).n, (s).p

static inline struct span span_of(const char *text)
{
	return (struct span){text, text != NULL ? strlen(text) : 0};
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
