#include "cert_own_internal.h"

#include <stdlib.h>

struct cert_cache *cert_cache_new(struct keys *keys)
{
	struct cert_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	atomic_init(&cache->refs, 1);
	(void)pthread_mutex_init(&cache->scan, NULL);
	(void)pthread_mutex_init(&cache->lock, NULL);
	cache->keys = keys != NULL ? keys_ref(keys) : keys_new();
	if (cache->keys != NULL)
		return cache;
	cert_cache_unref(cache);
	return NULL;
}

struct cert_cache *cert_cache_ref(struct cert_cache *cache)
{
	atomic_fetch_add(&cache->refs, 1);
	return cache;
}

void cert_cache_unref(struct cert_cache *cache)
{
	if (cache == NULL || atomic_fetch_sub(&cache->refs, 1) != 1)
		return;
	keys_unref(cache->keys);
	(void)pthread_mutex_destroy(&cache->scan);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}
