/* service: the other end of systemd: readiness and states (sd_notify(3)), its store of descriptors, the watchdog, by
 * the environment that it sets.
 *
 * On main's thread.  Without NOTIFY_SOCKET everything here does nothing.  Behind a supervisor of ours the unit needs
 * NotifyAccess=all. */
#ifndef SALLYPORT_SERVICE_H
#define SALLYPORT_SERVICE_H

#include "sallyport/base.h"
#include "sallyport/gate.h"
#include "sallyport/loop.h"

struct service;
/* Reads the environment and takes its words out of it.  NULL: no memory. */
struct service *service_new(void);
/* Before service_ready(), for the watchdog.  gates: of the workers, alive until their threads were joined.  False: no
 * memory. */
MUST_CHECK bool service_watch(struct service *s, struct loop *loop, struct gate *const *gates, unsigned workers);
/* After the threads of the workers have been joined.  Takes NULL. */
void service_free(struct service *s);

/* True if there is somebody to keep descriptors while the daemon is restarted, who may decline
 * (FileDescriptorStoreMax=). */
bool service_keeps(const struct service *s);
/* Gives a copy of fd to the store, which hands it to the next daemon under this name. */
void service_store(struct service *s, const char *name, int fd);
/* Takes all of this name out of the store, and returns when that is done, or after some seconds. */
void service_discard(struct service *s, const char *name);

/* Each may be called with NULL.  status: one line for `systemctl status`. */
/* All listeners and certificates stand; starts the watchdog: it is told that all is well only while this loop and every
 * worker's answer. */
void service_ready(struct service *s, const char *status);
/* The configuration is read again; service_ready() follows. */
void service_reloading(struct service *s);
void service_stopping(struct service *s, const char *status);

#endif
