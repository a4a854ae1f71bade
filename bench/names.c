#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAMES_MAGIC 0x6e616d65u
#define QUERIES_A_TURN 64
#define TTL 60

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_SRV = 33 };
enum { FLAG_ANSWER = 0x8400, FLAG_RECURSION = 0x0100, RCODE_NXDOMAIN = 3 };

struct names {
	uint32_t magic;
	const struct bench *bench;
	struct loop_io *io;
	int fd;
};

struct question {
	char name[256];
	size_t end; /* offset behind it */
	unsigned type;
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint8_t *put16(uint8_t *p, unsigned n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
	return p + 2;
}

static bool read_question(struct span query, struct question *q)
{
	const uint8_t *bytes = (const uint8_t *)query.p;
	size_t at = 12, n = 0;

	if (query.n < 17 || get16(bytes + 4) != 1)
		return false;
	while (at < query.n && bytes[at] != 0) {
		size_t label = bytes[at++];

		if (label > 63 || label > query.n - at || n + label + 1 >= sizeof(q->name))
			return false;
		memcpy(q->name + n, bytes + at, label);
		n += label;
		q->name[n++] = '.';
		at += label;
	}
	if (n == 0 || query.n - at < 5)
		return false;
	q->name[n - 1] = '\0';
	q->type = get16(bytes + at + 1);
	q->end = at + 5;
	return true;
}

/* Which peer a name is about; srv: it stands behind a service of ours. */
static bool find_peer(const struct bench *b, const char *name, bool *srv, struct domain *peer)
{
	static const char *const services[] = {"_xmpp-server._tcp.", "_xmpps-server._tcp."};
	const char *wanted = services[b->plan->direct_tls];
	uint32_t route;

	*srv = strncasecmp(name, wanted, strlen(wanted)) == 0;
	if (*srv)
		name += strlen(wanted);
	return domain_parse(peer, span_of(name)) && bench_peer_route(b, peer, &route);
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return p;
}

/* The record's data; NULL: there is no such record. */
static uint8_t *put_data(
    uint8_t *p, const struct bench *b, const struct question *q, const struct domain *peer, bool srv)
{
	const struct addr *at = &b->plan->remote;

	if (srv && q->type == TYPE_SRV) {
		p = put16(put16(put16(p, 0), 0), addr_port(at));
		return put_name(p, peer->s);
	}
	if (!srv && q->type == TYPE_A && at->u.sa.sa_family == AF_INET) {
		memcpy(p, &at->u.in.sin_addr, 4);
		return p + 4;
	}
	if (!srv && q->type == TYPE_AAAA && at->u.sa.sa_family == AF_INET6) {
		memcpy(p, &at->u.in6.sin6_addr, 16);
		return p + 16;
	}
	return NULL;
}

size_t names_answer(const struct bench *b, struct span query, uint8_t *out)
{
	struct question q;
	struct domain peer;
	bool known, srv;
	uint8_t *p, *data;
	const uint8_t *end;

	if (!read_question(query, &q))
		return 0;
	known = find_peer(b, q.name, &srv, &peer);
	memcpy(out, query.p, q.end);
	p = out + q.end;
	data = p + 12;
	end = known ? put_data(data, b, &q, &peer, srv) : NULL;
	put16(out + 2, FLAG_ANSWER | (get16(out + 2) & FLAG_RECURSION) | (known ? 0u : RCODE_NXDOMAIN));
	put16(put16(put16(out + 6, end != NULL), 0), 0);
	if (end == NULL)
		return q.end;
	p = put16(put16(put16(p, 0xc00c), q.type), 1);
	p = put16(put16(p, 0), TTL);
	put16(p, (unsigned)(end - data));
	return (size_t)(end - out);
}

static void on_readable(void *arg, unsigned ready)
{
	struct names *n = arg;
	uint8_t answer[NAMES_MAX];
	char query[512];

	(void)ready;
	MAGIC_CHECK(n, NAMES_MAGIC);
	for (int i = 0; i < QUERIES_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t from_n = sizeof(from);
		ssize_t got = recvfrom(n->fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_n);

		if (got < 0)
			return;
		size_t len = names_answer(n->bench, (struct span){query, (size_t)got}, answer);
		/* who hears no answer asks again */
		if (len > 0)
			(void)sendto(n->fd, answer, len, 0, (struct sockaddr *)&from, from_n);
	}
}

struct names *names_new(struct lane *lane, char *err, size_t err_n)
{
	const struct addr *at = &lane->plan->dns;
	struct names *n = calloc(1, sizeof(*n));
	char text[ADDR_TEXT_MAX];

	snprintf(err, err_n, "out of memory");
	if (n == NULL)
		return NULL;
	*n = (struct names){.magic = NAMES_MAGIC, .bench = lane->bench};
	n->fd = socket(at->u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->fd < 0 || bind(n->fd, &at->u.sa, at->len) != 0) {
		snprintf(err, err_n, "can't answer DNS queries at %s: %s", addr_format(at, text), strerror(errno));
		names_free(n);
		return NULL;
	}
	n->io = loop_io_new(lane->loop, n->fd, on_readable, n);
	if (n->io == NULL) {
		names_free(n);
		return NULL;
	}
	loop_io_want(n->io, true, false);
	return n;
}

void names_free(struct names *n)
{
	if (n == NULL)
		return;
	loop_io_free(n->io);
	if (n->fd >= 0)
		close(n->fd);
	n->magic = 0;
	free(n);
}
