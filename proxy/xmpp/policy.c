#include "sallyport/policy.h"

static enum reason why(const struct policy_facts *facts)
{
	if (facts->own_domain)
		return REASON_OWN_DOMAIN;
	if (facts->denied)
		return REASON_POLICY_DENIED;
	return facts->cert;
}

struct policy_verdict policy_peer(const struct policy_facts *facts)
{
	struct policy_verdict verdict = {.why = why(facts), .until = facts->row_until};

	if (facts->cert_until > 0 && (verdict.until == 0 || facts->cert_until < verdict.until))
		verdict.until = facts->cert_until;
	return verdict;
}
