#include "xmpp/scene.h"

#define TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define DIALBACK "urn:xmpp:features:dialback"

static struct xmpp_features read_features(const char *element)
{
	struct scene s;
	struct xmpp_features f;

	scene_element(&s, element);
	assert_int_equal(xmpp_kind(&s.ev), XMPP_FEATURES);
	assert_true(xmpp_features_read(&f, s.x, &s.ev));
	scene_end(&s);
	return f;
}

static void check_features(const char *element, struct xmpp_features want)
{
	struct xmpp_features f = read_features(element);

	assert_int_equal(f.starttls, want.starttls);
	assert_int_equal(f.starttls_required, want.starttls_required);
	assert_int_equal(f.mechanisms, want.mechanisms);
	assert_int_equal(f.external, want.external);
	assert_int_equal(f.dialback, want.dialback);
	assert_int_equal(f.dialback_errors, want.dialback_errors);
	assert_int_equal(f.bidi, want.bidi);
	assert_int_equal(f.acks, want.acks);
}

static void test_features_of_real_servers(void **state)
{
	(void)state;
	/* ejabberd, required; optional (with an empty list); after TLS. */
	check_features("<stream:features><starttls xmlns='" TLS "'><required/></starttls></stream:features>",
	    (struct xmpp_features){.starttls = true, .starttls_required = true});
	check_features("<stream:features><mechanisms xmlns='" SASL "'/><starttls xmlns='" TLS "'></starttls>"
	               "<dialback xmlns='" DIALBACK "'><errors/></dialback></stream:features>",
	    (struct xmpp_features){.starttls = true, .mechanisms = true, .dialback = true, .dialback_errors = true});
	check_features("<stream:features><mechanisms xmlns='" SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>"
	               "<dialback xmlns='" DIALBACK "'><errors/></dialback></stream:features>",
	    (struct xmpp_features){.mechanisms = true, .external = true, .dialback = true, .dialback_errors = true});
	/* Prosody: no errors; stream management after authentication. */
	check_features("<stream:features><starttls xmlns='" TLS "'><required/></starttls>"
	               "<dialback xmlns='" DIALBACK "'/></stream:features>",
	    (struct xmpp_features){.starttls = true, .starttls_required = true, .dialback = true});
	check_features("<stream:features><c hash='sha-1' node='http://prosody.im' ver='yZ83ETQT+cDjKeuViJglh7cd3Hc=' "
	               "xmlns='http://jabber.org/protocol/caps'/><sm xmlns='urn:xmpp:sm:2'><optional/></sm>"
	               "<sm xmlns='urn:xmpp:sm:3'><optional/></sm></stream:features>",
	    (struct xmpp_features){.acks = true});
	check_features(
	    "<stream:features><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:2'/></stream:features>",
	    (struct xmpp_features){.bidi = true});
	/* jabberd2 with a pemfile. */
	check_features("<stream:features xmlns:stream='http://etherx.jabber.org/streams'><dialback xmlns='" DIALBACK
	               "'>"
	               "<required></required></dialback></stream:features>",
	    (struct xmpp_features){.dialback = true});
	check_features("<stream:features/>", (struct xmpp_features){0});
}

static void test_features_of_other_namespaces_do_not_count(void **state)
{
	(void)state;
	check_features("<stream:features><starttls/><mechanisms><mechanism>EXTERNAL</mechanism></mechanisms><dialback/>"
	               "</stream:features>",
	    (struct xmpp_features){0});
	check_features("<stream:features><x xmlns='x'><starttls xmlns='" TLS "'/></x></stream:features>",
	    (struct xmpp_features){0});
	check_features("<stream:features><starttls xmlns='" TLS "'><required xmlns='x'/></starttls></stream:features>",
	    (struct xmpp_features){.starttls = true});
	check_features("<stream:features><mechanisms xmlns='" SASL "'><mechanism xmlns='x'>EXTERNAL</mechanism>"
	               "<x>EXTERNAL</x></mechanisms></stream:features>",
	    (struct xmpp_features){.mechanisms = true});
}

static void test_external_among_mechanisms(void **state)
{
	(void)state;
	assert_true(read_features("<stream:features><mechanisms xmlns='" SASL "'><mechanism>SCRAM-SHA-1</mechanism>\n"
	                          "<mechanism>\n EXTERNAL </mechanism></mechanisms></stream:features>")
	                .external);
	assert_false(read_features("<stream:features><mechanisms xmlns='" SASL "'><mechanism>EXTERNAL-PLUS</mechanism>"
	                           "<mechanism>external</mechanism><mechanism/></mechanisms></stream:features>")
	                 .external);
}

static void test_too_many_features(void **state)
{
	char text[4096] = "<stream:features>";
	struct scene s;
	struct xmpp_features f;

	(void)state;
	for (unsigned i = 0; i < XML_TREE_NODES; i++)
		strcat(text, "<x/>");
	strcat(text, "</stream:features>");
	scene_element(&s, text);
	assert_false(xmpp_features_read(&f, s.x, &s.ev));
	scene_end(&s);
}

static void test_put_features(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	assert_true(xmpp_put_features(&b, 0));
	assert_written(&b, "<stream:features/>");
	assert_true(xmpp_put_features(&b, XMPP_OFFER_STARTTLS_REQUIRED));
	assert_written(&b, "<stream:features><starttls xmlns='" TLS "'><required/></starttls></stream:features>");
	assert_true(xmpp_put_features(&b, XMPP_OFFER_STARTTLS_REQUIRED | XMPP_OFFER_STARTTLS));
	assert_written(&b, "<stream:features><starttls xmlns='" TLS "'><required/></starttls></stream:features>");
	assert_true(xmpp_put_features(&b, XMPP_OFFER_STARTTLS | XMPP_OFFER_DIALBACK));
	assert_written(&b,
	    "<stream:features><starttls xmlns='" TLS "'/><dialback xmlns='" DIALBACK "'><errors/></dialback>"
	    "</stream:features>");
	assert_true(xmpp_put_features(&b, XMPP_OFFER_EXTERNAL));
	assert_written(&b, "<stream:features><mechanisms xmlns='" SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>"
	                   "</stream:features>");
}

static void test_features_round_trip(void **state)
{
	struct buf b;

	(void)state;
	for (unsigned offers = 0; offers < 16; offers++) {
		bool required = (offers & XMPP_OFFER_STARTTLS_REQUIRED) != 0;
		struct xmpp_features want = {
		    .starttls = required || (offers & XMPP_OFFER_STARTTLS) != 0,
		    .starttls_required = required,
		    .mechanisms = (offers & XMPP_OFFER_EXTERNAL) != 0,
		    .external = (offers & XMPP_OFFER_EXTERNAL) != 0,
		    .dialback = (offers & XMPP_OFFER_DIALBACK) != 0,
		    .dialback_errors = (offers & XMPP_OFFER_DIALBACK) != 0,
		};

		buf_init(&b, NULL, 4096);
		assert_true(xmpp_put_features(&b, offers));
		assert_true(buf_put(&b, (struct span){"", 1}));
		check_features(buf_span(&b).p, want);
		buf_free(&b);
	}
}

static void test_put_negotiation(void **state)
{
	struct domain a = domain_of("strict.lab"), u = domain_of("b\xC3\xBC"
	                                                         "cher.example");
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	assert_true(xmpp_put_starttls(&b));
	assert_written(&b, "<starttls xmlns='" TLS "'/>");
	assert_true(xmpp_put_proceed(&b));
	assert_written(&b, "<proceed xmlns='" TLS "'/>");
	assert_true(xmpp_put_success(&b));
	assert_written(&b, "<success xmlns='" SASL "'/>");
	assert_true(xmpp_put_auth_external(&b, &a));
	assert_written(&b, "<auth xmlns='" SASL "' mechanism='EXTERNAL'>c3RyaWN0LmxhYg==</auth>");
	assert_true(xmpp_put_auth_external(&b, &u));
	assert_written(&b, "<auth xmlns='" SASL "' mechanism='EXTERNAL'>YsO8Y2hlci5leGFtcGxl</auth>");
	assert_true(xmpp_put_sasl_failure(&b, "not-authorized", "Cut & run."));
	assert_written(
	    &b, "<failure xmlns='" SASL "'><not-authorized/><text xml:lang='en'>Cut &amp; run.</text></failure>");
	assert_true(xmpp_put_sasl_failure(&b, "aborted", NULL));
	assert_written(&b, "<failure xmlns='" SASL "'><aborted/></failure>");
}

static enum xmpp_auth read_auth(const char *element, const char *from)
{
	struct scene s;
	struct domain d = domain_of(from);
	enum xmpp_auth result;

	scene_element(&s, element);
	assert_int_equal(xmpp_kind(&s.ev), XMPP_AUTH);
	result = xmpp_auth_read(s.x, &s.ev, &d);
	scene_end(&s);
	return result;
}

/* With the mechanism EXTERNAL and this content. */
static void check_auth(const char *content, const char *from, enum xmpp_auth want)
{
	char text[4096];
	enum xmpp_auth result;

	snprintf(text, sizeof(text), "<auth xmlns='" SASL "' mechanism='EXTERNAL'>%s</auth>", content);
	result = read_auth(text, from);
	if (result != want)
		fail_msg("%s for %s: %d, expected %d", content, from, result, want);
}

static void test_auth_good(void **state)
{
	(void)state;
	check_auth("=", "strict.lab", XMPP_AUTH_GOOD);
	check_auth("c3RyaWN0LmxhYg==", "strict.lab", XMPP_AUTH_GOOD);
	check_auth("U1RSSUNULkxBQi4=", "strict.lab", XMPP_AUTH_GOOD); /* STRICT.LAB. */
	check_auth("YsO8Y2hlci5leGFtcGxl", "xn--bcher-kva.example", XMPP_AUTH_GOOD);
	check_auth("eG4tLWJjaGVyLWt2YS5leGFtcGxl", "xn--bcher-kva.example", XMPP_AUTH_GOOD);
	check_auth("<![CDATA[c3RyaWN0LmxhYg==]]>", "strict.lab", XMPP_AUTH_GOOD);
	check_auth("c3RyaWN0LmxhYg=&#61;", "strict.lab", XMPP_AUTH_GOOD);
}

static void test_auth_mechanism(void **state)
{
	static const char good[] = "c3RyaWN0LmxhYg==</auth>";
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "<auth xmlns='" SASL "' mechanism='PLAIN'>%s", good);
	assert_int_equal(read_auth(text, "strict.lab"), XMPP_AUTH_MECHANISM);
	snprintf(text, sizeof(text), "<auth xmlns='" SASL "' mechanism='external'>%s", good);
	assert_int_equal(read_auth(text, "strict.lab"), XMPP_AUTH_MECHANISM);
	snprintf(text, sizeof(text), "<auth xmlns='" SASL "' mechanism='EXTERNALEXTERNALEXTERNAL'>%s", good);
	assert_int_equal(read_auth(text, "strict.lab"), XMPP_AUTH_MECHANISM);
	snprintf(text, sizeof(text), "<auth xmlns='" SASL "'>%s", good);
	assert_int_equal(read_auth(text, "strict.lab"), XMPP_AUTH_MECHANISM);
	snprintf(text, sizeof(text), "<auth xmlns='" SASL "' xmlns:q='q' q:mechanism='EXTERNAL'>%s", good);
	assert_int_equal(read_auth(text, "strict.lab"), XMPP_AUTH_MECHANISM);
	assert_int_equal(read_auth("<auth xmlns='" SASL "' mechanism='EXTERNAL'/>", "strict.lab"), XMPP_AUTH_MALFORMED);
	assert_int_equal(
	    read_auth("<auth xmlns='" SASL "' mechanism='EXTERNAL'></auth>", "strict.lab"), XMPP_AUTH_MALFORMED);
}

/* RFC 6120 section 13.9.1. */
static void test_auth_encoding(void **state)
{
	static const char *const bad[] = {
	    " ",
	    " =",
	    "= ",
	    "==",
	    "====",
	    "=AAA",
	    "c3RyaWN0LmxhYg=",
	    "c3RyaWN0LmxhYg",
	    " c3RyaWN0LmxhYg==",
	    "c3RyaWN0LmxhYg==\n",
	    "c3Ry\naWN0LmxhYg==",
	    "c3RyaWN0LmxhYg==c3Ry",
	    "c3Ry=aWN0",
	    "c3RyaWN0LmxhYg===",
	    "c3RyaWN0LmxhYg==<x/>",
	    "c3Ry<x/>aWN0LmxhYg==",
	    "c3RyaWN0Lmxh<![CDATA[Yg==]]>",
	    "&#32;c3RyaWN0LmxhYg==",
	    "<![CDATA[&#61;]]>",
	    "c3RyaWN0LmxhYh==", /* stray bits behind the end */
	    "c3Ry-WN0",
	    "c3Ry_WN0",
	    "c3Ry*WN0",
	    "c3RyaWN0LmxhYg=\xC3\xA9",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_auth(bad[i], "strict.lab", XMPP_AUTH_ENCODING);
}

static void test_auth_other_identity(void **state)
{
	(void)state;
	check_auth("ZXZpbC5sYWI=", "strict.lab", XMPP_AUTH_AUTHZID);         /* evil.lab */
	check_auth("Ym9iQHN0cmljdC5sYWI=", "strict.lab", XMPP_AUTH_AUTHZID); /* bob@strict.lab */
	check_auth("c3RyaWN0LmxhYi94", "strict.lab", XMPP_AUTH_AUTHZID);     /* strict.lab/x */
	check_auth("c3RyaWN0LmxhYgA=", "strict.lab", XMPP_AUTH_AUTHZID);     /* strict.lab NUL */
	check_auth("c3RyaWN0LmxhYgBldmls", "strict.lab", XMPP_AUTH_AUTHZID); /* strict.lab NUL evil */
	check_auth("AHN0cmljdC5sYWI=", "strict.lab", XMPP_AUTH_AUTHZID);     /* NUL strict.lab */
	check_auth("c3RyaWN0LmxhYiA=", "strict.lab", XMPP_AUTH_AUTHZID);     /* with a space behind */
	check_auth("c3ViLnN0cmljdC5sYWI=", "strict.lab", XMPP_AUTH_AUTHZID); /* sub.strict.lab */
	check_auth("/////w==", "strict.lab", XMPP_AUTH_AUTHZID);             /* no UTF-8 */
}

static void test_auth_overlong(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'A', sizeof(text));
	text[1364] = '\0';
	check_auth(text, "strict.lab", XMPP_AUTH_AUTHZID);
	text[1364] = 'A';
	text[1368] = '\0';
	check_auth(text, "strict.lab", XMPP_AUTH_AUTHZID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_features_of_real_servers),
	    cmocka_unit_test(test_features_of_other_namespaces_do_not_count),
	    cmocka_unit_test(test_external_among_mechanisms),
	    cmocka_unit_test(test_too_many_features),
	    cmocka_unit_test(test_put_features),
	    cmocka_unit_test(test_features_round_trip),
	    cmocka_unit_test(test_put_negotiation),
	    cmocka_unit_test(test_auth_good),
	    cmocka_unit_test(test_auth_mechanism),
	    cmocka_unit_test(test_auth_encoding),
	    cmocka_unit_test(test_auth_other_identity),
	    cmocka_unit_test(test_auth_overlong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
