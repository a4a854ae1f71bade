/* service: the other end of systemd: readiness and states (sd_notify(3)), the watchdog, by the environment that it
 * sets.
 *
 * On main's thread.  Without NOTIFY_SOCKET everything here does nothing.  Behind a supervisor of ours the unit needs
 * NotifyAccess=all. */
#ifndef SALLYPORT_SERVICE_H
#define SALLYPORT_SERVICE_H

#include "sallyport/base.h"
#include "sallyport/gate.h"
#include "sallyport/loop.h"

struct service;
/* Reads the environment and takes its words out of it.  gates: of the workers, alive until their threads were joined.
 * NULL: no memory. */
struct service *service_new(struct loop *loop, struct gate *const *gates, unsigned workers);
/* After the threads of the workers have been joined.  Takes NULL. */
void service_free(struct service *s);

/* Each may be called with NULL.  status: one line for `systemctl status`. */
/* All listeners and certificates stand; starts the watchdog: it is told that all is well only while this loop and every
 * worker's answer. */
void service_ready(struct service *s, const char *status);
/* The configuration is read again; service_ready() follows. */
void service_reloading(struct service *s);
void service_stopping(struct service *s, const char *status);

#endif
