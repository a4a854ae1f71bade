#include "supervisor_internal.h"

#include <errno.h>
#include <stdlib.h>
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

/* --- the configuration --- */

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

	s->work->shed(s->work->arg);
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
static void on_start(struct supervisor *s, const struct keymsg *ask)
{
	struct keymsg answer = {.kind = KEYMSG_STARTED, .ticket = ask->ticket};
	unsigned lines = ask->number;
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

static void on_load(struct supervisor *s, struct keymsg_in *in)
{
	const char *second = in->body.n > 0 ? memchr(in->body.p, '\0', in->body.n - 1) : NULL;
	uint32_t error[2] = {EACCES, EACCES};
	int opened[2], fds[2];
	size_t n = 0;

	if (second == NULL || in->body.p[in->body.n - 1] != '\0')
		return;
	opened[0] = supervisor_allows_key(s, in->body.p) ? supervisor_open(in->body.p, &error[0]) : -1;
	opened[1] = supervisor_allows_key(s, second + 1) ? supervisor_open(second + 1, &error[1]) : -1;
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

/* For the network process itself, which must not see a key. */
static void on_open(struct supervisor *s, const struct keymsg_in *in)
{
	struct keymsg answer = {.kind = KEYMSG_OPENED, .number = EACCES, .ticket = in->head.ticket};
	bool whole = in->body.n > 0 && in->body.p[in->body.n - 1] == '\0', check = in->head.number != 0;
	int fd =
	    whole && (check || supervisor_allows(s, in->body.p)) ? supervisor_open(in->body.p, &answer.number) : -1;

	if (fd >= 0 && !check && supervisor_holds_key(fd)) {
		log_text(LOG_ERROR, "supervisor",
		    "%s: holds a private key, so it is kept from the network process: put the certificates into a file "
		    "of their own",
		    in->body.p);
		(void)close(fd);
		fd = -1;
		answer.number = EACCES;
	}
	(void)keymsg_send(s->ask, &answer, SPAN_NONE, &fd, fd >= 0 && !check, false);
	if (fd >= 0)
		(void)close(fd);
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
		on_start(s, &in.head);
	else if (in.head.kind == KEYMSG_LOAD)
		on_load(s, &in);
	else if (in.head.kind == KEYMSG_OPEN)
		on_open(s, &in);
	else if (in.head.kind == KEYMSG_REREAD)
		reread(s);
}
