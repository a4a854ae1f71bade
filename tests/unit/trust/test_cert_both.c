/* One file with a certificate, its chain and its key, named or in a folder. */
#include "pairs_log.h"

enum order { KEY_FIRST, KEY_LAST };

/* Without its last bytes; as whoever renews does it: another file, under the same name. */
static void put_part(
    struct pairs *p, const char *file, const char *name, unsigned serial, enum order order, size_t without)
{
	struct mint m = pairs_mint(&p->root, name, serial, MINT_P256, 60);
	struct mint_pem pem = {0};

	if (order == KEY_FIRST)
		mint_pem_key(&pem, &m, NULL);
	mint_pem_cert(&pem, &m);
	mint_pem_cert(&pem, &p->root);
	if (order == KEY_LAST)
		mint_pem_key(&pem, &m, NULL);
	pem.n -= without;
	mint_write(pairs_path(p, "certs/.new"), mint_pem_span(&pem));
	assert_int_equal(rename(pairs_path(p, "certs/.new"), pairs_path(p, file)), 0);
	mint_free(&m);
}

static void put(struct pairs *p, const char *file, const char *name, unsigned serial, enum order order)
{
	put_part(p, file, name, serial, order, 0);
}

static void test_is_found_by_its_names(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/more");
	put(p, "certs/a.pem", "a.test", 1, KEY_FIRST);
	put(p, "certs/more/x.pem", "*.a.test", 2, KEY_LAST);
	put(p, "elsewhere", "b.test", 3, KEY_FIRST);
	assert_int_equal(symlink("../../elsewhere", pairs_path(p, "certs/more/b.pem")), 0);
	pairs_open(p, "[host a.test]\nsubdomains = muc.a.test\n[host b.test]\n[host c.test]\n" FOLDER);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(shown(p, "muc.a.test"), 2);
	assert_int_equal(shown(p, "b.test"), 3);
	put(p, "certs/c.pem", "c.test", 4, KEY_LAST);
	assert_int_equal(shown(p, "c.test"), 4);
	assert_int_equal(logged(p, "certificate-refused", ""), 0);
}

static void test_is_renewed(void **state)
{
	struct pairs *p = *state;

	put(p, "certs/a.pem", "a.test", 1, KEY_FIRST);
	pairs_open(p, "[host a.test]\n" FOLDER);
	put(p, "certs/a.pem", "a.test", 2, KEY_FIRST);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
	assert_int_equal(logged(p, "certificate-renewed", "certs/a.pem"), 1);
	assert_int_equal(unlink(pairs_path(p, "certs/a.pem")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2); /* it may be about to be written anew */
	refresh(p);
	assert_int_equal(shown(p, "a.test"), PAIRS_NONE);
}

/* The old one stays, and why is said once. */
static void test_what_is_refused(void **state)
{
	struct pairs *p = *state;
	struct mint m = pairs_mint(&p->root, "a.test", 8, MINT_P256, 60), other;
	struct mint_pem pem = {0};

	put(p, "certs/a.pem", "a.test", 1, KEY_LAST);
	pairs_open(p, "[host a.test]\n" FOLDER);
	put_part(p, "certs/a.pem", "a.test", 2, KEY_LAST, 60);
	refresh(p);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "certs/a.pem: broken PEM behind certificate 2"), 1);
	/* cut off where nothing else shows that there was to be a key */
	mint_pem_cert(&pem, &m);
	mint_write(pairs_path(p, "certs/a.pem"), mint_pem_span(&pem));
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "certs/a.pem: holds no private key that can be read"), 1);
	put_part(p, "certs/a.pem", "a.test", 3, KEY_FIRST, 60);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", "certs/a.pem: broken PEM behind certificate 1"), 1);
	other = pairs_mint(&p->root, "a.test", 9, MINT_P256, 60);
	mint_pem_key(&pem, &other, NULL);
	mint_write(pairs_path(p, "certs/a.pem"), mint_pem_span(&pem));
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(
	    logged(p, "certificate-refused", "certs/a.pem: its key is not the key of the first certificate in it"), 1);
	assert_int_equal(logged(p, "certificate-refused", ""), 4);
	put(p, "certs/a.pem", "a.test", 4, KEY_FIRST);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 4);
	mint_free(&m);
	mint_free(&other);
}

/* New ones, too, if they were to be both; what else ends in .pem is nobody's mistake. */
static void test_new_ones_that_are_refused(void **state)
{
	struct pairs *p = *state;
	struct mint m = pairs_mint(&p->root, "b.test", 1, MINT_P256, 60);

	put_part(p, "certs/half.pem", "a.test", 1, KEY_LAST, 60);
	pairs_write(pairs_path(p, "certs/only.pem"), pairs_path(p, "certs/only-key.pem"), &m);
	mint_write(pairs_path(p, "certs/dh.pem"), SPAN("-----BEGIN DH PARAMETERS-----\n"));
	pairs_folder(p, "certs/folder.pem");
	assert_int_equal(symlink("nowhere", pairs_path(p, "certs/dangling.pem")), 0);
	pairs_open(p, "[host a.test]\n[host b.test]\n" FOLDER);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), PAIRS_NONE);
	assert_int_equal(logged(p, "certificate-refused", "certs/half.pem: broken PEM behind certificate 2"), 1);
	assert_int_equal(logged(p, "certificate-refused", ""), 1);
	put(p, "certs/half.pem", "a.test", 2, KEY_LAST);
	put(p, "certs/only.pem", "b.test", 3, KEY_LAST);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
	assert_int_equal(shown(p, "b.test"), 3);
	mint_free(&m);
}

/* A key beside it is its key, even if there is one in it; and what is part of another layout is that alone. */
static void test_other_layouts_stay(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/a.test");
	put(p, "certs/x.pem", "a.test", 1, KEY_FIRST);
	pairs_put(p, "certs/y", "certs/x.key", "a.test", 9, MINT_P256);
	pairs_put(p, "certs/a.test/fullchain.pem", "certs/a.test/privkey.pem", "b.test", 2, MINT_P256);
	put(p, "certs/a.test/cert-1.pem", "b.test", 9, KEY_FIRST);
	put(p, "certs/a.test/more.pem", "c.test", 3, KEY_FIRST);
	pairs_open(p, "[host a.test]\n[host b.test]\n[host c.test]\n" FOLDER);
	assert_int_equal(shown(p, "a.test"), PAIRS_NONE);
	assert_int_equal(logged(p, "certificate-refused", "certs/x.key: is not the key of"), 1);
	assert_int_equal(shown(p, "b.test"), 2);
	assert_int_equal(shown(p, "c.test"), 3);
	assert_int_equal(unlink(pairs_path(p, "certs/x.key")), 0);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 1);
}

/* A certificate whose key is yet to come must not keep us from looking there again. */
static void test_key_comes_later(void **state)
{
	struct pairs *p = *state;

	pairs_folder(p, "certs/a.test");
	pairs_put(p, "certs/a.test/fullchain.pem", "certs/later", "a.test", 1, MINT_P256);
	pairs_open(p, "[host a.test]\n" FOLDER);
	assert_int_equal(rename(pairs_path(p, "certs/later"), pairs_path(p, "certs/a.test/privkey.pem")), 0);
	assert_int_equal(shown(p, "a.test"), 1);
	assert_int_equal(logged(p, "certificate-refused", ""), 0);
}

static void test_is_named(void **state)
{
	static const char named[] = "[host a.test]\ncertificate = $D/own\nkey = $D/own\n";
	struct pairs *p = *state;
	struct conf *conf;
	char err[512] = "";

	put(p, "own", "a.test", 1, KEY_FIRST);
	pairs_open(p, named);
	assert_int_equal(shown(p, "a.test"), 1);
	put(p, "own", "a.test", 2, KEY_LAST);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
	put_part(p, "own", "a.test", 3, KEY_LAST, 60);
	refresh(p);
	assert_int_equal(shown(p, "a.test"), 2);
	assert_int_equal(logged(p, "certificate-refused", "own: broken PEM behind certificate 2"), 1);
	/* at the start there is none that could stay: what a host names must be there, key or not */
	pairs_put(p, "own", "other", "a.test", 4, MINT_P256);
	conf = pairs_conf(p, named);
	assert_null(cert_store_new(conf, err, sizeof(err)));
	assert_non_null(strstr(err, "own: holds no private key that can be read"));
	conf_unref(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_is_found_by_its_names, up, down),
	    cmocka_unit_test_setup_teardown(test_is_renewed, up, down),
	    cmocka_unit_test_setup_teardown(test_what_is_refused, up, down),
	    cmocka_unit_test_setup_teardown(test_new_ones_that_are_refused, up, down),
	    cmocka_unit_test_setup_teardown(test_other_layouts_stay, up, down),
	    cmocka_unit_test_setup_teardown(test_key_comes_later, up, down),
	    cmocka_unit_test_setup_teardown(test_is_named, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
