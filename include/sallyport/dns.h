/* dns: SRV and address look-ups on c-ares, on the caller's loop.
 *
 * One resolver a worker.  A look-up is a ticket: exactly one callback, never from inside the call that started it, none
 * after dns_cancel(); the ticket ends with its callback, so clear your pointer there.  A callback may do anything, also
 * start, cancel and free.  What it is given lives only during it.  Hostile answers are bounded: DNS_RECORDS_MAX
 * records, names that are no host names are dropped, CNAME chains are the resolver's, and counted. */
#ifndef SALLYPORT_DNS_H
#define SALLYPORT_DNS_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/loop.h"
#include "sallyport/stats.h"

#define DNS_RECORDS_MAX 32

/* What is taken on at most. */
struct dns_limits {
	unsigned lookups; /* in progress */
	unsigned records; /* of one answer; at most DNS_RECORDS_MAX */
	unsigned aliases; /* CNAME records in one answer: a longer way is none */
};

enum dns_rc {
	DNS_FOUND,
	DNS_NO_DATA, /* the name exists (or may), but not such a record */
	DNS_NO_NAME, /* NXDOMAIN */
	DNS_TIMEOUT, /* no server answered in time */
	DNS_FAILED,  /* SERVFAIL, REFUSED, a broken answer, no memory */
	DNS_BUSY,    /* not asked: dns_limits.lookups are in progress */
	DNS_RCS
};

struct dns_srv {
	uint16_t priority, weight, port;
	char target[256]; /* without the final dot; "" for the target "." (service decidedly not available) */
};

struct dns;
struct dns_req;

/* servers: n of them; none: those of /etc/resolv.conf as it is at this moment, whose search list and ndots are never
 * used.  timeout_ms: for a whole look-up, retries included.  NULL: no memory or no configuration. */
struct dns *dns_new(struct loop *loop, const struct addr *servers, size_t n, uint32_t timeout_ms);
/* From now on; without it there is no bound but DNS_RECORDS_MAX. */
void dns_limit(struct dns *dns, const struct dns_limits *limits);
void dns_free(struct dns *dns); /* open look-ups are cancelled without callback */
/* From now on counts look-ups that were called back in by_result[DNS_RCS], which must outlive the resolver. */
void dns_count(struct dns *dns, struct stats_count *by_result);

/* NULL: no memory. */
struct dns_req *dns_lookup_srv(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n), void *arg);
/* A and AAAA together, unless name is an address or stands in /etc/hosts; the callback comes when both are answered, or
 * when the time is up, with what there is, in the order to try (RFC 8305: IPv6 first, alternating); the port is 0. */
struct dns_req *dns_lookup_addr(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n), void *arg);
void dns_cancel(struct dns_req **req); /* NULL-safe; clears *req */

#endif
