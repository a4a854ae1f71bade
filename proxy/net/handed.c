#include "sallyport/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

struct handed {
	size_t n;
	struct {
		int fd;
		struct addr at;
		bool taken, ours;
	} v[HANDED_MAX];
};

struct handed *handed_new(void)
{
	return calloc(1, sizeof(struct handed));
}

void handed_free(struct handed *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		close(h->v[i].fd);
	free(h);
}

static bool is_option(int fd, int option, int value)
{
	int is = 0;
	socklen_t n = sizeof(is);

	return getsockopt(fd, SOL_SOCKET, option, &is, &n) == 0 && is == value;
}

bool handed_add(struct handed *h, int fd)
{
	struct addr at = {.len = sizeof(at.u)};
	bool good = h->n < HANDED_MAX && is_option(fd, SO_ACCEPTCONN, 1) && is_option(fd, SO_TYPE, SOCK_STREAM) &&
	            getsockname(fd, &at.u.sa, &at.len) == 0 &&
	            (at.u.sa.sa_family == AF_INET || at.u.sa.sa_family == AF_INET6);

	good = good && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
	if (!good) {
		close(fd);
		return false;
	}
	h->v[h->n].fd = fd;
	h->v[h->n++].at = at;
	return true;
}

bool handed_keep(struct handed *h, int fd)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	if (own < 0 || !handed_add(h, own))
		return false;
	h->v[h->n - 1].taken = h->v[h->n - 1].ours = true;
	return true;
}

/* The next of the names that colons separate; *names NULL: no more. */
static bool next_is_ours(const char **names)
{
	size_t n = *names != NULL ? strcspn(*names, ":") : 0;
	bool ours = n == strlen(HANDED_OURS) && memcmp(*names, HANDED_OURS, n) == 0;

	if (*names != NULL)
		*names = (*names)[n] == ':' ? *names + n + 1 : NULL;
	return ours;
}

/* One of ours that was ended just before we were started is no error. */
static bool add_named(struct handed *h, int fd, bool ours)
{
	if (!handed_add(h, fd))
		return ours;
	h->v[h->n - 1].ours = ours;
	return true;
}

bool handed_from_environment(struct handed *h, char *err, size_t err_n)
{
	const char *n_text = getenv("LISTEN_FDS"), *pid_text = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	long n = n_text != NULL ? strtol(n_text, NULL, 10) : 0, pid = pid_text != NULL ? strtol(pid_text, NULL, 10) : 0;
	bool good = true;

	if (pid == (long)getpid() && (n < 0 || n > (long)HANDED_MAX)) {
		(void)snprintf(err, err_n, "LISTEN_FDS: more than %u sockets", HANDED_MAX);
		good = false;
	} else if (pid == (long)getpid()) {
		for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++)
			if (!add_named(h, fd, next_is_ours(&names))) {
				(void)snprintf(err, err_n, "LISTEN_FDS: descriptor %d is no listening TCP socket", fd);
				good = false;
			}
	}
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
	return good;
}

bool handed_has(const struct handed *h, const struct addr *at)
{
	for (size_t i = 0; i < h->n; i++)
		if (addr_eq(&h->v[i].at, at))
			return true;
	return false;
}

static unsigned count(const struct handed *h, const struct addr *at)
{
	unsigned n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += addr_eq(&h->v[i].at, at);
	return n;
}

int handed_take(struct handed *h, const struct addr *at, unsigned index, unsigned workers, unsigned nth)
{
	unsigned all = count(h, at), seen = 0;
	unsigned wanted = index + nth * workers;

	errno = 0;
	if (all == 0)
		return -1;
	if (wanted >= all && nth > 0)
		return -1;
	wanted %= all;
	for (size_t i = 0; i < h->n; i++) {
		if (!addr_eq(&h->v[i].at, at) || seen++ != wanted)
			continue;
		h->v[i].taken = true;
		return fcntl(h->v[i].fd, F_DUPFD_CLOEXEC, FIRST_FD);
	}
	return -1;
}

void handed_ours(const struct handed *h, void (*fn)(void *arg, int fd), void *arg)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].ours)
			fn(arg, h->v[i].fd);
}

size_t handed_drop(struct handed *h, bool (*wanted)(const void *arg, const struct addr *at), const void *arg)
{
	size_t kept = 0, ended = 0;

	for (size_t i = 0; i < h->n; i++) {
		bool listens = is_option(h->v[i].fd, SO_ACCEPTCONN, 1);

		if (listens && (!h->v[i].ours || wanted(arg, &h->v[i].at))) {
			h->v[kept++] = h->v[i];
			continue;
		}
		/* closing it would leave the copies of others, with a queue that nobody serves */
		ended += listens && shutdown(h->v[i].fd, SHUT_RDWR) == 0;
		close(h->v[i].fd);
	}
	h->n = kept;
	return ended;
}

void handed_left(const struct handed *h, void (*fn)(const struct addr *at))
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->v[i].taken && !h->v[i].ours)
			fn(&h->v[i].at);
}
