/* peers: what became of each remote domain, whether streams with it stand or not. */
#include "control_internal.h"
#include "sallyport/history.h"

static void put_side(struct json *j, const char *key, const struct history_side *side)
{
	const struct reason_row *row = reason_row(side->why);
	bool failed = side->failed_at != 0;

	json_open_object(j, key);
	json_int(j, "open", side->open);
	json_int(j, "last_success", side->succeeded_at);
	json_int(j, "last_failure", side->failed_at);
	json_int(j, "streak", side->streak);
	json_int(j, "next_retry", side->retry_at);
	json_str(j, "reason", failed ? row->code : "");
	json_str(j, "text", failed ? row->text : "");
	json_str(j, "detail", side->detail);
	json_str(j, "who", failed ? reason_who_text(row->who) : "");
	json_str(j, "fix", failed ? row->fix : "");
	json_close_object(j);
}

static void more(struct client *c)
{
	struct site *site = c->control->host.site(c->control->host.arg);
	struct history_row row;
	size_t at = c->cursor;
	char text[ROW_MAX];
	struct json j;

	if (!history_next(site->history, &at, &row)) {
		client_end(c, NULL, "");
		return;
	}
	c->cursor = at;
	if (!request_matches(&c->request.match, &row.domain))
		return;
	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "peer");
	json_str(&j, "domain", row.domain.s);
	put_side(&j, "in", &row.side[HISTORY_IN]);
	put_side(&j, "out", &row.side[HISTORY_OUT]);
	json_close_object(&j);
	(void)client_json(c, &j);
}

void control_peers(struct client *c)
{
	c->more = more;
}
