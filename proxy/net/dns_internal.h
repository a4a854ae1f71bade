/* c-ares on the loop: its sockets, its timer, its servers. */
#ifndef DNS_INTERNAL_H
#define DNS_INTERNAL_H

/* From 1.28 on c-ares has a record API and calls deprecated (yet keeps) the one that Debian 12's 1.18 has: one path for
 * both is worth more than two. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <ares_nameser.h>

#include "sallyport/dns.h"

struct watch;

struct dns_channel {
	unsigned magic;
	bool starting_anew;
	struct loop *loop;
	ares_channel ares;
	struct loop_timer *timer; /* c-ares's next retry */
	struct watch *watches;
	struct loop_later later;
};

/* False: no memory or no configuration; dns_channel_close() frees what there is. */
MUST_CHECK bool dns_channel_open(
    struct dns_channel *c, struct loop *loop, const struct addr *servers, size_t n, uint32_t timeout_ms);
/* After every query. */
void dns_channel_arm(struct dns_channel *c);
/* Every query is answered, with ARES_EDESTRUCTION.  The struct itself must live on to the end of the turn. */
void dns_channel_close(struct dns_channel *c);

#endif
