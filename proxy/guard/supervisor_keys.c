#include "supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/log.h"
#include "sallyport/signer.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void supervisor_hang_up(struct supervisor *s)
{
	close_fd(&s->ask);
	close_fd(&s->files);
}

/* --- which files --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool supervisor_allow(struct supervisor *s)
{
	const struct conf *conf = s->conf;
	size_t n = 0;

	for (size_t i = 0; i < conf->hosts_n; i++)
		n += conf->hosts[i].certificates_n + conf->hosts[i].keys_n;
	s->allowed_n = 0;
	s->allowed = calloc(n + 1, sizeof(*s->allowed));
	if (s->allowed == NULL)
		return false;
	for (size_t i = 0; i < conf->hosts_n; i++) {
		const struct conf_host *host = &conf->hosts[i];

		for (size_t j = 0; j < host->certificates_n; j++)
			s->allowed[s->allowed_n++] = host->certificates[j];
		for (size_t j = 0; j < host->keys_n; j++)
			s->allowed[s->allowed_n++] = host->keys[j];
	}
	qsort(s->allowed, s->allowed_n, sizeof(*s->allowed), by_text);
	return true;
}

void supervisor_disallow(struct supervisor *s)
{
	free(s->allowed);
	s->allowed = NULL;
	s->allowed_n = 0;
}

static bool below(const char *folder, const char *path)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && path[n] == '/' && strstr(path + n, "/../") == NULL;
}

bool supervisor_allows(const struct supervisor *s, const char *path)
{
	if (bsearch(&path, s->allowed, s->allowed_n, sizeof(*s->allowed), by_text) != NULL)
		return true;
	for (size_t i = 0; i < s->conf->certificate_folders_n; i++) {
		if (below(s->conf->certificate_folders[i], path))
			return true;
	}
	return false;
}

/* The network process is about to take up the file anew.  What is wrong with it, that one says. */
static void reread(struct supervisor *s)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *conf = errors != NULL ? conf_load(s->path, errors) : NULL, *before = s->conf;

	free(errors);
	if (conf == NULL)
		return;
	supervisor_disallow(s);
	s->conf = conf;
	if (!supervisor_allow(s)) {
		s->conf = before;
		before = conf;
		log_text(LOG_ERROR, "supervisor", "no memory for the new configuration: its keys can't be read");
	}
	conf_unref(before);
}

/* --- key processes --- */

/* All that one needs: a pair of sockets each. */
struct pairs {
	int end[KEYMSG_FDS][2]; /* the key process has the second ones */
	size_t n;
};

/* Where in them. */
enum { FILES, HOME, LIFE, LINES };

static bool make_pairs(struct pairs *pairs, unsigned lines)
{
	for (pairs->n = 0; pairs->n < LINES + lines; pairs->n++) {
		if (!keymsg_pair(pairs->end[pairs->n]))
			return false;
	}
	return true;
}

static void close_ends(const struct pairs *pairs, int which)
{
	for (size_t i = 0; i < pairs->n; i++)
		(void)close(pairs->end[i][which]);
}

static _Noreturn void be_signer(struct supervisor *s, const struct pairs *pairs)
{
	int line[KEYMSG_FDS];
	struct signer_ends ends = {.files = pairs->end[FILES][1],
	    .home = pairs->end[HOME][1],
	    .line = line,
	    .lines = (unsigned)(pairs->n - LINES)};

	supervisor_hang_up(s);
	close_ends(pairs, 0);
	for (unsigned i = 0; i < ends.lines; i++)
		line[i] = pairs->end[LINES + i][1];
	signer_run(&ends, s->conf);
}

/* 0, or errno. */
static int start_signer(struct supervisor *s, unsigned lines, struct pairs *pairs)
{
	int error;

	if (!make_pairs(pairs, lines)) {
		close_ends(pairs, 0);
		close_ends(pairs, 1);
		return EMFILE;
	}
	if (supervisor_child(s, "sallyport-keys"))
		be_signer(s, pairs);
	error = s->forked < 0 ? errno : 0;
	close_ends(pairs, 1);
	if (error != 0)
		close_ends(pairs, 0);
	return error;
}

/* One at a time: the one before has ended, or ends by this. */
static void on_start(struct supervisor *s, unsigned lines)
{
	struct keymsg answer = {.kind = KEYMSG_STARTED};
	struct pairs pairs = {.n = 0};
	int fds[KEYMSG_FDS];
	size_t n = 0;

	close_fd(&s->files);
	answer.number = lines > KEYMSG_FDS - LINES ? EINVAL : (uint32_t)start_signer(s, lines, &pairs);
	for (size_t i = HOME; answer.number == 0 && i < pairs.n; i++)
		fds[n++] = pairs.end[i][0];
	(void)keymsg_send(s->ask, &answer, SPAN_NONE, fds, n, false);
	if (answer.number != 0)
		return;
	s->files = pairs.end[FILES][0];
	for (size_t i = HOME; i < pairs.n; i++)
		(void)close(pairs.end[i][0]);
}

/* --- key files --- */

/* A descriptor, or below 0: *error.  A pipe or device is nothing to wait for. */
static int open_file(const struct supervisor *s, const char *path, uint32_t *error)
{
	struct stat st;
	int fd = -1;

	*error = EACCES;
	if (!supervisor_allows(s, path))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*error = fd < 0 ? (uint32_t)errno : 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0) {
		*error = EINVAL;
		(void)close(fd);
	}
	return -1;
}

static void on_load(struct supervisor *s, struct keymsg_in *in)
{
	const char *second = in->body.n > 0 ? memchr(in->body.p, '\0', in->body.n - 1) : NULL;
	uint32_t error[2];
	int opened[2], fds[2];
	size_t n = 0;

	if (second == NULL || in->body.p[in->body.n - 1] != '\0')
		return;
	opened[0] = open_file(s, in->body.p, &error[0]);
	opened[1] = open_file(s, second + 1, &error[1]);
	in->head.number = error[0] | error[1] << 16;
	for (size_t i = 0; i < 2; i++) {
		if (opened[i] >= 0)
			fds[n++] = opened[i];
	}
	/* it is never so far behind that this would have to wait, unless it hangs */
	if (s->files >= 0 && keymsg_send(s->files, &in->head, in->body, fds, n, false) != KEYMSG_DONE)
		close_fd(&s->files);
	while (n > 0)
		(void)close(fds[--n]);
}

void supervisor_asked(struct supervisor *s)
{
	struct keymsg_in in;
	enum keymsg_rc rc = keymsg_recv(s->ask, &in, s->room, SUPERVISOR_ROOM, false);

	if (rc == KEYMSG_AGAIN)
		return;
	if (rc == KEYMSG_ENDED) {
		supervisor_hang_up(s);
		return;
	}
	keymsg_close_fds(&in);
	if (in.head.kind == KEYMSG_START)
		on_start(s, in.head.number);
	else if (in.head.kind == KEYMSG_LOAD)
		on_load(s, &in);
	else if (in.head.kind == KEYMSG_REREAD)
		reread(s);
}
