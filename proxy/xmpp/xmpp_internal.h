/* What the xmpp_*.c files share; nobody else includes it. */
#ifndef SALLYPORT_XMPP_INTERNAL_H
#define SALLYPORT_XMPP_INTERNAL_H

#include "sallyport/xmpp.h"

#define NS_SERVER "jabber:server"
#define NS_STREAMS "http://etherx.jabber.org/streams"
#define NS_DIALBACK "jabber:server:dialback"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define NS_DIALBACK_FEATURE "urn:xmpp:features:dialback"
#define NS_BIDI_FEATURE "urn:xmpp:features:bidi"
#define NS_ACKS "urn:xmpp:sm:3"

/* Longest domainpart before conversion to A-labels (RFC 7622 section 3.2). */
#define DOMAINPART_MAX 1023

/* Values in attributes that we write always stand in single quotes. */
enum part_as {
	PART_END,
	PART_RAW,   /* markup of ours */
	PART_TEXT,  /* to be escaped */
	PART_CODED, /* an attribute's raw value from the wire: well-formed already, but it may have stood in double
	               quotes */
};

/* What we write is a row of parts; an empty one stands for what is left out. */
struct part {
	enum part_as as;
	struct span bytes;
};

#define LIT(literal) ((struct part){PART_RAW, SPAN(literal)})
#define RAW(span) ((struct part){PART_RAW, (span)})
#define TEXT(span) ((struct part){PART_TEXT, (span)})
#define CODED(span) ((struct part){PART_CODED, (span)})
#define NOTHING ((struct part){PART_RAW, SPAN_NONE})
#define IF(cond, part) ((cond) ? (part) : NOTHING)
#define PUT(b, ...) xmpp_put_parts(b, (const struct part[]){__VA_ARGS__, {.as = PART_END}})

/* All parts or none.  False: the buffer is full. */
MUST_CHECK bool xmpp_put_parts(struct buf *b, const struct part *parts);

/* Without the white space around it. */
struct span xmpp_trim(struct span s);
/* A raw attribute value, decoded and terminated.  False: longer than cap - 1 bytes; out is "" then. */
MUST_CHECK bool xmpp_value(char *out, size_t cap, struct span raw);
/* The same for character data, which cdata says was in a CDATA section. */
MUST_CHECK bool xmpp_text(char *out, size_t cap, struct span text, bool cdata);
/* Whether a node holds one piece of text and nothing else: nobody has a reason to write what is negotiated otherwise.
 */
static inline bool xmpp_only_text(const struct xml_node *node)
{
	return !node->more && node->child == 0;
}
/* The text of a node that holds only text, trimmed.  False if it holds more. */
MUST_CHECK bool xmpp_node_text(char *out, size_t cap, const struct xml_node *node);
/* A domain in a from or to. */
enum xmpp_address xmpp_address(struct domain *out, const struct xml_attr *attr);
/* The <error/> of a stanza: in whatever namespace the sender's default is.  Leaves e as it is if there is none. */
void xmpp_error_child(struct xmpp_error *e, const struct xml_tree *t);
/* The condition and text among a node's children. */
void xmpp_error_from(struct xmpp_error *e, const struct xml_tree *t, const struct xml_node *node, const char *ns);

/* Node's first child, its next sibling; NULL: none. */
static inline const struct xml_node *xmpp_first(const struct xml_tree *t, const struct xml_node *node)
{
	return node->child != 0 ? &t->node[node->child] : NULL;
}
static inline const struct xml_node *xmpp_next(const struct xml_tree *t, const struct xml_node *node)
{
	return node->next != 0 ? &t->node[node->next] : NULL;
}

#endif
