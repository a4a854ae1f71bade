#include "sallyport/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

/* A silent peer is probed after a minute and given up after two, unacknowledged data likewise: s2s connections are idle
 * for hours, and a stanza handed to a dead one is lost. */
enum { KEEPALIVE_IDLE_S = 60, KEEPALIVE_INTERVAL_S = 15, KEEPALIVE_COUNT = 4, USER_TIMEOUT_MS = 120 * 1000 };

/* More parts than this wait for the next call. */
enum { SEND_PARTS_MAX = 16 };

PRINTF_LIKE(3, 4) static void complain(char *err, size_t err_n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err, err_n, fmt, ap);
	va_end(ap);
}

static bool set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_tcp_options(int fd)
{
	return set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
	       set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
	       set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) &&
	       set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT) &&
	       set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

/* --- listening --- */

static int bind_and_listen(const struct addr *at, bool shared)
{
	int fd = socket(at->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int cause;

	if (fd < 0)
		return -1;
	if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) && (!shared || set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
	    /* each family has a listener of its own, whatever net.ipv6.bindv6only says */
	    (at->u.sa.sa_family != AF_INET6 || set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
	    /* Linux hands these down to every accepted socket: six system calls less a connection. */
	    set_tcp_options(fd) && bind(fd, &at->u.sa, at->len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	cause = errno;
	sock_close(fd);
	errno = cause;
	return -1;
}

static void explain(const struct addr *at, int cause, char *err, size_t err_n)
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(at, text);
	if (cause == EADDRINUSE) {
		complain(err, err_n, "%s is in use by another process: is sallyport already running?", text);
	} else if (cause == EADDRNOTAVAIL) {
		complain(err, err_n, "cannot listen on %s: no interface of this machine has that address", text);
	} else if (cause == EACCES) {
		complain(err, err_n,
		    "cannot listen on %s: permission denied (a port below 1024 needs CAP_NET_BIND_SERVICE)", text);
	} else {
		errno = cause;
		complain(err, err_n, "cannot listen on %s: %m", text);
	}
}

int sock_listen(const struct addr *at, bool shared, char *err, size_t err_n)
{
	int fd = bind_and_listen(at, shared);

	if (fd < 0)
		explain(at, errno, err, err_n);
	return fd;
}

bool sock_listen_probe(const struct addr *at, char *err, size_t err_n)
{
	int fd = bind_and_listen(at, false);

	if (fd < 0) {
		explain(at, errno, err, err_n);
		return false;
	}
	sock_close(fd);
	return true;
}

/* accept(2): Linux passes on what befell the waiting connection; that one is gone, the next may be well. */
static bool is_lost_connection(int cause)
{
	switch (cause) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EPERM:
		return true;
	default:
		return false;
	}
}

enum sock_rc sock_accept(int listener, int *fd, struct addr *peer, int *err)
{
	int got;

	*fd = -1;
	do {
		memset(peer, 0, sizeof(*peer));
		peer->len = sizeof(peer->u);
		got = accept4(listener, &peer->u.sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (got < 0 && is_lost_connection(errno));
	if (got < 0) {
		peer->len = 0;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return SOCK_AGAIN;
		*err = errno;
		return SOCK_ERROR;
	}
	*fd = got;
	return SOCK_OK;
}

/* --- connecting --- */

enum sock_rc sock_connect(const struct addr *to, int *fd, int *err)
{
	int made = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*fd = -1;
	if (made < 0) {
		*err = errno;
		return SOCK_ERROR;
	}
	/* Interrupted means under way as well, connect(2). */
	if (set_tcp_options(made) &&
	    (connect(made, &to->u.sa, to->len) == 0 || errno == EINPROGRESS || errno == EINTR)) {
		*fd = made;
		return SOCK_OK;
	}
	*err = errno;
	sock_close(made);
	return SOCK_ERROR;
}

enum sock_rc sock_connected(int fd, int *err)
{
	int cause = 0;
	socklen_t n = sizeof(cause);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &n) != 0)
		cause = errno;
	if (cause == 0)
		return SOCK_OK;
	*err = cause;
	return SOCK_ERROR;
}

/* --- bytes --- */

static enum sock_rc io_failed(int *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return SOCK_AGAIN;
	*err = errno;
	return SOCK_ERROR;
}

enum sock_rc sock_recv(int fd, char *to, size_t cap, size_t *got, int *err)
{
	ssize_t n;

	ENSURE(cap > 0);
	*got = 0;
	do
		n = recv(fd, to, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return io_failed(err);
	if (n == 0)
		return SOCK_EOF;
	*got = (size_t)n;
	return SOCK_OK;
}

enum sock_rc sock_send(int fd, const struct span *parts, size_t parts_n, size_t *sent, int *err)
{
	struct iovec iov[SEND_PARTS_MAX];
	struct msghdr msg = {.msg_iov = iov};
	ssize_t n;

	*sent = 0;
	for (size_t i = 0; i < parts_n && msg.msg_iovlen < SEND_PARTS_MAX; i++) {
		if (parts[i].n == 0)
			continue;
		/* sendmsg() only reads, though its type can't say so. */
		iov[msg.msg_iovlen].iov_base = (void *)(uintptr_t)parts[i].p;
		iov[msg.msg_iovlen].iov_len = parts[i].n;
		msg.msg_iovlen++;
	}
	if (msg.msg_iovlen == 0)
		return SOCK_OK;
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return io_failed(err);
	*sent = (size_t)n;
	return SOCK_OK;
}

void sock_shut_write(int fd)
{
	/* Fails only on a connection that is gone already, which the next read tells. */
	(void)shutdown(fd, SHUT_WR);
}

void sock_close(int fd)
{
	/* Never repeated: Linux frees the descriptor even when interrupted, and another thread may have it by then. */
	(void)close(fd);
}

bool sock_is_local(const struct addr *a)
{
	struct addr any_port = *a;
	int fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool local;

	addr_set_port(&any_port, 0);
	local = fd >= 0 && bind(fd, &any_port.u.sa, any_port.len) == 0;
	if (fd >= 0)
		close(fd);
	return local;
}
