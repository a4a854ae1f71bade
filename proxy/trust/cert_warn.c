#include "cert_own_internal.h"

#include "sallyport/log.h"

#define DAY_S 86400

/* The bound that a certificate's end is nearer than, in days; 0: none. */
static int days_bound(const struct cert_pair *pair, int64_t now)
{
	static const int bounds[] = {1, 7, 14, 30};

	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		if (pair->not_after - now <= (int64_t)bounds[i] * DAY_S)
			return bounds[i];
	}
	return 0;
}

static void warn_end(struct cert_pair *pair, const struct conf_host *host, int64_t now)
{
	int bound = days_bound(pair, now);
	bool nearer = bound != 0 && (pair->warned_days == 0 || bound < pair->warned_days);
	int64_t left = (pair->not_after - now) / DAY_S;
	struct log_line l;

	if (bound == 0 || (!nearer && now - pair->warned_at < DAY_S))
		return;
	pair->warned_days = bound;
	pair->warned_at = now;
	log_begin(&l, now < pair->not_after ? LOG_WARNING : LOG_ERROR, "certificate-expires");
	log_str(&l, "host", host->domain.s);
	log_str(&l, "file", pair->certificate);
	log_int(&l, "days", left);
	log_str(
	    &l, "text", now < pair->not_after ? "our certificate is about to expire" : "our certificate has expired");
	log_str(&l, "fix", "renew it; the new files are found by themselves");
	log_end(&l);
}

static void warn_uncovered(const struct conf_host *host, struct span name)
{
	struct log_line l;

	log_begin(&l, LOG_WARNING, "certificate-missing");
	log_str(&l, "host", host->domain.s);
	log_span(&l, "domain", name);
	log_str(&l, "text", "none of our certificates names this domain");
	log_str(&l, "fix",
	    host->certificates_n > 0 ? "have a certificate issued that names it"
	                             : "put a certificate that names it, and its key, in a folder of [certificates]");
	log_end(&l);
}

static bool named_by_any(const struct cert_own *own, struct span name)
{
	for (size_t i = 0; i < own->n; i++) {
		if (cert_pair_names(own->pair[i], name))
			return true;
	}
	return false;
}

/* Of each kind only the first is in use. */
static bool first_of_kind(const struct cert_own *own, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (own->pair[i]->kind == own->pair[at]->kind)
			return false;
	}
	return true;
}

/* True if no certificate names it. */
static bool warn_name(
    struct cert_ring *ring, const struct conf_host *host, struct span name, bool tell_uncovered, int64_t now)
{
	struct cert_own own = {.n = 0};
	bool covered;

	cert_ring_peek(ring, host, name, &own);
	for (size_t i = 0; i < own.n; i++) {
		if (host->certificates_n > 0 || first_of_kind(&own, i))
			warn_end(own.pair[i], host, now);
	}
	covered = named_by_any(&own, name);
	if (!covered && tell_uncovered)
		warn_uncovered(host, name);
	for (size_t i = 0; i < own.n; i++)
		cert_pair_unref(own.pair[i]);
	return !covered;
}

/* Below a wildcard the folders may have a certificate for each name that is ever asked for, so its lack is no fault. */
static void warn_host(struct cert_ring *ring, const struct conf_host *host, int64_t now)
{
	int64_t *warned = cert_ring_warned(ring, host);
	bool due = *warned == 0 || now - *warned >= DAY_S;
	bool uncovered = warn_name(ring, host, domain_span(&host->domain), due, now);
	struct domain any;

	for (size_t i = 0; i < host->subdomains_n; i++)
		uncovered = warn_name(ring, host, domain_span(&host->subdomains[i]), due, now) || uncovered;
	if (host->wildcard && host->certificates_n > 0 && host->domain.n + 2u <= DOMAIN_MAX) {
		any.n = (uint8_t)(host->domain.n + 2);
		memcpy(any.s, "*.", 2);
		memcpy(any.s + 2, host->domain.s, host->domain.n + 1u);
		uncovered = warn_name(ring, host, domain_span(&any), due, now) || uncovered;
	}
	if (!uncovered)
		*warned = 0;
	else if (due)
		*warned = now;
}

void cert_ring_warn(struct cert_ring *ring, int64_t now)
{
	const struct conf *conf = cert_ring_conf(ring);

	(void)pthread_mutex_lock(&cert_ring_cache(ring)->scan);
	for (size_t i = 0; i < conf->hosts_n; i++)
		warn_host(ring, &conf->hosts[i], now);
	(void)pthread_mutex_unlock(&cert_ring_cache(ring)->scan);
}
