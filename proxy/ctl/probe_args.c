#include "probe_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DNS_PORT ":53"
#define TIMEOUT_MS 10000
#define TIMEOUT_MAX_S 600

void probe_args_init(struct probe_args *a)
{
	*a = (struct probe_args){.timeout_ms = TIMEOUT_MS};
}

static bool take_resolver(struct probe_args *a, const char *text)
{
	struct span span = span_of(text);
	char with_port[ADDR_TEXT_MAX];
	bool bare = strchr(text, ':') != strrchr(text, ':') && text[0] != '['; /* an IPv6 address without brackets */
	int n = snprintf(with_port, sizeof(with_port), bare ? "[%s]" DNS_PORT : "%s" DNS_PORT, text);

	if (addr_parse(&a->resolver, span, false) ||
	    (n > 0 && (size_t)n < sizeof(with_port) && addr_parse(&a->resolver, span_of(with_port), false)))
		return true;
	fprintf(stderr, "--resolver: not an address: 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53 is expected\n");
	return false;
}

static bool take_timeout(struct probe_args *a, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end != text && *end == '\0' && seconds >= 0.1 && seconds <= TIMEOUT_MAX_S) {
		a->timeout_ms = (uint32_t)(seconds * 1000);
		return true;
	}
	fprintf(stderr, "--timeout: seconds from 0.1 to %d are expected\n", TIMEOUT_MAX_S);
	return false;
}

static bool take_from(struct probe_args *a, const char *text)
{
	if (domain_parse(&a->from, span_of(text)))
		return true;
	fprintf(stderr, "--from: no domain\n");
	return false;
}

static bool take_conf(struct probe_args *a, const char *text)
{
	a->conf = text;
	return true;
}

enum probe_arg probe_args_take(struct probe_args *a, int argc, char **argv, int *i)
{
	static const struct {
		const char *name;
		bool (*take)(struct probe_args *a, const char *text);
	} options[] = {
	    {"--from", take_from}, {"-c", take_conf}, {"--resolver", take_resolver}, {"--timeout", take_timeout}};

	if (strcmp(argv[*i], "--json") == 0) {
		a->json = true;
		return PROBE_ARG_TAKEN;
	}
	for (size_t o = 0; o < ARRAY_LEN(options); o++) {
		if (strcmp(argv[*i], options[o].name) != 0)
			continue;
		if (*i + 1 == argc) {
			fprintf(stderr, "%s: a value is missing\n", argv[*i]);
			return PROBE_ARG_BAD;
		}
		return options[o].take(a, argv[++*i]) ? PROBE_ARG_TAKEN : PROBE_ARG_BAD;
	}
	return PROBE_ARG_OTHER;
}

static struct conf *load(const char *path)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *conf = errors != NULL ? conf_load(path, errors) : NULL;

	for (size_t i = 0; errors != NULL && i < errors->n && i < ARRAY_LEN(errors->text); i++)
		fprintf(stderr, "%s\n", errors->text[i]);
	free(errors);
	return conf;
}

/* Without -c the usual file counts if there is one, and its absence is no fault. */
static struct conf *conf_of(const struct probe_args *a)
{
	if (a->conf != NULL)
		return load(a->conf);
	if (access(PROBE_CONF, R_OK) == 0)
		return load(PROBE_CONF);
	if (errno != ENOENT && errno != ENOTDIR)
		fprintf(stderr, PROBE_CONF " cannot be read (%s): the system's authorities count\n", strerror(errno));
	return conf_defaults();
}

/* Whom we pass for must be ours, and have a certificate. */
static bool can_show(const struct probe_args *a, const struct site *site)
{
	struct cert_own *own = cert_own_find(site->certs, &a->from);

	if (own != NULL) {
		cert_own_unref(own);
		return true;
	}
	if (conf_host_find(site->conf, &a->from) == NULL)
		fprintf(stderr, "%s: no [host] of the configuration; -c names one that has it\n", a->from.s);
	else
		fprintf(stderr, "%s: %s (%s)\n", a->from.s, reason_row(REASON_OWN_CERT)->text,
		    reason_row(REASON_OWN_CERT)->fix);
	return false;
}

bool probe_args_open(const struct probe_args *a, struct probe_net *net)
{
	struct conf *conf = conf_of(a);
	struct site *site;
	char err[512];

	if (conf == NULL)
		return false;
	site = site_new(conf, NULL, NULL, err, sizeof(err));
	conf_unref(conf);
	if (site == NULL) {
		fprintf(stderr, "%s\n", err);
		return false;
	}
	if (a->from.n > 0 && !can_show(a, site)) {
		site_unref(site);
		return false;
	}
	if (probe_net_open(net, site, a->resolver.len > 0 ? &a->resolver : NULL, a->timeout_ms, err, sizeof(err)))
		return true;
	fprintf(stderr, "%s\n", err);
	return false;
}
