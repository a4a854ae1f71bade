/* Each allocation inside BoringSSL fails in turn while rows, block lists and revocation lists are read and asked: what
 * they forbid must not come out trusted. */
#include "torture.h"

#include "lists.h"

struct tried {
	struct rules rules;
	struct mint chain[RULES_CHAIN];
	enum reason why;
};

static struct tried tried;

/* Counts only while the chain is judged. */
static void step_judge(struct scene *s)
{
	struct domain domain = scene_domain("a.test");
	long when = countdown;
	struct mint_pem pem = {0};
	struct cert_chain *chain;
	struct cert_verdict v;

	(void)s;
	countdown = -1;
	for (size_t i = 0; tried.chain[i].x != NULL; i++)
		mint_pem_cert(&pem, &tried.chain[i]);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	countdown = when;
	cert_judge(
	    tried.rules.store, chain, &domain, conf_peer_find(tried.rules.conf, &domain, MINT_NOW), MINT_NOW, &v);
	countdown = -1;
	if (v.why == REASON_NONE && tried.why != REASON_NONE)
		fail_msg("trusted for want of memory, in spite of %s", reason_row(tried.why)->code);
	cert_chain_free(chain);
}

/* A store of its own for each allocation that fails, so that nothing is known from before. */
static void try_each(struct world *w, const char *more, const struct mint_crl_spec *list, enum reason why)
{
	long n = 0;

	tried = (struct tried){.chain = {w->scene->a, w->scene->inter}, .why = why};
	do {
		if (list != NULL)
			put(w, "1", list, &w->scene->inter);
		put_empty(w, "2", &w->scene->root);
		tried.rules = judged_by(w, more);
		failed = false;
		countdown = n++;
		step_judge(w->scene);
		countdown = -1;
		if (!failed)
			rules_expect_at(&tried.rules, tried.chain, "a.test", why, __LINE__);
		rules_free(&tried.rules);
	} while (failed);
	assert_true(n > 20);
}

static void test_verdicts(void **state)
{
	struct world *w = *state;
	const struct mint_crl_spec revoking = {.revoked = {{&w->scene->a, 0, NULL}}}, silent = {.users = true};
	char key[MINT_KEY_TEXT], text[128];

	skip_if_boringssl_crashes(w->scene);
	if (BORINGSSL_API_VERSION < 20) {
		print_message("1 test skipped: this BoringSSL may take want of memory for a wrong signature\n");
		skip();
	}
	try_each(w, "", &revoking, REASON_CERT_REVOKED);
	try_each(w, "mode = hard\n", &silent, REASON_NONE);
	try_each(w, "mode = hard\n", NULL, REASON_REVOCATION_UNKNOWN);
	try_each(w, "[peer a.test]\npin = d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=\n", NULL, REASON_CERT_PIN);
	(void)snprintf(text, sizeof(text), "block-key = %s\n", mint_key_text(&w->scene->inter, key));
	try_each(w, text, NULL, REASON_CERT_BLOCKED);
	(void)snprintf(text, sizeof(text), "block-serial = 1 %s\n", mint_key_text(&w->scene->inter, key));
	try_each(w, text, NULL, REASON_CERT_BLOCKED);
}

static struct conf *conf;

static void step_load(struct scene *s)
{
	char err[512] = "";
	struct cert_store *store = cert_store_new(conf, err, sizeof(err));

	(void)s;
	assert_true(store != NULL || err[0] != '\0');
	cert_store_free(store);
}

static void test_load(void **state)
{
	struct world *w = *state;
	struct mint_crl_spec list = {.revoked = {{&w->scene->a, 1, NULL}}, .at = "http://crl.test/a.crl"};
	X509_CRL *crl = mint_crl(&list, &w->scene->inter);
	struct rules r;

	skip_if_boringssl_crashes(w->scene);
	put(w, "1", &list, &w->scene->inter);
	r = rules_new(w->scene, "[revocation]\ncrl = $D/lists\n[peer a.test]\nanchor = $D/root.pem\n");
	conf = r.conf;
	torture(w->scene, step_load, 100);
	rules_free(&r);
	assert_int_equal(unlink(list_path(w, "1")), 0);
	X509_CRL_free(crl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
