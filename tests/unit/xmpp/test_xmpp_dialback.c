#include "xmpp/scene.h"

static struct xmpp_db read_db(const char *element)
{
	struct scene s;
	struct xmpp_db db;

	scene_element(&s, element);
	xmpp_db_read(&db, s.x, &s.ev);
	scene_end(&s);
	return db;
}

static void check_db(const char *element, enum xmpp_db_type type, const char *id, const char *key)
{
	struct xmpp_db db = read_db(element);

	if (!db.good)
		fail_msg("not good: %s", element);
	assert_int_equal(db.type, type);
	assert_string_equal(db.pair.from.s, "ejd.lab");
	assert_string_equal(db.pair.to.s, "strict.lab");
	assert_string_equal(db.id, id);
	assert_string_equal(db.key, key);
}

static void test_elements_of_real_servers(void **state)
{
	(void)state;
	/* ejabberd */
	check_db("<db:result to='strict.lab' from='ejd.lab'>95b67cb77146ea8b7e43</db:result>", XMPP_DB_REQUEST, "",
	    "95b67cb77146ea8b7e43");
	check_db("<db:verify id='2060485186713615750' to='strict.lab' from='ejd.lab'>3bf9c3ab554959b9</db:verify>",
	    XMPP_DB_REQUEST, "2060485186713615750", "3bf9c3ab554959b9");
	check_db("<db:result type='valid' to='strict.lab' from='ejd.lab'/>", XMPP_DB_VALID, "", "");
	/* Prosody echoes id and key. */
	check_db("<db:result from='ejd.lab' type='valid' to='strict.lab' id='acb6d47d-6d14'>a221bc75</db:result>",
	    XMPP_DB_VALID, "acb6d47d-6d14", "");
	/* jabberd2 declares the prefix on each element. */
	check_db(
	    "<db:result xmlns:db='jabber:server:dialback' type='valid' from='ejd.lab' to='strict.lab'></db:result>",
	    XMPP_DB_VALID, "", "");
	check_db("<db:verify xmlns:db='jabber:server:dialback' id='nar0caqn8x' from='ejd.lab' to='strict.lab'>aaaaf1"
	         "</db:verify>",
	    XMPP_DB_REQUEST, "nar0caqn8x", "aaaaf1");
}

static void test_answers(void **state)
{
	struct xmpp_db db;

	(void)state;
	check_db("<db:verify from='ejd.lab' to='strict.lab' id='1' type='valid'/>", XMPP_DB_VALID, "1", "");
	check_db("<db:verify from='ejd.lab' to='strict.lab' id='1' type='invalid'/>", XMPP_DB_INVALID, "1", "");
	check_db("<db:verify from='ejd.lab' to='strict.lab' id='1' type='in&#118;alid'/>", XMPP_DB_INVALID, "1", "");
	db = read_db("<db:result from='ejd.lab' to='strict.lab' type='error'><error type='cancel'>"
	             "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
	             "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>who?</text></error></db:result>");
	assert_true(db.good);
	assert_int_equal(db.type, XMPP_DB_ERROR);
	assert_string_equal(db.error.condition, "item-not-found");
	assert_string_equal(db.error.text, "who?");
	db = read_db("<db:verify from='ejd.lab' to='strict.lab' id='1' type='error'>\n  <error type='wait'>\n    "
	             "<remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\n  </error>\n</db:verify>");
	assert_true(db.good);
	assert_string_equal(db.error.condition, "remote-server-timeout");
	db = read_db("<db:result from='ejd.lab' to='strict.lab' type='error'><x xmlns='x'>"
	             "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></x><error type='auth'>"
	             "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>");
	assert_string_equal(db.error.condition, "forbidden");
	/* An error that does not say which. */
	db = read_db("<db:result from='ejd.lab' to='strict.lab' type='error'/>");
	assert_true(db.good);
	assert_string_equal(db.error.condition, "");
}

static void test_values_are_decoded_and_trimmed(void **state)
{
	struct xmpp_db db = read_db("<db:verify from='&#69;JD.lab.' to=\"b\xC3\xBC"
	                            "cher.example\" id='a&amp;&apos;b'>\n "
	                            "k&lt;y \r\n</db:verify>");

	(void)state;
	assert_true(db.good);
	assert_string_equal(db.pair.from.s, "ejd.lab");
	assert_string_equal(db.pair.to.s, "xn--bcher-kva.example");
	assert_string_equal(db.id, "a&'b");
	assert_string_equal(db.key, "k<y");
	db = read_db("<db:result from='a.example' to='b.example'><![CDATA[k&lt;]]></db:result>");
	assert_true(db.good);
	assert_string_equal(db.key, "k&lt;");
}

static void test_not_good(void **state)
{
	static const char *const bad[] = {
	    "<db:result to='b.example'>k</db:result>",
	    "<db:result from='a.example'>k</db:result>",
	    "<db:result from='' to='b.example'>k</db:result>",
	    "<db:result from='x@a.example' to='b.example'>k</db:result>",
	    "<db:result from='a.example/x' to='b.example'>k</db:result>",
	    "<db:result from='a.example' to='b .example'>k</db:result>",
	    "<db:result from='a.example' to='b.example'/>",
	    "<db:result from='a.example' to='b.example'> \n</db:result>",
	    "<db:result from='a.example' to='b.example' type=''>k</db:result>",
	    "<db:result from='a.example' to='b.example' type='Valid'/>",
	    "<db:result from='a.example' to='b.example' type='valid '/>",
	    "<db:result from='a.example' to='b.example' type='validated'>k</db:result>",
	    "<db:verify from='a.example' to='b.example'>k</db:verify>",
	    "<db:verify from='a.example' to='b.example' id=''>k</db:verify>",
	    "<db:verify from='a.example' to='b.example' type='valid'/>",
	    "<db:verify from='a.example' to='b.example' id='1'/>",
	    "<db:result from='a.example' to='b.example'>k<x/>ey</db:result>",
	    "<db:result from='a.example' to='b.example'>k<![CDATA[ey]]></db:result>",
	    "<db:result xmlns:q='q' q:from='a.example' to='b.example'>k</db:result>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_db(bad[i]).good)
			fail_msg("good: %s", bad[i]);
	}
}

static void test_bounds(void **state)
{
	char text[2048];

	(void)state;
	for (int over = 0; over <= 1; over++) {
		struct xmpp_db db;

		snprintf(text, sizeof(text), "<db:verify from='a.example' to='b.example' id='%0*d'>k</db:verify>",
		    XMPP_ID_MAX + over, 1);
		db = read_db(text);
		assert_int_equal(db.good, !over);
		assert_int_equal(strlen(db.id), over ? 0 : XMPP_ID_MAX);
		snprintf(text, sizeof(text), "<db:verify from='a.example' to='b.example' id='1'>%0*d</db:verify>",
		    XMPP_KEY_MAX + over, 1);
		db = read_db(text);
		assert_int_equal(db.good, !over);
		assert_int_equal(strlen(db.key), over ? 0 : XMPP_KEY_MAX);
		snprintf(text, sizeof(text), "<db:result from='a.example' to='b.example'><![CDATA[%0*d]]></db:result>",
		    XMPP_KEY_MAX + over, 1);
		db = read_db(text);
		assert_int_equal(db.good, !over);
		assert_int_equal(strlen(db.key), over ? 0 : XMPP_KEY_MAX);
		snprintf(text, sizeof(text), "<db:result from='a.example' to='b.example' id='%0*d'>k</db:result>",
		    XMPP_ID_MAX + over, 1);
		assert_int_equal(read_db(text).good, !over);
	}
	strcpy(text, "<db:result from='a.example' to='b.example'>k");
	for (unsigned i = 0; i < XML_TREE_NODES; i++)
		strcat(text, "<x/>");
	strcat(text, "</db:result>");
	assert_false(read_db(text).good);
}

static void test_put(void **state)
{
	struct pair pair = {domain_of("a.example"), domain_of("b\xC3\xBC"
	                                                      "cher.example")};
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
#define ADDRESSES                                                                                                      \
	" from='a.example' to='b\xC3\xBC"                                                                              \
	"cher.example'"
	assert_true(xmpp_put_db_result(&b, &pair, "k<&>", NULL));
	assert_written(&b, "<db:result" ADDRESSES ">k&lt;&amp;&gt;</db:result>");
	assert_true(xmpp_put_db_result(&b, &pair, NULL, "valid"));
	assert_written(&b, "<db:result" ADDRESSES " type='valid'/>");
	assert_true(xmpp_put_db_result(&b, &pair, "not written in an answer", "invalid"));
	assert_written(&b, "<db:result" ADDRESSES " type='invalid'/>");
	assert_true(xmpp_put_db_verify(&b, &pair, "i'd", "key", NULL));
	assert_written(&b, "<db:verify" ADDRESSES " id='i&apos;d'>key</db:verify>");
	assert_true(xmpp_put_db_verify(&b, &pair, "i'd", NULL, "invalid"));
	assert_written(&b, "<db:verify xmlns:db='jabber:server:dialback'" ADDRESSES " id='i&apos;d' type='invalid'/>");
}

/* On a public stream our header declares no prefix for dialback, and still a db:verify must be answered. */
static void test_verify_answer_stands_alone(void **state)
{
	struct pair pair = {domain_of("a.example"), domain_of("b.example")};
	struct scene s;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	assert_true(xmpp_put_db_verify(&b, &pair, "1", NULL, "invalid"));
	scene_header(&s, "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server'>");
	assert_int_equal(xml_next(s.x, &s.ev, buf_span(&b)), XML_ELEMENT);
	assert_int_equal(xmpp_kind(&s.ev), XMPP_DB_VERIFY);
	scene_end(&s);
	buf_free(&b);
}

static void test_round_trip(void **state)
{
	struct pair pair = {domain_of("a.example"), domain_of("b\xC3\xBC"
	                                                      "cher.example")};
	static const char id[] = "\t'\"<&amp;>\n", key[] = "k&<>'\"\xC3\xA9";
	struct xmpp_db db;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 4096);
	assert_true(xmpp_put_db_verify(&b, &pair, id, key, NULL));
	assert_true(buf_put(&b, (struct span){"", 1}));
	db = read_db(buf_span(&b).p);
	buf_free(&b);
	assert_true(db.good);
	assert_true(pair_eq(&db.pair, &pair));
	assert_string_equal(db.id, id);
	assert_string_equal(db.key, key);
}

/* XEP-0185's secret, and two keys recomputed with another implementation. */
static void test_key_vectors(void **state)
{
	struct xmpp_dialback_secret secret;
	struct domain receiving = domain_of("xmpp.example.com"), originating = domain_of("example.org");
	struct domain montague = domain_of("montague.example"), capulet = domain_of("capulet.example");
	char key[XMPP_DIALBACK_KEY_LEN + 1];

	(void)state;
	xmpp_dialback_secret(&secret, SPAN("s3cr3tf0rd14lb4ck"));
	assert_memory_equal(secret.hex, "a7136eb1f46c9ef18c5e78c36ca257067c69b3d518285f0b18a96c33beae9acc", 64);
	xmpp_dialback_key(key, &secret, &receiving, &originating, "D60000229F");
	assert_string_equal(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
	xmpp_dialback_key(key, &secret, &montague, &capulet, "D60000229F");
	assert_string_equal(key, "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3");
}

static void test_key_check(void **state)
{
	struct xmpp_dialback_secret secret, other;
	struct domain r = domain_of("r.example"), o = domain_of("o.example");
	char key[XMPP_DIALBACK_KEY_LEN + 2], id[XMPP_ID_MAX + 1];

	(void)state;
	xmpp_dialback_secret(&secret, SPAN("one"));
	xmpp_dialback_secret(&other, SPAN("two"));
	memset(id, 'i', sizeof(id));
	id[XMPP_ID_MAX] = '\0';
	xmpp_dialback_key(key, &secret, &r, &o, id);
	assert_true(xmpp_dialback_check(&secret, &r, &o, id, key));
	assert_false(xmpp_dialback_check(&other, &r, &o, id, key));
	assert_false(xmpp_dialback_check(&secret, &o, &r, id, key));
	assert_false(xmpp_dialback_check(&secret, &r, &o, "i", key));
	for (size_t i = 0; i < XMPP_DIALBACK_KEY_LEN; i++) {
		key[i] ^= 1;
		assert_false(xmpp_dialback_check(&secret, &r, &o, id, key));
		key[i] ^= 1;
	}
	strcat(key, "0");
	assert_false(xmpp_dialback_check(&secret, &r, &o, id, key));
	key[XMPP_DIALBACK_KEY_LEN - 1] = '\0';
	assert_false(xmpp_dialback_check(&secret, &r, &o, id, key));
	assert_false(xmpp_dialback_check(&secret, &r, &o, id, ""));
}

static void test_new_id(void **state)
{
	char a[XMPP_NEW_ID_LEN + 1], b[XMPP_NEW_ID_LEN + 1];

	(void)state;
	xmpp_new_id(a);
	xmpp_new_id(b);
	assert_int_equal(strlen(a), XMPP_NEW_ID_LEN);
	assert_int_equal(strspn(a, "0123456789abcdef"), XMPP_NEW_ID_LEN);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_elements_of_real_servers),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_values_are_decoded_and_trimmed),
	    cmocka_unit_test(test_not_good),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_put),
	    cmocka_unit_test(test_verify_answer_stands_alone),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_key_vectors),
	    cmocka_unit_test(test_key_check),
	    cmocka_unit_test(test_new_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
