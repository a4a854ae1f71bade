#include "sallyport/bounce.h"

#include <stdio.h>
#include <stdlib.h>

#define BOUNCER_MAGIC 0x626e6365u

struct bouncer {
	uint32_t magic;
	struct worker *w;
	struct site *site;
	const struct conf_backend *backend;
	struct pair pair;      /* R to L: how errors travel */
	struct stream *stream; /* NULL: none at the moment */
	struct buf waiting;
	bool released;
	bool open;
	unsigned lost;
};

static void on_opened(void *arg, struct stream *s);
static void on_ended(void *arg, struct stream *s);

static const struct stream_hooks hooks = {.opened = on_opened, .ended = on_ended};

struct bouncer *bouncer_new(
    struct worker *w, struct site *site, const struct conf_backend *backend, const struct pair *pair)
{
	struct bouncer *b = calloc(1, sizeof *b);
	if (b == NULL)
		return NULL;
	*b = (struct bouncer){
	    .magic = BOUNCER_MAGIC, .w = w, .site = site_ref(site), .backend = backend, .pair = {pair->to, pair->from}};
	buf_init(&b->waiting, w->pool, site->conf->limits.queue_bytes);
	return b;
}

/* What waits has no way to the backend, or there was no room for it. */
static void give_up(struct bouncer *b)
{
	if (b->lost == 0 && buf_len(&b->waiting) == 0)
		return;
	stats_add(&b->w->tally.bounces_lost, b->lost);
	struct log_line l;
	log_begin(&l, LOG_WARNING, "bounces-lost");
	log_source(&l, domain_span(&b->pair.from));
	log_str(&l, "from", b->pair.from.s);
	log_str(&l, "to", b->pair.to.s);
	log_int(&l, "stanzas", b->lost);
	log_int(&l, "bytes", (int64_t)buf_len(&b->waiting));
	log_str(&l, "text", "error replies could not be delivered to the backend");
	log_end(&l);
	b->lost = 0;
	buf_clear(&b->waiting);
}

static void destroy(struct bouncer *b)
{
	give_up(b);
	b->magic = 0;
	buf_free(&b->waiting);
	site_unref(b->site);
	free(b);
}

/* Nothing more to do for one that was let go. */
static void finish(struct bouncer *b)
{
	if (!b->released || (b->stream != NULL && buf_len(&b->waiting) > 0))
		return;
	struct stream *s = b->stream;
	b->stream = NULL;
	if (s != NULL) {
		stream_adopt(s, NULL, NULL);
		stream_end(s, REASON_CLOSED);
	}
	destroy(b);
}

static void flush(struct bouncer *b)
{
	if (b->open && buf_len(&b->waiting) > 0 && stream_send(b->stream, buf_span(&b->waiting)))
		buf_clear(&b->waiting);
}

static void go(struct bouncer *b)
{
	if (b->stream == NULL && buf_len(&b->waiting) > 0)
		b->stream = stream_open_backend(b->w, b->site, b->backend, &b->pair, &hooks, b);
	flush(b);
}

static void on_opened(void *arg, struct stream *s)
{
	struct bouncer *b = arg;
	MAGIC_CHECK(b, BOUNCER_MAGIC);
	(void)s;
	b->open = true;
	flush(b);
	finish(b);
}

static void on_ended(void *arg, struct stream *s)
{
	struct bouncer *b = arg;
	MAGIC_CHECK(b, BOUNCER_MAGIC);
	(void)s;
	bool stood = b->open;
	b->stream = NULL;
	b->open = false;
	/* it went down under what waits: there may be another.  One that never stood says that the backend is away, and
	 * whoever waits for an answer should not get it hours later. */
	if (stood)
		go(b);
	else
		give_up(b);
	finish(b);
}

static bool put(struct bouncer *b, const struct xml_ev *stanza, enum reason why)
{
	const struct reason_row *row = reason_row(why);
	char text[XMPP_TEXT_MAX + 1];
	snprintf(text, sizeof text, "The remote server can't be reached: %s [%s]", row->text, row->code);
	size_t before = buf_len(&b->waiting);
	bool ok = xmpp_put_bounce(&b->waiting, stanza, row->bounce, text);
	/* what is itself an answer is not returned */
	stats_add(&b->w->tally.bounced[why], buf_len(&b->waiting) > before);
	return ok;
}

void bouncer_stanza(struct bouncer *b, const struct xml_ev *stanza, enum reason why)
{
	b->lost += !put(b, stanza, why);
	go(b);
}

void bouncer_stanzas(struct bouncer *b, struct span bytes, enum reason why)
{
	static const char header[] =
	    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server'>";
	const struct conf_limits *l = &b->site->conf->limits;
	/* declarations were added: a little more than what the source was allowed */
	struct xml_limits limits = {
	    l->stanza_bytes + 65536u, l->stanza_depth, l->stanza_attributes + XML_HEADER_PREFIXES, l->name_bytes};
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;
	bool ok = x != NULL && xml_next(x, &ev, SPAN(header)) == XML_HEADER;
	while (ok && bytes.n > 0) {
		enum xml_rc rc = xml_next(x, &ev, bytes);
		ok = rc == XML_ELEMENT || rc == XML_SPACE;
		if (!ok)
			break;
		if (rc == XML_ELEMENT)
			b->lost += !put(b, &ev, why);
		bytes.p += ev.bytes.n;
		bytes.n -= ev.bytes.n;
	}
	b->lost += bytes.n > 0;
	xml_free(x);
	go(b);
}

void bouncer_release(struct bouncer *b)
{
	if (b == NULL)
		return;
	b->released = true;
	finish(b);
}
