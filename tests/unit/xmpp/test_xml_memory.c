/* Without memory the stream fails, and nothing else; and an element costs no allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static size_t allocations, fail_at; /* fail_at: the number of the one to refuse; 0: none */
static long blocks;

static bool refuse(void)
{
	return ++allocations == fail_at;
}

static void *heap_resize(void *p, size_t n)
{
	void *more = refuse() ? NULL : realloc(p, n);

	blocks += more != NULL && p == NULL;
	return more;
}

static void *heap_take(size_t n)
{
	return heap_resize(NULL, n);
}

static void *heap_zeroed(size_t count, size_t n)
{
	void *p = heap_take(count * n);

	return p != NULL ? memset(p, 0, count * n) : NULL;
}

static void heap_give(void *p)
{
	blocks -= p != NULL;
	free(p);
}

/* The modules themselves, so that their allocations are ours. */
#define malloc heap_take
#define calloc heap_zeroed
#define realloc heap_resize
#define free heap_give
#include "../../../proxy/xmpp/xml.c"
#include "../../../proxy/xmpp/xml_ns.c"
#undef malloc
#undef calloc
#undef realloc
#undef free

static const struct xml_limits limits = {.element_bytes = 4096, .depth = 64, .attributes = 64, .name_bytes = 64};

/* Counts the stream's elements; an error ends it. */
static unsigned run_stream(enum xml_error *error)
{
	static const char in[] =
	    "<s xmlns='u' xmlns:a='1' xmlns:b='2'>"
	    "<a:x xmlns:c='1' xmlns:d='2' xmlns:e='3' xmlns:f='4' xmlns:g='5' xmlns:h='6' xmlns:i='7' "
	    "xmlns:j='8' xmlns:k='9'/>"
	    "<a><a><a><a><a><a><a><a><a><a><b:b/></a></a></a></a></a></a></a></a></a></a>"
	    "</s>";
	struct span rest = SPAN(in);
	struct xml *x = xml_new(&limits);
	unsigned elements = 0;
	struct xml_ev ev;
	enum xml_rc rc;

	*error = XML_ERR_NO_MEMORY;
	if (x == NULL)
		return 0;
	while ((rc = xml_next(x, &ev, rest)) != XML_MORE && rc != XML_BAD) {
		elements += rc == XML_ELEMENT;
		rest.p += ev.bytes.n;
		rest.n -= ev.bytes.n;
	}
	*error = xml_error(x);
	xml_free(x);
	return elements;
}

static void test_each_allocation_fails(void **state)
{
	enum xml_error error;
	size_t all;

	(void)state;
	allocations = fail_at = 0;
	assert_int_equal(run_stream(&error), 2);
	assert_int_equal(error, XML_OK);
	all = allocations;
	assert_true(all >= 5);
	for (fail_at = 1; fail_at <= all; fail_at++) {
		allocations = 0;
		assert_true(run_stream(&error) < 2);
		assert_int_equal(error, XML_ERR_NO_MEMORY);
		assert_int_equal(blocks, 0);
	}
	fail_at = 0;
}

static void test_elements_cost_none(void **state)
{
	static const char stanza[] = "<a:m><b><c><d><e xmlns:p='u'><p:f/></e></d></c></b></a:m>";
	struct xml *x;
	struct xml_ev ev;
	size_t before = 0;

	(void)state;
	fail_at = 0;
	x = xml_new(&limits);
	assert_int_equal(xml_next(x, &ev, SPAN("<s xmlns:a='1'>")), XML_HEADER);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(xml_next(x, &ev, SPAN(stanza)), XML_ELEMENT);
		assert_true(i == 0 || allocations == before);
		before = allocations;
	}
	xml_free(x);
	assert_int_equal(blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_allocation_fails), cmocka_unit_test(test_elements_cost_none)};

	return cmocka_run_group_tests_name("xml_memory", tests, NULL, NULL);
}
