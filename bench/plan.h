/* plan: what a run does, as the command line says it.  Plain struct, immutable once parsed. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdio.h>

#include "sallyport/addr.h"
#include "sallyport/base.h"

#define PLAN_PIDS_MAX 16
/* Domains of peers are r00000.DOMAIN, r00001.DOMAIN, … */
#define PLAN_ROUTES_MAX 100000u

enum scenario {
	SCENARIO_STEADY, /* stanzas on open routes */
	SCENARIO_BIG,    /* the same with large ones */
	SCENARIO_MIX,    /* the same with a mix of small ones */
	SCENARIO_IDLE,   /* many routes that say nothing for a while */
	SCENARIO_STORM,  /* connect, one stanza, close */
	SCENARIO_CHURN,  /* connect, some stanzas, close */
	SCENARIO_BARE,   /* no gateway: a TLS handshake in memory */
	SCENARIO_COUNT
};

enum wire_mode { WIRE_S2S, WIRE_RAW };          /* whole XMPP streams; or TLS and then the bytes of the same stanzas */
enum direction { DIRECTION_IN, DIRECTION_OUT }; /* peers to backend; backend to peers */
enum record_mode { RECORDS_STANZA, RECORDS_BUNCH, RECORDS_FULL };
enum key_type { KEY_ECDSA, KEY_RSA };
enum tls_version { TLS_ANY, TLS_1_2, TLS_1_3 };

struct plan {
	enum scenario scenario;
	enum wire_mode wire;
	enum direction direction;
	enum record_mode records;
	enum key_type key_type;
	enum tls_version tls_version;

	struct addr gateway;           /* its public listener; raw: its TLS listener */
	struct addr gateway_inner;     /* its listener for the backend */
	struct addr backend;           /* where we listen as the backend; raw: as what stands behind the gateway */
	struct addr remote;            /* where we listen as remote servers */
	struct addr dns;               /* where we answer DNS queries for them */
	const char *local, *peers;     /* domains: the backend's; parent of the peers' */
	const char *pki;               /* folder made by `mint` */
	const char *certificate, *key; /* of the peers, instead of the folder's */
	bool direct_tls, backend_tls, resume, no_client_certificate, anonymous_verify;

	const char *payload;
	uint32_t routes, active, threads, stanzas;
	uint32_t rate;  /* stanzas (storm, churn: connections) a second, all routes together; 0: as fast as it goes */
	uint64_t count; /* stanzas a route (storm, churn: connections in all); 0: until the time is over */
	uint32_t duration_ms, warmup_ms, hold_ms, timeout_ms;

	const char *pids; /* as given: 123,456 */
	const char *json, *html, *label;
	bool quiet;
};

/* "steady", … ; NULL: no such. */
const char *plan_scenario_name(enum scenario s);

enum plan_rc { PLAN_RUN, PLAN_HELP, PLAN_WRONG };
/* argv[0]: the scenario's name.  Strings in the plan are argv's.  PLAN_WRONG: said on stderr what. */
MUST_CHECK enum plan_rc plan_parse(struct plan *plan, int argc, char **argv);
/* The options, for --help. */
void plan_help(FILE *to);
/* storm and churn open and close connections all the time; the other scenarios keep them. */
static inline bool plan_lives(const struct plan *plan)
{
	return plan->scenario == SCENARIO_STORM || plan->scenario == SCENARIO_CHURN;
}

/* Each option as it was set, in the order of the help; value is "yes" or "no" for a flag. */
void plan_each(const struct plan *plan, void (*fn)(void *arg, const char *name, const char *value), void *arg);

#endif
