/* relay: which stanzas are of a pair (S3, S4), and the declarations they take along (S6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sallyport/relay.h"

static const struct xml_limits limits = { 65536, 64, 64, 256 };
static const char plain_header[] = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>";

static void read_stanza(struct xml *x, const char *header, const char *stanza, struct xml_ev *ev)
{
	assert_int_equal(xml_next(x, ev, span_of(header)), XML_HEADER);
	assert_int_equal(xml_next(x, ev, span_of(stanza)), XML_ELEMENT);
	assert_int_equal(ev->bytes.n, strlen(stanza));
}

static struct pair the_pair(void)
{
	struct pair p;
	assert_true(domain_parse(&p.from, SPAN("peer.lab")));
	assert_true(domain_parse(&p.to, SPAN("a.lab")));
	return p;
}

static enum reason judge(const char *header, const char *stanza)
{
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;
	struct pair p = the_pair();
	read_stanza(x, header, stanza, &ev);
	enum reason why = relay_judge(&ev, &p);
	xml_free(x);
	return why;
}

static void stanzas_of_the_pair_may_pass(void **state)
{
	(void)state;
	static const char *const good[] = {
		"<message from='x@peer.lab/r' to='y@a.lab'/>",
		"<message from='peer.lab' to='a.lab'/>",
		"<message from='x@PEER.lab' to='y@A.LAB/R'/>",
		"<message from='x@peer.lab.' to='y@a.lab'/>",
		"<message from='x@peer.lab/odd@evil.lab/r' to='y@a.lab/@b.lab'/>",
		"<message from='x&#64;peer.lab' to='y&#x40;a.lab'/>",
		"<message from=\"o'x@peer.lab\" to='y@a.lab'/>",
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_int_equal(judge(plain_header, good[i]), REASON_NONE);
}

static void others_may_not(void **state)
{
	(void)state;
	static const struct {
		const char *stanza;
		enum reason why;
	} bad[] = {
		{ "<message from='x@evil.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='x@evilpeer.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='x@sub.peer.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='evil.lab/@peer.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='x@evil.lab&#x2F;@peer.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='x@peer.lab@evil.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message from='@peer.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message to='y@a.lab'/>", REASON_STANZA_TO },
		{ "<message from='x@peer.lab'/>", REASON_STANZA_TO },
		{ "<message from='x@peer.lab' to='y@b.lab'/>", REASON_STANZA_TO },
		{ "<message from='x@peer.lab' to='a.lab/'/>", REASON_STANZA_TO },
		{ "<message x=\" from='x@peer.lab' \" from='x@evil.lab' to='y@a.lab'/>", REASON_STANZA_FROM },
		{ "<message xmlns:q='urn:q' q:from='x@peer.lab' to='y@a.lab'/>", REASON_STANZA_TO },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (judge(plain_header, bad[i].stanza) != bad[i].why)
			print_message("%s\n", bad[i].stanza);
		assert_int_equal(judge(plain_header, bad[i].stanza), bad[i].why);
	}
}

static void dialback_inside_is_seen(void **state)
{
	(void)state;
	const char *with_db = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
	    "xmlns:db='jabber:server:dialback'>";
	assert_int_equal(judge(with_db, "<message from='x@peer.lab' to='y@a.lab'><db:result/></message>"), REASON_DIALBACK);
	assert_int_equal(judge(plain_header,
	    "<message from='x@peer.lab' to='y@a.lab'><a><b xmlns='jabber:server:dialback'/></a></message>"), REASON_DIALBACK);
	assert_int_equal(judge(with_db, "<message from='x@peer.lab' to='y@a.lab'><body>db:result</body></message>"), REASON_NONE);
}

static void copied(const char *header, const char *stanza, const char *expected)
{
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;
	struct buf b;
	buf_init(&b, NULL, 4096);
	read_stanza(x, header, stanza, &ev);
	assert_true(relay_copy(&b, x, &ev));
	assert_int_equal(buf_len(&b), strlen(expected));
	assert_memory_equal(buf_span(&b).p, expected, strlen(expected));
	buf_free(&b);
	xml_free(x);
}

static void prefixes_of_the_header_are_declared_again(void **state)
{
	(void)state;
	const char *header = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
	    "xmlns:e='urn:e' xmlns:q=\"urn:it's\" xmlns:unused='urn:u'>";
	copied(header, "<message from='a' to='b'><e:x/></message>", "<message xmlns:e='urn:e' from='a' to='b'><e:x/></message>");
	copied(header, "<message q:k='1'/>", "<message xmlns:q=\"urn:it's\" q:k='1'/>");
	copied(header, "<message><x xmlns:e='urn:own'><e:y/></x></message>", "<message><x xmlns:e='urn:own'><e:y/></x></message>");
	copied(header, "<iq><e:x/><q:y/></iq>", "<iq xmlns:e='urn:e' xmlns:q=\"urn:it's\"><e:x/><q:y/></iq>");
}

static void a_copy_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;
	struct buf b;
	buf_init(&b, NULL, 8);
	read_stanza(x, plain_header, "<message from='a' to='b'/>", &ev);
	assert_false(relay_copy(&b, x, &ev));
	assert_int_equal(buf_len(&b), 0);
	buf_free(&b);
	xml_free(x);
}

static void the_pair_of_a_stanza_is_read(void **state)
{
	(void)state;
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;
	struct pair p;
	read_stanza(x, plain_header, "<message from='x@Peer.LAB' to='a.lab/r'/>", &ev);
	assert_int_equal(relay_pair(&ev, &p), REASON_NONE);
	assert_string_equal(p.from.s, "peer.lab");
	assert_string_equal(p.to.s, "a.lab");
	xml_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stanzas_of_the_pair_may_pass),
		cmocka_unit_test(others_may_not),
		cmocka_unit_test(dialback_inside_is_seen),
		cmocka_unit_test(prefixes_of_the_header_are_declared_again),
		cmocka_unit_test(a_copy_that_does_not_fit_is_refused),
		cmocka_unit_test(the_pair_of_a_stanza_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
