/* xml: an incremental scanner for XMPP streams (RFC 6120 section 4 and 11).
 *
 * It reads bytes where they lie, checks them completely (well-formedness, namespaces, legal characters, UTF-8, XMPP's
 * restrictions, limits) and reports whole top-level elements: no prefix of an element that later breaks a rule is ever
 * reported.  It copies nothing but the stream header's namespace declarations, allocates nothing for an element, and
 * gives the same events for any split of the input.
 *
 * It accepts exactly what a conforming parser accepts in namespace mode, less the listed restrictions: comments,
 * processing instructions, DTDs, entities other than the five predefined, an XML declaration that is not at the very
 * start or names another encoding than UTF-8 or another version than 1.x, a byte order mark, text between top-level
 * elements, a header that is an empty element.  Names are those of the fourth edition of XML 1.0.
 *
 * A tag is judged when its end (a '>', or a '<' that can't be in it) has come, not before. */
#ifndef SALLYPORT_XML_H
#define SALLYPORT_XML_H

#include "sallyport/base.h"

/* Most prefixes that a stream header may declare (a stanza reports those it uses as a bit set). */
#define XML_HEADER_PREFIXES 32

enum xml_rc {
	XML_MORE,    /* need more bytes; nothing was consumed, the scanner remembers how far it has read */
	XML_HEADER,  /* the stream header's start tag, with what stood before it (XML declaration, white space) */
	XML_ELEMENT, /* one whole top-level element */
	XML_SPACE,   /* white space between top-level elements (keepalive) */
	XML_END,     /* </stream:stream> */
	XML_BAD,     /* a violation: see xml_error(); final */
};

/* Namespaces that decide something. */
enum xml_ns {
	XML_NS_OTHER, XML_NS_NONE,
	XML_NS_SERVER,   /* jabber:server */
	XML_NS_STREAMS,  /* http://etherx.jabber.org/streams */
	XML_NS_DIALBACK, /* jabber:server:dialback */
	XML_NS_TLS,      /* urn:ietf:params:xml:ns:xmpp-tls */
	XML_NS_SASL,     /* urn:ietf:params:xml:ns:xmpp-sasl */
};

/* Violations; xml_error_condition() names the stream error of each (RFC 6120 section 4.9.3). */
enum xml_error {
	XML_OK,
	XML_ERR_NOT_WELL_FORMED,
	XML_ERR_RESTRICTED,       /* comment, PI, DTD, undefined entity */
	XML_ERR_ENCODING,         /* not UTF-8, byte order mark, another encoding declared */
	XML_ERR_NAMESPACE_PREFIX, /* a prefix that nothing declares */
	XML_ERR_STRAY_TEXT,       /* between top-level elements, other than white space */
	XML_ERR_TOO_BIG,          /* element over the byte limit */
	XML_ERR_TOO_DEEP, XML_ERR_TOO_MANY_ATTRIBUTES, XML_ERR_NAME_TOO_LONG, XML_ERR_TOO_MANY_NAMESPACES,
	XML_ERR_NO_MEMORY,
};

struct xml_limits {
	size_t element_bytes; /* a whole top-level element, or the header */
	unsigned depth;       /* the top-level element is 1 */
	unsigned attributes;  /* of one element, declarations included */
	unsigned name_bytes;  /* a qualified name */
};

/* One attribute's raw value, as it stands between its quotes. */
struct xml_attr {
	struct span value; /* p == NULL: absent */
	bool coded;        /* holds references, tabs or line ends: read it through xml_decode() */
};

/* What was found.  Spans point into the caller's bytes; an event lives until those move. */
struct xml_ev {
	struct span bytes;  /* all of it, from the first byte given: the caller consumes bytes.n */
	struct span name;   /* local name */
	enum xml_ns ns;     /* its namespace */
	bool prefixed;      /* its name was written with a prefix */
	bool empty;         /* written as <x/>; a header so written is a violation */
	struct xml_attr from, to, id, type, version, lang; /* un-prefixed attributes; lang is xml:lang */
	size_t insert;      /* ELEMENT: offset in bytes just behind the element's name, where declarations may go in */
	uint32_t prefixes;  /* ELEMENT: bit i: prefix i of the header is used in here, and must be declared again */
	bool dialback;      /* ELEMENT: an element or attribute of the dialback namespace stands in it, at any depth */
	enum xml_ns content_ns; /* HEADER: the default namespace declared by it */
};

struct xml;

/* A scanner for one stream.  NULL: no memory.  Owner: the caller. */
struct xml *xml_new(const struct xml_limits *limits);
void xml_free(struct xml *x);
/* Starts over for a new stream header (after TLS, after SASL): forgets prefixes, position and error. */
void xml_reset(struct xml *x);
/* The input is a lone document, not a stream: the root is reported as the one XML_ELEMENT (with the XML declaration
 * before it), then only white space may come.  Call it before the first byte. */
void xml_expect_document(struct xml *x);
/* New limits, from the next element on.  At most 1 GiB, 256 attributes and 65535 bytes a name, whatever they say. */
void xml_set_limits(struct xml *x, const struct xml_limits *limits);

/* The next event in the bytes.  in.p is the first byte not yet consumed: as long as the answer is XML_MORE the caller
 * comes again with the same bytes and more behind them (they may lie elsewhere in memory); after an event it drops
 * ev->bytes.n of them first. */
MUST_CHECK enum xml_rc xml_next(struct xml *x, struct xml_ev *ev, struct span in);

enum xml_error xml_error(const struct xml *x);
/* How far into the stream (since xml_reset) the offending byte lies. */
uint64_t xml_error_offset(const struct xml *x);
/* "not-well-formed", "restricted-xml", … */
const char *xml_error_condition(enum xml_error e);
/* A sentence for people. */
const char *xml_error_text(enum xml_error e);

/* Declaration i of the stream header, for the bits of xml_ev.prefixes: prefix and (raw, still coded) URI.  They live
 * until xml_reset(). */
void xml_header_prefix(const struct xml *x, unsigned i, struct span *prefix, struct span *uri);

/* Decodes references and normalises as a parser does (line ends; attribute white space if attribute is set).
 * False: it does not fit into cap bytes.  The result is not terminated. */
MUST_CHECK bool xml_decode(struct span raw, bool attribute, char *out, size_t cap, size_t *n);

/* --- A small tree over one whole element, for negotiation (features, errors, dialback): not for stanzas. --- */

#define XML_TREE_NODES 64
#define XML_TREE_ATTRS 96

struct xml_node {
	struct span name;            /* local name */
	struct span ns;              /* namespace URI, raw; n == 0: none */
	struct span text;            /* the first run of character data directly in it, raw */
	bool cdata;                  /* text stood in a CDATA section: take it as it is, don't decode it */
	bool more;                   /* text is not all the character data directly in it */
	uint16_t parent, next, child; /* indices; 0: none (the root is node 0) */
	uint16_t attr, attrs;        /* its attributes: index of the first, count; declarations left out */
};

struct xml_tree_attr {
	struct span name, value; /* un-prefixed attributes only; value raw */
	bool coded;
};

struct xml_tree {
	unsigned nodes, attrs;
	struct xml_node node[XML_TREE_NODES];
	struct xml_tree_attr attr[XML_TREE_ATTRS];
};

/* Reads an element that xml_next() has just reported (so it is known to be well-formed).  False: too many nodes. */
MUST_CHECK bool xml_tree_parse(struct xml_tree *t, const struct xml *x, const struct xml_ev *ev);
/* First child of node parent with this name and namespace; NULL: none. */
const struct xml_node *xml_tree_child(const struct xml_tree *t, const struct xml_node *parent, const char *name,
                                      const char *ns);
const struct xml_tree_attr *xml_tree_attr(const struct xml_tree *t, const struct xml_node *node, const char *name);

#endif
