#include "xmpp/scene.h"

#define STREAMS "urn:ietf:params:xml:ns:xmpp-streams"
#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"

static void check_error(const char *element, const char *condition, const char *text)
{
	struct scene s;
	struct xmpp_error e;

	scene_element(&s, element);
	xmpp_error_read(&e, s.x, &s.ev);
	assert_string_equal(e.condition, condition);
	assert_string_equal(e.text, text);
	scene_end(&s);
}

static void test_errors_of_real_servers(void **state)
{
	(void)state;
	check_error("<stream:error><not-authorized xmlns='" STREAMS "'/></stream:error>", "not-authorized", "");
	check_error("<stream:error xmlns:stream='http://etherx.jabber.org/streams'><invalid-id xmlns='" STREAMS
	            "'/><text xmlns='" STREAMS "'>dialback negotiation failed</text></stream:error>",
	    "invalid-id", "dialback negotiation failed");
	check_error("<failure xmlns='" SASL
	            "'><not-authorized/><text xml:lang='en'>unable to get issuer</text></failure>",
	    "not-authorized", "unable to get issuer");
	check_error("<failure xmlns='" SASL "'/>", "", "");
	/* Before XMPP 1.0: text alone. */
	check_error("<stream:error>Disconnected.</stream:error>", "", "");
}

static void test_error_parts(void **state)
{
	(void)state;
	/* The text first; something of the application's; a second condition. */
	check_error("<stream:error><text xmlns='" STREAMS
	            "'>\n a &lt; b &#x263A; </text><x xmlns='app'/><gone xmlns='app'/>"
	            "<reset xmlns='" STREAMS "'/><conflict xmlns='" STREAMS "'/></stream:error>",
	    "reset", "a < b \xE2\x98\xBA");
	/* A SASL condition is none of a stream's, nor the other way round. */
	check_error("<stream:error><aborted xmlns='" SASL "'/></stream:error>", "", "");
	check_error("<failure xmlns='" SASL "'><reset xmlns='" STREAMS "'/></failure>", "", "");
	/* What is no condition's name must not get into logs and errors of ours as one. */
	check_error("<stream:error><Reset xmlns='" STREAMS "'/></stream:error>", "", "");
	check_error("<stream:error><a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z-a-b-c-d-e-f-g xmlns='" STREAMS
	            "'/></stream:error>",
	    "", "");
}

static void test_error_of_a_stanza(void **state)
{
	(void)state;
	check_error("<iq type='error' id='1' from='r.test' to='l.test/x'><ping xmlns='urn:xmpp:ping'/>"
	            "<error type='cancel'><service-unavailable xmlns='" STANZAS "'/><text xmlns='" STANZAS
	            "'>not here</text></error></iq>",
	    "service-unavailable", "not here");
	check_error("<iq type='result' id='1' from='r.test' to='l.test/x'/>", "", "");
	/* the condition of another kind of error says nothing */
	check_error("<iq type='error' id='1'><error><reset xmlns='" STREAMS "'/></error></iq>", "", "");
}

static void test_condition_bound(void **state)
{
	char element[256], name[80];

	(void)state;
	for (int n = 63; n <= 64; n++) {
		memset(name, 'a', sizeof(name));
		name[n] = '\0';
		snprintf(element, sizeof(element), "<stream:error><%s xmlns='" STREAMS "'/></stream:error>", name);
		check_error(element, n == 63 ? name : "", "");
	}
}

/* A text is cut between characters and between references. */
static void test_long_texts_are_cut(void **state)
{
	char element[1024], text[512];
	static const char *const tails[] = {"\xE2\x98\xBA", "&#x263A;", "&amp;"};

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tails); t++) {
		for (int lead = XMPP_TEXT_MAX - 10; lead <= XMPP_TEXT_MAX + 1; lead++) {
			struct scene s;
			struct xmpp_error e;
			size_t n;

			snprintf(text, sizeof(text), "%0*d%s%s", lead, 7, tails[t], tails[t]);
			snprintf(element, sizeof(element),
			    "<stream:error><reset xmlns='" STREAMS "'/><text xmlns='" STREAMS
			    "'>%s</text></stream:error>",
			    text);
			scene_element(&s, element);
			xmpp_error_read(&e, s.x, &s.ev);
			n = strlen(e.text);
			assert_true(n <= XMPP_TEXT_MAX);
			assert_true(n >= XMPP_TEXT_MAX - 10);
			assert_int_equal(e.text[0], '0');
			/* Whole characters only: what follows the digits are whole tails. */
			n = strspn(e.text, "07");
			assert_true(e.text[n] == '\0' || e.text[n] == '&' || strncmp(e.text + n, tails[0], 3) == 0);
			scene_end(&s);
		}
	}
}

static void test_put_stream_error(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	assert_true(xmpp_put_stream_error(&b, "policy-violation", "Your server's certificate has expired."));
	assert_written(&b,
	    "<stream:error><policy-violation xmlns='" STREAMS "'/><text xmlns='" STREAMS "' xml:lang='en'>"
	    "Your server&apos;s certificate has expired.</text></stream:error>");
	assert_true(xmpp_put_stream_error(&b, "reset", NULL));
	assert_written(&b, "<stream:error><reset xmlns='" STREAMS "'/></stream:error>");
	assert_true(xmpp_put_stream_error(&b, "reset", ""));
	assert_written(&b, "<stream:error><reset xmlns='" STREAMS "'/></stream:error>");
	assert_true(xmpp_put_stream_error(&b, "reset", "</text>\x01\x1B]]>"));
	assert_written(&b, "<stream:error><reset xmlns='" STREAMS "'/><text xmlns='" STREAMS "' xml:lang='en'>"
	                   "&lt;/text&gt;??]]&gt;</text></stream:error>");
}

static void check_bounce(const char *stanza, const char *condition, const char *text, const char *want)
{
	struct scene s;
	struct buf b;

	buf_init(&b, NULL, 16384);
	scene_element(&s, stanza);
	assert_true(xmpp_put_bounce(&b, &s.ev, condition, text));
	assert_written(&b, want);
	buf_free(&b);
	scene_end(&s);
}

#define ERROR(type, condition) " type='error'><error type='" type "'><" condition " xmlns='" STANZAS "'/></error></"

static void test_bounce(void **state)
{
	(void)state;
	check_bounce("<message from='alice@pro.lab/a' id='ceeff' type='chat' xml:lang='en' to='bob@strict.lab'>"
	             "<body>hello</body></message>",
	    "remote-server-timeout", "It's <over>.",
	    "<message id='ceeff' from='bob@strict.lab' to='alice@pro.lab/a' type='error'><error type='wait'>"
	    "<remote-server-timeout xmlns='" STANZAS "'/><text xmlns='" STANZAS
	    "' xml:lang='en'>It&apos;s &lt;over&gt;.</text>"
	    "</error></message>");
	check_bounce("<iq from='a' to='b' type='get'/>", "remote-server-not-found", NULL,
	    "<iq from='b' to='a'" ERROR("cancel", "remote-server-not-found") "iq>");
	check_bounce("<presence from='a' to='b/x'/>", "resource-constraint", NULL,
	    "<presence from='b/x' to='a'" ERROR("wait", "resource-constraint") "presence>");
}

static void test_bounce_error_types(void **state)
{
	(void)state;
#define CHECK(type, condition)                                                                                         \
	check_bounce(                                                                                                  \
	    "<iq from='a' to='b' type='set'/>", condition, NULL, "<iq from='b' to='a'" ERROR(type, condition) "iq>")
	/* RFC 6120 section 8.3.3, in its order. */
	CHECK("modify", "bad-request");
	CHECK("cancel", "conflict");
	CHECK("cancel", "feature-not-implemented");
	CHECK("auth", "forbidden");
	CHECK("cancel", "gone");
	CHECK("cancel", "internal-server-error");
	CHECK("cancel", "item-not-found");
	CHECK("modify", "jid-malformed");
	CHECK("modify", "not-acceptable");
	CHECK("cancel", "not-allowed");
	CHECK("auth", "not-authorized");
	CHECK("modify", "policy-violation");
	CHECK("wait", "recipient-unavailable");
	CHECK("modify", "redirect");
	CHECK("auth", "registration-required");
	CHECK("cancel", "remote-server-not-found");
	CHECK("wait", "remote-server-timeout");
	CHECK("wait", "resource-constraint");
	CHECK("cancel", "service-unavailable");
	CHECK("auth", "subscription-required");
	CHECK("cancel", "undefined-condition");
	CHECK("wait", "unexpected-request");
#undef CHECK
}

/* Which stanzas are answered. */
static void test_bounce_only_what_expects_it(void **state)
{
	static const struct {
		const char *name;
		const char *type; /* NULL: none */
		bool answered;
	} cases[] = {
	    {"message", NULL, true},
	    {"message", "chat", true},
	    {"message", "groupchat", true},
	    {"message", "headline", true},
	    {"message", "normal", true},
	    {"message", "whatever-it-may-be", true},
	    {"message", "error", false},
	    {"message", "e&#114;ror", false},
	    {"iq", "get", true},
	    {"iq", "set", true},
	    {"iq", "result", false},
	    {"iq", "error", false},
	    {"iq", NULL, false},
	    {"iq", "", false},
	    {"iq", "getgetgetgetgetget", false},
	    {"presence", NULL, true},
	    {"presence", "subscribe", true},
	    {"presence", "subscribed", true},
	    {"presence", "unsubscribe", true},
	    {"presence", "unsubscribed", true},
	    {"presence", "probe", true},
	    {"presence", "unavailable", false},
	    {"presence", "error", false},
	    {"presence", "invisible", false},
	    {"presence", "&#101;rror", false},
	    {"presence", "subscribe-or-whatever", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char stanza[256];
		struct scene s;
		struct buf b;

		snprintf(stanza, sizeof(stanza), "<%s from='a' to='b'%s%s%s/>", cases[i].name,
		    cases[i].type != NULL ? " type='" : "", cases[i].type != NULL ? cases[i].type : "",
		    cases[i].type != NULL ? "'" : "");
		buf_init(&b, NULL, 4096);
		scene_element(&s, stanza);
		assert_true(xmpp_put_bounce(&b, &s.ev, "gone", NULL));
		if ((buf_len(&b) > 0) != cases[i].answered)
			fail_msg("%s", stanza);
		buf_free(&b);
		scene_end(&s);
	}
}

static void test_no_bounce_without_addresses(void **state)
{
	(void)state;
	check_bounce("<message to='b'/>", "gone", NULL, "");
	check_bounce("<message from='a'/>", "gone", NULL, "");
	check_bounce("<message from='' to='b'/>", "gone", NULL, "");
	check_bounce("<message xmlns='jabber:client' from='a' to='b'/>", "gone", NULL, "");
	check_bounce("<stream:features from='a' to='b'/>", "gone", NULL, "");
}

/* Whatever quotes and references a value came with, a parser reads the same value in the answer. */
static void test_bounce_keeps_values(void **state)
{
	static const char stanza[] =
	    "<message id=\"it's&#39;&quot;&amp;amp;&#10;&lt;>\t\" from=\"o'neill@a.example/&apos;\" "
	    "to='b.example/\"&gt;'/>";
	char id[256], id2[256];
	size_t n, n2;
	struct scene s, answer;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	scene_element(&s, stanza);
	assert_true(xmpp_put_bounce(&b, &s.ev, "gone", NULL));
	assert_true(buf_put(&b, (struct span){"", 1}));
	scene_element(&answer, buf_span(&b).p);
	assert_true(xml_decode(s.ev.id.value, true, id, sizeof(id), &n));
	assert_true(xml_decode(answer.ev.id.value, true, id2, sizeof(id2), &n2));
	assert_span_equal((struct span){id, n}, "it's'\"&amp;\n<> ");
	assert_true(span_eq((struct span){id, n}, (struct span){id2, n2}));
	assert_span_equal(answer.ev.to.value, "o&apos;neill@a.example/&apos;");
	assert_span_equal(answer.ev.from.value, "b.example/\"&gt;");
	scene_end(&s);
	scene_end(&answer);
	buf_free(&b);
}

/* Any JID that there can be is answered, what is longer is not. */
static void test_bounce_long_values(void **state)
{
	static const char *const names[] = {"id", "from", "to"};
	char stanza[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (int n = 3071; n <= 3072; n++) {
			struct scene s;
			struct buf b;

			snprintf(stanza, sizeof(stanza), "<message %s='%0*d'%s%s/>", names[i], n, 1,
			    i != 1 ? " from='a'" : "", i != 2 ? " to='b'" : "");
			buf_init(&b, NULL, 8192);
			scene_element(&s, stanza);
			assert_true(xmpp_put_bounce(&b, &s.ev, "gone", NULL));
			assert_true(n == 3071 ? buf_len(&b) > 3071 : buf_len(&b) == 0);
			scene_end(&s);
			buf_free(&b);
		}
	}
}

static void test_bounce_into_a_full_buffer(void **state)
{
	struct scene s;
	struct buf b;

	(void)state;
	scene_element(&s, "<message from='a' to='b'/>");
	buf_init(&b, NULL, 100);
	assert_true(buf_put(&b, SPAN("earlier")));
	assert_false(xmpp_put_bounce(&b, &s.ev, "gone", NULL));
	assert_written(&b, "earlier");
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors_of_real_servers),
	    cmocka_unit_test(test_error_parts),
	    cmocka_unit_test(test_error_of_a_stanza),
	    cmocka_unit_test(test_condition_bound),
	    cmocka_unit_test(test_long_texts_are_cut),
	    cmocka_unit_test(test_put_stream_error),
	    cmocka_unit_test(test_bounce),
	    cmocka_unit_test(test_bounce_error_types),
	    cmocka_unit_test(test_bounce_only_what_expects_it),
	    cmocka_unit_test(test_no_bounce_without_addresses),
	    cmocka_unit_test(test_bounce_keeps_values),
	    cmocka_unit_test(test_bounce_long_values),
	    cmocka_unit_test(test_bounce_into_a_full_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
