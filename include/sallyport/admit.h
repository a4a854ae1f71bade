/* admit: how many public connections there are, in all and from one IPv4 address or IPv6 /64.
 *
 * Shared by all workers: the one table behind a mutex, touched only when a connection comes or goes.  Fixed size; when it
 * is full a newcomer's address shares a row with others' (limits get stricter, never looser). */
#ifndef SALLYPORT_ADMIT_H
#define SALLYPORT_ADMIT_H

#include "sallyport/addr.h"
#include "sallyport/base.h"

struct admit;
/* all, each: the limits.  NULL: no memory.  Returned with one reference. */
struct admit *admit_new(uint32_t all, uint32_t each);
struct admit *admit_ref(struct admit *a);
void admit_unref(struct admit *a); /* takes NULL */
/* Other limits; who is in stays in. */
void admit_limit(struct admit *a, uint32_t all, uint32_t each);
/* True: counted, to be followed by admit_leave() with the same address. */
MUST_CHECK bool admit_enter(struct admit *a, const struct addr *from);
void admit_leave(struct admit *a, const struct addr *from);

#endif
