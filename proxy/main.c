/* The daemon: reads the configuration, binds, drops privileges, runs a gate a thread, and ends by the book. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "main_internal.h"
#include "sallyport/file.h"
#include "sallyport/supervisor.h"

#define DEFAULT_CONF "/etc/sallyport/sallyport.ini"

static int usage(FILE *to)
{
	fprintf(to, "usage: sallyport [-t] [-c FILE]\n"
	            "  -c FILE  configuration (default " DEFAULT_CONF ")\n"
	            "  -t       check the configuration, certificates and trust anchors, then exit\n"
	            "  -h       this help (--help)\n"
	            "  -V       the version (--version)\n"
	            "Signals: SIGHUP reads configuration and certificates again; SIGUSR1 opens the log's file anew; SIGTERM and\n"
	            "SIGINT end every stream by the book, a second one at once.\n");
	return to == stdout ? 0 : 2;
}

struct conf *read_conf(const char *path, struct conf_errors *errors)
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

void listen_for_control(struct daemon *d, const struct conf *conf)
{
	char err[256];
	if (!control_listen(d->control, conf, err, sizeof err))
		log_text(LOG_ERROR, "control", "sallyportctl cannot ask this daemon: %s", err);
}

static void on_end(void *arg)
{
	workers_end(arg);
}

static void on_reload(void *arg)
{
	(void)renewal_begin(arg);
}

static void on_log_moved(void *arg)
{
	(void)arg;
	log_reopen();
}

static void on_asked_to_drain(void *arg)
{
	struct daemon *d = arg;
	if (!d->ending)
		workers_end(d);
}

static bool is_draining(void *arg)
{
	const struct daemon *d = arg;
	return d->ending;
}

static uint64_t on_asked_to_reload(void *arg)
{
	return renewal_begin(arg);
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

static int serve(struct daemon *d)
{
	int rc = 1;
	d->loop = loop_new();
	static const struct {
		int signal;
		void (*fn)(void *arg);
	} signals[] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_reload}, {SIGUSR1, on_log_moved}};
	struct loop_signal *on[ARRAY_LEN(signals)] = {NULL};
	d->look = d->loop != NULL ? loop_timer_new(d->loop, on_look, d) : NULL;
	d->lists = d->look != NULL ? loop_timer_new(d->loop, on_lists, d) : NULL;
	bool ok = d->lists != NULL;
	for (size_t i = 0; ok && i < ARRAY_LEN(signals); i++) {
		on[i] = loop_signal_new(d->loop, signals[i].signal, signals[i].fn, d);
		ok = on[i] != NULL;
	}
	ok = ok && keys_watch(d->keys, d->loop) && workers_make(d) && make_metrics(d);
	ok = ok && service_watch(d->service, d->loop, d->gates, d->workers);
	if (ok && make_control(d) && listen_for_metrics(d)) {
		listen_for_control(d, d->site->conf);
		if (!workers_start(d))
			_exit(1);
		char status[128];
		snprintf(status, sizeof status, "%zu hosts, %zu backends, %u workers", d->site->conf->hosts_n,
		    d->site->conf->backends_n, d->workers);
		log_text(LOG_INFO, "start", "ready: %s", status);
		ports_store(d);
		service_ready(d->service, status);
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
	service_free(d->service);
	d->service = NULL;
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
	log_sweep(true);
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
	d->workers = workers_count(conf);
	d->keys = keys_connect(ask, d->workers, err, sizeof err);
	if (d->keys == NULL) {
		log_text(LOG_ERROR, "start", "%s", err);
		return 1;
	}
	file_set_opener(keys_open, d->keys);
	d->service = service_new();
	if (d->service == NULL)
		log_text(LOG_ERROR, "start", "no memory");
	else if (open_site(d, conf)) {
		ports_take_over(d, conf);
		if (ports_free(d->handed, NULL, conf)) {
			raise_descriptors(conf);
			rc = serve(d);
		}
	}
	service_free(d->service);
	site_unref(d->site);
	file_set_opener(NULL, NULL);
	keys_unref(d->keys);
	return rc;
}

/* The key process has nothing to do with the network. */
static void shed(void *arg)
{
	struct daemon *d = arg;
	handed_free(d->handed);
}

/* Before the supervisor, who keeps them for whichever process carries the streams. */
static bool take_handed(struct daemon *d)
{
	char err[128] = "no memory";
	d->handed = handed_new();
	if (d->handed != NULL && handed_from_environment(d->handed, err, sizeof err))
		return true;
	log_text(LOG_ERROR, "start", "%s", err);
	return false;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONF;
	bool test = false;
	static const struct option words[] = {{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	for (int opt; (opt = getopt_long(argc, argv, "c:thV", words, NULL)) != -1;) {
		switch (opt) {
		case 'V':
			puts("sallyport " SALLYPORT_VERSION);
			return 0;
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
	int rc = 1;
	if (test)
		rc = check(&d, conf);
	else if (take_handed(&d))
		rc = supervisor_run(path, conf, &(struct supervisor_work){run, shed, &d});
	handed_free(d.handed);
	conf_unref(conf);
	return rc;
}
