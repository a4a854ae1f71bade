/* tally: what one worker has counted since it started.
 *
 * Written by the worker's thread alone, read by anybody (stats.h); made of counters alone, so that tally_sum() can add up the
 * workers'.  Nothing here is kept for a single domain: how many there are is up to strangers. */
#ifndef SALLYPORT_TALLY_H
#define SALLYPORT_TALLY_H

#include "sallyport/dns.h"
#include "sallyport/fsm.h"
#include "sallyport/reason.h"
#include "sallyport/stats.h"
#include "sallyport/tls.h"

enum tally_direction { TALLY_INBOUND, TALLY_OUTBOUND, TALLY_DIRECTIONS }; /* R to L, L to R */
enum tally_version { TALLY_TLS_1_2, TALLY_TLS_1_3, TALLY_VERSIONS };

/* By role, by reason: indices of those enums. */
struct tally {
	/* streams; begun - gone: there are so many now */
	struct stats_count begun[ROLE_COUNT], opened[ROLE_COUNT], gone[ROLE_COUNT];
	struct stats_count closed[ROLE_COUNT][REASON_COUNT]; /* as the line of each stream's end says */
	struct stats_times setup[ROLE_COUNT];                /* from the first byte, or the wish for a stream, to `opened` */
	struct stats_count received[ROLE_COUNT], sent[ROLE_COUNT]; /* bytes of sockets */
	/* TLS; begun - done - failed: in progress */
	struct stats_count tls_begun[TLS_ROLES], tls_done[TLS_ROLES][TALLY_VERSIONS], tls_failed[TLS_ROLES];
	struct stats_times handshake[TLS_ROLES];
	/* verdicts on public peers, later ones on the same stream included; REASON_NONE: let in */
	struct stats_count judged[TALLY_DIRECTIONS][REASON_COUNT];
	struct stats_count stanzas[TALLY_DIRECTIONS]; /* taken from their source */
	struct stats_count dropped;                   /* stanzas left out because dialback stood in them */
	struct stats_count bounced[REASON_COUNT];     /* stanzas returned to local users */
	struct stats_count bounces_lost;              /* … that should have been */
	struct stats_count refused[REASON_COUNT];     /* connections closed at once, by the limit that was met */
	struct stats_count accept_failed;             /* accept() itself: no descriptors or no memory */
	struct stats_count backend_up, backend_down;  /* connections to backends: made, failed */
	struct stats_count endpoints_failed;          /* public-out: of a remote domain, while others were left to try */
	struct stats_count dns[DNS_RCS];              /* look-ups by result; cancelled ones are not counted */
};

/* Adds a worker's to sum, which is the caller's; any thread. */
void tally_sum(struct tally *sum, const struct tally *from);

#endif
