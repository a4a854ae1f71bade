/* fakenet: stands in for proxy/net at link time (loop.h, sock.h, dns.h) with a network and a clock that a script holds.
 *
 * Nothing here touches a descriptor or the machine's clock.  sock.h knows only numbers, as the system does, so the
 * network is one for the process: fake_net_reset() begins a new one.  Loops are fake_loop_settle()d rather than run. */
#ifndef FAKENET_H
#define FAKENET_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/dns.h"
#include "sallyport/loop.h"

/* --- loop and clock --- */

/* 2026-03-01T12:00:00Z: what loop_wall() says when a loop is made. */
#define FAKE_EPOCH INT64_C(1772366400)

/* Runs turns until nothing is ready, due, deferred or posted.  False: busy for so many turns in which no byte moved,
 * which is a real loop spinning at full load. */
MUST_CHECK bool fake_loop_settle(struct loop *loop, unsigned turns);
/* Lets time pass, from timer to timer in the order they fall due, settling after each.  False: as above. */
MUST_CHECK bool fake_loop_advance(struct loop *loop, int64_t ms, unsigned turns);
/* Somebody puts the machine's clock right: loop_wall() jumps, loop_now() does not. */
void fake_loop_jump(struct loop *loop, int64_t seconds);
/* What still exists on the loop: for finding leaks. */
size_t fake_loop_watches(const struct loop *loop);
size_t fake_loop_timers(const struct loop *loop);

/* --- the network --- */

/* Forgets all connections, listeners, attempts and names; all descriptors must be closed. */
void fake_net_reset(void);
/* From now on bytes arrive at the gateway, and are taken from it, in pieces of n a turn; 0: as they come. */
void fake_net_pieces(size_t n);
/* A turn passes: the next piece of every connection arrives.  For the fake loop. */
void fake_net_turn(void);
/* When the gateway has read so many bytes in all, the connection that it reads then loses all that is under way, and ends:
 * by FIN, or by RST.  UINT64_MAX: never. */
void fake_net_cut(uint64_t after, bool reset);
/* How many it has read. */
uint64_t fake_net_read(void);
/* Until told otherwise (0) accepting fails by this errno, and the connections wait. */
void fake_net_starve(int err);
/* How many bytes the gateway has read and written, connections included.  For the fake loop. */
uint64_t fake_net_moved(void);
/* LOOP_READ and LOOP_WRITE as they stand.  For the fake loop. */
unsigned fake_net_ready(int fd);
/* Descriptors that the gateway holds open: for finding leaks. */
size_t fake_net_descriptors(void);

/* One connection, seen from the far end.  Lives until fake_net_reset(). */
struct fake_conn;

/* Opens a connection to a listener of the gateway's.  NULL: nothing listens there. */
struct fake_conn *fake_net_connect(const struct addr *to, const struct addr *from);
/* The gateway's oldest attempt to connect to an address, now answered.  NULL: there is none. */
struct fake_conn *fake_net_accept(const struct addr *at);
/* The same, answered by an error (ECONNREFUSED, EHOSTUNREACH).  False: there is none. */
MUST_CHECK bool fake_net_refuse(const struct addr *at, int err);
/* The same, never answered. */
MUST_CHECK bool fake_net_ignore(const struct addr *at);
/* Attempts that none of the three above has dealt with; *at (may be NULL): where the oldest goes. */
size_t fake_net_attempts(struct addr *at);

void fake_conn_send(struct fake_conn *c, struct span bytes);
void fake_conn_finish(struct fake_conn *c); /* FIN */
void fake_conn_reset(struct fake_conn *c);  /* RST */
/* Whether the far end takes bytes; while it does not, that many bytes go out before the socket is full. */
#define FAKE_SOCKET_BUFFER 65536u
void fake_conn_reading(struct fake_conn *c, bool on);
/* What the gateway sent and nobody has consumed. */
struct span fake_conn_received(const struct fake_conn *c);
void fake_conn_consume(struct fake_conn *c, size_t n);

enum fake_end {
	FAKE_OPEN,
	FAKE_FINISHED, /* the gateway sent FIN: by shutting down its side, or by closing with nothing unread */
	FAKE_ABORTED,  /* it closed with bytes unread: the kernel sends RST, and what was sent last may be lost */
};
enum fake_end fake_conn_end(const struct fake_conn *c);

/* --- names --- */

/* A name that has any record answers "no data" for others; one that has none does not exist. */
void fake_dns_srv(const char *name, const struct dns_srv *srv);
void fake_dns_addr(const char *name, const struct addr *addr);
/* All look-ups of a name end so from now on; DNS_TIMEOUT: after the resolver's own time limit. */
void fake_dns_fails(const char *name, enum dns_rc rc);
/* The name has no records (any more). */
void fake_dns_forget(const char *name);
/* How many look-ups were asked for since fake_net_reset(). */
size_t fake_dns_lookups(void);
/* For fake_net_reset(). */
void fake_dns_reset(void);

/* --- memory --- */

/* Notes whether the gateway runs now or the script: only the gateway's allocations may be made to fail.  Returns what
 * was noted before. */
bool fake_inside(bool inside);
bool fake_is_inside(void);

/* From now on what fake_alloc() gives out is no leak, since a play may be left in the middle. */
void fake_may_leak(void);
/* Storage of the fakes and of the script, which can't run out. */

struct fake_bytes {
	char *p;
	size_t n;
	size_t head, cap; /* p stands head bytes behind the start of a block of cap */
};
void *fake_alloc(size_t n); /* zeroed; never NULL */
void fake_bytes_put(struct fake_bytes *b, struct span bytes);
void fake_bytes_drop(struct fake_bytes *b, size_t n); /* from the head */
void fake_bytes_free(struct fake_bytes *b);

#endif
