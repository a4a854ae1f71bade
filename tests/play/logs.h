/* logs: the gateway's log lines, caught, and claimed one by one by the script. */
#ifndef PLAY_LOGS_H
#define PLAY_LOGS_H

#include "match.h"
#include "sallyport/base.h"

struct logs;
/* Catches what the gateway logs from now on, at all levels; one at a time. */
struct logs *logs_new(void);
void logs_free(struct logs *logs);
/* Reads the lines written since. */
void logs_take(struct logs *logs);

/* Claims the oldest unclaimed line in which every "key=pattern" of options (parted by blanks; a pattern with blanks
 * stands in double quotes) matches.  False: there is none. */
MUST_CHECK bool logs_claim(struct logs *logs, const char *options, struct vars *vars);
/* The oldest unclaimed line that a script must claim: a warning, an error, or one that tells a reason other than SP-OK
 * and SP-CLOSED.  NULL: there is none. */
const char *logs_unclaimed(const struct logs *logs);
/* A line that holds a word that no log may hold; NULL: there is none. */
const char *logs_holding(const struct logs *logs, const char *word);
void logs_print(const struct logs *logs);

#endif
