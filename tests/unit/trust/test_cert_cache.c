/* The parsed keys that are kept: never more than there may be, and the oldest goes first. */
#include "pairs.h"

#include <pthread.h>

#include "../../../proxy/trust/cert_own_internal.h"

#define PAIRS 5
#define THREADS 4

static struct cert_pair *load(const struct pairs *p, struct cert_cache *cache)
{
	char text[256] = "";
	struct cert_complaint c = {text, sizeof(text)};
	struct cert_pair *pair = cert_pair_load(cache, pairs_path(p, "a.pem"), pairs_path(p, "a.key"), &c);

	assert_non_null(pair);
	assert_non_null(pair->chain);
	return pair;
}

static void use(struct cert_pair *pair)
{
	EVP_PKEY *key = cert_pair_key(pair);

	assert_non_null(key);
	EVP_PKEY_free(key);
}

static void test_bound(void **state)
{
	struct pairs *p = *state;
	struct cert_cache *cache = cert_cache_new();
	struct cert_pair *pair[PAIRS];

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	cache->keys_max = 3;
	for (size_t i = 0; i < PAIRS; i++) {
		pair[i] = load(p, cache);
		assert_null(pair[i]->key);
	}
	use(pair[0]);
	use(pair[1]);
	use(pair[2]);
	use(pair[0]);
	use(pair[3]); /* in the place of 1, which was not used since */
	assert_int_equal(cache->keys, 3);
	assert_null(pair[1]->key);
	assert_non_null(pair[0]->key);
	cert_pair_unref(pair[2]);
	assert_int_equal(cache->keys, 2);
	use(pair[1]);
	use(pair[4]);
	assert_int_equal(cache->keys, 3);
	assert_null(pair[0]->key);
	cert_pair_unref(pair[0]);
	cert_pair_unref(pair[1]);
	cert_pair_unref(pair[3]);
	cert_pair_unref(pair[4]);
	assert_int_equal(cache->keys, 0);
	cert_cache_unref(cache);
}

static void *find_often(void *arg)
{
	struct pairs *p = arg;
	struct domain d = scene_domain("a.test");

	for (int i = 0; i < 300; i++) {
		struct cert_own *own = cert_own_find(p->store, &d);

		use(own->pair[0]);
		cert_own_unref(own);
	}
	return NULL;
}

/* For the thread sanitizer, above all. */
static void test_threads(void **state)
{
	struct pairs *p = *state;
	pthread_t thread[THREADS];

	pairs_put(p, "certs/a.pem", "certs/a.key", "a.test", 1, MINT_P256);
	pairs_open(p, "[host a.test]\n[certificates]\ndirectory = $D/certs\n");
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, find_often, p), 0);
	for (unsigned i = 2; i < 6; i++) {
		pairs_put(p, "certs/a.pem", "certs/a.key", "a.test", i, MINT_P256);
		cert_own_refresh(p->store, time(NULL));
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(pairs_shown(p, "a.test", false, NULL), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bound, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_threads, pairs_up, pairs_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
