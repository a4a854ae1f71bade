#include "keys_internal.h"

#include <errno.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sallyport/log.h"

/* How long the key process may take for one answer.  It reads files, and a disk may be slow. */
#define PATIENCE_MS 10000
/* How soon it is asked for again when it does not come, or dies at once. */
#define AGAIN_MS 500u

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static bool receive(int fd, char *room, struct keymsg_in *in)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	return n == 1 && keymsg_recv(fd, in, room, KEYMSG_MAX, true) == KEYMSG_DONE;
}

/* Asks the supervisor; talk is held.  The answer to an earlier question, which was not waited for to the end, is none
 * to this one. */
static bool consult(struct keys *keys, struct keymsg *ask, struct span body, struct keymsg_in *in)
{
	ask->ticket = ++keys->asked;
	if (keymsg_send(keys->ask, ask, body, NULL, 0, true) != KEYMSG_DONE)
		return false;
	while (receive(keys->ask, keys->room, in)) {
		if (in->head.ticket == keys->asked)
			return true;
		keymsg_close_fds(in);
	}
	return false;
}

/* talk is held, and nothing of an earlier process is left. */
static bool start(struct keys *keys, int *error)
{
	struct keymsg ask = {.kind = KEYMSG_START, .number = keys->lines};
	struct keymsg_in in;
	size_t used = 0;

	*error = EPIPE;
	if (!consult(keys, &ask, SPAN_NONE, &in))
		return false;
	if (in.head.kind != KEYMSG_STARTED || in.fds_n != (in.head.number == 0 ? keys->lines + 2u : 0)) {
		keymsg_close_fds(&in);
		return false;
	}
	*error = (int)in.head.number;
	if (in.head.number != 0)
		return false;
	(void)pthread_mutex_lock(&keys->lock);
	keys->home = in.fds[used++];
	keys->forget_n = 0; /* it knows of none */
	keys->generation++;
	keys->life = in.fds[used++];
	for (unsigned i = 0; i < keys->lines; i++)
		keys->line_fd[i] = in.fds[used++];
	(void)pthread_mutex_unlock(&keys->lock);
	return true;
}

struct keys *keys_connect(int ask, unsigned lines, char *err, size_t err_n)
{
	struct keys *keys = keys_new();
	int error = ENOMEM;

	ENSURE(lines <= KEYS_LINES_MAX);
	if (keys == NULL) {
		(void)close(ask);
		(void)snprintf(err, err_n, "out of memory");
		return NULL;
	}
	vault_free(keys->vault);
	keys->vault = NULL;
	keys->ask = ask;
	keys->lines = lines;
	for (unsigned i = 0; i < KEYS_LINES_MAX; i++)
		keys->line_fd[i] = -1;
	keys->room = malloc(KEYMSG_MAX);
	if (keys->room != NULL && start(keys, &error))
		return keys;
	(void)snprintf(err, err_n, "the process for private keys can't be started: %s", strerror(error));
	keys_unref(keys);
	return NULL;
}

void keys_remote_free(struct keys *keys)
{
	close_fd(&keys->ask);
	close_fd(&keys->home);
	close_fd(&keys->life);
	for (unsigned i = 0; i < KEYS_LINES_MAX; i++)
		close_fd(&keys->line_fd[i]);
	free(keys->forget);
	free(keys->room);
}

static bool forget(struct keys *keys, uint64_t id)
{
	struct keymsg m = {.kind = KEYMSG_FORGET, .key = id};

	return keymsg_send(keys->home, &m, SPAN_NONE, NULL, 0, false) == KEYMSG_DONE;
}

void keys_tell_forgotten(struct keys *keys)
{
	while (keys->forget_n > 0 && keys->home >= 0 && forget(keys, keys->forget[keys->forget_n - 1]))
		keys->forget_n--;
}

void keys_give_up(struct keys *keys, unsigned generation)
{
	(void)pthread_mutex_lock(&keys->lock);
	if (keys->home >= 0 && keys->generation == generation)
		(void)shutdown(keys->home, SHUT_RDWR);
	(void)pthread_mutex_unlock(&keys->lock);
}

void keys_reread(struct keys *keys)
{
	struct keymsg m = {.kind = KEYMSG_REREAD};

	if (keys->vault != NULL)
		return;
	(void)pthread_mutex_lock(&keys->talk);
	(void)keymsg_send(keys->ask, &m, SPAN_NONE, NULL, 0, true);
	(void)pthread_mutex_unlock(&keys->talk);
}

/* The answer's descriptor, or 0 for a check; below 0: *error. */
static int take_opened(struct keymsg_in *in, bool check, int *error)
{
	int fd = in->fds_n == 1 ? in->fds[0] : -1;

	*error = in->head.kind == KEYMSG_OPENED ? (int)in->head.number : EPROTO;
	if (*error == 0 && !check && fd < 0)
		*error = EPROTO;
	if (*error != 0)
		fd = -1;
	else if (check)
		fd = 0;
	else
		in->fds_n = 0; /* it is the caller's */
	keymsg_close_fds(in);
	return fd;
}

int keys_open(void *arg, const char *path, bool check)
{
	struct keys *keys = arg;
	struct keymsg m = {.kind = KEYMSG_OPEN, .number = check};
	struct span body = {path, strlen(path) + 1};
	struct keymsg_in in;
	int fd = -1, error = EPIPE;

	(void)pthread_mutex_lock(&keys->talk);
	if (consult(keys, &m, body, &in))
		fd = take_opened(&in, check, &error);
	(void)pthread_mutex_unlock(&keys->talk);
	errno = error;
	return fd;
}

/* --- loading --- */

static bool ask_for(struct keys *keys, const struct keys_key *key, size_t ticket)
{
	struct keymsg m = {.kind = KEYMSG_LOAD, .ticket = ticket, .key = key->id};
	size_t a = strlen(key->certificate) + 1, b = strlen(key->file) + 1;
	char *paths = malloc(a + b);
	bool ok;

	if (paths == NULL)
		return false;
	memcpy(paths, key->certificate, a);
	memcpy(paths + a, key->file, b);
	ok = keymsg_send(keys->ask, &m, (struct span){paths, a + b}, NULL, 0, true) == KEYMSG_DONE;
	free(paths);
	return ok;
}

static void hash(struct span public_key, uint8_t out[static 32])
{
	SHA256((const uint8_t *)public_key.p, public_key.n, out);
}

/* From now on it is loaded again by whatever process comes next. */
static void enlist(struct keys_key *key, struct span public_key)
{
	struct keys *keys = key->keys;

	hash(public_key, key->public_key);
	(void)pthread_mutex_lock(&keys->lock);
	key->listed = true;
	key->next = keys->all;
	key->at = &keys->all;
	if (key->next != NULL)
		key->next->at = &key->next;
	keys->all = key;
	(void)pthread_mutex_unlock(&keys->lock);
}

/* False: the answer has the wrong shape. */
static bool took(struct keys_key *key, const struct keymsg_in *in, size_t i,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg)
{
	struct keys_loaded loaded = {.key = NULL};
	char sentence[512];

	if (in->head.number == KEYMSG_TAKEN) {
		if (!keys_answer(in->body, &loaded))
			return false;
		if (!key->listed)
			enlist(key, loaded.public_key);
		loaded.key = keys_key_ref(key);
	} else {
		(void)snprintf(sentence, sizeof(sentence), "%.*s", SPAN_FMT(in->body));
		loaded.error = sentence[0] != '\0' ? sentence : "out of memory";
		loaded.no_pair = in->head.number == KEYMSG_NO_PAIR;
	}
	told(arg, i, &loaded);
	return true;
}

/* Answers come in the order of the questions; the window is small enough for the sockets to hold all of them, so nobody
 * ever waits for one who waits for him. */
bool keys_load_remote(struct keys *keys, struct keys_key *const *key, size_t n,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg)
{
	bool ok = keys->home >= 0;

	for (size_t i = 0; i < n && ok; i++)
		ok = ask_for(keys, key[i], i);
	for (size_t i = 0; i < n && ok; i++) {
		struct keymsg_in in;

		ok = receive(keys->home, keys->room, &in);
		if (ok) {
			keymsg_close_fds(&in);
			ok = in.head.kind == KEYMSG_LOADED && in.head.ticket == i;
		}
		ok = ok && took(key[i], &in, i, told, arg);
	}
	if (!ok)
		keys_give_up(keys, keys->generation);
	return ok;
}

/* --- when it has died --- */

struct again {
	struct keys_key **key;
	size_t n, lost;
};

/* All keys, each with a reference; false: no memory. */
static bool list_all(struct keys *keys, struct again *again)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&keys->lock);
	for (const struct keys_key *k = keys->all; k != NULL; k = k->next)
		n++;
	again->key = calloc(n + 1, sizeof(struct keys_key *));
	for (struct keys_key *k = keys->all; again->key != NULL && k != NULL; k = k->next)
		again->key[again->n++] = keys_key_ref(k);
	(void)pthread_mutex_unlock(&keys->lock);
	return again->key != NULL;
}

/* A file that holds another key by now comes into use when the certificates are looked at, not under the old one. */
static void check_again(void *arg, size_t i, const struct keys_loaded *loaded)
{
	struct again *again = arg;
	struct keys_key *key = again->key[i];
	uint8_t now[32];
	struct log_line l;

	if (loaded->key != NULL)
		hash(loaded->public_key, now);
	if (loaded->key != NULL && memcmp(now, key->public_key, sizeof(now)) == 0) {
		keys_key_unref(loaded->key);
		return;
	}
	if (loaded->key != NULL) /* it would sign with that */
		forget(key->keys, key->id);
	keys_key_unref(loaded->key);
	again->lost++;
	log_begin(&l, LOG_ERROR, "key-lost");
	log_str(&l, "file", key->file);
	log_str(&l, "text", loaded->error != NULL ? loaded->error : "the file holds another key than before");
	log_end(&l);
}

static bool load_again(struct keys *keys, size_t *n)
{
	struct again again = {NULL, 0, 0}, part;
	bool ok = list_all(keys, &again);

	for (size_t from = 0; ok && from < again.n; from += KEYS_BATCH) {
		size_t some = again.n - from < KEYS_BATCH ? again.n - from : KEYS_BATCH;

		part = (struct again){again.key + from, some, 0};
		ok = keys_load_remote(keys, part.key, some, check_again, &part);
		again.lost += part.lost;
	}
	*n = again.n - again.lost;
	while (again.n > 0)
		keys_key_unref(again.key[--again.n]);
	free(again.key);
	return ok;
}

static void give_lines(struct keys *keys)
{
	bool ok = true;

	(void)pthread_mutex_lock(&keys->lock);
	for (unsigned i = 0; i < keys->lines; i++) {
		if (keys->line[i] == NULL || keys->line_fd[i] < 0)
			continue; /* taken later, or already */
		ok = keys_line_connect(keys->line[i], keys->line_fd[i], keys->generation) && ok;
		keys->line_fd[i] = -1;
	}
	(void)pthread_mutex_unlock(&keys->lock);
	if (!ok)
		keys_give_up(keys, keys->generation);
}

static void watch_life(struct keys *keys);

static void begin_again(void *arg)
{
	struct keys *keys = arg;
	size_t n = 0;
	int error;
	bool ok;

	keys->begun = loop_now(keys->loop);
	(void)pthread_mutex_lock(&keys->talk);
	ok = start(keys, &error);
	if (!ok) {
		log_text(LOG_ERROR, "keys", "the process for private keys can't be started: %s", strerror(error));
	} else if (load_again(keys, &n)) {
		give_lines(keys);
		log_text(LOG_INFO, "keys", "a new process for private keys has %zu keys", n);
	} else {
		/* no memory, or it has gone already: its end will be seen */
		keys_give_up(keys, keys->generation);
	}
	(void)pthread_mutex_unlock(&keys->talk);
	watch_life(keys);
}

static void on_death(void *arg, unsigned ready)
{
	struct keys *keys = arg;

	(void)ready;
	log_text(LOG_ERROR, "keys", "the process for private keys has died: another one is started");
	loop_io_free(keys->io);
	keys->io = NULL;
	(void)pthread_mutex_lock(&keys->talk);
	(void)pthread_mutex_lock(&keys->lock);
	close_fd(&keys->home);
	close_fd(&keys->life);
	for (unsigned i = 0; i < keys->lines; i++)
		close_fd(&keys->line_fd[i]);
	(void)pthread_mutex_unlock(&keys->lock);
	(void)pthread_mutex_unlock(&keys->talk);
	if (keys->begun == 0 || loop_now(keys->loop) - keys->begun >= (int64_t)AGAIN_MS)
		begin_again(keys);
	else
		loop_timer_set(keys->again, AGAIN_MS);
}

/* Nothing is ever written to keys->life. */
static void watch_life(struct keys *keys)
{
	keys->io = keys->life >= 0 ? loop_io_new(keys->loop, keys->life, on_death, keys) : NULL;
	if (keys->io != NULL)
		loop_io_want(keys->io, true, false);
	else
		loop_timer_set(keys->again, AGAIN_MS);
}

static void on_again(void *arg)
{
	struct keys *keys = arg;

	if (keys->life >= 0)
		watch_life(keys); /* there was no memory to */
	else
		begin_again(keys);
}

bool keys_watch(struct keys *keys, struct loop *loop)
{
	if (keys->vault != NULL)
		return true;
	keys->again = loop_timer_new(loop, on_again, keys);
	if (keys->again == NULL)
		return false;
	keys->loop = loop;
	watch_life(keys);
	return true;
}

void keys_unwatch(struct keys *keys)
{
	if (keys->loop == NULL)
		return;
	loop_io_free(keys->io);
	loop_timer_free(keys->again);
	keys->io = NULL;
	keys->again = NULL;
	keys->loop = NULL;
}
