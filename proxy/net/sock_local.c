/* Unix sockets: who may open one is the file's mode, who did is known by the kernel. */
#include "sallyport/sock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections that wait to be accepted. */
#define BACKLOG 64

static bool address_of(const char *path, struct sockaddr_un *un)
{
	size_t n = strlen(path);

	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0 || n >= sizeof(un->sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(un->sun_path, path, n);
	return true;
}

static int connect_to(const char *path, int flags)
{
	struct sockaddr_un un;
	int fd = address_of(path, &un) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0) : -1;
	int rc, cause;

	if (fd < 0)
		return -1;
	do
		rc = connect(fd, (const struct sockaddr *)&un, sizeof(un));
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return fd;
	cause = errno;
	sock_close(fd);
	errno = cause;
	return -1;
}

int sock_local_connect(const char *path)
{
	return connect_to(path, 0);
}

/* A file that a daemon left behind when it was killed; another's that lives is not touched. */
static bool make_way(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = connect_to(path, SOCK_NONBLOCK);
	if (fd >= 0 || errno == EAGAIN) { /* EAGAIN: it lives, and is busy */
		if (fd >= 0)
			sock_close(fd);
		errno = EADDRINUSE;
		return false;
	}
	return errno == ECONNREFUSED && unlink(path) == 0;
}

static int bind_and_listen(const char *path, unsigned mode)
{
	struct sockaddr_un un;
	int fd, cause;
	bool bound = false;

	if (!address_of(path, &un) || !make_way(path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Nobody connects before listen(), and by then the mode is right. */
	bound = bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0;
	if (bound && chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	cause = errno;
	if (bound)
		(void)unlink(path);
	sock_close(fd);
	errno = cause;
	return -1;
}

int sock_local_listen(const char *path, unsigned mode, char *err, size_t err_n)
{
	int fd = bind_and_listen(path, mode);

	if (fd >= 0)
		return fd;
	if (errno == EADDRINUSE)
		(void)snprintf(err, err_n, "%s: another process answers there: is sallyport already running?", path);
	else if (errno == EEXIST)
		(void)snprintf(err, err_n, "%s: is there already, and is no socket", path);
	else if (errno == ENOENT)
		(void)snprintf(err, err_n, "%s: there is no such folder", path);
	else if (errno == EACCES || errno == EPERM)
		(void)snprintf(err, err_n, "%s: user %u may not make files in that folder", path, (unsigned)geteuid());
	else
		(void)snprintf(err, err_n, "%s: %m", path);
	return -1;
}

enum sock_rc sock_local_accept(int listener, int *fd, struct sock_user *user, int *err)
{
	struct ucred cred = {0};
	socklen_t n = sizeof(cred);
	int got;

	*fd = -1;
	do
		got = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return SOCK_AGAIN;
	if (got < 0 || getsockopt(got, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0) {
		*err = errno;
		if (got >= 0)
			sock_close(got);
		return SOCK_ERROR;
	}
	*user = (struct sock_user){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	*fd = got;
	return SOCK_OK;
}

bool sock_local_in_group(int fd, const struct sock_user *user, gid_t group)
{
	gid_t *groups = NULL;
	socklen_t n = 0;
	bool in = user->gid == group;

	/* Asked with no room the kernel says how much it takes. */
	if (!in && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &n) != 0 && errno == ERANGE)
		groups = malloc(n);
	if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) == 0) {
		for (size_t i = 0; i < n / sizeof(*groups) && !in; i++)
			in = groups[i] == group;
	}
	free(groups);
	return in;
}
