/* reload: reads the configuration again, waits for the workers, and says what came of it; drain: ends the gateway. */
#include <stdio.h>
#include <time.h>

#include "control_internal.h"

static void put_lines(struct client *c, const char *type, const char *lines)
{
	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");
		char text[ROW_MAX];
		struct json j;

		json_init(&j, text, sizeof(text));
		json_open_object(&j, NULL);
		json_str(&j, "type", type);
		json_span(&j, "text", (struct span){lines, n});
		json_close_object(&j);
		if (!client_json(c, &j))
			return;
		lines += n + (lines[n] == '\n');
	}
}

static void answer(struct client *c, const char *lines)
{
	const struct control *control = c->control;
	char text[ROW_MAX];
	struct json j;

	c->reload = 0;
	put_lines(c, control->reload.good ? "change" : "error", lines);
	if (!control->reload.good) {
		client_end(c, control->reload.text, "mend what is named above, and try again");
		return;
	}
	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "reload");
	json_str(&j, "text", control->reload.text);
	json_close_object(&j);
	if (client_json(c, &j))
		client_end(c, NULL, "");
}

void control_reloaded(struct control *control, uint64_t number, bool good, const char *text, const char *lines)
{
	struct client *next;

	if (control == NULL)
		return;
	control->reload.number = number;
	control->reload.at = (int64_t)time(NULL);
	control->reload.good = good;
	(void)snprintf(control->reload.text, sizeof(control->reload.text), "%s", text);
	for (struct client *c = control->clients; c != NULL; c = next) {
		next = c->next;
		if (c->state != CLIENT_ASLEEP || c->reload == 0 || c->reload > number)
			continue;
		answer(c, lines);
		if (c->state != CLIENT_GONE)
			client_wake(c);
	}
}

void control_drain(struct client *c)
{
	if (!client_tell(c, "draining", NULL, 0))
		return;
	client_end(c, NULL, "");
	c->control->host.drain(c->control->host.arg);
}

void control_reload(struct client *c)
{
	struct control *control = c->control;

	/* what comes to an end from here on is later than the request, and will do for it */
	c->reload = control->reload.number + 1;
	client_sleep(c);
	c->reload = control->host.reload(control->host.arg);
}
