/* finding: what a command found out, one sentence each, with what follows from it, who must act, and what would mend it;
 * kept in order, and written for people or as JSON.  Texts may hold what strangers said: they are cleaned on the way out. */
#ifndef CTL_FINDING_H
#define CTL_FINDING_H

#include <stdio.h>

#include "sallyport/base.h"
#include "sallyport/json.h"
#include "sallyport/reason.h"

/* Lines of people's output are at most so long, or as a narrower terminal is, but for words that are longer. */
#define FINDING_COLUMNS 100

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_FAIL };

struct finding {
	enum finding_level level;
	const char *topic;   /* a literal of at most 6 letters */
	enum reason code;    /* REASON_NONE: none, and nobody must act */
	enum reason_who who; /* must act; at first the code's */
	char text[480];
	char so[240];   /* what follows; "": nothing */
	char tell[260]; /* what the other side's operator may be told; "": nothing */
	char fix[640];  /* the value to put right; "": nothing */
};

/* A zeroed one is empty. */
struct findings {
	struct finding *v;
	size_t n, cap;
	size_t shown; /* how many were printed */
	bool lost;    /* one found no room or no memory … */
	struct finding spare; /* … and was written here */
};
/* Adds one.  Never NULL. */
struct finding *finding_add(
    struct findings *all, enum finding_level level, const char *topic, enum reason code, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
void finding_so(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void finding_tell(struct finding *f, const char *text);
void finding_fix(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
void findings_free(struct findings *all);
enum finding_level findings_worst(const struct findings *all);

/* Those not yet shown, up to now.  least: lesser ones are passed over. */
void findings_print(FILE *out, struct findings *all, enum finding_level least, bool colour);
/* Into the open object: "findings": […]. */
void findings_json(struct json *j, const struct findings *all);

/* Text from strangers: what must not reach a terminal becomes "?"; returns the columns that it takes. */
size_t finding_put_clean(FILE *out, struct span text);
/* A line of its own: label, and text wrapped so that it stands behind it. */
void finding_print_line(FILE *out, size_t indent, const char *label, size_t width, const char *text);
/* Colours are wanted: out is a terminal, and NO_COLOR is not set. */
bool finding_colour(FILE *out);

#endif
