/* What was proven once is neither asked again nor believed for longer, or of more, than it was. */
#include "scene.h"

#include "../../../proxy/trust/cert_internal.h"

static struct cert_path path_of(const struct scene *s)
{
	return (struct cert_path){3, {s->a.x, s->inter.x, s->root.x}};
}

static void test_of_that_path_and_purpose_alone(void **state)
{
	const struct scene *s = *state;
	struct cert_proven *p = cert_proven_new();
	struct cert_path path = path_of(s), shorter = path, other = path;

	shorter.n = 2;
	other.cert[0] = s->b.x;
	assert_false(cert_proven_find(p, &path, false, MINT_NOW));
	cert_proven_add(p, &path, false);
	assert_true(cert_proven_find(p, &path, false, MINT_NOW));
	assert_false(cert_proven_find(p, &path, true, MINT_NOW));
	assert_false(cert_proven_find(p, &shorter, false, MINT_NOW));
	assert_false(cert_proven_find(p, &other, false, MINT_NOW));
	cert_proven_unref(p);
}

static void test_while_all_are_valid(void **state)
{
	const struct scene *s = *state;
	struct mint brief = mint_new(
	    &(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}, .not_before = MINT_NOW, .not_after = MINT_NOW + 10},
	    &s->inter);
	struct cert_proven *p = cert_proven_new();
	struct cert_path path = path_of(s);

	path.cert[0] = brief.x;
	cert_proven_add(p, &path, false);
	assert_false(cert_proven_find(p, &path, false, MINT_NOW - 1));
	assert_false(cert_proven_find(p, &path, false, MINT_NOW));
	assert_true(cert_proven_find(p, &path, false, MINT_NOW + 1));
	assert_true(cert_proven_find(p, &path, false, MINT_NOW + 9));
	assert_false(cert_proven_find(p, &path, false, MINT_NOW + 10));
	cert_proven_unref(p);
	mint_free(&brief);
}

static void test_without_memory_nothing_is_known(void **state)
{
	struct cert_path path = path_of(*state);

	assert_null(cert_proven_ref(NULL));
	cert_proven_add(NULL, &path, false);
	assert_false(cert_proven_find(NULL, &path, false, MINT_NOW));
	cert_proven_unref(NULL);
}

static enum reason judged(const struct cert_store *store, const struct scene *s, int64_t now)
{
	struct mint_pem pem = {0};
	struct domain d = scene_domain("a.test");
	struct cert_verdict verdict;
	struct cert_chain *chain;

	mint_pem_cert(&pem, &s->a);
	mint_pem_cert(&pem, &s->inter);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	cert_judge(store, chain, &d, NULL, now, &verdict);
	cert_chain_free(chain);
	return verdict.why;
}

/* Invariant S11: the second verdict is no softer, whatever has changed since the first. */
static void test_verdicts_stay_as_hard(void **state)
{
	struct scene *s = *state;
	char err[128];
	struct cert_store *next;
	struct conf_key *blocked = malloc(sizeof(*blocked));
	struct cert_path path = path_of(s);

	assert_false(cert_proven_find(s->store->proven, &path, false, MINT_NOW));
	assert_int_equal(judged(s->store, s, MINT_NOW), REASON_NONE);
	assert_true(cert_proven_find(s->store->proven, &path, false, MINT_NOW));
	assert_int_equal(judged(s->store, s, MINT_NOW), REASON_NONE);
	assert_int_equal(judged(s->store, s, MINT_NOW + 100 * MINT_DAY), REASON_CERT_EXPIRED);
	assert_int_equal(judged(s->store, s, MINT_NOW - 100 * MINT_DAY), REASON_CERT_NOT_YET_VALID);

	/* a reload that blocks the key */
	assert_true(blocked != NULL && cert_key(s->inter.x, blocked));
	s->conf->blocked_keys = blocked;
	s->conf->blocked_keys_n = 1;
	next = cert_store_follow(s->conf, s->store, NULL, err, sizeof(err));
	assert_non_null(next);
	assert_int_equal(judged(next, s, MINT_NOW), REASON_CERT_BLOCKED);
	cert_store_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_of_that_path_and_purpose_alone, scene_up, scene_down),
	    cmocka_unit_test_setup_teardown(test_while_all_are_valid, scene_up, scene_down),
	    cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_known, scene_up, scene_down),
	    cmocka_unit_test_setup_teardown(test_verdicts_stay_as_hard, scene_up, scene_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
