/* sandbox: what a process gives up, for good: its user's rights, system calls and files.
 *
 * Each of seccomp and Landlock may be missing in the kernel, or be turned off; [sandbox] says whether that keeps the
 * daemon from starting.  Either way one line of the log says what holds for which process. */
#ifndef SALLYPORT_SANDBOX_H
#define SALLYPORT_SANDBOX_H

#include "sallyport/base.h"
#include "sallyport/conf.h"

enum sandbox_who {
	SANDBOX_SUPERVISOR, /* starts the others, and opens key files; a child inherits its sandbox, and so it is the
	                       widest */
	SANDBOX_NETWORK,    /* speaks to the network; starts no process and writes no file but the control socket */
	SANDBOX_KEYS,       /* talks to those that it knows; opens nothing at all */
};

/* Becomes the configured user, without any capability but CAP_NET_BIND_SERVICE if a port below 1024 is configured and
 * the process has it, and without a way to any (no_new_privs).  False: it was logged why. */
MUST_CHECK bool sandbox_drop(const struct conf *conf);
/* Holds the process to what its part needs, by seccomp and Landlock.  Before it has threads.  False: [sandbox] requires
 * what is not to be had, which was logged. */
MUST_CHECK bool sandbox_enter(enum sandbox_who who, const struct conf *conf);

#endif
