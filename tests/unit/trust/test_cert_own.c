/* Our own certificates: which of them count for a domain, and what becomes of files that change. */
#include "pairs_log.h"

#define NAMED "[host a.test]\ncertificate = $D/a.pem\nkey = $D/a.key\n"

static void forget_log(struct pairs *p)
{
	assert_int_equal(truncate(pairs_path(p, "log"), 0), 0);
}

static void test_certbot_layout(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/live");
	pairs_folder(p, "certs/archive");
	pairs_folder(p, "certs/archive/a.test");
	pairs_folder(p, "certs/live/a.test");
	pairs_put(
	    p, "certs/archive/a.test/fullchain1.pem", "certs/archive/a.test/privkey1.pem", "a.test", 1, MINT_P256);
	assert_int_equal(
	    symlink("../../archive/a.test/fullchain1.pem", pairs_path(p, "certs/live/a.test/fullchain.pem")), 0);
	assert_int_equal(
	    symlink("../../archive/a.test/privkey1.pem", pairs_path(p, "certs/live/a.test/privkey.pem")), 0);
	/* what certbot has beside them must not be taken for certificates */
	pairs_put(p, "certs/live/a.test/cert.pem", "certs/live/a.test/other", "a.test", 7, MINT_P256);
	pairs_put(p, "certs/archive/a.test/old.pem", "certs/archive/a.test/old.key", "a.test", 8, MINT_P256);
	pairs_open(p, "[host a.test]\n" FOLDER);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", ""), 0);

	pairs_put(
	    p, "certs/archive/a.test/fullchain2.pem", "certs/archive/a.test/privkey2.pem", "a.test", 2, MINT_P256);
	assert_int_equal(unlink(pairs_path(p, "certs/live/a.test/fullchain.pem")), 0);
	assert_int_equal(
	    symlink("../../archive/a.test/fullchain2.pem", pairs_path(p, "certs/live/a.test/fullchain.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1); /* the key is still the old one's */
	assert_int_equal(unlink(pairs_path(p, "certs/live/a.test/privkey.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1); /* certbot is just about to link it */
	assert_int_equal(
	    symlink("../../archive/a.test/privkey2.pem", pairs_path(p, "certs/live/a.test/privkey.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
}

static void test_acme_layout(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/a.test");
	pairs_folder(p, "certs/b.test_ecc");
	pairs_put(p, "certs/a.test/fullchain.cer", "certs/a.test/a.test.key", "a.test", 1, MINT_RSA2048);
	pairs_put(p, "certs/b.test_ecc/fullchain.cer", "certs/b.test_ecc/b.test.key", "b.test", 2, MINT_P256);
	/* the leaf without its intermediates, under which acme.sh has its key, too */
	pairs_put(p, "certs/b.test_ecc/b.test.cer", "certs/b.test_ecc/x", "b.test", 3, MINT_P256);
	pairs_open(p, "[host a.test]\n[host b.test]\n" FOLDER);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(shown(p, "b.test"), 2);
	assert_int_equal(logged(p, "certificate-refused", ""), 0);
}

static void test_plain_layout(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/more");
	pairs_put(p, "certs/one.pem", "certs/one.key", "a.test", 1, MINT_P256);
	pairs_put(p, "certs/two.crt", "certs/two.key", "*.a.test", 2, MINT_P256);
	pairs_put(p, "certs/more/tls.crt", "certs/more/tls.key", "B.TEST", 3, MINT_P256);
	pairs_open(p, "[host a.test]\nsubdomains = conference.a.test x.y.a.test\n[host b.test]\n" FOLDER);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(shown(p, "conference.a.test"), 2);
	assert_int_equal(shown(p, "x.y.a.test"), PAIRS_NONE); /* a wildcard stands for one label */
	assert_int_equal(shown(p, "b.test"), 3);
	assert_int_equal(shown(p, "c.test"), PAIRS_NONE);
}

/* Of several: valid before expired, the earlier folder, and then the newest. */
static void test_which_is_preferred(void **state)
{
	struct pairs *p = *state;
	struct mint old = pairs_mint(&p->root, "a.test", 9, MINT_P256, -1);

	pairs_folder(p, "first");
	pairs_write(pairs_path(p, "first/old.pem"), pairs_path(p, "first/old.key"), &old);
	mint_free(&old);
	pairs_put(p, "certs/a.pem", "certs/a.key", "a.test", 1, MINT_P256);
	pairs_put(p, "certs/b.pem", "certs/b.key", "a.test", 2, MINT_P256);
	pairs_open(p, "[host a.test]\n[certificates]\ndirectory = $D/first\ndirectory = $D/certs\n");
	assert_int_equal(shown(p, "a.test"), 2);
	pairs_put(p, "first/new.pem", "first/new.key", "a.test", 0, MINT_P256);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 0);
}

/* No name is remembered as unknown, but we look only every few seconds. */
static void test_new_files_are_found(void **state)
{
	struct pairs *p = *state;

	pairs_open(p, "[host a.test]\n[host b.test]\n" FOLDER);
	pairs_put(p, "certs/a.pem", "certs/a.key", "a.test", 1, MINT_P256);
	assert_int_equal(shown(p, "a.test"), 1);
	pairs_put(p, "certs/b.pem", "certs/b.key", "b.test", 2, MINT_P256);
	assert_int_equal(shown(p, "b.test"), PAIRS_NONE);
	refresh(p);
	assert_int_equal(shown(p, "b.test"), 2);
	assert_int_equal(unlink(pairs_path(p, "certs/b.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "b.test"), 2);
	refresh(p);
	assert_int_equal(shown(p, "b.test"), PAIRS_NONE);
}

static void test_broken_renewal_is_told_once(void **state)
{
	struct pairs *p = *state;
	struct mint m = pairs_mint(&p->root, "a.test", 2, MINT_P256, 60);
	struct mint_pem pem = {0};

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	pairs_open(p, NAMED);
	mint_pem_cert(&pem, &m);
	pem.n /= 2;
	mint_write(pairs_path(p, "a.pem"), mint_pem_span(&pem));
	refresh(p);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "broken PEM"), 1);
	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &m);
	mint_write(pairs_path(p, "a.pem"), mint_pem_span(&pem));
	refresh(p);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "is not the key of"), 1);
	assert_int_equal(unlink(pairs_path(p, "a.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	pairs_write(pairs_path(p, "a.pem"), pairs_path(p, "a.key"), &m);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
	assert_int_equal(logged(p, "certificate-renewed", "a.pem"), 1);
	mint_free(&m);
}

/* A connection that is just shaking hands keeps what it has. */
static void test_reload_takes_over(void **state)
{
	struct pairs *p = *state;
	char err[512] = "";
	struct domain d = scene_domain("a.test");
	struct cert_own *own;
	struct cert_store *next;
	struct conf *conf;

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	pairs_open(p, NAMED);
	own = cert_own_find(p->store, &d);
	conf = pairs_conf(p, NAMED);
	next = cert_store_follow(conf, p->store, NULL, err, sizeof(err));
	assert_non_null(next);
	assert_int_equal(logged(p, "certificate", ""), 0);
	cert_store_free(next);
	mint_write(pairs_path(p, "a.pem"), SPAN("half"));
	assert_null(cert_store_new(conf, err, sizeof(err)));
	assert_non_null(strstr(err, "a.pem: holds no certificate"));
	next = cert_store_follow(conf, p->store, NULL, err, sizeof(err));
	assert_non_null(next);
	assert_int_equal(logged(p, "certificate-refused", "a.pem"), 1);
	pairs_close(p);
	p->store = next;
	assert_non_null(p->ctx = tls_ctx_new(p->store, conf->ciphers, err, sizeof(err)));
	conf_unref(conf);
	assert_int_equal(shown(p, "a.test"), 1);
	cert_own_unref(own);
}

static void end_in(struct pairs *p, int64_t days, unsigned serial)
{
	struct mint m = pairs_mint(&p->root, "a.test", serial, MINT_P256, days);

	pairs_write(pairs_path(p, "a.pem"), pairs_path(p, "a.key"), &m);
	mint_free(&m);
}

static void test_warnings_ahead_of_expiry(void **state)
{
	static const struct {
		int in_days; /* from now */
		size_t lines;
	} looks[] = {{0, 0}, {9, 0}, {10, 1}, {10, 0}, {11, 1}, {26, 1}, {33, 1}, {39, 1}, {40, 1}, {41, 1}};
	struct pairs *p = *state;
	int64_t now = time(NULL);

	end_in(p, 40, 1);
	pairs_open(p, NAMED);
	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		forget_log(p);
		cert_own_refresh(p->store, now + looks[i].in_days * MINT_DAY + 60);
		assert_int_equal(logged(p, "certificate-expires", "host=a.test"), looks[i].lines);
		assert_int_equal(logged(p, "certificate-expires", "level=error"), looks[i].in_days >= 40);
	}
	/* nearer bounds are told at once, though a day has not passed */
	pairs_close(p);
	pairs_open(p, NAMED);
	cert_own_refresh(p->store, now + 32 * MINT_DAY + MINT_DAY / 2);
	forget_log(p);
	cert_own_refresh(p->store, now + 33 * MINT_DAY + 60);
	assert_int_equal(logged(p, "certificate-expires", "days=6"), 1);
	end_in(p, 100, 2);
	forget_log(p);
	cert_own_refresh(p->store, now + 39 * MINT_DAY);
	assert_int_equal(logged(p, "certificate-expires", ""), 0);
}

static void test_warnings_of_uncovered_domains(void **state)
{
	struct pairs *p = *state;
	int64_t now = time(NULL);

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	pairs_put(p, "certs/c.pem", "certs/c.key", "b.test", 2, MINT_P256);
	pairs_open(
	    p, NAMED "subdomains = muc.a.test *\n[host b.test]\nsubdomains = muc.b.test *\n[host c.test]\n" FOLDER);
	cert_own_refresh(p->store, now);
	cert_own_refresh(p->store, now + 60);
	assert_int_equal(logged(p, "certificate-missing", "domain=muc.a.test"), 1);
	assert_int_equal(logged(p, "certificate-missing", "domain=*.a.test"), 1);
	assert_int_equal(logged(p, "certificate-missing", "domain=muc.b.test"), 1);
	assert_int_equal(logged(p, "certificate-missing", "domain=c.test"), 1);
	assert_int_equal(logged(p, "certificate-missing", ""), 4);
	cert_own_refresh(p->store, now + MINT_DAY);
	assert_int_equal(logged(p, "certificate-missing", ""), 8);
}

static void test_folders_that_hold_nonsense(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/sub");
	assert_int_equal(symlink("..", pairs_path(p, "certs/sub/loop")), 0);
	mint_write(pairs_path(p, "certs/x.pem"), SPAN("x"));
	mint_write(pairs_path(p, "certs/x.key"), SPAN("x"));
	mint_write(pairs_path(p, "certs/only.key"), SPAN("x"));
	mint_write(pairs_path(p, "certs/.hidden.pem"), SPAN("x"));
	mint_write(pairs_path(p, "certs/.hidden.key"), SPAN("x"));
	pairs_put(p, "certs/sub/a.pem", "certs/sub/a.key", "a.test", 1, MINT_P256);
	pairs_open(p, "[host a.test]\n" FOLDER);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "certs/x.pem: holds no certificate"), 1);
	assert_int_equal(logged(p, "certificate-refused", "hidden"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_certbot_layout, up, down),
	    cmocka_unit_test_setup_teardown(test_acme_layout, up, down),
	    cmocka_unit_test_setup_teardown(test_plain_layout, up, down),
	    cmocka_unit_test_setup_teardown(test_which_is_preferred, up, down),
	    cmocka_unit_test_setup_teardown(test_new_files_are_found, up, down),
	    cmocka_unit_test_setup_teardown(test_broken_renewal_is_told_once, up, down),
	    cmocka_unit_test_setup_teardown(test_reload_takes_over, up, down),
	    cmocka_unit_test_setup_teardown(test_warnings_ahead_of_expiry, up, down),
	    cmocka_unit_test_setup_teardown(test_warnings_of_uncovered_domains, up, down),
	    cmocka_unit_test_setup_teardown(test_folders_that_hold_nonsense, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
