/* DNS in words. */
#include "check_judge.h"

static const char *const services[SERVICES] = {[XMPPS] = "_xmpps-server", [XMPP] = "_xmpp-server"};

static size_t usable(const struct zone_srv *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->v[i].target[0] != '\0' && s->v[i].port != 0;
	return n;
}

static void tell_records(struct findings *all, const struct zone *z, enum service service)
{
	const struct zone_srv *s = &z->srv[service];

	for (size_t i = 0; i < s->n; i++) {
		const struct dns_srv *r = &s->v[i];

		if (r->target[0] == '\0')
			(void)finding_add(all, FINDING_NOTE, "dns", REASON_NONE,
			    "%s: decidedly not offered (target \".\")", services[service]);
		else if (r->port == 0)
			finding_fix(finding_add(all, FINDING_WARN, "dns", REASON_NONE,
			                "%s: %s has port 0, which is none: ignored", services[service], r->target),
			    "they: the port that the server listens on, mostly %s", service == XMPPS ? "5270" : "5269");
		else
			(void)finding_add(all, FINDING_OK, "dns", REASON_NONE, "%s: %s port %u, priority %u, weight %u",
			    services[service], r->target, r->port, r->priority, r->weight);
	}
}

static void tell_no_answer(struct findings *all, const struct zone *z, enum service service)
{
	enum service other = service == XMPPS ? XMPP : XMPPS;
	bool fatal = usable(&z->srv[other]) == 0;
	struct finding *f =
	    finding_add(all, fatal ? FINDING_FAIL : FINDING_WARN, "dns", REASON_DNS_FAILED, "%s: %s", services[service],
	        z->srv[service].rc == DNS_TIMEOUT ? "no name server answered in time" : "the name servers fail");

	finding_so(
	    f, fatal ? "the domain is not reached until they answer" : "streams take only the other way meanwhile");
	finding_fix(f, "%s", reason_row(REASON_DNS_FAILED)->fix);
}

static void tell_service(
    struct findings *all, const struct check_view *view, const struct zone *z, enum service service)
{
	const struct zone_srv *s = &z->srv[service];
	struct finding *f;

	if (s->rc == DNS_TIMEOUT || s->rc == DNS_FAILED) {
		tell_no_answer(all, z, service);
	} else if (s->n > 0) {
		tell_records(all, z, service);
	} else if (service == XMPP && usable(&z->srv[XMPPS]) > 0) {
		f = finding_add(all, FINDING_NOTE, "dns", REASON_NONE, "_xmpp-server: no record");
		finding_so(f,
		    "servers that do not know direct TLS (jabberd2, Tigase) go to the domain's own address, port 5269");
		finding_fix(f, "they: _xmpp-server._tcp.%s. 3600 IN SRV 10 0 5269 %s.", view->domain->s,
		    z->srv[XMPPS].v[0].target);
	}
}

static void tell_host(struct findings *all, const struct zone_host *h, bool fatal)
{
	char text[ZONE_ADDRS_MAX * (ADDR_TEXT_MAX + 2)] = "", addr[ADDR_TEXT_MAX];
	size_t n = 0;
	struct finding *f;

	for (size_t i = 0; i < h->n; i++) {
		/* without the port, which is none yet */
		char *end = strrchr(addr_format(&h->v[i], addr), ':');

		*end = '\0';
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? ", " : "", addr);
	}
	if (h->n > 0) {
		(void)finding_add(all, FINDING_OK, "addr", REASON_NONE, "%s: %s", h->name, text);
	} else {
		enum reason why = h->forbidden ? REASON_ADDRESS : dial_reason_of_dns(h->rc);

		f = finding_add(all, fatal ? FINDING_FAIL : FINDING_WARN, "addr", why, "%s: %s", h->name,
		    h->forbidden ? "only addresses where no other server can be (loopback, link-local, …)"
		    : why == REASON_DNS_FAILED ? "the name servers do not answer"
		                               : "no address");
		finding_fix(f, "%s%s. 3600 IN A (and AAAA) of the server",
		    h->forbidden ? "reach in [public] of our configuration, if it really is there; they: " : "they: ",
		    h->name);
	}
	if (h->forbidden && h->n > 0)
		(void)finding_add(all, FINDING_WARN, "addr", REASON_NONE,
		    "%s has addresses where no other server can be, which are passed over", h->name);
}

static bool has_ipv6(const struct zone *z)
{
	for (size_t i = 0; i < z->endpoints_n; i++) {
		if (z->endpoint[i].addr.u.sa.sa_family == AF_INET6)
			return true;
	}
	return false;
}

void check_judge_zone(struct findings *all, const struct check_view *view, const struct zone *z)
{
	struct finding *f;

	if (!z->literal) {
		tell_service(all, view, z, XMPPS);
		tell_service(all, view, z, XMPP);
	}
	if (z->fallback) {
		f = finding_add(all, FINDING_NOTE, "dns", REASON_NONE,
		    "no SRV records: the domain's own address is taken, port 5269, STARTTLS");
		finding_fix(f, "they, if the server is elsewhere: _xmpp-server._tcp.%s. 3600 IN SRV 10 0 5269 HOST.",
		    view->domain->s);
	}
	for (size_t i = 0; i < z->hosts_n; i++)
		tell_host(all, &z->host[i], z->endpoints_n == 0);
	if (z->endpoints_n > 0 && !has_ipv6(z))
		(void)finding_add(
		    all, FINDING_NOTE, "addr", REASON_NONE, "no IPv6 address: servers without IPv4 do not reach it");
	if (z->why == REASON_DNS_NO_SERVICE)
		finding_so(finding_add(all, FINDING_FAIL, "dns", z->why, "%s", reason_row(z->why)->text),
		    "nobody can send to it, and what it sends cannot be answered");
}
