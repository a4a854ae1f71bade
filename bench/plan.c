#include "plan.h"

#include <getopt.h>
#include <stdlib.h>
#include <strings.h>

enum kind { FLAG, NUMBER, BIG_NUMBER, DURATION, ADDRESS, TEXT, CHOICE };

struct row {
	const char *group; /* starts a group of the help; NULL: of the one before */
	const char *name, *arg, *text;
	enum kind kind;
	size_t offset;
	const char *choices[4]; /* CHOICE: in the order of its enum */
};

#define AT(field) offsetof(struct plan, field)

static const struct row rows[] = {
    {"The gateway", "raw", NULL, "no XMPP: direct TLS, then the bytes of the same stanzas", FLAG, AT(wire), {0}},
    {NULL, "s2s", NULL, "whole XMPP streams with SASL EXTERNAL and dialback (default)", FLAG, AT(wire), {0}},
    {NULL, "direction", "in|out", "in: peers to backend (default); out: backend to peers", CHOICE, AT(direction),
        {"in", "out"}},
    {NULL, "gateway", "ADDR", "its listener for peers", ADDRESS, AT(gateway), {0}},
    {NULL, "gateway-inner", "ADDR", "its listener for the backend", ADDRESS, AT(gateway_inner), {0}},
    {NULL, "backend", "ADDR", "listen here as the backend, or as what stands behind a raw gateway", ADDRESS,
        AT(backend), {0}},
    {NULL, "remote", "ADDR", "out: listen here as the remote servers", ADDRESS, AT(remote), {0}},
    {NULL, "dns", "ADDR", "out: answer DNS queries for them here", ADDRESS, AT(dns), {0}},
    {NULL, "local", "DOMAIN", "the backend's domain", TEXT, AT(local), {0}},
    {NULL, "peers", "DOMAIN", "peers are r00000.DOMAIN, r00001.DOMAIN, …", TEXT, AT(peers), {0}},
    {"TLS", "pki", "DIR", "certificates made by `sallyport-bench mint DIR`", TEXT, AT(pki), {0}},
    {NULL, "certificate", "FILE", "the peers' chain instead (PEM; it must cover all peers)", TEXT, AT(certificate),
        {0}},
    {NULL, "key", "FILE", "its key", TEXT, AT(key), {0}},
    {NULL, "key-type", "ecdsa|rsa", "which of the folder's certificates the peers show", CHOICE, AT(key_type),
        {"ecdsa", "rsa"}},
    {NULL, "tls", "any|1.2|1.3", "the version that we offer and accept", CHOICE, AT(tls_version),
        {"any", "1.2", "1.3"}},
    {NULL, "direct-tls", NULL, "peers begin with TLS instead of STARTTLS (XEP-0368)", FLAG, AT(direct_tls), {0}},
    {NULL, "backend-tls", NULL, "TLS on the backend's side as well", FLAG, AT(backend_tls), {0}},
    {NULL, "resume", NULL, "resume TLS sessions where the gateway lets us", FLAG, AT(resume), {0}},
    {NULL, "no-client-certificate", NULL, "show none", FLAG, AT(no_client_certificate), {0}},
    {NULL, "anonymous-verify", NULL,
        "verify keys on one stream for all peers, as jabberd2 does; else each on its own, as "
        "ejabberd does",
        FLAG, AT(anonymous_verify), {0}},
    {"The work", "routes", "N", "peers; storm, churn: connections at a time", NUMBER, AT(routes), {0}},
    {NULL, "active", "N", "only the first N routes carry stanzas (default: all)", NUMBER, AT(active), {0}},
    {NULL, "payload", "NAME[:N]", "the stanzas; `sallyport-bench payloads` lists them", TEXT, AT(payload), {0}},
    {NULL, "records", "stanza|bunch|full",
        "a TLS record and a send for each stanza (default), a record for each but sent in bunches, or full 16 KiB "
        "records",
        CHOICE, AT(records), {"stanza", "bunch", "full"}},
    {NULL, "rate", "N", "stanzas a second in all; storm, churn: connections; 0: as fast as it goes", NUMBER, AT(rate),
        {0}},
    {NULL, "duration", "TIME", "how long to measure (10s, 500ms, 2m)", DURATION, AT(duration_ms), {0}},
    {NULL, "warmup", "TIME", "traffic before that", DURATION, AT(warmup_ms), {0}},
    {NULL, "hold", "TIME", "silence between opening and traffic", DURATION, AT(hold_ms), {0}},
    {NULL, "count", "N", "instead of a duration: stanzas a route; storm, churn: connections in all", BIG_NUMBER,
        AT(count), {0}},
    {NULL, "stanzas", "N", "storm, churn: stanzas a connection", NUMBER, AT(stanzas), {0}},
    {NULL, "threads", "N", "of this tool", NUMBER, AT(threads), {0}},
    {NULL, "timeout", "TIME", "give up when nothing has moved for so long", DURATION, AT(timeout_ms), {0}},
    {"The report", "pid", "PID[,PID]", "the process under test, for its CPU and memory (children included)", TEXT,
        AT(pids), {0}},
    {NULL, "label", "TEXT", "a name for this run", TEXT, AT(label), {0}},
    {NULL, "json", "FILE", "all results", TEXT, AT(json), {0}},
    {NULL, "html", "FILE", "a page with plots", TEXT, AT(html), {0}},
    {NULL, "quiet", NULL, "no progress", FLAG, AT(quiet), {0}},
};

static const char *const scenario_names[SCENARIO_COUNT] = {
    [SCENARIO_STEADY] = "steady",
    [SCENARIO_BIG] = "big",
    [SCENARIO_MIX] = "mix",
    [SCENARIO_IDLE] = "idle",
    [SCENARIO_STORM] = "storm",
    [SCENARIO_CHURN] = "churn",
    [SCENARIO_BARE] = "bare",
};

const char *plan_scenario_name(enum scenario s)
{
	return scenario_names[s];
}

void plan_help(FILE *to)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		char left[64];

		if (r->group != NULL)
			fprintf(to, "\n%s:\n", r->group);
		snprintf(
		    left, sizeof(left), "--%s%s%s", r->name, r->arg != NULL ? " " : "", r->arg != NULL ? r->arg : "");
		fprintf(to, "  %-24s %s\n", left, r->text);
	}
}

/* --- values --- */

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (end == text || text[0] == '-')
		return false;
	if (strcasecmp(end, "k") == 0)
		n *= 1000;
	else if (strcasecmp(end, "m") == 0)
		n *= 1000000;
	else if (*end != '\0')
		return false;
	*out = n;
	return n <= max;
}

static bool parse_duration(const char *text, uint32_t *out)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	double n = strtod(text, &end);

	if (end == text || !(n >= 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (n * units[i].ms > 86400000)
			return false;
		*out = (uint32_t)(n * units[i].ms);
		return true;
	}
	return false;
}

static bool parse_choice(const struct row *r, const char *text, unsigned *out)
{
	for (unsigned i = 0; i < ARRAY_LEN(r->choices) && r->choices[i] != NULL; i++) {
		if (strcmp(text, r->choices[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool set(struct plan *plan, const struct row *r, const char *text)
{
	void *at = (char *)plan + r->offset;
	uint64_t n;

	switch (r->kind) {
	case FLAG:
		if (r->offset == AT(wire))
			plan->wire = strcmp(r->name, "raw") == 0 ? WIRE_RAW : WIRE_S2S;
		else
			*(bool *)at = true;
		return true;
	case NUMBER:
		if (!parse_number(text, UINT32_MAX, &n))
			return false;
		*(uint32_t *)at = (uint32_t)n;
		return true;
	case BIG_NUMBER:
		return parse_number(text, UINT32_MAX, at);
	case DURATION:
		return parse_duration(text, at);
	case ADDRESS:
		return addr_parse(at, span_of(text), false);
	case TEXT:
		*(const char **)at = text;
		return true;
	case CHOICE:
		return parse_choice(r, text, at);
	}
	return false;
}

/* --- defaults and checks --- */

static bool set_defaults(struct plan *plan, const char *name)
{
	static const struct plan common = {.local = "legacy.lab",
	    .peers = "peers.lab",
	    .payload = "message",
	    .routes = 8,
	    .threads = 1,
	    .stanzas = 1,
	    .duration_ms = 10000,
	    .warmup_ms = 1000,
	    .timeout_ms = 30000};
	size_t s = 0;

	while (s < SCENARIO_COUNT && strcmp(name, scenario_names[s]) != 0)
		s++;
	if (s == SCENARIO_COUNT)
		return false;
	*plan = common;
	plan->scenario = (enum scenario)s;
	if (s == SCENARIO_BIG)
		plan->payload = "body:200000";
	if (s == SCENARIO_MIX)
		plan->payload = "mix";
	if (s == SCENARIO_STORM)
		plan->routes = 32;
	if (s == SCENARIO_CHURN)
		plan->stanzas = 20;
	if (s == SCENARIO_IDLE) {
		plan->routes = 1000;
		plan->rate = 2000;
		plan->hold_ms = 10000;
		plan->count = 1;
	}
	if (s == SCENARIO_BARE)
		plan->count = 500;
	return addr_parse(&plan->gateway, SPAN("127.0.0.1:25269"), false) &&
	       addr_parse(&plan->gateway_inner, SPAN("127.0.0.1:15269"), false) &&
	       addr_parse(&plan->backend, SPAN("127.0.0.1:15270"), false) &&
	       addr_parse(&plan->remote, SPAN("127.0.0.1:25270"), false) &&
	       addr_parse(&plan->dns, SPAN("127.0.0.1:25353"), false);
}

static const char *check(struct plan *plan)
{
	if (plan->pki == NULL && (plan->certificate == NULL || plan->key == NULL))
		return "say --pki DIR (`sallyport-bench mint DIR` makes one), or --certificate and --key";
	if ((plan->certificate == NULL) != (plan->key == NULL))
		return "--certificate and --key go together";
	if (plan->routes == 0 || plan->routes > PLAN_ROUTES_MAX)
		return "--routes: 1 to 100000";
	if (plan->threads == 0 || plan->threads > 64 || plan->threads > plan->routes)
		return "--threads: 1 to 64, and no more than --routes";
	if (plan->stanzas == 0 || plan->stanzas > 100000)
		return "--stanzas: 1 to 100000";
	if (plan->wire == WIRE_RAW && plan->direction == DIRECTION_OUT)
		return "--raw knows one direction only: from where TLS ends to what stands behind";
	if (plan->active == 0 || plan->active > plan->routes)
		plan->active = plan->routes;
	if (plan->count == 0 && plan->duration_ms == 0)
		return "--duration: more than 0, or a --count";
	/* a fixed amount of work is measured whole */
	if (plan->count > 0)
		plan->warmup_ms = 0;
	if (strlen(plan->local) > 200 || strlen(plan->peers) > 200)
		return "--local, --peers: too long";
	return NULL;
}

/* getopt_long() calls back with the row's number behind the range of characters. */
#define OPTION_BASE 256

static void make_options(struct option options[static ARRAY_LEN(rows) + 2])
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		options[i] = (struct option){
		    rows[i].name, rows[i].arg != NULL ? required_argument : no_argument, NULL, OPTION_BASE + (int)i};
	options[ARRAY_LEN(rows)] = (struct option){"help", no_argument, NULL, 'h'};
	options[ARRAY_LEN(rows) + 1] = (struct option){NULL, 0, NULL, 0};
}

enum plan_rc plan_parse(struct plan *plan, int argc, char **argv)
{
	struct option options[ARRAY_LEN(rows) + 2];
	const char *wrong;

	if (!set_defaults(plan, argv[0])) {
		fprintf(stderr, "sallyport-bench: there is no scenario or command \"%s\"; try --help\n", argv[0]);
		return PLAN_WRONG;
	}
	make_options(options);
	for (int opt; (opt = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (opt == 'h')
			return PLAN_HELP;
		if (opt < OPTION_BASE)
			return PLAN_WRONG;
		const struct row *r = &rows[opt - OPTION_BASE];
		if (set(plan, r, optarg))
			continue;
		fprintf(stderr, "sallyport-bench: --%s: \"%s\" is not %s\n", r->name, optarg, r->arg);
		return PLAN_WRONG;
	}
	wrong = optind < argc ? "there are words that are no option" : check(plan);
	if (wrong == NULL)
		return PLAN_RUN;
	fprintf(stderr, "sallyport-bench: %s\n", wrong);
	return PLAN_WRONG;
}

/* --- the report's copy --- */

static const char *show(const struct plan *plan, const struct row *r, char *text, size_t n)
{
	const void *at = (const char *)plan + r->offset;

	switch (r->kind) {
	case FLAG:
		return *(const bool *)at ? "yes" : "no";
	case NUMBER:
		snprintf(text, n, "%u", *(const uint32_t *)at);
		return text;
	case BIG_NUMBER:
		snprintf(text, n, "%llu", (unsigned long long)*(const uint64_t *)at);
		return text;
	case DURATION:
		snprintf(text, n, "%ums", *(const uint32_t *)at);
		return text;
	case ADDRESS:
		return addr_format(at, text);
	case TEXT:
		return *(const char *const *)at;
	case CHOICE:
		return r->choices[*(const unsigned *)at];
	}
	return NULL;
}

void plan_each(const struct plan *plan, void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[ADDR_TEXT_MAX];
		const char *value;

		/* two names of one choice */
		if (rows[i].offset == AT(wire)) {
			if ((strcmp(rows[i].name, "raw") == 0) == (plan->wire == WIRE_RAW))
				fn(arg, rows[i].name, "yes");
			continue;
		}
		value = show(plan, &rows[i], text, sizeof(text));
		if (value != NULL)
			fn(arg, rows[i].name, value);
	}
}
