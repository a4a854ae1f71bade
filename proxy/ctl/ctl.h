/* sallyportctl: one function a subcommand, in a file of its name.
 *
 * argv[0] is the subcommand; what it returns is the exit code: 0 well, 1 not (the daemon says why), 2 unusable (bad usage,
 * no such file), 3 no daemon could be asked.  check and ping have codes of their own (check_run.h, ping.c). */
#ifndef CTL_H
#define CTL_H

#include <jansson.h>

#include "sallyport/base.h"

#define CTL_OK 0
#define CTL_BROKEN 1
#define CTL_UNUSABLE 2
#define CTL_UNREACHABLE 3

/* Of the daemon (control.h). */
int ctl_status(int argc, char **argv);
int ctl_peers(int argc, char **argv);
int ctl_streams(int argc, char **argv);
int ctl_certs(int argc, char **argv);
int ctl_watch(int argc, char **argv);
int ctl_log(int argc, char **argv);
int ctl_close(int argc, char **argv);
int ctl_drain(int argc, char **argv);
int ctl_reload(int argc, char **argv);

/* Of nobody. */
int ctl_check(int argc, char **argv);
int ctl_ping(int argc, char **argv);
int ctl_explain(int argc, char **argv);
int ctl_init(int argc, char **argv);
int ctl_scan(int argc, char **argv);
int ctl_undo(int argc, char **argv);
int ctl_verify(int argc, char **argv);

/* Whole files, one behind the other. */
struct ctl_bytes {
	char *p;
	size_t n, cap;
};
/* Appends a file.  False: it says why on stderr. */
MUST_CHECK bool ctl_read(struct ctl_bytes *b, const char *path);
void ctl_bytes_free(struct ctl_bytes *b);

/* --- asking the daemon (ask.c) --- */
struct ctl_ask {
	const char *usage;  /* what stands behind the command's name */
	const char *socket; /* --socket */
	bool json;          /* --json: lines are printed as they come */
	bool patient;       /* the answer may take its time */
	char **words;       /* what is no option; of argv */
	int words_n;
};
/* Takes the options that all commands of the daemon have.  False: it said what is wrong. */
MUST_CHECK bool ctl_ask_options(struct ctl_ask *a, int argc, char **argv, int words_min, int words_max);
/* The verb with the words behind it, into out.  False: it said that they are too long, or no words. */
#define CTL_REQUEST_MAX 1600
MUST_CHECK bool ctl_request(const struct ctl_ask *a, char out[static CTL_REQUEST_MAX], const char *verb);
/* "10m", "30d", "1h30m": seconds. */
MUST_CHECK bool ctl_time(const char *text, int64_t *seconds);
/* Sends a line, and hands over each row of the answer but the last; returns the exit code, and has said what was wrong.
 * row NULL: there are none. */
MUST_CHECK int ctl_ask(const struct ctl_ask *a, const char *request, void (*row)(void *arg, const json_t *row), void *arg);
/* Members of a row; missing, or of another kind: "" and 0. */
const char *ctl_text(const json_t *row, const char *key);
int64_t ctl_number(const json_t *row, const char *key);
bool ctl_is(const json_t *row, const char *type);

/* --- printing (print.c) --- */
/* Text of strangers, without what a terminal must not get. */
void ctl_put(const char *text);
enum ctl_colour { CTL_PLAIN, CTL_RED, CTL_YELLOW, CTL_BOLD };
/* The same in a colour, if a terminal is at the other end that wants any (NO_COLOR, TERM). */
void ctl_put_in(enum ctl_colour colour, const char *text);
/* --- tables (table.c) --- */
struct ctl_column {
	const char *name;
	bool right; /* its cells stand to the right: numbers */
	bool cut;   /* its cells may lose their middle where the terminal is narrow */
};
struct ctl_table;
/* The columns must live as long.  NULL: no memory, which the calls below take, and ctl_table_print() tells. */
struct ctl_table *ctl_table_new(const struct ctl_column *columns, size_t n);
void ctl_table_free(struct ctl_table *t);
/* The next cell, row by row; text is copied. */
void ctl_table_put(struct ctl_table *t, enum ctl_colour colour, const char *text);
/* In the order of the first columns' cells.  False: there were no rows, and nothing was printed. */
bool ctl_table_print(struct ctl_table *t);

/* "3d 4h", "12s": two units at most. */
#define CTL_SPAN_MAX 24
const char *ctl_span(int64_t seconds, char out[static CTL_SPAN_MAX]);

#endif
