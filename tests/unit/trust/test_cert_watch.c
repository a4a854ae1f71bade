/* Revocation lists as time passes and their files change. */
#include "lists.h"

#include "sallyport/log.h"

/* Two files, so that the other one's times cannot be what is seen. */
static void test_outdated(void **state)
{
	struct world *w = *state;
	const struct mint_crl_spec later = {.until = MINT_NOW + MINT_DAY};
	char text[256];
	struct rules r;

	put_empty(w, "1", &w->scene->inter);
	put_empty(w, "2", &w->scene->root);
	r = rules_new(w->scene, "[revocation]\ncrl = $D/lists\n");
	assert_non_null(r.store);
	assert_false(cert_store_outdated(r.store));
	put(w, "1", &later, &w->scene->inter); /* written anew, in place and in the same length */
	assert_true(cert_store_outdated(r.store));
	assert_false(cert_store_outdated(r.store));
	(void)snprintf(text, sizeof(text), "%s", list_path(w, "3"));
	put_empty(w, ".hidden", &w->scene->inter);
	assert_false(cert_store_outdated(r.store));
	assert_int_equal(rename(list_path(w, ".hidden"), text), 0);
	assert_true(cert_store_outdated(r.store));
	assert_int_equal(unlink(text), 0);
	assert_true(cert_store_outdated(r.store));
	/* a symlink that is swapped: as long, as old, another file */
	assert_int_equal(symlink("1", text), 0);
	assert_true(cert_store_outdated(r.store));
	assert_int_equal(unlink(text), 0);
	assert_int_equal(symlink("2", text), 0);
	assert_true(cert_store_outdated(r.store));
	assert_int_equal(unlink(text), 0);
	(void)unlink(list_path(w, "1"));
	(void)unlink(list_path(w, "2"));
	assert_true(cert_store_outdated(r.store));
	assert_false(cert_store_outdated(r.store));
	rules_free(&r);
}

static void test_file_is_outdated(void **state)
{
	struct world *w = *state;
	struct mint_crl_spec spec = {.revoked = {{&w->scene->a, 0, NULL}}};
	char path[192];
	struct rules r;

	scene_path(w->scene, "x.pem", path, sizeof(path));
	mint_write_crl(path, &spec, &w->scene->inter);
	r = rules_new(w->scene, "[revocation]\ncrl = $D/x.pem\n");
	assert_false(cert_store_outdated(r.store));
	mint_write_crl(path, &spec, &w->scene->root);
	assert_true(cert_store_outdated(r.store));
	assert_int_equal(unlink(path), 0);
	assert_true(cert_store_outdated(r.store));
	assert_false(cert_store_outdated(r.store));
	/* the store itself stays as it was made */
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	cert_store_retire(r.store);
	rules_free(&r);
}

static void test_reminders(void **state)
{
	struct world *w = *state;
	FILE *log = tmpfile();
	char line[LOG_LINE_MAX];
	struct rules r;

	assert_non_null(log);
	put(w, "1", &(struct mint_crl_spec){.until = MINT_NOW}, &w->scene->inter);
	put(w, "2", &(struct mint_crl_spec){.until = MINT_NO_END}, &w->scene->root);
	r = judged_by(w, "");
	log_set_fd(fileno(log));
	cert_store_remind(r.store, 0, MINT_NOW - 1);
	cert_store_remind(r.store, MINT_NOW - 1, MINT_NOW);
	cert_store_remind(r.store, MINT_NOW, MINT_NOW + 100 * MINT_DAY);
	log_set_fd(STDERR_FILENO);
	rewind(log);
	assert_non_null(fgets(line, sizeof(line), log));
	assert_non_null(strstr(line, "level=warning event=revocation text=\"a revocation list is out of date\" file="));
	assert_non_null(strstr(line, "/lists/1 since=2026-03-01T00:00:00Z\n"));
	assert_null(fgets(line, sizeof(line), log));
	assert_int_equal(fclose(log), 0);
	rules_free(&r);
}

/* What `sallyportctl verify --crl` is made of. */
static void test_without_a_configuration_file(void **state)
{
	struct world *w = *state;
	struct conf *conf = conf_defaults();
	struct mint_pem anchors = {0}, chain = {0};
	struct cert_store *store;
	struct cert_chain *shown;
	struct cert_verdict v;
	char err[256] = "", path[192];

	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->scene->a, 0, NULL}}}, &w->scene->inter);
	(void)snprintf(path, sizeof(path), "%s", list_path(w, "1"));
	assert_true(conf_crl_add(conf, path));
	mint_pem_cert(&anchors, &w->scene->root);
	mint_pem_cert(&chain, &w->scene->a);
	mint_pem_cert(&chain, &w->scene->inter);
	store = cert_store_from_pem(mint_pem_span(&anchors), err, sizeof(err));
	shown = cert_chain_from_pem(mint_pem_span(&chain));
	cert_judge(store, shown, NULL, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	assert_true(cert_store_revoke(store, conf, err, sizeof(err)));
	cert_judge(store, shown, NULL, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_CERT_REVOKED);
	cert_store_free(store);
	assert_int_equal(unlink(path), 0);
	store = cert_store_from_pem(mint_pem_span(&anchors), err, sizeof(err));
	assert_false(cert_store_revoke(store, conf, err, sizeof(err)));
	assert_non_null(strstr(err, "/lists/1: No such file"));
	cert_store_free(store);
	cert_chain_free(shown);
	conf_unref(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outdated),
	    cmocka_unit_test(test_file_is_outdated),
	    cmocka_unit_test(test_reminders),
	    cmocka_unit_test(test_without_a_configuration_file),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
