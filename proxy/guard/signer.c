#include "sallyport/signer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sallyport/keymsg.h"
#include "sallyport/log.h"
#include "sallyport/sandbox.h"
#include "sallyport/vault.h"

/* The largest key has 16384 bits. */
_Static_assert(VAULT_CHAIN_BYTES + 8192 <= KEYMSG_MAX, "what vault_load() answers does not fit into a message");

/* Two paths. */
#define REQUEST_MAX 8192

struct line {
	struct vault *vault;
	int fd;
};

/* --- signing: a thread for each thread of the network process --- */

static void sign(const struct line *line, const struct keymsg *ask, struct span bytes)
{
	uint8_t signature[VAULT_SIGNATURE_MAX];
	struct keymsg answer = {.kind = KEYMSG_SIGNED, .ticket = ask->ticket, .key = ask->key};
	size_t n = 0;

	if (ask->number <= UINT16_MAX)
		answer.number = vault_sign(line->vault, ask->key, (uint16_t)ask->number, bytes, signature, &n);
	(void)keymsg_send(
	    line->fd, &answer, (struct span){(const char *)signature, answer.number == 1 ? n : 0}, NULL, 0, true);
}

static void *serve_line(void *arg)
{
	const struct line *line = arg;
	char *room = malloc(KEYMSG_MAX);
	struct keymsg_in in;

	while (room != NULL && keymsg_recv(line->fd, &in, room, KEYMSG_MAX, true) == KEYMSG_DONE) {
		keymsg_close_fds(&in);
		if (in.head.kind != KEYMSG_SIGN)
			break;
		sign(line, &in.head, in.body);
	}
	/* this tells the other side */
	(void)close(line->fd);
	free(room);
	return NULL;
}

static bool start_lines(struct line *line, const struct signer_ends *ends, struct vault *vault)
{
	for (unsigned i = 0; i < ends->lines; i++) {
		pthread_t thread;

		line[i] = (struct line){vault, ends->line[i]};
		if (pthread_create(&thread, NULL, serve_line, &line[i]) != 0)
			return false;
		(void)pthread_detach(thread);
	}
	return true;
}

/* --- loading and forgetting --- */

/* False: of the wrong shape. */
static bool read_files(const struct keymsg_in *in, struct vault_file file[static 2])
{
	const char *second = in->body.n > 0 ? memchr(in->body.p, '\0', in->body.n - 1) : NULL;
	size_t used = 0;

	if (second == NULL || in->body.p[in->body.n - 1] != '\0')
		return false;
	file[0] = (struct vault_file){in->body.p, -1, (int)(in->head.number & 0xffff)};
	file[1] = (struct vault_file){second + 1, -1, (int)(in->head.number >> 16)};
	for (size_t i = 0; i < 2; i++) {
		if (file[i].error == 0 && used < in->fds_n)
			file[i].fd = in->fds[used++];
	}
	return true;
}

static bool load(struct vault *vault, int home, const struct keymsg_in *in)
{
	struct keymsg answer = {.kind = KEYMSG_LOADED, .ticket = in->head.ticket, .key = in->head.key};
	struct vault_answer said = {.p = NULL};
	struct vault_file file[2];
	bool sent;

	if (in->head.kind != KEYMSG_LOAD || !read_files(in, file))
		return false;
	if (vault_load(vault, in->head.key, &file[0], &file[1], &said))
		answer.number = KEYMSG_TAKEN;
	else
		answer.number = said.no_pair ? KEYMSG_NO_PAIR : KEYMSG_REFUSED;
	sent = keymsg_send(home, &answer, (struct span){(const char *)said.p, said.n}, NULL, 0, true) == KEYMSG_DONE;
	vault_answer_free(&said);
	return sent;
}

/* True: another one may come. */
static bool serve_files(struct vault *vault, const struct signer_ends *ends, char *room)
{
	struct keymsg_in in;
	bool ok;

	if (keymsg_recv(ends->files, &in, room, REQUEST_MAX, true) != KEYMSG_DONE)
		return false;
	ok = load(vault, ends->home, &in);
	keymsg_close_fds(&in);
	return ok;
}

static bool serve_home(struct vault *vault, const struct signer_ends *ends, char *room)
{
	struct keymsg_in in;

	if (keymsg_recv(ends->home, &in, room, REQUEST_MAX, true) != KEYMSG_DONE)
		return false;
	keymsg_close_fds(&in);
	if (in.head.kind != KEYMSG_FORGET)
		return false;
	vault_forget(vault, in.head.key);
	return true;
}

static void serve(struct vault *vault, const struct signer_ends *ends)
{
	struct pollfd p[2] = {{.fd = ends->files, .events = POLLIN}, {.fd = ends->home, .events = POLLIN}};
	char room[REQUEST_MAX];
	bool ok = true;

	while (ok) {
		int n = poll(p, 2, -1);

		ok = n > 0 || errno == EINTR;
		if (n > 0 && p[0].revents != 0)
			ok = serve_files(vault, ends, room);
		if (n > 0 && ok && p[1].revents != 0)
			ok = serve_home(vault, ends, room);
	}
}

/* --- the process --- */

/* No core file, no debugger, no more descriptors than it has and two files to read. */
static bool seal(const struct signer_ends *ends, const struct conf *conf)
{
	rlim_t files = (rlim_t)ends->lines + 16;

	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0 &&
	       setrlimit(RLIMIT_NOFILE, &(struct rlimit){files, files}) == 0 && sandbox_enter(SANDBOX_KEYS, conf);
}

_Noreturn void signer_run(const struct signer_ends *ends, const struct conf *conf)
{
	static const int others[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	struct line *line = calloc(ends->lines + 1, sizeof(*line));
	struct vault *vault = vault_new();

	/* it ends when the others do, not when they are asked to */
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		(void)signal(others[i], SIG_IGN);
	if (!seal(ends, conf))
		_exit(1);
	if (line == NULL || vault == NULL || !start_lines(line, ends, vault)) {
		log_text(LOG_ERROR, "keys", "no memory or threads for the key process");
		_exit(1);
	}
	serve(vault, ends);
	_exit(0);
}
