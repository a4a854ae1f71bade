/* fsm: the paths that negotiation takes, and, exhaustively, where each action that matters for security may happen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sallyport/fsm.h"

struct walk {
	enum fsm_event event;
	enum fsm_action action;
	enum fsm_state next;
};

static void walk(enum role role, enum fsm_state from, const struct walk *steps, size_t n)
{
	enum fsm_state state = from;
	for (size_t i = 0; i < n; i++) {
		struct fsm_step step = fsm_step(role, state, steps[i].event);
		if (step.action != steps[i].action || step.next != steps[i].next)
			print_message("step %zu in %s\n", i, fsm_state_name(state));
		assert_int_equal(step.action, steps[i].action);
		assert_int_equal(step.next, steps[i].next);
		state = step.next;
	}
}
#define WALK(role, from, ...) \
	walk(ROLE_##role, STATE_##from, (const struct walk[]){ __VA_ARGS__ }, \
	    sizeof((const struct walk[]){ __VA_ARGS__ }) / sizeof(struct walk))
#define S(event, action, next) { EVENT_##event, ACT_##action, STATE_##next }

static void public_in_goes_by_starttls(void **state)
{
	(void)state;
	WALK(PUBLIC_IN, FIRST, S(XML_BYTE, NONE, HEADER), S(HEADER, GREET, STARTTLS), S(STARTTLS, PROCEED, HANDSHAKE),
	    S(SECURED, NONE, SECURE_HEADER), S(HEADER, ADMIT, AUTH), S(AUTH, CHECK_AUTH, SINK), S(SINK_OPEN, SUCCESS, RESTART),
	    S(HEADER, REOPEN, OPEN), S(STANZA, RELAY, OPEN), S(DB_VERIFY, DB_DENY, OPEN));
}

static void public_in_goes_by_direct_tls(void **state)
{
	(void)state;
	WALK(PUBLIC_IN, FIRST, S(TLS_BYTE, ACCEPT_DIRECT, HANDSHAKE), S(SECURED, NONE, SECURE_HEADER), S(HEADER, ADMIT, AUTH));
}

static void public_out_goes_by_starttls(void **state)
{
	(void)state;
	WALK(PUBLIC_OUT, DIAL, S(CONNECTED, HELLO, HEADER), S(HEADER, NONE, FEATURES), S(FEATURES_TLS, REQUEST_TLS, PROCEED),
	    S(PROCEED, CONNECT_TLS, HANDSHAKE), S(SECURED, JUDGE, SECURE_HEADER), S(HEADER, NONE, SECURE_FEATURES),
	    S(FEATURES_EXTERNAL, AUTH, SASL), S(SUCCESS, HELLO, AUTH_HEADER), S(HEADER, NONE, AUTH_FEATURES),
	    S(FEATURES, SINK_READY, OPEN));
}

static void public_out_goes_by_direct_tls(void **state)
{
	(void)state;
	WALK(PUBLIC_OUT, DIAL, S(CONNECTED_TLS, CONNECT_TLS, HANDSHAKE), S(SECURED, JUDGE, SECURE_HEADER));
}

static void backend_in_takes_all_three_ways(void **state)
{
	(void)state;
	WALK(BACKEND_IN, FIRST, S(TLS_BYTE, ACCEPT_DIRECT, HANDSHAKE), S(SECURED, NONE, SECURE_HEADER), S(HEADER, GREET, READY),
	    S(DB_RESULT, DB_RESULT, READY), S(STANZA, RELAY, READY), S(DB_VERIFY, DB_VERIFY, READY));
	WALK(BACKEND_IN, FIRST, S(XML_BYTE, NONE, HEADER), S(HEADER, GREET, CLEAR), S(STARTTLS, PROCEED, HANDSHAKE));
	WALK(BACKEND_IN, FIRST, S(XML_BYTE, NONE, HEADER), S(HEADER, GREET, CLEAR), S(DB_RESULT, DB_RESULT, READY));
	/* jabberd2 without a certificate file: no version, no features */
	WALK(BACKEND_IN, FIRST, S(XML_BYTE, NONE, HEADER), S(OLD_HEADER, GREET, READY), S(DB_VERIFY, DB_VERIFY, READY));
}

static void backend_out_takes_what_is_offered(void **state)
{
	(void)state;
	WALK(BACKEND_OUT, DIAL, S(CONNECTED, HELLO, HEADER), S(HEADER, NONE, FEATURES), S(FEATURES_TLS, REQUEST_TLS, PROCEED),
	    S(PROCEED, CONNECT_TLS, HANDSHAKE), S(SECURED, HELLO, SECURE_HEADER), S(HEADER, NONE, SECURE_FEATURES),
	    S(FEATURES_EXTERNAL, SEND_KEY, KEY), S(DB_RESULT, KEY_ANSWER, OPEN));
	WALK(BACKEND_OUT, DIAL, S(CONNECTED, HELLO, HEADER), S(HEADER, NONE, FEATURES), S(FEATURES, SEND_KEY, KEY));
	WALK(BACKEND_OUT, DIAL, S(CONNECTED, HELLO, HEADER), S(OLD_HEADER, SEND_KEY, KEY));
}

static void failures_have_their_word(void **state)
{
	(void)state;
	static const struct {
		enum role role;
		enum fsm_state state;
		enum fsm_event event;
		enum reason why;
	} rows[] = {
		{ ROLE_PUBLIC_IN, STATE_HEADER, EVENT_OLD_HEADER, REASON_PEER_VERSION },
		{ ROLE_PUBLIC_IN, STATE_STARTTLS, EVENT_AUTH, REASON_TLS_REQUIRED },
		{ ROLE_PUBLIC_IN, STATE_STARTTLS, EVENT_DB_RESULT, REASON_TLS_REQUIRED },
		{ ROLE_PUBLIC_IN, STATE_STARTTLS, EVENT_STANZA, REASON_NOT_AUTHORIZED },
		{ ROLE_PUBLIC_IN, STATE_AUTH, EVENT_STANZA, REASON_NOT_AUTHORIZED },
		{ ROLE_PUBLIC_IN, STATE_AUTH, EVENT_DB_RESULT, REASON_DIALBACK },
		{ ROLE_PUBLIC_IN, STATE_OPEN, EVENT_DB_RESULT, REASON_DIALBACK },
		{ ROLE_PUBLIC_IN, STATE_OPEN, EVENT_AUTH, REASON_UNEXPECTED },
		{ ROLE_PUBLIC_OUT, STATE_FEATURES, EVENT_FEATURES, REASON_TLS_NOT_OFFERED },
		{ ROLE_PUBLIC_OUT, STATE_SECURE_FEATURES, EVENT_FEATURES, REASON_EXTERNAL_NOT_OFFERED },
		{ ROLE_PUBLIC_OUT, STATE_SASL, EVENT_SASL_FAILURE, REASON_EXTERNAL_REFUSED },
		{ ROLE_PUBLIC_OUT, STATE_PROCEED, EVENT_TLS_FAILURE, REASON_TLS_REFUSED },
		{ ROLE_PUBLIC_OUT, STATE_HEADER, EVENT_OLD_HEADER, REASON_PEER_VERSION },
		{ ROLE_BACKEND_OUT, STATE_PROCEED, EVENT_TLS_FAILURE, REASON_BACKEND_TLS },
		{ ROLE_BACKEND_IN, STATE_CLEAR, EVENT_STANZA, REASON_NOT_AUTHORIZED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fsm_step step = fsm_step(rows[i].role, rows[i].state, rows[i].event);
		assert_int_equal(step.action, ACT_FAIL);
		assert_int_equal(step.why, rows[i].why);
	}
}

typedef bool allowed_fn(enum role role, enum fsm_state state, enum fsm_event event);

/* In every cell of every table: the action stands there only if allowed says so, and somewhere it does. */
static void only_where(enum fsm_action action, allowed_fn *allowed)
{
	unsigned seen = 0;
	for (enum role r = 0; r < ROLE_COUNT; r++)
		for (enum fsm_state s = 0; s < STATE_COUNT; s++)
			for (enum fsm_event e = 0; e < EVENT_COUNT; e++) {
				struct fsm_step step = fsm_step(r, s, e);
				if (step.action != action)
					continue;
				if (!allowed(r, s, e))
					print_message("%s %s %d\n", role_name(r), fsm_state_name(s), e);
				assert_true(allowed(r, s, e));
				seen++;
			}
	assert_true(seen > 0);
}

static bool may_relay(enum role r, enum fsm_state s, enum fsm_event e)
{
	return e == EVENT_STANZA && ((r == ROLE_PUBLIC_IN && (s == STATE_OPEN || s == STATE_ENDING)) ||
	    (r == ROLE_BACKEND_IN && (s == STATE_READY || s == STATE_ENDING)));
}
static bool may_succeed(enum role r, enum fsm_state s, enum fsm_event e)
{
	return r == ROLE_PUBLIC_IN && s == STATE_SINK && e == EVENT_SINK_OPEN;
}
static bool may_check_auth(enum role r, enum fsm_state s, enum fsm_event e)
{
	return r == ROLE_PUBLIC_IN && s == STATE_AUTH && e == EVENT_AUTH;
}
static bool may_ask_pair(enum role r, enum fsm_state s, enum fsm_event e)
{
	return r == ROLE_BACKEND_IN && (s == STATE_CLEAR || s == STATE_READY) && e == EVENT_DB_RESULT;
}
static bool may_answer_verify(enum role r, enum fsm_state s, enum fsm_event e)
{
	return r == ROLE_BACKEND_IN && (s == STATE_CLEAR || s == STATE_READY) && e == EVENT_DB_VERIFY;
}
static bool may_auth(enum role r, enum fsm_state s, enum fsm_event e)
{
	return r == ROLE_PUBLIC_OUT && s == STATE_SECURE_FEATURES && e == EVENT_FEATURES_EXTERNAL;
}
static bool may_be_sink(enum role r, enum fsm_state s, enum fsm_event e)
{
	(void)e;
	return r == ROLE_PUBLIC_OUT && s == STATE_AUTH_FEATURES;
}
static bool may_send_key(enum role r, enum fsm_state s, enum fsm_event e)
{
	(void)s;
	(void)e;
	return r == ROLE_BACKEND_OUT || r == ROLE_BACKEND_VERIFY;
}
static bool may_proceed(enum role r, enum fsm_state s, enum fsm_event e)
{
	return e == EVENT_STARTTLS &&
	    ((r == ROLE_PUBLIC_IN && s == STATE_STARTTLS) || (r == ROLE_BACKEND_IN && s == STATE_CLEAR));
}

static void actions_stand_only_where_they_may(void **state)
{
	(void)state;
	only_where(ACT_RELAY, may_relay);
	only_where(ACT_SUCCESS, may_succeed);
	only_where(ACT_CHECK_AUTH, may_check_auth);
	only_where(ACT_DB_RESULT, may_ask_pair);
	only_where(ACT_DB_VERIFY, may_answer_verify);
	only_where(ACT_AUTH, may_auth);
	only_where(ACT_SINK_READY, may_be_sink);
	only_where(ACT_SEND_KEY, may_send_key);
	only_where(ACT_PROCEED, may_proceed);
}

static void every_failure_has_a_reason(void **state)
{
	(void)state;
	for (enum role r = 0; r < ROLE_COUNT; r++)
		for (enum fsm_state s = 0; s < STATE_COUNT; s++)
			for (enum fsm_event e = 0; e < EVENT_COUNT; e++) {
				struct fsm_step step = fsm_step(r, s, e);
				if (step.action == ACT_FAIL)
					assert_int_not_equal(step.why, REASON_NONE);
				if (e == EVENT_STREAM_ERROR && s != STATE_ENDING)
					assert_int_equal(step.action, ACT_PEER_ERROR);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_in_goes_by_starttls),
		cmocka_unit_test(public_in_goes_by_direct_tls),
		cmocka_unit_test(public_out_goes_by_starttls),
		cmocka_unit_test(public_out_goes_by_direct_tls),
		cmocka_unit_test(backend_in_takes_all_three_ways),
		cmocka_unit_test(backend_out_takes_what_is_offered),
		cmocka_unit_test(failures_have_their_word),
		cmocka_unit_test(actions_stand_only_where_they_may),
		cmocka_unit_test(every_failure_has_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
