/* The scanner and libexpat (namespace mode) over the same streams, in one run: bench_xml [SECONDS [SAMPLE [VARIANT]]].
 *
 * Both get the bytes in pieces of 16 KiB, as TLS records bring them; each figure is the best of several passes, in CPU
 * time.  SAMPLE and VARIANT: the beginning of a name; "" is any. */
#include "sallyport/xml.h"
#include "../proxy/xmpp/xml_internal.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PIECE 16384
#define STREAM_BYTES (4u << 20)
#define HEADER                                                                                                         \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "   \
	"xmlns:db='jabber:server:dialback' from='a.example' to='b.example' version='1.0' xml:lang='en'>"
#define FOOTER "</stream:stream>"

struct sample {
	const char *name;
	void (*stanza)(FILE *to, unsigned i);
};

static void message(FILE *to, unsigned i)
{
	fprintf(to,
	    "<message from='user%u@a.example/Gajim.%08X' to='friend%u@b.example' type='chat' id='%08x-e5a1-4c6f'>"
	    "<body>See you at %u, I'll bring the rest</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
	    "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"
	    "<origin-id xmlns='urn:xmpp:sid:0' id='%08x-e5a1-4c6f'/></message>",
	    i % 97, i * 2654435761u, i % 89, i * 40503u, i % 24, i * 40503u);
}

static void receipt(FILE *to, unsigned i)
{
	fprintf(to,
	    "<message to='user%u@a.example/Gajim.%08X' from='friend%u@b.example/phone' type='chat'><received "
	    "xmlns='urn:xmpp:receipts' id='%08x-e5a1-4c6f'/><store xmlns='urn:xmpp:hints'/></message>",
	    i % 97, i * 2654435761u, i % 89, i * 40503u);
}

static void muc_presence(FILE *to, unsigned i)
{
	fprintf(to,
	    "<presence from='room%u@conference.a.example/nick%u' to='friend%u@b.example/phone'><show>away</show>"
	    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' "
	    "ver='sJA3DZKBmZUAdGpBNQFc+BCLXEU='/><x xmlns='http://jabber.org/protocol/muc#user'><item "
	    "affiliation='member' role='participant'/><status code='110'/></x></presence>",
	    i % 13, i % 311, i % 89);
}

static void iq(FILE *to, unsigned i)
{
	fprintf(to,
	    "<iq type='get' id='%x' from='user%u@a.example/Gajim' to='b.example'><query "
	    "xmlns='http://jabber.org/protocol/disco#info'/></iq><iq type='result' id='%x' from='a.example' "
	    "to='b.example'><ping xmlns='urn:xmpp:ping'/></iq>",
	    i, i % 97, i);
}

static void dense(FILE *to, unsigned i)
{
	static void (*const kinds[])(FILE *, unsigned) = {message, receipt, muc_presence, message, muc_presence, iq};

	kinds[i % ARRAY_LEN(kinds)](to, i);
}

/* A message with a body of 2 KiB, made of `words`. */
static void long_body(FILE *to, unsigned i, const char *words)
{
	fprintf(to, "<message from='user%u@a.example/Gajim' to='friend%u@b.example' id='%x'><body>", i % 97, i % 89, i);
	for (size_t n = 0; n < 2048; n += strlen(words))
		fputs(words, to);
	fprintf(to, "</body></message>");
}

static void ascii_body(FILE *to, unsigned i)
{
	long_body(to, i, "The quick brown fox jumps over the lazy dog, and then it does so once more. ");
}

static void cyrillic_body(FILE *to, unsigned i)
{
	long_body(to, i, "Съешь ещё этих мягких французских булок, да выпей чаю. ");
}

static void chinese_body(FILE *to, unsigned i)
{
	long_body(to, i, "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳");
}

static const struct sample samples[] = {{"dense mix", dense}, {"2 KiB bodies", ascii_body},
    {"2 KiB Cyrillic", cyrillic_body}, {"2 KiB Chinese", chinese_body}};

static struct span make_stream(const struct sample *s, unsigned *tags)
{
	char *bytes;
	size_t n;
	FILE *to = open_memstream(&bytes, &n);

	fputs(HEADER, to);
	for (unsigned i = 0; ftell(to) < (long)STREAM_BYTES; i++)
		s->stanza(to, i);
	fputs(FOOTER, to);
	fclose(to);
	*tags = 0;
	for (size_t i = 0; i < n; i++)
		*tags += bytes[i] == '<';
	return (struct span){bytes, n};
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns how many elements it saw, so that nothing can be left out. */
static unsigned run_scanner(struct span in, const struct xml_rush *rush)
{
	static const struct xml_limits limits = {
	    .element_bytes = 262144, .depth = 64, .attributes = 64, .name_bytes = 1024};
	struct xml *x = xml_new(&limits);
	size_t given = 0, used = 0;
	unsigned elements = 0;
	bool ended = false;

	x->rush = rush;
	while (given < in.n) {
		struct xml_ev ev;
		enum xml_rc rc;

		given += in.n - given < PIECE ? in.n - given : PIECE;
		while ((rc = xml_next(x, &ev, (struct span){in.p + used, given - used})) != XML_MORE) {
			ENSURE(rc != XML_BAD);
			elements += rc == XML_ELEMENT;
			ended |= rc == XML_END;
			used += ev.bytes.n;
		}
	}
	ENSURE(ended);
	xml_free(x);
	return elements;
}

struct counts {
	unsigned depth, elements;
};

static void on_start(void *arg, const char *name, const char **attrs)
{
	struct counts *c = arg;

	(void)name, (void)attrs;
	c->elements += c->depth++ == 1;
}

static void on_end(void *arg, const char *name)
{
	struct counts *c = arg;

	(void)name;
	c->depth--;
}

static void on_text(void *arg, const char *text, int n)
{
	(void)arg, (void)text, (void)n;
}

static unsigned run_expat(struct span in, const struct xml_rush *rush)
{
	XML_Parser parser = XML_ParserCreateNS(NULL, '\1');
	struct counts c = {0};

	(void)rush;
	XML_SetUserData(parser, &c);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	while (in.n > 0) {
		size_t n = in.n < PIECE ? in.n : PIECE;

		ENSURE(XML_Parse(parser, in.p, (int)n, in.n == n) == XML_STATUS_OK);
		in.p += n;
		in.n -= n;
	}
	XML_ParserFree(parser);
	return c.elements;
}

/* Bytes a second: the best pass in the time given. */
static double measure(unsigned (*run)(struct span, const struct xml_rush *), struct span in,
    const struct xml_rush *rush, unsigned elements, double seconds)
{
	double start = now(), best = 1e9;

	while (now() - start < seconds) {
		double before = now(), took;

		ENSURE(run(in, rush) == elements);
		took = now() - before;
		best = took < best ? took : best;
	}
	return (double)in.n / best;
}

static void run_sample(const struct sample *s, const char *variant, double seconds)
{
	unsigned tags;
	struct span in = make_stream(s, &tags);
	unsigned elements = run_expat(in, NULL);
	double expat = measure(run_expat, in, NULL, elements, seconds);

	printf("%-16s %-10s %10.0f %10.1f %8.1f  (%u tags of %.0f bytes)\n", s->name, "libexpat", expat / 1e6,
	    1e9 * (double)in.n / expat / tags, 1.0, tags, (double)in.n / tags);
	for (unsigned v = 0; v < xml_rush_count; v++) {
		const struct xml_rush *rush = xml_rushes[v];

		double ours;

		if (!xml_rush_usable(rush) || strncmp(xml_rush_name(rush), variant, strlen(variant)) != 0)
			continue;
		ours = measure(run_scanner, in, rush, elements, seconds);
		printf("%-16s %-10s %10.0f %10.1f %8.1f\n", "", xml_rush_name(rush), ours / 1e6,
		    1e9 * (double)in.n / ours / tags, ours / expat);
	}
	free((void *)(uintptr_t)in.p);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1.0;
	const char *only = argc > 2 ? argv[2] : "", *variant = argc > 3 ? argv[3] : "";

	printf("%-16s %-10s %10s %10s %8s\n", "sample", "variant", "MB/s", "ns a tag", "x expat");
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		if (strncmp(samples[i].name, only, strlen(only)) == 0)
			run_sample(&samples[i], variant, seconds);
	}
	return 0;
}
