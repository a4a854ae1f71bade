/* fake_dns: a name server on loopback that answers from a script, on the test's own loop, over UDP and TCP.
 *
 * A name without records is NXDOMAIN, one without such a record has no data, an answer over 512 bytes is truncated over
 * UDP; fake_dns_rule() makes it misbehave.  Include after cmocka.h. */
#ifndef FAKE_DNS_H
#define FAKE_DNS_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "sallyport/addr.h"
#include "sallyport/loop.h"

enum { FAKE_A = 1, FAKE_CNAME = 5, FAKE_AAAA = 28, FAKE_SRV = 33 };
enum { FAKE_RRS = 128, FAKE_RULES = 16, FAKE_LOG = 256, FAKE_CONNS = 16, FAKE_HELD = 32, FAKE_MESSAGE = 8192 };

enum fake_manner {
	FAKE_GOOD,
	FAKE_SILENT, /* until fake_dns_release() */
	FAKE_NO_NAME,
	FAKE_SERVFAIL,
	FAKE_REFUSED,
	FAKE_TRUNCATED, /* over UDP, whatever the size */
	FAKE_GARBAGE,   /* the right header and question, then bytes that are no records */
	FAKE_NOISE,     /* the right answer behind an NXDOMAIN of another id and one to another question */
};

struct fake_rr {
	char name[256];
	uint16_t type, n;
	unsigned char data[300];
};

struct fake_query {
	char name[256];
	uint16_t type;
	bool tcp;
	unsigned char bytes[512];
	size_t n;
	struct addr from;
};

struct fake_conn {
	struct fake_dns *server;
	int fd;
	struct loop_io *io;
	unsigned char in[1024];
	size_t n;
};

struct fake_dns {
	struct loop *loop;
	int udp, tcp;
	struct loop_io *udp_io, *tcp_io;
	struct addr addr;
	struct fake_rr rrs[FAKE_RRS];
	size_t rrs_n;
	struct {
		char name[256];
		uint16_t type; /* 0: all */
		enum fake_manner manner;
	} rules[FAKE_RULES];
	size_t rules_n;
	struct fake_query log[FAKE_LOG], held[FAKE_HELD];
	size_t log_n, held_n;
	struct fake_conn conns[FAKE_CONNS];
	size_t conns_n;
};

/* --- the script --- */

static inline void fake_dns_rr(struct fake_dns *f, const char *name, uint16_t type, const void *data, size_t n)
{
	struct fake_rr *rr = &f->rrs[f->rrs_n++];

	assert_true(f->rrs_n <= FAKE_RRS && n <= sizeof(rr->data));
	snprintf(rr->name, sizeof(rr->name), "%s", name);
	rr->type = type;
	rr->n = (uint16_t)n;
	memcpy(rr->data, data, n);
}

/* "a.b" as labels; "" is the root. */
static inline size_t fake_name(unsigned char *out, const char *name)
{
	size_t n = 0;

	while (*name != '\0') {
		size_t label = strcspn(name, ".");

		out[n++] = (unsigned char)label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	out[n++] = 0;
	return n;
}

static inline void fake_put16(unsigned char *out, unsigned value)
{
	out[0] = (unsigned char)(value >> 8);
	out[1] = (unsigned char)value;
}

static inline void fake_dns_srv(
    struct fake_dns *f, const char *name, unsigned priority, unsigned weight, unsigned port, const char *target)
{
	unsigned char data[300];

	fake_put16(data, priority);
	fake_put16(data + 2, weight);
	fake_put16(data + 4, port);
	fake_dns_rr(f, name, FAKE_SRV, data, 6 + fake_name(data + 6, target));
}

static inline void fake_dns_addr(struct fake_dns *f, const char *name, const char *address)
{
	unsigned char data[16];

	if (inet_pton(AF_INET, address, data) == 1)
		fake_dns_rr(f, name, FAKE_A, data, 4);
	else if (inet_pton(AF_INET6, address, data) == 1)
		fake_dns_rr(f, name, FAKE_AAAA, data, 16);
	else
		fail();
}

static inline void fake_dns_cname(struct fake_dns *f, const char *name, const char *target)
{
	unsigned char data[300];

	fake_dns_rr(f, name, FAKE_CNAME, data, fake_name(data, target));
}

static inline void fake_dns_rule(struct fake_dns *f, const char *name, uint16_t type, enum fake_manner manner)
{
	assert_true(f->rules_n < FAKE_RULES);
	snprintf(f->rules[f->rules_n].name, sizeof(f->rules[0].name), "%s", name);
	f->rules[f->rules_n].type = type;
	f->rules[f->rules_n++].manner = manner;
}

/* How often that was asked; type 0: all types. */
static inline size_t fake_dns_asked(const struct fake_dns *f, const char *name, uint16_t type, bool tcp)
{
	size_t n = 0;

	for (size_t i = 0; i < f->log_n; i++)
		n += strcasecmp(f->log[i].name, name) == 0 && (type == 0 || f->log[i].type == type) &&
		     f->log[i].tcp == tcp;
	return n;
}

/* --- answers --- */

static inline enum fake_manner fake_manner_of(const struct fake_dns *f, const struct fake_query *q)
{
	for (size_t i = 0; i < f->rules_n; i++) {
		if (strcasecmp(f->rules[i].name, q->name) == 0 &&
		    (f->rules[i].type == 0 || f->rules[i].type == q->type))
			return f->rules[i].manner;
	}
	return FAKE_GOOD;
}

/* Appends the records of a name and type; true if the name exists.  *alias: a CNAME's index + 1, or 0. */
static inline bool fake_records(const struct fake_dns *f, const char *name, uint16_t type, unsigned char *out,
    size_t *n, unsigned *count, size_t *alias)
{
	bool exists = false;

	*alias = 0;
	for (size_t i = 0; i < f->rrs_n; i++) {
		const struct fake_rr *rr = &f->rrs[i];

		if (strcasecmp(rr->name, name) != 0)
			continue;
		exists = true;
		if (rr->type != type && rr->type != FAKE_CNAME)
			continue;
		if (rr->type == FAKE_CNAME)
			*alias = i + 1;
		*n += fake_name(out + *n, name);
		fake_put16(out + *n, rr->type);
		fake_put16(out + *n + 2, 1);
		memcpy(out + *n + 4, "\0\0\0\74", 4);
		fake_put16(out + *n + 8, rr->n);
		memcpy(out + *n + 10, rr->data, rr->n);
		*n += 10u + rr->n;
		assert_true(*n < FAKE_MESSAGE - 600);
		(*count)++;
	}
	return exists;
}

static inline void fake_text(const unsigned char *wire, char *out)
{
	size_t n = 0;

	for (size_t label; (label = *wire++) != 0; wire += label) {
		if (n > 0)
			out[n++] = '.';
		memcpy(out + n, wire, label);
		n += label;
	}
	out[n] = '\0';
}

static inline size_t fake_answer(
    const struct fake_dns *f, const struct fake_query *q, enum fake_manner manner, unsigned char *out)
{
	size_t n = q->n, alias = 0;
	unsigned count = 0, rcode = 0;
	char name[256];
	bool exists;

	memcpy(out, q->bytes, n); /* header and question */
	snprintf(name, sizeof(name), "%s", q->name);
	exists = fake_records(f, name, q->type, out, &n, &count, &alias);
	for (int hops = 0; alias != 0 && hops < 8; hops++) {
		fake_text(f->rrs[alias - 1].data, name);
		(void)fake_records(f, name, q->type, out, &n, &count, &alias);
	}
	if (manner == FAKE_NO_NAME || manner == FAKE_SERVFAIL || manner == FAKE_REFUSED || !exists) {
		rcode = manner == FAKE_SERVFAIL ? 2 : manner == FAKE_REFUSED ? 5 : 3;
		n = q->n;
		count = 0;
	}
	if (manner == FAKE_GARBAGE) {
		n = q->n + 100;
		memset(out + q->n, 0xee, 100);
		count = 3;
	}
	fake_put16(out + 2, 0x8180 | rcode);
	fake_put16(out + 6, count);
	fake_put16(out + 8, 0);
	fake_put16(out + 10, 0);
	if (!q->tcp && (n > 512 || manner == FAKE_TRUNCATED)) {
		out[2] |= 2;
		fake_put16(out + 6, 0);
		n = q->n;
	}
	return n;
}

static inline void fake_noise(struct fake_dns *f, const struct fake_query *q)
{
	unsigned char bytes[512];

	memcpy(bytes, q->bytes, q->n);
	bytes[2] |= 0x80;
	bytes[3] = 3;
	bytes[0] ^= 0x5a; /* another id */
	(void)sendto(f->udp, bytes, q->n, 0, &q->from.u.sa, q->from.len);
	bytes[0] ^= 0x5a;
	bytes[13] ^= 1; /* another question */
	(void)sendto(f->udp, bytes, q->n, 0, &q->from.u.sa, q->from.len);
}

static inline void fake_reply(struct fake_dns *f, const struct fake_query *q, enum fake_manner manner, int conn)
{
	static unsigned char out[FAKE_MESSAGE + 2];
	size_t n = fake_answer(f, q, manner, out + 2);

	fake_put16(out, (unsigned)n);
	if (q->tcp) {
		assert_int_equal(send(conn, out, n + 2, MSG_NOSIGNAL), n + 2);
		return;
	}
	if (manner == FAKE_NOISE)
		fake_noise(f, q);
	/* The asker may have closed its socket meanwhile. */
	(void)sendto(f->udp, out + 2, n, 0, &q->from.u.sa, q->from.len);
}

static inline void fake_asked(struct fake_dns *f, struct fake_query *q, int conn)
{
	enum fake_manner manner;
	size_t end = 12;

	assert_true(q->n > 12 + 5);
	fake_text(q->bytes + 12, q->name);
	while (q->bytes[end] != 0)
		end += q->bytes[end] + 1u;
	q->type = (uint16_t)(q->bytes[end + 1] << 8 | q->bytes[end + 2]);
	q->n = end + 5; /* without what follows the question */
	assert_true(f->log_n < FAKE_LOG);
	f->log[f->log_n++] = *q;
	manner = fake_manner_of(f, q);
	if (manner != FAKE_SILENT) {
		fake_reply(f, q, manner, conn);
	} else if (!q->tcp) {
		assert_true(f->held_n < FAKE_HELD);
		f->held[f->held_n++] = *q;
	}
}

/* Answers all that was asked so far of silent names; from now on there is no such rule any more. */
static inline void fake_dns_release(struct fake_dns *f)
{
	for (size_t i = 0; i < f->rules_n; i++) {
		if (f->rules[i].manner == FAKE_SILENT)
			f->rules[i].manner = FAKE_GOOD;
	}
	for (size_t i = 0; i < f->held_n; i++)
		fake_reply(f, &f->held[i], FAKE_GOOD, -1);
	f->held_n = 0;
}

/* --- sockets --- */

static inline void fake_udp_ready(void *arg, unsigned ready)
{
	struct fake_dns *f = arg;
	struct fake_query q = {.from = {.len = sizeof(q.from.u)}};
	ssize_t n = recvfrom(f->udp, q.bytes, sizeof(q.bytes), 0, &q.from.u.sa, &q.from.len);

	(void)ready;
	if (n < 0)
		return;
	q.n = (size_t)n;
	fake_asked(f, &q, -1);
}

static inline void fake_conn_ready(void *arg, unsigned ready)
{
	struct fake_conn *c = arg;
	struct fake_query q = {.tcp = true};
	ssize_t n = recv(c->fd, c->in + c->n, sizeof(c->in) - c->n, 0);
	size_t want;

	(void)ready;
	if (n <= 0) {
		loop_io_want(c->io, false, false);
		return;
	}
	c->n += (size_t)n;
	while (c->n >= 2 && c->n >= 2 + (want = (size_t)(c->in[0] << 8 | c->in[1]))) {
		assert_true(want <= sizeof(q.bytes));
		memcpy(q.bytes, c->in + 2, want);
		q.n = want;
		fake_asked(c->server, &q, c->fd);
		memmove(c->in, c->in + 2 + want, c->n - 2 - want);
		c->n -= 2 + want;
	}
}

static inline void fake_tcp_ready(void *arg, unsigned ready)
{
	struct fake_dns *f = arg;
	struct fake_conn *c = &f->conns[f->conns_n++];

	(void)ready;
	assert_true(f->conns_n <= FAKE_CONNS);
	c->server = f;
	c->fd = accept4(f->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(c->fd >= 0);
	c->io = loop_io_new(f->loop, c->fd, fake_conn_ready, c);
	loop_io_want(c->io, true, false);
}

/* On 127.0.0.1, or on [::1]; f->addr is where. */
static inline struct fake_dns *fake_dns_new(struct loop *loop, const char *host)
{
	struct fake_dns *f = calloc(1, sizeof(*f));
	char text[ADDR_TEXT_MAX];

	assert_non_null(f);
	f->loop = loop;
	snprintf(text, sizeof(text), "%s:0", host);
	/* The TCP port that belongs to a free UDP port may be taken: try another. */
	for (int tries = 0; f->tcp <= 0; tries++) {
		assert_true(tries < 100);
		assert_true(addr_parse(&f->addr, span_of(text), true));
		f->udp = socket(f->addr.u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(f->udp, &f->addr.u.sa, f->addr.len), 0);
		assert_int_equal(getsockname(f->udp, &f->addr.u.sa, &f->addr.len), 0);
		f->tcp = socket(f->addr.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (bind(f->tcp, &f->addr.u.sa, f->addr.len) == 0 && listen(f->tcp, 16) == 0)
			break;
		close(f->udp);
		close(f->tcp);
		f->tcp = -1;
	}
	f->udp_io = loop_io_new(loop, f->udp, fake_udp_ready, f);
	f->tcp_io = loop_io_new(loop, f->tcp, fake_tcp_ready, f);
	loop_io_want(f->udp_io, true, false);
	loop_io_want(f->tcp_io, true, false);
	return f;
}

static inline void fake_dns_free(struct fake_dns *f)
{
	loop_io_free(f->udp_io);
	loop_io_free(f->tcp_io);
	close(f->udp);
	close(f->tcp);
	for (size_t i = 0; i < f->conns_n; i++) {
		loop_io_free(f->conns[i].io);
		close(f->conns[i].fd);
	}
	free(f);
}

#endif
