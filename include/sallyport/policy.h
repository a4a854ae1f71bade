/* policy: facts about a remote domain -> whether we speak with it, and for how long that holds.  No I/O, no state: who
 * finds the facts (rows of [peer], cert_judge()) does not decide, and who acts on the verdict does not either. */
#ifndef SALLYPORT_POLICY_H
#define SALLYPORT_POLICY_H

#include "sallyport/base.h"
#include "sallyport/reason.h"

struct policy_facts {
	bool own_domain;    /* it claims a domain that the very backend serves which it wants to reach */
	bool denied;        /* the [peer] row that holds for it denies it */
	int64_t row_until;  /* when that row ceases to count, Unix seconds; 0: never, or no row */
	enum reason cert;   /* what its chain is found to be under that row; REASON_NONE also before it is known */
	int64_t cert_until; /* when that ceases to hold, Unix seconds; 0: not known */
};

struct policy_verdict {
	enum reason why; /* REASON_NONE: admitted */
	int64_t until;   /* when it is to be judged again, Unix seconds; 0: time changes nothing */
};
struct policy_verdict policy_peer(const struct policy_facts *facts);

#endif
