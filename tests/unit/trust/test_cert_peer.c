/* What the rows of [peer] change about whom we trust, and the block list. */
#include "rules.h"

/* Public: the scene's root and intermediate, whom all trust.  Private: an authority that rows name. */
struct world {
	struct scene *scene;
	struct mint root, inter, leaf;                /* private; the leaf is p.test's */
	struct mint public_leaf, self;                /* p.test's, too */
	struct mint client, mixed_inter, mixed, code; /* uses: clientAuth; that under serverAuth; codeSigning */
};

static void write_cert(const struct scene *s, const char *name, const struct mint *m)
{
	struct mint_pem pem = {0};
	char path[128];

	mint_pem_cert(&pem, m);
	scene_path(s, name, path, sizeof(path));
	mint_write(path, mint_pem_span(&pem));
}

#define P_TEST .names = {MINT_DNS_NAME("p.test"), MINT_DNS_NAME("q.test")}

static int world_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *scene;

	assert_non_null(w);
	(void)scene_up(&scene);
	w->scene = scene;
	w->root = mint_new(&(struct mint_spec){.cn = "Private Root", .ca = true}, NULL);
	w->inter = mint_new(&(struct mint_spec){.cn = "Private Intermediate", .ca = true, .serial = 1}, &w->root);
	w->leaf = mint_new(&(struct mint_spec){P_TEST, .serial = 2}, &w->inter);
	w->public_leaf = mint_new(&(struct mint_spec){P_TEST, .eku = "serverAuth", .serial = 3}, &w->scene->inter);
	w->self = mint_new(&(struct mint_spec){.cn = "p.test", P_TEST}, NULL);
	w->client = mint_new(&(struct mint_spec){P_TEST, .eku = "clientAuth"}, &w->inter);
	w->mixed_inter =
	    mint_new(&(struct mint_spec){.cn = "Server Intermediate", .ca = true, .eku = "serverAuth"}, &w->root);
	w->mixed = mint_new(&(struct mint_spec){P_TEST, .eku = "clientAuth"}, &w->mixed_inter);
	w->code = mint_new(&(struct mint_spec){P_TEST, .eku = "codeSigning"}, &w->inter);
	write_cert(w->scene, "private.pem", &w->root);
	write_cert(w->scene, "self.pem", &w->self);
	*state = w;
	return 0;
}

static int world_down(void **state)
{
	static const char *const files[] = {"private.pem", "self.pem"};
	struct world *w = *state;
	struct mint *const all[] = {
	    &w->root, &w->inter, &w->leaf, &w->public_leaf, &w->self, &w->client, &w->mixed_inter, &w->mixed, &w->code};
	void *scene = w->scene;
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		mint_free(all[i]);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		scene_path(w->scene, files[i], path, sizeof(path));
		(void)unlink(path);
	}
	(void)scene_down(&scene);
	free(w);
	return 0;
}

static void test_private_beside_public(void **state)
{
	struct world *w = *state;
	struct rules r = rules_new(w->scene, "[peer p.test]\nanchor = $D/private.pem\n");

	rules_expect(&r, "p.test", REASON_NONE, w->leaf, w->inter);
	rules_expect(&r, "p.test", REASON_NONE, w->public_leaf, w->scene->inter);
	/* nobody else is trusted by it, nor does it name just anybody */
	rules_expect(&r, "q.test", REASON_CERT_UNKNOWN_CA, w->leaf, w->inter);
	rules_expect(&r, "q.test", REASON_NONE, w->public_leaf, w->scene->inter);
	rules_expect(&r, "p.test", REASON_CERT_NAME, w->scene->a, w->scene->inter);
	rules_expect(&r, "p.test", REASON_CERT_SELF_SIGNED, w->self);
	rules_free(&r);
}

static void test_private_instead_of_public(void **state)
{
	struct world *w = *state;
	struct rules r = rules_new(w->scene, "[peer p.test]\nanchor = $D/private.pem\nexclusive = yes\n");

	rules_expect(&r, "p.test", REASON_NONE, w->leaf, w->inter);
	rules_expect(&r, "p.test", REASON_CERT_UNKNOWN_CA, w->public_leaf, w->scene->inter);
	rules_expect(&r, "q.test", REASON_NONE, w->public_leaf, w->scene->inter);
	rules_free(&r);
}

static void test_own_certificate_as_anchor(void **state)
{
	struct world *w = *state;
	static const char *const rows[] = {
	    "[peer p.test]\nanchor = $D/self.pem\nanchor = $D/private.pem\n",
	    "[peer p.test]\nanchor = $D/private.pem\nanchor = $D/self.pem\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rules r = rules_new(w->scene, rows[i]);

		rules_expect(&r, "p.test", REASON_NONE, w->self);
		rules_expect(&r, "p.test", REASON_NONE, w->leaf, w->inter);
		rules_expect(&r, "q.test", REASON_CERT_SELF_SIGNED, w->self);
		rules_free(&r);
	}
}

static void test_rows_have_their_own_anchors(void **state)
{
	struct world *w = *state;
	struct rules r = rules_new(w->scene, "[peer q.test]\nanchor = $D/self.pem\nexclusive = yes\n"
	                                     "[peer p.test]\nanchor = $D/private.pem\n[peer *]\nnote = x\n");

	rules_expect(&r, "q.test", REASON_NONE, w->self);
	rules_expect(&r, "p.test", REASON_CERT_SELF_SIGNED, w->self);
	rules_expect(&r, "p.test", REASON_NONE, w->leaf, w->inter);
	rules_expect(&r, "q.test", REASON_CERT_UNKNOWN_CA, w->leaf, w->inter);
	/* one without anchors of its own */
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, w->scene->inter);
	rules_free(&r);
}

static void test_clients_alone(void **state)
{
	struct world *w = *state;
	struct mint public_client = mint_new(&(struct mint_spec){P_TEST, .eku = "clientAuth"}, &w->scene->inter);
	struct rules r = rules_new(w->scene, "[peer p.test]\nanchor = $D/private.pem\nclient-auth = yes\n"
	                                     "[peer q.test]\nanchor = $D/private.pem\n");

	rules_expect(&r, "p.test", REASON_NONE, w->client, w->inter);
	rules_expect(&r, "p.test", REASON_NONE, w->leaf, w->inter);
	/* under the anchors of the row, and nobody else's */
	rules_expect(&r, "p.test", REASON_CERT_PURPOSE, public_client, w->scene->inter);
	rules_expect(&r, "p.test", REASON_NONE, w->public_leaf, w->scene->inter);
	rules_expect(&r, "q.test", REASON_CERT_PURPOSE, w->client, w->inter);
	/* one purpose throughout the chain, and no other */
	assert_int_equal(rules_expect(&r, "p.test", REASON_CERT_PURPOSE, w->mixed, w->mixed_inter).depth, 0);
	rules_expect(&r, "p.test", REASON_CERT_PURPOSE, w->code, w->inter);
	rules_free(&r);
	mint_free(&public_client);
}

static struct rules rules_with_key(const struct scene *s, const char *format, const struct mint *m)
{
	char key[MINT_KEY_TEXT], *text;
	struct rules r;

	assert_true(asprintf(&text, format, mint_key_text(m, key)) > 0);
	r = rules_new(s, text);
	free(text);
	return r;
}

static void test_pins(void **state)
{
	struct world *w = *state;
	const struct mint *const held[] = {&w->public_leaf, &w->scene->inter, &w->scene->root};
	struct cert_verdict v;
	struct rules r;
	char key[MINT_KEY_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(held); i++) {
		r = rules_with_key(
		    w->scene, "[peer p.test]\npin = d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM= %s\n", held[i]);
		rules_expect(&r, "p.test", REASON_NONE, w->public_leaf, w->scene->inter);
		rules_free(&r);
	}
	r = rules_with_key(w->scene, "[peer p.test]\npin = %s\n", &w->leaf);
	v = rules_expect(&r, "p.test", REASON_CERT_PIN, w->public_leaf, w->scene->inter);
	assert_int_equal(v.depth, 0);
	assert_non_null(strstr(v.peer_text, "not one of those agreed upon"));
	assert_non_null(strstr(v.detail, mint_key_text(&w->public_leaf, key))); /* to be compared, and written down */
	/* a pin does not make anybody trusted */
	rules_expect(&r, "p.test", REASON_CERT_UNKNOWN_CA, w->leaf, w->inter);
	rules_expect(&r, "q.test", REASON_NONE, w->public_leaf, w->scene->inter);
	/* shown, but not part of the way to the anchor */
	rules_expect(&r, "p.test", REASON_CERT_PIN, w->public_leaf, w->scene->inter, w->leaf);
	rules_free(&r);
}

/* The intermediate is cross-signed by both roots: one way may be forbidden, and the other not. */
static void test_other_way(void **state)
{
	struct world *w = *state;
	struct mint cross = mint_new(
	    &(struct mint_spec){.cn = "Test Intermediate", .ca = true, .reuse_key = w->scene->inter.key}, &w->root);
	struct rules r =
	    rules_with_key(w->scene, "[peer p.test]\nanchor = $D/private.pem\npin = %s\n", &w->scene->root);

	rules_expect(&r, "p.test", REASON_NONE, w->public_leaf, cross, w->scene->inter);
	rules_expect(&r, "p.test", REASON_CERT_PIN, w->public_leaf, cross);
	rules_free(&r);
	r = rules_with_key(
	    w->scene, "[peer p.test]\nanchor = $D/private.pem\n[revocation]\nblock-key = %s\n", &w->root);
	rules_expect(&r, "p.test", REASON_NONE, w->public_leaf, cross, w->scene->inter);
	assert_int_equal(rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, cross).depth, 2);
	rules_free(&r);
	mint_free(&cross);
}

/* What is forbidden says more than that another way is broken, whichever was tried first. */
static void test_forbidden_says_more_than_broken(void **state)
{
	struct world *w = *state;
	struct mint old = mint_new(&(struct mint_spec){.cn = "Test Intermediate",
	                               .ca = true,
	                               .reuse_key = w->scene->inter.key,
	                               .not_after = MINT_NOW - MINT_DAY},
	    &w->scene->root);
	struct rules r = rules_with_key(w->scene, "[revocation]\nblock-key = %s\n", &w->public_leaf);

	rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, old, w->scene->inter);
	rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, w->scene->inter, old);
	rules_expect(&r, "p.test", REASON_CERT_EXPIRED, w->public_leaf, old);
	rules_free(&r);
	mint_free(&old);
}

static void test_blocked_keys(void **state)
{
	struct world *w = *state;
	const struct mint *const blocked[] = {&w->public_leaf, &w->scene->inter, &w->scene->root};
	struct cert_verdict v;

	for (size_t i = 0; i < ARRAY_LEN(blocked); i++) {
		struct rules r = rules_with_key(w->scene,
		    "[revocation]\nblock-key = d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM= %s\n[peer p.test]\n",
		    blocked[i]);

		v = rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, w->scene->inter);
		assert_int_equal(v.depth, i);
		assert_non_null(strstr(v.detail, "its key is on the block list"));
		rules_expect(&r, "a.test", i == 0 ? REASON_NONE : REASON_CERT_BLOCKED, w->scene->a, w->scene->inter);
		rules_free(&r);
	}
}

static void test_blocked_serials(void **state)
{
	struct world *w = *state;
	struct mint same =
	    mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("q.test")}, .serial = 3}, &w->scene->root);
	/* as the configuration writes it: the serial number of public_leaf, which is another's under another issuer */
	struct rules r = rules_with_key(w->scene, "[revocation]\nblock-serial = 00:04 %s\n", &w->scene->inter);
	struct cert_verdict v = rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, w->scene->inter);

	assert_int_equal(v.depth, 0);
	assert_non_null(strstr(v.detail, "its serial number is on the block list"));
	rules_expect(&r, "q.test", REASON_NONE, same);
	rules_expect(&r, "a.test", REASON_NONE, w->scene->a, w->scene->inter);
	rules_free(&r);
	/* an intermediate, a root */
	r = rules_with_key(w->scene, "[revocation]\nblock-serial = 2 %s\n", &w->scene->root);
	assert_int_equal(rules_expect(&r, "p.test", REASON_CERT_BLOCKED, w->public_leaf, w->scene->inter).depth, 1);
	rules_expect(&r, "q.test", REASON_NONE, same);
	rules_free(&r);
	r = rules_with_key(w->scene, "[revocation]\nblock-serial = 1 %s\n", &w->scene->root);
	assert_int_equal(rules_expect(&r, "q.test", REASON_CERT_BLOCKED, same).depth, 1);
	rules_free(&r);
	mint_free(&same);
}

static void test_row_is_over(void **state)
{
	struct world *w = *state;
	struct rules r = rules_new(w->scene, "[peer p.test]\nanchor = $D/private.pem\nexpires = 2026-03-10\n");
	const struct mint chain[RULES_CHAIN] = {w->leaf, w->inter};
	const int64_t end = MINT_NOW + 10 * MINT_DAY;

	assert_int_equal(rules_judge_at(&r, chain, "p.test", end - 1).why, REASON_NONE);
	assert_int_equal(rules_judge_at(&r, chain, "p.test", end).why, REASON_CERT_UNKNOWN_CA);
	rules_free(&r);
}

static void test_broken_anchor(void **state)
{
	struct world *w = *state;
	struct rules r;
	char path[128];

	scene_path(w->scene, "x.pem", path, sizeof(path));
	mint_write(path, SPAN("none"));
	r = rules_new(w->scene, "[peer p.test]\nanchor = $D/private.pem\nanchor = $D/x.pem\n");
	assert_null(r.store);
	assert_non_null(strstr(r.err, "/x.pem: holds no certificate"));
	rules_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_private_beside_public),
	    cmocka_unit_test(test_private_instead_of_public),
	    cmocka_unit_test(test_own_certificate_as_anchor),
	    cmocka_unit_test(test_rows_have_their_own_anchors),
	    cmocka_unit_test(test_clients_alone),
	    cmocka_unit_test(test_pins),
	    cmocka_unit_test(test_other_way),
	    cmocka_unit_test(test_forbidden_says_more_than_broken),
	    cmocka_unit_test(test_blocked_keys),
	    cmocka_unit_test(test_blocked_serials),
	    cmocka_unit_test(test_row_is_over),
	    cmocka_unit_test(test_broken_anchor),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
