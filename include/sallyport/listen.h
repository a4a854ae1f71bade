/* listen: the sockets on which one worker takes connections, as the configuration says. */
#ifndef SALLYPORT_LISTEN_H
#define SALLYPORT_LISTEN_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/loop.h"
#include "sallyport/stats.h"

struct listeners;

/* A connection: fd is the callee's; backend NULL: on a public listener. */
typedef void listen_fn(void *arg, int fd, const struct addr *peer, const struct conf_backend *backend);

/* failed: counts each accept() that did, and must outlive the listeners.  NULL: no memory.  Nothing listens yet. */
struct listeners *listeners_new(struct loop *loop, struct stats_count *failed, listen_fn *fn, void *arg);
/* A socket that listens at this address already, for the next listeners_set() to find; there may be several of one address.
 * fd becomes theirs, also on failure.  False: no memory. */
MUST_CHECK bool listeners_give(struct listeners *ls, const struct addr *at, int fd);
/* Calls fn for each that listeners_set() has opened and this has not told of yet.  fd stays theirs. */
void listeners_opened(struct listeners *ls, void (*fn)(void *arg, int fd), void *arg);
/* Opens what conf names and is not open yet, closes what it no longer names; connections that wait on the others stay.
 * shared: with SO_REUSEPORT, as several workers need.  False: err says why, and nothing has changed.
 * conf must live until the next call. */
MUST_CHECK bool listeners_set(struct listeners *ls, const struct conf *conf, bool shared, char *err, size_t err_n);
/* Closes all of them.  listeners_set() may follow. */
void listeners_close(struct listeners *ls);
/* Takes NULL. */
void listeners_free(struct listeners *ls);

#endif
