/* names: the DNS server of the remote domains that we play, over UDP: for each peer an SRV record (_xmpps-server with
 * --direct-tls, else _xmpp-server) and an address record. */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include "bench.h"
#include "sallyport/base.h"

struct names;
/* Answers at plan.dns on the lane's thread.  NULL: err says why. */
struct names *names_new(struct lane *lane, char *err, size_t err_n);
void names_free(struct names *n); /* takes NULL */

/* The answer to a query, into out[NAMES_MAX]; 0: none is due. */
#define NAMES_MAX 1232
size_t names_answer(const struct bench *b, struct span query, uint8_t *out);

#endif
