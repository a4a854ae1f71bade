#include "sallyport/leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/sock.h"

#define LEG_MAGIC 0x6c656721u
/* One read takes at most this much: several TLS records in one system call, and a fair share for everybody. */
#define READ_SIZE 65536u

enum leg_state {
	LEG_CLEAR,  /* plain bytes */
	LEG_SHAKE,  /* TLS handshake */
	LEG_SECURE, /* TLS */
	LEG_DEAD,   /* failed or ended: nothing is read or written any more */
};

struct leg {
	uint32_t magic;
	enum leg_state state;
	struct loop *loop;
	struct loop_io *io;
	struct loop_later later, gone;
	struct tls *tls;
	struct buf in, out;           /* plaintext */
	struct buf wire_in, wire_out; /* records; only with TLS */
	int fd;
	bool reading, pumping, shut, high, ended, handed;
	bool more; /* decrypted bytes wait for room in `in` */
	enum reason why;
	uint64_t sent, received;
	char error[160];
	void (*fn)(void *arg, enum leg_event event);
	void *arg;
};

static void on_ready(void *arg, unsigned ready);
static void pump(struct leg *g);

struct leg *leg_new(struct loop *loop, struct buf_pool *pool, int fd, size_t in_max, size_t out_max,
    void (*fn)(void *arg, enum leg_event event), void *arg)
{
	struct leg *g = calloc(1, sizeof *g);
	if (g == NULL) {
		sock_close(fd);
		return NULL;
	}
	*g = (struct leg){.magic = LEG_MAGIC, .loop = loop, .fd = fd, .reading = true, .fn = fn, .arg = arg};
	buf_init(&g->in, pool, in_max);
	buf_init(&g->out, pool, out_max);
	buf_init(&g->wire_in, pool, READ_SIZE);
	/* records add at most a few per cent; a batch always fits */
	buf_init(&g->wire_out, pool, out_max + out_max / 8 + READ_SIZE);
	g->io = loop_io_new(loop, fd, on_ready, g);
	if (g->io == NULL) {
		leg_free(g);
		return NULL;
	}
	loop_io_want(g->io, true, false);
	return g;
}

static void release(void *arg)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	g->magic = 0;
	tls_free(g->tls);
	buf_free(&g->in);
	buf_free(&g->out);
	buf_free(&g->wire_in);
	buf_free(&g->wire_out);
	free(g);
}

void leg_free(struct leg *g)
{
	if (g == NULL)
		return;
	MAGIC_CHECK(g, LEG_MAGIC);
	g->fn = NULL;
	g->state = LEG_DEAD;
	loop_io_free(g->io);
	g->io = NULL;
	if (g->fd >= 0)
		sock_close(g->fd);
	g->fd = -1;
	/* a callback of this leg may be on the stack */
	loop_defer(g->loop, &g->gone, release, g);
}

static void tell(struct leg *g, enum leg_event event)
{
	if (g->fn != NULL)
		g->fn(g->arg, event);
}

static void want(struct leg *g)
{
	if (g->io == NULL)
		return;
	bool write = buf_len(g->tls != NULL ? &g->wire_out : &g->out) > 0;
	const struct buf *to = g->tls != NULL ? &g->wire_in : &g->in;
	bool read = g->reading && !g->ended && buf_len(to) < to->max;
	bool alive = g->state != LEG_DEAD;
	loop_io_want(g->io, alive && read, alive && write);
}

/* At the end of a turn: a failure is told, or work goes on that the owner's own call made possible. */
static void on_later(void *arg)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	g->handed = false;
	if (g->why != REASON_NONE) {
		tell(g, LEG_FAILED);
		return;
	}
	if (g->state == LEG_SECURE && g->reading && buf_len(&g->in) > 0)
		tell(g, LEG_READABLE);
	pump(g);
}

static void go_on_later(struct leg *g)
{
	if (!g->handed)
		loop_defer(g->loop, &g->later, on_later, g);
	g->handed = true;
}

/* The owner hears of a failure at the end of the turn, so never from inside a call of its own. */
static bool fail(struct leg *g, enum reason why, const char *error)
{
	if (g->state == LEG_DEAD)
		return false;
	g->state = LEG_DEAD;
	g->why = why;
	snprintf(g->error, sizeof g->error, "%s", error);
	want(g);
	go_on_later(g);
	return false;
}

static bool fail_tls(struct leg *g)
{
	enum reason why = REASON_TLS_BROKEN;
	if (g->state == LEG_SHAKE)
		why = tls_error_is_alert(g->tls) ? REASON_TLS_REFUSED : REASON_TLS_FAILED;
	char text[sizeof g->error];
	snprintf(text, sizeof text, "%s", tls_error(g->tls));
	/* our alert, if any, tells the other side what was wrong */
	struct span alert = buf_span(&g->wire_out);
	size_t sent;
	int err;
	if (alert.n > 0 && sock_send(g->fd, &alert, 1, &sent, &err) == SOCK_OK)
		buf_consume(&g->wire_out, sent);
	return fail(g, why, text);
}

/* Hands to the socket what waits; true unless the leg failed. */
static bool drain(struct leg *g)
{
	struct buf *b = g->tls != NULL ? &g->wire_out : &g->out;
	while (buf_len(b) > 0) {
		struct span part = buf_span(b);
		size_t sent = 0;
		int err = 0;
		enum sock_rc rc = sock_send(g->fd, &part, 1, &sent, &err);
		if (rc == SOCK_AGAIN)
			break;
		if (rc != SOCK_OK)
			return fail(g, REASON_PEER_LOST, strerror(err));
		buf_consume(b, sent);
		g->sent += sent;
	}
	if (g->shut && buf_len(b) == 0 && g->state != LEG_SHAKE)
		sock_shut_write(g->fd);
	want(g);
	return true;
}

static bool encrypt(struct leg *g, struct span bytes)
{
	size_t taken = 0;
	switch (tls_write(g->tls, bytes, &taken, &g->wire_out)) {
	case TLS_DONE:
		return true;
	case TLS_WANT_ROOM:
		return fail(g, REASON_LIMIT_QUEUE, "too many bytes wait to be sent");
	case TLS_WANT_READ:
	case TLS_CLOSED:
	case TLS_FAILED:
		break;
	}
	return fail_tls(g);
}

static bool encrypt_out(struct leg *g)
{
	if (buf_len(&g->out) == 0)
		return true;
	if (!encrypt(g, buf_span(&g->out)))
		return false;
	buf_clear(&g->out);
	return true;
}

bool leg_flush(struct leg *g)
{
	if (g->state == LEG_DEAD)
		return false;
	if (g->state == LEG_SHAKE)
		return true; /* sent once the handshake is done */
	if (g->tls != NULL && !encrypt_out(g))
		return false;
	bool ok = drain(g);
	g->high = g->high || leg_queued(g) > LEG_HIGH_WATER;
	return ok;
}

bool leg_send(struct leg *g, struct span bytes)
{
	if (g->state == LEG_DEAD)
		return false;
	ENSURE(g->state != LEG_SHAKE && !g->shut);
	if (g->tls != NULL) {
		if (!encrypt_out(g) || !encrypt(g, bytes))
			return false;
		return leg_flush(g);
	}
	if (!drain(g))
		return false;
	size_t sent = 0;
	if (buf_len(&g->out) == 0) {
		int err = 0;
		enum sock_rc rc = sock_send(g->fd, &bytes, 1, &sent, &err);
		if (rc != SOCK_OK && rc != SOCK_AGAIN)
			return fail(g, REASON_PEER_LOST, strerror(err));
		g->sent += sent;
	}
	if (!buf_put(&g->out, (struct span){bytes.p + sent, bytes.n - sent}))
		return fail(g, REASON_LIMIT_QUEUE, "too many bytes wait to be sent");
	g->high = g->high || leg_queued(g) > LEG_HIGH_WATER;
	want(g);
	return true;
}

/* Reads once from the socket into b; true if the caller may go on. */
static bool fill(struct leg *g, struct buf *b, size_t most)
{
	size_t room = b->max > buf_len(b) ? b->max - buf_len(b) : 0;
	if (room > most)
		room = most;
	if (room == 0 || g->ended)
		return true;
	/* as much as one chunk holds is read without asking for a larger block */
	size_t ask = room < BUF_CHUNK / 2 ? room : BUF_CHUNK / 2;
	if (!buf_reserve(b, ask))
		return fail(g, REASON_NO_MEMORY, "no memory for the receive buffer");
	size_t cap = buf_room(b) < room ? buf_room(b) : room, got = 0;
	int err = 0;
	switch (sock_recv(g->fd, buf_tail(b), cap, &got, &err)) {
	case SOCK_OK:
		buf_filled(b, got);
		g->received += got;
		break;
	case SOCK_AGAIN:
		break;
	case SOCK_EOF:
		g->ended = true;
		break;
	case SOCK_ERROR:
		return fail(g, REASON_PEER_LOST, strerror(err));
	}
	if (buf_len(b) == 0)
		buf_clear(b);
	return true;
}

static bool shake(struct leg *g)
{
	switch (tls_handshake(g->tls, &g->wire_in, &g->wire_out)) {
	case TLS_DONE:
		g->state = LEG_SECURE;
		if (!drain(g))
			return false;
		tell(g, LEG_SECURED);
		return g->fn != NULL && leg_flush(g);
	case TLS_WANT_READ:
	case TLS_WANT_ROOM:
		if (g->ended)
			return fail(g, REASON_TLS_REFUSED, "connection closed during the handshake");
		return drain(g);
	case TLS_CLOSED:
	case TLS_FAILED:
		break;
	}
	return fail_tls(g);
}

static bool decrypt(struct leg *g)
{
	enum tls_rc rc = tls_read(g->tls, &g->wire_in, &g->in, &g->wire_out);
	if (rc == TLS_FAILED)
		return fail_tls(g);
	g->more = rc == TLS_WANT_ROOM;
	if (rc == TLS_CLOSED)
		g->ended = true;
	return drain(g);
}

/* Moves what is there one step on and tells the owner; until nothing changes or the owner stops reading. */
static void pump(struct leg *g)
{
	if (g->pumping || g->state == LEG_DEAD)
		return;
	g->pumping = true;
	bool ok = true;
	if (g->state == LEG_SHAKE)
		ok = shake(g);
	while (ok && g->state == LEG_SECURE && g->reading) {
		size_t had = buf_len(&g->in);
		ok = decrypt(g);
		if (!ok || buf_len(&g->in) == had)
			break;
		tell(g, LEG_READABLE);
		ok = g->fn != NULL && g->state == LEG_SECURE;
		if (!g->more)
			break;
	}
	if (ok && g->state == LEG_CLEAR && g->reading && buf_len(&g->in) > 0) {
		tell(g, LEG_READABLE);
		ok = g->fn != NULL && g->state != LEG_DEAD;
		/* the owner may just have turned direct TLS on */
		if (ok && g->state == LEG_SHAKE)
			ok = shake(g);
	}
	g->pumping = false;
	if (!ok)
		return;
	if (g->ended && g->reading && !g->more && g->state != LEG_DEAD) {
		g->state = LEG_DEAD;
		want(g);
		tell(g, LEG_ENDED);
		return;
	}
	want(g);
}

static void written(struct leg *g)
{
	if (!drain(g) || !g->high || leg_queued(g) >= LEG_HIGH_WATER / 2)
		return;
	g->high = false;
	tell(g, LEG_WRITABLE);
}

static void on_ready(void *arg, unsigned ready)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	if ((ready & LOOP_WRITE) != 0 && g->state != LEG_DEAD)
		written(g);
	if ((ready & LOOP_READ) == 0 || g->fn == NULL || g->state == LEG_DEAD || !g->reading)
		return;
	if (fill(g, g->tls != NULL ? &g->wire_in : &g->in, READ_SIZE))
		pump(g);
}

struct buf *leg_in(struct leg *g)
{
	return &g->in;
}

void leg_set_in_max(struct leg *g, size_t max)
{
	buf_set_max(&g->in, max);
}

void leg_read_on(struct leg *g, bool on)
{
	if (g->reading == on)
		return;
	g->reading = on;
	if (on && g->state != LEG_DEAD)
		go_on_later(g);
	want(g);
}

struct buf *leg_out(struct leg *g)
{
	return &g->out;
}

size_t leg_queued(const struct leg *g)
{
	return buf_len(&g->out) + buf_len(&g->wire_out);
}

uint64_t leg_sent(const struct leg *g)
{
	return g->sent;
}

uint64_t leg_received(const struct leg *g)
{
	return g->received;
}

void leg_secure(struct leg *g, struct tls *tls, bool direct)
{
	ENSURE(g->tls == NULL && tls != NULL);
	ENSURE(direct || buf_len(&g->in) == 0);
	bool unsent = buf_len(&g->out) > 0;
	g->tls = tls;
	if (g->state == LEG_DEAD)
		return;
	g->state = LEG_SHAKE;
	/* what is still unsent was said in the clear, and must leave before the first record */
	bool ok = !unsent || buf_put(&g->wire_out, buf_span(&g->out));
	buf_clear(&g->out);
	ok = ok && buf_put(&g->wire_in, buf_span(&g->in));
	buf_clear(&g->in);
	if (!ok) {
		(void)fail(g, REASON_NO_MEMORY, "no memory for TLS");
		return;
	}
	if (!g->pumping)
		go_on_later(g);
	want(g);
}

const struct tls *leg_tls(const struct leg *g)
{
	return g->tls;
}

void leg_shut(struct leg *g)
{
	if (g->shut || g->state == LEG_DEAD)
		return;
	if (!leg_flush(g))
		return;
	if (g->state == LEG_SECURE)
		tls_close(g->tls, &g->wire_out);
	g->shut = true;
	(void)drain(g);
}

enum reason leg_why(const struct leg *g)
{
	return g->why;
}

const char *leg_error(const struct leg *g)
{
	return g->error;
}
