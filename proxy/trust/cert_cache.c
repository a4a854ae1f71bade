#include "cert_own_internal.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <stdlib.h>

/* Parsed keys that are kept; a used RSA key takes some 20 KB. */
#define KEYS_MAX 1024

struct cert_cache *cert_cache_new(void)
{
	struct cert_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	atomic_init(&cache->refs, 1);
	cache->keys_max = KEYS_MAX;
	(void)pthread_mutex_init(&cache->scan, NULL);
	(void)pthread_mutex_init(&cache->lock, NULL);
	return cache;
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
	(void)pthread_mutex_destroy(&cache->scan);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static void unlink_key(struct cert_cache *cache, struct cert_pair *pair)
{
	if (pair->newer != NULL)
		pair->newer->older = pair->older;
	else
		cache->newest = pair->older;
	if (pair->older != NULL)
		pair->older->newer = pair->newer;
	else
		cache->oldest = pair->newer;
	pair->newer = pair->older = NULL;
	cache->keys--;
}

static void link_newest(struct cert_cache *cache, struct cert_pair *pair)
{
	pair->older = cache->newest;
	pair->newer = NULL;
	if (cache->newest != NULL)
		cache->newest->newer = pair;
	else
		cache->oldest = pair;
	cache->newest = pair;
	cache->keys++;
}

/* What is in the list is not counted as a reference: the last holder takes it out. */
static void forget_key(struct cert_pair *pair)
{
	struct cert_cache *cache = pair->cache;

	if (cache != NULL) {
		(void)pthread_mutex_lock(&cache->lock);
		if (pair->key != NULL)
			unlink_key(cache, pair);
		(void)pthread_mutex_unlock(&cache->lock);
	}
	EVP_PKEY_free(pair->key);
	cert_cache_unref(cache);
}

struct cert_pair *cert_pair_ref(struct cert_pair *pair)
{
	atomic_fetch_add(&pair->refs, 1);
	return pair;
}

void cert_pair_unref(struct cert_pair *pair)
{
	if (pair == NULL || atomic_fetch_sub(&pair->refs, 1) != 1)
		return;
	forget_key(pair);
	cert_chain_free(pair->chain);
	CRYPTO_BUFFER_free(pair->key_der);
	free(pair->certificate);
	free(pair->key_file);
	free(pair->names);
	free(pair);
}

/* The key at hand, which becomes the newest; NULL: there is none. */
static EVP_PKEY *use_key(struct cert_pair *pair)
{
	if (pair->key == NULL)
		return NULL;
	unlink_key(pair->cache, pair);
	link_newest(pair->cache, pair);
	EVP_PKEY_up_ref(pair->key);
	return pair->key;
}

static void keep_key(struct cert_pair *pair, EVP_PKEY *key)
{
	struct cert_cache *cache = pair->cache;

	if (cache->keys == cache->keys_max) {
		struct cert_pair *oldest = cache->oldest;

		unlink_key(cache, oldest);
		EVP_PKEY_free(oldest->key);
		oldest->key = NULL;
	}
	EVP_PKEY_up_ref(key);
	pair->key = key;
	link_newest(cache, pair);
}

EVP_PKEY *cert_pair_key(struct cert_pair *pair)
{
	EVP_PKEY *key, *parsed;
	CBS der;

	if (pair->cache == NULL) {
		EVP_PKEY_up_ref(pair->key);
		return pair->key;
	}
	(void)pthread_mutex_lock(&pair->cache->lock);
	key = use_key(pair);
	(void)pthread_mutex_unlock(&pair->cache->lock);
	if (key != NULL)
		return key;
	CRYPTO_BUFFER_init_CBS(pair->key_der, &der);
	parsed = EVP_parse_private_key(&der);
	if (parsed == NULL) {
		ERR_clear_error();
		return NULL;
	}
	(void)pthread_mutex_lock(&pair->cache->lock);
	key = use_key(pair); /* another thread may have been faster */
	if (key == NULL)
		keep_key(pair, parsed);
	(void)pthread_mutex_unlock(&pair->cache->lock);
	if (key == NULL)
		return parsed;
	EVP_PKEY_free(parsed);
	return key;
}
