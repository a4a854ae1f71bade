#include "sallyport/service.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/log.h"

#define SERVICE_MAGIC 0x73727663u
/* systemd wants a word within its time; so many tries fit in. */
#define WATCHDOG_TRIES 4u
/* A manager that is too busy to listen must not hold up the streams for longer. */
#define PATIENCE_S 5

/* A worker's part in the watchdog. */
struct round {
	struct service *service;
	struct gate *gate;
	bool asked; /* and has not answered */
};

struct service {
	uint32_t magic;
	struct loop *loop;
	struct loop_timer *watchdog;
	uint32_t interval; /* ms; 0: none is wanted */
	int fd;            /* -1: nobody wants to be told */
	struct sockaddr_un at;
	socklen_t at_n;
	unsigned workers;
	struct round *round;
};

/* --- words --- */

/* Out of the environment, so that no child takes itself for the service. */
static void find_socket(struct service *s)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(s->at.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(
	    s->fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = PATIENCE_S}, sizeof(struct timeval));
	s->at.sun_family = AF_UNIX;
	memcpy(s->at.sun_path, path, n);
	if (path[0] == '@')
		s->at.sun_path[0] = '\0';
	s->at_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static uint64_t number_of(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void find_watchdog(struct service *s)
{
	uint64_t us = number_of("WATCHDOG_USEC"), pid = number_of("WATCHDOG_PID");
	/* systemd means the process that it started, which is our parent where that is a supervisor */
	bool ours = pid == 0 || pid == (uint64_t)getpid() || pid == (uint64_t)getppid();

	if (s->fd >= 0 && ours && us >= 1000 * WATCHDOG_TRIES && us / 1000 < UINT32_MAX)
		s->interval = (uint32_t)(us / 1000 / WATCHDOG_TRIES);
}

/* fd -1: words alone. */
static bool say_with(const struct service *s, const char *words, int fd)
{
	struct sockaddr_un at = s->at;
	char text[512];
	struct iovec part = {text, strlen(words)};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.room = {0}};
	struct msghdr msg = {.msg_name = &at, .msg_namelen = s->at_n, .msg_iov = &part, .msg_iovlen = 1};

	if (s->fd < 0)
		return false;
	part.iov_len = part.iov_len < sizeof(text) ? part.iov_len : sizeof(text);
	memcpy(text, words, part.iov_len);
	if (fd >= 0) {
		struct cmsghdr *rights;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		rights = CMSG_FIRSTHDR(&msg);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	}
	if (sendmsg(s->fd, &msg, MSG_NOSIGNAL) >= 0)
		return true;
	log_text(LOG_WARNING, "service", "the service manager can't be told: %m");
	return false;
}

static void say(const struct service *s, const char *words)
{
	(void)say_with(s, words, -1);
}

/* --- the store --- */

bool service_keeps(const struct service *s)
{
	return s != NULL && s->fd >= 0;
}

void service_store(struct service *s, const char *name, int fd)
{
	char words[128];

	(void)snprintf(words, sizeof(words), "FDSTORE=1\nFDNAME=%s", name);
	(void)say_with(s, words, fd);
}

/* It closes the descriptor that comes with these words after it has acted on all that were said before. */
static void wait_until_heard(const struct service *s)
{
	struct pollfd end = {.fd = -1};
	int ends[2];
	bool sent;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	sent = say_with(s, "BARRIER=1", ends[1]);
	(void)close(ends[1]);
	end.fd = ends[0];
	if (sent && poll(&end, 1, PATIENCE_S * 1000) == 0)
		log_text(LOG_WARNING, "service", "the service manager does not answer");
	(void)close(ends[0]);
}

void service_discard(struct service *s, const char *name)
{
	char words[128];

	if (!service_keeps(s))
		return;
	(void)snprintf(words, sizeof(words), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	if (say_with(s, words, -1))
		wait_until_heard(s);
}

/* --- the watchdog --- */

static void on_answer(void *arg)
{
	struct round *r = arg;

	MAGIC_CHECK(r->service, SERVICE_MAGIC);
	r->asked = false;
}

/* On the worker's thread. */
static void on_question(void *arg)
{
	struct round *r = arg;

	/* without memory it has not answered: so be it */
	(void)!loop_post(r->service->loop, on_answer, r);
}

static void on_watchdog(void *arg)
{
	struct service *s = arg;
	bool well = true;

	MAGIC_CHECK(s, SERVICE_MAGIC);
	for (unsigned i = 0; i < s->workers; i++)
		well = well && !s->round[i].asked;
	if (well)
		say(s, "WATCHDOG=1");
	for (unsigned i = 0; i < s->workers; i++) {
		struct round *r = &s->round[i];

		if (!r->asked)
			r->asked = gate_post(r->gate, on_question, r);
	}
	loop_timer_set(s->watchdog, s->interval);
}

/* --- life --- */

struct service *service_new(void)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct service){.magic = SERVICE_MAGIC, .fd = -1};
	find_socket(s);
	find_watchdog(s);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	return s;
}

bool service_watch(struct service *s, struct loop *loop, struct gate *const *gates, unsigned workers)
{
	s->loop = loop;
	s->watchdog = loop_timer_new(loop, on_watchdog, s);
	s->round = calloc(workers, sizeof(*s->round));
	if (s->watchdog == NULL || s->round == NULL)
		return false;
	s->workers = workers;
	for (unsigned i = 0; i < workers; i++)
		s->round[i] = (struct round){.service = s, .gate = gates[i]};
	return true;
}

void service_free(struct service *s)
{
	if (s == NULL)
		return;
	loop_timer_free(s->watchdog);
	if (s->fd >= 0)
		close(s->fd);
	s->magic = 0;
	free(s->round);
	free(s);
}

void service_ready(struct service *s, const char *status)
{
	char words[512];

	if (s == NULL)
		return;
	(void)snprintf(words, sizeof(words), "READY=1\nSTATUS=%s", status);
	say(s, words);
	if (s->interval > 0)
		loop_timer_set(s->watchdog, s->interval);
}

void service_reloading(struct service *s)
{
	char words[128];
	struct timespec now;

	if (s == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the configuration again",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	say(s, words);
}

void service_stopping(struct service *s, const char *status)
{
	char words[512];

	if (s == NULL)
		return;
	(void)snprintf(words, sizeof(words), "STOPPING=1\nSTATUS=%s", status);
	say(s, words);
}
