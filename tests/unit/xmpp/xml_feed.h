/* Feeds bytes to a scanner in pieces and writes down what it answers, for comparison.  Every call gets a fresh copy of
 * the pending bytes in a heap block of just their size: so the sanitizer sees each byte read too many, and the scanner
 * can't live on old pointers. */
#ifndef XML_FEED_H
#define XML_FEED_H

#include "sallyport/xml.h"
#include "../../../proxy/xmpp/xml_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct feed {
	struct xml *x;
	char *log; /* a line an event; runs of white space are one */
	size_t log_n, log_cap;
	uint64_t spaces;
	bool bad;
};

static const struct xml_limits feed_limits = {
    .element_bytes = 262144, .depth = 64, .attributes = 64, .name_bytes = 1024};

static inline void feed_log(struct feed *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void feed_log(struct feed *f, const char *fmt, ...)
{
	char line[2048];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if ((size_t)n >= sizeof(line))
		n = sizeof(line) - 1;
	if (f->log_n + (size_t)n + 1 > f->log_cap) {
		f->log_cap = (f->log_cap + (size_t)n + 1) * 2;
		f->log = realloc(f->log, f->log_cap);
	}
	memcpy(f->log + f->log_n, line, (size_t)n + 1);
	f->log_n += (size_t)n;
}

static inline void feed_log_spaces(struct feed *f)
{
	if (f->spaces > 0)
		feed_log(f, "space %llu\n", (unsigned long long)f->spaces);
	f->spaces = 0;
}

static inline void feed_log_attr(struct feed *f, const char *name, struct xml_attr a)
{
	if (a.value.p != NULL)
		feed_log(f, " %s%s[%.*s]", name, a.coded ? "*" : "", SPAN_FMT(a.value));
}

static inline void feed_log_event(struct feed *f, enum xml_rc rc, const struct xml_ev *ev)
{
	feed_log_spaces(f);
	feed_log(f, "%s %zu [%.*s] ns=%d%s%s insert=%zu prefixes=%x%s content=%d",
	    rc == XML_HEADER ? "header" : "element", ev->bytes.n, SPAN_FMT(ev->name), (int)ev->ns,
	    ev->prefixed ? " prefixed" : "", ev->empty ? " empty" : "", ev->insert, (unsigned)ev->prefixes,
	    ev->dialback ? " dialback" : "", (int)ev->content_ns);
	feed_log_attr(f, "from", ev->from);
	feed_log_attr(f, "to", ev->to);
	feed_log_attr(f, "id", ev->id);
	feed_log_attr(f, "type", ev->type);
	feed_log_attr(f, "version", ev->version);
	feed_log_attr(f, "lang", ev->lang);
	feed_log(f, "\n");
}

/* Takes the events out of the pending bytes; returns how many of them were consumed. */
static inline size_t feed_pending(struct feed *f, const char *pending, size_t n)
{
	size_t used = 0;

	while (!f->bad) {
		char *copy = malloc(n - used + 1);
		struct xml_ev ev;
		enum xml_rc rc;

		/* The last byte of the block lies just behind the bytes given. */
		memcpy(copy + 1, pending + used, n - used);
		rc = xml_next(f->x, &ev, (struct span){copy + 1, n - used});
		if (rc == XML_SPACE)
			f->spaces += ev.bytes.n;
		else if (rc == XML_HEADER || rc == XML_ELEMENT)
			feed_log_event(f, rc, &ev);
		else if (rc == XML_END)
			feed_log_event(f, XML_ELEMENT, &(struct xml_ev){.bytes = ev.bytes, .name = SPAN("END")});
		if (rc == XML_BAD) {
			feed_log_spaces(f);
			feed_log(
			    f, "bad %d at %llu\n", (int)xml_error(f->x), (unsigned long long)xml_error_offset(f->x));
			f->bad = true;
		} else if (rc != XML_MORE) {
			used += ev.bytes.n;
		}
		free(copy);
		if (rc == XML_MORE)
			break;
	}
	return used;
}

/* Feeds all of `in`; next_piece() says how many bytes come next. */
static inline void feed_run(struct feed *f, struct span in, size_t (*next_piece)(void *), void *arg)
{
	size_t start = 0, given = 0;

	while (given < in.n && !f->bad) {
		size_t piece = next_piece(arg);

		given += piece == 0 || piece > in.n - given ? in.n - given : piece;
		start += feed_pending(f, in.p + start, given - start);
	}
	feed_log_spaces(f);
}

static inline size_t feed_fixed(void *arg)
{
	return *(size_t *)arg;
}

/* The transcript of `in`, fed in pieces of `chunk` (0: whole).  The caller frees it. */
static inline char *feed_all(
    struct span in, size_t chunk, bool document, const struct xml_limits *limits, const struct xml_rush *rush)
{
	struct feed f = {.x = xml_new(limits != NULL ? limits : &feed_limits)};

	f.x->rush = rush;
	if (document)
		xml_expect_document(f.x);
	feed_log(&f, "%s", "");
	feed_run(&f, in, feed_fixed, &chunk);
	xml_free(f.x);
	return f.log;
}

#endif
