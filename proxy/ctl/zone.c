#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ZONE_MAGIC 0x7a6f6e65u
#define PORT_FALLBACK 5269

static const char *const services[SERVICES] = {[XMPPS] = "_xmpps-server", [XMPP] = "_xmpp-server"};

/* A target is a name at a port. */
struct target {
	size_t host;
	uint16_t port;
	bool direct_tls;
};

struct ask {
	struct zone_req *zone;
	size_t i; /* of the service or the host */
	struct dns_req *lookup;
};

struct zone_req {
	uint32_t magic;
	const struct probe_net *net;
	struct domain domain;
	enum addr_reach reach; /* names that lead nearer than this are not followed */
	struct zone z;
	struct ask srv[SERVICES], host[ZONE_HOSTS_MAX];
	struct target target[ZONE_ENDPOINTS_MAX];
	size_t targets_n, open;
	int64_t began;
	void (*fn)(void *arg, const struct zone *z); /* NULL: freed */
	void *arg;
	struct loop_later later, gone;
};

static void add_target(struct zone_req *r, const char *name, uint16_t port, bool direct_tls)
{
	struct zone *z = &r->z;
	size_t i = 0;

	while (i < z->hosts_n && strcasecmp(z->host[i].name, name) != 0)
		i++;
	if (i == ZONE_HOSTS_MAX || r->targets_n == ZONE_ENDPOINTS_MAX)
		return;
	if (i == z->hosts_n) {
		(void)snprintf(z->host[i].name, sizeof(z->host[i].name), "%s", name);
		z->hosts_n++;
	}
	r->target[r->targets_n++] = (struct target){i, port, direct_tls};
}

static bool known(const struct zone *z, const struct endpoint *e)
{
	for (size_t i = 0; i < z->endpoints_n; i++) {
		if (z->endpoint[i].direct_tls == e->direct_tls && addr_eq(&z->endpoint[i].addr, &e->addr))
			return true;
	}
	return false;
}

static void list_endpoints(struct zone_req *r)
{
	struct zone *z = &r->z;

	for (size_t t = 0; t < r->targets_n; t++) {
		const struct zone_host *h = &z->host[r->target[t].host];

		for (size_t i = 0; i < h->n && z->endpoints_n < ZONE_ENDPOINTS_MAX; i++) {
			struct endpoint e = {.addr = h->v[i], .direct_tls = r->target[t].direct_tls};

			addr_set_port(&e.addr, r->target[t].port);
			memcpy(e.target, h->name, sizeof(e.target));
			if (!known(z, &e))
				z->endpoint[z->endpoints_n++] = e;
		}
	}
}

static void tell(void *arg)
{
	struct zone_req *r = arg;

	MAGIC_CHECK(r, ZONE_MAGIC);
	if (r->fn == NULL)
		return;
	r->z.us = probe_clock() - r->began;
	list_endpoints(r);
	if (r->z.endpoints_n > 0)
		r->z.why = REASON_NONE;
	else if (r->z.why == REASON_NONE)
		r->z.why = REASON_CONNECT_FAILED;
	r->fn(r->arg, &r->z);
}

static void on_host(void *arg, enum dns_rc rc, const struct addr *addrs, size_t n)
{
	struct ask *ask = arg;
	struct zone_req *r = ask->zone;
	struct zone_host *h = &r->z.host[ask->i];

	MAGIC_CHECK(r, ZONE_MAGIC);
	ask->lookup = NULL;
	h->rc = rc;
	for (size_t i = 0; i < n; i++) {
		if (!dial_allows(&addrs[i], r->reach))
			h->forbidden = true;
		else if (h->n < ZONE_ADDRS_MAX)
			h->v[h->n++] = addrs[i];
	}
	if (h->n == 0)
		r->z.why = dial_telling(r->z.why, n > 0 ? REASON_ADDRESS : dial_reason_of_dns(rc));
	if (--r->open == 0)
		tell(r);
}

static void ask_hosts(struct zone_req *r)
{
	for (size_t i = 0; i < r->z.hosts_n; i++) {
		r->host[i] = (struct ask){.zone = r, .i = i};
		r->host[i].lookup = dns_lookup_addr(r->net->dns, r->z.host[i].name, on_host, &r->host[i]);
		if (r->host[i].lookup != NULL)
			r->open++;
		else
			r->z.why = REASON_NO_MEMORY;
	}
	if (r->open == 0)
		loop_defer(r->net->loop, &r->later, tell, r);
}

static void choose(struct zone_req *r)
{
	struct dial_answer answers[SERVICES] = {{.rc = DNS_NO_DATA}};
	struct dial_choice choices[SERVICES * DNS_RECORDS_MAX];
	struct dial_options options = {.connect_ms = 0};
	size_t n = 0;

	for (int s = XMPPS; s < SERVICES; s++) {
		answers[s].rc = r->z.srv[s].rc;
		answers[s].srv = r->z.srv[s].v;
		answers[s].n = r->z.srv[s].n;
	}
	r->z.why = dial_choose(answers, &options, choices, &n);
	for (size_t i = 0; i < n; i++)
		add_target(r, choices[i].srv->target, choices[i].srv->port, choices[i].direct_tls);
	r->z.fallback = n == 0 && r->z.why == REASON_NONE;
	if (r->z.fallback)
		add_target(r, r->domain.s, PORT_FALLBACK, false);
	ask_hosts(r);
}

static void on_srv(void *arg, enum dns_rc rc, const struct dns_srv *srv, size_t n)
{
	struct ask *ask = arg;
	struct zone_req *r = ask->zone;
	struct zone_srv *s = &r->z.srv[ask->i];

	MAGIC_CHECK(r, ZONE_MAGIC);
	ask->lookup = NULL;
	s->rc = rc;
	s->n = n < DNS_RECORDS_MAX ? n : DNS_RECORDS_MAX;
	if (s->n > 0)
		memcpy(s->v, srv, s->n * sizeof(*srv));
	if (--r->open == 0)
		choose(r);
}

static bool ask_srv(struct zone_req *r)
{
	char name[sizeof("_xmpps-server._tcp.") + DOMAIN_MAX];

	for (size_t s = XMPPS; s < SERVICES; s++) {
		(void)snprintf(name, sizeof(name), "%s._tcp.%s", services[s], r->domain.s);
		r->srv[s] = (struct ask){.zone = r, .i = s};
		r->srv[s].lookup = dns_lookup_srv(r->net->dns, name, on_srv, &r->srv[s]);
		if (r->srv[s].lookup == NULL)
			return false;
		r->open++;
	}
	return true;
}

struct zone_req *zone_start(
    const struct probe_net *net, const struct domain *domain, void (*fn)(void *arg, const struct zone *z), void *arg)
{
	struct zone_req *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->magic = ZONE_MAGIC;
	r->net = net;
	r->domain = *domain;
	r->fn = fn;
	r->arg = arg;
	r->began = probe_clock();
	/* our own servers may be anywhere */
	r->reach = conf_host_find(net->site->conf, domain) != NULL ? ADDR_HERE : net->site->conf->reach;
	r->z.literal = dial_is_literal(domain);
	if (r->z.literal) {
		add_target(r, domain->s, PORT_FALLBACK, false);
		ask_hosts(r);
	} else if (!ask_srv(r)) {
		zone_free(r);
		return NULL;
	}
	return r;
}

static void release(void *arg)
{
	struct zone_req *r = arg;

	MAGIC_CHECK(r, ZONE_MAGIC);
	r->magic = 0;
	free(r);
}

void zone_free(struct zone_req *r)
{
	if (r == NULL || r->fn == NULL)
		return;
	r->fn = NULL;
	for (size_t i = 0; i < SERVICES; i++)
		dns_cancel(&r->srv[i].lookup);
	for (size_t i = 0; i < ZONE_HOSTS_MAX; i++)
		dns_cancel(&r->host[i].lookup);
	loop_defer(r->net->loop, &r->gone, release, r);
}
