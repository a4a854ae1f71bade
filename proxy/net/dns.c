#include "sallyport/dns.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>

#include "dns_internal.h"

#define MAGIC_DNS 0x646e7372u
#define MAGIC_REQ 0x646e7371u

struct dns {
	unsigned magic;
	struct loop *loop;
	uint32_t timeout_ms;
	struct dns_channel channel;
	struct dns_req *open; /* those whose callback is still to come */
	unsigned open_n;
	struct dns_limits limits;
	struct loop_later bury;
	struct stats_count *by_result; /* the owner's, or NULL */
};

enum family { V6, V4, FAMILIES };

/* What c-ares is asked, and gives back to us as its argument. */
struct query {
	struct dns_req *req;
	int type;
	enum dns_rc rc;
};

enum req_state {
	REQ_ASKING,
	REQ_ANSWERED, /* the callback is deferred */
	REQ_DONE,     /* called back or cancelled; c-ares may still hold queries, which it can't cancel one by one */
};

struct dns_req {
	unsigned magic;
	enum req_state state;
	unsigned refs; /* the ticket, each query that c-ares holds, the deferred callback */
	unsigned unanswered;
	struct dns *dns;
	struct dns_req *next, **link;
	struct loop_timer *deadline;
	struct loop_later later;
	struct query queries[FAMILIES]; /* SRV: the first only */
	bool is_srv;
	void (*srv_fn)(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n);
	void (*addr_fn)(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n);
	void *arg;

	struct dns_srv *srv; /* DNS_RECORDS_MAX of them, made for the first */
	size_t srv_n;
	struct addr addrs[FAMILIES][DNS_RECORDS_MAX];
	size_t addrs_n[FAMILIES];
};

/* --- the look-up's life --- */

static void req_unref(struct dns_req *req)
{
	ENSURE(req->refs > 0);
	if (--req->refs > 0)
		return;
	req->magic = 0;
	free(req->srv);
	free(req);
}

/* No callback from here on. */
static void req_close(struct dns_req *req)
{
	ENSURE(req->state != REQ_DONE);
	req->state = REQ_DONE;
	*req->link = req->next;
	if (req->next != NULL)
		req->next->link = req->link;
	loop_timer_free(req->deadline);
	req->deadline = NULL;
	req->dns->open_n--;
	req->dns = NULL;
}

/* Those first that another try may change: one family that failed says more than another that has nothing. */
static enum dns_rc combined(const struct query *q)
{
	static const enum dns_rc order[] = {DNS_FOUND, DNS_BUSY, DNS_FAILED, DNS_TIMEOUT, DNS_NO_DATA};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (q[V6].rc == order[i] || q[V4].rc == order[i])
			return order[i];
	}
	return DNS_NO_NAME;
}

static void call_back_addrs(struct dns_req *req)
{
	struct addr mixed[DNS_RECORDS_MAX];
	enum dns_rc rc = combined(req->queries);
	size_t n = 0;

	for (size_t i = 0; i < DNS_RECORDS_MAX; i++) {
		for (int family = V6; family < FAMILIES; family++) {
			if (i < req->addrs_n[family] && n < DNS_RECORDS_MAX)
				mixed[n++] = req->addrs[family][i];
		}
	}
	req->addr_fn(req->arg, rc, n > 0 ? mixed : NULL, n);
}

static void req_deliver(void *arg)
{
	struct dns_req *req = arg;

	MAGIC_CHECK(req, MAGIC_REQ);
	if (req->state == REQ_ANSWERED) {
		if (req->dns->by_result != NULL)
			stats_add(&req->dns->by_result[req->is_srv ? req->queries[0].rc : combined(req->queries)], 1);
		req_close(req);
		if (req->is_srv)
			req->srv_fn(req->arg, req->queries[0].rc, req->srv_n > 0 ? req->srv : NULL, req->srv_n);
		else
			call_back_addrs(req);
		req_unref(req);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what waited for its turn holds a reference of its own */
	req_unref(req);
}

static void req_settle(struct dns_req *req)
{
	ENSURE(req->state == REQ_ASKING);
	req->state = REQ_ANSWERED;
	loop_timer_stop(req->deadline);
	req->refs++;
	loop_defer(req->dns->loop, &req->later, req_deliver, req);
}

static void deadline_passed(void *arg)
{
	struct dns_req *req = arg;

	MAGIC_CHECK(req, MAGIC_REQ);
	req_settle(req); /* with what came so far: one family's silence must not hide the other's addresses */
}

static struct dns_req *req_new(struct dns *dns, void *arg)
{
	struct dns_req *req = calloc(1, sizeof(*req));

	MAGIC_CHECK(dns, MAGIC_DNS);
	if (req == NULL)
		return NULL;
	req->deadline = loop_timer_new(dns->loop, deadline_passed, req);
	if (req->deadline == NULL) {
		free(req);
		return NULL;
	}
	req->magic = MAGIC_REQ;
	req->refs = 1;
	req->dns = dns;
	req->arg = arg;
	req->link = &dns->open;
	req->next = dns->open;
	if (req->next != NULL)
		req->next->link = &req->next;
	dns->open = req;
	dns->open_n++;
	loop_timer_set(req->deadline, dns->timeout_ms);
	return req;
}

/* --- records --- */

/* Letters, digits, hyphens, underscores, in labels of 1 to 63; no final dot.  Whatever else an answer holds is no name
 * that we could look up, log or compare safely. */
static bool is_host_name(const char *name)
{
	size_t label = 0, n = 0;

	for (; name[n] != '\0'; n++) {
		char c = name[n];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		        c == '_'))
			return false;
		if (++label > 63 || n >= 253)
			return false;
	}
	return label > 0;
}

static void add_srv(struct dns_req *req, const struct dns_srv *facts, const char *target)
{
	struct dns_srv *srv;

	if (strcmp(target, ".") == 0)
		target = "";
	if (req->srv_n >= req->dns->limits.records || (*target != '\0' && !is_host_name(target)))
		return;
	if (req->srv == NULL)
		req->srv = calloc(DNS_RECORDS_MAX, sizeof(*req->srv));
	if (req->srv == NULL)
		return;
	srv = &req->srv[req->srv_n++];
	*srv = *facts;
	memcpy(srv->target, target, strlen(target) + 1);
}

static void add_addr(struct dns_req *req, enum family family, const void *bytes)
{
	struct addr *a;

	if (req->addrs_n[family] >= req->dns->limits.records)
		return;
	a = &req->addrs[family][req->addrs_n[family]++];
	if (family == V6) {
		a->u.in6.sin6_family = AF_INET6;
		memcpy(&a->u.in6.sin6_addr, bytes, sizeof(a->u.in6.sin6_addr));
		a->len = sizeof(a->u.in6);
	} else {
		a->u.in.sin_family = AF_INET;
		memcpy(&a->u.in.sin_addr, bytes, sizeof(a->u.in.sin_addr));
		a->len = sizeof(a->u.in);
	}
}

static enum dns_rc rc_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return DNS_FOUND;
	case ARES_ENODATA:
		return DNS_NO_DATA;
	case ARES_ENOTFOUND:
	case ARES_EBADNAME: /* can't be put into a query (an empty or too long label), so it can't be in DNS */
		return DNS_NO_NAME;
	case ARES_ETIMEOUT:
		return DNS_TIMEOUT;
	default:
		return DNS_FAILED;
	}
}

static void query_done(struct query *q, enum dns_rc rc)
{
	struct dns_req *req = q->req;

	if (req->state == REQ_ASKING) {
		size_t kept = req->is_srv ? req->srv_n : req->addrs_n[q->type == T_AAAA ? V6 : V4];

		if (rc == DNS_FOUND && kept == 0)
			rc = DNS_NO_DATA; /* other records only, such as a CNAME that leads nowhere */
		q->rc = rc;
		if (--req->unanswered == 0)
			req_settle(req);
	}
	req_unref(req);
}

static int take_srv(struct dns_req *req, const unsigned char *answer, int n)
{
	struct ares_srv_reply *first = NULL;
	int status = ares_parse_srv_reply(answer, n, &first);

	for (struct ares_srv_reply *r = first; r != NULL; r = r->next) {
		struct dns_srv facts = {.priority = r->priority, .weight = r->weight, .port = r->port};

		add_srv(req, &facts, r->host);
	}
	if (first != NULL) {
		ares_free_data(first);
		if (req->srv_n == 0)
			status = ARES_EBADRESP; /* there is a service, but no record that we can use */
	}
	return status;
}

/* A chain of CNAMEs is as long as whoever owns the first name wants it to be. */
static int check_aliases(struct dns_req *req, struct hostent *host, int status)
{
	size_t n = 0;

	if (host == NULL)
		return status;
	while (host->h_aliases[n] != NULL)
		n++;
	ares_free_hostent(host);
	return n > req->dns->limits.aliases ? ARES_EBADRESP : status;
}

static int take_v4(struct dns_req *req, const unsigned char *answer, int n)
{
	struct ares_addrttl found[DNS_RECORDS_MAX];
	int found_n = DNS_RECORDS_MAX;
	struct hostent *host = NULL;
	int status = ares_parse_a_reply(answer, n, &host, found, &found_n);

	status = check_aliases(req, host, status);
	for (int i = 0; status == ARES_SUCCESS && i < found_n; i++)
		add_addr(req, V4, &found[i].ipaddr);
	return status;
}

static int take_v6(struct dns_req *req, const unsigned char *answer, int n)
{
	struct ares_addr6ttl found[DNS_RECORDS_MAX];
	int found_n = DNS_RECORDS_MAX;
	struct hostent *host = NULL;
	int status = ares_parse_aaaa_reply(answer, n, &host, found, &found_n);

	status = check_aliases(req, host, status);
	for (int i = 0; status == ARES_SUCCESS && i < found_n; i++)
		add_addr(req, V6, &found[i].ip6addr);
	return status;
}

static enum dns_rc take_answer(struct query *q, const unsigned char *answer, int n)
{
	int status;

	if (q->type == T_SRV)
		status = take_srv(q->req, answer, n);
	else if (q->type == T_A)
		status = take_v4(q->req, answer, n);
	else
		status = take_v6(q->req, answer, n);
	/* Not rc_of(): a bad name in a broken answer does not mean that there is no such name. */
	if (status == ARES_SUCCESS)
		return DNS_FOUND;
	return status == ARES_ENODATA ? DNS_NO_DATA : DNS_FAILED;
}

static void answered(void *arg, int status, int timeouts, unsigned char *answer, int n)
{
	struct query *q = arg;
	enum dns_rc rc = rc_of(status);

	(void)timeouts;
	MAGIC_CHECK(q->req, MAGIC_REQ);
	if (rc == DNS_FOUND && q->req->state == REQ_ASKING)
		rc = take_answer(q, answer, n);
	query_done(q, rc);
}

/* --- the resolver --- */

struct dns *dns_new(struct loop *loop, const struct addr *servers, size_t n, uint32_t timeout_ms)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (dns == NULL)
		return NULL;
	dns->magic = MAGIC_DNS;
	dns->loop = loop;
	dns->timeout_ms = timeout_ms;
	dns->limits = (struct dns_limits){UINT_MAX, DNS_RECORDS_MAX, UINT_MAX};
	if (!dns_channel_open(&dns->channel, loop, servers, n, timeout_ms)) {
		dns_free(dns);
		return NULL;
	}
	return dns;
}

void dns_limit(struct dns *dns, const struct dns_limits *limits)
{
	ENSURE(limits->records <= DNS_RECORDS_MAX);
	dns->limits = *limits;
}

void dns_count(struct dns *dns, struct stats_count *by_result)
{
	MAGIC_CHECK(dns, MAGIC_DNS);
	dns->by_result = by_result;
}

static void dns_bury(void *arg)
{
	struct dns *dns = arg;

	dns->magic = 0;
	free(dns);
}

void dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	MAGIC_CHECK(dns, MAGIC_DNS);
	while (dns->open != NULL) {
		struct dns_req *req = dns->open;

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): req_close() has taken it off the list */
		req_close(req);
		req_unref(req);
	}
	dns_channel_close(&dns->channel);
	loop_defer(dns->loop, &dns->bury, dns_bury, dns);
}

/* --- look-ups --- */

/* Then it is answered without being asked. */
static bool is_too_much(struct dns_req *req)
{
	if (req->dns->open_n <= req->dns->limits.lookups)
		return false;
	req->queries[V6].rc = req->queries[V4].rc = DNS_BUSY;
	req_settle(req);
	return true;
}

static void ask(struct dns_req *req, struct query *q, int type, const char *name)
{
	*q = (struct query){req, type, DNS_TIMEOUT}; /* until an answer says otherwise */
	req->refs++;
	/* c-ares answers every query exactly once; a name it can't ask for, from inside this call. */
	ares_query(req->dns->channel.ares, name, C_IN, type, answered, q);
}

struct dns_req *dns_lookup_srv(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n), void *arg)
{
	struct dns_req *req = req_new(dns, arg);

	if (req == NULL)
		return NULL;
	req->is_srv = true;
	req->srv_fn = fn;
	if (is_too_much(req))
		return req;
	req->unanswered = 1;
	ask(req, &req->queries[0], T_SRV, name);
	dns_channel_arm(&dns->channel);
	return req;
}

static bool take_literal(struct dns_req *req, const char *name)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	char bare[INET6_ADDRSTRLEN];
	size_t n = strlen(name);

	/* An IPv6 domainpart stands in brackets (RFC 7622 section 3.2). */
	if (n > 2 && n - 2 < sizeof(bare) && name[0] == '[' && name[n - 1] == ']') {
		memcpy(bare, name + 1, n - 2);
		bare[n - 2] = '\0';
		name = bare;
	}
	if (inet_pton(AF_INET, name, bytes) == 1)
		add_addr(req, V4, bytes);
	else if (inet_pton(AF_INET6, name, bytes) == 1)
		add_addr(req, V6, bytes);
	else
		return false;
	return true;
}

static void take_hosts_file(struct dns_req *req, const char *name, int family)
{
	struct hostent *host = NULL;

	if (ares_gethostbyname_file(req->dns->channel.ares, name, family, &host) != ARES_SUCCESS)
		return;
	for (char **bytes = host->h_addr_list; *bytes != NULL && host->h_addrtype == family; bytes++) {
		add_addr(req, family == AF_INET6 ? V6 : V4, *bytes);
	}
	ares_free_hostent(host);
}

struct dns_req *dns_lookup_addr(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n), void *arg)
{
	struct dns_req *req = req_new(dns, arg);

	if (req == NULL)
		return NULL;
	req->addr_fn = fn;
	if (!take_literal(req, name)) {
		take_hosts_file(req, name, AF_INET6);
		take_hosts_file(req, name, AF_INET);
	}
	if (req->addrs_n[V6] + req->addrs_n[V4] > 0) {
		req->queries[V6].rc = req->queries[V4].rc = DNS_FOUND;
		req_settle(req);
		return req;
	}
	if (is_too_much(req))
		return req;
	req->unanswered = FAMILIES;
	ask(req, &req->queries[V6], T_AAAA, name);
	ask(req, &req->queries[V4], T_A, name);
	dns_channel_arm(&dns->channel);
	return req;
}

void dns_cancel(struct dns_req **slot)
{
	struct dns_req *req = *slot;

	*slot = NULL;
	if (req == NULL)
		return;
	MAGIC_CHECK(req, MAGIC_REQ);
	/* Inside its own callback there is nothing left to cancel. */
	if (req->state == REQ_DONE)
		return;
	req_close(req);
	req_unref(req);
}
