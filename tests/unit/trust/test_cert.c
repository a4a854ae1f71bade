/* What a chain is found to be, and what the other operator is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mint.h"
#include "sallyport/cert.h"

struct pki {
	struct mint root, inter;
};

static int pki_up(void **state)
{
	struct pki *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->root = mint_new(&(struct mint_spec){.cn = "Root", .ca = true}, NULL);
	p->inter = mint_new(&(struct mint_spec){.cn = "Intermediate", .ca = true}, &p->root);
	*state = p;
	return 0;
}

static int pki_down(void **state)
{
	struct pki *p = *state;

	mint_free(&p->root);
	mint_free(&p->inter);
	free(p);
	return 0;
}

/* A case: anchors and what the peer shows, each ended by {NULL}. */
struct shown {
	struct mint anchors[4], chain[40];
	const char *domain;
	int64_t now;
};

static struct mint_pem to_pem(const struct mint *all, size_t n)
{
	struct mint_pem pem = {0};

	for (size_t i = 0; i < n && all[i].x != NULL; i++)
		mint_pem_cert(&pem, &all[i]);
	return pem;
}

static struct cert_verdict judge(const struct shown *shown)
{
	static struct mint_pem anchors, chain;
	struct cert_verdict verdict;
	struct cert_store *store;
	struct cert_chain *peer;
	struct domain domain;
	char err[256] = "";

	anchors = to_pem(shown->anchors, ARRAY_LEN(shown->anchors));
	chain = to_pem(shown->chain, ARRAY_LEN(shown->chain));
	store = cert_store_from_pem(mint_pem_span(&anchors), err, sizeof(err));
	assert_string_equal(err, "");
	peer = cert_chain_from_pem(mint_pem_span(&chain));
	assert_non_null(peer);
	if (shown->domain != NULL)
		assert_true(domain_parse(&domain, span_of(shown->domain)));
	cert_judge(store, peer, shown->domain != NULL ? &domain : NULL, NULL, shown->now != 0 ? shown->now : MINT_NOW,
	    &verdict);
	cert_chain_free(peer);
	cert_store_free(store);
	return verdict;
}

static void check(struct cert_verdict verdict, enum reason why, int depth, const char *told)
{
	if (verdict.why != why || strstr(verdict.peer_text, told) == NULL)
		fail_msg("%s \"%s\" (%s), expected %s \"%s\"", reason_row(verdict.why)->code, verdict.peer_text,
		    verdict.detail, reason_row(why)->code, told);
	assert_int_equal(verdict.depth, depth);
	assert_true(why == REASON_NONE ? verdict.expires > 0 : verdict.expires == 0);
}

/* Mints a leaf under the intermediate, judges it for a.test, frees it. */
static struct cert_verdict judge_leaf(struct pki *p, struct mint_spec spec, const char *domain)
{
	struct mint leaf;
	struct cert_verdict verdict;

	if (spec.names[0].kind == MINT_END)
		spec.names[0] = (struct mint_name){MINT_DNS, SPAN("a.test")};
	leaf = mint_new(&spec, &p->inter);
	verdict = judge(&(struct shown){{p->root}, {leaf, p->inter}, domain, 0});
	mint_free(&leaf);
	return verdict;
}

static void test_trusted(void **state)
{
	struct cert_verdict v = judge_leaf(*state, (struct mint_spec){0}, "a.test");

	check(v, REASON_NONE, -1, "");
	assert_true(v.expires == MINT_NOW + 60 * MINT_DAY);
	check(judge_leaf(*state, (struct mint_spec){.not_after = MINT_NOW + 5}, "a.test"), REASON_NONE, -1, "");
	v = judge_leaf(*state, (struct mint_spec){.not_after = MINT_NOW + 5}, "a.test");
	assert_true(v.expires == MINT_NOW + 5);
	check(judge_leaf(*state, (struct mint_spec){0}, NULL), REASON_NONE, -1, "");
}

static void test_none_shown(void **state)
{
	struct pki *p = *state;
	struct mint_pem pem = to_pem(&p->root, 1);
	char err[256];
	struct cert_store *store = cert_store_from_pem(mint_pem_span(&pem), err, sizeof(err));
	struct cert_verdict v;

	cert_judge(store, NULL, NULL, NULL, MINT_NOW, &v);
	check(v, REASON_CERT_NONE, -1, "showed no certificate");
	cert_store_free(store);
}

static void test_leaf_that_cannot_be_read(void **state)
{
	static const char broken[] = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
	struct pki *p = *state;
	struct mint_pem pem = to_pem(&p->root, 1);
	char err[256];
	struct cert_store *store = cert_store_from_pem(mint_pem_span(&pem), err, sizeof(err));
	struct cert_chain *chain = cert_chain_from_pem(SPAN(broken));
	struct cert_verdict v;

	assert_non_null(chain);
	cert_judge(store, chain, NULL, NULL, MINT_NOW, &v);
	check(v, REASON_CERT_INVALID, -1, "not valid");
	cert_chain_free(chain);
	cert_store_free(store);
}

static void test_dates(void **state)
{
	struct pki *p = *state;
	struct mint leaf;

	check(judge_leaf(p, (struct mint_spec){.not_after = MINT_NOW - 12 * MINT_DAY}, "a.test"), REASON_CERT_EXPIRED,
	    0, "Your server's certificate expired 12 days ago (on 2026-02-17).");
	check(judge_leaf(p, (struct mint_spec){.not_after = MINT_NOW - MINT_DAY - 1}, "a.test"), REASON_CERT_EXPIRED, 0,
	    "expired 1 day ago (on 2026-02-27)");
	check(judge_leaf(p, (struct mint_spec){.not_after = MINT_NOW - 1}, "a.test"), REASON_CERT_EXPIRED, 0,
	    "expired less than a day ago");
	check(judge_leaf(p, (struct mint_spec){.not_before = MINT_NOW + 3 * MINT_DAY}, "a.test"),
	    REASON_CERT_NOT_YET_VALID, 0, "becomes valid only in 3 days (on 2026-03-04)");
	leaf = mint_new(
	    &(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}, .not_after = MINT_NOW + 400 * MINT_DAY}, &p->inter);
	check(judge(&(struct shown){{p->root}, {leaf, p->inter}, "a.test", MINT_NOW + 100 * MINT_DAY}),
	    REASON_CERT_EXPIRED, 2, "The certificate \"Root\" in your server's chain expired 40 days ago");
	mint_free(&leaf);
}

static void test_extended_key_usage(void **state)
{
	static const struct {
		const char *eku;
		enum reason why;
		const char *told;
	} rows[] = {
	    {NULL, REASON_NONE, ""},
	    {"serverAuth", REASON_NONE, ""},
	    {"critical,serverAuth", REASON_NONE, ""},
	    {"serverAuth,clientAuth", REASON_NONE, ""},
	    {"serverAuth,anyExtendedKeyUsage", REASON_NONE, ""},
	    {"clientAuth", REASON_CERT_PURPOSE, "extended key usage (clientAuth) lacks serverAuth"},
	    {"anyExtendedKeyUsage", REASON_CERT_PURPOSE, "(anyExtendedKeyUsage)"},
	    {"codeSigning,emailProtection", REASON_CERT_PURPOSE, "(codeSigning, emailProtection)"},
	    {"1.2.3.4.5", REASON_CERT_PURPOSE, "(1.2.3.4.5)"},
	};
	struct pki *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mint_spec middle = {.cn = "Middle", .ca = true, .eku = rows[i].eku};
		struct mint inter, leaf, root;

		check(judge_leaf(p, (struct mint_spec){.eku = rows[i].eku}, "a.test"), rows[i].why,
		    rows[i].why == REASON_NONE ? -1 : 0, rows[i].told);
		/* the same in an intermediate one; in an anchor it is of no interest */
		inter = mint_new(&middle, &p->root);
		leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}, .eku = "serverAuth"}, &inter);
		check(judge(&(struct shown){{p->root}, {leaf, inter}, "a.test", 0}), rows[i].why,
		    rows[i].why == REASON_NONE ? -1 : 1,
		    rows[i].why == REASON_NONE ? "" : "The certificate \"Middle\"");
		mint_free(&leaf);
		mint_free(&inter);
		root = mint_new(&middle, NULL);
		leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}, .eku = "serverAuth"}, &root);
		check(judge(&(struct shown){{root}, {leaf}, "a.test", 0}), REASON_NONE, -1, "");
		mint_free(&leaf);
		mint_free(&root);
	}
}

static void test_key_usage(void **state)
{
	check(judge_leaf(*state, (struct mint_spec){.ku = "cRLSign"}, "a.test"), REASON_CERT_PURPOSE, 0,
	    "lacks digitalSignature");
}

static void test_self_signed(void **state)
{
	struct pki *p = *state;
	struct mint self = mint_new(&(struct mint_spec){.cn = "a.test", .names = {MINT_DNS_NAME("a.test")}}, NULL);

	check(judge(&(struct shown){{p->root}, {self}, "a.test", 0}), REASON_CERT_SELF_SIGNED, 0, "self-signed");
	check(judge(&(struct shown){{p->root}, {self, self}, "a.test", 0}), REASON_CERT_SELF_SIGNED, 0, "self-signed");
	mint_free(&self);
}

/* Only the very certificate is pinned, not whatever bears its name. */
static void test_name_of_an_anchor_is_not_enough(void **state)
{
	static const struct mint_spec spec = {.cn = "a.test", .names = {MINT_DNS_NAME("a.test")}};
	struct mint pinned = mint_new(&spec, NULL), forged = mint_new(&spec, NULL);
	struct mint_spec ca = {.cn = "CA", .names = {MINT_DNS_NAME("a.test")}, .ca = true, .ku = ""};
	struct mint anchor = mint_new(&ca, NULL), impostor = mint_new(&ca, NULL);

	(void)state;
	check(judge(&(struct shown){{pinned}, {forged}, "a.test", 0}), REASON_CERT_CONSTRAINT, 0,
	    "key usage of the issuer");
	check(judge(&(struct shown){{anchor}, {impostor}, "a.test", 0}), REASON_CERT_SELF_SIGNED, 0, "self-signed");
	mint_free(&impostor);
	mint_free(&anchor);
	mint_free(&forged);
	mint_free(&pinned);
}

/* A peer's own certificate among the anchors counts for what it names, and issues nothing. */
static void test_pinned(void **state)
{
	struct pki *p = *state;
	struct mint self = mint_new(
	    &(struct mint_spec){.cn = "a.test", .names = {MINT_DNS_NAME("a.test")}, .ku = "", .no_basic = true}, NULL);
	struct mint other = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("b.test")}}, &self);
	struct mint leaf = mint_new(&(struct mint_spec){.cn = "c", .names = {MINT_DNS_NAME("c.test")}}, &p->inter);

	check(judge(&(struct shown){{self}, {self}, "a.test", 0}), REASON_NONE, -1, "");
	check(
	    judge(&(struct shown){{self}, {self}, "b.test", 0}), REASON_CERT_NAME, 0, "is for a.test, not for b.test");
	check(judge(&(struct shown){{self}, {other}, "b.test", 0}), REASON_CERT_CONSTRAINT, 1, "not a CA");
	/* nor need it be self-signed */
	check(judge(&(struct shown){{leaf}, {leaf}, "c.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{leaf}, {leaf}, "c.test", MINT_NOW + 61 * MINT_DAY}), REASON_CERT_EXPIRED, 0,
	    "1 day");
	mint_free(&leaf);
	mint_free(&other);
	mint_free(&self);
}

static void test_missing_and_unknown_issuers(void **state)
{
	struct pki *p = *state;
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &p->inter);
	struct mint stranger = mint_new(&(struct mint_spec){.cn = "Stranger", .ca = true}, NULL);
	struct mint same_name = mint_new(&(struct mint_spec){.cn = "Root", .ca = true}, NULL);

	check(judge(&(struct shown){{p->root}, {leaf}, "a.test", 0}), REASON_CERT_INCOMPLETE, 0,
	    "does not send the certificate of its issuer \"Intermediate\"");
	check(judge(&(struct shown){{stranger}, {leaf, p->inter}, "a.test", 0}), REASON_CERT_UNKNOWN_CA, 1,
	    "the authority \"Root\", which is not trusted here");
	check(judge(&(struct shown){{stranger}, {leaf, p->inter, p->root}, "a.test", 0}), REASON_CERT_UNKNOWN_CA, 2,
	    "the authority \"Root\"");
	/* the right name with another key */
	check(judge(&(struct shown){{same_name}, {leaf, p->inter}, "a.test", 0}), REASON_CERT_INVALID, 1, "signature");
	mint_free(&same_name);
	mint_free(&stranger);
	mint_free(&leaf);
}

static void test_order_and_ballast_do_not_matter(void **state)
{
	struct pki *p = *state;
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &p->inter);
	struct mint other = mint_new(&(struct mint_spec){.cn = "Other", .ca = true}, NULL);

	check(judge(&(struct shown){{other, p->root}, {leaf, other, p->root, p->inter}, "a.test", 0}), REASON_NONE, -1,
	    "");
	check(judge(&(struct shown){{p->inter}, {leaf, p->inter}, "a.test", 0}), REASON_NONE, -1, "");
	mint_free(&other);
	mint_free(&leaf);
}

/* Two certificates of one name and key; one is expired, or of another root that nobody knows.  Whatever the order. */
static void test_cross_signed(void **state)
{
	struct pki *p = *state;
	struct mint old_root =
	    mint_new(&(struct mint_spec){.cn = "Old Root", .ca = true, .not_after = MINT_NOW - MINT_DAY}, NULL);
	struct mint cross =
	    mint_new(&(struct mint_spec){.cn = "Root", .ca = true, .reuse_key = p->root.key, .serial = 9}, &old_root);
	struct mint expired = mint_new(&(struct mint_spec){.cn = "Intermediate",
	                                   .ca = true,
	                                   .reuse_key = p->inter.key,
	                                   .not_after = MINT_NOW - 2 * MINT_DAY,
	                                   .serial = 7},
	    &p->root);
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &p->inter);
	struct mint stale_root = mint_new(
	    &(struct mint_spec){
	        .cn = "Root", .ca = true, .reuse_key = p->root.key, .not_after = MINT_NOW - 2 * MINT_DAY, .serial = 8},
	    NULL);

	check(judge(&(struct shown){{old_root, p->root}, {leaf, p->inter, cross}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{old_root}, {leaf, p->inter, cross}, "a.test", 0}), REASON_CERT_EXPIRED, 3,
	    "Old Root");
	check(judge(&(struct shown){{p->root}, {leaf, expired, p->inter}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{p->root}, {leaf, p->inter, expired}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{stale_root, p->root}, {leaf, p->inter}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{p->root, stale_root}, {leaf, p->inter}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{stale_root}, {leaf, p->inter}, "a.test", 0}), REASON_CERT_EXPIRED, 2, "2 days");
	mint_free(&stale_root);
	mint_free(&leaf);
	mint_free(&expired);
	mint_free(&cross);
	mint_free(&old_root);
}

/* Every certificate issued by every other: the search must end, and find the one way out. */
static void test_maze(void **state)
{
	struct pki *p = *state;
	struct mint_spec spec = {.cn = "Maze", .ca = true};
	struct mint key = mint_new(&spec, NULL);
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &key);
	struct shown shown = {{p->root}, {leaf}, "a.test", 0};
	size_t n;

	spec.reuse_key = key.key;
	for (n = 1; n < ARRAY_LEN(shown.chain) - 1; n++) {
		spec.serial = (unsigned)n;
		shown.chain[n] = mint_new(&spec, &key);
	}
	assert_int_equal(judge(&shown).why, REASON_CERT_UNKNOWN_CA);
	spec.serial = 99;
	shown.chain[n++] = mint_new(&spec, &p->root);
	check(judge(&shown), REASON_NONE, -1, "");
	while (n-- > 1)
		mint_free(&shown.chain[n]);
	mint_free(&leaf);
	mint_free(&key);
}

static void test_weak_keys_and_signatures(void **state)
{
	static const struct {
		enum mint_key key;
		const char *told; /* NULL: strong enough */
	} rows[] = {
	    {MINT_P256, NULL},
	    {MINT_P384, NULL},
	    {MINT_P521, NULL},
	    {MINT_ED25519, NULL},
	    {MINT_RSA2048, NULL},
	    {MINT_RSA1024, "too weak (RSA key under 2048 bits)"},
	    {MINT_P224, "too weak (unusual elliptic curve)"},
	};
	struct pki *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mint root = mint_new(&(struct mint_spec){.cn = "R", .ca = true, .key = rows[i].key}, NULL);
		struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &root);
		enum reason why = rows[i].told == NULL ? REASON_NONE : REASON_CERT_WEAK;
		const char *told = rows[i].told == NULL ? "" : rows[i].told;

		check(judge_leaf(p, (struct mint_spec){.key = rows[i].key}, "a.test"), why,
		    rows[i].told == NULL ? -1 : 0, told);
		check(judge(&(struct shown){{root}, {leaf}, "a.test", 0}), why, rows[i].told == NULL ? -1 : 1, told);
		mint_free(&leaf);
		mint_free(&root);
	}
	check(judge_leaf(p, (struct mint_spec){.sha1 = true}, "a.test"), REASON_CERT_WEAK, 0, "SHA-1 signature");
}

/* A key that nobody has: n = 2^(bits-1) + 1. */
static EVP_PKEY *huge_key(int bits)
{
	EVP_PKEY *key = EVP_PKEY_new();
	RSA *rsa = RSA_new();
	BIGNUM *n = BN_new(), *e = BN_new();

	assert_true(BN_one(n) && BN_set_bit(n, bits - 1) && BN_set_word(e, 65537));
	assert_true(RSA_set0_key(rsa, n, e, NULL) && EVP_PKEY_assign_RSA(key, rsa));
	return key;
}

/* A peer must not choose how long we compute. */
static void test_odd_and_huge_keys(void **state)
{
	static const struct {
		int bits;
		enum reason why;
		const char *told;
	} rows[] = {
	    {8192, REASON_NONE, ""},
	    {8200, REASON_CERT_WEAK, "RSA key over 8192 bits"},
	    {2056, REASON_NONE, ""},
	    {2049, REASON_CERT_WEAK, "RSA key of an odd size"},
	    {2040, REASON_CERT_WEAK, "RSA key under 2048 bits"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY *key = huge_key(rows[i].bits);

		check(judge_leaf(*state, (struct mint_spec){.reuse_key = key}, "a.test"), rows[i].why,
		    rows[i].why == REASON_NONE ? -1 : 0, rows[i].told);
		EVP_PKEY_free(key);
	}
}

/* Nothing rests on an anchor's own signature. */
static void test_sha1_root_is_an_anchor(void **state)
{
	struct mint root = mint_new(&(struct mint_spec){.cn = "Old", .ca = true, .sha1 = true}, NULL);
	struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &root);

	(void)state;
	check(judge(&(struct shown){{root}, {leaf}, "a.test", 0}), REASON_NONE, -1, "");
	mint_free(&leaf);
	mint_free(&root);
}

static void test_rights_of_issuers(void **state)
{
	static const struct mint_spec issuers[] = {
	    {.cn = "No CA", .ku = "keyCertSign"},
	    {.cn = "No Basic", .ca = true, .no_basic = true},
	    {.cn = "No Sign", .ca = true, .ku = "cRLSign"},
	    {.cn = "Confined", .ca = true, .constraints = "critical,permitted;DNS:b.test"},
	    {.cn = "Kept Out", .ca = true, .constraints = "critical,excluded;DNS:a.test"},
	};
	struct pki *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
		struct mint issuer = mint_new(&issuers[i], &p->root);
		struct mint leaf = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &issuer);
		struct cert_verdict v = judge(&(struct shown){{p->root}, {leaf, issuer}, "a.test", 0});

		check(v, REASON_CERT_CONSTRAINT, v.depth, "not allowed to issue it (");
		mint_free(&leaf);
		mint_free(&issuer);
	}
}

static void test_path_length(void **state)
{
	struct pki *p = *state;
	struct mint first = mint_new(&(struct mint_spec){.cn = "First", .ca = true, .path_len = "0"}, &p->root);
	struct mint second = mint_new(&(struct mint_spec){.cn = "Second", .ca = true}, &first);
	struct mint near = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &first);
	struct mint far = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("a.test")}}, &second);

	check(judge(&(struct shown){{p->root}, {near, first}, "a.test", 0}), REASON_NONE, -1, "");
	check(judge(&(struct shown){{p->root}, {far, second, first}, "a.test", 0}), REASON_CERT_CONSTRAINT, 2,
	    "path length");
	mint_free(&far);
	mint_free(&near);
	mint_free(&second);
	mint_free(&first);
}

static void test_unknown_critical_extension(void **state)
{
	check(judge_leaf(*state, (struct mint_spec){.extra_oid = "1.2.3.4"}, "a.test"), REASON_CERT_INVALID, 0,
	    "critical");
}

/* Both faults are told: the peer mends them in one go. */
static void test_wrong_name_and_expired(void **state)
{
	struct cert_verdict v = judge_leaf(*state, (struct mint_spec){.not_after = MINT_NOW - 3 * MINT_DAY}, "b.test");

	check(v, REASON_CERT_EXPIRED, 0, "expired 3 days ago");
	assert_non_null(strstr(v.peer_text, "Nor is it valid for b.test."));
	assert_non_null(strstr(v.detail, "names a.test, not b.test"));
}

/* What a stranger wrote into a certificate must not steer a terminal, a log line or an XML stream. */
static void test_texts_are_tame(void **state)
{
	struct pki *p = *state;
	struct mint inter = mint_new(&(struct mint_spec){.cn = "Evil\x1b[2J\"<&>\xc3\xa9 Intermediate"}, &p->root);
	struct mint leaf = mint_new(&(struct mint_spec){.names = {{MINT_DNS, SPAN("a\n\x00.test\xff\"")}}}, &inter);
	struct cert_verdict v = judge(&(struct shown){{p->root}, {leaf}, "b.test", 0});

	check(v, REASON_CERT_INCOMPLETE, 0, "\"Evil?[2J?<&>?? Intermediate");
	for (const char *c = v.peer_text; *c != '\0'; c++)
		assert_in_range(*c, ' ', '~');
	assert_non_null(strstr(v.detail, "names a??.test??, not b.test"));
	for (const char *c = v.detail; *c != '\0'; c++)
		assert_in_range(*c, ' ', '~');
	mint_free(&leaf);
	mint_free(&inter);
}

static void test_many_long_names_are_cut(void **state)
{
	static char text[MINT_NAMES][200];
	struct mint_spec spec = {0};
	struct cert_verdict v;

	for (size_t i = 0; i + 1 < MINT_NAMES; i++) {
		memset(text[i], 'a' + (int)i, sizeof(text[i]));
		spec.names[i] = (struct mint_name){MINT_DNS, {text[i], sizeof(text[i])}};
	}
	v = judge_leaf(*state, spec, "b.test");
	check(v, REASON_CERT_NAME, 0, "aaa..., bbbb");
	assert_non_null(strstr(v.peer_text, "ccc... and 20 more, not for b.test."));
	v = judge_leaf(*state, spec, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example");
	assert_non_null(strstr(v.peer_text, ", not for xxxx"));
	assert_string_equal(v.peer_text + strlen(v.peer_text) - 6, "x.....");
	spec = (struct mint_spec){.names = {MINT_DNS_NAME("c.test"), MINT_DNS_NAME("d.test"), MINT_DNS_NAME("e.test"),
	                              MINT_DNS_NAME("f.test"), MINT_DNS_NAME("g.test")}};
	check(judge_leaf(*state, spec, "b.test"), REASON_CERT_NAME, 0,
	    "is for c.test, d.test, e.test and 2 more, not for b.test.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_trusted),
	    cmocka_unit_test(test_none_shown),
	    cmocka_unit_test(test_leaf_that_cannot_be_read),
	    cmocka_unit_test(test_dates),
	    cmocka_unit_test(test_extended_key_usage),
	    cmocka_unit_test(test_key_usage),
	    cmocka_unit_test(test_self_signed),
	    cmocka_unit_test(test_name_of_an_anchor_is_not_enough),
	    cmocka_unit_test(test_pinned),
	    cmocka_unit_test(test_missing_and_unknown_issuers),
	    cmocka_unit_test(test_order_and_ballast_do_not_matter),
	    cmocka_unit_test(test_cross_signed),
	    cmocka_unit_test(test_maze),
	    cmocka_unit_test(test_weak_keys_and_signatures),
	    cmocka_unit_test(test_odd_and_huge_keys),
	    cmocka_unit_test(test_sha1_root_is_an_anchor),
	    cmocka_unit_test(test_rights_of_issuers),
	    cmocka_unit_test(test_path_length),
	    cmocka_unit_test(test_unknown_critical_extension),
	    cmocka_unit_test(test_wrong_name_and_expired),
	    cmocka_unit_test(test_texts_are_tame),
	    cmocka_unit_test(test_many_long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, pki_up, pki_down);
}
