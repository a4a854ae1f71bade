#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/http.h>

#include "metrics_internal.h"
#include "sallyport/log.h"
#include "sallyport/sock.h"

/* A request is a few lines, and comes at once. */
#define HEADERS_MAX 8192
#define PATIENCE_S 5

struct listener {
	struct listener *next;
	struct addr at; /* a Unix socket: no address, but a path */
	char *path;
	struct evhttp_bound_socket *bound; /* evhttp's, as its descriptor is */
	bool wanted;
};

struct metrics {
	struct metrics_host host;
	struct evhttp *http;
	struct listener *listeners;
	struct metrics_facts facts;
	const struct site *census_of; /* facts.certificates is that site's; only compared, it may be gone */
	int64_t census_at;
};

static void gather(struct metrics *m)
{
	struct metrics_facts *f = &m->facts;
	int64_t now = loop_now(m->host.loop);

	f->site = m->host.site(m->host.arg);
	f->tally = (struct tally){0};
	for (unsigned i = 0; i < m->host.workers; i++)
		tally_sum(&f->tally, gate_tally(m->host.gates[i]));
	if (m->census_of == f->site && now - m->census_at < METRICS_CENSUS_MS)
		return;
	cert_own_census(f->site->certs, (int64_t)time(NULL), &f->certificates);
	m->census_of = f->site;
	m->census_at = now;
}

static void on_metrics(struct evhttp_request *request, void *arg)
{
	struct metrics *m = arg;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *page = evbuffer_new();

	gather(m);
	if (page == NULL || !metrics_text(page, &m->facts) ||
	    evhttp_add_header(headers, "Content-Type", "text/plain; version=0.0.4; charset=utf-8") != 0)
		evhttp_send_error(request, HTTP_SERVUNAVAIL, "out of memory");
	else
		evhttp_send_reply(request, HTTP_OK, "OK", page);
	if (page != NULL)
		evbuffer_free(page);
}

static void on_other(struct evhttp_request *request, void *arg)
{
	(void)arg;
	evhttp_send_error(request, HTTP_NOTFOUND, "there is /metrics, and nothing else");
}

struct metrics *metrics_new(const struct metrics_host *host)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->host = *host;
	m->facts.workers = host->workers;
	m->facts.reload_good = true;
	m->facts.reload_at = m->facts.good_at = (int64_t)time(NULL);
	m->facts.process = metrics_process_new();
	m->http = evhttp_new(loop_event_base(host->loop));
	if (m->facts.process == NULL || m->http == NULL || evhttp_set_cb(m->http, "/metrics", on_metrics, m) != 0) {
		metrics_free(m);
		return NULL;
	}
	evhttp_set_gencb(m->http, on_other, m);
	evhttp_set_allowed_methods(m->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(m->http, HEADERS_MAX);
	evhttp_set_max_body_size(m->http, 0);
	evhttp_set_timeout(m->http, PATIENCE_S);
	return m;
}

static struct listener *find(struct metrics *m, const struct addr *at)
{
	for (struct listener *l = m->listeners; l != NULL; l = l->next)
		if (l->path == NULL && addr_eq(&l->at, at))
			return l;
	return NULL;
}

static struct listener *find_local(struct metrics *m, const struct conf *conf)
{
	for (struct listener *l = m->listeners; l != NULL; l = l->next)
		if (l->path != NULL && strcmp(l->path, conf->metrics_socket) == 0)
			return l;
	return NULL;
}

static void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	free(l->path);
	free(l);
}

/* fd: listens, and is evhttp's from now on.  False: no memory. */
static bool take(struct metrics *m, struct listener *l, int fd)
{
	l->bound = evhttp_accept_socket_with_handle(m->http, fd);
	if (l->bound == NULL) {
		sock_close(fd);
		return false;
	}
	l->next = m->listeners;
	m->listeners = l;
	return true;
}

static bool listen_on(struct metrics *m, const struct addr *at, char *err, size_t err_n)
{
	struct listener *l = calloc(1, sizeof(*l));
	int fd = -1;

	(void)snprintf(err, err_n, "no memory");
	if (l != NULL) {
		l->at = *at;
		fd = sock_listen(at, false, err, err_n);
	}
	if (fd >= 0 && take(m, l, fd))
		return true;
	listener_free(l);
	return false;
}

static bool listen_locally(struct metrics *m, const struct conf *conf, char *err, size_t err_n)
{
	struct listener *l = calloc(1, sizeof(*l));
	int fd = -1;

	(void)snprintf(err, err_n, "no memory");
	if (l != NULL)
		l->path = strdup(conf->metrics_socket);
	if (l != NULL && l->path != NULL)
		fd = sock_local_listen(l->path, conf->metrics_mode, err, err_n);
	if (fd >= 0 && take(m, l, fd))
		return true;
	if (fd >= 0)
		(void)unlink(l->path);
	listener_free(l);
	return false;
}

static void close_unwanted(struct metrics *m)
{
	struct listener **at = &m->listeners;

	while (*at != NULL) {
		struct listener *l = *at;

		if (l->wanted) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		evhttp_del_accept_socket(m->http, l->bound);
		if (l->path != NULL)
			(void)unlink(l->path);
		listener_free(l);
	}
}

static bool open_missing(struct metrics *m, const struct conf *conf, char *err, size_t err_n)
{
	for (size_t i = 0; i < conf->metrics_listens; i++)
		if (find(m, &conf->metrics_listen[i]) == NULL && !listen_on(m, &conf->metrics_listen[i], err, err_n))
			return false;
	return conf->metrics_socket == NULL || find_local(m, conf) != NULL || listen_locally(m, conf, err, err_n);
}

static void want_all(struct metrics *m, bool wanted)
{
	for (struct listener *l = m->listeners; l != NULL; l = l->next)
		l->wanted = wanted;
}

bool metrics_listen(struct metrics *m, const struct conf *conf, char *err, size_t err_n)
{
	/* what stands now stays, should one of the new ones not come up */
	want_all(m, true);
	if (!open_missing(m, conf, err, err_n)) {
		close_unwanted(m);
		return false;
	}
	want_all(m, false);
	for (size_t i = 0; i < conf->metrics_listens; i++)
		find(m, &conf->metrics_listen[i])->wanted = true;
	if (conf->metrics_socket != NULL) {
		find_local(m, conf)->wanted = true;
		(void)chmod(conf->metrics_socket, conf->metrics_mode);
	}
	close_unwanted(m);
	return true;
}

void metrics_reloaded(struct metrics *m, bool good)
{
	struct metrics_facts *f;

	if (m == NULL)
		return;
	f = &m->facts;
	f->reload_good = good;
	f->reload_at = (int64_t)time(NULL);
	if (good)
		f->good_at = f->reload_at;
	f->reloads_good += good;
	f->reloads_bad += !good;
}

void metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	want_all(m, false);
	if (m->http != NULL) {
		close_unwanted(m);
		evhttp_free(m->http);
	}
	metrics_process_free(m->facts.process);
	free(m);
}
