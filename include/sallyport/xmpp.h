/* xmpp: what the elements of a stream mean, and how ours are written (RFC 6120, XEP-0178, XEP-0220, XEP-0185).
 *
 * Reading: kinds of top-level elements, and the contents of those that negotiate.  Writing: everything a gateway says
 * of its own; values are escaped, headers always written afresh from parsed values (invariant S1). */
#ifndef SALLYPORT_XMPP_H
#define SALLYPORT_XMPP_H

#include "sallyport/base.h"
#include "sallyport/buf.h"
#include "sallyport/jid.h"
#include "sallyport/xml.h"

/* Stream ids and dialback keys longer than this are refused. */
#define XMPP_ID_MAX 255
#define XMPP_KEY_MAX 511
#define XMPP_TEXT_MAX 255

/* Kinds of top-level elements, by name and namespace, whatever the prefix.  Only a message, presence or iq must have
 * none (RFC 6120 section 4.8.5): with one it is unknown, for servers that compare names as written would miss it. */
enum xmpp_kind {
	XMPP_UNKNOWN,
	XMPP_MESSAGE, XMPP_PRESENCE, XMPP_IQ,      /* in jabber:server */
	XMPP_FEATURES, XMPP_STREAM_ERROR,          /* in the streams namespace */
	XMPP_STARTTLS, XMPP_PROCEED, XMPP_TLS_FAILURE,
	XMPP_AUTH, XMPP_CHALLENGE, XMPP_RESPONSE, XMPP_ABORT, XMPP_SUCCESS, XMPP_SASL_FAILURE,
	XMPP_DB_RESULT, XMPP_DB_VERIFY,            /* in the dialback namespace */
};
enum xmpp_kind xmpp_kind(const struct xml_ev *ev);
static inline bool xmpp_is_stanza(enum xmpp_kind k)
{
	return k == XMPP_MESSAGE || k == XMPP_PRESENCE || k == XMPP_IQ;
}

/* --- headers --- */

enum xmpp_address { XMPP_ADDRESS_ABSENT, XMPP_ADDRESS_GOOD, XMPP_ADDRESS_BAD };

/* A stream header as received. */
struct xmpp_header {
	bool namespaces_good; /* stream in the streams namespace, content namespace jabber:server */
	enum xmpp_address from_is, to_is; /* ABSENT: or empty (section 4.9.1.3); BAD: present, but not a domain */
	struct domain from, to;
	bool version_1;       /* version is 1.0 or above (RFC 6120 section 4.7.5) */
	char id[XMPP_ID_MAX + 1]; /* "" if absent (or empty: Prosody sends id='') */
	bool id_bad;          /* too long */
};
void xmpp_header_read(struct xmpp_header *h, const struct xml_ev *ev);

/* NULL domains and ids are left out.  dialback: declare xmlns:db (backend side only).
 * All xmpp_put functions: all or nothing; false if the buffer is full.  They escape ids, keys and texts (UTF-8), not
 * conditions and types, which are names: ours, or from an xmpp_error.
 * Domains are written with U-labels, which is what servers compare with their own names (RFC 7622 section 3.2.2). */
MUST_CHECK bool xmpp_put_header(struct buf *b, const struct domain *from, const struct domain *to, const char *id,
                                bool dialback);
MUST_CHECK bool xmpp_put_end(struct buf *b); /* </stream:stream> */

/* --- features, TLS, SASL --- */

struct xmpp_features {
	bool starttls, starttls_required;
	bool mechanisms, external; /* a <mechanisms/> (even empty) / EXTERNAL in it */
	bool dialback, dialback_errors;
	bool bidi, acks; /* XEP-0288; XEP-0198: nothing that a gateway uses, but tools tell of them */
};
/* False: not readable (too many nodes). */
MUST_CHECK bool xmpp_features_read(struct xmpp_features *f, const struct xml *x, const struct xml_ev *ev);

enum {
	XMPP_OFFER_STARTTLS = 1,          /* voluntary */
	XMPP_OFFER_STARTTLS_REQUIRED = 2,
	XMPP_OFFER_EXTERNAL = 4,
	XMPP_OFFER_DIALBACK = 8,          /* with <errors/> */
};
MUST_CHECK bool xmpp_put_features(struct buf *b, unsigned offers); /* 0: <stream:features/> */
MUST_CHECK bool xmpp_put_starttls(struct buf *b);
MUST_CHECK bool xmpp_put_proceed(struct buf *b);
/* EXTERNAL with authzid base64(domain): never "=", which MongooseIM refuses (XEP-0178 section 3). */
MUST_CHECK bool xmpp_put_auth_external(struct buf *b, const struct domain *authzid);
MUST_CHECK bool xmpp_put_success(struct buf *b);
MUST_CHECK bool xmpp_put_sasl_failure(struct buf *b, const char *condition, const char *text);

enum xmpp_auth {
	XMPP_AUTH_GOOD,      /* EXTERNAL, authorization identity empty or the stream's from */
	XMPP_AUTH_MECHANISM, /* another mechanism: invalid-mechanism */
	XMPP_AUTH_MALFORMED, /* no initial response at all: malformed-request */
	XMPP_AUTH_ENCODING,  /* not strict base64 (RFC 6120 section 13.9.1): incorrect-encoding */
	XMPP_AUTH_AUTHZID,   /* another identity: invalid-authzid */
};
enum xmpp_auth xmpp_auth_read(const struct xml *x, const struct xml_ev *ev, const struct domain *from);

/* --- errors --- */

struct xmpp_error {
	char condition[64];            /* "host-unknown"; "" if unreadable */
	char text[XMPP_TEXT_MAX + 1]; /* cut */
};
/* From <stream:error/>, a SASL <failure/>, or a stanza of type error. */
void xmpp_error_read(struct xmpp_error *e, const struct xml *x, const struct xml_ev *ev);
MUST_CHECK bool xmpp_put_stream_error(struct buf *b, const char *condition, const char *text);
/* A stanza error in answer to the stanza: id kept, from and to swapped as written, the error's type as RFC 6120 section
 * 8.3.3 has it for the condition.  Nothing (and true) for stanzas that must not or can't be answered: messages and
 * presence of type error, iqs other than get and set, presence that is neither untyped nor a probe nor about a
 * subscription, no from or to, and addresses or ids beyond any JID's length. */
MUST_CHECK bool xmpp_put_bounce(struct buf *b, const struct xml_ev *stanza, const char *condition, const char *text);

/* --- dialback --- */

enum xmpp_db_type { XMPP_DB_REQUEST, XMPP_DB_VALID, XMPP_DB_INVALID, XMPP_DB_ERROR };
struct xmpp_db {
	/* From and to are domains, id and key fit, the type is a known one; a request has a key, a verify an id. */
	bool good;
	struct pair pair;     /* as written: from, to */
	char id[XMPP_ID_MAX + 1];   /* db:verify; "" if absent */
	char key[XMPP_KEY_MAX + 1]; /* of a request, white space around it stripped; in an answer it says nothing */
	enum xmpp_db_type type;
	struct xmpp_error error;    /* type error: its stanza error */
};
void xmpp_db_read(struct xmpp_db *db, const struct xml *x, const struct xml_ev *ev);
/* type NULL: a request with key; else the answer ("valid", "invalid") without.  The prefix db is the stream header's
 * (see xmpp_put_header()), but answers to db:verify declare it themselves, and may go out on any stream. */
MUST_CHECK bool xmpp_put_db_result(struct buf *b, const struct pair *pair, const char *key, const char *type);
MUST_CHECK bool xmpp_put_db_verify(struct buf *b, const struct pair *pair, const char *id, const char *key,
                                   const char *type);

/* XEP-0185 section 3: hex(HMAC-SHA256(lowercase hex(SHA256(secret)), receiving SP originating SP stream-id)),
 * over A-labels. */
#define XMPP_DIALBACK_KEY_LEN 64
struct xmpp_dialback_secret {
	char hex[64]; /* lowercase hex of SHA-256 of the operator's secret: the HMAC's key */
};
void xmpp_dialback_secret(struct xmpp_dialback_secret *s, struct span secret);
/* out is "" if there was no memory: a key that no check accepts. */
void xmpp_dialback_key(char out[XMPP_DIALBACK_KEY_LEN + 1], const struct xmpp_dialback_secret *s,
                       const struct domain *receiving, const struct domain *originating, const char *stream_id);
/* In constant time. */
bool xmpp_dialback_check(const struct xmpp_dialback_secret *s, const struct domain *receiving,
                         const struct domain *originating, const char *stream_id, const char *key);

/* An unpredictable stream id of 32 hex digits (RFC 6120 section 4.7.3). */
#define XMPP_NEW_ID_LEN 32
void xmpp_new_id(char out[XMPP_NEW_ID_LEN + 1]);

#endif
