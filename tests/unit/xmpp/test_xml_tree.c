/* xml_decode() and the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "xml_feed.h"

static void decodes(const char *raw, bool attribute, const char *want)
{
	char out[64];
	size_t n = 99;

	assert_true(xml_decode(span_of(raw), attribute, out, strlen(want), &n));
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	if (n > 0)
		assert_false(xml_decode(span_of(raw), attribute, out, n - 1, &n));
}

static void test_decode(void **state)
{
	char out[8];
	size_t n;

	(void)state;
	decodes("", true, "");
	decodes("plain", true, "plain");
	decodes("&#xfffd;&#x10000;&#x10ffff;", false, "\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	decodes("&lt;&gt;&amp;&quot;&apos;", false, "<>&\"'");
	decodes("&#65;&#x42;&#x0043;", false, "ABC");
	decodes("&#xe9;&#x20AC;&#x1F600;&#127;&#128;&#2047;&#2048;", false,
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80");
	assert_false(xml_decode(SPAN("&nbsp;"), false, out, sizeof(out), &n));
	assert_false(xml_decode(SPAN("&#65"), false, out, sizeof(out), &n));
	assert_false(xml_decode(SPAN("&#0;"), false, out, sizeof(out), &n));
}

static void test_decode_space(void **state)
{
	(void)state;
	decodes("a\r\nb\rc\nd\te", false, "a\nb\nc\nd\te");
	decodes("a\r\nb\rc\nd\te\r", true, "a b c d e ");
	decodes("&#13;&#10;&#9;", true, "\r\n\t");
}

static void test_same_value(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"ab", "a", false}, {"a", "", false},
	    {"&#97;", "a", true}, {"a&#98;c", "abc", true}, {"a&#98;c", "abd", false}, {"a&#98;", "abc", false},
	    {"&#xe9;", "\xc3\xa9", true}, {"&#xe9;", "\xc3\xa8", false}, {"&#xe9;x", "\xc3\xa9y", false},
	    {"a\tb", "a b", true}, {"a&#9;b", "a b", false}, {"&amp;amp;", "&#38;amp;", true}, {"&lt;", "&gt;", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(xml_same_value(span_of(pairs[i].a), span_of(pairs[i].b)), pairs[i].same);
		assert_int_equal(xml_same_value(span_of(pairs[i].b), span_of(pairs[i].a)), pairs[i].same);
	}
}

struct sample {
	char *bytes;
	struct xml *x;
	struct xml_ev ev;
	struct xml_tree tree;
	bool parsed;
};

#define HEADER                                                                                                         \
	"<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' "                                  \
	"xmlns:db='jabber:server:dialback'>"

static void parse(struct sample *s, const char *stanza)
{
	size_t n = strlen(stanza);

	s->x = xml_new(&feed_limits);
	assert_int_equal(xml_next(s->x, &s->ev, SPAN(HEADER)), XML_HEADER);
	s->bytes = malloc(n);
	memcpy(s->bytes, stanza, n);
	assert_int_equal(xml_next(s->x, &s->ev, (struct span){s->bytes, n}), XML_ELEMENT);
	s->parsed = xml_tree_parse(&s->tree, s->x, &s->ev);
}

static void drop(struct sample *s)
{
	xml_free(s->x);
	free(s->bytes);
}

static void assert_span(struct span got, const char *want)
{
	if (!span_eq(got, span_of(want)))
		print_error("[%.*s] is not [%s]\n", SPAN_FMT(got), want);
	assert_true(span_eq(got, span_of(want)));
}

static void test_features(void **state)
{
	struct sample s;
	const struct xml_node *root, *node;

	(void)state;
	parse(&s,
	    "<s:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
	    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism a=\"1 2\" "
	    "xml:lang='en' b='&lt;'>EXTERNAL</mechanism></mechanisms><dialback xmlns='urn:xmpp:features:dialback'/>"
	    "</s:features>");
	assert_true(s.parsed);
	assert_int_equal(s.tree.nodes, 7);
	root = &s.tree.node[0];
	assert_span(root->name, "features");
	assert_span(root->ns, "http://etherx.jabber.org/streams");
	assert_null(xml_tree_child(&s.tree, root, "starttls", "jabber:server"));
	assert_null(xml_tree_child(&s.tree, root, "start", "urn:ietf:params:xml:ns:xmpp-tls"));
	node = xml_tree_child(&s.tree, root, "starttls", "urn:ietf:params:xml:ns:xmpp-tls");
	assert_non_null(node);
	assert_non_null(xml_tree_child(&s.tree, node, "required", "urn:ietf:params:xml:ns:xmpp-tls"));
	node = xml_tree_child(&s.tree, root, "mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl");
	assert_span(s.tree.node[node->child].text, "PLAIN");
	node = &s.tree.node[s.tree.node[node->child].next];
	assert_span(node->text, "EXTERNAL");
	assert_int_equal(node->attrs, 2);
	assert_int_equal(node->next, 0);
	assert_span(xml_tree_attr(&s.tree, node, "a")->value, "1 2");
	assert_false(xml_tree_attr(&s.tree, node, "a")->coded);
	assert_true(xml_tree_attr(&s.tree, node, "b")->coded);
	assert_null(xml_tree_attr(&s.tree, node, "lang"));
	assert_non_null(xml_tree_child(&s.tree, root, "dialback", "urn:xmpp:features:dialback"));
	drop(&s);
}

static void test_tree_namespaces(void **state)
{
	struct sample s;

	(void)state;
	parse(&s, "<db:result><p:a xmlns:p='u&amp;v'><p:b/></p:a><c xmlns=''><xml:d/></c><e/><s:f xmlns:s='w'/><s:g/>"
	          "</db:result>");
	assert_true(s.parsed);
	assert_span(s.tree.node[0].ns, "jabber:server:dialback");
	assert_non_null(xml_tree_child(&s.tree, &s.tree.node[0], "a", "u&amp;v"));
	assert_span(s.tree.node[2].ns, "u&amp;v");
	assert_int_equal(s.tree.node[2].parent, 1);
	assert_span(s.tree.node[3].ns, "");
	assert_span(s.tree.node[4].ns, "http://www.w3.org/XML/1998/namespace");
	assert_span(s.tree.node[5].ns, "jabber:server");
	assert_span(s.tree.node[6].ns, "w");
	assert_span(s.tree.node[7].ns, "http://etherx.jabber.org/streams");
	drop(&s);
	/* A declaration ends with its element, not with a child of it. */
	parse(&s, "<p:a xmlns:p='u' xmlns='v'><b/><p:c><d xmlns='w'/></p:c><p:e/><f/></p:a>");
	assert_true(s.parsed);
	assert_span(s.tree.node[2].ns, "u");
	assert_span(s.tree.node[3].ns, "w");
	assert_span(s.tree.node[4].ns, "u");
	assert_span(s.tree.node[5].ns, "v");
	drop(&s);
}

static void test_tree_text(void **state)
{
	struct sample s;

	(void)state;
	parse(&s, "<a ><b>x&lt;</b><c><![CDATA[<&>]]></c><d>1<![CDATA[2]]></d><e><f/>t</e "
	          "><g>1<h/>2</g><i><![CDATA[]]></i></a>");
	assert_true(s.parsed);
	assert_span(s.tree.node[1].text, "x&lt;");
	assert_false(s.tree.node[1].cdata || s.tree.node[1].more);
	assert_span(s.tree.node[2].text, "<&>");
	assert_true(s.tree.node[2].cdata && !s.tree.node[2].more);
	assert_span(s.tree.node[3].text, "1");
	assert_true(s.tree.node[3].more && !s.tree.node[3].cdata);
	assert_span(s.tree.node[4].text, "t");
	assert_false(s.tree.node[4].more);
	assert_true(s.tree.node[6].more);
	assert_int_equal(s.tree.node[8].text.n, 0);
	drop(&s);
	parse(&s, "<a/>");
	assert_true(s.parsed && s.tree.nodes == 1 && s.tree.node[0].child == 0);
	drop(&s);
}

/* A stanza of n times `part` inside <a>. */
static bool parse_many(const char *start, const char *part, size_t n, const char *end)
{
	struct sample s;
	char text[8192];
	bool parsed;

	strcpy(text, start);
	for (size_t i = 0; i < n; i++)
		sprintf(text + strlen(text), part, (int)i);
	strcat(text, end);
	parse(&s, text);
	parsed = s.parsed;
	drop(&s);
	return parsed;
}

static void test_tree_bounds(void **state)
{
	(void)state;
	assert_true(parse_many("<a>", "<b/>", XML_TREE_NODES - 1, "</a>"));
	assert_false(parse_many("<a>", "<b/>", XML_TREE_NODES, "</a>"));
	assert_true(parse_many("<a>", "<b c='' d=''/>", XML_TREE_ATTRS / 2, "</a>"));
	assert_false(parse_many("<a>", "<b c='' d=''/>", XML_TREE_ATTRS / 2 + 1, "</a>"));
	assert_true(parse_many("<a>", "<b xmlns:p%d='u'/>", 63, "</a>"));
	assert_true(parse_many("<a", " xmlns:p%d='u'", 60, "/>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode), cmocka_unit_test(test_decode_space),
	    cmocka_unit_test(test_same_value), cmocka_unit_test(test_features), cmocka_unit_test(test_tree_namespaces),
	    cmocka_unit_test(test_tree_text), cmocka_unit_test(test_tree_bounds)};

	return cmocka_run_group_tests_name("xml_tree", tests, NULL, NULL);
}
