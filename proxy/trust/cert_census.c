/* How many of our certificates end when: figures for somebody who watches. */
#include "cert_own_internal.h"

#define DAY_S 86400

static size_t bound_of(const struct cert_pair *pair, int64_t now)
{
	static const int64_t days[CERT_CENSUS_BOUNDS - 1] = {0, 1, 7, 14, 30};
	size_t i = 0;

	while (i < ARRAY_LEN(days) && pair->not_after - now > days[i] * DAY_S)
		i++;
	return i;
}

/* One certificate may stand for many names, and is counted once. */
static void count_pair(struct cert_census *census, struct cert_pair *pair, int64_t now, uint64_t number)
{
	if (pair->counted == number)
		return;
	pair->counted = number;
	census->by_end[bound_of(pair, now)]++;
	if (census->first_end == 0 || pair->not_after < census->first_end)
		census->first_end = pair->not_after;
}

static void count_name(
    struct cert_ring *ring, struct cert_census *census, const struct conf_host *host, struct span name, int64_t now)
{
	struct cert_own own = {.n = 0};
	bool covered = false;

	cert_ring_peek(ring, host, name, &own);
	for (size_t i = 0; i < own.n; i++) {
		count_pair(census, own.pair[i], now, cert_ring_cache(ring)->censuses);
		covered = covered || cert_pair_names(own.pair[i], name);
		cert_pair_unref(own.pair[i]);
	}
	census->uncovered += !covered;
}

void cert_ring_census(struct cert_ring *ring, int64_t now, struct cert_census *census)
{
	const struct conf *conf = cert_ring_conf(ring);
	struct cert_cache *cache = cert_ring_cache(ring);

	(void)pthread_mutex_lock(&cache->scan);
	cache->censuses++;
	for (size_t i = 0; i < conf->hosts_n; i++) {
		const struct conf_host *host = &conf->hosts[i];

		count_name(ring, census, host, domain_span(&host->domain), now);
		for (size_t k = 0; k < host->subdomains_n; k++)
			count_name(ring, census, host, domain_span(&host->subdomains[k]), now);
	}
	(void)pthread_mutex_unlock(&cache->scan);
}
