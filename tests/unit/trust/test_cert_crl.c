/* Revocation lists: what they hold against a chain, where their silence counts, and which are refused. */
#include "lists.h"

#define PLACE_A "http://crl.test/a.crl"
#define PLACE_B "http://crl.test/b.crl"

/* What becomes of a.test, softly or hard. */
static struct cert_verdict expect(const struct world *w, const char *more, enum reason why, int line)
{
	struct rules r = judged_by(w, more);
	struct cert_verdict v =
	    rules_expect_at(&r, (const struct mint[RULES_CHAIN]){w->scene->a, w->scene->inter}, "a.test", why, line);

	rules_free(&r);
	return v;
}
#define SOFT(w, why) expect(w, "", why, __LINE__)
#define HARD(w, why) expect(w, "mode = hard\n", why, __LINE__)

static void test_revoked(void **state)
{
	struct world *w = *state;
	struct mint_crl_spec leaf = {.revoked = {{&w->other, 0, NULL}, {&w->scene->a, 1, NULL}}};
	struct mint_crl_spec inter = {.revoked = {{&w->scene->inter, 0, NULL}}};
	struct cert_verdict v;
	struct rules r;

	put(w, "1", &leaf, &w->scene->inter);
	v = SOFT(w, REASON_CERT_REVOKED);
	assert_int_equal(v.depth, 0);
	assert_non_null(strstr(v.detail, "on a revocation list of its issuer"));
	assert_string_equal(
	    v.peer_text, "Your server's certificate was revoked by its issuer on 2026-02-26; get a new one.");
	put(w, "1", &inter, &w->scene->root);
	v = SOFT(w, REASON_CERT_REVOKED);
	assert_int_equal(v.depth, 1);
	assert_non_null(
	    strstr(v.peer_text, "The certificate \"Test Intermediate\" in your server's chain was revoked"));
	/* a number means something only to the one who gave it */
	put(w, "1", &leaf, &w->scene->root);
	SOFT(w, REASON_NONE);

	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->other, 0, NULL}}}, &w->scene->inter);
	r = judged_by(w, "");
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, w->scene->inter);
	rules_expect(&r, "b.test", REASON_CERT_REVOKED, w->other, w->scene->inter);
	/* a second time, from what the first has found out */
	rules_expect(&r, "b.test", REASON_CERT_REVOKED, w->other, w->scene->inter);
	rules_free(&r);
}

static void test_forged(void **state)
{
	struct world *w = *state;
	struct mint_crl_spec leaf = {.revoked = {{&w->scene->a, 0, NULL}}};
	struct mint no_sign = mint_new(
	    &(struct mint_spec){
	        .cn = "Test Intermediate", .ca = true, .ku = "critical,keyCertSign", .reuse_key = w->scene->inter.key},
	    &w->scene->root);
	struct rules r;

	/* by one who has only the name */
	put(w, "1", &leaf, &w->forger);
	SOFT(w, REASON_NONE);
	put_empty(w, "1", &w->forger);
	put_empty(w, "2", &w->scene->root);
	HARD(w, REASON_REVOCATION_UNKNOWN);
	/* beside the true one: neither hides it */
	put(w, "1", &leaf, &w->scene->inter);
	put_empty(w, "2", &w->forger);
	put(w, "3", &(struct mint_crl_spec){.revoked = {{&w->scene->a, 0, NULL}}, .key = w->forger.key},
	    &w->scene->inter);
	SOFT(w, REASON_CERT_REVOKED);
	/* by one who may not sign lists; another certificate of the same key may */
	put(w, "1", &leaf, &w->scene->inter);
	r = judged_by(w, "");
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, no_sign);
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, no_sign);
	rules_free(&r);
	mint_free(&no_sign);
}

/* Two authorities of one name, and the list of each. */
static void test_key_is_told_from_name(void **state)
{
	struct world *w = *state;
	struct mint twin =
	    mint_new(&(struct mint_spec){.cn = "Test Intermediate", .ca = true, .serial = 5}, &w->scene->root);
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("b.test")}}, &twin);
	struct rules r;

	/* the same number as a.test's */
	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->scene->a, 0, NULL}}}, &w->scene->inter);
	r = judged_by(w, "");
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	rules_expect(&r, "b.test", REASON_NONE, leaf, twin);
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	rules_free(&r);
	mint_free(&leaf);
	mint_free(&twin);
}

static void test_silence(void **state)
{
	struct world *w = *state;
	struct cert_verdict v;

	SOFT(w, REASON_NONE);
	v = HARD(w, REASON_REVOCATION_UNKNOWN);
	assert_int_equal(v.depth, 0);
	put_empty(w, "1", &w->scene->inter);
	assert_int_equal(HARD(w, REASON_REVOCATION_UNKNOWN).depth, 1);
	put_empty(w, "1", &w->scene->inter);
	put_empty(w, "2", &w->scene->root);
	v = HARD(w, REASON_NONE);
	assert_true(v.expires == MINT_NOW + 7 * MINT_DAY); /* the lists end before the certificates */
	put_empty(w, "1", &w->scene->inter);
	put_empty(w, "2", &w->scene->root);
	v = SOFT(w, REASON_NONE);
	assert_true(v.expires == MINT_NOW + 60 * MINT_DAY);
	/* the longest one counts, and one without an end does for ever */
	put(w, "1", &(struct mint_crl_spec){.until = MINT_NOW + MINT_DAY}, &w->scene->inter);
	put(w, "2", &(struct mint_crl_spec){.until = MINT_NOW + 9 * MINT_DAY}, &w->scene->inter);
	put(w, "3", &(struct mint_crl_spec){.until = MINT_NO_END}, &w->scene->root);
	v = HARD(w, REASON_NONE);
	assert_true(v.expires == MINT_NOW + 9 * MINT_DAY);
	put(w, "1", &(struct mint_crl_spec){.until = MINT_NOW + 9 * MINT_DAY}, &w->scene->inter);
	put(w, "2", &(struct mint_crl_spec){.until = MINT_NOW + MINT_DAY}, &w->scene->inter);
	put(w, "3", &(struct mint_crl_spec){.until = MINT_NO_END}, &w->scene->root);
	v = HARD(w, REASON_NONE);
	assert_true(v.expires == MINT_NOW + 9 * MINT_DAY);
}

static void test_out_of_date(void **state)
{
	struct world *w = *state;
	const struct mint_crl_spec when[] = {
	    {.until = MINT_NOW - 1},
	    {.from = MINT_NOW + 1},
	};
	struct mint_crl_spec spec;

	for (size_t i = 0; i < ARRAY_LEN(when); i++) {
		spec = when[i];
		put(w, "1", &spec, &w->scene->inter);
		put_empty(w, "2", &w->scene->root);
		HARD(w, REASON_REVOCATION_UNKNOWN);
		put(w, "1", &spec, &w->scene->inter);
		SOFT(w, REASON_NONE);
		/* what was revoked stays so */
		spec.revoked[0].cert = &w->scene->a;
		put(w, "1", &spec, &w->scene->inter);
		SOFT(w, REASON_CERT_REVOKED);
	}
	put(w, "1", &(struct mint_crl_spec){.from = MINT_NOW, .until = MINT_NOW}, &w->scene->inter);
	put_empty(w, "2", &w->scene->root);
	assert_true(HARD(w, REASON_NONE).expires == MINT_NOW);
}

static void test_delta(void **state)
{
	struct world *w = *state;

	put(w, "1", &(struct mint_crl_spec){.delta = true, .revoked = {{&w->scene->a, 0, NULL}}}, &w->scene->inter);
	SOFT(w, REASON_CERT_REVOKED);
	/* it is silent about what the complete list says */
	put(w, "1", &(struct mint_crl_spec){.delta = true}, &w->scene->inter);
	put_empty(w, "2", &w->scene->root);
	HARD(w, REASON_REVOCATION_UNKNOWN);
	/* 6: on hold; 8: no more, by a delta */
	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->scene->a, 6, NULL}}}, &w->scene->inter);
	SOFT(w, REASON_CERT_REVOKED);
	put(w, "1", &(struct mint_crl_spec){.delta = true, .revoked = {{&w->scene->a, 8, NULL}}}, &w->scene->inter);
	SOFT(w, REASON_NONE);
}

/* Which certificates a list speaks of.  One that it is not meant for is revoked all the same. */
static void test_scope(void **state)
{
	struct world *w = *state;
	const struct {
		struct mint_crl_spec inter, root;
		enum reason hard;
		int depth;
	} cases[] = {
	    {{.users = true}, {.cas = true}, REASON_NONE, -1},
	    {{.cas = true}, {.cas = true}, REASON_REVOCATION_UNKNOWN, 0},
	    {{.users = true}, {.users = true}, REASON_REVOCATION_UNKNOWN, 1},
	    {{.some_reasons = true}, {.from = 0}, REASON_REVOCATION_UNKNOWN, 0},
	    {{.at = PLACE_A}, {.from = 0}, REASON_REVOCATION_UNKNOWN, 0}, /* a.test points nowhere */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mint_crl_spec revoking = cases[i].inter;

		put(w, "1", &cases[i].inter, &w->scene->inter);
		put(w, "2", &cases[i].root, &w->scene->root);
		assert_int_equal(HARD(w, cases[i].hard).depth, cases[i].depth);
		revoking.revoked[0].cert = &w->scene->a;
		put(w, "1", &revoking, &w->scene->inter);
		SOFT(w, REASON_CERT_REVOKED);
	}
}

/* As Let's Encrypt parts its lists: a certificate says on which of them it would stand. */
static void test_parts(void **state)
{
	struct world *w = *state;
	struct mint leaf =
	    mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("c.test")}, .serial = 9}, &w->scene->inter);
	struct rules r;

	mint_points_to(&leaf, &w->scene->inter, PLACE_A);
	put_empty(w, "4", &w->scene->root);
	put(w, "1", &(struct mint_crl_spec){.at = PLACE_B, .users = true}, &w->scene->inter);
	r = judged_by(w, "mode = hard\n");
	rules_expect(&r, "c.test", REASON_REVOCATION_UNKNOWN, leaf, w->scene->inter);
	rules_free(&r);
	put_empty(w, "4", &w->scene->root);
	put(w, "1", &(struct mint_crl_spec){.at = PLACE_B, .users = true}, &w->scene->inter);
	put(w, "2", &(struct mint_crl_spec){.at = PLACE_A, .users = true}, &w->scene->inter);
	r = judged_by(w, "mode = hard\n");
	rules_expect(&r, "c.test", REASON_NONE, leaf, w->scene->inter);
	rules_free(&r);
	mint_free(&leaf);
}

static void test_rows_may_differ(void **state)
{
	struct world *w = *state;

	expect(w, "mode = hard\n[peer a.test]\nrevocation = soft\n", REASON_NONE, __LINE__);
	expect(w, "[peer a.test]\nrevocation = hard\n", REASON_REVOCATION_UNKNOWN, __LINE__);
	expect(w, "mode = hard\n[peer a.test]\nnote = x\n", REASON_REVOCATION_UNKNOWN, __LINE__);
	expect(w, "[peer *.a.test]\nrevocation = hard\n", REASON_NONE, __LINE__);
}

/* The intermediate is cross-signed: where one of its certificates is revoked, the other may do. */
static void test_other_way(void **state)
{
	struct world *w = *state;
	struct mint cross = mint_new(
	    &(struct mint_spec){.cn = "Test Intermediate", .ca = true, .serial = 40, .reuse_key = w->scene->inter.key},
	    &w->scene->root);
	struct rules r;

	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->scene->inter, 0, NULL}}}, &w->scene->root);
	r = judged_by(w, "");
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, w->scene->inter, cross);
	rules_free(&r);
	mint_free(&cross);
}

/* Whoever is an anchor is not on anybody's list. */
static void test_anchors_are_not_revoked(void **state)
{
	struct world *w = *state;
	struct mint_pem pem = {0};
	char path[128];
	struct rules r;

	mint_pem_cert(&pem, &w->scene->a);
	scene_path(w->scene, "x.pem", path, sizeof(path));
	mint_write(path, mint_pem_span(&pem));
	put(w, "1", &(struct mint_crl_spec){.revoked = {{&w->scene->root, 0, NULL}}}, &w->scene->root);
	put_empty(w, "2", &w->scene->inter);
	put_empty(w, "3", &w->scene->root);
	r = judged_by(w, "mode = hard\n[peer a.test]\nanchor = $D/x.pem\n");
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a);
	rules_expect(&r, "b.test", REASON_NONE, w->other, w->scene->inter);
	rules_free(&r);
}

static void put_der(const struct world *w, const char *name, X509_CRL *crl, const char *more)
{
	uint8_t *der = NULL;
	int n = i2d_X509_CRL(crl, &der);
	FILE *f = fopen(list_path(w, name), "w");

	assert_true(n > 0 && f != NULL);
	assert_int_equal(fwrite(der, 1, (size_t)n, f), n);
	assert_true(fputs(more, f) >= 0 && fclose(f) == 0);
	OPENSSL_free(der);
}

static void test_forms_of_files(void **state)
{
	struct world *w = *state;
	struct mint_crl_spec spec = {.revoked = {{&w->scene->a, 0, NULL}}};
	X509_CRL *crl = mint_crl(&spec, &w->scene->inter),
	         *root = mint_crl(&(struct mint_crl_spec){0}, &w->scene->root);
	struct mint_pem pem = {0};
	char path[192], more[256];
	struct rules r;

	put_der(w, "1", crl, "");
	SOFT(w, REASON_CERT_REVOKED);
	/* several in one file, among other things */
	mint_pem_crl(&pem, root);
	mint_pem_cert(&pem, &w->scene->root);
	mint_pem_crl(&pem, crl);
	mint_write(list_path(w, "1"), mint_pem_span(&pem));
	SOFT(w, REASON_CERT_REVOKED);
	/* not hidden ones, nor what lies deeper */
	mint_write(list_path(w, ".hidden"), mint_pem_span(&pem));
	(void)snprintf(path, sizeof(path), "%s/deeper", w->lists);
	assert_int_equal(mkdir(path, 0755), 0);
	SOFT(w, REASON_NONE);
	assert_int_equal(rmdir(path), 0);
	/* a file by its name, beside an empty folder */
	scene_path(w->scene, "x.pem", path, sizeof(path));
	mint_write(path, mint_pem_span(&pem));
	(void)snprintf(more, sizeof(more), "crl = %s\n", path);
	r = judged_by(w, more);
	rules_expect(&r, "a.test", REASON_CERT_REVOKED, w->scene->a, w->scene->inter);
	rules_free(&r);
	X509_CRL_free(root);
	X509_CRL_free(crl);
}

static void expect_error(const struct world *w, const char *words)
{
	struct rules r = judged_by(w, "");

	if (r.store != NULL || strstr(r.err, words) == NULL)
		fail_msg("\"%s\", not \"%s\"", r.err, words);
	rules_free(&r);
}

static void test_lists_that_are_refused(void **state)
{
	struct world *w = *state;
	const struct {
		struct mint_crl_spec spec;
		const char *words;
	} cases[] = {
	    {{.sha1 = true}, "/1: the list's signature is too weak"},
	    {{.indirect = true}, "/1: the list is an indirect one, by another than the certificates' issuer"},
	    {{.attributes = true}, "/1: the list speaks of attribute certificates alone"},
	    {{.critical = "1.2.3.4"}, "/1: the list has a critical extension that is not understood"},
	    {{.revoked = {{&w->other, 1, NULL}, {&w->scene->a, 0, "2.5.29.29"}}},
	        "/1: the list has a critical extension that is not understood"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(w, "1", &cases[i].spec, &w->scene->inter);
		expect_error(w, cases[i].words);
	}
}

static void test_files_that_are_broken(void **state)
{
	struct world *w = *state;
	X509_CRL *crl = mint_crl(&(struct mint_crl_spec){0}, &w->scene->inter);
	struct mint_pem pem = {0};

	put_der(w, "1", crl, "x");
	expect_error(w, "/1: something stands behind the revocation list");
	mint_write(list_path(w, "1"), SPAN("0\x82\x01"));
	expect_error(w, "/1: holds no revocation list that can be read");
	mint_write(list_path(w, "1"), SPAN(""));
	expect_error(w, "/1: holds no revocation list");
	mint_pem_cert(&pem, &w->scene->root);
	mint_write(list_path(w, "1"), mint_pem_span(&pem));
	expect_error(w, "/1: holds no revocation list");
	pem.n = 0;
	mint_pem_crl(&pem, crl);
	mint_pem_crl(&pem, crl);
	pem.n -= 40; /* half written */
	mint_write(list_path(w, "1"), mint_pem_span(&pem));
	expect_error(w, "/1: broken PEM behind list 1");
	X509_CRL_free(crl);
	assert_int_equal(symlink("/nonexistent", list_path(w, "1")), 0);
	expect_error(w, "/1: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_revoked),
	    cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_key_is_told_from_name),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_out_of_date),
	    cmocka_unit_test(test_delta),
	    cmocka_unit_test(test_scope),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_rows_may_differ),
	    cmocka_unit_test(test_other_way),
	    cmocka_unit_test(test_anchors_are_not_revoked),
	    cmocka_unit_test(test_forms_of_files),
	    cmocka_unit_test(test_lists_that_are_refused),
	    cmocka_unit_test(test_files_that_are_broken),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
