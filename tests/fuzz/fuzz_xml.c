/* xml against libexpat: the same acceptance, elements, names and attributes; and against itself: the same answers for
 * every split of the input and every instruction set.
 *
 * The input's first byte says what the rest is: 's' a stream, 'e' what stands between a stream's header and end, 'd' a
 * document. */
#include "xml_oracle.h"

#include "sallyport/xml.h"
#include "../../proxy/xmpp/xml_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "                        \
	"xmlns:db='jabber:server:dialback' xmlns:u='a&amp;\"b'>"
/* Long enough that what stands before it is not near the end of the input. */
#define FOOTER                                                                                                         \
	"<filler a='0123456789'>0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789</filler>" \
	"</stream:stream>"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct xml_limits limits = {
    .element_bytes = 1 << 20, .depth = 10000, .attributes = XML_TAG_ATTRS, .name_bytes = 65535};

/* What we make of it. */
struct ours {
	bool ended; /* the stream's end, or the document's root, was seen */
	enum xml_error error;
	struct text events; /* as the oracle's */
	struct text exact;  /* all there is to say of the events */
	struct text names;  /* as the oracle's, for the elements that a tree was made of */
	bool names_whole;
};

static const char *const uris[] = {[XML_NS_OTHER] = NULL,
    [XML_NS_NONE] = "",
    [XML_NS_SERVER] = "jabber:server",
    [XML_NS_STREAMS] = "http://etherx.jabber.org/streams",
    [XML_NS_DIALBACK] = "jabber:server:dialback",
    [XML_NS_TLS] = "urn:ietf:params:xml:ns:xmpp-tls",
    [XML_NS_SASL] = "urn:ietf:params:xml:ns:xmpp-sasl"};

static void fail(const char *what, const struct text *want, const struct text *got, struct span in)
{
	fprintf(stderr, "%s\n--- libexpat, or whole\n%.*s\n--- we\n%.*s\n--- of\n%.*s\n", what, (int)want->n, want->p,
	    (int)got->n, got->p, SPAN_FMT(in));
	abort();
}

static void put_decoded(struct text *t, struct span raw)
{
	char *plain = malloc(raw.n + 1);
	size_t n;

	ENSURE(plain != NULL && xml_decode(raw, true, plain, raw.n, &n));
	text_put(t, (struct span){plain, n});
	free(plain);
}

static void put_attr(struct text *t, size_t i, struct xml_attr a)
{
	char plain[8];
	size_t n;

	if (a.value.p == NULL)
		return;
	text_printf(t, " %zu=", i);
	put_decoded(t, a.value);
	/* Without `coded` the raw bytes are the value. */
	if (!a.coded && a.value.n <= sizeof(plain))
		ENSURE(
		    xml_decode(a.value, true, plain, sizeof(plain), &n) && span_eq(a.value, (struct span){plain, n}));
}

static void put_names(struct ours *o, const struct xml_tree *t)
{
	for (unsigned i = 0; i < t->nodes; i++) {
		put_decoded(&o->names, t->node[i].ns);
		text_printf(&o->names, "|");
		text_put(&o->names, t->node[i].name);
		text_printf(&o->names, "\n");
	}
}

static void put_event(struct ours *o, struct xml *x, enum xml_rc rc, const struct xml_ev *ev)
{
	static struct xml_tree tree;
	bool parsed = rc == XML_ELEMENT && xml_tree_parse(&tree, x, ev);
	const struct xml_attr attrs[] = {ev->from, ev->to, ev->id, ev->type, ev->version, ev->lang};

	if (rc == XML_ELEMENT && !parsed)
		o->names_whole = false;
	if (parsed) {
		put_names(o, &tree);
		/* Class and tree agree. */
		if (uris[ev->ns] != NULL)
			ENSURE(xml_same_value(tree.node[0].ns, span_of(uris[ev->ns])));
	}
	text_printf(&o->events, "%s %llu [", rc == XML_HEADER ? "header" : "element", (unsigned long long)x->consumed);
	text_put(&o->events, ev->name);
	text_printf(&o->events, "] %d", (int)ev->ns);
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		put_attr(&o->events, i, attrs[i]);
	text_printf(&o->events, "\n");
	text_printf(&o->exact, "%d %zu %d %d %d %zu %x %d %d\n", (int)rc, ev->bytes.n, (int)ev->ns, ev->prefixed,
	    ev->empty, ev->insert, (unsigned)ev->prefixes, ev->dialback, (int)ev->content_ns);
}

/* Pieces: 0: whole; else the seed of a random split. */
static size_t next_piece(uint32_t *seed, size_t left)
{
	size_t n;

	if (*seed == 0)
		return left;
	*seed = *seed * 1664525 + 1013904223;
	if (*seed == 0)
		*seed = 1;
	n = (*seed >> 8) % ((*seed >> 28) == 0 ? 200 : 9) + 1;
	return n < left ? n : left;
}

static void on_event(struct ours *o, struct xml *x, enum xml_rc rc, const struct xml_ev *ev, size_t *spaces)
{
	if (rc != XML_SPACE && *spaces > 0) {
		text_printf(&o->exact, "space %zu\n", *spaces);
		*spaces = 0;
	}
	if (rc == XML_SPACE)
		*spaces += ev->bytes.n;
	else if (rc == XML_END)
		text_printf(&o->exact, "end %zu\n", ev->bytes.n);
	else if (rc == XML_BAD)
		text_printf(&o->exact, "bad %d %llu\n", (int)xml_error(x), (unsigned long long)xml_error_offset(x));
	else
		put_event(o, x, rc, ev);
	o->ended |= rc == XML_END || (rc == XML_ELEMENT && x->document);
}

static void run_ours(struct ours *o, struct span in, enum oracle_mode mode, uint32_t seed, const struct xml_rush *rush)
{
	struct xml *x = xml_new(&limits);
	size_t used = 0, given = 0, spaces = 0;
	enum xml_rc rc = XML_MORE;

	*o = (struct ours){.names_whole = true};
	ENSURE(x != NULL);
	x->rush = rush;
	if (mode == ORACLE_DOCUMENT)
		xml_expect_document(x);
	while (given < in.n && rc != XML_BAD) {
		char *block;
		size_t n;

		given += next_piece(&seed, in.n - given);
		/* A block of its own, just as large: the sanitizer sees what is read behind the input. */
		n = given - used;
		block = malloc(n);
		ENSURE(block != NULL);
		memcpy(block, in.p + used, n);
		for (size_t at = 0;; at = n - (given - used)) {
			struct xml_ev ev;

			rc = xml_next(x, &ev, (struct span){block + at, n - at});
			if (rc == XML_MORE)
				break;
			on_event(o, x, rc, &ev, &spaces);
			if (rc == XML_BAD)
				break;
			used += ev.bytes.n;
		}
		free(block);
	}
	o->error = xml_error(x);
	xml_free(x);
}

static void free_ours(struct ours *o)
{
	text_free(&o->events);
	text_free(&o->exact);
	text_free(&o->names);
}

static bool is_limit(enum xml_error e)
{
	return e >= XML_ERR_TOO_BIG;
}

static void check_splits(struct span in, enum oracle_mode mode, const struct ours *whole, uint32_t seed)
{
	for (unsigned v = 0; v < xml_rush_count; v++) {
		const struct xml_rush *rush = xml_rushes[v];

		for (uint32_t i = 0; i < 3 && xml_rush_usable(rush); i++) {
			struct ours o;

			run_ours(&o, in, mode, i == 0 ? 0 : seed * 2 + i, rush);
			if (!text_same(&o.exact, &whole->exact))
				fail(xml_rush_name(rush), &whole->exact, &o.exact, in);
			if (!text_same(&o.events, &whole->events))
				fail(xml_rush_name(rush), &whole->events, &o.events, in);
			free_ours(&o);
		}
	}
}

/* Writes the element as it would be forwarded to a stream that has no prefixes: those that it uses are declared on it,
 * except for number `without`. */
static void put_declared(struct text *t, const struct xml *x, const struct xml_ev *ev, unsigned without)
{
	text_put(t, (struct span){ev->bytes.p, ev->insert});
	for (unsigned i = 0; i < XML_HEADER_PREFIXES; i++) {
		struct span prefix, uri;

		if ((ev->prefixes >> i & 1) == 0 || i == without)
			continue;
		xml_header_prefix(x, i, &prefix, &uri);
		text_printf(t, " xmlns:");
		text_put(t, prefix);
		text_printf(t, "=%c", memchr(uri.p, '"', uri.n) != NULL ? '\'' : '"');
		text_put(t, uri);
		text_put(t, memchr(uri.p, '"', uri.n) != NULL ? SPAN("'") : SPAN("\""));
	}
	text_put(t, (struct span){ev->bytes.p + ev->insert, ev->bytes.n - ev->insert});
}

static void put_start(struct text *t, const struct xml *x)
{
	struct span uri = x->header->content_uri;
	char quote = memchr(uri.p, '"', uri.n) != NULL ? '\'' : '"';

	text_printf(t, "<w xmlns=%c", quote);
	text_put(t, uri);
	text_printf(t, "%c>", quote);
}

/* Without one of the prefixes that it is said to use, the element must be broken. */
static void check_minimal(const struct xml *x, const struct xml_ev *ev)
{
	for (unsigned i = 0; i < XML_HEADER_PREFIXES; i++) {
		struct text alone = {0};
		struct oracle o;

		if ((ev->prefixes >> i & 1) == 0)
			continue;
		put_start(&alone, x);
		put_declared(&alone, x, ev, i);
		text_printf(&alone, "</w>");
		oracle_run(&o, (struct span){alone.p, alone.n}, ORACLE_STREAM);
		ENSURE(!o.accepted);
		oracle_free(&o);
		text_free(&alone);
	}
}

/* A whole stream, with the prefixes of its header declared on each element instead, means the same. */
static void check_prefixes(struct span in, const struct oracle *want)
{
	struct xml *x = xml_new(&limits);
	struct text moved = {0};
	struct oracle o;
	struct xml_ev ev;
	enum xml_rc rc;

	ENSURE(x != NULL);
	while ((rc = xml_next(x, &ev, in)) != XML_MORE) {
		ENSURE(rc != XML_BAD);
		if (rc == XML_HEADER)
			put_start(&moved, x);
		if (rc == XML_ELEMENT) {
			put_declared(&moved, x, &ev, XML_HEADER_PREFIXES);
			check_minimal(x, &ev);
		}
		in.p += ev.bytes.n;
		in.n -= ev.bytes.n;
	}
	text_printf(&moved, "</w>");
	oracle_run(&o, (struct span){moved.p, moved.n}, ORACLE_STREAM);
	if (!o.accepted || !text_same(&o.content, &want->content))
		fail("declarations moved", &want->content, &o.content, (struct span){moved.p, moved.n});
	oracle_free(&o);
	text_free(&moved);
	xml_free(x);
}

static void check(struct span in, enum oracle_mode mode, uint32_t seed)
{
	struct oracle oracle;
	struct ours ours;

	oracle_run(&oracle, in, mode);
	run_ours(&ours, in, mode, 0, xml_best_rush());
	if (!is_limit(ours.error)) {
		if (!text_same(&oracle.events, &ours.events))
			fail("events differ", &oracle.events, &ours.events, in);
		if (oracle.accepted != (ours.ended && ours.error == XML_OK))
			fail(oracle.accepted ? "libexpat accepts it" : "libexpat rejects it", &oracle.events,
			    &ours.exact, in);
		if (oracle.accepted && ours.names_whole) {
			if (!text_same(&oracle.names, &ours.names))
				fail("names differ", &oracle.names, &ours.names, in);
		}
		if (oracle.accepted && mode == ORACLE_STREAM)
			check_prefixes(in, &oracle);
	}
	check_splits(in, mode, &ours, seed);
	oracle_free(&oracle);
	free_ours(&ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = {(const char *)data + 1, n - 1};
	struct text wrapped = {0};
	uint32_t seed = (uint32_t)n;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		seed = seed * 31 + data[i];
	switch (data[0]) {
	case 'd':
		check(in, ORACLE_DOCUMENT, seed);
		return 0;
	case 's':
		check(in, ORACLE_STREAM, seed);
		return 0;
	case 'e':
		text_put(&wrapped, SPAN(HEADER));
		text_put(&wrapped, in);
		text_put(&wrapped, SPAN(FOOTER));
		check((struct span){wrapped.p, wrapped.n}, ORACLE_STREAM, seed);
		text_free(&wrapped);
		return 0;
	default:
		return 0;
	}
}
