/* admit: how many public connections there are, in all and from one IPv4 address or IPv6 /64.
 *
 * Shared by all workers: the one table behind a mutex, touched only when a connection comes or goes.  Fixed size; when it
 * is full a newcomer's address shares a row with others' (limits get stricter, never looser). */
#ifndef SALLYPORT_ADMIT_H
#define SALLYPORT_ADMIT_H

#include "sallyport/addr.h"
#include "sallyport/base.h"

struct admit;
/* all, each: the limits.  NULL: no memory. */
struct admit *admit_new(uint32_t all, uint32_t each);
void admit_free(struct admit *a);
/* True: counted, to be followed by admit_leave() with the same address. */
MUST_CHECK bool admit_enter(struct admit *a, const struct addr *from);
void admit_leave(struct admit *a, const struct addr *from);

#endif
