/* Answers of name servers, through the whole resolver: a real look-up on loopback is answered with the input.
 *
 * What must hold: exactly one callback, or none after a cancel; no more records than allowed; targets and addresses
 * that can be used; no records without DNS_FOUND.
 *
 * Input: flags, then the answer behind its id.  Flag 1: an address is asked for, else SRV; 2: what was asked for is
 * repeated behind the header, as in every honest answer; 4: the answer comes twice. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sallyport/dns.h"

enum { ASKS_FOR_ADDRESS = 1, REPEATS_QUESTION = 2, COMES_TWICE = 4 };
enum { HEADER = 12, PACKET_MAX = 4096, PATIENCE_MS = 15, QUERIES_MAX = 8 };

struct scene {
	struct loop *loop;
	struct dns *dns;
	struct dns_req *req;
	struct loop_timer *patience;
	int fd;
	unsigned queries;
	const uint8_t *data;
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void on_srv(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct scene *s = arg;

	must(s->req != NULL, "one callback");
	must((rc == DNS_FOUND) == (n > 0), "records are there if found");
	must(n <= DNS_RECORDS_MAX, "not too many records");
	for (size_t i = 0; i < n; i++) {
		size_t len = strnlen(srv[i].target, sizeof(srv[i].target));

		must(len < sizeof(srv[i].target), "a target ends");
		must(len == 0 || srv[i].target[len - 1] != '.', "a target has no final dot");
		must(strcspn(srv[i].target, "/:@ \t\n\"'<>&\\") == len, "a target is a host name");
	}
	s->req = NULL;
	loop_stop(s->loop);
}

static void on_addrs(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n)
{
	struct scene *s = arg;

	must(s->req != NULL, "one callback");
	must((rc == DNS_FOUND) == (n > 0), "records are there if found");
	must(n <= 2 * DNS_RECORDS_MAX, "not too many records");
	for (size_t i = 0; i < n; i++)
		must(addr_port(&addrs[i]) == 0, "an address has no port yet");
	s->req = NULL;
	loop_stop(s->loop);
}

static void give_up(void *arg)
{
	struct scene *s = arg;

	dns_cancel(&s->req);
	loop_stop(s->loop);
}

/* The length of the question behind a query's header. */
static size_t question(const uint8_t *query, size_t n)
{
	size_t at = HEADER;

	while (at < n && query[at] != 0)
		at += query[at] + 1U;
	at += 5; /* the root's label, type and class */
	return at <= n ? at - HEADER : 0;
}

static void on_query(void *arg, unsigned ready)
{
	struct scene *s = arg;
	uint8_t query[PACKET_MAX], answer[2 * PACKET_MAX] = {0};
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t got = recvfrom(s->fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
	size_t head, asked = 0, at = 2;

	(void)ready;
	must(got >= HEADER, "a query has a header");
	if (s->queries++ >= QUERIES_MAX)
		return;
	memcpy(answer, query, 2);
	head = s->n < HEADER - 2 ? s->n : HEADER - 2;
	memcpy(answer + at, s->data + 1, head);
	at += HEADER - 2;
	if ((s->data[0] & REPEATS_QUESTION) != 0)
		asked = question(query, (size_t)got);
	memcpy(answer + at, query + HEADER, asked);
	at += asked;
	memcpy(answer + at, s->data + 1 + head, s->n - head);
	at += s->n - head;
	for (int i = 0; i < ((s->data[0] & COMES_TWICE) != 0 ? 2 : 1); i++)
		(void)sendto(s->fd, answer, at, 0, (struct sockaddr *)&from, from_len);
}

static void open_server(struct scene *s, struct addr *at)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(here);

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&here, len) == 0, "a socket");
	must(getsockname(s->fd, (struct sockaddr *)&here, &len) == 0, "an address");
	memset(at, 0, sizeof(*at));
	at->u.in = here;
	at->len = len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct scene s = {.data = data, .n = n - 1};
	struct loop_io *io;
	struct addr server;

	if (n < 1 || n > PACKET_MAX)
		return 0;
	s.loop = loop_new();
	must(s.loop != NULL, "a loop");
	open_server(&s, &server);
	io = loop_io_new(s.loop, s.fd, on_query, &s);
	s.patience = loop_timer_new(s.loop, give_up, &s);
	s.dns = dns_new(s.loop, &server, 1, 4 * PATIENCE_MS);
	must(io != NULL && s.patience != NULL && s.dns != NULL, "memory");
	loop_io_want(io, true, false);
	loop_timer_set(s.patience, PATIENCE_MS);
	s.req = (data[0] & ASKS_FOR_ADDRESS) != 0 ? dns_lookup_addr(s.dns, "xmpp.peer.lab", on_addrs, &s)
	                                          : dns_lookup_srv(s.dns, "_xmpp-server._tcp.peer.lab", on_srv, &s);
	must(s.req != NULL, "memory");
	loop_run(s.loop);
	must(s.req == NULL, "the look-up is over");
	loop_timer_free(s.patience);
	loop_io_free(io);
	dns_free(s.dns);
	loop_free(s.loop);
	close(s.fd);
	return 0;
}
