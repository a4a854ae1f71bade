#include "xmpp/scene.h"

static void check_kind(const char *element, enum xmpp_kind kind)
{
	struct scene s;

	scene_element(&s, element);
	if (xmpp_kind(&s.ev) != kind)
		fail_msg("%s: kind %d, expected %d", element, xmpp_kind(&s.ev), kind);
	scene_end(&s);
}

#define TLS " xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define SASL " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"

static void test_every_kind(void **state)
{
	(void)state;
	check_kind("<message/>", XMPP_MESSAGE);
	check_kind("<presence/>", XMPP_PRESENCE);
	check_kind("<iq><x xmlns='y'/></iq>", XMPP_IQ);
	check_kind("<stream:features/>", XMPP_FEATURES);
	check_kind("<stream:error/>", XMPP_STREAM_ERROR);
	check_kind("<starttls" TLS "/>", XMPP_STARTTLS);
	check_kind("<proceed" TLS "/>", XMPP_PROCEED);
	check_kind("<failure" TLS "/>", XMPP_TLS_FAILURE);
	check_kind("<auth" SASL "/>", XMPP_AUTH);
	check_kind("<challenge" SASL "/>", XMPP_CHALLENGE);
	check_kind("<response" SASL "/>", XMPP_RESPONSE);
	check_kind("<abort" SASL "/>", XMPP_ABORT);
	check_kind("<success" SASL "/>", XMPP_SUCCESS);
	check_kind("<failure" SASL "/>", XMPP_SASL_FAILURE);
	check_kind("<db:result/>", XMPP_DB_RESULT);
	check_kind("<db:verify/>", XMPP_DB_VERIFY);
}

/* The namespace decides, not the prefix: jabberd2 declares its own on each element. */
static void test_namespace_decides(void **state)
{
	(void)state;
	check_kind("<d:verify xmlns:d='jabber:server:dialback'/>", XMPP_DB_VERIFY);
	check_kind("<result xmlns='jabber:server:dialback'/>", XMPP_DB_RESULT);
	check_kind("<s:features xmlns:s='http://etherx.jabber.org/streams'/>", XMPP_FEATURES);
	check_kind("<t:proceed xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'/>", XMPP_PROCEED);
	check_kind("<db:verify xmlns:db='elsewhere'/>", XMPP_UNKNOWN);
	check_kind("<message xmlns='jabber:client'/>", XMPP_UNKNOWN);
	check_kind("<message xmlns=''/>", XMPP_UNKNOWN);
	check_kind("<result/>", XMPP_UNKNOWN);
	check_kind("<features/>", XMPP_UNKNOWN);
	check_kind("<auth/>", XMPP_UNKNOWN);
	check_kind("<stream:message/>", XMPP_UNKNOWN);
	check_kind("<db:message/>", XMPP_UNKNOWN);
}

static void test_whole_names_in_exact_case(void **state)
{
	(void)state;
	check_kind("<Message/>", XMPP_UNKNOWN);
	check_kind("<messag/>", XMPP_UNKNOWN);
	check_kind("<messages/>", XMPP_UNKNOWN);
	check_kind("<db:results/>", XMPP_UNKNOWN);
}

/* RFC 6120 section 4.8.5: a server behind us that compares names as written must not read another element. */
static void test_prefixed_stanza_is_unknown(void **state)
{
	(void)state;
	check_kind("<s:message xmlns:s='jabber:server'/>", XMPP_UNKNOWN);
	check_kind("<s:presence xmlns:s='jabber:server'/>", XMPP_UNKNOWN);
	check_kind("<db:iq xmlns:db='jabber:server'/>", XMPP_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_kind),
	    cmocka_unit_test(test_namespace_decides),
	    cmocka_unit_test(test_whole_names_in_exact_case),
	    cmocka_unit_test(test_prefixed_stanza_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
