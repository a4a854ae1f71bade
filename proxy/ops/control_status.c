/* status: how the gateway is, on one page. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "control_internal.h"
#include "sallyport/cert.h"

/* The certificates that end first. */
#define SOON 3
/* Backends are a handful; a row has an end. */
#define BACKENDS_SHOWN 32u

struct soon {
	size_t n;
	struct {
		char host[DOMAIN_MAX + 1], file[512];
		int64_t expires;
	} at[SOON];
	uint64_t uncovered;
};

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

/* Keeps the first of them in order; one file may stand for many names. */
static void note(void *arg, const struct cert_own_facts *f)
{
	struct soon *soon = arg;
	size_t i = 0;

	if (f->file == NULL) {
		soon->uncovered++;
		return;
	}
	for (size_t k = 0; k < soon->n; k++)
		if (strcmp(soon->at[k].file, f->file) == 0)
			return;
	while (i < soon->n && soon->at[i].expires <= f->not_after)
		i++;
	if (i == SOON)
		return;
	if (soon->n < SOON)
		soon->n++;
	memmove(&soon->at[i + 1], &soon->at[i], (soon->n - 1 - i) * sizeof(soon->at[0]));
	(void)snprintf(soon->at[i].host, sizeof(soon->at[i].host), "%s", f->host->domain.s);
	(void)snprintf(soon->at[i].file, sizeof(soon->at[i].file), "%s", f->file);
	soon->at[i].expires = f->not_after;
}

static void put_certificates(const struct site *site, struct json *j)
{
	struct soon soon = {.n = 0};

	for (size_t i = 0; cert_own_each(site->certs, i, note, &soon); i++)
		continue;
	json_int(j, "uncovered", (int64_t)soon.uncovered);
	json_open_array(j, "certificates");
	for (size_t i = 0; i < soon.n; i++) {
		json_open_object(j, NULL);
		json_str(j, "host", soon.at[i].host);
		json_str(j, "file", soon.at[i].file);
		json_int(j, "expires", soon.at[i].expires);
		json_close_object(j);
	}
	json_close_array(j);
}

static void put_backends(const struct site *site, struct json *j)
{
	static const char *const states[] = {
	    [BACKEND_UNTRIED] = "untried", [BACKEND_UP] = "up", [BACKEND_DOWN] = "down"};

	json_open_array(j, "backends");
	for (size_t i = 0; i < site->conf->backends_n && i < BACKENDS_SHOWN; i++) {
		char addr[ADDR_TEXT_MAX];

		json_open_object(j, NULL);
		json_str(j, "name", site->conf->backends[i].name);
		json_str(j, "address", addr_format(&site->conf->backends[i].connect, addr));
		json_str(j, "state", states[site->backends[i]]);
		json_close_object(j);
	}
	json_close_array(j);
}

static bool is_limit(enum reason r)
{
	return strncmp(reason_row(r)->code, "SP-LIMIT-", 9) == 0 || r == REASON_XML_LIMIT || r == REASON_NO_MEMORY;
}

/* How often each was met since the start. */
static void put_limits(const struct control *control, struct json *j)
{
	struct tally sum = {0};

	for (unsigned i = 0; i < control->host.workers; i++)
		tally_sum(&sum, gate_tally(control->host.gates[i]));
	json_open_object(j, "limits");
	for (enum reason r = REASON_NONE; r < REASON_COUNT; r++) {
		uint64_t n = stats_read(&sum.refused[r]) + stats_read(&sum.bounced[r]);

		for (size_t role = 0; role < ROLE_COUNT; role++)
			n += stats_read(&sum.closed[role][r]);
		if (n > 0 && is_limit(r))
			json_int(j, reason_row(r)->code, (int64_t)n);
	}
	json_close_object(j);
}

static void say(struct client *c)
{
	const struct control *control = c->control;
	const struct site *site = control->host.site(control->host.arg);
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
	json_bool(&j, "draining", control->host.draining(control->host.arg));
	put_streams(c, &j);
	put_backends(site, &j);
	put_limits(control, &j);
	put_certificates(site, &j);
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
