/* supervisor, inside: supervisor.c (processes and signals) and supervisor_keys.c (key processes and their files). */
#ifndef SALLYPORT_SUPERVISOR_INTERNAL_H
#define SALLYPORT_SUPERVISOR_INTERNAL_H

#include <signal.h>
#include <sys/types.h>

#include "sallyport/keymsg.h"
#include "sallyport/supervisor.h"

/* Two paths. */
#define SUPERVISOR_ROOM 8192u

struct supervisor {
	const char *path; /* of the configuration */
	struct conf *conf;
	const char **allowed; /* the files of certificates and keys that conf names, in order */
	size_t allowed_n;

	int (*network)(void *arg, struct conf *conf, int ask);
	void *arg;
	pid_t network_pid;      /* 0: there is none */
	int64_t started, again; /* ms: when it was, when another one is to be */
	int pause;              /* ms */
	pid_t forked;           /* what fork() returned last */
	sigset_t mask;          /* as it was */
	int signals;            /* signalfd */
	int ask;                /* to the network process; -1: none */
	int files;              /* to its key process; -1: none */
	char *room;             /* for what it says */
	bool ending, ended;
	int status;
};

/* fork(): true in the child, which ends with its parent and is shown under that name (at most 15 bytes); s->forked
 * tells the parent. */
MUST_CHECK bool supervisor_child(struct supervisor *s, const char *name);
/* Closes the sockets to the others, which ends the key process. */
void supervisor_hang_up(struct supervisor *s);
/* The network process has said something. */
void supervisor_asked(struct supervisor *s);
/* Which files may be opened.  False: no memory. */
MUST_CHECK bool supervisor_allow(struct supervisor *s);
void supervisor_disallow(struct supervisor *s);
/* Whether a file is one that the configuration names, or in a folder of certificates that it names. */
bool supervisor_allows(const struct supervisor *s, const char *path);

#endif
