/* addr: a socket address (IPv4 or IPv6, with a port) as a value. */
#ifndef SALLYPORT_ADDR_H
#define SALLYPORT_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "sallyport/base.h"

/* Longest text of addr_format(), with its NUL: "[ffff:…%scope]:65535". */
#define ADDR_TEXT_MAX 80

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len; /* 0: no address */
};

/* "192.0.2.1:5269" or "[2001:db8::1]:5269": numeric only, the port is required (1–65535; 0 only if allow_zero). */
MUST_CHECK bool addr_parse(struct addr *out, struct span text, bool allow_zero);
/* The same form, into a buffer of ADDR_TEXT_MAX bytes; returns it.  A v4-mapped address prints as IPv4. */
char *addr_format(const struct addr *a, char *out);
/* Without the port, and of IPv6 the /64 network: "192.0.2.1", "2001:db8::/64", as one whom an operator would know. */
char *addr_format_source(const struct addr *a, char *out);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/* Whose an address is; in this order. */
enum addr_reach {
	ADDR_NOWHERE, /* nobody's: unspecified, multicast, reserved, IPv4 in disguise */
	ADDR_HERE,    /* this machine's or link's: loopback, link-local */
	ADDR_PRIVATE, /* of this network: RFC 1918, RFC 6598, RFC 4193 */
	ADDR_GLOBAL,
};
enum addr_reach addr_reach(const struct addr *a);
/* Same family, address and port. */
bool addr_eq(const struct addr *a, const struct addr *b);

#endif
