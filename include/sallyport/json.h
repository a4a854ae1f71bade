/* json: writes one JSON value (RFC 8259) into memory of the caller's, on one line: `--json` of sallyportctl, and what the
 * control socket answers.
 *
 * Text may come from strangers: what is not UTF-8 becomes U+FFFD, what a terminal must not get is written as \uXXXX.  Too
 * little room is no failure until the end: json_done() says so, and nothing was written beyond it. */
#ifndef SALLYPORT_JSON_H
#define SALLYPORT_JSON_H

#include "sallyport/base.h"

/* On the caller's stack; the fields are json.c's. */
struct json {
	char *to;
	size_t n, cap;
	bool comma, full;
};

/* cap bytes at `to`, which stay the caller's. */
void json_init(struct json *j, char *to, size_t cap);
/* The text so far, without a newline and not terminated; n == 0: it did not fit. */
struct span json_done(const struct json *j);

/* key: a literal of ours; NULL inside an array and for the outermost value. */
void json_open_object(struct json *j, const char *key);
void json_close_object(struct json *j);
void json_open_array(struct json *j, const char *key);
void json_close_array(struct json *j);
void json_str(struct json *j, const char *key, const char *value); /* NULL: as "" */
void json_span(struct json *j, const char *key, struct span value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);

#endif
