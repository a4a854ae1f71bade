/* request: one line of the control socket's protocol (control.h), read. */
#ifndef SALLYPORT_REQUEST_H
#define SALLYPORT_REQUEST_H

#include "sallyport/base.h"
#include "sallyport/jid.h"
#include "sallyport/log.h"

/* Longest line, without its newline. */
#define REQUEST_MAX 1500u

enum request_verb {
	REQUEST_STATUS,  /* status */
	REQUEST_PEERS,   /* peers [MATCH] */
	REQUEST_STREAMS, /* streams [MATCH] */
	REQUEST_CERTS,   /* certs [SECONDS] */
	REQUEST_WATCH,   /* watch [MATCH] */
	REQUEST_RULES,   /* rules */
	REQUEST_LOG,     /* log MATCH LEVEL SECONDS */
	REQUEST_UNLOG,   /* unlog MATCH */
	REQUEST_CLOSE,   /* close MATCH */
	REQUEST_DRAIN,   /* drain */
	REQUEST_RELOAD,  /* reload */
	REQUEST_VERBS
};

/* Domains that a request is about: one, those below it ("*.example.org", as in the configuration), or all. */
struct request_match {
	struct domain domain; /* n == 0: all */
	bool below;
};

struct request {
	enum request_verb verb;
	struct request_match match;
	enum log_level level;
	int64_t seconds; /* -1: none were named */
};

/* Longest time that a request may name: ten years. */
#define REQUEST_SECONDS_MAX INT64_C(315360000)

/* Words, parted by single spaces; no newline.  False: err holds a sentence. */
MUST_CHECK bool request_parse(struct request *r, struct span line, char *err, size_t err_n);
/* "close", … */
const char *request_name(enum request_verb verb);
/* Whether it changes something, so that reading alone does not suffice. */
bool request_commands(enum request_verb verb);
/* Whether the domain is one of those meant. */
bool request_matches(const struct request_match *m, const struct domain *domain);

#endif
