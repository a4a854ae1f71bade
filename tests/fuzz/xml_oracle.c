#include "xml_oracle.h"

#include "sallyport/xml.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SEPARATOR '\1' /* never a legal character */
#define XML_URI "http://www.w3.org/XML/1998/namespace"

void text_put(struct text *t, struct span bytes)
{
	if (t->n + bytes.n + 1 > t->cap) {
		t->cap = (t->n + bytes.n + 1) * 2;
		t->p = realloc(t->p, t->cap);
		ENSURE(t->p != NULL);
	}
	if (bytes.n > 0)
		memcpy(t->p + t->n, bytes.p, bytes.n);
	t->n += bytes.n;
	t->p[t->n] = '\0';
}

void text_printf(struct text *t, const char *fmt, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	ENSURE(n >= 0 && (size_t)n < sizeof(line));
	text_put(t, (struct span){line, (size_t)n});
}

bool text_same(const struct text *a, const struct text *b)
{
	return span_eq((struct span){a->p, a->n}, (struct span){b->p, b->n});
}

void text_free(struct text *t)
{
	free(t->p);
	*t = (struct text){0};
}

struct run {
	struct oracle *o;
	XML_Parser parser;
	struct span in;
	int top; /* depth of a top-level element */
	int depth;
	bool restricted;
	struct text event; /* of the top-level element being read */
};

static void restrict_it(struct run *r)
{
	r->restricted = true;
	XML_StopParser(r->parser, XML_FALSE);
}

/* "uri SEPARATOR local SEPARATOR prefix" or less of it. */
static struct span part(const char *name, struct span *uri)
{
	const char *local = strchr(name, SEPARATOR), *end;

	*uri = SPAN("");
	if (local == NULL)
		return span_of(name);
	*uri = (struct span){name, (size_t)(local - name)};
	end = strchr(++local, SEPARATOR);
	return end != NULL ? (struct span){local, (size_t)(end - local)} : span_of(local);
}

static enum xml_ns classify(struct span uri)
{
	static const char *const known[] = {[XML_NS_NONE] = "",
	    [XML_NS_SERVER] = "jabber:server",
	    [XML_NS_STREAMS] = "http://etherx.jabber.org/streams",
	    [XML_NS_DIALBACK] = "jabber:server:dialback",
	    [XML_NS_TLS] = "urn:ietf:params:xml:ns:xmpp-tls",
	    [XML_NS_SASL] = "urn:ietf:params:xml:ns:xmpp-sasl"};

	for (size_t i = XML_NS_NONE; i < ARRAY_LEN(known); i++) {
		if (span_eq(uri, span_of(known[i])))
			return (enum xml_ns)i;
	}
	return XML_NS_OTHER;
}

static void put_attrs(struct text *t, const char **attrs)
{
	static const char *const known[] = {"from", "to", "id", "type", "version", XML_URI "\1lang\1xml"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		for (const char **a = attrs; *a != NULL; a += 2) {
			if (strcmp(*a, known[i]) != 0)
				continue;
			text_printf(t, " %zu=", i);
			text_put(t, span_of(a[1]));
		}
	}
}

static void put_name(struct text *t, const char *name)
{
	struct span uri, local = part(name, &uri);

	text_put(t, uri);
	text_printf(t, "|");
	text_put(t, local);
}

static void on_start(void *arg, const char *name, const char **attrs)
{
	struct run *r = arg;
	struct span uri, local = part(name, &uri);

	if (r->restricted)
		return;
	r->depth++;
	if (r->depth <= r->top) {
		r->event.n = 0;
		text_printf(&r->event, " [");
		text_put(&r->event, local);
		text_printf(&r->event, "] %d", (int)classify(uri));
		put_attrs(&r->event, attrs);
	}
	if (r->depth < r->top) {
		long end = XML_GetCurrentByteIndex(r->parser) + XML_GetCurrentByteCount(r->parser);

		if (r->in.p[end - 2] == '/') {
			restrict_it(r);
			return;
		}
		text_printf(&r->o->events, "header %ld", end);
		text_put(&r->o->events, (struct span){r->event.p, r->event.n});
		text_printf(&r->o->events, "\n");
		return;
	}
	put_name(&r->o->names, name);
	text_printf(&r->o->names, "\n");
	put_name(&r->o->content, name);
	for (; *attrs != NULL; attrs += 2) {
		text_printf(&r->o->content, " ");
		put_name(&r->o->content, *attrs);
		text_printf(&r->o->content, "=");
		text_put(&r->o->content, span_of(attrs[1]));
	}
	text_printf(&r->o->content, "\n");
}

static void on_end(void *arg, const char *name)
{
	struct run *r = arg;
	long at = XML_GetCurrentByteIndex(r->parser), n = XML_GetCurrentByteCount(r->parser);

	(void)name;
	if (r->restricted)
		return;
	if (r->depth == r->top) {
		text_printf(&r->o->events, "element %ld", at + n);
		text_put(&r->o->events, (struct span){r->event.p, r->event.n});
		text_printf(&r->o->events, "\n");
	}
	r->depth--;
}

static void on_text(void *arg, const char *bytes, int n)
{
	struct run *r = arg;

	if (r->depth >= r->top)
		return;
	if (r->in.p[XML_GetCurrentByteIndex(r->parser)] == '&')
		restrict_it(r);
	for (int i = 0; i < n; i++) {
		if (strchr(" \t\r\n", bytes[i]) == NULL)
			restrict_it(r);
	}
}

static void on_cdata(void *arg)
{
	struct run *r = arg;

	if (r->depth < r->top)
		restrict_it(r);
}

static void on_comment(void *arg, const char *text)
{
	(void)text;
	restrict_it(arg);
}

static void on_pi(void *arg, const char *target, const char *data)
{
	(void)target, (void)data;
	restrict_it(arg);
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public_id, int subset)
{
	(void)name, (void)system, (void)public_id, (void)subset;
	restrict_it(arg);
}

static void on_declaration(void *arg, const char *version, const char *encoding, int standalone)
{
	(void)standalone;
	if (version == NULL || strncmp(version, "1.", 2) != 0 || version[2] == '\0' ||
	    strspn(version + 2, "0123456789") != strlen(version + 2))
		restrict_it(arg);
	if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0)
		restrict_it(arg);
}

/* Byte order marks, and UTF-16 without one: libexpat accepts them, whatever encoding it was told. */
static bool is_marked(struct span in)
{
	static const struct span marks[] = {
	    SPAN("\xef\xbb\xbf"), SPAN("\xfe\xff"), SPAN("\xff\xfe"), SPAN("<\0"), SPAN("\0")};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		if (in.n >= marks[i].n && memcmp(in.p, marks[i].p, marks[i].n) == 0)
			return true;
	}
	return false;
}

void oracle_run(struct oracle *o, struct span in, enum oracle_mode mode)
{
	struct run r = {.o = o, .in = in, .top = mode == ORACLE_STREAM ? 2 : 1};
	enum XML_Status status;

	*o = (struct oracle){0};
	if (is_marked(in))
		return;
	r.parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
	ENSURE(r.parser != NULL);
	XML_SetReturnNSTriplet(r.parser, 1);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartCdataSectionHandler(r.parser, on_cdata);
	XML_SetCommentHandler(r.parser, on_comment);
	XML_SetProcessingInstructionHandler(r.parser, on_pi);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	XML_SetXmlDeclHandler(r.parser, on_declaration);
	status = XML_Parse(r.parser, in.p, (int)in.n, 1);
	o->accepted = status == XML_STATUS_OK && !r.restricted;
	XML_ParserFree(r.parser);
	text_free(&r.event);
}

void oracle_free(struct oracle *o)
{
	text_free(&o->events);
	text_free(&o->names);
	text_free(&o->content);
}
