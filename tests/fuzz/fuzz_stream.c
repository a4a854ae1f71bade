/* Conversations in all four roles that somebody improvises from some point on, against the real gate over the fake
 * network, with what must hold whatever is said:
 *
 * - nothing crashes, spins, leaks a descriptor, a timer or memory, or outlasts its deadlines
 * - S7: nobody whose certificate was not trusted causes a connection or a look-up
 * - S3, S4, S5: what crosses are stanzas of the one authorised pair, whole and well-formed, as libexpat reads them
 *
 * Input: the scene (modulo their number), how many bytes arrive at a time (modulo 4; 0: as sent), then what is said, in
 * pieces that end with a NUL.  A piece that begins with '!' is no text but an act, by its second byte; see perform().
 * "$name" stands for what the scene has captured, such as an id or a key. */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stage.h"

enum { PIECES_MAX = 64 };

/* Who speaks, and what the far side of the gateway may then see. */
static const struct scene_of {
	const char *scene, *who;
	bool untrusted;        /* nobody may be spoken to on its behalf */
	const char *far;       /* NULL: nobody is there who hears stanzas */
	const char *from, *to; /* of all stanzas that far hears */
} scenes[] = {
    {"public-in-clear", "Peer", true, NULL, NULL, NULL},
    {"public-in-without-certificate", "Peer", true, NULL, NULL, NULL},
    {"public-in-untrusted", "Peer", true, NULL, NULL, NULL},
    {"public-in-secured", "Peer", false, NULL, NULL, NULL},
    {"public-in-established", "Peer", false, "Door", "peer.lab", "ejd.lab"},
    {"public-out-clear", "Peer", false, NULL, NULL, NULL},
    {"public-out-secured", "Peer", false, NULL, NULL, NULL},
    {"public-out-established", "Peer", false, NULL, NULL, NULL},
    {"backend-in-clear", "Old", false, NULL, NULL, NULL},
    {"backend-in-established", "Old", false, "Peer", "ejd.lab", "peer.lab"},
    {"backend-in-shared", "Old", false, "Peer", "ejd.lab", "peer.lab"},
    {"backend-out-clear", "Door", false, NULL, NULL, NULL},
    {"backend-out-asked", "Door", false, NULL, NULL, NULL},
    {"backend-out-proof", "Door", false, NULL, NULL, NULL},
    {"backend-out-established", "Door", false, NULL, NULL, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* --- what crosses --- */

struct witness {
	XML_Parser parser;
	const struct scene_of *scene;
	unsigned depth;
};

__attribute__((noreturn)) static void wrong(const struct witness *w, const char *what, const char *value)
{
	fprintf(stderr, "%s: %s hears %s: %s\n", w->scene->scene, w->scene->far, what, value);
	abort();
}

/* "user@DOMAIN/resource"; what is written in other characters than ASCII may mean the same domain (RFC 7622 §3.2). */
static bool is_of(const char *address, const char *domain)
{
	size_t n = strcspn(address, "/");
	const char *at = memchr(address, '@', n);
	const char *start = at != NULL ? at + 1 : address;
	size_t len = (size_t)(address + n - start);

	for (size_t i = 0; i < len; i++)
		if ((start[i] & 0x80) != 0)
			return true;
	while (len > 0 && start[len - 1] == '.')
		len--;
	return len == strlen(domain) && strncasecmp(start, domain, len) == 0;
}

static void on_start(void *arg, const char *name, const char **atts)
{
	struct witness *w = arg;
	const char *from = NULL, *to = NULL;

	if (strncmp(name, "jabber:server:dialback|", 23) == 0)
		wrong(w, "dialback", name);
	if (w->depth++ != 1 || strcmp(name, "http://etherx.jabber.org/streams|error") == 0)
		return;
	if (strcmp(name, "jabber:server|message") != 0 && strcmp(name, "jabber:server|presence") != 0 &&
	    strcmp(name, "jabber:server|iq") != 0)
		wrong(w, "what is no stanza", name);
	for (size_t i = 0; atts[i] != NULL; i += 2) {
		if (strcmp(atts[i], "from") == 0)
			from = atts[i + 1];
		if (strcmp(atts[i], "to") == 0)
			to = atts[i + 1];
	}
	if (from == NULL || !is_of(from, w->scene->from))
		wrong(w, "a stanza from", from != NULL ? from : "nobody");
	if (to == NULL || !is_of(to, w->scene->to))
		wrong(w, "a stanza to", to != NULL ? to : "nobody");
}

static void on_end(void *arg, const char *name)
{
	struct witness *w = arg;

	(void)name;
	w->depth--;
}

/* All that the far end has heard since the scene, in the stream whose header the scene has read. */
static void judge_far_side(struct stage *stage, const struct scene_of *scene)
{
	const struct actor *far = actor_find(stage, span_of(scene->far));
	struct witness w = {XML_ParserCreateNS("UTF-8", '|'), scene, 0};
	struct span heard;

	if (far->conn == NULL || far->header.n == 0)
		abort();
	heard = actor_inbox(far);
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, on_start, on_end);
	if (XML_Parse(w.parser, far->header.p, (int)far->header.n, 0) == XML_STATUS_ERROR ||
	    XML_Parse(w.parser, heard.p, (int)heard.n, 0) == XML_STATUS_ERROR)
		wrong(&w, "what is not XML", XML_ErrorString(XML_GetErrorCode(w.parser)));
	/* A stanza is there whole or not at all. */
	if (w.depth > 1)
		wrong(&w, "half an element", "");
	XML_ParserFree(w.parser);
}

static void judge(struct stage *stage, const struct scene_of *scene)
{
	struct addr at;

	if (scene->untrusted && (fake_net_attempts(&at) > 0 || fake_dns_lookups() > 0)) {
		fprintf(stderr, "%s: a stranger is made a connection or a look-up for\n", scene->scene);
		abort();
	}
	if (scene->far != NULL)
		judge_far_side(stage, scene);
}

/* --- what is said --- */

/* False: nobody is there any more to say anything. */
static bool speak(struct stage *stage, struct actor *who, const char *text)
{
	struct span unknown;
	char *expanded = vars_expand(stage->vars, text, &unknown);
	struct span bytes = span_of(expanded != NULL ? expanded : text);
	bool there = who->conn != NULL && !who->finished && fake_conn_end(who->conn) == FAKE_OPEN;

	if (there && who->secure == NULL)
		fake_conn_send(who->conn, bytes);
	else if (there && secure_state(who->secure) == SECURE_OPEN)
		secure_write(who->secure, bytes);
	else
		there = false;
	free(expanded);
	if (there)
		stage_settle(stage);
	return there;
}

/* f: FIN, r: RST, s: it stops reading, g: reads on, t: 7 s pass, T: 5 min pass.  False: the conversation is over. */
static bool perform(struct stage *stage, struct actor *who, char act)
{
	if (act == 't' || act == 'T') {
		stage_let_time_pass(stage, act == 't' ? 7000 : 300 * 1000);
	} else if (who->conn == NULL || who->finished) {
		return false;
	} else if (act == 'f') {
		fake_conn_finish(who->conn);
		who->finished = true;
	} else if (act == 'r') {
		fake_conn_reset(who->conn);
		who->finished = true;
	} else {
		fake_conn_reading(who->conn, act != 's');
	}
	stage_settle(stage);
	return true;
}

static void improvise(struct stage *stage, const char *name, const char *text, size_t n)
{
	struct actor *who = actor_find(stage, span_of(name));

	for (unsigned i = 0; i < PIECES_MAX && n > 0; i++) {
		size_t len = strnlen(text, n);
		char *piece = fake_alloc(len + 1);
		bool goes_on;

		memcpy(piece, text, len);
		goes_on = piece[0] == '!' ? perform(stage, who, piece[1]) : len == 0 || speak(stage, who, piece);
		free(piece);
		if (!goes_on)
			return;
		len += len < n;
		text += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct script *script;
	const struct scene_of *scene;
	struct stage *stage;
	char line[64];

	if (n < 2)
		return 0;
	if (script == NULL)
		script = script_load(SALLYPORT_SOURCE_DIR "/tests/fuzz/stream.scene");
	scene = &scenes[data[0] % ARRAY_LEN(scenes)];
	stage = stage_open(script, 0);
	(void)snprintf(line, sizeof(line), "act %s", scene->scene);
	stage_say(stage, line);
	fake_net_pieces(data[1] % 4);
	improvise(stage, scene->who, (const char *)data + 2, n - 2);
	judge(stage, scene);
	/* All deadlines there are. */
	stage_let_time_pass(stage, 3600 * 1000);
	judge(stage, scene);
	stage_close(stage);
	return 0;
}
