/* Bundles, our own certificates, and what an operator is told about broken ones. */
#include "scene.h"

static void write_pem(const struct scene *s, const char *name, const struct mint_pem *pem)
{
	char path[128];

	scene_path(s, name, path, sizeof(path));
	mint_write(path, mint_pem_span(pem));
}

/* The scene's configuration with other files; trust: what stands in [trust]. */
static struct conf *conf_with(const struct scene *s, const char *trust, const char *certificate, const char *key)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *conf;
	char path[128];
	FILE *f;

	scene_path(s, "sallyport.conf", path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
	    "[public]\nlisten = 127.0.0.1:5269\n[trust]\n%s\n"
	    "[backend old]\nconnect = 127.0.0.1:15269\nlisten = 127.0.0.1:15270\n"
	    "[host a.test]\ncertificate = %s/%s\nkey = %s/%s\n",
	    trust, s->dir, certificate, s->dir, key);
	assert_int_equal(fclose(f), 0);
	conf = conf_load(path, errors);
	if (conf == NULL)
		fail_msg("%s", errors->text[0]);
	free(errors);
	return conf;
}

static void check_refused(struct conf *conf, const char *told)
{
	char err[512] = "";
	struct cert_store *store = cert_store_new(conf, err, sizeof(err));

	assert_null(store);
	if (strstr(err, told) == NULL)
		fail_msg("\"%s\", expected \"%s\"", err, told);
	conf_unref(conf);
}

static void check_files(const struct scene *s, const char *certificate, const char *key, const char *told)
{
	char trust[128];

	(void)snprintf(trust, sizeof(trust), "system = no\nanchor = %s/root.pem", s->dir);
	check_refused(conf_with(s, trust, certificate, key), told);
}

static void check_leaf(struct cert_own *own, const struct mint *leaf)
{
	struct mint_pem pem = {0};
	struct cert_verdict v;
	struct cert_store *pin;
	char err[256];

	assert_non_null(own);
	mint_pem_cert(&pem, leaf);
	/* An anchor that is the leaf itself trusts no other. */
	pin = cert_store_from_pem(mint_pem_span(&pem), err, sizeof(err));
	assert_non_null(pin);
	cert_judge(pin, cert_own_chain(own), NULL, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	cert_store_free(pin);
	cert_own_unref(own);
}

static void test_own_by_domain(void **state)
{
	struct scene *s = *state;
	struct domain a = scene_domain("a.test"), sub = scene_domain("conference.a.test");
	struct domain b = scene_domain("b.test"), other = scene_domain("c.test");

	check_leaf(cert_own_find(s->store, &a), &s->a);
	check_leaf(cert_own_find(s->store, &sub), &s->a);
	check_leaf(cert_own_find(s->store, &b), &s->b);
	check_leaf(cert_own_default(s->store), &s->a);
	assert_null(cert_own_find(s->store, &other));
}

static void test_own_chain_is_judged_like_any(void **state)
{
	struct scene *s = *state;
	const struct cert_chain *chain = cert_own_chain(scene_own(s, "a.test"));
	struct domain a = scene_domain("a.test"), b = scene_domain("b.test");
	struct cert_verdict v;

	cert_judge(s->store, chain, &a, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	cert_judge(s->store, chain, &b, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_CERT_NAME);
}

static void test_broken_certificate_and_key(void **state)
{
	static struct mint_pem pem;
	struct scene *s = *state;

	check_files(s, "a.pem", "b.key", "b.key: is not the key of the first certificate in ");
	check_files(s, "a.key", "a.key", "a.key: holds no certificate");
	check_files(s, "a.pem", "a.pem", "a.pem: holds no private key");
	pem = (struct mint_pem){0};
	mint_pem_key(&pem, &s->a, "secret");
	write_pem(s, "x.key", &pem);
	check_files(s, "a.pem", "x.key", "x.key: the key is encrypted with a password");
	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &s->a);
	mint_pem_cert(&pem, &s->inter);
	pem.n -= 200; /* cut off in the middle of the second */
	write_pem(s, "x.pem", &pem);
	check_files(s, "x.pem", "a.key", "x.pem: broken PEM behind certificate 1");
	pem = (struct mint_pem){0};
	pem.n = (size_t)snprintf(
	    pem.text, sizeof(pem.text), "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n");
	write_pem(s, "x.pem", &pem);
	check_files(s, "x.pem", "a.key", "x.pem: the first certificate cannot be read");
}

static void test_broken_anchors(void **state)
{
	static struct mint_pem pem;
	struct scene *s = *state;
	char trust[128];

	(void)snprintf(trust, sizeof(trust), "system = no\nanchor = %s/x.pem", s->dir);
	pem.n = (size_t)snprintf(pem.text, sizeof(pem.text), "nothing here\n");
	write_pem(s, "x.pem", &pem);
	check_refused(conf_with(s, trust, "a.pem", "a.key"), "x.pem: holds no certificate");
	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &s->root);
	pem.n += (size_t)snprintf(
	    pem.text + pem.n, 100, "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n");
	write_pem(s, "x.pem", &pem);
	check_refused(conf_with(s, trust, "a.pem", "a.key"), "x.pem: certificate 2 cannot be read");
	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &s->root);
	mint_pem_cert(&pem, &s->inter);
	pem.n -= 200;
	write_pem(s, "x.pem", &pem);
	check_refused(conf_with(s, trust, "a.pem", "a.key"), "x.pem: broken PEM behind certificate 1");
}

/* One odd certificate in the system's bundle must not take all the others away. */
static void test_system_bundle_is_read_leniently(void **state)
{
	static struct mint_pem pem;
	struct scene *s = *state;
	struct cert_store *store;
	struct cert_own *own;
	struct cert_verdict v;
	struct conf *conf;
	char trust[128], path[128], err[512] = "";

	pem.n = (size_t)snprintf(
	    pem.text, sizeof(pem.text), "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n");
	mint_pem_cert(&pem, &s->root);
	write_pem(s, "x.pem", &pem);
	(void)snprintf(trust, sizeof(trust), "bundle = %s/x.pem", s->dir);
	conf = conf_with(s, trust, "a.pem", "a.key");
	store = cert_store_new(conf, err, sizeof(err));
	assert_string_equal(err, "");
	own = cert_own_default(store);
	cert_judge(store, cert_own_chain(own), NULL, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	cert_own_unref(own);
	cert_store_free(store);
	conf_unref(conf);
	conf = conf_with(s, trust, "a.pem", "a.key");
	scene_path(s, "x.pem", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	check_refused(conf, "x.pem: No such file or directory");
}

static void test_chain_from_pem(void **state)
{
	struct scene *s = *state;
	static struct mint_pem pem;
	struct cert_chain *chain;

	assert_null(cert_chain_from_pem(SPAN("")));
	assert_null(cert_chain_from_pem(SPAN("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")));
	pem = (struct mint_pem){0};
	mint_pem_key(&pem, &s->a, NULL);
	assert_null(cert_chain_from_pem(mint_pem_span(&pem)));
	mint_pem_cert(&pem, &s->a);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	cert_chain_free(chain);
	cert_chain_free(NULL);
	cert_store_free(NULL);
}

/* A peer may show more certificates than are looked at; what counts stands in front. */
static void test_overlong_chain(void **state)
{
	static struct mint_pem pem;
	struct scene *s = *state;
	struct cert_chain *chain;
	struct cert_verdict v;

	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &s->a);
	for (int i = 0; i < 60; i++)
		mint_pem_cert(&pem, &s->inter);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	cert_judge(s->store, chain, NULL, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	cert_chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_own_by_domain),
	    cmocka_unit_test(test_own_chain_is_judged_like_any),
	    cmocka_unit_test(test_broken_certificate_and_key),
	    cmocka_unit_test(test_broken_anchors),
	    cmocka_unit_test(test_system_bundle_is_read_leniently),
	    cmocka_unit_test(test_chain_from_pem),
	    cmocka_unit_test(test_overlong_chain),
	};

	return cmocka_run_group_tests(tests, scene_up, scene_down);
}
