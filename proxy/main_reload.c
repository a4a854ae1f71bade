/* The configuration is read again, or files change that it names: all workers go over to another site. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "main_internal.h"

/* No more are told of. */
#define CHANGES_MAX 100u

/* Going over to another site, until all workers have. */
struct renewal {
	struct daemon *daemon;
	uint64_t number;
	unsigned left;
	size_t opened; /* sockets, by the workers */
	bool good;
	char text[512];
	char *lines; /* what is wrong with the file, or what it says that it did not, a line each; NULL: nothing */
};

/* A worker's part in it. */
struct handover {
	struct renewal *renewal;
	struct worker_thread *worker;
	struct site *site;
	struct handed *opened; /* what the worker opened; NULL: nobody asks */
	bool good;
	char err[256];
};

static void end_renewal(struct renewal *n)
{
	log_text(n->good ? LOG_INFO : LOG_ERROR, "reload", "%s", n->text);
	metrics_reloaded(n->daemon->metrics, n->good);
	if (!n->daemon->ending) {
		ports_settle(n->daemon, n->opened > 0, n->good);
		service_ready(n->daemon->service, n->text);
	}
	control_reloaded(n->daemon->control, n->number, n->good, n->text, n->lines != NULL ? n->lines : "");
	free(n->lines);
	free(n);
}

static void on_handed_over(void *arg)
{
	struct handover *h = arg;
	struct renewal *n = h->renewal;
	if (!h->good && n->good) {
		n->good = false;
		snprintf(n->text, sizeof n->text, "a worker goes on with the old configuration: %s", h->err);
	}
	n->opened += ports_adopt(n->daemon, h->opened);
	handed_free(h->opened);
	site_unref(h->site);
	free(h);
	if (--n->left == 0)
		end_renewal(n);
}

static void take_over(void *arg)
{
	struct handover *h = arg;
	h->good = gate_reload(h->worker->gate, h->site, h->err, sizeof h->err);
	site_leave(h->site);
	if (service_keeps(h->worker->daemon->service)) {
		h->opened = handed_new();
		gate_opened(h->worker->gate, ports_keep, h->opened);
	}
	if (!loop_post(h->worker->daemon->loop, on_handed_over, h))
		log_text(LOG_ERROR, "reload", "no memory to say that a worker is through with it");
}

static bool tell_worker(struct renewal *n, struct worker_thread *w, struct site *site)
{
	struct handover *h = calloc(1, sizeof *h);
	if (h == NULL)
		return false;
	*h = (struct handover){.renewal = n, .worker = w, .site = site_ref(site)};
	site_enter(site);
	n->left++;
	if (loop_post(w->loop, take_over, h))
		return true;
	n->left--;
	site_leave(site);
	site_unref(site);
	free(h);
	return false;
}

/* Renewed certificates need no reload. */
void on_look(void *arg)
{
	struct daemon *d = arg;
	cert_own_refresh(d->site->certs, time(NULL));
	log_sweep(false);
	loop_timer_set(d->look, d->site->conf->certificate_interval);
}

static void tell_workers(struct renewal *n, struct site *site)
{
	struct daemon *d = n->daemon;
	n->good = true;
	snprintf(n->text, sizeof n->text, "%zu hosts, %zu backends", site->conf->hosts_n, site->conf->backends_n);
	for (unsigned i = 0; i < d->workers; i++) {
		if (tell_worker(n, &d->worker[i], site))
			continue;
		n->good = false;
		snprintf(n->text, sizeof n->text, "no memory: a worker goes on with the old configuration");
	}
}

struct lines {
	FILE *to;
	size_t n;
};

static void add_change(void *arg, const char *text)
{
	struct lines *lines = arg;
	if (lines->n++ < CHANGES_MAX)
		fprintf(lines->to, "%s\n", text);
}

static char *changes_of(const struct conf *before, const struct conf *now)
{
	char *text = NULL;
	size_t n;
	struct lines lines = {.to = open_memstream(&text, &n)};
	if (lines.to == NULL)
		return NULL;
	conf_changes(before, now, add_change, &lines);
	if (lines.n > CHANGES_MAX)
		fprintf(lines.to, "… and %zu more\n", lines.n - CHANGES_MAX);
	return fclose(lines.to) == 0 ? text : NULL;
}

/* What does not come up changes nothing. */
static bool renew(struct renewal *n, struct conf *conf)
{
	struct daemon *d = n->daemon;
	char err[400] = "the configuration is not in order";
	struct site *site = conf != NULL ? site_new(conf, d->site, NULL, err, sizeof err) : NULL;
	bool good = site != NULL;
	if (good && !ports_free(NULL, d->site->conf, site->conf)) {
		snprintf(err, sizeof err, "a new port is taken");
		good = false;
	}
	good = good && conf_open_log(site->conf, err, sizeof err);
	if (!good || !metrics_listen(d->metrics, site->conf, err, sizeof err)) {
		snprintf(n->text, sizeof n->text, "nothing has changed: %s", err);
		site_unref(site);
		return false;
	}
	free(n->lines);
	n->lines = changes_of(d->site->conf, site->conf);
	tell_workers(n, site);
	log_set_level(site->conf->log_level);
	listen_for_control(d, site->conf);
	site_unref(d->site);
	d->site = site;
	cert_store_remind(site->certs, 0, time(NULL));
	on_look(d);
	return true;
}

static char *lines_of(const struct conf_errors *errors)
{
	char *lines = NULL;
	size_t n;
	FILE *to = open_memstream(&lines, &n);
	if (to == NULL)
		return NULL;
	for (size_t i = 0; i < errors->n && i < ARRAY_LEN(errors->text); i++)
		fprintf(to, "%s\n", errors->text[i]);
	if (errors->n > ARRAY_LEN(errors->text))
		fprintf(to, "… and %zu more\n", errors->n - ARRAY_LEN(errors->text));
	return fclose(to) == 0 ? lines : NULL;
}

/* conf NULL: it is read again.  Returns the renewal's number. */
static uint64_t begin(struct daemon *d, struct conf *conf)
{
	struct conf_errors *errors = calloc(1, sizeof *errors);
	struct renewal *n = calloc(1, sizeof *n);
	uint64_t number = ++d->renewals;
	if (errors == NULL || n == NULL) {
		log_text(LOG_ERROR, "reload", "nothing has changed: no memory");
		control_reloaded(d->control, number, false, "nothing has changed: no memory", "");
		free(n);
		free(errors);
		return number;
	}
	*n = (struct renewal){.daemon = d, .number = number};
	if (!d->ending)
		service_reloading(d->service);
	if (d->ending)
		snprintf(n->text, sizeof n->text, "nothing has changed: the gateway is ending");
	if (conf == NULL)
		keys_reread(d->keys);
	struct conf *read = d->ending ? NULL : conf != NULL ? conf_ref(conf) : read_conf(d->path, errors);
	n->lines = lines_of(errors);
	if (d->ending || !renew(n, read) || n->left == 0)
		end_renewal(n);
	conf_unref(read);
	free(errors);
	return number;
}

uint64_t renewal_begin(struct daemon *d)
{
	return begin(d, NULL);
}

/* New revocation lists come into effect by themselves; the configuration file is not read for them.  And time ends rows
 * and lists. */
void on_lists(void *arg)
{
	struct daemon *d = arg;
	int64_t now = time(NULL);
	conf_peers_remind(d->site->conf, d->reminded, now);
	cert_store_remind(d->site->certs, d->reminded, now);
	d->reminded = now;
	if (cert_store_outdated(d->site->certs)) {
		log_text(LOG_INFO, "revocation", "the files of revocation lists have changed: reading them again");
		(void)begin(d, d->site->conf);
	}
	loop_timer_set(d->lists, d->site->conf->revocation_interval);
}
