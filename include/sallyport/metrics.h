/* metrics: what the daemon has counted, for Prometheus: GET /metrics by HTTP, in the text format 0.0.4.
 *
 * Served by main's loop on the addresses and the Unix socket of [metrics].  Workers are not asked: their tallies are read where they lie.
 * Labels have values from closed lists (roles, reasons, results) or from the configuration (backends), never from the
 * network. */
#ifndef SALLYPORT_METRICS_H
#define SALLYPORT_METRICS_H

#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/gate.h"
#include "sallyport/loop.h"

/* What main lends, on main's thread. */
struct metrics_host {
	struct loop *loop;
	struct gate *const *gates; /* of the workers; alive until metrics_free() */
	unsigned workers;
	void *arg;
	struct site *(*site)(void *arg); /* the present one */
};

struct metrics;
/* host's fields are copied, what they point to must outlive the metrics.  Nothing listens yet.  Opens what of /proc it
 * will read, so call it while that may be done.  NULL: no memory. */
struct metrics *metrics_new(const struct metrics_host *host);
/* Goes over to the addresses of conf.  False: err holds a sentence, and nothing has changed. */
MUST_CHECK bool metrics_listen(struct metrics *m, const struct conf *conf, char *err, size_t err_n);
/* The configuration was read again, with this result.  Takes NULL. */
void metrics_reloaded(struct metrics *m, bool good);
/* Before the gates and the loop.  Takes NULL. */
void metrics_free(struct metrics *m);

#endif
