#include "supervisor_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/log.h"
#include "sallyport/sandbox.h"

/* How long it takes to try again with a network process that does not live long; doubled each time. */
#define AGAIN_MS 100
#define AGAIN_MOST_MS 2000
/* One that lived so long has not failed for the same reason again. */
#define LIVED_MS 10000

static const int passed_on[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the network process --- */

bool supervisor_child(struct supervisor *s, const char *name)
{
	pid_t parent = getpid();

	s->forked = fork();
	if (s->forked != 0)
		return false;
	/* of a group of its own, so that Ctrl-C in a terminal reaches it once, through us */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	(void)close(s->signals);
	(void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
	return true;
}

static _Noreturn void be_network(struct supervisor *s, int ask)
{
	int rc = 1;

	supervisor_hang_up(s);
	if (sandbox_enter(SANDBOX_NETWORK, s->conf)) {
		rc = s->work->network(s->work->arg, s->conf, ask);
	} else {
		(void)close(ask);
	}
	conf_unref(s->conf);
	exit(rc);
}

static bool start_network(struct supervisor *s)
{
	int ends[2];

	if (!keymsg_pair(ends)) {
		log_text(LOG_ERROR, "supervisor", "no socket for the network process: %s", strerror(errno));
		return false;
	}
	if (supervisor_child(s, "sallyport-net")) {
		(void)close(ends[0]);
		be_network(s, ends[1]);
	}
	(void)close(ends[1]);
	if (s->forked < 0) {
		log_text(LOG_ERROR, "supervisor", "the network process can't be started: %s", strerror(errno));
		(void)close(ends[0]);
		return false;
	}
	s->network_pid = s->forked;
	s->ask = ends[0];
	s->started = now_ms();
	return true;
}

static const char *how(int status, char text[static 64])
{
	if (WIFSIGNALED(status))
		(void)snprintf(text, 64, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		(void)snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
	return text;
}

/* Only what comes from outside is a reason to go on: an orderly end, with or without an error, is one for all. */
static void network_ended(struct supervisor *s, int status)
{
	char text[64];

	supervisor_hang_up(s);
	s->network_pid = 0;
	if (!WIFSIGNALED(status) || s->ending) {
		s->ended = true;
		s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return;
	}
	s->pause = now_ms() - s->started >= LIVED_MS || s->pause == 0 ? AGAIN_MS : s->pause * 2;
	s->pause = s->pause > AGAIN_MOST_MS ? AGAIN_MOST_MS : s->pause;
	s->again = now_ms() + s->pause;
	log_text(LOG_ERROR, "supervisor", "the network process %s: another one is started in %d ms", how(status, text),
	    s->pause);
}

/* --- what comes in --- */

static void reap(struct supervisor *s)
{
	char text[64];
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->network_pid)
			network_ended(s, status);
		else if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
			log_text(LOG_ERROR, "supervisor", "the process for private keys %s", how(status, text));
	}
}

static void on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		reap(s);
		return;
	}
	if (info.ssi_signo == SIGUSR1)
		log_reopen();
	s->ending = s->ending || info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
	if (s->network_pid > 0)
		(void)kill(s->network_pid, (int)info.ssi_signo);
	else if (s->ending)
		s->ended = true; /* between two of them */
}

static int wait_ms(const struct supervisor *s)
{
	int64_t left = s->again - now_ms();

	if (s->network_pid > 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void turn(struct supervisor *s)
{
	struct pollfd p[2] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->ask, .events = POLLIN}};

	if (poll(p, 2, wait_ms(s)) < 0 && errno != EINTR)
		return;
	if (p[1].revents != 0)
		supervisor_asked(s);
	if (p[0].revents != 0)
		on_signal(s);
	if (s->network_pid == 0 && !s->ended && wait_ms(s) == 0 && !start_network(s))
		s->again = now_ms() + AGAIN_MOST_MS;
}

static bool set_up(struct supervisor *s)
{
	sigset_t watched;

	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGCHLD);
	for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
		(void)sigaddset(&watched, passed_on[i]);
	(void)sigprocmask(SIG_BLOCK, &watched, &s->mask);
	s->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	s->room = malloc(SUPERVISOR_ROOM);
	if (s->signals >= 0 && s->room != NULL && s->path != NULL && supervisor_allow(s))
		return true;
	log_text(LOG_ERROR, "supervisor", "can't be set up: %s", strerror(errno));
	return false;
}

/* By the user that will go on writing to it. */
static bool open_log(const struct conf *conf)
{
	char err[512];

	if (conf_open_log(conf, err, sizeof(err)))
		return true;
	log_text(LOG_ERROR, "start", "%s", err);
	return false;
}

int supervisor_run(const char *path, struct conf *conf, const struct supervisor_work *work)
{
	struct supervisor s = {
	    .path = strdup(path), .conf = conf_ref(conf), .work = work, .ask = -1, .files = -1, .signals = -1};
	bool ok = sandbox_drop(conf) && open_log(conf) && set_up(&s) && sandbox_enter(SANDBOX_SUPERVISOR, conf) &&
	          start_network(&s);

	s.status = ok ? 0 : 1;
	while (ok && !s.ended)
		turn(&s);
	supervisor_hang_up(&s);
	if (s.signals >= 0)
		(void)close(s.signals);
	supervisor_disallow(&s);
	conf_unref(s.conf);
	free(s.room);
	free(s.path);
	return s.status;
}
