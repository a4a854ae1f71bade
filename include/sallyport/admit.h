/* admit: how many connections there are and how fast they come: in all, from one IPv4 address or IPv6 /64, from one domain.
 *
 * Shared by all workers: the one table behind a mutex, touched only when a connection comes or goes.  Fixed size; when it
 * is full a newcomer's address or domain shares a row with others' (limits get stricter, never looser). */
#ifndef SALLYPORT_ADMIT_H
#define SALLYPORT_ADMIT_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/jid.h"
#include "sallyport/reason.h"

/* A rate holds over so many seconds: that many seconds' worth may come at once. */
#define ADMIT_WINDOW_S 5

struct admit;
/* Takes from limits what is about connections.  NULL: no memory.  Returned with one reference. */
struct admit *admit_new(const struct conf_limits *limits);
struct admit *admit_ref(struct admit *a);
void admit_unref(struct admit *a); /* takes NULL */
/* Other limits; who is in stays in. */
void admit_limit(struct admit *a, const struct conf_limits *limits);
/* A public connection; now: ms of loop_now(), the same clock in all workers.  REASON_NONE: counted, to be followed by
 * admit_leave() with the same address; else REASON_LIMIT_CONNECTIONS, _ADDRESS or _RATE, and nothing was counted. */
MUST_CHECK enum reason admit_enter(struct admit *a, const struct addr *from, int64_t now);
void admit_leave(struct admit *a, const struct addr *from);
/* A backend's connection.  False: there are too many. */
MUST_CHECK bool admit_enter_backend(struct admit *a);
void admit_leave_backend(struct admit *a);
/* A stream that speaks for a domain, beside its connection.  False: there are too many. */
MUST_CHECK bool admit_enter_domain(struct admit *a, const struct domain *domain);
void admit_leave_domain(struct admit *a, const struct domain *domain);

#endif
