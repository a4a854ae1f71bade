/* history: what became of each remote domain, in each direction, so that a failure can be explained after its stream
 * has gone.
 *
 * One table for all workers behind a mutex, touched only when a stream opens, ends or fails.  It holds HISTORY_ROWS
 * domains; the one that nothing was heard of for the longest time makes room for a newcomer.  Domains that only ever
 * failed to come in are whatever strangers chose to call themselves: of those there are at most HISTORY_STRANGERS, so
 * that they push out nobody but each other. */
#ifndef SALLYPORT_HISTORY_H
#define SALLYPORT_HISTORY_H

#include "sallyport/base.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"

#define HISTORY_ROWS 4096u
#define HISTORY_STRANGERS 1024u
#define HISTORY_DETAIL_MAX 160

enum history_way { HISTORY_IN, HISTORY_OUT, HISTORY_WAYS };

/* Times in Unix seconds; 0: never. */
struct history_side {
	uint32_t open;        /* streams that stand now */
	uint32_t streak;      /* failures since the last success */
	int64_t succeeded_at; /* a stream came up */
	int64_t failed_at;
	int64_t retry_at;                /* up to then a new attempt is answered from memory (outage.h) */
	enum reason why;                 /* of the last failure */
	char detail[HISTORY_DETAIL_MAX]; /* unescaped, may come from the peer */
};

struct history_row {
	struct domain domain;
	struct history_side side[HISTORY_WAYS];
};

struct history;
/* NULL: no memory.  Returned with one reference. */
struct history *history_new(void);
struct history *history_ref(struct history *h);
void history_unref(struct history *h); /* takes NULL */

/* A stream with the domain stands; one that stood is gone; an attempt has failed, or one that stood was ended by it. */
void history_opened(struct history *h, const struct domain *domain, enum history_way way, int64_t now);
void history_ended(struct history *h, const struct domain *domain, enum history_way way);
void history_failed(struct history *h, const struct domain *domain, enum history_way way, enum reason why,
    const char *detail, int64_t now);
/* Outbound; of a domain that has failed. */
void history_retry(struct history *h, const struct domain *domain, int64_t at);

/* Walks over the rows, in no order: *at is 0 first, and the walk's.  False: there are no more.  Rows that come
 * meanwhile may be missed, none is seen twice. */
MUST_CHECK bool history_next(struct history *h, size_t *at, struct history_row *row);

#endif
