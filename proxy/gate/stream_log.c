/* One line for the end of each stream, with everything that is needed to explain it. */
#include "stream_internal.h"

static enum log_level level_of(const struct stream *s)
{
	if (s->relayed)
		return LOG_INFO;
	switch (reason_row(s->why)->who) {
	case WHO_NOBODY:
		return LOG_INFO;
	case WHO_THEM:
	case WHO_NETWORK:
		return LOG_WARNING;
	case WHO_US:
	case WHO_BACKEND:
		return LOG_ERROR;
	}
	return LOG_INFO;
}

static void put_tls(struct log_line *l, const struct stream *s)
{
	if (s->leg == NULL || leg_tls(s->leg) == NULL)
		return;
	struct tls_facts f;
	tls_facts(leg_tls(s->leg), &f);
	log_str(l, "tls", f.version);
	log_str(l, "cipher", f.cipher);
	log_str(l, "group", f.group);
}

static void put_who(struct log_line *l, const struct stream *s)
{
	char text[ADDR_TEXT_MAX];
	log_str(l, "role", role_name(s->role));
	log_str(l, "from", s->pair.from.s);
	log_str(l, "to", s->pair.to.s);
	log_str(l, "addr", s->addr.len > 0 ? addr_format(&s->addr, text) : "");
	log_str(l, "target", s->target);
	if (s->row != NULL) {
		char title[CONF_PEER_TITLE_MAX];
		log_str(l, "policy", conf_peer_title(s->row, title));
		log_str(l, "note", s->row->note);
	}
	log_str(l, "backend", s->backend != NULL ? s->backend->name : "");
	log_str(l, "mode",
	    s->leg == NULL            ? ""
	    : s->direct               ? "direct-tls"
	    : leg_tls(s->leg) != NULL ? "starttls"
	                              : "clear");
	put_tls(l, s);
}

static void put_why(struct log_line *l, enum reason why, const char *detail)
{
	const struct reason_row *row = reason_row(why);
	log_str(l, "reason", row->code);
	log_str(l, "text", row->text);
	log_str(l, "detail", detail);
	if (row->who != WHO_NOBODY)
		log_str(l, "fix", row->fix);
}

static void put_peer_error(struct log_line *l, const struct stream *s)
{
	if (s->peer_error == NULL)
		return;
	log_str(l, "peer_condition", s->peer_error->condition);
	log_str(l, "peer_text", s->peer_error->text);
}

/* Whose doing the end of a stream is: the address of whoever connected, the remote domain where it is we who do. */
static struct span source_of(const struct stream *s, char text[static ADDR_TEXT_MAX])
{
	switch (s->role) {
	case ROLE_PUBLIC_IN:
		return span_of(addr_format_source(&s->addr, text));
	case ROLE_BACKEND_OUT:
	case ROLE_BACKEND_VERIFY:
		return domain_span(&s->pair.from);
	case ROLE_PUBLIC_OUT:
	case ROLE_BACKEND_IN:
	case ROLE_COUNT:
		break;
	}
	return domain_span(&s->pair.to);
}

void stream_log_end(const struct stream *s)
{
	char source[ADDR_TEXT_MAX];
	struct log_line l;
	/* a -verify stream that got its answer has said nothing of its own */
	bool routine = s->role == ROLE_BACKEND_VERIFY && s->why == REASON_CLOSED;
	log_begin(&l, routine ? LOG_DEBUG : level_of(s), "stream-end");
	log_source(&l, source_of(s, source));
	if (s->relayed)
		log_str(&l, "relayed", reason_row(s->why)->code);
	else
		put_why(&l, s->why, stream_detail(s));
	put_who(&l, s);
	put_peer_error(&l, s);
	if (s->opened == 0)
		log_str(&l, "phase", "negotiation");
	log_int(&l, "stanzas", (int64_t)s->stanzas);
	if (s->leg != NULL) {
		log_int(&l, "bytes_in", (int64_t)leg_received(s->leg));
		log_int(&l, "bytes_out", (int64_t)leg_sent(s->leg));
	}
	log_int(&l, "ms", loop_now(s->w->loop) - s->started);
	log_end(&l);
}

void stream_log_attempt(const struct stream *s, enum reason why, const char *detail)
{
	char source[ADDR_TEXT_MAX];
	struct log_line l;
	log_begin(&l, LOG_INFO, "endpoint-failed");
	log_source(&l, source_of(s, source));
	put_why(&l, why, detail);
	put_who(&l, s);
	put_peer_error(&l, s);
	log_end(&l);
}
