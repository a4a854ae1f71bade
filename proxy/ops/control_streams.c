/* streams: what each worker has, a part at a time; close: ends those with a domain. */
#include <inttypes.h>
#include <stdio.h>

#include "control_internal.h"
#include "sallyport/route.h"
#include "sallyport/stream.h"

/* A worker makes no more at once than this, and goes on with its streams. */
#define PART_BYTES 65536u
/* Pairs shown of one stream, of which there may be thousands. */
#define PAIRS_SHOWN 16u

struct pairs {
	struct json *json;
	uint64_t n;
};

static bool put_pair(void *arg, const struct pair *pair, const char *state)
{
	struct pairs *p = arg;

	if (p->n++ < PAIRS_SHOWN) {
		json_open_object(p->json, NULL);
		json_str(p->json, "from", pair->from.s);
		json_str(p->json, "to", pair->to.s);
		json_str(p->json, "state", state);
		json_close_object(p->json);
	}
	return true;
}

static void put_pairs(struct json *j, const struct stream *s)
{
	struct pairs pairs = {.json = j};

	json_open_array(j, "pairs");
	route_each(s, put_pair, &pairs);
	json_close_array(j);
	json_int(j, "pairs_in_all", (int64_t)pairs.n);
}

static void put_tls(struct json *j, const struct stream_view *v)
{
	json_str(j, "mode", v->direct ? "direct-tls" : v->secure ? "starttls" : "clear");
	json_str(j, "tls", v->secure ? v->tls.version : "");
	json_str(j, "cipher", v->secure ? v->tls.cipher : "");
	json_str(j, "group", v->secure ? v->tls.group : "");
}

static void put_stream(struct json *j, unsigned worker, const struct stream *s)
{
	char id[40], addr[ADDR_TEXT_MAX];
	struct stream_view v;

	stream_view(s, &v);
	(void)snprintf(id, sizeof(id), "%u.%" PRIu64, worker, stream_number(s));
	json_open_object(j, NULL);
	json_str(j, "type", "stream");
	json_str(j, "id", id);
	json_str(j, "role", role_name(stream_role(s)));
	json_str(j, "state", fsm_state_name(stream_state(s)));
	json_str(j, "from", stream_pair(s)->from.s);
	json_str(j, "to", stream_pair(s)->to.s);
	put_pairs(j, s);
	json_str(j, "address", v.addr->len > 0 ? addr_format(v.addr, addr) : "");
	json_str(j, "target", v.target);
	json_str(j, "backend", stream_backend(s) != NULL ? stream_backend(s)->name : "");
	put_tls(j, &v);
	json_int(j, "age", v.age_ms / 1000);
	json_int(j, "open", v.open_ms < 0 ? -1 : v.open_ms / 1000);
	json_int(j, "received", (int64_t)v.received);
	json_int(j, "sent", (int64_t)v.sent);
	json_int(j, "stanzas", (int64_t)v.stanzas);
	json_int(j, "queued", (int64_t)v.queued);
	json_bool(j, "paused", v.paused);
	json_close_object(j);
}

static bool concerns(const struct request_match *m, const struct stream *s)
{
	const struct pair *pair = stream_pair(s);

	return m->domain.n == 0 || request_matches(m, &pair->from) || request_matches(m, &pair->to);
}

/* On the worker's thread. */
static bool add_stream(void *arg, struct stream *s)
{
	struct client *c = arg;
	char text[ROW_MAX];
	struct json j;

	c->cursor = stream_number(s);
	if (!concerns(&c->request.match, s))
		return true;
	json_init(&j, text, sizeof(text));
	put_stream(&j, c->worker, s);
	c->asked.failed =
	    json_done(&j).n == 0 || !buf_put(&c->asked.out, json_done(&j)) || !buf_put(&c->asked.out, SPAN("\n"));
	return !c->asked.failed && buf_len(&c->asked.out) < PART_BYTES;
}

/* On the worker's thread. */
static void take_part(struct client *c, struct gate *gate)
{
	uint64_t before = c->cursor;

	gate_each_stream(gate, c->cursor, add_stream, c);
	c->asked.last = c->cursor == before || buf_len(&c->asked.out) < PART_BYTES;
}

static void on_part(struct client *c)
{
	if (c->asked.failed || !buf_put(&c->out, buf_span(&c->asked.out))) {
		client_close(c);
		return;
	}
	buf_clear(&c->asked.out);
	if (!c->asked.last)
		return;
	c->worker++;
	c->cursor = UINT64_MAX;
}

static void more_streams(struct client *c)
{
	if (c->worker == c->control->host.workers)
		client_end(c, NULL, "");
	else if (!client_ask(c, c->worker, take_part, on_part))
		client_end(c, "no memory", "");
}

void control_streams(struct client *c)
{
	c->cursor = UINT64_MAX;
	c->more = more_streams;
}

/* --- close --- */

/* On the worker's thread. */
static bool close_stream(void *arg, struct stream *s)
{
	struct client *c = arg;
	const struct domain *remote = stream_remote(s);
	enum fsm_state state = stream_state(s);

	if (remote == NULL || state == STATE_ENDING || state == STATE_CLOSING ||
	    !request_matches(&c->request.match, remote))
		return true;
	c->cursor++;
	stream_end(s, REASON_OPERATOR);
	return true;
}

/* On the worker's thread. */
static void close_streams(struct client *c, struct gate *gate)
{
	gate_each_stream(gate, UINT64_MAX, close_stream, c);
}

static void on_closed(struct client *c)
{
	c->worker++;
}

static void say_closed(struct client *c)
{
	if (client_tell(c, "closed", "streams", (int64_t)c->cursor))
		client_end(c, NULL, "");
}

static void more_closing(struct client *c)
{
	if (c->worker == c->control->host.workers)
		say_closed(c);
	else if (!client_ask(c, c->worker, close_streams, on_closed))
		client_end(c, "no memory", "");
}

void control_close(struct client *c)
{
	c->more = more_closing;
}
