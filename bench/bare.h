/* bare: what a TLS handshake costs by itself: both ends in this process, no sockets.  The measure for what gateways
 * add. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <jansson.h>

#include "plan.h"
#include "sallyport/base.h"

/* plan.count handshakes, with a client certificate whose chain the server judges.  NULL: err says why. */
json_t *bare_run(const struct plan *plan, char *err, size_t err_n);

#endif
