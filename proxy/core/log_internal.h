/* The inside of the log: log.c (lines), log_live.c (what an operator wants to see now), log_limit.c (lines that repeat),
 * log_format.c (JSON, journald), log_sink.c (where lines go). */
#ifndef SALLYPORT_LOG_INTERNAL_H
#define SALLYPORT_LOG_INTERNAL_H

#include "sallyport/log.h"

/* log_live.c */
/* A line above the general level is there for the sake of a rule; is it for this one? */
bool log_live_ruled(const struct log_line *l);
bool log_live_wanted(enum log_level level);
void log_live_tell(const struct log_line *l);

/* log_limit.c */
/* False: the line's source has had its share.  *suppressed: how many of its lines were held back before this one. */
bool log_limit_passes(const struct log_line *l, uint64_t *suppressed);

/* log_format.c */
/* The most that a line becomes. */
#define LOG_OUT_MAX (6 * LOG_LINE_MAX)
/* One JSON object (RFC 8259) and \n. */
size_t log_format_json(const struct log_line *l, char out[static LOG_OUT_MAX]);
/* A datagram of journald's native protocol. */
size_t log_format_journal(const struct log_line *l, char out[static LOG_OUT_MAX]);

/* log_sink.c */
void log_sink_put(struct log_line *l);

#endif
