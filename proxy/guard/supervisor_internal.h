/* supervisor, inside: supervisor.c (processes and signals), supervisor_keys.c (what the network process asks for) and
 * supervisor_files.c (which files that may be). */
#ifndef SALLYPORT_SUPERVISOR_INTERNAL_H
#define SALLYPORT_SUPERVISOR_INTERNAL_H

#include <signal.h>
#include <sys/types.h>

#include "sallyport/keymsg.h"
#include "sallyport/supervisor.h"

/* Two paths. */
#define SUPERVISOR_ROOM 8192u

/* In order; the strings are the configuration's. */
struct supervisor_paths {
	char **path;
	size_t n;
};

struct supervisor {
	char *path; /* of the configuration */
	struct conf *conf;
	struct supervisor_paths keys, others; /* that conf names: of certificates and keys, and the other files */

	const struct supervisor_work *work;
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
/* Takes up which files conf names.  False: no memory. */
MUST_CHECK bool supervisor_allow(struct supervisor *s);
void supervisor_disallow(struct supervisor *s);
/* Whether the key process may have a file: one of a certificate or key, or in a folder of such. */
bool supervisor_allows_key(const struct supervisor *s, const char *path);
/* Whether the network process may: another one that conf names, or conf itself. */
bool supervisor_allows(const struct supervisor *s, const char *path);
/* A regular file's descriptor, or below 0 and *error. */
int supervisor_open(const char *path, uint32_t *error);
/* Whether a private key (PEM) stands in an open file, whatever the file is named as; true as well if it cannot be read.
 * If not, fd is at its beginning again.  Nothing that was read is kept. */
bool supervisor_holds_key(int fd);

#endif
