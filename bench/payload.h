/* payload: the stanzas that are sent, and the check of what arrives.
 *
 * A payload is a cycle of shapes; stanza number `seq` of a route has shape seq % n.  Every byte of a stanza follows
 * from (route, seq) but for twelve hex digits in its id, which carry the time it was planned for.  So the receiver
 * needs nothing but the payload to check each byte, and finds what was lost, doubled, swapped or altered. */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdio.h>

#include "plan.h"
#include "sallyport/base.h"

#define PAYLOAD_STANZA_MAX (4u << 20)
#define PAYLOAD_FIELDS 8
#define ROUTE_DIGITS 5
#define SEQ_DIGITS 8
#define TIME_DIGITS 12

enum field_kind { FIELD_ROUTE, FIELD_SEQ, FIELD_TIME };

struct shape {
	const char *name;
	char *text; /* with zeros in its fields */
	size_t n;
	size_t fields;
	struct field {
		enum field_kind kind;
		size_t at, n;
	} field[PAYLOAD_FIELDS]; /* in order */
};

struct payload {
	struct shape *shape;
	size_t n;
	size_t bytes; /* of all shapes together */
	size_t largest;
};

/* spec: "message:300" and the like.  False: err holds a sentence. */
MUST_CHECK bool payload_init(struct payload *p, const char *spec, const struct plan *plan, char *err, size_t err_n);
void payload_free(struct payload *p);
/* Names, shapes and sizes, for people. */
void payload_list(FILE *to, const struct plan *plan);

/* Five digits of a route, as they stand in its domain. */
void payload_route(char out[ROUTE_DIGITS + 1], uint32_t route);
/* Writes stanza seq and returns its length; time: below 2^48. */
size_t payload_put(const struct payload *p, const char *route, uint64_t seq, uint64_t time, char *to);

/* What is expected on one stream. */
struct check {
	const struct payload *payload;
	uint64_t seq; /* of the stanza being read */
	size_t at;    /* how much of it was read */
	char route[ROUTE_DIGITS + 1];
	char time[TIME_DIGITS];
};

enum check_rc {
	CHECK_MORE,   /* all bytes taken */
	CHECK_STANZA, /* one whole stanza was taken; *time is what it carries */
	CHECK_END,    /* a closing tag, taken together with whatever is behind it */
	CHECK_BAD,    /* other bytes than expected; *in stands where the two part */
};

void check_init(struct check *c, const struct payload *p, uint32_t route);
/* Reads on; takes bytes off *in. */
enum check_rc check_next(struct check *c, struct span *in, uint64_t *time);

#endif
