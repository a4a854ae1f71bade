/* What libexpat, in namespace mode and less our listed restrictions, makes of a stream or a document. */
#ifndef XML_ORACLE_H
#define XML_ORACLE_H

#include "sallyport/base.h"

/* Text that grows; running out of memory ends the test program. */
struct text {
	char *p;
	size_t n, cap;
};

void text_put(struct text *t, struct span bytes);
void text_printf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool text_same(const struct text *a, const struct text *b);
void text_free(struct text *t);

enum oracle_mode { ORACLE_STREAM, ORACLE_DOCUMENT };

struct oracle {
	bool accepted;
	/* A line for the header and each top-level element: where it ends, local name, enum xml_ns, attributes. */
	struct text events;
	/* A line for each element from the top-level ones inwards: its expanded name ... */
	struct text names;
	/* ... and with it all attributes. */
	struct text content;
};

void oracle_run(struct oracle *o, struct span in, enum oracle_mode mode);
void oracle_free(struct oracle *o);

#endif
