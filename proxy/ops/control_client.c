/* One connection to the control socket: reads a line, sends an answer as fast as it is read. */
#include <stdlib.h>
#include <unistd.h>

#include "control_internal.h"
#include "sallyport/log.h"

/* A request comes, and what waits is read on, within this time. */
#define PATIENCE_MS 30000u

static void (*const commands[])(struct client *) = {
    [REQUEST_STATUS] = control_status,
    [REQUEST_PEERS] = control_peers,
    [REQUEST_STREAMS] = control_streams,
    [REQUEST_CERTS] = control_certs,
    [REQUEST_WATCH] = control_watch,
    [REQUEST_RULES] = control_rules,
    [REQUEST_LOG] = control_log,
    [REQUEST_UNLOG] = control_unlog,
    [REQUEST_CLOSE] = control_close,
    [REQUEST_DRAIN] = control_drain,
    [REQUEST_RELOAD] = control_reload,
};
_Static_assert(ARRAY_LEN(commands) == REQUEST_VERBS, "a verb without a command");

static void enter(struct client *c, enum client_state next)
{
	ENSURE(c->state != CLIENT_GONE || next == CLIENT_GONE);
	c->state = next;
}

static void release(void *arg)
{
	struct client *c = arg;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	c->magic = 0;
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->asked.out);
	free(c);
}

static void unlink_client(struct client *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->control->clients = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->control->clients_n--;
}

static void bury(struct client *c)
{
	unlink_client(c);
	/* a callback of this client may be on the stack */
	loop_defer(c->control->host.loop, &c->gone, release, c);
}

/* What a worker still has stays in the list, so that nothing is lost when the daemon ends meanwhile. */
void client_close(struct client *c)
{
	if (c->state == CLIENT_GONE)
		return;
	enter(c, CLIENT_GONE);
	loop_io_free(c->io);
	loop_timer_free(c->timer);
	sock_close(c->fd);
	if (c->watching) {
		c->watching = false;
		control_unwatch(c->control);
	}
	if (!c->asked.pending)
		bury(c);
}

void client_free(struct client *c)
{
	bool waits = c->state == CLIENT_GONE;

	c->asked.pending = false;
	if (waits)
		bury(c);
	else
		client_close(c);
}

/* --- sending --- */

/* False: the client has gone. */
static bool send_some(struct client *c)
{
	while (buf_len(&c->out) > 0) {
		struct span part = buf_span(&c->out);
		size_t sent;
		int err;
		enum sock_rc rc = sock_send(c->fd, &part, 1, &sent, &err);

		if (rc == SOCK_AGAIN)
			return true;
		if (rc != SOCK_OK) {
			client_close(c);
			return false;
		}
		buf_consume(&c->out, sent);
		loop_timer_set(c->timer, PATIENCE_MS);
	}
	return true;
}

/* Makes and sends what there is room for, and waits for what must come first. */
static void pump(struct client *c)
{
	for (;;) {
		while (c->state == CLIENT_ANSWERING && buf_len(&c->out) < ANSWER_LOW)
			c->more(c);
		if (c->state == CLIENT_GONE || !send_some(c))
			return;
		if (c->state != CLIENT_ANSWERING || buf_len(&c->out) >= ANSWER_LOW)
			break;
	}
	if (c->state == CLIENT_ENDING && buf_len(&c->out) == 0) {
		client_close(c);
		return;
	}
	if (c->state == CLIENT_ASLEEP && !c->asked.pending && buf_len(&c->out) == 0)
		loop_timer_stop(c->timer);
	loop_io_want(c->io, !c->deaf, buf_len(&c->out) > 0);
}

bool client_row(struct client *c, struct span row)
{
	if (c->state == CLIENT_GONE)
		return false;
	ENSURE(row.n > 0);
	/* from now on something has to move */
	if (buf_len(&c->out) == 0)
		loop_timer_set(c->timer, PATIENCE_MS);
	if (buf_put(&c->out, row) && buf_put(&c->out, SPAN("\n")))
		return true;
	client_close(c);
	return false;
}

bool client_json(struct client *c, struct json *j)
{
	if (json_done(j).n > 0)
		return client_row(c, json_done(j));
	log_text(LOG_ERROR, "control", "a line of the answer to %s is too long, and is left out",
	    request_name(c->request.verb));
	return c->state != CLIENT_GONE;
}

bool client_tell(struct client *c, const char *type, const char *key, int64_t value)
{
	char text[ROW_MAX];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", type);
	if (key != NULL)
		json_int(&j, key, value);
	json_close_object(&j);
	return client_json(c, &j);
}

void client_end(struct client *c, const char *error, const char *fix)
{
	char text[ROW_MAX];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "end");
	json_bool(&j, "ok", error == NULL);
	if (error != NULL) {
		json_str(&j, "error", error);
		json_str(&j, "fix", fix);
	}
	json_close_object(&j);
	if (client_json(c, &j))
		enter(c, CLIENT_ENDING);
}

void client_sleep(struct client *c)
{
	enter(c, CLIENT_ASLEEP);
}

void client_flush(struct client *c)
{
	pump(c);
}

void client_wake(struct client *c)
{
	if (c->state == CLIENT_ASLEEP)
		enter(c, CLIENT_ANSWERING);
	pump(c);
}

/* --- asking workers --- */

static void on_answer(void *arg)
{
	struct client *c = arg;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	c->asked.pending = false;
	if (c->state == CLIENT_GONE) {
		bury(c);
		return;
	}
	c->asked.heard(c);
	if (c->state != CLIENT_GONE)
		client_wake(c);
}

static void on_question(void *arg)
{
	struct client *c = arg;

	c->asked.run(c, c->asked.gate);
	/* without memory the client's own timer finds the answer */
	if (!loop_post(c->control->host.loop, on_answer, c))
		c->asked.answered = true;
}

bool client_ask(struct client *c, unsigned worker, void (*run)(struct client *c, struct gate *gate),
    void (*heard)(struct client *c))
{
	ENSURE(!c->asked.pending);
	c->asked.gate = c->control->host.gates[worker];
	c->asked.run = run;
	c->asked.heard = heard;
	c->asked.answered = false;
	c->asked.pending = true;
	client_sleep(c);
	loop_timer_set(c->timer, PATIENCE_MS);
	if (gate_post(c->asked.gate, on_question, c))
		return true;
	c->asked.pending = false;
	return false;
}

/* --- receiving --- */

static void log_command(const struct client *c, struct span line)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "control");
	log_span(&l, "command", line);
	log_int(&l, "uid", c->user.uid);
	log_int(&l, "pid", c->user.pid);
	log_str(&l, "text", c->trusted ? "" : "refused: this user may only look");
	log_end(&l);
}

static void obey(struct client *c, struct span line)
{
	char err[256];

	enter(c, CLIENT_ANSWERING);
	if (!request_parse(&c->request, line, err, sizeof(err))) {
		client_end(c, err, "see sallyportctl --help");
		return;
	}
	if (request_commands(c->request.verb)) {
		log_command(c, line);
		if (!c->trusted) {
			client_end(c, "this user may look, but not command",
			    "run it as root or as the gateway's user, or become a member of its group");
			return;
		}
	}
	commands[c->request.verb](c);
}

static void take_line(struct client *c)
{
	struct span in = buf_span(&c->in);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a buffer that is not empty has storage */
	const char *end = in.n > 0 ? memchr(in.p, '\n', in.n) : NULL;

	if (end == NULL && in.n <= REQUEST_MAX)
		return;
	if (end == NULL) {
		enter(c, CLIENT_ANSWERING);
		client_end(c, "the request is too long", "");
	} else {
		obey(c, (struct span){in.p, (size_t)(end - in.p)});
	}
	buf_clear(&c->in);
	if (c->state != CLIENT_GONE)
		pump(c);
}

/* Behind its request a client has nothing more to say.  It may have shut down its side; whether it still listens shows
 * when it is written to. */
static void on_readable(struct client *c)
{
	char bytes[REQUEST_MAX + 1];
	size_t got;
	int err;
	enum sock_rc rc = sock_recv(c->fd, bytes, sizeof(bytes), &got, &err);

	if (rc == SOCK_AGAIN)
		return;
	if (rc == SOCK_EOF && c->state != CLIENT_ASKING && !c->watching) {
		c->deaf = true;
		loop_io_want(c->io, false, buf_len(&c->out) > 0);
	} else if (rc != SOCK_OK || c->state != CLIENT_ASKING || !buf_put(&c->in, (struct span){bytes, got})) {
		client_close(c);
	} else {
		take_line(c);
	}
}

static void on_io(void *arg, unsigned ready)
{
	struct client *c = arg;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	if (ready == LOOP_READ)
		on_readable(c);
	else if (ready == LOOP_WRITE)
		pump(c);
	else
		client_close(c);
}

static void on_timer(void *arg)
{
	struct client *c = arg;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	if (c->asked.pending && c->asked.answered)
		on_answer(c);
	else if (c->asked.pending)
		loop_timer_set(c->timer, PATIENCE_MS);
	else
		client_close(c);
}

/* --- beginning --- */

static bool is_trusted(int fd, const struct sock_user *user)
{
	return user->uid == 0 || user->uid == geteuid() || sock_local_in_group(fd, user, getegid());
}

void client_new(struct control *control, int fd, const struct sock_user *user)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		sock_close(fd);
		return;
	}
	*c = (struct client){.magic = CLIENT_MAGIC,
	    .state = CLIENT_ASKING,
	    .control = control,
	    .fd = fd,
	    .user = *user,
	    .trusted = is_trusted(fd, user)};
	buf_init(&c->in, NULL, 2 * (REQUEST_MAX + 1));
	buf_init(&c->out, NULL, ANSWER_MAX);
	buf_init(&c->asked.out, NULL, WORKER_ANSWER_MAX);
	c->io = loop_io_new(control->host.loop, fd, on_io, c);
	c->timer = loop_timer_new(control->host.loop, on_timer, c);
	c->next = control->clients;
	if (c->next != NULL)
		c->next->prev = c;
	control->clients = c;
	control->clients_n++;
	if (c->io == NULL || c->timer == NULL) {
		client_close(c);
		return;
	}
	loop_io_want(c->io, true, false);
	loop_timer_set(c->timer, PATIENCE_MS);
}
