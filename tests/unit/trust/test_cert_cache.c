/* Our certificates are looked for by many threads while their files change. */
#include "pairs.h"

#include <pthread.h>

#define THREADS 4

static void *find_often(void *arg)
{
	struct pairs *p = arg;
	struct domain d = scene_domain("a.test");

	for (int i = 0; i < 300; i++) {
		struct cert_own *own = cert_own_find(p->store, &d);

		assert_non_null(own);
		assert_non_null(cert_own_chain(own));
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
	    cmocka_unit_test_setup_teardown(test_threads, pairs_up, pairs_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
