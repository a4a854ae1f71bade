/* fsm: how a stream of each role is negotiated: state x event -> action, as a table without I/O (DESIGN: decide, then do).
 *
 * `stream` turns bytes and socket events into enum fsm_event, asks fsm_step(), enters the next state and performs the
 * action, which may end the stream instead. */
#ifndef SALLYPORT_FSM_H
#define SALLYPORT_FSM_H

#include "sallyport/base.h"
#include "sallyport/reason.h"
#include "sallyport/xml.h"

/* -in: they opened it; -out: we did. */
enum role {
	ROLE_PUBLIC_IN,
	ROLE_PUBLIC_OUT,
	ROLE_BACKEND_IN,
	ROLE_BACKEND_OUT,    /* speaks as a remote domain R to the backend, by dialback */
	ROLE_BACKEND_VERIFY, /* a backend-out that only asks the backend whether a dialback key is its own (XEP-0220, db:verify) */
	ROLE_COUNT
};
/* "public-in", … for logs. */
const char *role_name(enum role role);

#define FSM_STATES(X) \
	X(FIRST, NEGOTIATE)           /* in: the first byte tells direct TLS from XML */ \
	X(DIAL, OUTER)                /* out: no connection yet; dial and route have the deadlines */ \
	X(HEADER, NEGOTIATE)          /* the other side's header, in the clear */ \
	X(FEATURES, NEGOTIATE)        /* out */ \
	X(STARTTLS, NEGOTIATE)        /* public-in: <starttls/> and nothing else */ \
	X(CLEAR, NEGOTIATE)           /* backend-in: <starttls/> or dialback in the clear */ \
	X(PROCEED, NEGOTIATE)         /* out: <proceed/> */ \
	X(HANDSHAKE, HANDSHAKE) \
	X(SECURE_HEADER, NEGOTIATE) \
	X(SECURE_FEATURES, NEGOTIATE) /* out */ \
	X(AUTH, NEGOTIATE)            /* public-in: <auth/> */ \
	X(SINK, OUTER)                /* public-in: the way to the backend is being made; not reading */ \
	X(RESTART, NEGOTIATE)         /* public-in: header after <success/> */ \
	X(SASL, NEGOTIATE)            /* public-out: the answer to <auth/> */ \
	X(AUTH_HEADER, NEGOTIATE)     /* public-out: header after <success/> */ \
	X(AUTH_FEATURES, NEGOTIATE)   /* public-out */ \
	X(KEY, OUTER)                 /* backend-out: the answer to our key; the route has the deadline */ \
	X(READY, IDLE)                /* backend-in: dialback, and stanzas of authorised pairs */ \
	X(OPEN, IDLE)                 /* stanzas flow */ \
	X(ENDING, CLOSE)              /* our </stream:stream> is sent, theirs is awaited */ \
	X(CLOSING, CLOSE)             /* all is said: FIN sent, EOF awaited */

enum fsm_state {
#define X(id, deadline) STATE_##id,
	FSM_STATES(X)
#undef X
	STATE_COUNT
};
/* "AUTH", … for logs. */
const char *fsm_state_name(enum fsm_state s);

/* Which of the configured timeouts bounds a state. */
enum fsm_deadline { DEADLINE_NEGOTIATE, DEADLINE_HANDSHAKE, DEADLINE_IDLE, DEADLINE_CLOSE, DEADLINE_OUTER };
enum fsm_deadline fsm_deadline(enum fsm_state s);

enum fsm_event {
	EVENT_TLS_BYTE,       /* in: first byte is a TLS record's (0x16) */
	EVENT_XML_BYTE,       /* in: it is not */
	EVENT_CONNECTED,      /* out: TCP stands; STARTTLS follows */
	EVENT_CONNECTED_TLS,  /* out: TCP stands; direct TLS follows */
	EVENT_HEADER,         /* header of version 1.0 */
	EVENT_OLD_HEADER,     /* header without version */
	EVENT_FEATURES,       /* features with neither of the two below that matter in the state */
	EVENT_FEATURES_TLS,   /* … with STARTTLS (only told apart in the clear) */
	EVENT_FEATURES_EXTERNAL, /* … with SASL EXTERNAL (only told apart inside TLS) */
	EVENT_STARTTLS, EVENT_PROCEED, EVENT_TLS_FAILURE,
	EVENT_SECURED,        /* the TLS handshake is complete */
	EVENT_AUTH, EVENT_SUCCESS, EVENT_SASL_FAILURE, EVENT_SASL_OTHER,
	EVENT_DB_RESULT, EVENT_DB_VERIFY,
	EVENT_STANZA,
	EVENT_STREAM_ERROR,
	EVENT_SINK_OPEN,      /* public-in: the way to the backend stands */
	EVENT_OTHER,          /* an element that means nothing to us */
	EVENT_COUNT
};

enum fsm_action {
	ACT_FAIL,             /* end the stream for the step's reason */
	ACT_NONE,
	ACT_ACCEPT_DIRECT,    /* start TLS as server with the bytes already here */
	ACT_GREET,            /* check the header, write ours and the features of the state */
	ACT_PROCEED,          /* write <proceed/>, start TLS as server */
	ACT_ADMIT,            /* public-in inside TLS: check header and certificate, offer EXTERNAL */
	ACT_CHECK_AUTH,       /* check <auth/>, then make the way to the backend */
	ACT_SUCCESS,          /* write <success/>, expect a new header */
	ACT_REOPEN,           /* check that the header is the same, write ours, let stanzas flow */
	ACT_HELLO,            /* write our header */
	ACT_REQUEST_TLS,      /* write <starttls/> */
	ACT_CONNECT_TLS,      /* start TLS as client */
	ACT_JUDGE,            /* public-out: judge the certificate, then write our header */
	ACT_AUTH,             /* write <auth/> */
	ACT_SEND_KEY,         /* write db:result (or db:verify) */
	ACT_KEY_ANSWER,       /* the backend's answer to it */
	ACT_SINK_READY,       /* stanzas may flow into this stream */
	ACT_DB_RESULT,        /* backend-in: asks for a pair */
	ACT_DB_VERIFY,        /* backend-in: asks whether a key is ours */
	ACT_DB_DENY,          /* public-in: answer db:verify with invalid (invariant S4) */
	ACT_RELAY,            /* hand the stanza on */
	ACT_PEER_ERROR,       /* they ended the stream with an error */
};

struct fsm_step {
	enum fsm_action action;
	enum fsm_state next;
	enum reason why; /* ACT_FAIL */
};

/* What an element that the other side sent means to a stream; secure: inside TLS.  Not for stanzas with a prefix, which
 * the caller refuses. */
enum fsm_event fsm_event_of(const struct xml *x, const struct xml_ev *ev, bool secure);
/* The reason for which a violation of XML's rules ends a stream. */
enum reason fsm_xml_reason(enum xml_error e);
/* Total: every cell has an answer.  Most say ACT_FAIL with REASON_UNEXPECTED or a better word. */
struct fsm_step fsm_step(enum role role, enum fsm_state state, enum fsm_event event);

#endif
