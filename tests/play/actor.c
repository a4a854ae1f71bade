#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"
#include "view.h"

/* How much of what was received a complaint shows. */
enum { SHOWN_MAX = 1500 };

struct actor *actor_find(struct stage *stage, struct span name)
{
	struct actor *actor;

	for (size_t i = 0; i < stage->actors_n; i++)
		if (span_eq(span_of(stage->actors[i].name), name))
			return &stage->actors[i];
	if (stage->actors_n == ACTORS_MAX || name.n >= sizeof(actor->name))
		stage_fail(stage, "too many actors, or too long a name");
	actor = &stage->actors[stage->actors_n++];
	memcpy(actor->name, name.p, name.n);
	return actor;
}

bool actor_step(struct actor *actor)
{
	return actor->conn != NULL && actor->secure != NULL && secure_step(actor->secure, actor->conn);
}

struct span actor_inbox(const struct actor *actor)
{
	const struct fake_bytes *plain;

	if (actor->secure == NULL)
		return actor->conn != NULL ? fake_conn_received(actor->conn) : SPAN_NONE;
	plain = secure_plain(actor->secure);
	return (struct span){plain->p, plain->n};
}

static void inbox_drop(struct actor *actor, size_t n)
{
	if (actor->secure == NULL)
		fake_conn_consume(actor->conn, n);
	else
		fake_bytes_drop(secure_plain(actor->secure), n);
}

/* Bytes as a person can read them; valid until the next call. */
static const char *shown(struct span bytes)
{
	static char out[4 * SHOWN_MAX + 32];
	size_t n = 0;

	for (size_t i = 0; i < bytes.n && i < SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		n += (size_t)snprintf(out + n, sizeof(out) - n, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
	}
	(void)snprintf(out + n, sizeof(out) - n, "%s", bytes.n > SHOWN_MAX ? "… (and more)" : "");
	return out;
}

static void check_read(const struct stage *stage, const struct actor *actor)
{
	struct span inbox = actor_inbox(actor);

	if (inbox.n > 0)
		stage_fail(stage, "%s has not read this: %s", actor->name, shown(inbox));
}

/* Ready for another connection. */
static void actor_leave(struct actor *actor)
{
	secure_free(actor->secure);
	fake_bytes_free(&actor->header);
	actor->secure = NULL;
	actor->conn = NULL;
	actor->finished = false;
}

void actor_free(struct actor *actor)
{
	actor_leave(actor);
}

void actor_check_end(struct stage *stage, struct actor *actor)
{
	check_read(stage, actor);
	if (actor->conn != NULL && fake_conn_end(actor->conn) != FAKE_OPEN)
		stage_fail(stage, "the gateway ended its connection with %s, and no step says so", actor->name);
}

/* --- making and ending connections --- */

static void take_conn(const struct stage *stage, struct actor *actor, struct fake_conn *conn)
{
	if (actor->conn != NULL)
		stage_fail(stage, "%s has a connection, and no step has seen it end", actor->name);
	actor->conn = conn;
}

/* connects LISTENER [from ADDRESS] */
static void connects(struct stage *stage, struct actor *actor, const char *rest)
{
	struct addr to = stage_addr(stage, next_word(&rest));
	struct span from_word = next_word(&rest);
	struct addr from;
	struct fake_conn *conn;

	if (from_word.n > 0 && !span_eq(from_word, SPAN("from")))
		stage_fail(stage, "\"from ADDRESS\" may stand here, and nothing else");
	from = stage_addr(stage, from_word.n > 0 ? next_word(&rest) : SPAN("198.51.100.1:1"));
	addr_set_port(&from, (uint16_t)stage->next_port++);
	conn = fake_net_connect(&to, &from);
	if (conn == NULL)
		stage_fail(stage, "the gateway does not listen there");
	take_conn(stage, actor, conn);
}

static void accepts(struct stage *stage, struct actor *actor, const char *rest)
{
	struct addr at = stage_addr(stage, next_word(&rest));
	struct fake_conn *conn = fake_net_accept(&at);
	char text[ADDR_TEXT_MAX];

	if (conn == NULL && fake_net_attempts(&at) > 0)
		stage_fail(stage, "the gateway does not connect there, but to %s", addr_format(&at, text));
	if (conn == NULL)
		stage_fail(stage, "the gateway does not try to connect there, nor anywhere");
	take_conn(stage, actor, conn);
}

static void must_not_be_finished(const struct stage *stage, const struct actor *actor)
{
	if (actor->finished)
		stage_fail(stage, "%s has finished", actor->name);
}

/* finishes: by the book; hangs-up: without close_notify. */
static void finish(struct stage *stage, struct actor *actor, bool notify)
{
	must_not_be_finished(stage, actor);
	if (notify && actor->secure != NULL)
		secure_close(actor->secure);
	(void)actor_step(actor);
	fake_conn_finish(actor->conn);
	actor->finished = true;
}

enum ending { CLOSED, CUT, ABORTED, GONE };

/* closed: by the book (close_notify, if TLS was on, and FIN); cut: FIN without close_notify; aborted: RST.  The actor
 * then closes its own end. */
static void ends(struct stage *stage, struct actor *actor, enum ending wanted)
{
	enum fake_end end = fake_conn_end(actor->conn);
	bool notified = actor->secure == NULL || secure_state(actor->secure) == SECURE_ENDED;
	enum ending is = end == FAKE_ABORTED ? ABORTED : notified ? CLOSED : CUT;
	static const char *const names[] = {
	    "closed: close_notify (under TLS) and FIN", "cut: FIN without close_notify", "aborted: RST"};

	check_read(stage, actor);
	if (end == FAKE_OPEN)
		stage_fail(stage, "the gateway keeps this connection open");
	if (wanted != GONE && is != wanted)
		stage_fail(stage, "this connection was %s", names[is]);
	if (!actor->finished)
		finish(stage, actor, true);
	actor_leave(actor);
}

static void closed(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	ends(stage, actor, CLOSED);
}

static void cut(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	ends(stage, actor, CUT);
}

static void aborted(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	ends(stage, actor, ABORTED);
}

static void gone(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	ends(stage, actor, GONE);
}

static void finishes(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	finish(stage, actor, true);
}

static void hangs_up(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	finish(stage, actor, false);
}

static void resets(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	check_read(stage, actor);
	fake_conn_reset(actor->conn);
	actor_leave(actor);
}

static void stops_reading(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)stage;
	(void)rest;
	fake_conn_reading(actor->conn, false);
}

static void reads_on(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)stage;
	(void)rest;
	fake_conn_reading(actor->conn, true);
}

/* --- bytes --- */

/* "N times " before the rest; 1 without it. */
static unsigned long times(const char **rest)
{
	const char *p = *rest;
	struct span number = next_word(&p);
	struct span word = next_word(&p);

	if (number.n == 0 || !isdigit((unsigned char)number.p[0]) || !span_eq(word, SPAN("times")))
		return 1;
	*rest = p;
	return strtoul(number.p, NULL, 10);
}

/* > [N times] BYTES */
static void sends(struct stage *stage, struct actor *actor, const char *rest)
{
	unsigned long n = times(&rest);
	struct fake_bytes bytes = stage_bytes(stage, rest);

	must_not_be_finished(stage, actor);
	if (bytes.n == 0)
		stage_fail(stage, "there is nothing to send");
	if (actor->secure != NULL && secure_state(actor->secure) != SECURE_OPEN &&
	    secure_state(actor->secure) != SECURE_ENDED)
		stage_fail(stage, "%s's TLS does not stand", actor->name);
	for (unsigned long i = 0; i < n; i++) {
		if (actor->secure != NULL)
			secure_write(actor->secure, (struct span){bytes.p, bytes.n});
		else
			fake_conn_send(actor->conn, (struct span){bytes.p, bytes.n});
	}
	fake_bytes_free(&bytes);
}

/* A stream header is what is expected here. */
static bool is_header(const char *pattern)
{
	return strncmp(pattern, "<?xml", 5) == 0 || strncmp(pattern, "<stream:stream", 14) == 0;
}

static void expect_end_tag(const struct stage *stage, struct actor *actor, const char *tag)
{
	struct span inbox = actor_inbox(actor);

	if (inbox.n < strlen(tag) || memcmp(inbox.p, tag, strlen(tag)) != 0)
		stage_fail(stage, "%s got this instead: %s", actor->name, shown(inbox));
	inbox_drop(actor, strlen(tag));
}

static void expect_xml(struct stage *stage, struct actor *actor, const char *pattern)
{
	bool header = is_header(pattern);
	struct span inbox = actor_inbox(actor);
	struct span context = {actor->header.p, header ? 0 : actor->header.n};
	struct view *got = NULL, *want;
	size_t used = 0;
	char why[1024];

	if (!header && actor->header.n == 0)
		stage_fail(stage, "%s has read no stream header yet", actor->name);
	want = view_pattern(pattern, header, why, sizeof(why));
	if (want == NULL)
		stage_fail(stage, "the script's own XML is wrong: %s", why);
	if (view_read(context, inbox, &got, &used, why, sizeof(why)) != VIEW_ITEM)
		stage_fail(stage, "%s\n\tunread: %s", why, shown(inbox));
	if (!view_match(want, got, stage->vars, why, sizeof(why)))
		stage_fail(stage, "%s\n\tunread: %s", why, shown(inbox));
	if (header) {
		fake_bytes_drop(&actor->header, actor->header.n);
		fake_bytes_put(&actor->header, (struct span){inbox.p, used});
	}
	view_free(want);
	view_free(got);
	inbox_drop(actor, used);
}

/* < [N times] XML */
static void expects(struct stage *stage, struct actor *actor, const char *rest)
{
	unsigned long n = times(&rest);

	for (unsigned long i = 0; i < n; i++) {
		if (strncmp(rest, "</", 2) == 0)
			expect_end_tag(stage, actor, rest);
		else
			expect_xml(stage, actor, rest);
	}
}

/* << [N times] BYTES: exactly these */
static void expects_bytes(struct stage *stage, struct actor *actor, const char *rest)
{
	unsigned long n = times(&rest);
	struct fake_bytes want = stage_bytes(stage, rest);

	for (unsigned long i = 0; i < n; i++) {
		struct span inbox = actor_inbox(actor);

		if (inbox.n < want.n || memcmp(inbox.p, want.p, want.n) != 0)
			stage_fail(stage, "%s got this instead: %s", actor->name, shown(inbox));
		inbox_drop(actor, want.n);
	}
	fake_bytes_free(&want);
}

/* drops: it has received something that is of no interest, such as a ClientHello that it won't answer */
static void drops(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	if (actor_inbox(actor).n == 0)
		stage_fail(stage, "nothing was sent");
	inbox_drop(actor, actor_inbox(actor).n);
}

/* ends-with BYTES: so ends what it has received; the rest is of no interest */
static void ends_with(struct stage *stage, struct actor *actor, const char *rest)
{
	struct fake_bytes want = stage_bytes(stage, rest);
	struct span inbox = actor_inbox(actor);

	if (inbox.n < want.n || memcmp(inbox.p + inbox.n - want.n, want.p, want.n) != 0)
		stage_fail(stage, "%s has received something else: %s", actor->name, shown(inbox));
	inbox_drop(actor, inbox.n);
	fake_bytes_free(&want);
}

static void silent(struct stage *stage, struct actor *actor, const char *rest)
{
	(void)rest;
	check_read(stage, actor);
	if (fake_conn_end(actor->conn) != FAKE_OPEN)
		stage_fail(stage, "the gateway ended this connection");
}

/* --- words --- */

static const struct {
	const char *word;
	void (*perform)(struct stage *stage, struct actor *actor, const char *rest);
	bool without_conn, takes_rest;
} verbs[] = {
    {"connects", connects, true, true},
    {"accepts", accepts, true, true},
    {">", sends, false, true},
    {"<", expects, false, true},
    {"<<", expects_bytes, false, true},
    {"drops", drops, false, false},
    {"ends-with", ends_with, false, true},
    {"silent", silent, false, false},
    {"tls", actor_tls, false, true},
    {"saw", actor_saw, false, true},
    {"closed", closed, false, false},
    {"cut", cut, false, false},
    {"aborted", aborted, false, false},
    {"gone", gone, false, false},
    {"finishes", finishes, false, false},
    {"hangs-up", hangs_up, false, false},
    {"resets", resets, false, false},
    {"stops-reading", stops_reading, false, false},
    {"reads-on", reads_on, false, false},
};

void actor_perform(struct stage *stage, struct actor *actor, struct span verb, const char *rest)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!span_eq(span_of(verbs[i].word), verb))
			continue;
		if (!verbs[i].without_conn && actor->conn == NULL)
			stage_fail(stage, "%s has no connection", actor->name);
		if (!verbs[i].takes_rest && *rest != '\0')
			stage_fail(stage, "nothing may stand behind \"%s\"", verbs[i].word);
		if (verbs[i].takes_rest && *rest == '\0')
			stage_fail(stage, "something must stand behind \"%s\"", verbs[i].word);
		verbs[i].perform(stage, actor, rest);
		return;
	}
	stage_fail(stage, "an actor has no word \"%.*s\"", SPAN_FMT(verb));
}
