/* The texts that payloads are made of (payload.c), as clients of today write them. */
#ifndef BENCH_PAYLOAD_SHAPES_H
#define BENCH_PAYLOAD_SHAPES_H

#include "sallyport/base.h"

#define PAYLOAD_CYCLE_MAX 16

struct shape_row {
	const char *name;
	const char *text; /* %f, %t: domains; %i: id; %b: body */
};

struct payload_row {
	const char *name;
	const char *text;                          /* a sentence for people */
	size_t size;                               /* default; 0: it has none */
	bool size_is_total;                        /* of the whole stanza; else of its body */
	const char *shapes[PAYLOAD_CYCLE_MAX + 1]; /* the cycle */
};

/* NULL: no such. */
const struct payload_row *payload_row(struct span name);
const struct payload_row *payload_row_at(size_t i);
/* By a name of payload_row.shapes. */
const struct shape_row *payload_shape(const char *name);

#endif
