/* Any split of the input, and any instruction set, gives the same events; and the cost of a split is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "xml_feed.h"

#define HEADER                                                                                                         \
	"<?xml version='1.0'?>\n<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " \
	"xmlns:db='jabber:server:dialback' to='a.example' from='b.example' version='1.0'>"
#define FOOTER "</stream:stream>"

static const char *const stanzas[] = {
    "<message from='romeo@montague.example/orchard' to='juliet@capulet.example' type='chat' id='s2s1'><body>Neither, "
    "fair "
    "saint, if either thee dislike. It's \"this\" [or] that]\nnew line\r\n\t&amp; &lt;so&#x20;on&gt;</body><active "
    "xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>",
    "<presence from='room@conference.example/\xd0\x9d\xd0\xb8\xd0\xba' to='a@b'><x "
    "xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role=\"participant\" jid='it&apos;s'/></x>"
    "</presence> \n ",
    "<message><body>\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xba\xd0\xb0\xd0\xba "
    "\xd0\xb4\xd0\xb5\xd0\xbb\xd0\xb0? "
    "\xe5\xa4\xa9\xe5\x9c\xb0\xe7\x8e\x84\xe9\xbb\x84\xe5\xae\x87\xe5\xae\x99\xe6\xb4\xaa\xe8\x8d\x92 "
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x81\xf0\x9f\x98\x82 \xef\xbf\xbd\xed\x9f\xbf plain again, long enough to fill a block"
    "</body></message>",
    "<iq type='result' id='\xe2\x82\xac'><db:x stream:y='z' xmlns:p='urn:p' "
    "p:q='r'><p:s/></db:x><![CDATA[<]]]]><![CDATA[>"
    "&\xc3\xa9]]></iq>",
    "<iq><query xmlns='http://example.com/a/namespace/name/that/is/longer/than/one/window/of/sixty-four/bytes' "
    "node='another-long-value-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789'/></iq>",
    "<a-rather-long-element-name-that-does-not-fit-into-one-window-of-sixty-four-bytes-at-all x='1'>"
    "</a-rather-long-element-name-that-does-not-fit-into-one-window-of-sixty-four-bytes-at-all\n>",
    "<a><b><c><d><e><f><g><h><i><j>text</j></i></h></g></f></e></d></c></b></a>",
    "<a b='1'\nc='2'  d = '3' e=\"4\"/><x y='1' z='2' xml:lang='en'></x>",
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Mostly small pieces. */
static size_t random_piece(void *arg)
{
	uint32_t *seed = arg, most = next_random(seed) % 4 == 0 ? 300 : 12;

	return next_random(seed) % most + 1;
}

static char *transcript(struct span in, const struct xml_rush *rush, size_t (*next_piece)(void *), void *arg)
{
	struct feed f = {.x = xml_new(&feed_limits)};

	f.x->rush = rush;
	feed_log(&f, "%s", "");
	feed_run(&f, in, next_piece, arg);
	xml_free(f.x);
	return f.log;
}

static void assert_same_for_splits(struct span in, uint32_t *seed)
{
	size_t whole = 0;
	char *want = transcript(in, NULL, feed_fixed, &whole);

	for (unsigned v = 0; v < xml_rush_count; v++) {
		for (int split = 0; split < 3 && xml_rush_usable(xml_rushes[v]); split++) {
			char *got = transcript(in, xml_rushes[v], split == 0 ? feed_fixed : random_piece,
			    split == 0 ? (void *)&whole : (void *)seed);

			if (strcmp(got, want) != 0)
				print_error("%s: %.*s\n", xml_rush_name(xml_rushes[v]), SPAN_FMT(in));
			assert_string_equal(got, want);
			free(got);
		}
	}
	free(want);
}

/* A stream of a few of the stanzas, behind text of any length, so that they lie anywhere in a window. */
static size_t make_stream(char *to, size_t cap, uint32_t *seed)
{
	size_t n = (size_t)snprintf(to, cap, "%s<m>%.*s</m>", HEADER, (int)(next_random(seed) % 64),
	    "................................................................");

	for (uint32_t i = next_random(seed) % 4; i > 0; i--)
		n += (size_t)snprintf(to + n, cap - n, "%s", stanzas[next_random(seed) % ARRAY_LEN(stanzas)]);
	return n + (size_t)snprintf(to + n, cap - n, "%s", FOOTER);
}

static void test_good_streams(void **state)
{
	uint32_t seed = 20240229;

	(void)state;
	for (int i = 0; i < 500; i++) {
		char in[4096];
		size_t n = make_stream(in, sizeof(in), &seed), whole = 0;
		char *log = transcript((struct span){in, n}, xml_best_rush(), feed_fixed, &whole);

		assert_null(strstr(log, "bad "));
		assert_non_null(strstr(log, "[END]"));
		free(log);
		assert_same_for_splits((struct span){in, n}, &seed);
	}
}

/* One byte is another, is doubled, or is missing: most often that breaks the stream. */
static void test_broken_streams(void **state)
{
	static const char bytes[] = "<>&;'\"=/ :]!?-x1\n\x01\x7f\x80\xbf\xc2\xe0\xed\xef\xf0\xf4\xff";
	uint32_t seed = 4711;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		char in[4096];
		size_t n = make_stream(in, sizeof(in) - 1, &seed), at = next_random(&seed) % n;

		switch (next_random(&seed) % 3) {
		case 0:
			in[at] = bytes[next_random(&seed) % (sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(in + at + 1, in + at, n++ - at);
			in[at] = bytes[next_random(&seed) % (sizeof(bytes) - 1)];
			break;
		default:
			memmove(in + at, in + at + 1, --n - at);
		}
		assert_same_for_splits((struct span){in, n}, &seed);
	}
}

/* Good UTF-8 is good, and bad UTF-8 bad, wherever in a window and whatever instructions: any two bytes after any of the
 * interesting ones. */
static void test_utf8(void **state)
{
	static const unsigned char leads[] = {0x41, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
	    0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
	static const unsigned char trails[] = {0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbd, 0xbe, 0xbf, 0xc0, 0xef};
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leads) * 11 * 11 * 11; i++) {
		unsigned char part[] = {leads[i / 1331], trails[i / 121 % 11], trails[i / 11 % 11], trails[i % 11]};
		size_t whole = 0, n;
		char in[1024], *want;

		n = (size_t)snprintf(in, sizeof(in), "<s><m>\xc3\xa9%.*s", (int)(next_random(&seed) % 80),
		    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80.........\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80.........\xc3\xa9"
		    "\xe2\x82\xac\xf0\x9f\x98\x80.........\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80.........");
		memcpy(in + n, part, 2 + i % 3);
		n += 2 + i % 3;
		n += (size_t)snprintf(
		    in + n, sizeof(in) - n, "%s", "</m><m>0123456789012345678901234567890123456789</m></s>");
		want = transcript((struct span){in, n}, NULL, feed_fixed, &whole);
		for (unsigned v = 0; v + 1 < xml_rush_count; v++) {
			char *got;

			if (!xml_rush_usable(xml_rushes[v]))
				continue;
			got = transcript((struct span){in, n}, xml_rushes[v], feed_fixed, &whole);
			assert_string_equal(got, want);
			free(got);
		}
		free(want);
	}
}

/* Every byte in every place: all instruction sets know it for what the plain code takes it. */
static void test_every_byte(void **state)
{
	static const char *const places[] = {"<a%c b='c'>d</a>", "<a%ca b='c'>d</a>", "<%ca b='c'>d</%ca>",
	    "<a b%cb='c'/>", "<a %cb='c'/>", "<a b%c='c'/>", "<a b=%cc'/>", "<a b='%c'/>", "<a b='c%cd'/>",
	    "<a b='c%c>d</a>", "<a b='c'%c>d</a>", "<a>%c</a>", "<a>b%cc</a>", "<a>b</%ca>", "<a>b</a%c>",
	    "<a>b<%ca></a>", "<a>]%c></a>", "<a>\xc3%c</a>", "<a>\xc3\xa9%c</a>"};
	uint32_t seed = 3;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		for (int byte = 1; byte < 256; byte++) {
			char stanza[64], in[512];
			int n;

			snprintf(stanza, sizeof(stanza), places[i], byte, byte);
			n = snprintf(in, sizeof(in),
			    "%s%s<filler a='0123456789 0123456789 0123456789 0123456789'>%080d</filler>", HEADER,
			    stanza, 0);
			assert_same_for_splits((struct span){in, (size_t)n}, &seed);
		}
	}
}

/* What is simple is taken in a hurry, all of it: without this, slowness would be no failure. */
static void test_simple_is_taken(void **state)
{
	static const char *const simple[] = {"<a/>", "<a b='c' d=\"e\"/>", "<origin-id a.b='c' _-9='d'/>",
	    "<message from='a@b.example/c d' to='e@f' type='chat' id='x_1.2-3'><body>It's \"so\" [or] so\nand "
	    "x</body><active "
	    "xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>",
	    "<iq><query "
	    "xmlns='http://example.com/a/namespace/name/that/is/longer/than/one/window/of/sixty-four/bytes'/></iq>",
	    "<a>\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xe5\xa4\xa9 \xf0\x9f\x98\x80 and ASCII again, for "
	    "more than "
	    "a block</a>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
		for (unsigned v = 0; v + 1 < xml_rush_count; v++) {
			char in[1024];
			size_t n = strlen(simple[i]);
			struct xml *x = xml_new(&feed_limits);
			struct xml_cursor c = {.x = x, .in = in, .p = in, .end = in + n + 100};

			snprintf(in, sizeof(in), "%s%0100d", simple[i], 0);
			if (xml_rush_usable(xml_rushes[v])) {
				assert_true(xml_rushes[v]->run(&c));
				assert_int_equal(c.p - in, n);
			}
			xml_free(x);
		}
	}
}

static void test_best(void **state)
{
	unsigned first = 0;

	(void)state;
	while (!xml_rush_usable(xml_rushes[first]))
		first++;
	assert_true(xml_best_rush() == xml_rushes[first]);
	assert_null(xml_rushes[xml_rush_count - 1]);
}

/* Cut anywhere, the input is unfinished but not bad, and no byte behind it is read (the sanitizer sees to that). */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(stanzas); i++) {
		char in[4096];
		size_t n = (size_t)snprintf(in, sizeof(in), "%s%s%s", HEADER, stanzas[i], stanzas[i]);

		for (size_t cut = 0; cut < n; cut++) {
			for (unsigned v = 0; v < xml_rush_count; v++) {
				struct feed f = {.x = xml_new(&feed_limits)};

				f.x->rush = xml_rushes[xml_rush_usable(xml_rushes[v]) ? v : xml_rush_count - 1];
				feed_pending(&f, in, cut);
				assert_false(f.bad);
				xml_free(f.x);
				free(f.log);
			}
		}
	}
}

/* A name that goes on to the end of the input and of the window, wherever it begins. */
static void test_cut_name(void **state)
{
	(void)state;
	for (size_t begin = 4; begin < 64; begin++) {
		for (size_t n = begin + 2; n < 200; n++) {
			struct feed f = {.x = xml_new(&feed_limits)};
			char in[204] = "<s><m>";

			memset(in + 6, '.', begin);
			in[begin + 3] = '<';
			memset(in + begin + 4, 'a', n - begin - 1);
			assert_int_equal(feed_pending(&f, in, n + 3), 3);
			assert_false(f.bad);
			xml_free(f.x);
			free(f.log);
		}
	}
}

/* Byte after byte in place.  If the scanner began anew with each, this would take minutes. */
static void feed_bytewise(const char *start, const char *filling, const char *end, enum xml_rc last)
{
	static const struct xml_limits limits = {
	    .element_bytes = 1 << 21, .depth = 8, .attributes = 256, .name_bytes = 65535};
	size_t n = 0, head = strlen(start), part = strlen(filling), used = 0;
	char *in = malloc(head + (1 << 20) + part + strlen(end));
	struct xml *x = xml_new(&limits);
	enum xml_rc rc = XML_MORE, before = XML_MORE;
	struct xml_ev ev;

	memcpy(in, start, n = head);
	while (n < head + (1 << 20)) {
		memcpy(in + n, filling, part);
		n += part;
	}
	memcpy(in + n, end, strlen(end));
	n += strlen(end);
	for (size_t given = 1; given <= n; given++) {
		rc = xml_next(x, &ev, (struct span){in + used, given - used});
		assert_int_not_equal(rc, XML_BAD);
		if (rc != XML_MORE) {
			used += ev.bytes.n;
			before = rc;
		}
	}
	assert_int_equal(before, last);
	assert_int_equal(used, n);
	xml_free(x);
	free(in);
}

static void test_cost_of_splits(void **state)
{
	(void)state;
	feed_bytewise("<s><a b='", "0123456789", "'/>", XML_ELEMENT);
	feed_bytewise("<s><a b='", "&amp;>\xc3\xa9\"", "'/>", XML_ELEMENT);
	feed_bytewise("<s><a ", "          ", "/>", XML_ELEMENT);
	feed_bytewise("<s><a>", "0123456789", "</a>", XML_ELEMENT);
	feed_bytewise("<s><a>", "&lt;\xe2\x82\xac]]", "</a>", XML_ELEMENT);
	feed_bytewise("<s><a>&#", "0000000000", "65;</a>", XML_ELEMENT);
	feed_bytewise("<s><a><![CDATA[", "]]]]<&\xc3\xa9", "]]></a>", XML_ELEMENT);
	feed_bytewise("<s><a></a", "          ", ">", XML_ELEMENT);
	feed_bytewise("<s><a>", "<b c='1'/>", "</a>", XML_ELEMENT);
	feed_bytewise("<s a='", "0123456789", "'>", XML_HEADER);
	feed_bytewise("", "          ", "<s>", XML_HEADER);
	feed_bytewise("<?xml version='1.0'", "          ", "?><s>", XML_HEADER);
	feed_bytewise("<s></s", "          ", ">", XML_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good_streams), cmocka_unit_test(test_broken_streams),
	    cmocka_unit_test(test_utf8), cmocka_unit_test(test_every_byte), cmocka_unit_test(test_simple_is_taken),
	    cmocka_unit_test(test_best), cmocka_unit_test(test_cut), cmocka_unit_test(test_cut_name),
	    cmocka_unit_test(test_cost_of_splits)};

	return cmocka_run_group_tests_name("xml_split", tests, NULL, NULL);
}
