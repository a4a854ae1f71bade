#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sallyport/jid.h"

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

struct domain_case {
	const char *in, *out; /* out NULL: refused */
};

static void check_cases(const struct domain_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct domain d, again;
		bool ok = domain_parse(&d, span_of(cases[i].in));

		if (!ok) {
			if (cases[i].out != NULL)
				fail_msg("refused: %s", cases[i].in);
			assert_int_equal(d.n, 0);
			continue;
		}
		if (cases[i].out == NULL)
			fail_msg("taken: %s as %s", cases[i].in, d.s);
		assert_string_equal(d.s, cases[i].out);
		assert_int_equal(d.n, strlen(d.s));
		/* What came out is a fixed point. */
		assert_true(domain_parse(&again, domain_span(&d)));
		assert_true(domain_eq(&d, &again));
	}
}

static void ascii_names(void **state)
{
	static const struct domain_case cases[] = {
	    {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {"localhost", "localhost"},
	    {"a", "a"},
	    {"example.com.", "example.com"},
	    {"example.com..", NULL},
	    {"", NULL},
	    {".", NULL},
	    {"..", NULL},
	    {".example.com", NULL},
	    {"a..b", NULL},
	    /* Seen in the wild, and harmless: DNS carries it. */
	    {"foo_bar.example.com", "foo_bar.example.com"},
	    {"_xmpp-server._tcp.example.com", "_xmpp-server._tcp.example.com"},
	    {"-a.b-.c", "-a.b-.c"},
	    {"r3---sn-25ge7nsl.example.com", "r3---sn-25ge7nsl.example.com"},
	    {"123.example", "123.example"},
	    {"*.example.com", NULL},
	    {"a b.example", NULL},
	    {"a@b.example", NULL},
	    {"a/b", NULL},
	    {"a:5269", NULL},
	    {"a'b", NULL},
	    {"a\"b", NULL},
	    {"a<b", NULL},
	    {"a&b", NULL},
	    {"a%b", NULL},
	    {"a\\b", NULL},
	    {"a,b", NULL},
	    {"a\nb", NULL},
	    {"a\tb", NULL},
	    {"a\x7f", NULL},
	    {" example.com", NULL},
	    {"example.com ", NULL},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void lengths(void **state)
{
	static const struct domain_case cases[] = {
	    {L63 ".com", L63 ".com"},
	    {L63 "h.com", NULL},
	    {L63 "." L63 "." L63 "." L63, NULL},
	    {L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffffff",
	        L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffffff"}, /* 253 */
	    {L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffffff.",
	        L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffffff"},
	    {L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffff", NULL}, /* 254 */
	    {L63 "." L63 "." L63 ".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee.ffffffffffff", NULL},
	    /* A U-label that outgrows 63 octets once it is an A-label. */
	    {L63 "ä.com", NULL},
	    {"äaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffff.com",
	        "xn--aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffff-9te.com"},
	    {"äaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffff.com", NULL},
	};
	char *huge = malloc(100000);
	struct domain d;

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
	assert_non_null(huge);
	for (size_t i = 0; i < 100000; i += 2)
		memcpy(huge + i, "a.", 2);
	assert_false(domain_parse(&d, (struct span){huge, 100000}));
	assert_false(domain_parse(&d, (struct span){huge, 255}));
	assert_true(domain_parse(&d, (struct span){huge, 253}));
	for (size_t i = 0; i < 100000; i += 2)
		memcpy(huge + i, "ä", 2);
	assert_false(domain_parse(&d, (struct span){huge, 100000}));
	assert_false(domain_parse(&d, (struct span){huge, 1022}));
	/* A name that shrinks to nine octets once its soft hyphens are gone, but has more than 1023 before. */
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < 125; j++)
			memcpy(huge + i * 252 + j * 2, "\xc2\xad", 2);
		memcpy(huge + i * 252 + 250, "a.", 2);
	}
	assert_true(domain_parse(&d, (struct span){huge, 4 * 252}));
	assert_string_equal(d.s, "a.a.a.a");
	assert_false(domain_parse(&d, (struct span){huge, 5 * 252}));
	free(huge);
}

static const struct domain_case international[] = {
    {"tronçon.com", "xn--tronon-zua.com"},
    {"tRon\xc3\xa7.com", "xn--tron-3oa.com"},
    {"EXÄMPLE.COM", "xn--exmple-cua.com"},
    {"im.exämple.com", "im.xn--exmple-cua.com"},
    {"exa\xcc\x88mple.com", "xn--exmple-cua.com"}, /* NFD */
    {"xn--tronon-zua.com", "xn--tronon-zua.com"},
    {"XN--TRONON-ZUA.com", "xn--tronon-zua.com"},
    {"中文.com", "xn--fiq228c.com"},
    {"بي.com", "xn--ngb2e.com"},
    {"ｅｘａｍｐｌｅ.com", "example.com"},
    {"exаmple.com", "xn--exmple-4nf.com"}, /* Cyrillic а: another name, not a refused one */
    /* What libidn2 refuses. */
    {"xn--.com", NULL},
    {"xn--a.com", NULL},        /* decodes to a C1 control */
    {"xn--abc-.com", NULL},     /* an A-label of ASCII only */
    {"xn--99999999.com", NULL}, /* overflow */
    {"xn--exmple-cua\xc3\xa4.com", NULL},
    {"xn--ls8h.la", NULL}, /* an emoji: not in IDNA2008 */
    {"💩.la", NULL},
    {"☃.net", NULL},
    {"-ä.com", NULL},
    {"ä-.com", NULL},
    {"ab--ä.com", NULL},
    {"\xcc\x81"
     "a.com",
        NULL}, /* leading combining mark */
    {"a\xe2\x80\x8d"
     "b.com",
        NULL},        /* ZERO WIDTH JOINER out of context */
    {"aب.com", NULL}, /* directions mixed in one label */
    /* Characters that map to what no host name has, or to a dot: the borders of labels do not move. */
    {"a。b", NULL},
    {"a．b", NULL},
    {"a｡b", NULL},
    {"a⒈b", NULL},
    {"a…b", NULL},
    {"㏂.com", NULL},
    {"ä／b.com", NULL},
    {"ä＠b.com", NULL},
    {"a\xc2\xa0"
     "b.com",
        NULL},
    {"\xc2\xad.com", NULL}, /* maps to nothing */
    /* libidn2 2.3.3 with its STD3 rules drops the '_' and makes "äb" of it. */
    {"ä_b.com", NULL},
    {"a_b.ä.com", "a_b.xn--4ca.com"},
    {"ä b.com", NULL},
    {"ä@b.com", NULL},
    {"ä/b.com", NULL},
    /* Names that IDNA2003 and IDNA2008 read differently pass as A-labels only. */
    {"straße.de", NULL},
    {"STRAẞE.de", NULL},
    {"strasse.de", "strasse.de"},
    {"xn--strae-oqa.de", "xn--strae-oqa.de"},
    {"ος.gr", NULL},
    {"οσ.gr", "xn--0xai.gr"},
    /* Not UTF-8. */
    {"\xff.com", NULL},
    {"a\xc3", NULL},
    {"\xc0\xae.com", NULL},
    {"\xed\xa0\x80.com", NULL},
    {"ex\xe4mple.com", NULL},
};

static void international_names(void **state)
{
	(void)state;
	check_cases(international, ARRAY_LEN(international));
}

static void literals(void **state)
{
	static const struct domain_case cases[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"192.0.2.1.", "192.0.2.1"},
	    {"１９２.0.2.1", "192.0.2.1"},
	    {"192.0.2.256", NULL},
	    {"192.0.2", NULL},
	    {"192.0.2.1.1", NULL},
	    {"192.0.2.01", NULL},
	    {"3221225985", NULL},
	    {"example.123", NULL},
	    {"example.1a", "example.1a"},
	    {"[2001:db8::1]", "[2001:db8::1]"},
	    {"[2001:DB8:0:0::0001]", "[2001:db8::1]"},
	    {"[::]", "[::]"},
	    {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"},
	    {"[1111:2222:3333:4444:5555:6666:255.255.255.255]", "[1111:2222:3333:4444:5555:6666:ffff:ffff]"},
	    {"2001:db8::1", NULL},
	    {"[2001:db8::1", NULL},
	    {"[2001:db8::1].", NULL},
	    {"[2001:db8::1]:5269", NULL},
	    {"[192.0.2.1]", NULL},
	    {"[fe80::1%1]", NULL},
	    {"[]", NULL},
	    {"[", NULL},
	    {"]", NULL},
	    {"[example.com]", NULL},
	    {"[11111111111111111111111111111111111111111111111111111111111]", NULL},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void nul_bytes(void **state)
{
	struct domain d;

	(void)state;
	assert_false(domain_parse(&d, SPAN("example.com\0")));
	assert_false(domain_parse(&d, SPAN("example.com\0.evil.org")));
	assert_false(domain_parse(&d, SPAN("\0")));
	assert_false(domain_parse(&d, SPAN("ex\xc3\xa4\0mple.com")));
	assert_false(domain_parse(&d, SPAN("xn--exmple-cua\0.com")));
	assert_false(domain_parse(&d, SPAN("[::1\0]")));
	assert_false(domain_parse(&d, SPAN_NONE));
	assert_int_equal(d.n, 0);
}

/* Reads only the span: the byte behind it belongs to somebody else. */
static void not_terminated(void **state)
{
	static const char *const texts[] = {"example.com", "exämple", "xn--exmple-cua", "[::1]", "192.0.2.1", "a."};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t n = strlen(texts[i]);
		char *copy = malloc(n);
		struct domain a, b;

		assert_non_null(copy);
		memcpy(copy, texts[i], n);
		assert_true(domain_parse(&a, (struct span){copy, n}));
		assert_true(domain_parse(&b, span_of(texts[i])));
		assert_true(domain_eq(&a, &b));
		free(copy);
	}
}

static void unicode_form(void **state)
{
	static const struct domain_case cases[] = {
	    {"example.com", "example.com"},
	    {"xn--exmple-cua.com", "exämple.com"},
	    {"im.xn--exmple-cua.xn--fiqs8s", "im.exämple.中国"},
	    {"xn--strae-oqa.de", "xn--strae-oqa.de"}, /* its U-label is another name to some */
	    {"[2001:db8::1]", "[2001:db8::1]"},
	    {"192.0.2.1", "192.0.2.1"},
	};
	struct domain d, back;
	char out[DOMAIN_U_MAX], name[512] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(domain_parse(&d, span_of(cases[i].in)));
		assert_int_equal(domain_to_unicode(&d, out).n, strlen(cases[i].out));
		assert_string_equal(out, cases[i].out);
	}
	/* The longest that there is: whole labels of characters of four octets. */
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 27; j++)
			strcat(name, "𐐨");
		strcat(name, i < 3 ? "." : "");
	}
	assert_true(domain_parse(&d, span_of(name)));
	assert_string_equal(domain_to_unicode(&d, out).p, name);
	assert_true(domain_parse(&back, span_of(out)));
	assert_true(domain_eq(&d, &back));
	assert_int_equal(domain_to_unicode(&(struct domain){.n = 0}, out).n, 0);
}

/* Whatever character stands in a label: the result is a host name, and both of its forms lead back to it. */
static void every_character(void **state)
{
	size_t taken = 0;

	(void)state;
	for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 7) {
		char label[16] = "aa", out[DOMAIN_U_MAX];
		struct domain d, again;
		size_t n = 2;

		if (c < 0x80) {
			label[n++] = (char)c;
		} else {
			int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

			label[n++] = (char)((0xff00 >> (tail + 1) & 0xff) | c >> (6 * tail));
			while (tail-- > 0)
				label[n++] = (char)(0x80 | (c >> (6 * tail) & 0x3f));
		}
		label[n++] = 'b';
		if (!domain_parse(&d, (struct span){label, n}))
			continue;
		taken++;
		if (strspn(d.s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != d.n ||
		    (c != '.' && strchr(d.s, '.') != NULL))
			fail_msg("U+%04X became %s", c, d.s);
		assert_true(domain_parse(&again, domain_span(&d)));
		assert_true(domain_eq(&d, &again));
		assert_true(domain_parse(&again, domain_to_unicode(&d, out)));
		assert_true(domain_eq(&d, &again));
	}
	assert_in_range(taken, 15000, 40000);
}

static void domainparts(void **state)
{
	static const struct {
		const char *jid, *domain;
	} cases[] = {
	    {"example.com", "example.com"},
	    {"user@example.com", "example.com"},
	    {"user@example.com/home", "example.com"},
	    {"example.com/home", "example.com"},
	    {"example.com/a@b/c", "example.com"},
	    {"user@example.com/a@b/c", "example.com"},
	    {"example.com/@", "example.com"},
	    {"user@host@example.com", "host@example.com"}, /* which domain_parse() refuses */
	    {"", NULL},
	    {"@", NULL},
	    {"/", NULL},
	    {"@example.com", NULL},
	    {"user@", NULL},
	    {"user@/home", NULL},
	    {"/home", NULL},
	    {"example.com/", NULL},
	    {"user@example.com/", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span domain = SPAN_NONE;

		if (jid_domainpart(span_of(cases[i].jid), &domain) != (cases[i].domain != NULL))
			fail_msg("jid_domainpart(%s)", cases[i].jid);
		if (cases[i].domain != NULL)
			assert_true(span_eq(domain, span_of(cases[i].domain)));
	}
	assert_false(jid_domainpart(SPAN_NONE, &(struct span){0}));
}

static void pairs(void **state)
{
	struct pair ab, ba, ab2;

	(void)state;
	assert_true(domain_parse(&ab.from, SPAN("a.example")) && domain_parse(&ab.to, SPAN("b.example")));
	assert_true(domain_parse(&ba.from, SPAN("b.example")) && domain_parse(&ba.to, SPAN("a.example")));
	assert_true(domain_parse(&ab2.from, SPAN("A.example")) && domain_parse(&ab2.to, SPAN("B.EXAMPLE.")));
	assert_true(pair_eq(&ab, &ab2));
	assert_false(pair_eq(&ab, &ba));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ascii_names),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(international_names),
	    cmocka_unit_test(literals),
	    cmocka_unit_test(nul_bytes),
	    cmocka_unit_test(not_terminated),
	    cmocka_unit_test(unicode_form),
	    cmocka_unit_test(every_character),
	    cmocka_unit_test(domainparts),
	    cmocka_unit_test(pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
