#include "cert_ring_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "sallyport/log.h"

/* How soon a domain without a certificate makes us look for new files again, in seconds. */
#define LOOK_AGAIN_S 5

void cert_ring_install(struct cert_ring *ring, struct cert_index *index, const struct cert_hosts *hosts)
{
	struct cert_index *old = ring->index;
	struct cert_hosts old_hosts = ring->hosts;

	(void)pthread_mutex_lock(&ring->cache->lock);
	ring->index = index;
	ring->hosts = *hosts;
	(void)pthread_mutex_unlock(&ring->cache->lock);
	cert_index_unref(old);
	cert_hosts_clear(&old_hosts);
}

struct cert_ring *cert_ring_new(
    struct conf *conf, const struct cert_ring *before, struct keys *keys, const struct cert_complaint *c)
{
	struct cert_ring *ring = calloc(1, sizeof(*ring));
	bool ok = false;

	if (ring == NULL) {
		(void)cert_complain(c, "out of memory");
		return NULL;
	}
	ring->conf = conf_ref(conf);
	ring->looked_at = -LOOK_AGAIN_S;
	ring->warned = calloc(conf->hosts_n + 1, sizeof(*ring->warned));
	ring->cache = before != NULL ? cert_cache_ref(before->cache) : cert_cache_new(keys);
	if (ring->cache != NULL && ring->warned != NULL) {
		(void)pthread_mutex_lock(&ring->cache->scan);
		ok = cert_scan(ring, before != NULL ? before->index : NULL, CERT_SCAN_FIRST, c);
		(void)pthread_mutex_unlock(&ring->cache->scan);
	} else {
		(void)cert_complain(c, "out of memory");
	}
	if (ok)
		return ring;
	cert_ring_free(ring);
	return NULL;
}

void cert_ring_free(struct cert_ring *ring)
{
	if (ring == NULL)
		return;
	cert_index_unref(ring->index);
	cert_hosts_clear(&ring->hosts);
	cert_cache_unref(ring->cache);
	conf_unref(ring->conf);
	free(ring->warned);
	free(ring);
}

static void peek(const struct cert_ring *ring, const struct conf_host *host, struct span name, struct cert_own *own)
{
	const struct cert_index *index = ring->index;
	const struct cert_hosts *hosts = &ring->hosts;
	const char *dot = strchr(name.p, '.');
	size_t at = (size_t)(host - ring->conf->hosts);
	char wildcard[DOMAIN_MAX + 2];
	int64_t now = time(NULL);

	for (size_t i = hosts->own_at[at]; i < hosts->own_at[at + 1] && own->n < CERT_OWN_MAX; i++)
		own->pair[own->n++] = cert_pair_ref(hosts->own[i]);
	if (host->certificates_n > 0)
		return;
	(void)snprintf(wildcard, sizeof(wildcard), "*%s", dot != NULL ? dot : "");
	for (int valid = 1; valid >= 0; valid--) {
		cert_index_find(index, name.p, valid != 0, now, own);
		cert_index_find(index, wildcard, valid != 0, now, own);
	}
}

void cert_ring_peek(struct cert_ring *ring, const struct conf_host *host, struct span name, struct cert_own *own)
{
	(void)pthread_mutex_lock(&ring->cache->lock);
	peek(ring, host, name, own);
	(void)pthread_mutex_unlock(&ring->cache->lock);
}

static int64_t seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void scan(struct cert_ring *ring, enum cert_scan how)
{
	char text[512] = "";
	struct cert_complaint c = {text, sizeof(text)};

	if (!cert_scan(ring, ring->index, how, &c))
		log_text(LOG_ERROR, "certificate-refresh", "%s", text);
}

/* Only for a domain of ours, and seldom, so strangers cannot keep us at it.  No name is remembered as unknown. */
static void look_again(struct cert_ring *ring)
{
	if (pthread_mutex_trylock(&ring->cache->scan) != 0)
		return;
	if (seconds() - ring->looked_at >= LOOK_AGAIN_S) {
		scan(ring, CERT_SCAN_NEW);
		ring->looked_at = seconds();
	}
	(void)pthread_mutex_unlock(&ring->cache->scan);
}

void cert_ring_find(
    struct cert_ring *ring, const struct conf_host *host, const struct domain *domain, struct cert_own *own)
{
	cert_ring_peek(ring, host, domain_span(domain), own);
	if (own->n > 0 || host->certificates_n > 0)
		return;
	look_again(ring);
	cert_ring_peek(ring, host, domain_span(domain), own);
}

void cert_ring_refresh(struct cert_ring *ring)
{
	(void)pthread_mutex_lock(&ring->cache->scan);
	scan(ring, CERT_SCAN_ALL);
	(void)pthread_mutex_unlock(&ring->cache->scan);
}

int64_t *cert_ring_warned(struct cert_ring *ring, const struct conf_host *host)
{
	return &ring->warned[host - ring->conf->hosts];
}

struct cert_cache *cert_ring_cache(const struct cert_ring *ring)
{
	return ring->cache;
}

const struct conf *cert_ring_conf(const struct cert_ring *ring)
{
	return ring->conf;
}
