#include "sallyport/policy.h"

enum reason policy_peer(const struct policy_facts *facts)
{
	if (facts->own_domain)
		return REASON_OWN_DOMAIN;
	return facts->cert;
}
