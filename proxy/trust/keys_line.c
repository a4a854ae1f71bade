#include "keys_internal.h"

#include <stdlib.h>
#include <unistd.h>

#define MAGIC_LINE 0x6b65796cu

/* What a connection waits for. */
struct keys_ticket {
	struct keys_line *line; /* NULL: there is an answer, or none will come */
	struct keys_ticket *next, **at;
	uint64_t number;
	struct keys_key *key;
	uint16_t algorithm;
	enum keys_state state;
	void (*fn)(void *arg);
	void *arg;
	size_t n; /* of what is to be signed, and then of the signature */
	char *bytes;
};

struct keys_line {
	unsigned magic;
	struct keys *keys;
	unsigned index; /* in keys->line */
	struct loop *loop;
	struct loop_io *io;
	int fd; /* -1: the key process has gone, and another one is expected */
	unsigned generation;
	uint64_t numbers;
	size_t waiting;
	struct keys_ticket *first, **end, **unsent; /* unsent: where the first that was not sent hangs */
};

static void unlink_ticket(struct keys_line *line, struct keys_ticket *t)
{
	*t->at = t->next;
	if (t->next != NULL)
		t->next->at = t->at;
	if (line->end == &t->next)
		line->end = t->at;
	if (line->unsent == &t->next)
		line->unsent = t->at;
	line->waiting--;
	t->line = NULL;
}

/* --- talking --- */

static void hang_up(struct keys_line *line)
{
	loop_io_free(line->io);
	line->io = NULL;
	if (line->fd >= 0)
		(void)close(line->fd);
	line->fd = -1;
	line->unsent = &line->first;
}

/* If the process should live in spite of that, it is of no use. */
static void lose(struct keys_line *line)
{
	hang_up(line);
	keys_give_up(line->keys, line->generation);
}

static void send_waiting(struct keys_line *line)
{
	enum keymsg_rc rc = KEYMSG_DONE;

	while (line->fd >= 0 && *line->unsent != NULL) {
		struct keys_ticket *t = *line->unsent;
		struct keymsg m = {.kind = KEYMSG_SIGN, .number = t->algorithm, .ticket = t->number, .key = t->key->id};

		rc = keymsg_send(line->fd, &m, (struct span){t->bytes, t->n}, NULL, 0, false);
		if (rc != KEYMSG_DONE)
			break;
		line->unsent = &t->next;
	}
	if (rc == KEYMSG_ENDED)
		lose(line);
	else if (line->io != NULL)
		loop_io_want(line->io, true, rc == KEYMSG_AGAIN);
}

/* The key process answers in order, but some may have been dropped. */
static struct keys_ticket *find(struct keys_line *line, uint64_t number)
{
	for (struct keys_ticket *t = line->first; t != NULL && t != *line->unsent; t = t->next) {
		if (t->number == number)
			return t;
	}
	return NULL;
}

static void settle(struct keys_ticket *t, bool ok, struct span signature)
{
	free(t->bytes);
	t->bytes = ok ? malloc(signature.n) : NULL;
	t->n = 0;
	t->state = t->bytes != NULL ? KEYS_SIGNED : KEYS_REFUSED;
	if (t->bytes == NULL)
		return;
	memcpy(t->bytes, signature.p, signature.n);
	t->n = signature.n;
}

static void answered(struct keys_line *line, const struct keymsg_in *in)
{
	struct keys_ticket *t = find(line, in->head.ticket);

	if (t == NULL)
		return;
	unlink_ticket(line, t);
	settle(t, in->head.number == 1 && in->body.n > 0, in->body);
	t->fn(t->arg); /* may drop it */
}

static void on_ready(void *arg, unsigned ready)
{
	struct keys_line *line = arg;
	char room[VAULT_SIGNATURE_MAX];
	struct keymsg_in in;

	MAGIC_CHECK(line, MAGIC_LINE);
	while (ready == LOOP_READ && line->fd >= 0) {
		switch (keymsg_recv(line->fd, &in, room, sizeof(room), false)) {
		case KEYMSG_DONE:
			keymsg_close_fds(&in);
			if (in.head.kind == KEYMSG_SIGNED) {
				answered(line, &in);
				continue;
			}
			lose(line);
			return;
		case KEYMSG_AGAIN:
			return;
		case KEYMSG_ENDED:
			lose(line);
			return;
		}
	}
	if (ready == LOOP_FAILED)
		lose(line);
	else
		send_waiting(line);
}

static void connect_line(struct keys_line *line, int fd, unsigned generation)
{
	hang_up(line);
	line->fd = fd;
	line->generation = generation;
	line->io = fd >= 0 ? loop_io_new(line->loop, fd, on_ready, line) : NULL;
	if (fd >= 0 && line->io == NULL)
		lose(line);
	send_waiting(line);
}

/* From one thread to the other. */
struct handover {
	struct keys_line *line;
	int fd;
	unsigned generation;
};

static void on_handover(void *arg)
{
	struct handover *h = arg;

	MAGIC_CHECK(h->line, MAGIC_LINE);
	connect_line(h->line, h->fd, h->generation);
	free(h);
}

bool keys_line_connect(struct keys_line *line, int fd, unsigned generation)
{
	struct handover *h = malloc(sizeof(*h));

	if (h != NULL) {
		*h = (struct handover){line, fd, generation};
		if (loop_post(line->loop, on_handover, h))
			return true;
		free(h);
	}
	(void)close(fd);
	return false;
}

/* --- the line --- */

/* Its descriptor, if that is there already; lock is held. */
static int take_place(struct keys *keys, struct keys_line *line)
{
	for (unsigned i = 0; i < keys->lines; i++) {
		int fd = keys->line_fd[i];

		if (keys->line[i] != NULL)
			continue;
		keys->line[i] = line;
		keys->line_fd[i] = -1;
		line->index = i;
		return fd;
	}
	return -1;
}

struct keys_line *keys_line_new(struct keys *keys, struct loop *loop)
{
	struct keys_line *line = calloc(1, sizeof(*line));
	unsigned generation;
	int fd;

	if (line == NULL)
		return NULL;
	line->magic = MAGIC_LINE;
	line->keys = keys_ref(keys);
	line->loop = loop;
	line->fd = -1;
	line->end = line->unsent = &line->first;
	line->index = KEYS_LINES_MAX;
	if (keys->vault != NULL)
		return line;
	(void)pthread_mutex_lock(&keys->lock);
	fd = take_place(keys, line);
	generation = keys->generation;
	(void)pthread_mutex_unlock(&keys->lock);
	if (line->index == KEYS_LINES_MAX) {
		keys_line_free(line);
		return NULL;
	}
	connect_line(line, fd, generation);
	return line;
}

void keys_line_free(struct keys_line *line)
{
	if (line == NULL)
		return;
	MAGIC_CHECK(line, MAGIC_LINE);
	while (line->first != NULL) {
		line->first->state = KEYS_REFUSED;
		unlink_ticket(line, line->first);
	}
	hang_up(line);
	if (line->index < KEYS_LINES_MAX) {
		(void)pthread_mutex_lock(&line->keys->lock);
		line->keys->line[line->index] = NULL;
		(void)pthread_mutex_unlock(&line->keys->lock);
	}
	keys_unref(line->keys);
	line->magic = 0;
	free(line);
}

/* --- signatures --- */

static void sign_here(struct keys_ticket *t, struct span bytes)
{
	uint8_t signature[VAULT_SIGNATURE_MAX];
	size_t n = 0;
	bool ok = vault_sign(t->key->keys->vault, t->key->id, t->algorithm, bytes, signature, &n);

	settle(t, ok, (struct span){(const char *)signature, n});
}

static bool enqueue(struct keys_line *line, struct keys_ticket *t, struct span bytes)
{
	if (line == NULL || line->waiting >= KEYS_WAITING_MAX || bytes.n > KEYMSG_MAX)
		return false;
	t->bytes = malloc(bytes.n);
	if (t->bytes == NULL)
		return false;
	memcpy(t->bytes, bytes.p, bytes.n);
	t->n = bytes.n;
	t->line = line;
	t->number = line->numbers++;
	t->at = line->end;
	*line->end = t;
	line->end = &t->next;
	line->waiting++;
	send_waiting(line);
	return true;
}

struct keys_ticket *keys_sign(struct keys_line *line, struct keys_key *key, uint16_t algorithm, struct span bytes,
    void (*fn)(void *arg), void *arg)
{
	struct keys_ticket *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->key = keys_key_ref(key);
	t->algorithm = algorithm;
	t->fn = fn;
	t->arg = arg;
	if (key->keys->vault != NULL) {
		sign_here(t, bytes);
	} else if (!enqueue(line, t, bytes)) {
		keys_drop(&t);
		return NULL;
	}
	return t;
}

enum keys_state keys_state(const struct keys_ticket *t, struct span *signature)
{
	*signature = t->state == KEYS_SIGNED ? (struct span){t->bytes, t->n} : SPAN_NONE;
	return t->state;
}

void keys_drop(struct keys_ticket **ticket)
{
	struct keys_ticket *t = *ticket;

	if (t == NULL)
		return;
	if (t->line != NULL)
		unlink_ticket(t->line, t);
	keys_key_unref(t->key);
	free(t->bytes);
	free(t);
	*ticket = NULL;
}
