/* policy: facts about a remote domain -> whether we speak with it.  No I/O, no state; the seam where per-domain rows come
 * in. */
#ifndef SALLYPORT_POLICY_H
#define SALLYPORT_POLICY_H

#include "sallyport/reason.h"

struct policy_facts {
	enum reason cert; /* cert_judge()'s verdict on its chain */
	bool own_domain;  /* it claims a domain that the very backend serves which it wants to reach */
};

/* REASON_NONE: admitted. */
enum reason policy_peer(const struct policy_facts *facts);

#endif
