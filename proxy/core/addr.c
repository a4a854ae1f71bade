#include "sallyport/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

/* Longest numeric host that inet_pton() takes, plus "%" and a 32-bit scope. */
#define HOST_TEXT_MAX (INET6_ADDRSTRLEN + 11)

/* Digits only, no sign, no space; a port or scope with a leading zero is somebody's mistake. */
static bool number_parse(const char *p, size_t n, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (n == 0 || n > 10 || (n > 1 && p[0] == '0'))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(p[i] - '0');
	}
	if (value > max)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* host: the text between the brackets; written to. */
static bool v6_parse(struct addr *out, char *host)
{
	char *scope = strchr(host, '%');
	uint32_t scope_id = 0;

	if (scope != NULL) {
		*scope++ = '\0';
		if (!number_parse(scope, strlen(scope), UINT32_MAX, &scope_id) || scope_id == 0)
			return false;
	}
	out->u.in6.sin6_family = AF_INET6;
	out->u.in6.sin6_scope_id = scope_id;
	out->len = sizeof(out->u.in6);
	return inet_pton(AF_INET6, host, &out->u.in6.sin6_addr) == 1;
}

static bool v4_parse(struct addr *out, const char *host)
{
	out->u.in.sin_family = AF_INET;
	out->len = sizeof(out->u.in);
	return inet_pton(AF_INET, host, &out->u.in.sin_addr) == 1;
}

bool addr_parse(struct addr *out, struct span text, bool allow_zero)
{
	struct addr a = {.len = 0};
	char host[HOST_TEXT_MAX];
	const char *start = text.p;
	const char *colon = text.n > 0 ? memrchr(text.p, ':', text.n) : NULL;
	uint32_t port;
	bool bracketed;
	size_t n;

	if (colon == NULL || !number_parse(colon + 1, (size_t)(text.p + text.n - colon) - 1, UINT16_MAX, &port))
		return false;
	if (port == 0 && !allow_zero)
		return false;
	n = (size_t)(colon - start);
	bracketed = n >= 2 && start[0] == '[' && start[n - 1] == ']';
	if (bracketed) {
		start++;
		n -= 2;
	}
	if (n >= sizeof(host) || memchr(start, '\0', n) != NULL)
		return false;
	memcpy(host, start, n);
	host[n] = '\0';
	if (bracketed ? !v6_parse(&a, host) : !v4_parse(&a, host))
		return false;
	addr_set_port(&a, (uint16_t)port);
	*out = a;
	return true;
}

static void v6_format(const struct sockaddr_in6 *in6, char *out)
{
	char host[INET6_ADDRSTRLEN];
	char scope[12] = "";

	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		ENSURE(inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host)) != NULL);
		snprintf(out, ADDR_TEXT_MAX, "%s:%u", host, ntohs(in6->sin6_port));
		return;
	}
	ENSURE(inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)) != NULL);
	if (in6->sin6_scope_id != 0)
		snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
	snprintf(out, ADDR_TEXT_MAX, "[%s%s]:%u", host, scope, ntohs(in6->sin6_port));
}

char *addr_format(const struct addr *a, char *out)
{
	char host[INET_ADDRSTRLEN];

	if (a->len == 0) {
		memcpy(out, "-", 2);
	} else if (a->u.sa.sa_family == AF_INET6) {
		v6_format(&a->u.in6, out);
	} else {
		ENSURE(a->u.sa.sa_family == AF_INET);
		ENSURE(inet_ntop(AF_INET, &a->u.in.sin_addr, host, sizeof(host)) != NULL);
		snprintf(out, ADDR_TEXT_MAX, "%s:%u", host, ntohs(a->u.in.sin_port));
	}
	return out;
}

char *addr_format_source(const struct addr *a, char *out)
{
	struct in6_addr net = a->u.in6.sin6_addr;
	size_t n;

	if (a->u.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->u.in.sin_addr, out, ADDR_TEXT_MAX);
		return out;
	}
	if (IN6_IS_ADDR_V4MAPPED(&net)) {
		inet_ntop(AF_INET, net.s6_addr + 12, out, ADDR_TEXT_MAX);
		return out;
	}
	memset(net.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &net, out, ADDR_TEXT_MAX - 4);
	n = strlen(out);
	memcpy(out + n, "/64", 4);
	return out;
}

uint16_t addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	return ntohs(a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_port : a->u.in.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->u.sa.sa_family != b->u.sa.sa_family || addr_port(a) != addr_port(b))
		return false;
	if (a->u.sa.sa_family == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof(struct in6_addr)) == 0 &&
		       a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
	return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
}

/* ip in the order of the host. */
static enum addr_reach v4_reach(uint32_t ip)
{
	static const struct {
		uint32_t net;
		unsigned bits;
		enum addr_reach reach;
	} nets[] = {
	    {0, 8, ADDR_NOWHERE}, {0x7f000000, 8, ADDR_HERE}, /* 127.0.0.0/8 */
	    {0xa9fe0000, 16, ADDR_HERE},                      /* 169.254.0.0/16 */
	    {0x0a000000, 8, ADDR_PRIVATE},                    /* 10.0.0.0/8 */
	    {0xac100000, 12, ADDR_PRIVATE},                   /* 172.16.0.0/12 */
	    {0xc0a80000, 16, ADDR_PRIVATE},                   /* 192.168.0.0/16 */
	    {0x64400000, 10, ADDR_PRIVATE},                   /* 100.64.0.0/10 */
	    {0xe0000000, 3, ADDR_NOWHERE}, /* 224.0.0.0/4, and what is reserved above, with the broadcast address */
	};

	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		if ((ip ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return nets[i].reach;
	}
	return ADDR_GLOBAL;
}

static enum addr_reach v6_reach(const struct in6_addr *ip)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052 */
	uint32_t last;

	memcpy(&last, ip->s6_addr + 12, sizeof(last));
	if (IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_LINKLOCAL(ip))
		return ADDR_HERE;
	if (IN6_IS_ADDR_UNSPECIFIED(ip) || IN6_IS_ADDR_MULTICAST(ip) || IN6_IS_ADDR_V4MAPPED(ip) ||
	    IN6_IS_ADDR_V4COMPAT(ip))
		return ADDR_NOWHERE;
	if ((ip->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_SITELOCAL(ip))
		return ADDR_PRIVATE;
	return memcmp(ip->s6_addr, nat64, sizeof(nat64)) == 0 ? v4_reach(ntohl(last)) : ADDR_GLOBAL;
}

enum addr_reach addr_reach(const struct addr *a)
{
	if (a->len == 0)
		return ADDR_NOWHERE;
	return a->u.sa.sa_family == AF_INET6 ? v6_reach(&a->u.in6.sin6_addr) : v4_reach(ntohl(a->u.in.sin_addr.s_addr));
}
