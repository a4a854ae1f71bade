/* The daemon: reads the configuration, binds, drops privileges, runs a gate a thread, and ends by the book. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/conf.h"
#include "sallyport/control.h"
#include "sallyport/gate.h"
#include "sallyport/keys.h"
#include "sallyport/log.h"
#include "sallyport/loop.h"
#include "sallyport/metrics.h"
#include "sallyport/sock.h"
#include "sallyport/supervisor.h"

#define DEFAULT_CONF "/etc/sallyport/sallyport.ini"
#define WORKERS_MAX 64u

struct worker_thread {
	pthread_t thread;
	struct loop *loop;
	struct gate *gate;
	struct daemon *daemon;
	bool started;
};

struct daemon {
	const char *path;
	struct keys *keys; /* in a process of their own */
	struct site *site;
	struct loop *loop; /* signals, and looking after files */
	struct loop_timer *look, *lists;
	int64_t reminded; /* Unix seconds: up to then it was told what time has ended */
	struct worker_thread worker[WORKERS_MAX];
	struct gate *gates[WORKERS_MAX]; /* theirs */
	struct metrics *metrics;
	unsigned workers, running;
	bool ending;
	struct control *control; /* NULL: not yet */
	uint64_t renewals;       /* begun so far */
};

/* Going over to another site, until all workers have. */
struct renewal {
	struct daemon *daemon;
	uint64_t number;
	unsigned left;
	bool good;
	char text[512];
	char *lines; /* what is wrong with the file, a line each; NULL: nothing */
};

/* A worker's part in it. */
struct handover {
	struct renewal *renewal;
	struct worker_thread *worker;
	struct site *site;
	bool good;
	char err[256];
};

static int usage(FILE *to)
{
	fprintf(to, "usage: sallyport [-t] [-c FILE]\n"
	            "  -c FILE  configuration (default " DEFAULT_CONF ")\n"
	            "  -t       check the configuration, certificates and trust anchors, then exit\n"
	            "  -h       this help\n"
	            "Signals: SIGHUP reads configuration and certificates again; SIGTERM and SIGINT end every stream "
	            "by the book, a second\n"
	            "one at once.\n");
	return to == stdout ? 0 : 2;
}

static struct conf *read_conf(const char *path, struct conf_errors *errors)
{
	struct conf *conf = conf_load(path, errors);
	for (size_t i = 0; i < errors->n && i < ARRAY_LEN(errors->text); i++)
		fprintf(stderr, "%s\n", errors->text[i]);
	if (errors->n > ARRAY_LEN(errors->text))
		fprintf(stderr, "… and %zu more\n", errors->n - ARRAY_LEN(errors->text));
	for (size_t i = 0; i < errors->warnings && i < ARRAY_LEN(errors->warning); i++)
		fprintf(stderr, "warning: %s\n", errors->warning[i]);
	return conf;
}

static bool probe(const struct addr *at, size_t n)
{
	char err[256];
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		if (sock_listen_probe(&at[i], err, sizeof err))
			continue;
		log_text(LOG_ERROR, "start", "%s", err);
		ok = false;
	}
	return ok;
}

/* With SO_REUSEPORT a second daemon would share the ports and half of the connections, so look first. */
static bool ports_free(const struct conf *conf)
{
	bool ok = probe(conf->public_listen, conf->public_listens);
	for (size_t i = 0; i < conf->backends_n; i++)
		ok = probe(conf->backends[i].listen, conf->backends[i].listens) && ok;
	return ok;
}

static bool listens(const struct conf *conf, const struct addr *at)
{
	for (size_t i = 0; i < conf->public_listens; i++)
		if (addr_eq(&conf->public_listen[i], at))
			return true;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			if (addr_eq(&conf->backends[b].listen[i], at))
				return true;
	return false;
}

/* The same for those that a reload adds. */
static bool ports_new(const struct conf *before, const struct conf *conf)
{
	bool ok = true;
	for (size_t i = 0; i < conf->public_listens; i++)
		ok = (listens(before, &conf->public_listen[i]) || probe(&conf->public_listen[i], 1)) && ok;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			ok =
			    (listens(before, &conf->backends[b].listen[i]) || probe(&conf->backends[b].listen[i], 1)) &&
			    ok;
	return ok;
}

static void raise_descriptors(const struct conf *conf)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	/* every public connection needs one to the backend as well */
	if (limit.rlim_cur < 2 * (rlim_t)conf->limits.connections)
		log_text(LOG_WARNING, "start",
		    "only %llu descriptors for %u connections: raise LimitNOFILE or lower connections in [limits]",
		    (unsigned long long)limit.rlim_cur, conf->limits.connections);
}

static void on_worker_done(void *arg)
{
	struct daemon *d = arg;
	if (--d->running == 0)
		loop_stop(d->loop);
}

static void *work(void *arg)
{
	struct worker_thread *w = arg;
	loop_run(w->loop);
	if (!loop_post(w->daemon->loop, on_worker_done, w->daemon))
		abort();
	return NULL;
}

static void on_drained(void *arg)
{
	struct worker_thread *w = arg;
	loop_stop(w->loop);
}

static void drain_worker(void *arg)
{
	struct worker_thread *w = arg;
	gate_drain(w->gate, on_drained, w);
}

static void hurry_worker(void *arg)
{
	struct worker_thread *w = arg;
	loop_stop(w->loop);
}

static void on_signal(void *arg)
{
	struct daemon *d = arg;
	log_text(LOG_INFO, "stop", d->ending ? "ending at once" : "ending every stream by the book");
	for (unsigned i = 0; i < d->workers; i++)
		if (!loop_post(d->worker[i].loop, d->ending ? hurry_worker : drain_worker, &d->worker[i]))
			_exit(1);
	d->ending = true;
}

static void end_renewal(struct renewal *n)
{
	log_text(n->good ? LOG_INFO : LOG_ERROR, "reload", "%s", n->text);
	metrics_reloaded(n->daemon->metrics, n->good);
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

/* A gateway that passes on mail does not stay down because nobody can ask it how it is. */
static void listen_for_control(struct daemon *d, const struct conf *conf)
{
	char err[256];
	if (!control_listen(d->control, conf, err, sizeof err))
		log_text(LOG_ERROR, "control", "sallyportctl cannot ask this daemon: %s", err);
}

/* Renewed certificates need no reload. */
static void on_look(void *arg)
{
	struct daemon *d = arg;
	cert_own_refresh(d->site->certs, time(NULL));
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

/* What does not come up changes nothing. */
static bool renew(struct renewal *n, struct conf *conf)
{
	struct daemon *d = n->daemon;
	char err[400] = "the configuration is not in order";
	struct site *site = conf != NULL ? site_new(conf, d->site, NULL, err, sizeof err) : NULL;
	bool good = site != NULL;
	if (good && !ports_new(d->site->conf, site->conf)) {
		snprintf(err, sizeof err, "a new port is taken");
		good = false;
	}
	if (!good || !metrics_listen(d->metrics, site->conf, err, sizeof err)) {
		snprintf(n->text, sizeof n->text, "nothing has changed: %s", err);
		site_unref(site);
		return false;
	}
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
static uint64_t begin_renewal(struct daemon *d, struct conf *conf)
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

static void on_asked_to_drain(void *arg)
{
	struct daemon *d = arg;
	if (!d->ending)
		on_signal(d);
}

static bool is_draining(void *arg)
{
	const struct daemon *d = arg;
	return d->ending;
}

static uint64_t on_asked_to_reload(void *arg)
{
	return begin_renewal(arg, NULL);
}

static void on_reload(void *arg)
{
	(void)begin_renewal(arg, NULL);
}

/* New revocation lists come into effect by themselves; the configuration file is not read for them.  And time ends rows and
 * lists. */
static void on_lists(void *arg)
{
	struct daemon *d = arg;
	int64_t now = time(NULL);
	conf_peers_remind(d->site->conf, d->reminded, now);
	cert_store_remind(d->site->certs, d->reminded, now);
	d->reminded = now;
	if (cert_store_outdated(d->site->certs)) {
		log_text(LOG_INFO, "revocation", "the files of revocation lists have changed: reading them again");
		(void)begin_renewal(d, d->site->conf);
	}
	loop_timer_set(d->lists, d->site->conf->revocation_interval);
}

static unsigned count_workers(const struct conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = conf->workers > 0 ? conf->workers : cores > 0 ? (unsigned)cores : 1;
	return wanted < WORKERS_MAX ? wanted : WORKERS_MAX;
}

static bool make_workers(struct daemon *d)
{
	for (unsigned i = 0; i < d->workers; i++) {
		struct worker_thread *w = &d->worker[i];
		char err[256] = "no memory";
		w->daemon = d;
		w->loop = loop_new();
		w->gate = w->loop != NULL ? gate_new(w->loop, d->site, err, sizeof err) : NULL;
		if (w->gate == NULL || !gate_sign_by(w->gate, d->keys) ||
		    !gate_listen(w->gate, d->workers > 1, err, sizeof err)) {
			log_text(LOG_ERROR, "start", "%s", err);
			return false;
		}
		d->gates[i] = w->gate;
	}
	return true;
}

static struct site *present_site(void *arg)
{
	struct daemon *d = arg;
	return d->site;
}

static bool make_control(struct daemon *d)
{
	d->control = control_new(&(struct control_host){
	    .loop = d->loop,
	    .gates = d->gates,
	    .workers = d->workers,
	    .arg = d,
	    .site = present_site,
	    .reload = on_asked_to_reload,
	    .drain = on_asked_to_drain,
	    .draining = is_draining,
	});
	return d->control != NULL;
}

static bool make_metrics(struct daemon *d)
{
	struct metrics_host host = {d->loop, d->gates, d->workers, d, present_site};
	d->metrics = metrics_new(&host);
	return d->metrics != NULL;
}

static bool listen_for_metrics(struct daemon *d)
{
	char err[256];
	if (metrics_listen(d->metrics, d->site->conf, err, sizeof err))
		return true;
	log_text(LOG_ERROR, "start", "%s", err);
	return false;
}

/* Signals are main's: the workers start with all of them blocked. */
static bool start_workers(struct daemon *d)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < d->workers; i++) {
		d->worker[i].started = pthread_create(&d->worker[i].thread, NULL, work, &d->worker[i]) == 0;
		d->running += d->worker[i].started;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (d->running == d->workers)
		return true;
	log_text(LOG_ERROR, "start", "can't create threads");
	return false;
}

static int serve(struct daemon *d)
{
	int rc = 1;
	d->loop = loop_new();
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct loop_signal *on[ARRAY_LEN(signals)] = {NULL};
	d->look = d->loop != NULL ? loop_timer_new(d->loop, on_look, d) : NULL;
	d->lists = d->look != NULL ? loop_timer_new(d->loop, on_lists, d) : NULL;
	bool ok = d->lists != NULL;
	for (size_t i = 0; ok && i < ARRAY_LEN(signals); i++) {
		on[i] = loop_signal_new(d->loop, signals[i], signals[i] == SIGHUP ? on_reload : on_signal, d);
		ok = on[i] != NULL;
	}
	ok = ok && keys_watch(d->keys, d->loop) && make_workers(d) && make_metrics(d);
	if (ok && make_control(d) && listen_for_metrics(d)) {
		listen_for_control(d, d->site->conf);
		if (!start_workers(d))
			_exit(1);
		log_text(LOG_INFO, "start", "ready: %zu hosts, %zu backends, %u workers", d->site->conf->hosts_n,
		    d->site->conf->backends_n, d->workers);
		loop_timer_set(d->look, d->site->conf->certificate_interval);
		loop_timer_set(d->lists, d->site->conf->revocation_interval);
		loop_run(d->loop);
		rc = 0;
	}
	metrics_free(d->metrics);
	for (unsigned i = 0; i < d->workers; i++) {
		if (d->worker[i].started)
			pthread_join(d->worker[i].thread, NULL);
	}
	control_free(d->control);
	for (unsigned i = 0; i < d->workers; i++) {
		gate_free(d->worker[i].gate);
		if (d->worker[i].loop != NULL)
			loop_free(d->worker[i].loop);
	}
	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		loop_signal_free(on[i]);
	loop_timer_free(d->look);
	loop_timer_free(d->lists);
	keys_unwatch(d->keys);
	if (d->loop != NULL)
		loop_free(d->loop);
	if (rc == 0)
		log_text(LOG_INFO, "stop", "ended");
	return rc;
}

static bool open_site(struct daemon *d, struct conf *conf)
{
	char err[512] = "";
	d->site = site_new(conf, NULL, d->keys, err, sizeof err);
	if (d->site == NULL) {
		fprintf(stderr, "%s: %s\n", d->path, err);
		return false;
	}
	d->reminded = time(NULL);
	cert_own_refresh(d->site->certs, d->reminded);
	cert_store_remind(d->site->certs, 0, d->reminded);
	return true;
}

/* -t: with the keys in this process, which ends at once. */
static int check(struct daemon *d, struct conf *conf)
{
	bool ok = open_site(d, conf);
	if (ok)
		printf("%s: in order: %zu hosts, %zu backends\n", d->path, conf->hosts_n, conf->backends_n);
	site_unref(d->site);
	return ok ? 0 : 1;
}

/* The network process. */
static int run(void *arg, struct conf *conf, int ask)
{
	struct daemon *d = arg;
	char err[256];
	int rc = 1;
	d->workers = count_workers(conf);
	d->keys = keys_connect(ask, d->workers, err, sizeof err);
	if (d->keys == NULL) {
		log_text(LOG_ERROR, "start", "%s", err);
		return 1;
	}
	if (open_site(d, conf) && ports_free(conf)) {
		raise_descriptors(conf);
		rc = serve(d);
	}
	site_unref(d->site);
	keys_unref(d->keys);
	return rc;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONF;
	bool test = false;
	for (int opt; (opt = getopt(argc, argv, "c:th")) != -1;) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 't':
			test = true;
			break;
		default:
			return usage(opt == 'h' ? stdout : stderr);
		}
	}
	if (optind < argc)
		return usage(stderr);
	struct conf_errors *errors = calloc(1, sizeof *errors);
	struct conf *conf = errors != NULL ? read_conf(path, errors) : NULL;
	free(errors);
	if (conf == NULL)
		return 1;
	log_set_level(conf->log_level);
	signal(SIGPIPE, SIG_IGN);
	struct daemon d = {.path = path};
	int rc = test ? check(&d, conf) : supervisor_run(path, conf, run, &d);
	conf_unref(conf);
	return rc;
}
