/* The fake sockets: one network, whose far ends the script holds. */
#include "fakenet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/sock.h"

/* Descriptors of ours begin far above those of the system: a real call on one of them fails. */
enum { FD_BASE = 100000, FD_MAX = 4096, BACKLOG = 512 };

enum fate { ATTEMPT, IGNORED, REFUSED, CONNECTED };

struct fake_conn {
	struct fake_conn *next;
	enum fate fate;
	struct addr ours, theirs; /* the gateway's end, the far end */
	int err;                  /* REFUSED, or a reset */
	struct fake_bytes in;     /* on its way to the gateway */
	size_t arrived;           /* of these, this turn */
	bool in_finished;         /* FIN behind them */
	bool cut;                 /* nothing arrives any more */
	struct fake_bytes out;    /* what the gateway sent */
	size_t taken;             /* of what it sends, this turn */
	bool reading;
	size_t stuffed; /* bytes in the socket's buffer since the far end stopped reading */
	enum fake_end end;
};

struct listener {
	struct addr at;
	struct fake_conn *backlog[BACKLOG];
	size_t first, n;
};

/* What a descriptor stands for: one of the two, or nothing. */
struct slot {
	struct listener *listener;
	struct fake_conn *conn;
};

/* sock.h's functions are given a number and nothing else, so the network has to be found from there. */
static struct {
	struct slot slots[FD_MAX];
	struct fake_conn *conns; /* newest first */
	size_t pieces;
	uint64_t read, cut_after;
	bool cut_resets;
	int starved;    /* the errno by which accepting fails; 0: it does not */
	uint64_t moved; /* bytes and connections that the gateway took or gave, ever */
} net = {.cut_after = UINT64_MAX};

static int slot_new(struct listener *listener, struct fake_conn *conn)
{
	for (int i = 0; i < FD_MAX; i++) {
		if (net.slots[i].listener != NULL || net.slots[i].conn != NULL)
			continue;
		net.slots[i] = (struct slot){listener, conn};
		return FD_BASE + i;
	}
	return -1;
}

static struct slot *slot_of(int fd)
{
	ENSURE(fd >= FD_BASE && fd < FD_BASE + FD_MAX);
	struct slot *slot = &net.slots[fd - FD_BASE];

	ENSURE(slot->listener != NULL || slot->conn != NULL); /* used after close */
	return slot;
}

static struct fake_conn *conn_of(int fd)
{
	struct fake_conn *c = slot_of(fd)->conn;

	ENSURE(c != NULL);
	return c;
}

static struct fake_conn *conn_new(const struct addr *ours, const struct addr *theirs, enum fate fate)
{
	struct fake_conn *c = fake_alloc(sizeof(*c));

	c->ours = *ours;
	c->theirs = *theirs;
	c->fate = fate;
	c->reading = true;
	c->taken = 0;
	c->next = net.conns;
	net.conns = c;
	return c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- what the gateway calls --- */

int sock_listen(const struct addr *at, bool shared, char *err, size_t err_n)
{
	struct listener *l;
	char text[ADDR_TEXT_MAX];

	(void)shared;
	for (size_t i = 0; i < FD_MAX; i++) {
		if (net.slots[i].listener == NULL || !addr_eq(&net.slots[i].listener->at, at))
			continue;
		(void)snprintf(err, err_n, "%s is in use", addr_format(at, text));
		return -1;
	}
	l = fake_alloc(sizeof(*l));
	l->at = *at;
	return slot_new(l, NULL);
}

bool sock_listen_probe(const struct addr *at, char *err, size_t err_n)
{
	int fd = sock_listen(at, false, err, err_n);

	if (fd < 0)
		return false;
	sock_close(fd);
	return true;
}

enum sock_rc sock_accept(int listener, int *fd, struct addr *peer, int *err)
{
	struct listener *l = slot_of(listener)->listener;
	struct fake_conn *c;

	ENSURE(l != NULL);
	*fd = -1;
	if (l->n == 0)
		return SOCK_AGAIN;
	c = l->backlog[l->first];
	*fd = net.starved == 0 ? slot_new(NULL, c) : -1;
	if (*fd < 0) {
		*err = net.starved != 0 ? net.starved : EMFILE;
		return SOCK_ERROR;
	}
	l->first = (l->first + 1) % BACKLOG;
	l->n--;
	net.moved++;
	*peer = c->theirs;
	return SOCK_OK;
}

enum sock_rc sock_connect(const struct addr *to, int *fd, int *err)
{
	struct addr nowhere = {.len = 0};
	struct fake_conn *c = conn_new(&nowhere, to, ATTEMPT);

	*fd = slot_new(NULL, c);
	if (*fd < 0) {
		c->fate = IGNORED;
		*err = EMFILE;
		return SOCK_ERROR;
	}
	return SOCK_OK;
}

enum sock_rc sock_connected(int fd, int *err)
{
	struct fake_conn *c = conn_of(fd);

	if (c->fate == CONNECTED && c->err == 0)
		return SOCK_OK;
	*err = c->err != 0 ? c->err : EINPROGRESS;
	return SOCK_ERROR;
}

static void cut(struct fake_conn *c)
{
	fake_bytes_drop(&c->in, c->in.n);
	c->arrived = 0;
	c->cut = true;
	c->in_finished = !net.cut_resets;
	c->err = net.cut_resets ? ECONNRESET : 0;
	net.cut_after = UINT64_MAX;
}

enum sock_rc sock_recv(int fd, char *to, size_t cap, size_t *got, int *err)
{
	struct fake_conn *c = conn_of(fd);
	size_t n = least(cap, c->arrived);

	*got = 0;
	ENSURE(cap > 0 && c->fate == CONNECTED);
	if (c->err != 0) {
		*err = c->err;
		return SOCK_ERROR;
	}
	if (n == 0)
		return c->in.n == 0 && c->in_finished ? SOCK_EOF : SOCK_AGAIN;
	n = least(n, (size_t)(net.cut_after - net.read));
	memcpy(to, c->in.p, n);
	fake_bytes_drop(&c->in, n);
	c->arrived -= n;
	net.read += n;
	if (net.read == net.cut_after)
		cut(c);
	net.moved += n;
	*got = n;
	return SOCK_OK;
}

/* How many bytes the socket takes at the moment. */
static size_t send_room(const struct fake_conn *c)
{
	size_t room = net.pieces == 0 ? SIZE_MAX : net.pieces - c->taken;

	return c->reading ? room : least(room, FAKE_SOCKET_BUFFER - c->stuffed);
}

enum sock_rc sock_send(int fd, const struct span *parts, size_t parts_n, size_t *sent, int *err)
{
	struct fake_conn *c = conn_of(fd);
	bool asked = false;

	*sent = 0;
	ENSURE(c->fate == CONNECTED && c->end == FAKE_OPEN);
	if (c->err != 0) {
		*err = c->err;
		return SOCK_ERROR;
	}
	for (size_t i = 0; i < parts_n; i++) {
		size_t n = least(parts[i].n, send_room(c));

		asked = asked || parts[i].n > 0;
		fake_bytes_put(&c->out, (struct span){parts[i].p, n});
		c->taken += n;
		c->stuffed += c->reading ? 0 : n;
		*sent += n;
		net.moved += n;
		if (n < parts[i].n)
			break;
	}
	return *sent == 0 && asked ? SOCK_AGAIN : SOCK_OK;
}

void sock_shut_write(int fd)
{
	struct fake_conn *c = conn_of(fd);

	if (c->end == FAKE_OPEN)
		c->end = FAKE_FINISHED;
}

void sock_close(int fd)
{
	struct slot *slot = slot_of(fd);

	if (slot->conn != NULL && slot->conn->end == FAKE_OPEN)
		slot->conn->end = slot->conn->in.n > 0 ? FAKE_ABORTED : FAKE_FINISHED;
	free(slot->listener);
	*slot = (struct slot){NULL, NULL};
}

/* --- for the fake loop --- */

void fake_net_turn(void)
{
	for (struct fake_conn *c = net.conns; c != NULL; c = c->next) {
		c->arrived = net.pieces == 0 ? c->in.n : least(c->in.n, net.pieces);
		c->taken = 0;
	}
}

uint64_t fake_net_moved(void)
{
	return net.moved;
}

unsigned fake_net_ready(int fd)
{
	const struct slot *slot = slot_of(fd);
	const struct fake_conn *c = slot->conn;

	if (slot->listener != NULL)
		return slot->listener->n > 0 ? LOOP_READ : 0;
	if (c->err != 0)
		return LOOP_READ | LOOP_WRITE;
	if (c->fate != CONNECTED)
		return 0;
	return (c->arrived > 0 || (c->in.n == 0 && c->in_finished) ? LOOP_READ : 0u) |
	       (send_room(c) > 0 ? LOOP_WRITE : 0u);
}

/* --- what the script calls --- */

void fake_net_reset(void)
{
	ENSURE(fake_net_descriptors() == 0);
	while (net.conns != NULL) {
		struct fake_conn *c = net.conns;

		net.conns = c->next;
		fake_bytes_free(&c->in);
		fake_bytes_free(&c->out);
		free(c);
	}
	net.pieces = 0;
	net.starved = 0;
	net.read = 0;
	net.cut_after = UINT64_MAX;
	net.moved = 0;
	fake_dns_reset();
}

void fake_net_cut(uint64_t after, bool reset)
{
	net.cut_after = after;
	net.cut_resets = reset;
}

uint64_t fake_net_read(void)
{
	return net.read;
}

void fake_net_starve(int err)
{
	net.starved = err;
}

void fake_net_pieces(size_t n)
{
	net.pieces = n;
}

size_t fake_net_descriptors(void)
{
	size_t n = 0;

	for (size_t i = 0; i < FD_MAX; i++)
		n += net.slots[i].listener != NULL || net.slots[i].conn != NULL;
	return n;
}

struct fake_conn *fake_net_connect(const struct addr *to, const struct addr *from)
{
	for (size_t i = 0; i < FD_MAX; i++) {
		struct listener *l = net.slots[i].listener;
		struct fake_conn *c;

		if (l == NULL || !addr_eq(&l->at, to))
			continue;
		ENSURE(l->n < BACKLOG);
		c = conn_new(to, from, CONNECTED);
		l->backlog[(l->first + l->n) % BACKLOG] = c;
		l->n++;
		return c;
	}
	return NULL;
}

static struct fake_conn *attempt(const struct addr *at)
{
	struct fake_conn *oldest = NULL;

	for (struct fake_conn *c = net.conns; c != NULL; c = c->next)
		if (c->fate == ATTEMPT && (at == NULL || addr_eq(&c->theirs, at)))
			oldest = c;
	return oldest;
}

struct fake_conn *fake_net_accept(const struct addr *at)
{
	struct fake_conn *c = attempt(at);

	if (c != NULL)
		c->fate = CONNECTED;
	return c;
}

bool fake_net_refuse(const struct addr *at, int err)
{
	struct fake_conn *c = attempt(at);

	if (c == NULL)
		return false;
	c->fate = REFUSED;
	c->err = err;
	return true;
}

bool fake_net_ignore(const struct addr *at)
{
	struct fake_conn *c = attempt(at);

	if (c == NULL)
		return false;
	c->fate = IGNORED;
	return true;
}

size_t fake_net_attempts(struct addr *at)
{
	const struct fake_conn *oldest = attempt(NULL);
	size_t n = 0;

	for (const struct fake_conn *c = net.conns; c != NULL; c = c->next)
		n += c->fate == ATTEMPT;
	if (oldest != NULL && at != NULL)
		*at = oldest->theirs;
	return n;
}

void fake_conn_send(struct fake_conn *c, struct span bytes)
{
	ENSURE(!c->in_finished || c->cut);
	/* To an end that is closed they go nowhere, as on a real network. */
	if (c->err == 0 && !c->cut)
		fake_bytes_put(&c->in, bytes);
}

void fake_conn_finish(struct fake_conn *c)
{
	c->in_finished = true;
}

void fake_conn_reset(struct fake_conn *c)
{
	c->err = ECONNRESET;
}

void fake_conn_reading(struct fake_conn *c, bool on)
{
	c->reading = on;
	c->stuffed = 0;
}

struct span fake_conn_received(const struct fake_conn *c)
{
	return (struct span){c->out.p, c->out.n};
}

void fake_conn_consume(struct fake_conn *c, size_t n)
{
	fake_bytes_drop(&c->out, n);
}

enum fake_end fake_conn_end(const struct fake_conn *c)
{
	return c->end;
}
