/* The fake resolver: one zone, held by the script. */
#include "fakenet.h"

#include <limits.h>
#include <stdlib.h>

enum { NAMES_MAX = 64 };

struct name {
	char name[256];
	bool fails;
	enum dns_rc rc;
	struct dns_srv srv[DNS_RECORDS_MAX];
	size_t srv_n;
	struct addr addrs[DNS_RECORDS_MAX];
	size_t addrs_n;
};

/* A part of the fake network, so one for the process like that. */
static struct {
	struct name names[NAMES_MAX];
	size_t n;
	size_t lookups;
} zone;

struct dns {
	struct loop *loop;
	uint32_t timeout_ms;
	struct dns_req *requests;
	struct stats_count *by_result;
	struct dns_limits limits;
	unsigned open;
};

struct dns_req {
	struct dns_req *next;
	struct dns *dns;
	struct loop_timer *timer;
	bool busy;
	char name[256];
	void (*srv_fn)(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n);
	void (*addr_fn)(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n);
	void *arg;
};

/* Names compare as DNS does: whatever their case. */
static struct name *find(const char *name)
{
	for (size_t i = 0; i < zone.n; i++)
		if (strcasecmp(zone.names[i].name, name) == 0)
			return &zone.names[i];
	return NULL;
}

static struct name *find_or_add(const char *name)
{
	struct name *n = find(name);

	if (n != NULL)
		return n;
	ENSURE(zone.n < NAMES_MAX && strlen(name) < sizeof(n->name));
	n = &zone.names[zone.n++];
	memset(n, 0, sizeof(*n));
	strcpy(n->name, name);
	return n;
}

/* --- what the gateway calls --- */

struct dns *dns_new(struct loop *loop, const struct addr *servers, size_t n, uint32_t timeout_ms)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	(void)servers;
	(void)n;
	if (dns == NULL)
		return NULL;
	dns->loop = loop;
	dns->timeout_ms = timeout_ms;
	dns->limits = (struct dns_limits){UINT_MAX, DNS_RECORDS_MAX, UINT_MAX};
	return dns;
}

/* Answers here hold what the script says: only how many are asked for at a time is limited. */
void dns_limit(struct dns *dns, const struct dns_limits *limits)
{
	dns->limits = *limits;
}

void dns_count(struct dns *dns, struct stats_count *by_result)
{
	dns->by_result = by_result;
}

static void request_free(struct dns_req *req)
{
	struct dns_req **at = &req->dns->requests;

	while (*at != req)
		at = &(*at)->next;
	*at = req->next;
	loop_timer_free(req->timer);
	req->dns->open--;
	free(req);
}

void dns_free(struct dns *dns)
{
	if (dns == NULL)
		return;
	while (dns->requests != NULL)
		request_free(dns->requests);
	free(dns);
}

/* RFC 8305: the families take turns, IPv6 first. */
static size_t interlace(const struct name *n, struct addr out[static DNS_RECORDS_MAX])
{
	size_t used = 0;
	size_t v6 = 0, v4 = 0;

	while (used < n->addrs_n) {
		while (v6 < n->addrs_n && n->addrs[v6].u.sa.sa_family != AF_INET6)
			v6++;
		if (v6 < n->addrs_n)
			out[used++] = n->addrs[v6++];
		while (v4 < n->addrs_n && n->addrs[v4].u.sa.sa_family != AF_INET)
			v4++;
		if (v4 < n->addrs_n)
			out[used++] = n->addrs[v4++];
	}
	return used;
}

static void count(struct dns *dns, enum dns_rc rc)
{
	if (dns->by_result != NULL)
		stats_add(&dns->by_result[rc], 1);
}

static void answer(void *arg)
{
	struct dns_req done = *(struct dns_req *)arg;
	const struct name *n = find(done.name);
	enum dns_rc none = done.busy ? DNS_BUSY : n == NULL ? DNS_NO_NAME : n->fails ? n->rc : DNS_NO_DATA;
	struct addr addrs[DNS_RECORDS_MAX];
	size_t addrs_n;

	request_free(arg);
	if (done.srv_fn != NULL) {
		bool found = none == DNS_NO_DATA && n->srv_n > 0;

		count(done.dns, found ? DNS_FOUND : none);
		done.srv_fn(done.arg, found ? DNS_FOUND : none, found ? n->srv : NULL, found ? n->srv_n : 0);
		return;
	}
	addrs_n = none == DNS_NO_DATA ? interlace(n, addrs) : 0;
	count(done.dns, addrs_n > 0 ? DNS_FOUND : none);
	done.addr_fn(done.arg, addrs_n > 0 ? DNS_FOUND : none, addrs_n > 0 ? addrs : NULL, addrs_n);
}

static struct dns_req *ask(struct dns *dns, const char *name, void *arg)
{
	struct dns_req *req = calloc(1, sizeof(*req));
	const struct name *n = find(name);

	if (req == NULL)
		return NULL;
	req->timer = loop_timer_new(dns->loop, answer, req);
	if (req->timer == NULL) {
		free(req);
		return NULL;
	}
	ENSURE(strlen(name) < sizeof(req->name));
	strcpy(req->name, name);
	req->dns = dns;
	req->arg = arg;
	req->next = dns->requests;
	dns->requests = req;
	req->busy = ++dns->open > dns->limits.lookups;
	loop_timer_set(req->timer, !req->busy && n != NULL && n->fails && n->rc == DNS_TIMEOUT ? dns->timeout_ms : 0);
	zone.lookups++;
	return req;
}

struct dns_req *dns_lookup_srv(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n), void *arg)
{
	struct dns_req *req = ask(dns, name, arg);

	if (req != NULL)
		req->srv_fn = fn;
	return req;
}

struct dns_req *dns_lookup_addr(struct dns *dns, const char *name,
    void (*fn)(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n), void *arg)
{
	struct dns_req *req = ask(dns, name, arg);

	if (req != NULL)
		req->addr_fn = fn;
	return req;
}

void dns_cancel(struct dns_req **req)
{
	if (*req == NULL)
		return;
	request_free(*req);
	*req = NULL;
}

/* --- what the script calls --- */

void fake_dns_srv(const char *name, const struct dns_srv *srv)
{
	struct name *n = find_or_add(name);

	ENSURE(n->srv_n < DNS_RECORDS_MAX);
	n->srv[n->srv_n++] = *srv;
}

void fake_dns_addr(const char *name, const struct addr *addr)
{
	struct name *n = find_or_add(name);

	ENSURE(n->addrs_n < DNS_RECORDS_MAX);
	n->addrs[n->addrs_n++] = *addr;
}

void fake_dns_fails(const char *name, enum dns_rc rc)
{
	struct name *n = find_or_add(name);

	n->fails = true;
	n->rc = rc;
}

void fake_dns_forget(const char *name)
{
	struct name *n = find(name);

	if (n != NULL)
		*n = zone.names[--zone.n];
}

size_t fake_dns_lookups(void)
{
	return zone.lookups;
}

void fake_dns_reset(void)
{
	zone.n = 0;
	zone.lookups = 0;
}
