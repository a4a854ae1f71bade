/* Our certificates one by one, for somebody who looks. */
#include "cert_own_internal.h"

struct roll {
	const struct conf_host *host;
	void (*fn)(void *arg, const struct cert_own_facts *facts);
	void *arg;
};

static const char *kind_of(const struct cert_pair *pair)
{
	switch (pair->kind) {
	case EVP_PKEY_EC:
		return "ECDSA";
	case EVP_PKEY_RSA:
		return "RSA";
	case EVP_PKEY_ED25519:
		return "Ed25519";
	default:
		return "";
	}
}

static void call_name(struct cert_ring *ring, const struct roll *r, struct span name)
{
	struct cert_own_facts facts = {.host = r->host, .name = name};
	struct cert_own own = {.n = 0};
	bool covered = false;

	cert_ring_peek(ring, r->host, name, &own);
	for (size_t i = 0; i < own.n; i++) {
		const struct cert_pair *pair = own.pair[i];

		covered = covered || cert_pair_names(pair, name);
		facts.file = pair->certificate;
		facts.kind = kind_of(pair);
		facts.not_before = pair->not_before;
		facts.not_after = pair->not_after;
		r->fn(r->arg, &facts);
		cert_pair_unref(own.pair[i]);
	}
	if (!covered)
		r->fn(r->arg, &(struct cert_own_facts){.host = r->host, .name = name});
}

bool cert_ring_each(
    struct cert_ring *ring, size_t at, void (*fn)(void *arg, const struct cert_own_facts *facts), void *arg)
{
	const struct conf *conf = cert_ring_conf(ring);
	struct roll roll = {.fn = fn, .arg = arg};

	if (at >= conf->hosts_n)
		return false;
	roll.host = &conf->hosts[at];
	(void)pthread_mutex_lock(&cert_ring_cache(ring)->scan);
	call_name(ring, &roll, domain_span(&roll.host->domain));
	for (size_t i = 0; i < roll.host->subdomains_n; i++)
		call_name(ring, &roll, domain_span(&roll.host->subdomains[i]));
	(void)pthread_mutex_unlock(&cert_ring_cache(ring)->scan);
	return true;
}
