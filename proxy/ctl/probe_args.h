/* probe_args: what the commands that connect to other servers have in common on their command lines. */
#ifndef CTL_PROBE_ARGS_H
#define CTL_PROBE_ARGS_H

#include "probe.h"

#define PROBE_CONF "/etc/sallyport/sallyport.ini"
/* For usage texts. */
#define PROBE_ARGS_USAGE \
	"  --from DOMAIN      show our certificate for this domain of ours (a [host] of the configuration)\n" \
	"  -c FILE            policy, authorities and certificates (default " PROBE_CONF ",\n" \
	"                     if it is there; else the system's authorities count)\n" \
	"  --resolver ADDR    ask this name server (port 53, unless ADDR:PORT says another)\n" \
	"  --timeout SECONDS  for each step: DNS, connecting, TLS, an answer (default 10)\n" \
	"  --json             one JSON object a domain, on a line of its own\n"

struct probe_args {
	const char *conf; /* NULL: PROBE_CONF, if it is there */
	struct domain from; /* n == 0: not given */
	struct addr resolver; /* len == 0: not given */
	uint32_t timeout_ms;
	bool json;
};

enum probe_arg { PROBE_ARG_TAKEN, PROBE_ARG_OTHER, PROBE_ARG_BAD };
void probe_args_init(struct probe_args *a);
/* Takes argv[*i], and its value behind it, on which *i stands then.  OTHER: none of these.  BAD: it said why on stderr. */
enum probe_arg probe_args_take(struct probe_args *a, int argc, char **argv, int *i);
/* Loads the configuration, and makes what connections need.  False: it said why on stderr. */
MUST_CHECK bool probe_args_open(const struct probe_args *a, struct probe_net *net);

#endif
