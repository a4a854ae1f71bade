/* The scanner's events and errors, each for several splits of the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "xml_feed.h"

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "                        \
	"xmlns:db='jabber:server:dialback' to='a.example' from='b.example' version='1.0' id='i' xml:lang='en'>"
#define HEADER_LOG                                                                                                     \
	"header 186 [stream] ns=3 prefixed insert=14 prefixes=0 content=2"                                             \
	" from[b.example] to[a.example] id[i] version[1.0] lang[en]\n"

static void expect_with(const char *in, const char *want, bool document, const struct xml_limits *limits)
{
	static const size_t chunks[] = {0, 1, 2, 3, 7, 64, 100};

	for (unsigned v = 0; v < xml_rush_count; v++) {
		const struct xml_rush *rush = xml_rushes[v];

		for (size_t i = 0; i < ARRAY_LEN(chunks) && xml_rush_usable(rush); i++) {
			char *got = feed_all(span_of(in), chunks[i], document, limits, rush);

			if (strcmp(got, want) != 0)
				print_error("%s, pieces of %zu: %s\n", xml_rush_name(rush), chunks[i], in);
			assert_string_equal(got, want);
			free(got);
		}
	}
}

static void expect(const char *in, const char *want)
{
	expect_with(in, want, false, NULL);
}

/* Long enough that what stands before it is not near the end of the input. */
#define FILLER                                                                                                         \
	"<filler a='0123456789'>0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789</filler>"

/* `stanza` behind the header: the error and its offset in the stanza; XML_OK: it is accepted. */
static void expect_stanza(const char *stanza, enum xml_error error, size_t at)
{
	char in[4096], want[4096];
	size_t n = sizeof(HEADER) - 1;

	snprintf(in, sizeof(in), "%s%s%s", HEADER, stanza, FILLER);
	if (error != XML_OK) {
		snprintf(want, sizeof(want), "%sbad %d at %zu\n", HEADER_LOG, (int)error, n + at);
		expect(in, want);
		return;
	}
	struct feed f = {.x = xml_new(&feed_limits)};
	assert_int_equal(feed_pending(&f, in, strlen(in)), strlen(in));
	assert_false(f.bad);
	xml_free(f.x);
	expect(in, f.log);
	free(f.log);
}

static void test_stream(void **state)
{
	(void)state;
	expect(HEADER "</stream:stream>", HEADER_LOG "element 16 [END] ns=0 insert=0 prefixes=0 content=0\n");
	expect(HEADER " \n<message from='x' to='y'>t</message>\t<iq/></stream:stream >  ",
	    HEADER_LOG "space 2\n"
	               "element 36 [message] ns=2 insert=8 prefixes=0 content=2 from[x] to[y]\n"
	               "space 1\n"
	               "element 5 [iq] ns=2 empty insert=3 prefixes=0 content=2\n"
	               "element 17 [END] ns=0 insert=0 prefixes=0 content=0\n"
	               "space 2\n");
	expect("<?xml version='1.0'?>\n<s>", "header 25 [s] ns=1 insert=24 prefixes=0 content=1\n");
	expect(" <s xmlns='jabber:server'>", "header 26 [s] ns=2 insert=3 prefixes=0 content=2\n");
	expect("<s ></s\n>x", "header 4 [s] ns=1 insert=2 prefixes=0 content=1\n"
	                      "element 5 [END] ns=0 insert=0 prefixes=0 content=0\nbad 1 at 9\n");
}

static void test_namespaces(void **state)
{
	(void)state;
	expect(HEADER "<db:result from='a' to='b'>k</db:result>",
	    HEADER_LOG "element 40 [result] ns=4 prefixed insert=10 prefixes=2 dialback content=2 from[a] to[b]\n");
	expect(HEADER "<iq><stream:x/></iq>", HEADER_LOG "element 20 [iq] ns=2 insert=3 prefixes=1 content=2\n");
	expect(HEADER "<iq><x stream:a='' db:b=''/></iq>",
	    HEADER_LOG "element 33 [iq] ns=2 insert=3 prefixes=3 dialback content=2\n");
	/* Declared again inside: the header's is not used ... */
	expect(HEADER "<iq><stream:x xmlns:stream='u'/></iq>",
	    HEADER_LOG "element 37 [iq] ns=2 insert=3 prefixes=0 content=2\n");
	/* ... but it is, behind that element. */
	expect(HEADER "<iq><stream:x xmlns:stream='u'/><stream:x/></iq>",
	    HEADER_LOG "element 48 [iq] ns=2 insert=3 prefixes=1 content=2\n");
	expect(HEADER "<iq><a xmlns:stream='u'><stream:b/></a></iq>",
	    HEADER_LOG "element 44 [iq] ns=2 insert=3 prefixes=0 content=2\n");
	expect(HEADER "<x xmlns='jabber:server:dialback'/>",
	    HEADER_LOG "element 35 [x] ns=4 empty insert=2 prefixes=0 dialback content=2\n");
	expect(HEADER "<x><y xmlns='jabber:server&#58;dialback'/></x>",
	    HEADER_LOG "element 46 [x] ns=2 insert=2 prefixes=0 dialback content=2\n");
	expect(HEADER "<x xmlns=''/>", HEADER_LOG "element 13 [x] ns=1 empty insert=2 prefixes=0 content=2\n");
	expect(HEADER "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	    HEADER_LOG "element 50 [proceed] ns=5 empty insert=8 prefixes=0 content=2\n");
	expect(HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</auth>",
	    HEADER_LOG "element 55 [auth] ns=6 insert=5 prefixes=0 content=2\n");
	expect_stanza("<a xmlns:p='u' xmlns:q='v' p:x='' q:x=''/>", XML_OK, 0);
	expect_stanza("<a xmlns:p='u' xmlns:q='&#117;' p:x='' q:x=''/>", XML_ERR_NOT_WELL_FORMED, 39);
	expect_stanza("<a xmlns:p='u v' xmlns:q='u\tv' p:x='' q:x=''/>", XML_ERR_NOT_WELL_FORMED, 38);
	expect_stanza(
	    "<a stream:x='' p:x='' xmlns:p='http://etherx.jabber.org/streams'/>", XML_ERR_NOT_WELL_FORMED, 15);
	expect_stanza("<a p:x=''/>", XML_ERR_NAMESPACE_PREFIX, 3);
	expect_stanza("<p:a/>", XML_ERR_NAMESPACE_PREFIX, 1);
	expect_stanza("<a><b xmlns:p='u'/><p:c/></a>", XML_ERR_NAMESPACE_PREFIX, 20);
	expect_stanza("<xmlns:a/>", XML_ERR_NAMESPACE_PREFIX, 1);
	expect_stanza("<xml:a xml:space='x'/>", XML_OK, 0);
	expect_stanza("<a xmlns:p=''/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns:xmlns='u'/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns:xml='u'/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", XML_OK, 0);
	expect_stanza("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", XML_ERR_NOT_WELL_FORMED, 3);
	expect_stanza("<a xmlns='http://www.w3.org/2000/xmlns&#47;'/>", XML_ERR_NOT_WELL_FORMED, 3);
}

static void test_tags(void **state)
{
	static const char *const good[] = {"<a/>", "<a />", "<a></a>", "<a\n></a\t>", "<a b='c'/>", "<a b = \"c\" />",
	    "<a b\n=\n'>'/>", "<a b='\"' c=\"'\"/>", "<a\tb='1'\r\nc='2'\n/>", "<a b=']]>'/>", "<a.-_1/>", "<_/>",
	    "<\xc3\xa9t\xc3\xa9 \xd0\xb9='1'/>", "<a b='&lt;&#60;&#x3C;&amp;'/>", "<a b='\xf0\x9f\x98\x80'/>",
	    "<a><b><c/></b><b>x</b></a>", "<a from='\xc3\xa4 &amp; b' to='\xc3\xb6'/>", "<a FROM='' from=''/>"};
	static const struct {
		const char *in;
		size_t at;
	} bad[] = {{"<a b='1'c='2'/>", 8}, {"<a b=1/>", 5}, {"<a b/>", 4}, {"<a b=/>", 5}, {"<a b='<'/>", 6},
	    {"< a/>", 1}, {"<1/>", 1}, {"<a/ >", 3}, {"<a//>", 3}, {"<a b='1' b='2'/>", 9}, {"<a:b:c/>", 4},
	    {"<:a/>", 1}, {"<a:/>", 3}, {"<a:1/>", 3}, {"<a></b>", 5}, {"<a></ a>", 5}, {"<a></ab>", 6},
	    {"<a></a b>", 7}, {"<a></a/>", 6}, {"<a <b/>", 3}, {"<a b='&x;'/>", 6}, {"<a b='&amp'/>", 10},
	    {"<a b='&;'/>", 7}, {"<a b='&'/>", 7}, {"<a b='&#0;'/>", 6}, {"<a b='\x01'/>", 6}, {"<a\x01/>", 2},
	    {"<a b='1' longer_than_8='' longer_than_8=''/>", 26}, {"<a =''/>", 3}, {"<a ''/>", 3}, {"<>", 1},
	    {"<a\xc3\x97/>", 2}, {"<\xc2\xb7/>", 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		expect_stanza(good[i], XML_OK, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_stanza(bad[i].in,
		    strstr(bad[i].in, "&x;") != NULL ? XML_ERR_RESTRICTED : XML_ERR_NOT_WELL_FORMED, bad[i].at);
	expect_stanza("<a b='\xff'/>", XML_ERR_ENCODING, 6);
	expect_stanza("<a\xc3/>", XML_ERR_ENCODING, 2);
}

static void test_text(void **state)
{
	static const char *const good[] = {"<a>x ]] > ]>]</a>", "<a>\t\r\n\x7f\xc2\x85</a>",
	    "<a>&#x10FFFF;&#9;&apos;&quot;</a>", "<a>\xef\xbb\xbf\xef\xbf\xbd\xed\x9f\xbf\xee\x80\x80</a>",
	    "<a><![CDATA[<&]]]]><![CDATA[>]]></a>", "<a><![CDATA[]]></a>", "<a><![CDATA[x]]]></a>",
	    "<a>&#00000000000000000000000000000000065;</a>", "<a><![CDATA[&#0;&x;<!---->]]></a>", "<a>'\"=/</a>"};
	static const struct {
		const char *in;
		size_t at;
	} bad[] = {{"<a>]]></a>", 3}, {"<a>]]]></a>", 4}, {"<a>\x01</a>", 3}, {"<a>&</a>", 4}, {"<a>&amp </a>", 7},
	    {"<a>&#;</a>", 3}, {"<a>&#x;</a>", 3}, {"<a>&#X41;</a>", 3}, {"<a>&#1114112;</a>", 3},
	    {"<a>&#xD800;</a>", 3}, {"<a>&#xFFFE;</a>", 3}, {"<a>&#4294967361;</a>", 3}, {"<a>&#6a;</a>", 3},
	    {"<a>\xef\xbf\xbe</a>", 3}, {"<a><![CDATX[]]></a>", 3}, {"<a><![CDATA[\x02]]></a>", 12},
	    {"<a><![cdata[]]></a>", 3}};
	static const struct {
		const char *in;
		enum xml_error error;
		size_t at;
	} other[] = {{"<a>&nbsp;</a>", XML_ERR_RESTRICTED, 3}, {"<a><!-- --></a>", XML_ERR_RESTRICTED, 3},
	    {"<a><?pi?></a>", XML_ERR_RESTRICTED, 3}, {"<!DOCTYPE a>", XML_ERR_RESTRICTED, 0},
	    {"<!-- -->", XML_ERR_RESTRICTED, 0}, {"<?xml version='1.0'?>", XML_ERR_RESTRICTED, 0},
	    {"<a>\xc0\x80</a>", XML_ERR_ENCODING, 3}, {"<a>\xed\xa0\x80</a>", XML_ERR_ENCODING, 3},
	    {"<a>\xf4\x90\x80\x80</a>", XML_ERR_ENCODING, 3}, {"<a>\xe2\x82</a>", XML_ERR_ENCODING, 3},
	    {"<a>\x80</a>", XML_ERR_ENCODING, 3}, {"<a>\xf5\x80\x80\x80</a>", XML_ERR_ENCODING, 3},
	    {"<a><![CDATA[\xc3]]></a>", XML_ERR_ENCODING, 12}, {"text", XML_ERR_STRAY_TEXT, 0},
	    {"&#32;", XML_ERR_STRAY_TEXT, 0}, {"<![CDATA[ ]]>", XML_ERR_STRAY_TEXT, 0},
	    {"</stream>", XML_ERR_NOT_WELL_FORMED, 2}, {"</a>", XML_ERR_NOT_WELL_FORMED, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		expect_stanza(good[i], XML_OK, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_stanza(bad[i].in, XML_ERR_NOT_WELL_FORMED, bad[i].at);
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		expect_stanza(other[i].in, other[i].error, other[i].at);
	/* The last element has the input's very last byte: nothing behind it may be read. */
	expect_stanza("<a>"
	              "0123456789012345678901234567890123456789012345678901234567890123456789"
	              "</a>",
	    XML_OK, 0);
}

static void test_prolog(void **state)
{
	static const char *const good[] = {"<?xml version='1.0' encoding='utf-8' standalone='no' ?><s>",
	    "<?xml version = \"1.0\" standalone\n=\n\"yes\"?> <s>", "<?xml\tversion='1.90'?><s>",
	    "<?xml version='1.0' encoding=\"UTF-8\"?><s>"};
	static const struct {
		const char *in;
		enum xml_error error;
		size_t at;
	} bad[] = {{"x", XML_ERR_NOT_WELL_FORMED, 0}, {"\xef\xbb\xbf<s>", XML_ERR_ENCODING, 0},
	    {"\xff\xfe<", XML_ERR_ENCODING, 0}, {" <?xml version='1.0'?><s>", XML_ERR_RESTRICTED, 1},
	    {"<?xml?><s>", XML_ERR_RESTRICTED, 0}, {"<?xml version='1.0'><s>", XML_ERR_NOT_WELL_FORMED, 19},
	    {"<?xml ?><s>", XML_ERR_NOT_WELL_FORMED, 6}, {"<?xml version='2.0'?><s>", XML_ERR_NOT_WELL_FORMED, 6},
	    {"<?xml encoding='UTF-8'?><s>", XML_ERR_NOT_WELL_FORMED, 6},
	    {"<?xml version='1.0' encoding='ISO-8859-1'?><s>", XML_ERR_ENCODING, 20},
	    {"<?xml version='1.0'encoding='UTF-8'?><s>", XML_ERR_NOT_WELL_FORMED, 19},
	    {"<?xml version='1.0' standalone='maybe'?><s>", XML_ERR_NOT_WELL_FORMED, 20},
	    {"<?xml version='1.0' standalone='yes' encoding='UTF-8'?><s>", XML_ERR_NOT_WELL_FORMED, 37},
	    {"<?xml version='1.0'?><?xml version='1.0'?><s>", XML_ERR_RESTRICTED, 21},
	    {"<!DOCTYPE s><s>", XML_ERR_RESTRICTED, 0}, {"<!-- --><s>", XML_ERR_RESTRICTED, 0},
	    {"<?XML version='1.0'?>", XML_ERR_RESTRICTED, 0}, {"<?xmlx version='1.0'?>", XML_ERR_RESTRICTED, 0},
	    {"<s/>", XML_ERR_NOT_WELL_FORMED, 2}, {"</s>", XML_ERR_NOT_WELL_FORMED, 0},
	    {"<p:s>", XML_ERR_NAMESPACE_PREFIX, 1}, {" x", XML_ERR_NOT_WELL_FORMED, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char want[200];

		snprintf(want, sizeof(want), "header %zu [s] ns=1 insert=%zu prefixes=0 content=1\n", strlen(good[i]),
		    strlen(good[i]) - 1);
		expect(good[i], want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char want[100];

		snprintf(want, sizeof(want), "bad %d at %zu\n", (int)bad[i].error, bad[i].at);
		expect(bad[i].in, want);
	}
}

static void test_document(void **state)
{
	(void)state;
	expect_with("<?xml version='1.0'?>\n<a>x<b/>\n</a>\n",
	    "element 35 [a] ns=1 insert=24 prefixes=0 content=1\nspace 1\n", true, NULL);
	expect_with("<a/><b/>", "element 4 [a] ns=1 empty insert=2 prefixes=0 content=1\nbad 1 at 4\n", true, NULL);
	expect_with("", "", true, NULL);
}

static void test_limits(void **state)
{
	const struct xml_limits small = {.element_bytes = 40, .depth = 3, .attributes = 3, .name_bytes = 8};

	(void)state;
#define S "<s>"
#define S_LOG "header 3 [s] ns=1 insert=2 prefixes=0 content=1\n"
	expect_with(
	    S "<a><b><c></c><c/></b></a>", S_LOG "element 25 [a] ns=1 insert=2 prefixes=0 content=1\n", false, &small);
	expect_with(S "<a><b><c><d/></c></b></a>", S_LOG "bad 7 at 12\n", false, &small);
	expect_with(
	    S "<a x='' y='' z=''/>", S_LOG "element 19 [a] ns=1 empty insert=2 prefixes=0 content=1\n", false, &small);
	expect_with(S "<a x='' y='' z='' w=''/>", S_LOG "bad 8 at 21\n", false, &small);
	expect_with(
	    S "<abcdefgh/>", S_LOG "element 11 [abcdefgh] ns=1 empty insert=9 prefixes=0 content=1\n", false, &small);
	expect_with(S "<abcdefghi/>", S_LOG "bad 9 at 4\n", false, &small);
	expect_with(S "<a abcdefghi=''/>", S_LOG "bad 9 at 6\n", false, &small);
	expect_with(S "<xml:abcdefghi/>", S_LOG "bad 9 at 4\n", false, &small);
	/* Exactly as large as may be, and a byte more. */
	expect_with(S "<a>345678901234567890123456789012345</a>                                              ",
	    S_LOG "element 40 [a] ns=1 insert=2 prefixes=0 content=1\nspace 46\n", false, &small);
	expect_with(S "<a>3456789012345678901234567890123456</a>", S_LOG "bad 6 at 43\n", false, &small);
	expect_with(S "<a>34567890123456789012345678901234567</a>", S_LOG "bad 6 at 43\n", false, &small);
	expect_with(S "<a b='567890123456789012345678901234567890'/>", S_LOG "bad 6 at 43\n", false, &small);
	expect_with("<s a='567890123456789012345678901234567890'>", "bad 6 at 40\n", false, &small);
}

static void test_many_namespaces(void **state)
{
	char in[4096] = "<s", stanza[4096] = "<s><a";

	(void)state;
	for (int i = 0; i < 33; i++)
		sprintf(in + strlen(in), " xmlns:p%d='u'", i);
	strcat(in, ">");
	expect(in, "bad 10 at 0\n");
	*strstr(in, " xmlns:p32") = '>';
	struct feed f = {.x = xml_new(&feed_limits)};
	feed_pending(&f, in, (size_t)(strchr(in, '>') - in) + 1);
	assert_false(f.bad);
	struct span prefix, uri;
	xml_header_prefix(f.x, 31, &prefix, &uri);
	assert_true(span_eq(prefix, SPAN("p31")) && span_eq(uri, SPAN("u")));
	assert_int_equal(feed_pending(&f, "<p31:x/><p32:x/>", 16), 8);
	assert_int_equal(xml_error(f.x), XML_ERR_NAMESPACE_PREFIX);
	xml_free(f.x);
	free(f.log);

	const struct xml_limits wide = {.element_bytes = 4096, .depth = 4, .attributes = 100, .name_bytes = 10};
	for (int i = 0; i < 65; i++)
		sprintf(stanza + strlen(stanza), " xmlns:p%d='u'", i);
	strcat(stanza, "/>");
	expect_with(stanza, S_LOG "bad 10 at 892\n", false, &wide);
}

static void test_reset(void **state)
{
	struct feed f = {.x = xml_new(&feed_limits)};

	(void)state;
	feed_pending(&f, HEADER "x", sizeof(HEADER));
	assert_true(f.bad);
	assert_int_equal(xml_error(f.x), XML_ERR_STRAY_TEXT);
	assert_int_equal(xml_error_offset(f.x), sizeof(HEADER) - 1);
	xml_reset(f.x);
	f.bad = false;
	assert_int_equal(xml_error(f.x), XML_OK);
	/* What the first header declared is forgotten. */
	assert_int_equal(feed_pending(&f, "<s><db:x/>", 10), 3);
	assert_int_equal(xml_error(f.x), XML_ERR_NAMESPACE_PREFIX);
	xml_free(f.x);
	free(f.log);
	xml_free(NULL);
}

static void test_set_limits(void **state)
{
	const struct xml_limits small = {.element_bytes = 5, .depth = 3, .attributes = 3, .name_bytes = 8};
	const struct xml_limits large = {.element_bytes = 100, .depth = 100, .attributes = 3, .name_bytes = 8};
	struct feed f = {.x = xml_new(&small)};

	(void)state;
	feed_pending(&f, S, 3);
	xml_set_limits(f.x, &large);
	feed_pending(&f, "<a><b><c><d/></c></b></a>", 25);
	assert_false(f.bad);
	/* In the middle of an element the limits stay, */
	assert_int_equal(feed_pending(&f, "<a><a><a><a><a>", 15), 0);
	xml_set_limits(f.x, &small);
	assert_int_equal(feed_pending(&f, "<a><a><a><a><a><a/></a></a></a></a></a>", 39), 39);
	assert_false(f.bad);
	/* but not longer. */
	assert_int_equal(feed_pending(&f, "<a>Ã", 4), 0);
	assert_false(f.bad);
	assert_int_equal(feed_pending(&f, "<a>Ã©", 5), 0);
	assert_int_equal(xml_error(f.x), XML_ERR_TOO_BIG);
	xml_free(f.x);
	free(f.log);
}

/* What the vector variants go by agrees with what all others do. */
static void test_classes(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char b = (char)i;
		bool both = xml_is(b, XML_C_VALUE) && xml_is(b, XML_C_TEXT);

		assert_int_equal(xml_is(b, XML_C_NO_NAME), !xml_is(b, XML_C_NAME));
		assert_int_equal(xml_is(b, XML_C_STOP), !both || b == '"' || b == '\'');
		assert_true(!xml_is(b, XML_C_START) || xml_is(b, XML_C_NAME));
		assert_true(i < 0x80 || xml_class[i] == (XML_C_NO_NAME | XML_C_STOP));
	}
}

static void test_error_words(void **state)
{
	(void)state;
	for (int e = XML_OK; e <= XML_ERR_NO_MEMORY; e++) {
		assert_true(strlen(xml_error_text((enum xml_error)e)) > 0);
		assert_true(strlen(xml_error_condition((enum xml_error)e)) > 0);
	}
	assert_string_equal(xml_error_condition(XML_ERR_RESTRICTED), "restricted-xml");
	assert_string_equal(xml_error_condition(XML_ERR_ENCODING), "unsupported-encoding");
	assert_string_equal(xml_error_condition(XML_ERR_NOT_WELL_FORMED), "not-well-formed");
	assert_string_equal(xml_error_condition(XML_ERR_TOO_BIG), "policy-violation");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stream), cmocka_unit_test(test_namespaces),
	    cmocka_unit_test(test_tags), cmocka_unit_test(test_text), cmocka_unit_test(test_prolog),
	    cmocka_unit_test(test_document), cmocka_unit_test(test_limits), cmocka_unit_test(test_many_namespaces),
	    cmocka_unit_test(test_reset), cmocka_unit_test(test_set_limits), cmocka_unit_test(test_classes),
	    cmocka_unit_test(test_error_words)};

	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
