/* The threads that carry the streams, a gate each. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "main_internal.h"

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

void workers_end(struct daemon *d)
{
	const char *status = d->ending ? "ending at once" : "ending every stream by the book";
	log_text(LOG_INFO, "stop", "%s", status);
	service_stopping(d->service, status);
	for (unsigned i = 0; i < d->workers; i++)
		if (!loop_post(d->worker[i].loop, d->ending ? hurry_worker : drain_worker, &d->worker[i]))
			_exit(1);
	d->ending = true;
	/* the store is another's: what we have open beside it would look alive after that was emptied */
	handed_free(d->handed);
	d->handed = NULL;
}

unsigned workers_count(const struct conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = conf->workers > 0 ? conf->workers : cores > 0 ? (unsigned)cores : 1;
	return wanted < WORKERS_MAX ? wanted : WORKERS_MAX;
}

static void tell_left(const struct addr *at)
{
	char text[ADDR_TEXT_MAX];
	log_text(LOG_WARNING, "start", "a socket for %s was handed to us, but the configuration does not name it",
	    addr_format(at, text));
}

bool workers_make(struct daemon *d)
{
	for (unsigned i = 0; i < d->workers; i++) {
		struct worker_thread *w = &d->worker[i];
		char err[256] = "no memory";
		w->daemon = d;
		w->loop = loop_new();
		w->gate = w->loop != NULL ? gate_new(w->loop, d->site, err, sizeof err) : NULL;
		d->gates[i] = w->gate;
		if (w->gate == NULL || !gate_sign_by(w->gate, d->keys) || !ports_give(d, i) ||
		    !gate_listen(w->gate, d->workers > 1, err, sizeof err)) {
			log_text(LOG_ERROR, "start", "%s", err);
			return false;
		}
	}
	handed_left(d->handed, tell_left);
	for (unsigned i = 0; i < d->workers && service_keeps(d->service); i++)
		gate_opened(d->gates[i], ports_keep, d->handed);
	return true;
}

/* Signals are main's: the workers start with all of them blocked. */
bool workers_start(struct daemon *d)
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
