/* xml, inside: what the parts of the scanner share.
 *
 * The scanner holds offsets into the pending bytes (those since the last event), never pointers: the caller may move
 * them between calls.  The way of a byte:
 *
 *   xml.c         what stands at the top: header, white space, elements, end of stream; makes the events
 *   xml_prolog.c  the XML declaration
 *   xml_token.c   the inside of an element, any token: text, tags, references, CDATA
 *   xml_tag.c     reads a start tag
 *   xml_rush.inc  the same for simple tokens, as nearly all are: compiled for each instruction set
 *   xml_ns.c      what a start tag means: declarations, namespaces
 *   xml_names.c   names
 *   xml_chars.c   characters, references
 *   xml_decode.c  what values mean; namespaces that we know
 *
 * A tag or reference is judged when its end has come: until then the scanner looks only for that end, and remembers how
 * far it came.  Hence any split of the input gives the same answers, and each byte is looked at a bounded number of
 * times.  xml_rush.inc never judges: what is not simple, or is cut by the end of the input, it leaves to xml_token.c.
 */
#ifndef XML_INTERNAL_H
#define XML_INTERNAL_H

#include "sallyport/xml.h"

/* The most attributes that a tag may have, whatever the limits say (they are gathered on the C stack). */
#define XML_TAG_ATTRS 256
/* The most prefixes in scope that were declared inside one top-level element. */
#define XML_SCOPE_PREFIXES 64

/* The most bytes that an element may have: offsets are kept in 31 bits. */
#define XML_MOST_BYTES (UINT32_C(1) << 30)

enum xml_tok {
	XML_TOK_OK,
	XML_TOK_SHORT, /* the input ends within it */
	XML_TOK_BAD,
};

enum xml_state {
	XML_AT_START, /* nothing read: an XML declaration may come */
	XML_IN_PROLOG,
	XML_AT_TOP, /* between top-level elements */
	XML_IN_ELEMENT,
	XML_AT_END, /* behind </stream:stream> */
	XML_FAILED,
};

/* A qualified name: its bytes stand at `at`; prefix_n == 0: no prefix. */
struct xml_qname {
	uint32_t at;
	uint32_t n : 16;        /* all of it */
	uint32_t prefix_n : 16; /* without the colon */
};

struct xml_raw {
	uint32_t at; /* 0: absent (nothing but a tag's '<' can stand there) */
	uint32_t n : 31, coded : 1;
};

struct xml_tag_attr {
	struct xml_qname name;
	struct xml_raw value;
};

/* A start tag as read, before it is given a meaning. */
struct xml_tag {
	uint32_t start, end; /* of its '<'; behind its '>' */
	struct xml_qname name;
	bool empty;
	unsigned attrs;
	unsigned prefixed;                /* how many of them have a prefix, declarations included */
	const struct xml_tag_attr *xmlns; /* the one that declares the default namespace; NULL: none */
	uint64_t seen;                    /* a bit for each name's hash: no duplicate where the bit is new */
	struct xml_tag_attr attr[XML_TAG_ATTRS];
};

/* An open element. */
struct xml_frame {
	struct xml_qname name;
	uint8_t content_ns; /* enum xml_ns: the default namespace in it */
	uint8_t bindings;   /* how many prefixes it declares */
};

/* A prefix declared inside the top-level element. */
struct xml_binding {
	uint64_t key; /* xml_key() of the prefix */
	uint32_t prefix, prefix_n;
	struct xml_raw uri;
	enum xml_ns ns;
};

struct xml_header_binding {
	uint64_t key;
	struct span prefix, uri;
	enum xml_ns ns;
};

/* What is kept of the stream header, in one allocation: the bytes that the spans name stand behind the bindings. */
struct xml_header {
	struct span name, content_uri;
	unsigned bindings;
	struct xml_header_binding binding[];
};

enum xml_top_attr { XML_FROM, XML_TO, XML_ID, XML_TYPE, XML_VERSION, XML_LANG, XML_TOP_ATTRS };

/* What an event will say of the top-level element (or header) being read. */
struct xml_top {
	struct xml_qname name;
	enum xml_ns ns;
	bool empty, dialback;
	uint32_t prefixes;
	struct xml_raw attr[XML_TOP_ATTRS + 1]; /* the last takes all others */
};

struct xml_cursor;

/* A way to hurry, for one instruction set. */
struct xml_rush {
	const char *name;
	bool (*usable)(void);
	/* Reads simple tokens of the top-level element from c->p on, as long as they come, and leaves c->p behind them.
	 * True: the element is whole. */
	bool (*run)(struct xml_cursor *c);
};

struct xml {
	struct xml_limits limits, next_limits; /* for this element, for the next */
	const struct xml_rush *rush;           /* NULL: none */
	enum xml_state state;
	bool document; /* a lone document: its root is the one top-level element, and there is no header */

	uint64_t consumed; /* offset of the first pending byte in the stream */
	size_t pos;        /* pending bytes that are done with */
	size_t seek;       /* 0, or how far the unfinished tag or reference at pos has been looked through */
	char quote;        /* while seeking a tag's end: the quote that is open, or 0 */
	bool cdata;        /* pos is in a CDATA section */

	enum xml_error error;
	uint64_t error_at;

	/* Open elements: frame[1] is the top-level one, frame[depth] the innermost.  frame[0] stands for the header. */
	unsigned depth, deepest; /* deepest: there is room for it, and it is allowed */
	struct xml_frame *frame;
	unsigned bound, bindings; /* declarations in scope; room for them */
	struct xml_binding *binding;

	struct xml_top top;
	struct xml_header *header; /* NULL before it, and in a document */
};

/* Where a call of xml_next() reads.  The bytes start at in; why and bad say what is wrong and where. */
struct xml_cursor {
	struct xml *x;
	const char *in, *p, *end;
	enum xml_error why;
	const char *bad;
};

static inline enum xml_tok xml_bad(struct xml_cursor *c, enum xml_error why, const char *at)
{
	c->why = why;
	c->bad = at;
	return XML_TOK_BAD;
}

static inline struct span xml_raw_span(const char *in, struct xml_raw raw)
{
	return (struct span){in + raw.at, raw.n};
}

/* --- xml_chars.c --- */

enum {
	XML_C_NAME = 1,  /* ASCII name character, the colon left out */
	XML_C_START = 2, /* ... that may be the first */
	XML_C_SPACE = 4, /* white space */
	XML_C_VALUE = 8, /* nothing special in an attribute value but perhaps its end */
	XML_C_TEXT = 16, /* nothing special in text */
	/* For the vector variants, which make sets of the topmost bits. */
	XML_C_NO_NAME = 0x40, /* not XML_C_NAME */
	XML_C_STOP = 0x80,    /* a quote, or not both of XML_C_VALUE and XML_C_TEXT */
};
extern const uint8_t xml_class[256];

static inline bool xml_is(char c, unsigned classes)
{
	return (xml_class[(unsigned char)c] & classes) != 0;
}

static inline const char *xml_skip_space(const char *p, const char *end)
{
	while (p < end && xml_is(*p, XML_C_SPACE))
		p++;
	return p;
}

#define XML_KEY_XMLNS UINT64_C(0x736e6c6d78)       /* "xmlns" */
#define XML_KEY_XML UINT64_C(0x6c6d78)             /* "xml" */
#define XML_KEY_FROM UINT64_C(0x6d6f7266)          /* "from" */
#define XML_KEY_TO UINT64_C(0x6f74)                /* "to" */
#define XML_KEY_ID UINT64_C(0x6469)                /* "id" */
#define XML_KEY_TYPE UINT64_C(0x65707974)          /* "type" */
#define XML_KEY_VERSION UINT64_C(0x6e6f6973726576) /* "version" */
#define XML_KEY_LANG UINT64_C(0x676e616c3a6c6d78)  /* "xml:lang" */

/* A name's first eight bytes as a number (its first byte lowest, zeros behind a shorter one). */
static inline uint64_t xml_key(const char *p, size_t n, const char *end)
{
	uint64_t key = 0;

	if (__builtin_expect(end - p >= 8, 1))
		memcpy(&key, p, 8);
	else
		memcpy(&key, p, (size_t)(end - p));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	key = __builtin_bswap64(key);
#endif
	return n >= 8 ? key : key & ((UINT64_C(1) << 8 * n) - 1);
}

/* One of 64 bits for a key. */
static inline uint64_t xml_key_bit(uint64_t key)
{
	return UINT64_C(1) << (key * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

/* One character that is not ASCII, at p; *next is left behind it. */
enum xml_tok xml_utf8(struct xml_cursor *c, const char *p, const char *end, const char **next, uint32_t *cp);
/* Moves on over characters that are not ASCII, as long as they are good and not near the end. */
const char *xml_skip_utf8(const char *p, const char *end);
/* The same, and over plain text. */
const char *xml_skip_text(const char *p, const char *end);
/* The first byte at or behind p that can't be in a reference; p is behind its '&'. */
const char *xml_ref_end(const char *p, const char *end);
/* The reference between p (its '&') and q (found by xml_ref_end(), before the input's end). */
enum xml_tok xml_check_ref(struct xml_cursor *c, const char *p, const char *q);
/* The character that a reference stands for; 0: none.  body: between '&' and ';'. */
uint32_t xml_ref_char(struct span body);
bool xml_is_char(uint32_t cp);

/* --- xml_names.c --- */

/* A qualified name; *next is left behind it. */
enum xml_tok xml_read_qname(
    struct xml_cursor *c, const char *p, const char *end, const char **next, struct xml_qname *q);

/* --- xml_decode.c --- */

/* Are two raw attribute values the same when decoded? */
bool xml_same_value(struct span a, struct span b);
/* reserved: no declaration may name it, but that the prefix xml may be bound to one of these (is_xml). */
enum xml_ns xml_classify(struct span uri, bool coded, bool *reserved, bool *is_xml);
/* Can it be among those that xml_classify() knows? */
static inline bool xml_may_be_known(size_t uri_n)
{
	return uri_n < 64 && (UINT64_C(0x11a0402001) >> uri_n & 1) != 0;
}

/* --- xml_ns.c --- */

/* Gives the start tag a meaning: opens the element (unless it is empty). */
enum xml_tok xml_open(struct xml_cursor *c, const struct xml_tag *t);
/* Makes room for deeper elements.  False: no memory. */
MUST_CHECK bool xml_deepen(struct xml *x);
/* Keeps what the event will say of the top-level element. */
void xml_note_top(struct xml_cursor *c, const struct xml_tag *t, enum xml_ns ns);
/* Makes the declarations of the tag just opened those of the header. */
enum xml_tok xml_keep_header(struct xml_cursor *c, const struct xml_tag *t);

static inline void xml_close(struct xml *x)
{
	x->bound -= x->frame[x->depth--].bindings;
}

/* --- xml_tag.c --- */

/* Reads the start tag at c->p; it must end before `end`. */
enum xml_tok xml_read_tag(struct xml_cursor *c, struct xml_tag *t, const char *end);

/* Is the name among those of the attributes read so far? */
bool xml_is_repeated(const struct xml_cursor *c, const struct xml_tag *t, const struct xml_qname *q);

/* --- xml_token.c --- */

/* Looks for the end of the tag at c->p, on from x->seek.  NULL: not yet there. */
const char *xml_seek_tag_end(struct xml_cursor *c);
/* The start tag at c->p, and the end tag (of `name`): steps over it. */
enum xml_tok xml_start_tag(struct xml_cursor *c, struct xml_tag *t);
enum xml_tok xml_end_tag(struct xml_cursor *c, struct span name);
/* Reads on in the top-level element.  OK: it is whole. */
enum xml_tok xml_read_element(struct xml_cursor *c);

/* --- xml_prolog.c --- */

/* The XML declaration between p and q (its '<' and behind its '>'). */
enum xml_tok xml_read_declaration(struct xml_cursor *c, const char *p, const char *q);

/* --- xml_rush.c --- */

extern const struct xml_rush xml_rush_avx512, xml_rush_avx2, xml_rush_sse2, xml_rush_neon;
/* All of this architecture, the best first; the last is NULL, which every machine can run. */
extern const struct xml_rush *const xml_rushes[];
extern const unsigned xml_rush_count;
const char *xml_rush_name(const struct xml_rush *rush);
bool xml_rush_usable(const struct xml_rush *rush);
const struct xml_rush *xml_best_rush(void);

#endif
