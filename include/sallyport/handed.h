/* handed: listening sockets that this process did not open but was given, by systemd (socket activation,
 * sd_listen_fds(3)) or by the daemon that it takes over from.  The latter come back out of systemd's descriptor store
 * under the name HANDED_OURS, and are ours to close; the former are systemd's, and stay open whatever we do.
 *
 * They are known by their address.  A connection that waits in one must not be lost, so each is served: those of one
 * address are dealt out to the workers in turn, and a worker that gets none shares one with another. */
#ifndef SALLYPORT_HANDED_H
#define SALLYPORT_HANDED_H

#include "sallyport/addr.h"
#include "sallyport/base.h"

#define HANDED_MAX 1024u
#define HANDED_OURS "listener" /* FDNAME= (sd_notify(3)), LISTEN_FDNAMES (sd_listen_fds(3)) */

struct handed;
struct handed *handed_new(void); /* NULL: no memory */
/* Closes those that it holds; what was taken stays.  Takes NULL. */
void handed_free(struct handed *h);
/* Takes those that LISTEN_FDS of the environment names, and takes it away.  False: err holds a sentence. */
MUST_CHECK bool handed_from_environment(struct handed *h, char *err, size_t err_n);
/* fd becomes its own, also on failure.  False: it is no listening TCP socket, or there are too many. */
MUST_CHECK bool handed_add(struct handed *h, int fd);
/* True if there is one for the address. */
bool handed_has(const struct handed *h, const struct addr *at);
/* For worker `index` of `workers`: the nth of its sockets of this address, as a descriptor of its own; -1: no more of
 * them (or, errno set, no descriptors). */
int handed_take(struct handed *h, const struct addr *at, unsigned index, unsigned workers, unsigned nth);
/* One that we opened, fd staying the caller's.  False: no descriptors, or there are too many. */
MUST_CHECK bool handed_keep(struct handed *h, int fd);
/* Calls fn for those that are ours. */
void handed_ours(const struct handed *h, void (*fn)(void *arg, int fd), void *arg);
/* Ends those of ours whose address is not wanted, in every process that has them as well: whoever connects is refused
 * from then on.  And lets go of what was ended so elsewhere.  Returns how many of ours were ended. */
size_t handed_drop(struct handed *h, bool (*wanted)(const void *arg, const struct addr *at), const void *arg);
/* Calls fn for those of others that nobody took. */
void handed_left(const struct handed *h, void (*fn)(const struct addr *at));

#endif
