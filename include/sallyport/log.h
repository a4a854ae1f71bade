/* log: one line an event:
 *	ts=2026-03-01T12:00:00.000Z level=info event=stream-end from=a.example …
 * in logfmt, as JSON, or to journald with a field for each key (SALLYPORT_REASON=…).
 *
 * The one module, with main, that keeps state of its own: level, target, and what an operator wants to see now.  Safe from
 * several threads: a line is one write().  Values are quoted and escaped, so that a peer's text can't forge a line or a
 * terminal's display, and cut with "…" at LOG_VALUE_MAX bytes; a line that has no room left drops the pairs that do not fit
 * and says cut=true.  Nothing here waits: what a full disk, a vanished folder or a stuck reader does not take is counted, and
 * told as soon as it can be.  Never log keys, certificates or stanza contents (invariant S12). */
#ifndef SALLYPORT_LOG_H
#define SALLYPORT_LOG_H

#include "sallyport/base.h"

#define LOG_VALUE_MAX 256
#define LOG_LINE_MAX 2048
#define LOG_DOMAINS 4
#define LOG_RULES 16
#define LOG_PAIRS 40

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Where a pair stands in a line's text; the value without quotes, escaped. */
struct log_pair {
	uint16_t key, key_n, value, value_n;
	bool number;
};

/* A line being written; lives on the caller's stack. */
struct log_line {
	enum log_level level;
	bool wanted;
	bool cut; /* a pair was left out */
	struct {
		uint16_t at, n;
	} domain[LOG_DOMAINS]; /* where it names those that it is about */
	uint8_t domains, pairs;
	struct log_pair pair[LOG_PAIRS];
	struct span source; /* whose doing it is; n == 0: ours */
	size_t n;
	char text[LOG_LINE_MAX];
};

/* Lines above this level are dropped.  Set at start, before threads. */
void log_set_level(enum log_level level);
/* Where lines go, stderr at first.  The descriptor stays the caller's. */
void log_set_fd(int fd);
/* The same by name: "stderr", a file's absolute path, "journal", or "journal:" and its socket's path.  json: as JSON rather
 * than logfmt; journald has a form of its own.  False: err holds a sentence, and nothing has changed. */
MUST_CHECK bool log_open(const char *target, bool json, char *err, size_t err_n);
/* After the file was moved away: opens it anew (SIGUSR1).  What does not come up is told, and tried again later. */
void log_reopen(void);
/* How many lines one source may have in a minute; 0: any number. */
void log_set_limit(uint32_t lines);
/* Tells of lines that were held back in minutes that are over; to be called now and then, and all: at the end. */
void log_sweep(bool all);
/* Lines held back by the limit, and lost because they could not be written, since the start. */
uint64_t log_suppressed(void);
uint64_t log_lost(void);
bool log_wanted(enum log_level level);
/* "error", "warning", "info", "debug"; false if it is none of them. */
MUST_CHECK bool log_level_parse(struct span text, enum log_level *out);

/* A line: log_begin(), any number of pairs, log_end().  key and event: literals of ours, not escaped.  Pairs appear in
 * the order of the calls. */
void log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, const char *value); /* NULL or "": the key is left out */
void log_span(struct log_line *l, const char *key, struct span value);
void log_int(struct log_line *l, const char *key, int64_t value);
/* Whose doing the line is, an address or a domain, which must live until log_end(): beyond log_set_limit() lines a minute they
 * are only counted, and the next that is written says suppressed=N.  Never for what tells of a change in our own state. */
void log_source(struct log_line *l, struct span source);
void log_end(struct log_line *l);

/* --- while it runs; any thread --- */
/* Lines about a domain are written up to this level, though the general one be lower: those that have it under "from", "to",
 * "host" or "domain".  below: not the domain, but all below it.  False: there are LOG_RULES already. */
MUST_CHECK bool log_rule_set(struct span domain, bool below, enum log_level level);
/* False: there was none. */
bool log_rule_drop(struct span domain, bool below);
/* Who hears each line that is written, from whatever thread writes it: fn must be quick, and must not log.  NULL: nobody,
 * and nobody is being told any more. */
void log_listen(void (*fn)(void *arg, const struct log_line *l), void *arg);
/* For such a one: whether a line is about a domain. */
bool log_is_about(const struct log_line *l, struct span domain, bool below);
/* "debug", … */
const char *log_level_name(enum log_level level);

/* The short form: event and one sentence under the key "text". */
void log_text(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
