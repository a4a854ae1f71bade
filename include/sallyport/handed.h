/* handed: listening sockets that this process did not open but was given, by systemd (socket activation,
 * sd_listen_fds(3)) or by the daemon that it takes over from.
 *
 * They are known by their address.  A connection that waits in one must not be lost, so each is served: those of one
 * address are dealt out to the workers in turn, and a worker that gets none shares one with another. */
#ifndef SALLYPORT_HANDED_H
#define SALLYPORT_HANDED_H

#include "sallyport/addr.h"
#include "sallyport/base.h"

#define HANDED_MAX 1024u

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
/* Calls fn for those that nobody took. */
void handed_left(const struct handed *h, void (*fn)(const struct addr *at));

#endif
