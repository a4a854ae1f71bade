/* A scanner past a stream header, and the one element that a test is about. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sallyport/xmpp.h"

#define HEADER                                                                                                         \
	"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' "   \
	"xmlns:db='jabber:server:dialback' version='1.0'>"

struct scene {
	struct xml *x;
	struct xml_ev ev;
};

static inline void scene_header(struct scene *s, const char *header)
{
	static const struct xml_limits limits = {
	    .element_bytes = 65536, .depth = 32, .attributes = 32, .name_bytes = 256};

	s->x = xml_new(&limits);
	assert_non_null(s->x);
	assert_int_equal(xml_next(s->x, &s->ev, span_of(header)), XML_HEADER);
}

/* The element must live as long as the scene. */
static inline void scene_element(struct scene *s, const char *element)
{
	scene_header(s, HEADER);
	assert_int_equal(xml_next(s->x, &s->ev, span_of(element)), XML_ELEMENT);
	assert_int_equal(s->ev.bytes.n, strlen(element));
}

static inline void scene_end(struct scene *s)
{
	xml_free(s->x);
	s->x = NULL;
}

static inline struct domain domain_of(const char *text)
{
	struct domain d;

	assert_true(domain_parse(&d, span_of(text)));
	return d;
}

static inline void assert_span_equal(struct span s, const char *text)
{
	assert_int_equal(s.n, strlen(text));
	assert_memory_equal(s.p, text, s.n);
}

/* What is in the buffer, which is emptied. */
static inline void assert_written(struct buf *b, const char *text)
{
	struct span s = buf_span(b);

	if (!span_eq(s, span_of(text)))
		fail_msg("wrote:    %.*s\nexpected: %s", SPAN_FMT(s), text);
	buf_clear(b);
}

#endif
