/* Which names count for a domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mint.h"
#include "sallyport/cert.h"

struct pki {
	struct mint root;
};

static int pki_up(void **state)
{
	struct pki *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->root = mint_new(&(struct mint_spec){.cn = "Root", .ca = true}, NULL);
	*state = p;
	return 0;
}

static int pki_down(void **state)
{
	struct pki *p = *state;

	mint_free(&p->root);
	free(p);
	return 0;
}

static enum reason judge(
    const struct mint *root, const struct mint *inter, const struct mint_spec *spec, const char *name)
{
	struct mint_pem anchors = {0}, shown = {0};
	struct mint leaf = mint_new(spec, inter != NULL ? inter : root);
	struct cert_verdict verdict;
	struct cert_store *store;
	struct cert_chain *chain;
	struct domain domain;
	char err[256];

	mint_pem_cert(&anchors, root);
	mint_pem_cert(&shown, &leaf);
	if (inter != NULL)
		mint_pem_cert(&shown, inter);
	store = cert_store_from_pem(mint_pem_span(&anchors), err, sizeof(err));
	chain = cert_chain_from_pem(mint_pem_span(&shown));
	assert_true(domain_parse(&domain, span_of(name)));
	cert_judge(store, chain, &domain, NULL, MINT_NOW, &verdict);
	cert_chain_free(chain);
	cert_store_free(store);
	mint_free(&leaf);
	return verdict.why;
}

struct row {
	struct mint_name name;
	const char *domain;
	bool match;
};

static void check_rows(const struct pki *p, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mint_spec spec = {.names = {rows[i].name}};
		enum reason why = judge(&p->root, NULL, &spec, rows[i].domain);

		if (why != (rows[i].match ? REASON_NONE : REASON_CERT_NAME))
			fail_msg(
			    "%.*s for %s: %s", SPAN_FMT(rows[i].name.value), rows[i].domain, reason_row(why)->code);
	}
}

#define DNS(text)                                                                                                      \
	{                                                                                                              \
		MINT_DNS,                                                                                              \
		{                                                                                                      \
			(text), sizeof(text) - 1                                                                       \
		}                                                                                                      \
	}
#define SRV(text)                                                                                                      \
	{                                                                                                              \
		MINT_SRV,                                                                                              \
		{                                                                                                      \
			(text), sizeof(text) - 1                                                                       \
		}                                                                                                      \
	}
#define XMPP(text)                                                                                                     \
	{                                                                                                              \
		MINT_XMPP,                                                                                             \
		{                                                                                                      \
			(text), sizeof(text) - 1                                                                       \
		}                                                                                                      \
	}

static void test_dns_name(void **state)
{
	static const struct row rows[] = {
	    {DNS("a.test"), "a.test", true},
	    {DNS("A.Test"), "a.TEST", true},
	    {DNS("a.test"), "a.test.", true},
	    {DNS("a.test."), "a.test", false},
	    {DNS("a.test"), "b.a.test", false},
	    {DNS("b.a.test"), "a.test", false},
	    {DNS("a.tes"), "a.test", false},
	    {DNS("a.test "), "a.test", false},
	    {DNS("a.test\0"), "a.test", false},
	    {DNS("a.test\0.evil.test"), "a.test", false},
	    {DNS("evil.test\0a.test"), "a.test", false},
	    {DNS(""), "a.test", false},
	    {DNS("xn--bcher-kva.test"),
	        "b\xc3\xbc"
	        "cher.test",
	        true},
	    {DNS("b\xc3\xbc"
	         "cher.test"),
	        "b\xc3\xbc"
	        "cher.test",
	        false},
	    {DNS("192.0.2.1"), "192.0.2.1", false},
	    {DNS("[2001:db8::1]"), "[2001:db8::1]", false},
	    {{MINT_IP, {"\xc0\x00\x02\x01", 4}}, "192.0.2.1", false},
	    {{MINT_URI, SPAN("xmpp:a.test")}, "a.test", false},
	    {{MINT_EMAIL, SPAN("a.test")}, "a.test", false},
	};

	check_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_wildcard(void **state)
{
	static const struct row rows[] = {
	    {DNS("*.a.test"), "b.a.test", true},
	    {DNS("*.A.test"), "xn--bcher-kva.a.test", true},
	    {DNS("*.a.test"), "a.test", false},
	    {DNS("*.a.test"), "c.b.a.test", false},
	    {DNS("*.test"), "a.test", false},
	    {DNS("*"), "a.test", false},
	    {DNS("*."), "a.test", false},
	    {DNS("*.*.test"), "b.a.test", false},
	    {DNS("b*.a.test"), "bc.a.test", false},
	    {DNS("*b.a.test"), "cb.a.test", false},
	    {DNS("b.*.test"), "b.a.test", false},
	    {DNS("*.0.2.1"), "192.0.2.1", false},
	    {DNS("*.a.test\0"), "b.a.test", false},
	    {SRV("_xmpp-server.*.a.test"), "b.a.test", true},
	    {SRV("_xmpp-server.*.a.test"), "c.b.a.test", false},
	};

	check_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_srv_id(void **state)
{
	static const struct row rows[] = {
	    {SRV("_xmpp-server.a.test"), "a.test", true},
	    {SRV("_XMPP-Server.A.test"), "a.test", true},
	    {SRV("_xmpp-client.a.test"), "a.test", false},
	    {SRV("_xmpp-server._tcp.a.test"), "a.test", false},
	    {SRV("_xmpp-serverXa.test"), "a.test", false},
	    {SRV("_xmpp-server."), "a.test", false},
	    {SRV("_xmpp-server"), "a.test", false},
	    {SRV("a.test"), "a.test", false},
	    {SRV("_xmpp-server.a.test\0"), "a.test", false},
	};

	check_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_xmpp_addr(void **state)
{
	static const struct row rows[] = {
	    {XMPP("a.test"), "a.test", true},
	    {XMPP("A.Test"), "a.test", true},
	    {XMPP("b\xc3\xbc"
	          "cher.test"),
	        "b\xc3\xbc"
	        "cher.test",
	        true},
	    {XMPP("xn--bcher-kva.test"),
	        "b\xc3\xbc"
	        "cher.test",
	        true},
	    {XMPP("user@a.test"), "a.test", false},
	    {XMPP("a.test/resource"), "a.test", false},
	    {XMPP("a.test@evil.test"), "a.test", false},
	    {XMPP("*.a.test"), "b.a.test", false},
	    {XMPP("a.test\0"), "a.test", false},
	    {XMPP(""), "a.test", false},
	};

	check_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_common_name_never_counts(void **state)
{
	const struct pki *p = *state;

	assert_int_equal(judge(&p->root, NULL, &(struct mint_spec){.cn = "a.test"}, "a.test"), REASON_CERT_NAME);
	assert_int_equal(judge(&p->root, NULL,
	                     &(struct mint_spec){.cn = "a.test", .names = {{MINT_EMAIL, SPAN("x@a.test")}}}, "a.test"),
	    REASON_CERT_NAME);
}

static void test_one_of_many(void **state)
{
	static const struct mint_spec spec = {
	    .names = {DNS("b.test"), {MINT_EMAIL, SPAN("x@a.test")}, SRV("_xmpp-client.a.test"), XMPP("a.test")}};
	const struct pki *p = *state;

	assert_int_equal(judge(&p->root, NULL, &spec, "a.test"), REASON_NONE);
	assert_int_equal(judge(&p->root, NULL, &spec, "b.test"), REASON_NONE);
	assert_int_equal(judge(&p->root, NULL, &spec, "c.test"), REASON_CERT_NAME);
}

/* A CA confined to one domain must not name another by an identifier that constraints on dNSName do not reach, nor by a
 * wildcard that stands for more than it may. */
static void test_constraints_hold_for_the_domain(void **state)
{
	static const struct {
		const char *constraints;
		struct mint_name name;
		const char *domain;
		enum reason why;
	} rows[] = {
	    {"permitted;DNS:good.test", XMPP("good.test"), "good.test", REASON_NONE},
	    {"permitted;DNS:good.test", XMPP("im.good.test"), "im.good.test", REASON_NONE},
	    {"permitted;DNS:good.test", XMPP("victim.test"), "victim.test", REASON_CERT_CONSTRAINT},
	    {"permitted;DNS:good.test", XMPP("notgood.test"), "notgood.test", REASON_CERT_CONSTRAINT},
	    {"permitted;DNS:good.test", SRV("_xmpp-server.victim.test"), "victim.test", REASON_CERT_CONSTRAINT},
	    {"permitted;DNS:GOOD.test", SRV("_xmpp-server.good.test"), "good.test", REASON_NONE},
	    {"permitted;DNS:.good.test", XMPP("im.good.test"), "im.good.test", REASON_NONE},
	    {"permitted;DNS:.good.test", XMPP("good.test"), "good.test", REASON_CERT_CONSTRAINT},
	    {"permitted;DNS:other.test,permitted;DNS:good.test", XMPP("good.test"), "good.test", REASON_NONE},
	    {"excluded;DNS:victim.test", XMPP("good.test"), "good.test", REASON_NONE},
	    {"excluded;DNS:victim.test", XMPP("victim.test"), "victim.test", REASON_CERT_CONSTRAINT},
	    {"excluded;DNS:victim.test", XMPP("im.victim.test"), "im.victim.test", REASON_CERT_CONSTRAINT},
	    {"DER:3006A10430028200", XMPP("good.test"), "good.test", REASON_CERT_CONSTRAINT}, /* excluded: all */
	    {"DER:3006A00430028200", XMPP("good.test"), "good.test", REASON_NONE},            /* permitted: all */
	    {"permitted;email:good.test", XMPP("victim.test"), "victim.test", REASON_NONE},
	};
	const struct pki *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mint inter =
		    mint_new(&(struct mint_spec){.cn = "CA", .ca = true, .constraints = rows[i].constraints}, &p->root);
		enum reason why = judge(&p->root, &inter, &(struct mint_spec){.names = {rows[i].name}}, rows[i].domain);

		if (why != rows[i].why)
			fail_msg("%s %s: %s", rows[i].constraints, rows[i].domain, reason_row(why)->code);
		mint_free(&inter);
	}
}

static void test_wildcard_does_not_escape_an_exclusion(void **state)
{
	const struct pki *p = *state;
	struct mint inter = mint_new(
	    &(struct mint_spec){.cn = "CA", .ca = true, .constraints = "excluded;DNS:victim.good.test"}, &p->root);
	enum reason why =
	    judge(&p->root, &inter, &(struct mint_spec){.names = {DNS("*.good.test")}}, "victim.good.test");

	/* some versions of BoringSSL see it themselves */
	assert_true(why == REASON_CERT_NAME || why == REASON_CERT_CONSTRAINT);
	mint_free(&inter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dns_name),
	    cmocka_unit_test(test_wildcard),
	    cmocka_unit_test(test_srv_id),
	    cmocka_unit_test(test_xmpp_addr),
	    cmocka_unit_test(test_common_name_never_counts),
	    cmocka_unit_test(test_one_of_many),
	    cmocka_unit_test(test_constraints_hold_for_the_domain),
	    cmocka_unit_test(test_wildcard_does_not_escape_an_exclusion),
	};

	return cmocka_run_group_tests(tests, pki_up, pki_down);
}
