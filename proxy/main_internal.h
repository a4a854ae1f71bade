/* The inside of the daemon: main.c (the process), main_ports.c (whose ports), main_workers.c (threads), main_reload.c
 * (another configuration). */
#ifndef SALLYPORT_MAIN_INTERNAL_H
#define SALLYPORT_MAIN_INTERNAL_H

#include <pthread.h>

#include "sallyport/conf.h"
#include "sallyport/control.h"
#include "sallyport/gate.h"
#include "sallyport/handed.h"
#include "sallyport/keys.h"
#include "sallyport/log.h"
#include "sallyport/loop.h"
#include "sallyport/metrics.h"
#include "sallyport/service.h"

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
	struct service *service;
	struct handed *handed; /* sockets that others opened for us, the supervisor's; our own, if systemd keeps them */
	unsigned workers, running;
	bool ending;
	struct control *control; /* NULL: not yet */
	uint64_t renewals;       /* begun so far */
};

/* main.c */
struct conf *read_conf(const char *path, struct conf_errors *errors);
/* A gateway that passes on mail does not stay down because nobody can ask it how it is. */
void listen_for_control(struct daemon *d, const struct conf *conf);

/* main_ports.c */
/* False: it was logged which port is another's.  Those are not looked at that were handed to us, or that the configuration
 * before named; either may be NULL. */
MUST_CHECK bool ports_free(const struct handed *handed, const struct conf *before, const struct conf *conf);
/* Before those are looked at: lets go of sockets that nobody would serve, of a network process that failed or of a daemon
 * that had another configuration. */
void ports_take_over(struct daemon *d, const struct conf *conf);
/* All sockets that are ours now go into systemd's store, and none else. */
void ports_store(struct daemon *d);
/* After a reload: takes on what a worker opened for it (NULL: nothing); how many those are. */
size_t ports_adopt(struct daemon *d, const struct handed *opened);
/* When all workers are through with it; good: all follow the new configuration, so what it does not name ends. */
void ports_settle(struct daemon *d, bool opened, bool good);
/* A callback for gate_opened(); arg is a struct handed. */
void ports_keep(void *arg, int fd);
/* Gives a worker its share of the sockets that others opened.  False: no memory, or no descriptors. */
MUST_CHECK bool ports_give(struct daemon *d, unsigned worker);

/* main_workers.c */
unsigned workers_count(const struct conf *conf);
MUST_CHECK bool workers_make(struct daemon *d);
/* False: it was logged. */
MUST_CHECK bool workers_start(struct daemon *d);
/* Ends every stream by the book, or, asked again, at once. */
void workers_end(struct daemon *d);

/* main_reload.c */
/* Reads the configuration again; the renewal's number. */
uint64_t renewal_begin(struct daemon *d);
/* Looks at the files that come and go by themselves, every now and then. */
void on_look(void *arg);
void on_lists(void *arg);

#endif
