/* watch: events as they are logged; log: more of them for a domain, for a while. */
#include <stdio.h>
#include <stdlib.h>

#include "control_internal.h"

/* Lines that wait for the main thread, of all watchers together. */
#define HEARD_MAX 512u
/* A watcher that has not read this much yet misses what comes then. */
#define UNREAD_MAX (256u * 1024u)

struct heard {
	struct heard *next;
	struct log_line line;
};

/* --- watch --- */

static void put_lost(struct client *c)
{
	if (client_tell(c, "lost", "events", (int64_t)c->lost))
		c->lost = 0;
}

static void put_event(struct client *c, const struct log_line *l)
{
	const struct request_match *m = &c->request.match;
	char text[ROW_MAX];
	struct json j;

	if (m->domain.n > 0 && !log_is_about(l, domain_span(&m->domain), m->below))
		return;
	if (buf_len(&c->out) > UNREAD_MAX) {
		c->lost++;
		return;
	}
	if (c->lost > 0)
		put_lost(c);
	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "event");
	json_str(&j, "level", log_level_name(l->level));
	json_span(&j, "line", (struct span){l->text, l->n});
	json_close_object(&j);
	(void)client_json(c, &j);
}

static void deliver(struct control *control, const struct heard *first, uint64_t lost)
{
	struct client *next;

	for (struct client *c = control->clients; c != NULL; c = next) {
		next = c->next;
		if (!c->watching)
			continue;
		c->lost += lost;
		for (const struct heard *h = first; h != NULL && c->state != CLIENT_GONE; h = h->next)
			put_event(c, &h->line);
		if (c->state != CLIENT_GONE)
			client_flush(c);
	}
}

static void on_heard(void *arg)
{
	struct control *control = arg;
	struct heard *first;
	uint64_t lost;

	pthread_mutex_lock(&control->heard.lock);
	first = control->heard.first;
	lost = control->heard.lost;
	control->heard.first = NULL;
	control->heard.end = &control->heard.first;
	control->heard.n = 0;
	control->heard.lost = 0;
	control->heard.posted = false;
	pthread_mutex_unlock(&control->heard.lock);
	deliver(control, first, lost);
	while (first != NULL) {
		struct heard *next = first->next;

		free(first);
		first = next;
	}
}

/* On whatever thread logs. */
static void hear(void *arg, const struct log_line *l)
{
	struct control *control = arg;
	struct heard *h = NULL;

	pthread_mutex_lock(&control->heard.lock);
	if (control->heard.n < HEARD_MAX)
		h = malloc(sizeof(*h));
	if (h != NULL) {
		h->next = NULL;
		h->line = *l;
		*control->heard.end = h;
		control->heard.end = &h->next;
		control->heard.n++;
	} else {
		control->heard.lost++;
	}
	if (!control->heard.posted)
		control->heard.posted = loop_post(control->host.loop, on_heard, control);
	pthread_mutex_unlock(&control->heard.lock);
}

void control_watch(struct client *c)
{
	if (!client_tell(c, "watching", NULL, 0))
		return;
	c->watching = true;
	client_sleep(c);
	log_listen(hear, c->control);
}

void control_unwatch(struct control *control)
{
	for (const struct client *c = control->clients; c != NULL; c = c->next)
		if (c->watching)
			return;
	log_listen(NULL, NULL);
}

void control_forget_heard(struct control *control)
{
	log_listen(NULL, NULL);
	while (control->heard.first != NULL) {
		struct heard *h = control->heard.first;

		control->heard.first = h->next;
		free(h);
	}
	control->heard.end = &control->heard.first;
}

/* --- log --- */

static const char *title(const struct request_match *m, char out[static DOMAIN_MAX + 3])
{
	(void)snprintf(out, DOMAIN_MAX + 3, "%s%s", m->below ? "*." : "", m->domain.s);
	return out;
}

static int64_t left(const struct control *control, const struct control_rule *r)
{
	return (r->until - loop_now(control->host.loop) + 999) / 1000;
}

static void put_rule(struct client *c, const struct control_rule *r)
{
	char text[ROW_MAX], name[DOMAIN_MAX + 3];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", "rule");
	json_str(&j, "domain", title(&r->match, name));
	json_str(&j, "level", log_level_name(r->level));
	json_int(&j, "left", left(c->control, r));
	json_close_object(&j);
	(void)client_json(c, &j);
}

static struct control_rule *find(struct control *control, const struct request_match *m)
{
	for (size_t i = 0; i < control->rules_n; i++) {
		struct control_rule *r = &control->rules[i];

		if (r->match.below == m->below && domain_eq(&r->match.domain, &m->domain))
			return r;
	}
	return NULL;
}

static void drop(struct control *control, struct control_rule *r)
{
	(void)log_rule_drop(domain_span(&r->match.domain), r->match.below);
	*r = control->rules[--control->rules_n];
}

/* Rules that are over go; the timer waits for the next. */
static void look(struct control *control)
{
	int64_t now = loop_now(control->host.loop), next = INT64_MAX;

	for (size_t i = 0; i < control->rules_n;) {
		struct control_rule *r = &control->rules[i];
		char name[DOMAIN_MAX + 3];

		if (r->until > now) {
			next = r->until < next ? r->until : next;
			i++;
			continue;
		}
		log_text(LOG_INFO, "control", "log %s %s: its time is over", title(&r->match, name),
		    log_level_name(r->level));
		drop(control, r);
	}
	if (next == INT64_MAX)
		loop_timer_stop(control->rules_timer);
	else
		loop_timer_set(control->rules_timer, next - now < INT32_MAX ? (uint32_t)(next - now) : INT32_MAX);
}

void control_rules_due(void *arg)
{
	look(arg);
}

void control_rules(struct client *c)
{
	look(c->control);
	for (size_t i = 0; i < c->control->rules_n; i++)
		put_rule(c, &c->control->rules[i]);
	if (c->state != CLIENT_GONE)
		client_end(c, NULL, "");
}

void control_log(struct client *c)
{
	struct control *control = c->control;
	const struct request *req = &c->request;
	struct control_rule *r = find(control, &req->match);

	if (!log_rule_set(domain_span(&req->match.domain), req->match.below, req->level)) {
		client_end(c, "the log has as many levels for domains as it can hold",
		    "take one back: sallyportctl log shows them, log DOMAIN off ends one");
		return;
	}
	if (r == NULL)
		r = &control->rules[control->rules_n++];
	*r = (struct control_rule){req->match, req->level, loop_now(control->host.loop) + req->seconds * 1000};
	put_rule(c, r);
	look(control);
	if (c->state != CLIENT_GONE)
		client_end(c, NULL, "");
}

void control_unlog(struct client *c)
{
	struct control_rule *r = find(c->control, &c->request.match);

	if (r == NULL) {
		client_end(c, "the log has no level of its own for that", "sallyportctl log shows those that it has");
		return;
	}
	drop(c->control, r);
	look(c->control);
	client_end(c, NULL, "");
}
