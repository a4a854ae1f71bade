/* status: how the gateway is, on one page. */
#include <time.h>
#include <unistd.h>

#include "control_internal.h"

static void put_streams(const struct client *c, struct json *j)
{
	json_open_object(j, "streams");
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		json_open_object(j, role_name(role));
		for (enum fsm_state state = 0; state < STATE_COUNT; state++) {
			if (c->asked.streams[role][state] > 0)
				json_int(j, fsm_state_name(state), c->asked.streams[role][state]);
		}
		json_close_object(j);
	}
	json_close_object(j);
}

static void put_reload(const struct control *control, struct json *j)
{
	json_open_object(j, "reload");
	json_int(j, "at", control->reload.at);
	json_bool(j, "ok", control->reload.at == 0 || control->reload.good);
	json_str(j, "text", control->reload.text);
	json_close_object(j);
}

static void say(struct client *c)
{
	const struct control *control = c->control;
	char text[ROW_MAX];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "status");
	json_str(&j, "version", SALLYPORT_VERSION);
	json_int(&j, "pid", getpid());
	json_int(&j, "started", control->started);
	json_int(&j, "uptime", (int64_t)time(NULL) - control->started);
	json_int(&j, "workers", control->host.workers);
	put_streams(c, &j);
	put_reload(control, &j);
	json_close_object(&j);
	if (client_json(c, &j))
		client_end(c, NULL, "");
}

/* On a worker's thread. */
static void count(struct client *c, struct gate *gate)
{
	gate_count(gate, c->asked.streams);
}

static void heard(struct client *c)
{
	c->worker++;
}

static void more(struct client *c)
{
	if (c->worker == c->control->host.workers)
		say(c);
	else if (!client_ask(c, c->worker, count, heard))
		client_end(c, "no memory", "");
}

void control_status(struct client *c)
{
	c->more = more;
}
