/* The inside of routes, shared by source.c (one source and its routes) and route.c (one route and its sink). */
#ifndef SALLYPORT_ROUTE_INTERNAL_H
#define SALLYPORT_ROUTE_INTERNAL_H

#include "sallyport/bounce.h"
#include "sallyport/relay.h"
#include "sallyport/route.h"

#define ROUTE_MAGIC 0x726f7574u
#define SOURCE_MAGIC 0x73726365u

#define ROUTE_STATES(X) \
	X(ASK)     /* outbound: the backend is asked whether the key is its own */ \
	X(DIAL)    /* the first way is being made; the source was not answered yet */ \
	X(OPEN)    /* stanzas flow */ \
	X(BLOCKED) /* the sink does not take what it has; the source is paused */ \
	X(STALLED) /* the same for longer than other pairs of the source may wait: stanzas are kept here */ \
	X(IDLE)    /* the sink has gone; the next stanza makes a new one */ \
	X(REDIAL)  /* that is happening; stanzas are kept here */ \
	X(BOUNCE)  /* the remote domain can't be reached: stanzas are returned */ \
	X(GONE)

enum route_state {
#define X(id) ROUTE_##id,
	ROUTE_STATES(X)
#undef X
};

struct route {
	uint32_t magic;
	enum route_state state;
	struct pair pair;
	struct worker *w;
	struct site *site;     /* its source's configuration */
	struct source *source; /* NULL: it has ended, what is kept is still delivered */
	struct route *next;
	struct stream *sink, *verifier;
	struct bouncer *bouncer;
	struct buf kept;       /* whole stanzas that wait for the sink */
	unsigned kept_n;       /* so many */
	struct loop_timer *timer; /* of BLOCKED and STALLED */
	struct loop_later gone;
	const struct conf_backend *backend;
	bool inbound;
	bool holds;            /* counted in source->holds */
	enum reason why;       /* BOUNCE: what the remote domain fails by */
	int64_t retry_at, asked_at;
	uint64_t mark;         /* bytes that the sink had taken when the timer was set */
};

/* A source stream and its routes. */
struct source {
	uint32_t magic;
	struct stream *stream;
	struct route *routes; /* the one used last first */
	unsigned n;
	unsigned holds;       /* routes for whose sake it does not read */
	bool proven;          /* backend-in: it has shown that it is the backend (invariant S10) */
	struct relay relay;
};

/* source.c */
/* True if the stream carries, or may carry, more than this one pair: then nothing may hold it up for long. */
bool source_shared(const struct source *src);

/* route.c */
const char *route_state_name(enum route_state s);
struct route *route_new(struct source *src, const struct pair *pair, const struct conf_backend *backend, bool inbound);
/* outbound: db:result asked for it */
void route_start_outbound(struct route *r, const char *key);
void route_start_inbound(struct route *r);
void route_stanza(struct route *r, const struct xml_ev *ev);
/* after a batch: backpressure */
void route_check(struct route *r);
/* the source has ended */
void route_orphan(struct route *r);
/* White space goes along while the way is open. */
void route_space(struct route *r, const struct xml_ev *ev);

#endif
