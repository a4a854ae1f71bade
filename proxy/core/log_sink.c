/* Where lines go, and what becomes of those that nothing takes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log_internal.h"

#define JOURNAL "/run/systemd/journal/socket"
/* journald may take this long to make room in its queue. */
#define JOURNAL_WAIT_US 50000
/* A file that could not be opened is tried again this much later. */
#define RETRY_S 1

enum kind { SINK_FD, SINK_FILE, SINK_JOURNAL };

struct target {
	enum kind kind;
	bool json;
	int fd; /* FD: the caller's; else ours; -1: a file that could not be opened anew */
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1024]; /* FILE, JOURNAL */
};

static struct {
	_Atomic uint64_t lost; /* ever */
	pthread_mutex_t lock;  /* guards the rest */
	struct target to;
	uint64_t untold; /* lines lost that no line has told of */
	bool torn;       /* the last line went out in part */
	int64_t retry_at;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .to = {.fd = STDERR_FILENO}};

uint64_t log_lost(void)
{
	return sink.lost;
}

static int64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* --- the file --- */

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

static void reopen(void)
{
	int fd = open_file(sink.to.path);

	sink.retry_at = seconds() + RETRY_S;
	if (fd < 0)
		return;
	if (sink.to.fd >= 0)
		close(sink.to.fd);
	sink.to.fd = fd;
	sink.torn = false;
}

/* Whoever deleted the file, or the folder that it was in, does not read what we write to it. */
static void look_after_file(void)
{
	struct stat st;

	if (sink.to.fd >= 0 && fstat(sink.to.fd, &st) == 0 && st.st_nlink > 0)
		return;
	if (sink.to.fd >= 0)
		close(sink.to.fd);
	sink.to.fd = -1;
	if (seconds() >= sink.retry_at)
		reopen();
}

/* --- writing, with the lock held --- */

/* A pipe whose reader is stuck must not stop us; a line is shorter than what a writable pipe takes at once (PIPE_BUF).
 */
static bool would_wait(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 0;
}

static bool write_bytes(const char *p, size_t n)
{
	ssize_t written;

	if (would_wait(sink.to.fd))
		return false;
	do
		written = write(sink.to.fd, p, n);
	while (written < 0 && errno == EINTR);
	if (written > 0)
		sink.torn = (size_t)written < n;
	return written == (ssize_t)n;
}

static bool send_datagram(const char *p, size_t n)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memcpy(at.sun_path, sink.to.path, strnlen(sink.to.path, sizeof(at.sun_path) - 1));
	/* a burst may fill its queue for a moment, but one that is stuck is not waited for line after line */
	int flags = MSG_NOSIGNAL | (sink.untold > 0 ? MSG_DONTWAIT : 0);
	return sendto(sink.to.fd, p, n, flags, (const struct sockaddr *)&at, sizeof(at)) == (ssize_t)n;
}

static bool put_line(struct log_line *l)
{
	char out[LOG_OUT_MAX];

	if (sink.to.kind == SINK_JOURNAL)
		return send_datagram(out, log_format_journal(l, out));
	if (sink.to.kind == SINK_FILE)
		look_after_file();
	if (sink.to.fd < 0)
		return false;
	if (sink.torn && !write_bytes("\n", 1))
		return false;
	if (sink.to.json)
		return write_bytes(out, log_format_json(l, out));
	l->text[l->n] = '\n'; /* there is always room for it */
	return write_bytes(l->text, l->n + 1);
}

static void tell_lost(void)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "log-lost");
	log_int(&l, "lines", (int64_t)sink.untold);
	log_str(&l, "text", "lines before this one could not be written");
	if (put_line(&l))
		sink.untold = 0;
}

void log_sink_put(struct log_line *l)
{
	pthread_mutex_lock(&sink.lock);
	if (sink.untold > 0)
		tell_lost();
	/* once lines are missing, none goes before the one that says so */
	if (sink.untold > 0 || !put_line(l)) {
		sink.untold++;
		sink.lost++;
	}
	pthread_mutex_unlock(&sink.lock);
}

/* --- changing the target --- */

static void change(const struct target *to)
{
	pthread_mutex_lock(&sink.lock);
	if (sink.to.kind != SINK_FD && sink.to.fd >= 0)
		close(sink.to.fd);
	sink.to = *to;
	sink.torn = false;
	pthread_mutex_unlock(&sink.lock);
}

void log_set_fd(int fd)
{
	change(&(struct target){.kind = SINK_FD, .fd = fd});
}

static bool open_target(struct target *to, const char *name)
{
	if (strcmp(name, "stderr") == 0) {
		*to = (struct target){.kind = SINK_FD, .json = to->json, .fd = STDERR_FILENO};
		return true;
	}
	if (strncmp(name, "journal", 7) == 0) {
		to->kind = SINK_JOURNAL;
		name = name[7] == ':' ? name + 8 : JOURNAL;
		to->fd = access(name, F_OK) == 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
		struct timeval wait = {.tv_usec = JOURNAL_WAIT_US};
		if (to->fd >= 0)
			(void)setsockopt(to->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	} else {
		to->kind = SINK_FILE;
		to->fd = open_file(name);
	}
	(void)snprintf(to->path, sizeof(to->path), "%s", name);
	return to->fd >= 0;
}

bool log_open(const char *name, bool json, char *err, size_t err_n)
{
	struct target to = {.json = json};

	if (!open_target(&to, name)) {
		(void)snprintf(err, err_n, "%s: the log can't be opened: %m", to.path);
		return false;
	}
	change(&to);
	return true;
}

void log_reopen(void)
{
	pthread_mutex_lock(&sink.lock);
	if (sink.to.kind == SINK_FILE)
		reopen();
	pthread_mutex_unlock(&sink.lock);
	log_text(LOG_INFO, "log-reopened", "the log was opened anew");
}
