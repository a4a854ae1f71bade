#include "view.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>

#include "fakenet.h"

enum { LINES_MAX = 4096 };
#define NS_SEP '\x01'

struct view {
	char *line[LINES_MAX];
	size_t n;
};

struct reader {
	XML_Parser parser;
	struct view *view;
	bool header;   /* the item is a stream header */
	bool skipping; /* the context's header is being read */
	unsigned depth;
	struct fake_bytes text;  /* character data not yet made a line */
	struct fake_bytes names; /* declarations of the element to come, one line each, NUL between them */
	bool done, loose_text;
	size_t end;
};

static const char plain_header[] = "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
                                   "xmlns:stream='http://etherx.jabber.org/streams'>";

static void add(struct view *v, const char *word, const char *rest)
{
	size_t n = strlen(word) + strlen(rest) + 1;

	ENSURE(v->n < LINES_MAX);
	v->line[v->n] = fake_alloc(n);
	(void)snprintf(v->line[v->n], n, "%s%s", word, rest);
	v->n++;
}

void view_free(struct view *view)
{
	if (view == NULL)
		return;
	for (size_t i = 0; i < view->n; i++)
		free(view->line[i]);
	free(view);
}

/* "uri SEP local SEP prefix" as "prefix:local of uri". */
static void readable(const char *expat_name, char *out, size_t n)
{
	const char *local = strchr(expat_name, NS_SEP);
	const char *prefix = local != NULL ? strchr(local + 1, NS_SEP) : NULL;

	if (local == NULL)
		(void)snprintf(out, n, "%s", expat_name);
	else if (prefix == NULL)
		(void)snprintf(out, n, "%s of %.*s", local + 1, (int)(local - expat_name), expat_name);
	else
		(void)snprintf(out, n, "%s:%.*s of %.*s", prefix + 1, (int)(prefix - local - 1), local + 1,
		    (int)(local - expat_name), expat_name);
}

static void flush_text(struct reader *r)
{
	if (r->text.n == 0)
		return;
	fake_bytes_put(&r->text, (struct span){"", 1});
	add(r->view, "text ", r->text.p);
	fake_bytes_drop(&r->text, r->text.n);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_attributes(struct reader *r, const char **attrs)
{
	size_t first = r->view->n;
	char name[512], line[2048];

	for (size_t at = 0; r->header && at < r->names.n; at += strlen(r->names.p + at) + 1)
		add(r->view, "declares ", r->names.p + at);
	for (; attrs[0] != NULL; attrs += 2) {
		readable(attrs[0], name, sizeof(name));
		(void)snprintf(line, sizeof(line), "%s=%s", name, attrs[1]);
		add(r->view, "attribute ", line);
	}
	qsort(r->view->line + first, r->view->n - first, sizeof(r->view->line[0]), by_text);
}

static void finish(struct reader *r, size_t end)
{
	r->done = true;
	r->end = end;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static size_t token_end(const struct reader *r)
{
	return (size_t)XML_GetCurrentByteIndex(r->parser) + (size_t)XML_GetCurrentByteCount(r->parser);
}

static void started(void *arg, const char *expat_name, const char **attrs)
{
	struct reader *r = arg;
	char name[512];

	r->depth++;
	if (!r->skipping && (r->header || r->depth > 1)) {
		flush_text(r);
		readable(expat_name, name, sizeof(name));
		add(r->view, "element ", name);
		add_attributes(r, attrs);
		if (r->header)
			finish(r, token_end(r));
	}
	fake_bytes_drop(&r->names, r->names.n);
}

static void ended(void *arg, const char *name)
{
	struct reader *r = arg;

	(void)name;
	flush_text(r);
	add(r->view, "end", "");
	r->depth--;
	if (r->depth == 1)
		finish(r, token_end(r));
}

static void declared(void *arg, const char *prefix, const char *uri)
{
	struct reader *r = arg;
	char line[512];

	(void)snprintf(line, sizeof(line), "%s=%s", prefix != NULL ? prefix : "", uri != NULL ? uri : "");
	fake_bytes_put(&r->names, (struct span){line, strlen(line) + 1});
}

static void characters(void *arg, const char *text, int n)
{
	struct reader *r = arg;

	if (r->depth > 1) {
		fake_bytes_put(&r->text, (struct span){text, (size_t)n});
		return;
	}
	r->loose_text = true;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static struct reader reader_new(bool header)
{
	struct reader r = {.header = header, .view = fake_alloc(sizeof(struct view))};

	r.parser = XML_ParserCreateNS("UTF-8", NS_SEP);
	ENSURE(r.parser != NULL);
	XML_SetReturnNSTriplet(r.parser, XML_TRUE);
	XML_SetElementHandler(r.parser, started, ended);
	XML_SetStartNamespaceDeclHandler(r.parser, declared);
	XML_SetCharacterDataHandler(r.parser, characters);
	return r;
}

static struct view *reader_end(struct reader *r)
{
	struct view *view = r->done ? r->view : NULL;

	if (view == NULL)
		view_free(r->view);
	XML_ParserFree(r->parser);
	fake_bytes_free(&r->text);
	fake_bytes_free(&r->names);
	return view;
}

enum view_rc view_read(struct span header, struct span bytes, struct view **view, size_t *used, char *why, size_t why_n)
{
	struct reader r = reader_new(header.n == 0);
	enum XML_Status status;

	XML_SetUserData(r.parser, &r);
	r.skipping = true;
	if (header.n > 0) {
		status = XML_Parse(r.parser, header.p, (int)header.n, XML_FALSE);
		ENSURE(status == XML_STATUS_OK); /* it was read before */
	}
	r.skipping = false;
	status = XML_Parse(r.parser, bytes.p, (int)bytes.n, XML_FALSE);
	if (r.loose_text)
		(void)snprintf(why, why_n, "white space or text where an element is expected");
	else if (!r.done && status != XML_STATUS_OK)
		(void)snprintf(why, why_n, "not XML: %s", XML_ErrorString(XML_GetErrorCode(r.parser)));
	else if (!r.done)
		(void)snprintf(why, why_n, bytes.n == 0 ? "nothing was sent" : "only a part was sent");
	*used = r.done ? r.end - header.n : 0;
	*view = reader_end(&r);
	if (*view != NULL)
		return VIEW_ITEM;
	return status == XML_STATUS_OK ? VIEW_MORE : VIEW_BAD;
}

/* The start tag with the two declarations that every header has, where the script left them out. */
static char *whole_header(const char *text)
{
	struct fake_bytes b = {NULL, 0, 0, 0};
	const char *tag = strstr(text, "<stream:stream");
	size_t name_n = strlen("<stream:stream");

	if (tag == NULL)
		tag = text, name_n = 0;
	fake_bytes_put(&b, (struct span){text, (size_t)(tag - text) + name_n});
	if (strstr(text, " xmlns=") == NULL)
		fake_bytes_put(&b, SPAN(" xmlns='jabber:server'"));
	if (strstr(text, " xmlns:stream=") == NULL)
		fake_bytes_put(&b, SPAN(" xmlns:stream='http://etherx.jabber.org/streams'"));
	fake_bytes_put(&b, span_of(tag + name_n));
	fake_bytes_put(&b, (struct span){"", 1});
	return b.p;
}

struct view *view_pattern(const char *text, bool header, char *why, size_t why_n)
{
	struct view *view = NULL;
	size_t used = 0;
	char *whole = header ? whole_header(text) : NULL;

	if (header)
		text = whole;
	if (view_read(header ? SPAN_NONE : SPAN(plain_header), span_of(text), &view, &used, why, why_n) == VIEW_ITEM &&
	    used != strlen(text)) {
		(void)snprintf(why, why_n, "more than one element");
		view_free(view);
		view = NULL;
	}
	free(whole);
	return view;
}

bool view_match(const struct view *pattern, const struct view *got, struct vars *vars, char *why, size_t why_n)
{
	size_t mark = vars_mark(vars);

	for (size_t i = 0; i < pattern->n || i < got->n; i++) {
		const char *want = i < pattern->n ? pattern->line[i] : "(nothing more)";
		const char *have = i < got->n ? got->line[i] : "(nothing more)";

		if (i < pattern->n && i < got->n && match(want, span_of(have), vars))
			continue;
		(void)snprintf(why, why_n, "here \"%s\" was expected, not \"%s\"", want, have);
		vars_undo(vars, mark);
		return false;
	}
	return true;
}
