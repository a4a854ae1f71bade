/* dial's decision, apart from its doing: which servers a domain's SRV records name, in which order. */
#ifndef DIAL_INTERNAL_H
#define DIAL_INTERNAL_H

#include "sallyport/dial.h"

enum service { XMPPS, XMPP, SERVICES };

/* What one service's look-up gave. */
struct dial_answer {
	struct dial *dial;
	struct dns_req *lookup; /* NULL: answered */
	enum dns_rc rc;
	struct dns_srv *srv; /* n of them, dial's own */
	size_t n;
};

struct dial_choice {
	const struct dns_srv *srv; /* lives as long as the answers */
	bool direct_tls;
};

/* REASON_NONE: *n choices in the order to try; none at all: the domain's own address is the fall-back.  Otherwise why
 * there is no server.  choices: room for all answers. */
enum reason dial_choose(const struct dial_answer answers[SERVICES], const struct dial_options *options,
    struct dial_choice *choices, size_t *n);

/* The reason why a name has no address; the one of two reasons that tells more; a domain that is an address. */
enum reason dial_reason_of_dns(enum dns_rc rc);
enum reason dial_telling(enum reason a, enum reason b);
bool dial_is_literal(const struct domain *domain);
/* Whether it may be connected to, wherever a zone points: what listens on this machine takes whoever comes from it for a
 * friend. */
bool dial_allows(const struct addr *addr, enum addr_reach reach);

#endif
