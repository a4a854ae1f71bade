#include "xmpp/scene.h"

#define STREAMS "xmlns:stream='http://etherx.jabber.org/streams'"
#define START "<stream:stream " STREAMS " xmlns='jabber:server'"

static struct xmpp_header read_header(const char *text)
{
	struct scene s;
	struct xmpp_header h;

	scene_header(&s, text);
	xmpp_header_read(&h, &s.ev);
	scene_end(&s);
	return h;
}

static struct xmpp_header read_attributes(const char *attributes)
{
	char text[4096];

	snprintf(text, sizeof(text), START " %s>", attributes);
	return read_header(text);
}

static void test_headers_of_real_servers(void **state)
{
	struct xmpp_header h;

	(void)state;
	h = read_header(
	    "<?xml version='1.0'?><stream:stream version='1.0' xml:lang='en' xmlns:db='jabber:server:dialback' " STREAMS
	    " to='strict.lab' from='ejd.lab' xmlns='jabber:server'>");
	assert_true(h.namespaces_good && h.version_1 && !h.id_bad);
	assert_int_equal(h.from_is, XMPP_ADDRESS_GOOD);
	assert_int_equal(h.to_is, XMPP_ADDRESS_GOOD);
	assert_string_equal(h.from.s, "ejd.lab");
	assert_string_equal(h.to.s, "strict.lab");
	assert_string_equal(h.id, "");
	/* Prosody opens with an empty id. */
	h = read_header("<?xml version='1.0'?><stream:stream id='' from='strict.lab' " STREAMS
	                " version='1.0' to='pro.lab' xml:lang='en' xmlns='jabber:server'>");
	assert_true(h.namespaces_good && h.version_1 && !h.id_bad);
	assert_string_equal(h.id, "");
	/* jabberd2 without a pemfile says nothing at all. */
	h = read_header(
	    "<?xml version='1.0'?><stream:stream " STREAMS " xmlns='jabber:server' xmlns:db='jabber:server:dialback'>");
	assert_true(h.namespaces_good && !h.version_1 && !h.id_bad);
	assert_int_equal(h.from_is, XMPP_ADDRESS_ABSENT);
	assert_int_equal(h.to_is, XMPP_ADDRESS_ABSENT);
}

static void test_namespaces(void **state)
{
	(void)state;
	assert_true(read_header(START ">").namespaces_good);
	assert_true(
	    read_header("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:server'>").namespaces_good);
	assert_false(read_header("<stream:stream " STREAMS " xmlns='jabber:client'>").namespaces_good);
	assert_false(read_header("<stream:stream " STREAMS ">").namespaces_good);
	assert_false(read_header("<stream:stream xmlns:stream='http://etherx.jabber.org/stream' xmlns='jabber:server'>")
	                 .namespaces_good);
	assert_false(read_header("<stream:streams " STREAMS " xmlns='jabber:server'>").namespaces_good);
	assert_false(read_header("<stream xmlns='jabber:server'>").namespaces_good);
	/* The default namespace is the streams' own: then there is no content namespace. */
	assert_false(read_header("<stream xmlns='http://etherx.jabber.org/streams'>").namespaces_good);
}

static void test_addresses(void **state)
{
	struct xmpp_header h = read_attributes("from='A&#46;Example.' to='b&#xFC;cher.example'");

	(void)state;
	assert_int_equal(h.from_is, XMPP_ADDRESS_GOOD);
	assert_string_equal(h.from.s, "a.example");
	assert_int_equal(h.to_is, XMPP_ADDRESS_GOOD);
	assert_string_equal(h.to.s, "xn--bcher-kva.example");
	h = read_attributes("from='' to='romeo@a.example'");
	assert_int_equal(h.from_is, XMPP_ADDRESS_ABSENT);
	assert_int_equal(h.to_is, XMPP_ADDRESS_BAD);
	assert_int_equal(h.to.n, 0);
	h = read_attributes("from='a.example/x' to='a b.example'");
	assert_int_equal(h.from_is, XMPP_ADDRESS_BAD);
	assert_int_equal(h.to_is, XMPP_ADDRESS_BAD);
	/* An attribute of another namespace is not the header's. */
	h = read_attributes("xmlns:q='q' q:from='a.example'");
	assert_int_equal(h.from_is, XMPP_ADDRESS_ABSENT);
}

static void test_overlong_address_is_bad(void **state)
{
	char text[1200];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "from='", 6);
	memcpy(text + sizeof(text) - 2, "'", 2);
	assert_int_equal(read_attributes(text).from_is, XMPP_ADDRESS_BAD);
}

static void test_version(void **state)
{
	static const struct {
		const char *text;
		bool version_1;
	} cases[] = {
	    {"1.0", true},
	    {"1.1", true},
	    {"01.00", true},
	    {"2.0", true},
	    {"10.5", true},
	    {"001.000000000", true},
	    {"0.9", false},
	    {"0.0", false},
	    {"00.1", false},
	    {"1", false},
	    {"1.", false},
	    {".1", false},
	    {"", false},
	    {"1.0.0", false},
	    {" 1.0", false},
	    {"1.0 ", false},
	    {"+1.0", false},
	    {"-1.0", false},
	    {"1,0", false},
	    {"1.x", false},
	    {"x.1", false},
	    {"1.0a", false},
	    {"11111111111111.1", false},
	    {"&#49;.0", true},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "version='%s'", cases[i].text);
		if (read_attributes(text).version_1 != cases[i].version_1)
			fail_msg("version '%s'", cases[i].text);
	}
	assert_false(read_attributes("").version_1);
}

static void test_id(void **state)
{
	char text[300];
	struct xmpp_header h = read_attributes("id='a&amp;b&lt;&#x27;\"'");

	(void)state;
	assert_string_equal(h.id, "a&b<'\"");
	assert_false(h.id_bad);
	snprintf(text, sizeof(text), "id='%0*d'", XMPP_ID_MAX, 7);
	h = read_attributes(text);
	assert_false(h.id_bad);
	assert_int_equal(strlen(h.id), XMPP_ID_MAX);
	snprintf(text, sizeof(text), "id='%0*d'", XMPP_ID_MAX + 1, 7);
	h = read_attributes(text);
	assert_true(h.id_bad);
	assert_string_equal(h.id, "");
}

static void test_put_header(void **state)
{
	struct domain a = domain_of("a.example"), b = domain_of("xn--bcher-kva.example");
	struct buf out;

	(void)state;
	buf_init(&out, NULL, 4096);
	assert_true(xmpp_put_header(&out, &a, &b, "i'd&<\">", true));
	assert_written(&out, "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
	                     "xmlns='jabber:server' xmlns:db='jabber:server:dialback' from='a.example' "
	                     "to='b\xC3\xBC"
	                     "cher.example' id='i&apos;d&amp;&lt;&quot;&gt;' version='1.0'>");
	assert_true(xmpp_put_header(&out, NULL, NULL, NULL, false));
	assert_written(&out, "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
	                     "xmlns='jabber:server' version='1.0'>");
	assert_true(xmpp_put_end(&out));
	assert_written(&out, "</stream:stream>");
}

/* What is written reads back as it was meant, whatever the id holds. */
static void test_header_round_trip(void **state)
{
	struct domain a = domain_of("a.example"), b = domain_of("b\xC3\xBC"
	                                                        "cher.example");
	static const char id[] = "\t \r\n'\"<>&&amp;]]>\xC3\xA9";
	struct xmpp_header h;
	struct buf out;

	(void)state;
	buf_init(&out, NULL, 4096);
	assert_true(xmpp_put_header(&out, &a, &b, id, false));
	assert_true(buf_put(&out, (struct span){"", 1}));
	h = read_header(buf_span(&out).p);
	assert_true(h.namespaces_good && h.version_1);
	assert_string_equal(h.id, id);
	assert_true(domain_eq(&h.from, &a));
	assert_true(domain_eq(&h.to, &b));
	buf_free(&out);
}

/* A buffer that can't take all of it takes nothing. */
static void test_put_is_all_or_nothing(void **state)
{
	struct domain a = domain_of("a.example");
	struct buf out;
	size_t whole;

	(void)state;
	buf_init(&out, NULL, 4096);
	assert_true(xmpp_put_header(&out, &a, &a, "<", true));
	whole = buf_len(&out);
	buf_free(&out);
	for (size_t max = 0; max < whole; max++) {
		buf_init(&out, NULL, max);
		assert_false(xmpp_put_header(&out, &a, &a, "<", true));
		assert_int_equal(buf_len(&out), 0);
		buf_free(&out);
	}
	buf_init(&out, NULL, whole);
	assert_true(xmpp_put_header(&out, &a, &a, "<", true));
	assert_int_equal(buf_len(&out), whole);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_headers_of_real_servers),
	    cmocka_unit_test(test_namespaces),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_overlong_address_is_bad),
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_id),
	    cmocka_unit_test(test_put_header),
	    cmocka_unit_test(test_header_round_trip),
	    cmocka_unit_test(test_put_is_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
