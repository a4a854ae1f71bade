#include "sallyport/listen.h"

#include <stdio.h>
#include <stdlib.h>

#include "sallyport/log.h"
#include "sallyport/sock.h"

/* Connections taken from one listener in a turn, so that a flood leaves time for the streams. */
#define BATCH 32u
/* After accept() failed for want of descriptors or memory, it is tried again this much later. */
#define PAUSE_MS 100u

struct listener {
	struct listeners *all;
	struct listener *next;
	struct loop_io *io;
	const struct conf_backend *backend; /* NULL: public */
	struct addr at;
	int fd;
	bool wanted; /* by the configuration being set */
	bool told;   /* of listeners_opened() */
};

struct listeners {
	struct loop *loop;
	struct listener *first;
	struct loop_timer *resume;
	struct stats_count *failed;
	bool failing; /* since accept() last succeeded: it was told */
	listen_fn *fn;
	void *arg;
};

static void take_on(struct listeners *ls, bool on)
{
	for (struct listener *l = ls->first; l != NULL; l = l->next)
		loop_io_want(l->io, on, false);
}

static void on_resume(void *arg)
{
	take_on(arg, true);
}

/* For want of descriptors or memory: the connection waits in the kernel's queue, and so can we. */
static void give_it_time(struct listeners *ls, int err)
{
	if (!ls->failing)
		log_text(LOG_ERROR, "accept", "%s; trying again until it succeeds (LimitNOFILE of the service, memory)",
		    strerror(err));
	ls->failing = true;
	stats_add(ls->failed, 1);
	take_on(ls, false);
	loop_timer_set(ls->resume, PAUSE_MS);
}

static void on_connection(void *arg, unsigned ready)
{
	struct listener *l = arg;
	struct listeners *ls = l->all;
	(void)ready;
	for (unsigned i = 0; i < BATCH; i++) {
		int fd, err = 0;
		struct addr peer;
		switch (sock_accept(l->fd, &fd, &peer, &err)) {
		case SOCK_OK:
			if (ls->failing)
				log_text(LOG_INFO, "accept", "going on");
			ls->failing = false;
			ls->fn(ls->arg, fd, &peer, l->backend);
			break;
		case SOCK_AGAIN:
		case SOCK_EOF:
			return;
		case SOCK_ERROR:
			give_it_time(ls, err);
			return;
		}
	}
}

struct listeners *listeners_new(struct loop *loop, struct stats_count *failed, listen_fn *fn, void *arg)
{
	struct listeners *ls = calloc(1, sizeof *ls);
	if (ls == NULL)
		return NULL;
	*ls = (struct listeners){.loop = loop, .failed = failed, .fn = fn, .arg = arg};
	ls->resume = loop_timer_new(loop, on_resume, ls);
	if (ls->resume != NULL)
		return ls;
	free(ls);
	return NULL;
}

/* Closes those that are wanted, or those that are not. */
static void close_if(struct listeners *ls, bool wanted)
{
	struct listener **at = &ls->first;
	while (*at != NULL) {
		struct listener *l = *at;
		if (l->wanted != wanted) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		loop_io_free(l->io);
		sock_close(l->fd);
		free(l);
	}
}

static struct listener *find(struct listeners *ls, const struct addr *at)
{
	for (struct listener *l = ls->first; l != NULL; l = l->next)
		if (addr_eq(&l->at, at))
			return l;
	return NULL;
}

/* fd, if there is one, becomes the listener's, also on failure.  NULL: there is none, or no memory. */
static struct listener *listener_new(struct listeners *ls, const struct addr *at, int fd)
{
	struct listener *l = fd >= 0 ? calloc(1, sizeof *l) : NULL;
	if (l != NULL) {
		*l = (struct listener){.all = ls, .at = *at, .fd = fd};
		l->io = loop_io_new(ls->loop, fd, on_connection, l);
		if (l->io != NULL)
			return l;
	}
	if (fd >= 0)
		sock_close(fd);
	free(l);
	return NULL;
}

static struct listener *open_one(struct listeners *ls, const struct addr *at, bool shared, char *err, size_t err_n)
{
	int fd = sock_listen(at, shared, err, err_n);
	struct listener *l = listener_new(ls, at, fd);
	if (fd >= 0 && l == NULL)
		snprintf(err, err_n, "no memory");
	return l;
}

bool listeners_give(struct listeners *ls, const struct addr *at, int fd)
{
	struct listener *l = listener_new(ls, at, fd);
	if (l == NULL)
		return false;
	l->told = true;
	l->next = ls->first;
	ls->first = l;
	return true;
}

void listeners_opened(struct listeners *ls, void (*fn)(void *arg, int fd), void *arg)
{
	for (struct listener *l = ls->first; l != NULL; l = l->next) {
		if (!l->told)
			fn(arg, l->fd);
		l->told = true;
	}
}

/* First all new sockets are opened, aside; only when they stand does anything change. */
static bool open_missing(struct listeners *ls, struct listeners *fresh, const struct addr *at, size_t n, bool shared,
    char *err, size_t err_n)
{
	for (size_t i = 0; i < n; i++) {
		if (find(ls, &at[i]) != NULL)
			continue;
		struct listener *l = open_one(ls, &at[i], shared, err, err_n);
		if (l == NULL)
			return false;
		l->next = fresh->first;
		fresh->first = l;
	}
	return true;
}

static void claim(struct listeners *ls, const struct addr *at, size_t n, const struct conf_backend *backend)
{
	for (size_t i = 0; i < n; i++)
		for (struct listener *l = ls->first; l != NULL; l = l->next) {
			if (!addr_eq(&l->at, &at[i]))
				continue;
			l->wanted = true;
			l->backend = backend;
		}
}

bool listeners_set(struct listeners *ls, const struct conf *conf, bool shared, char *err, size_t err_n)
{
	struct listeners fresh = {.loop = ls->loop};
	bool ok = open_missing(ls, &fresh, conf->public_listen, conf->public_listens, shared, err, err_n);
	for (size_t b = 0; ok && b < conf->backends_n; b++)
		ok = open_missing(ls, &fresh, conf->backends[b].listen, conf->backends[b].listens, shared, err, err_n);
	if (!ok) {
		close_if(&fresh, false);
		return false;
	}
	for (struct listener *l = ls->first; l != NULL; l = l->next)
		l->wanted = false;
	struct listener **end = &fresh.first;
	while (*end != NULL)
		end = &(*end)->next;
	*end = ls->first;
	ls->first = fresh.first;
	claim(ls, conf->public_listen, conf->public_listens, NULL);
	for (size_t b = 0; b < conf->backends_n; b++)
		claim(ls, conf->backends[b].listen, conf->backends[b].listens, &conf->backends[b]);
	close_if(ls, false);
	take_on(ls, true);
	return true;
}

void listeners_close(struct listeners *ls)
{
	for (struct listener *l = ls->first; l != NULL; l = l->next)
		l->wanted = false;
	close_if(ls, false);
	loop_timer_stop(ls->resume);
}

void listeners_free(struct listeners *ls)
{
	if (ls == NULL)
		return;
	listeners_close(ls);
	loop_timer_free(ls->resume);
	free(ls);
}
