/* match: patterns with wildcards and captures, and the variables that they fill.
 *
 * In a pattern "*" stands for any bytes (also none), and "$name" for the value of a variable: if it has none yet, it
 * takes what stands there (at least one byte).  Everything else stands for itself. */
#ifndef PLAY_MATCH_H
#define PLAY_MATCH_H

#include "sallyport/base.h"

struct vars;
struct vars *vars_new(void);
void vars_free(struct vars *vars);
/* NULL: not set. */
const char *vars_get(const struct vars *vars, struct span name);
void vars_set(struct vars *vars, struct span name, struct span value);
/* False: it was not set. */
MUST_CHECK bool vars_forget(struct vars *vars, struct span name);
/* The number of variables, and a return to when there were as many: undoes the captures of a pattern that failed. */
size_t vars_mark(const struct vars *vars);
void vars_undo(struct vars *vars, size_t mark);

/* Writes text with every "$name" replaced; the result is the caller's.  NULL: a variable is not set; its name is in
 * *unknown, pointing into text. */
char *vars_expand(const struct vars *vars, const char *text, struct span *unknown);

/* Captures are kept only if all of it matches. */
MUST_CHECK bool match(const char *pattern, struct span text, struct vars *vars);

#endif
