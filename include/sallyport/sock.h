/* sock: non-blocking TCP and Unix sockets; the only module that makes socket system calls. */
#ifndef SALLYPORT_SOCK_H
#define SALLYPORT_SOCK_H

#include <sys/types.h>

#include "sallyport/addr.h"
#include "sallyport/base.h"

enum sock_rc {
	SOCK_OK,
	SOCK_AGAIN, /* not now: wait for readiness */
	SOCK_EOF,   /* the peer has shut down its sending side */
	SOCK_ERROR, /* *err holds errno */
};

/* Listens (SO_REUSEPORT if shared, so that every worker has a socket of its own; [::] does not take IPv4).
 * -1: err holds a sentence with address and cause. */
MUST_CHECK int sock_listen(const struct addr *at, bool shared, char *err, size_t err_n);
/* True if nobody else listens there: with SO_REUSEPORT a second daemon would silently share the port. */
MUST_CHECK bool sock_listen_probe(const struct addr *at, char *err, size_t err_n);
/* Accepts one connection: non-blocking, close-on-exec, TCP_NODELAY, keepalive.  SOCK_ERROR: not this
 * connection's fault (EMFILE, ENFILE, ENOBUFS, ENOMEM): it waits, so pause before the next try. */
MUST_CHECK enum sock_rc sock_accept(int listener, int *fd, struct addr *peer, int *err);
/* Starts to connect, with the same options.  SOCK_OK: under way (or done); ask sock_connected() once writable. */
MUST_CHECK enum sock_rc sock_connect(const struct addr *to, int *fd, int *err);
/* SOCK_OK: connected; SOCK_ERROR: *err says why not. */
MUST_CHECK enum sock_rc sock_connected(int fd, int *err);
/* Reads up to cap bytes (more than 0). */
MUST_CHECK enum sock_rc sock_recv(int fd, char *to, size_t cap, size_t *got, int *err);
/* Writes what fits, in order, in one system call; *sent may be short (at most 16 parts go at once).  No SIGPIPE. */
MUST_CHECK enum sock_rc sock_send(int fd, const struct span *parts, size_t parts_n, size_t *sent, int *err);
void sock_shut_write(int fd); /* FIN */
void sock_close(int fd);

/* --- Unix sockets: streams, by path --- */
/* Who is at the other end, as the kernel knew when the connection was made. */
struct sock_user {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* Makes the file with this mode and listens.  What a dead process left there is taken away; a living one's is not.
 * -1: err holds a sentence with path and cause. */
MUST_CHECK int sock_local_listen(const char *path, unsigned mode, char *err, size_t err_n);
/* Accepts one connection, non-blocking and close-on-exec; results as of sock_accept(). */
MUST_CHECK enum sock_rc sock_local_accept(int listener, int *fd, struct sock_user *user, int *err);
/* Whether group is the user's first, or one of the others (SO_PEERGROUPS). */
MUST_CHECK bool sock_local_in_group(int fd, const struct sock_user *user, gid_t group);
/* A blocking connection, for tools.  -1: see errno. */
MUST_CHECK int sock_local_connect(const char *path);

/* True if the address is one of this machine's. */
bool sock_is_local(const struct addr *a);

#endif
