/* zone: what DNS says about where a domain's server is.  The questions, the choice and the bounds are dial's; here the
 * answers are kept, to be shown. */
#ifndef CTL_ZONE_H
#define CTL_ZONE_H

#include "dial_internal.h"
#include "probe.h"

#define ZONE_HOSTS_MAX 8
#define ZONE_ADDRS_MAX 8
#define ZONE_ENDPOINTS_MAX 16

struct zone_srv {
	enum dns_rc rc;
	size_t n;
	struct dns_srv v[DNS_RECORDS_MAX];
};

/* A name that was looked up for its addresses. */
struct zone_host {
	char name[256];
	enum dns_rc rc;
	size_t n;
	struct addr v[ZONE_ADDRS_MAX];
	bool forbidden; /* it has addresses that are not connected to (reach in [public]) */
};

struct zone {
	struct zone_srv srv[SERVICES];
	size_t hosts_n;
	struct zone_host host[ZONE_HOSTS_MAX];
	bool literal;  /* the domain is an address: no records */
	bool fallback; /* no SRV records: its own address, port 5269 */
	size_t endpoints_n;
	struct endpoint endpoint[ZONE_ENDPOINTS_MAX]; /* in the order to try */
	enum reason why; /* there is none for this reason; else REASON_NONE */
	int64_t us;
};

struct zone_req;
/* fn comes once, never from inside; z is the callee's until zone_free().  NULL: no memory. */
struct zone_req *zone_start(const struct probe_net *net, const struct domain *domain,
    void (*fn)(void *arg, const struct zone *z), void *arg);
void zone_free(struct zone_req *r); /* takes NULL; legal in fn, no callback after it */

#endif
