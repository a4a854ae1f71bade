#include "sallyport/fsm.h"

#include "sallyport/xmpp.h"

/* A cell that is left out has action ACT_FAIL (0) and reason REASON_NONE (0), which fsm_step() replaces by the answer
 * that the event deserves anywhere. */
#define GO(act, to)                                                                                                    \
	{                                                                                                              \
		.action = ACT_##act, .next = STATE_##to                                                                \
	}
#define FAIL(reason)                                                                                                   \
	{                                                                                                              \
		.action = ACT_FAIL, .next = STATE_CLOSING, .why = REASON_##reason                                      \
	}
#define AT(state, event) [STATE_##state][EVENT_##event]

typedef const struct fsm_step fsm_table[STATE_COUNT][EVENT_COUNT];

static fsm_table public_in = {
    AT(FIRST, TLS_BYTE) = GO(ACCEPT_DIRECT, HANDSHAKE),
    AT(FIRST, XML_BYTE) = GO(NONE, HEADER),
    AT(HEADER, HEADER) = GO(GREET, STARTTLS),
    AT(HEADER, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(STARTTLS, STARTTLS) = GO(PROCEED, HANDSHAKE),
    AT(STARTTLS, AUTH) = FAIL(TLS_REQUIRED),
    AT(STARTTLS, DB_RESULT) = FAIL(TLS_REQUIRED),
    AT(STARTTLS, DB_VERIFY) = FAIL(TLS_REQUIRED),
    AT(HANDSHAKE, SECURED) = GO(NONE, SECURE_HEADER),
    AT(SECURE_HEADER, HEADER) = GO(ADMIT, AUTH),
    AT(SECURE_HEADER, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(AUTH, AUTH) = GO(CHECK_AUTH, SINK),
    AT(AUTH, DB_RESULT) = FAIL(DIALBACK),
    AT(AUTH, DB_VERIFY) = GO(DB_DENY, AUTH),
    AT(SINK, SINK_OPEN) = GO(SUCCESS, RESTART),
    AT(RESTART, HEADER) = GO(REOPEN, OPEN),
    AT(RESTART, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(OPEN, STANZA) = GO(RELAY, OPEN),
    AT(OPEN, DB_RESULT) = FAIL(DIALBACK),
    AT(OPEN, DB_VERIFY) = GO(DB_DENY, OPEN),
};

static fsm_table public_out = {
    AT(DIAL, CONNECTED) = GO(HELLO, HEADER),
    AT(DIAL, CONNECTED_TLS) = GO(CONNECT_TLS, HANDSHAKE),
    AT(HEADER, HEADER) = GO(NONE, FEATURES),
    AT(HEADER, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(FEATURES, FEATURES_TLS) = GO(REQUEST_TLS, PROCEED),
    AT(FEATURES, FEATURES) = FAIL(TLS_NOT_OFFERED),
    AT(FEATURES, FEATURES_EXTERNAL) = FAIL(TLS_NOT_OFFERED),
    AT(PROCEED, PROCEED) = GO(CONNECT_TLS, HANDSHAKE),
    AT(PROCEED, TLS_FAILURE) = FAIL(TLS_REFUSED),
    AT(HANDSHAKE, SECURED) = GO(JUDGE, SECURE_HEADER),
    AT(SECURE_HEADER, HEADER) = GO(NONE, SECURE_FEATURES),
    AT(SECURE_HEADER, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(SECURE_FEATURES, FEATURES_EXTERNAL) = GO(AUTH, SASL),
    AT(SECURE_FEATURES, FEATURES) = FAIL(EXTERNAL_NOT_OFFERED),
    AT(SECURE_FEATURES, FEATURES_TLS) = FAIL(EXTERNAL_NOT_OFFERED),
    AT(SASL, SUCCESS) = GO(HELLO, AUTH_HEADER),
    AT(SASL, SASL_FAILURE) = FAIL(EXTERNAL_REFUSED),
    AT(AUTH_HEADER, HEADER) = GO(NONE, AUTH_FEATURES),
    AT(AUTH_HEADER, OLD_HEADER) = FAIL(PEER_VERSION),
    AT(AUTH_FEATURES, FEATURES) = GO(SINK_READY, OPEN),
    AT(AUTH_FEATURES, FEATURES_TLS) = GO(SINK_READY, OPEN),
    AT(AUTH_FEATURES, FEATURES_EXTERNAL) = GO(SINK_READY, OPEN),
};

/* jabberd2 without a certificate file writes headers without version, sends no features and expects none. */
static fsm_table backend_in = {
    AT(FIRST, TLS_BYTE) = GO(ACCEPT_DIRECT, HANDSHAKE),
    AT(FIRST, XML_BYTE) = GO(NONE, HEADER),
    AT(HEADER, HEADER) = GO(GREET, CLEAR),
    AT(HEADER, OLD_HEADER) = GO(GREET, READY),
    AT(CLEAR, STARTTLS) = GO(PROCEED, HANDSHAKE),
    AT(CLEAR, DB_RESULT) = GO(DB_RESULT, READY),
    AT(CLEAR, DB_VERIFY) = GO(DB_VERIFY, READY),
    AT(HANDSHAKE, SECURED) = GO(NONE, SECURE_HEADER),
    AT(SECURE_HEADER, HEADER) = GO(GREET, READY),
    AT(SECURE_HEADER, OLD_HEADER) = GO(GREET, READY),
    AT(READY, DB_RESULT) = GO(DB_RESULT, READY),
    AT(READY, DB_VERIFY) = GO(DB_VERIFY, READY),
    AT(READY, STANZA) = GO(RELAY, READY),
};

/* The backend's features say nothing that we need but STARTTLS: ejabberd offers an empty <mechanisms/>, jabberd2 only
 * dialback, and all of them take a key whether they announce dialback or not. */
static fsm_table backend_out = {
    AT(DIAL, CONNECTED) = GO(HELLO, HEADER),
    AT(HEADER, HEADER) = GO(NONE, FEATURES),
    AT(HEADER, OLD_HEADER) = GO(SEND_KEY, KEY),
    AT(FEATURES, FEATURES_TLS) = GO(REQUEST_TLS, PROCEED),
    AT(FEATURES, FEATURES) = GO(SEND_KEY, KEY),
    AT(FEATURES, FEATURES_EXTERNAL) = GO(SEND_KEY, KEY),
    AT(PROCEED, PROCEED) = GO(CONNECT_TLS, HANDSHAKE),
    AT(PROCEED, TLS_FAILURE) = FAIL(BACKEND_TLS),
    AT(HANDSHAKE, SECURED) = GO(HELLO, SECURE_HEADER),
    AT(SECURE_HEADER, HEADER) = GO(NONE, SECURE_FEATURES),
    AT(SECURE_HEADER, OLD_HEADER) = GO(SEND_KEY, KEY),
    AT(SECURE_FEATURES, FEATURES) = GO(SEND_KEY, KEY),
    AT(SECURE_FEATURES, FEATURES_TLS) = GO(SEND_KEY, KEY),
    AT(SECURE_FEATURES, FEATURES_EXTERNAL) = GO(SEND_KEY, KEY),
    AT(KEY, DB_RESULT) = GO(KEY_ANSWER, OPEN),
    /* asked for with db:verify; on a backend-out stream ACT_KEY_ANSWER refuses the wrong one of the two */
    AT(KEY, DB_VERIFY) = GO(KEY_ANSWER, OPEN),
};

static const struct fsm_step (*const tables[ROLE_COUNT])[EVENT_COUNT] = {
    [ROLE_PUBLIC_IN] = public_in,
    [ROLE_PUBLIC_OUT] = public_out,
    [ROLE_BACKEND_IN] = backend_in,
    [ROLE_BACKEND_OUT] = backend_out,
    [ROLE_BACKEND_VERIFY] = backend_out,
};

static const char *const state_names[STATE_COUNT] = {
#define X(id, deadline) [STATE_##id] = #id,
    FSM_STATES(X)
#undef X
};

static const enum fsm_deadline deadlines[STATE_COUNT] = {
#define X(id, deadline) [STATE_##id] = DEADLINE_##deadline,
    FSM_STATES(X)
#undef X
};

const char *role_name(enum role role)
{
	static const char *const names[ROLE_COUNT] = {
	    [ROLE_PUBLIC_IN] = "public-in",
	    [ROLE_PUBLIC_OUT] = "public-out",
	    [ROLE_BACKEND_IN] = "backend-in",
	    [ROLE_BACKEND_OUT] = "backend-out",
	    [ROLE_BACKEND_VERIFY] = "backend-verify",
	};
	ENSURE(role < ROLE_COUNT);
	return names[role];
}

const char *fsm_state_name(enum fsm_state s)
{
	ENSURE(s < STATE_COUNT);
	return state_names[s];
}

enum fsm_deadline fsm_deadline(enum fsm_state s)
{
	ENSURE(s < STATE_COUNT);
	return deadlines[s];
}

enum fsm_event fsm_event_of(const struct xml *x, const struct xml_ev *ev, bool secure)
{
	struct xmpp_features f;
	switch (xmpp_kind(ev)) {
	case XMPP_MESSAGE:
	case XMPP_PRESENCE:
	case XMPP_IQ:
		return EVENT_STANZA;
	case XMPP_FEATURES:
		if (!xmpp_features_read(&f, x, ev))
			return EVENT_OTHER;
		if (secure)
			return f.external ? EVENT_FEATURES_EXTERNAL : EVENT_FEATURES;
		return f.starttls ? EVENT_FEATURES_TLS : EVENT_FEATURES;
	case XMPP_STREAM_ERROR:
		return EVENT_STREAM_ERROR;
	case XMPP_STARTTLS:
		return EVENT_STARTTLS;
	case XMPP_PROCEED:
		return EVENT_PROCEED;
	case XMPP_TLS_FAILURE:
		return EVENT_TLS_FAILURE;
	case XMPP_AUTH:
		return EVENT_AUTH;
	case XMPP_SUCCESS:
		return EVENT_SUCCESS;
	case XMPP_SASL_FAILURE:
		return EVENT_SASL_FAILURE;
	case XMPP_CHALLENGE:
	case XMPP_RESPONSE:
	case XMPP_ABORT:
		return EVENT_SASL_OTHER;
	case XMPP_DB_RESULT:
		return EVENT_DB_RESULT;
	case XMPP_DB_VERIFY:
		return EVENT_DB_VERIFY;
	case XMPP_UNKNOWN:
		break;
	}
	return EVENT_OTHER;
}

enum reason fsm_xml_reason(enum xml_error e)
{
	switch (e) {
	case XML_OK:
	case XML_ERR_NOT_WELL_FORMED:
	case XML_ERR_STRAY_TEXT:
		break;
	case XML_ERR_RESTRICTED:
		return REASON_XML_RESTRICTED;
	case XML_ERR_ENCODING:
		return REASON_XML_ENCODING;
	case XML_ERR_NAMESPACE_PREFIX:
		return REASON_XML_PREFIX;
	case XML_ERR_TOO_BIG:
	case XML_ERR_TOO_DEEP:
	case XML_ERR_TOO_MANY_ATTRIBUTES:
	case XML_ERR_NAME_TOO_LONG:
	case XML_ERR_TOO_MANY_NAMESPACES:
		return REASON_XML_LIMIT;
	case XML_ERR_NO_MEMORY:
		return REASON_NO_MEMORY;
	}
	return REASON_XML_SYNTAX;
}

/* What an event means where no cell of the table expects it. */
static enum reason unexpected(enum fsm_state state, enum fsm_event event)
{
	if (event == EVENT_STANZA && state != STATE_OPEN)
		return REASON_NOT_AUTHORIZED;
	return REASON_UNEXPECTED;
}

/* Our </stream:stream> is out: nothing can be answered, but stanzas already on their way still count (section 4.4). */
static struct fsm_step ending(enum role role, enum fsm_event event)
{
	bool source = role == ROLE_PUBLIC_IN || role == ROLE_BACKEND_IN;
	if (event == EVENT_STANZA && source)
		return (struct fsm_step)GO(RELAY, ENDING);
	return (struct fsm_step)GO(NONE, ENDING);
}

struct fsm_step fsm_step(enum role role, enum fsm_state state, enum fsm_event event)
{
	ENSURE(role < ROLE_COUNT && state < STATE_COUNT && event < EVENT_COUNT);
	struct fsm_step step = tables[role][state][event];
	if (state == STATE_ENDING)
		step = ending(role, event);
	else if (event == EVENT_STREAM_ERROR)
		step = (struct fsm_step){.action = ACT_PEER_ERROR, .next = state};
	else if (step.action == ACT_FAIL && step.why == REASON_NONE)
		step = (struct fsm_step){ACT_FAIL, STATE_CLOSING, unexpected(state, event)};
	return step;
}
