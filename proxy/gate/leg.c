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
	bool reading, pumping, high, ended, handed;
	bool again;         /* the owner goes on reading: it is told of what already lies in `in` */
	bool more;          /* decrypted bytes wait for room in `in` */
	bool heard;         /* something was said inside TLS */
	bool closing, shut; /* the owner has said all; so has TLS, and only FIN is left */
	enum reason why;
	uint64_t sent, received;
	struct stats_count *count_received, *count_sent; /* the worker's, or NULL */
	char *error;                                     /* NULL: none, or no memory for it */
	void (*fn)(void *arg, enum leg_event event);
	void *arg;
};

static void on_ready(void *arg, unsigned ready);
static void pump(struct leg *g, bool again);
static void hear_out(struct leg *g);

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
	free(g->error);
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

void leg_count(struct leg *g, struct stats_count *received, struct stats_count *sent)
{
	g->count_received = received;
	g->count_sent = sent;
}

static void took(struct leg *g, size_t sent)
{
	g->sent += sent;
	if (g->count_sent != NULL)
		stats_add(g->count_sent, sent);
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

static bool has_room_again(const struct leg *g)
{
	return g->high && leg_queued(g) < LEG_HIGH_WATER / 2;
}

/* At the end of a turn: a failure is told, or work goes on that the owner's own call made possible. */
static void on_later(void *arg)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	g->handed = false;
	if (g->why != REASON_NONE) {
		hear_out(g);
		tell(g, LEG_FAILED);
		return;
	}
	if (g->state == LEG_DEAD)
		return;
	if (has_room_again(g)) {
		g->high = false;
		tell(g, LEG_WRITABLE);
	}
	bool again = g->again;
	g->again = false;
	pump(g, again);
}

static void go_on_later(struct leg *g)
{
	if (!g->handed)
		loop_defer(g->loop, &g->later, on_later, g);
	g->handed = true;
}

/* To a buffer no memory and none left for it by the others are one; to an operator they are not. */
static enum reason told(const struct leg *g, enum reason why)
{
	bool refused = g->in.refused || g->out.refused || g->wire_in.refused || g->wire_out.refused;
	return refused ? REASON_LIMIT_BUFFERS : why;
}

/* The owner hears of a failure at the end of the turn, so never from inside a call of its own. */
static bool fail(struct leg *g, enum reason why, const char *error)
{
	if (g->state == LEG_DEAD)
		return false;
	g->state = LEG_DEAD;
	g->why = told(g, why);
	g->error = strdup(error);
	want(g);
	go_on_later(g);
	return false;
}

static bool lost(struct leg *g, int err)
{
	return fail(g, g->state == LEG_SHAKE ? REASON_TLS_LOST : REASON_PEER_LOST, strerror(err));
}

static bool fail_tls(struct leg *g)
{
	enum reason why = g->state == LEG_SHAKE ? REASON_TLS_FAILED : REASON_TLS_BROKEN;
	/* in TLS 1.3 a server refuses the client's certificate when the client is through with the handshake */
	if (!g->heard && tls_error_reason(g->tls) != REASON_NONE)
		why = tls_error_reason(g->tls);
	/* our alert, if any, tells the other side what was wrong */
	struct span alert = buf_span(&g->wire_out);
	size_t sent;
	int err;
	if (alert.n > 0 && sock_send(g->fd, &alert, 1, &sent, &err) == SOCK_OK) {
		buf_consume(&g->wire_out, sent);
		took(g, sent);
	}
	return fail(g, why, tls_error(g->tls));
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
			return lost(g, err);
		buf_consume(b, sent);
		took(g, sent);
	}
	if (g->shut && buf_len(b) == 0)
		sock_shut_write(g->fd);
	/* whoever flushes may make the room, so the loop need not find the socket writable */
	if (has_room_again(g))
		go_on_later(g);
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
	case TLS_WANT_KEY:
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
	ENSURE(g->state != LEG_SHAKE && !g->closing);
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
			return lost(g, err);
		took(g, sent);
	}
	if (!buf_put(&g->out, (struct span){bytes.p + sent, bytes.n - sent}))
		return fail(g, REASON_LIMIT_QUEUE, "too many bytes wait to be sent");
	g->high = g->high || leg_queued(g) > LEG_HIGH_WATER;
	want(g);
	return true;
}

/* Reads once from the socket into b; true if the caller may go on. */
static bool fill(struct leg *g, struct buf *b)
{
	size_t room = b->max > buf_len(b) ? b->max - buf_len(b) : 0;
	if (room > READ_SIZE)
		room = READ_SIZE;
	if (room == 0 || g->ended)
		return true;
	/* as much as one chunk holds is read without asking for a larger block */
	size_t ask = room < BUF_CHUNK / 2 ? room : BUF_CHUNK / 2;
	if (!buf_reserve(b, ask) && b == &g->in && b->refused) {
		tell(g, LEG_SHORT);
		return false;
	}
	if (buf_room(b) == 0)
		return fail(g, REASON_NO_MEMORY, "no memory for the receive buffer");
	size_t cap = buf_room(b) < room ? buf_room(b) : room, got = 0;
	int err = 0;
	switch (sock_recv(g->fd, buf_tail(b), cap, &got, &err)) {
	case SOCK_OK:
		buf_filled(b, got);
		g->received += got;
		if (g->count_received != NULL)
			stats_add(g->count_received, got);
		break;
	case SOCK_AGAIN:
		break;
	case SOCK_EOF:
		g->ended = true;
		break;
	case SOCK_ERROR:
		return lost(g, err);
	}
	if (buf_len(b) == 0)
		buf_clear(b);
	return true;
}

/* Sending failed: what the other side said before it went tells more than errno, and can still be read. */
static void hear_out(struct leg *g)
{
	bool came = g->why == REASON_PEER_LOST;
	while (came && g->reading && g->fn != NULL) {
		uint64_t received = g->received;
		size_t had = buf_len(&g->in);
		if (!fill(g, g->tls != NULL ? &g->wire_in : &g->in))
			return;
		came = g->received > received;
		if (g->tls != NULL && tls_read(g->tls, &g->wire_in, &g->in, &g->wire_out) == TLS_FAILED)
			came = false;
		if (buf_len(&g->in) > had)
			tell(g, LEG_READABLE);
	}
}

/* Behind all that was written: close_notify, and FIN once the socket has taken it. */
static bool finish(struct leg *g)
{
	if (!leg_flush(g))
		return false;
	if (g->shut)
		return true;
	if (g->state == LEG_SECURE)
		tls_close(g->tls, &g->wire_out);
	g->shut = true;
	return drain(g);
}

static bool shake(struct leg *g)
{
	switch (tls_handshake(g->tls, &g->wire_in, &g->wire_out)) {
	case TLS_DONE:
		g->state = LEG_SECURE;
		if (!drain(g))
			return false;
		tell(g, LEG_SECURED);
		return g->fn != NULL && (g->closing ? finish(g) : leg_flush(g));
	case TLS_WANT_READ:
	case TLS_WANT_KEY:
	case TLS_WANT_ROOM:
		if (g->ended)
			return fail(g, REASON_TLS_LOST, "connection closed during the handshake");
		return drain(g);
	case TLS_CLOSED:
	case TLS_FAILED:
		break;
	}
	return fail_tls(g);
}

static bool show(struct leg *g)
{
	tell(g, LEG_READABLE);
	return g->state != LEG_DEAD;
}

/* As many records as leg_in() takes; true if it is worth while to go on. */
static bool decrypt(struct leg *g)
{
	size_t had = buf_len(&g->in);
	enum tls_rc rc = tls_read(g->tls, &g->wire_in, &g->in, &g->wire_out);
	bool came = buf_len(&g->in) > had;
	g->more = rc == TLS_WANT_ROOM;
	g->ended = g->ended || rc == TLS_CLOSED;
	g->heard = g->heard || came;
	if (g->in.refused) {
		tell(g, LEG_SHORT);
		return false;
	}
	/* also what came before a broken record: it may say why there is no more */
	if (came && !show(g))
		return false;
	if (rc == TLS_FAILED)
		return fail_tls(g);
	return drain(g) && came && g->more;
}

/* Moves what is there one step on and tells the owner; until nothing changes or the owner stops reading. */
static void pump(struct leg *g, bool again)
{
	if (g->pumping || g->state == LEG_DEAD)
		return;
	g->pumping = true;
	bool ok = g->state != LEG_SHAKE || shake(g);
	if (ok && again && buf_len(&g->in) > 0)
		ok = show(g);
	/* the owner may just have turned TLS on */
	if (ok && g->state == LEG_SHAKE)
		ok = shake(g);
	while (ok && g->state == LEG_SECURE && g->reading)
		ok = decrypt(g);
	g->pumping = false;
	if (g->state == LEG_DEAD)
		return;
	if (g->ended && g->reading && !g->more) {
		g->state = LEG_DEAD;
		want(g);
		tell(g, LEG_ENDED);
		return;
	}
	want(g);
}

static void on_ready(void *arg, unsigned ready)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	if ((ready & LOOP_FAILED) != 0)
		(void)fail(g, REASON_NO_MEMORY, "the connection can't be watched");
	if ((ready & LOOP_WRITE) != 0 && g->state != LEG_DEAD)
		(void)drain(g);
	if ((ready & LOOP_READ) == 0 || g->state == LEG_DEAD || !g->reading)
		return;
	size_t had = buf_len(&g->in);
	if (fill(g, g->tls != NULL ? &g->wire_in : &g->in))
		pump(g, buf_len(&g->in) > had);
}

struct buf *leg_in(struct leg *g)
{
	return &g->in;
}

void leg_read_on(struct leg *g, bool on)
{
	if (g->reading == on)
		return;
	g->reading = on;
	g->again = on;
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

static void on_signature(void *arg)
{
	struct leg *g = arg;
	MAGIC_CHECK(g, LEG_MAGIC);
	if (g->state != LEG_DEAD)
		go_on_later(g);
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
	tls_on_signature(tls, on_signature, g);
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
	if (g->closing || g->state == LEG_DEAD)
		return;
	g->closing = true;
	if (g->state != LEG_SHAKE)
		(void)finish(g);
}

enum reason leg_why(const struct leg *g)
{
	return g->why;
}

const char *leg_error(const struct leg *g)
{
	return g->error != NULL ? g->error : "";
}
