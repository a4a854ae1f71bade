/* supervisor: the process that was started.  It gives up its privileges, starts the network process and, whenever that
 * asks for one, a key process; opens key files for it; and looks after both.
 *
 *	supervisor ─┬─ network process: sockets, TLS, XMPP; no private key, no way to read one
 *	            └─ key process: private keys; no network, no files
 *
 * It opens only the files of certificates and keys that the configuration names, and reads that itself.  It passes
 * SIGHUP, SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 on, starts the network process anew if a signal ends it, and ends when
 * it does.  Neither outlives it. */
#ifndef SALLYPORT_SUPERVISOR_H
#define SALLYPORT_SUPERVISOR_H

#include "sallyport/base.h"
#include "sallyport/conf.h"

struct supervisor_work {
	/* The network process's main(), which returns its exit status.  ask: where it gets a key process from
	 * (keys_connect()), its own. */
	int (*network)(void *arg, struct conf *conf, int ask);
	/* In a key process, before anything else: closes what only the network process needs. */
	void (*shed)(void *arg);
	void *arg;
};

/* path: of the configuration, which conf was read from.  Returns the exit status of all, once the network process has
 * ended. */
int supervisor_run(const char *path, struct conf *conf, const struct supervisor_work *work);

#endif
