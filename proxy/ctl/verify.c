/* sallyportctl verify: judges a certificate as the daemon would judge a peer's, from files. */
#include "ctl.h"

#include "sallyport/cert.h"
#include "sallyport/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct verify {
	struct ctl_bytes anchors, chain;
	struct conf *conf; /* what [revocation] would say; NULL: nothing */
	const char *leaf, *untrusted;
	struct domain domain;
	bool anchored, named, json;
	int64_t at;
};

static void usage(void)
{
	fprintf(stderr,
	    "usage: sallyportctl verify [--trust ROOTS.pem]... [--untrusted CHAIN.pem] [--crl PLACE]...\n"
	    "                           [--revocation soft|hard] [--at TIME] [--domain DOMAIN] [--json] LEAF.pem\n"
	    "LEAF.pem may hold the whole chain, leaf first.  Without --trust: " SYSTEM_BUNDLE ".\n"
	    "PLACE: a file of revocation lists, PEM or DER, or a folder of such files.\n"
	    "Without --domain only the chain is judged.  TIME: 2026-03-01T12:00:00Z, 2026-03-01 or Unix seconds.\n");
}

/* "Z", "+01:00", "-01:00"; seconds to subtract. */
static bool parse_offset(const char *text, int64_t *seconds)
{
	unsigned hours, minutes;
	int used = 0;

	*seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	/* NOLINTNEXTLINE(cert-err34-c): two digits can't overflow */
	if (sscanf(text, "%*1[+-]%2u:%2u%n", &hours, &minutes, &used) != 2 || text[used] != '\0')
		return false;
	*seconds = (int64_t)hours * 3600 + (int64_t)minutes * 60;
	if (text[0] == '-')
		*seconds = -*seconds;
	return hours < 24 && minutes < 60;
}

/* False: there is no such day, and timegm() would make the 3rd of March of a 31st of February. */
static bool date_exists(const struct tm *tm)
{
	struct tm date = *tm;

	(void)timegm(&date);
	return date.tm_mday == tm->tm_mday;
}

/* RFC 3339, its date alone, or Unix seconds. */
static bool parse_time(const char *text, int64_t *at)
{
	struct tm tm = {0};
	const char *rest;
	int64_t offset = 0;
	char *end;
	bool date;

	errno = 0;
	*at = strtoll(text, &end, 10);
	if (end != text && *end == '\0')
		return errno == 0;
	rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest == NULL)
		return false;
	date = date_exists(&tm);
	if (*rest == '\0') {
		*at = timegm(&tm);
		return date;
	}
	if (*rest != 'T' && *rest != 't')
		return false;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	if (rest == NULL)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!parse_offset(rest, &offset))
		return false;
	*at = timegm(&tm) - offset;
	return date;
}

/* The daemon does the same with [revocation]. */
static bool take_revocation(struct verify *v, const char *option, const char *value)
{
	bool hard = strcmp(value, "hard") == 0;

	if (v->conf == NULL && (v->conf = conf_defaults()) == NULL)
		return false;
	if (strcmp(option, "--crl") == 0)
		return conf_crl_add(v->conf, value);
	v->conf->revocation = hard ? REVOCATION_HARD : REVOCATION_SOFT;
	if (!hard && strcmp(value, "soft") != 0) {
		fprintf(stderr, "%s: neither soft nor hard\n", value);
		return false;
	}
	return true;
}

static bool take_value(struct verify *v, const char *option, const char *value)
{
	if (strcmp(option, "--crl") == 0 || strcmp(option, "--revocation") == 0)
		return take_revocation(v, option, value);
	if (strcmp(option, "--trust") == 0) {
		v->anchored = true;
		return ctl_read(&v->anchors, value);
	}
	if (strcmp(option, "--untrusted") == 0) {
		v->untrusted = value;
		return true;
	}
	if (strcmp(option, "--at") == 0) {
		if (parse_time(value, &v->at))
			return true;
		fprintf(stderr, "\"%s\" is no time: write 2026-03-01T12:00:00Z, 2026-03-01 or Unix seconds\n", value);
		return false;
	}
	v->named = domain_parse(&v->domain, span_of(value));
	if (!v->named)
		fprintf(stderr, "\"%s\": no domain\n", value);
	return v->named;
}

static bool has_value(const char *option)
{
	static const char *const options[] = {"--trust", "--untrusted", "--crl", "--revocation", "--at", "--domain"};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (strcmp(option, options[i]) == 0)
			return true;
	}
	return false;
}

static bool parse_arguments(struct verify *v, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			v->json = true;
		} else if (has_value(argv[i]) && i + 1 < argc) {
			if (!take_value(v, argv[i], argv[i + 1]))
				return false;
			i++;
		} else if (argv[i][0] != '-' && v->leaf == NULL) {
			v->leaf = argv[i];
		} else {
			usage();
			return false;
		}
	}
	if (v->leaf == NULL)
		usage();
	return v->leaf != NULL;
}

static bool load(struct verify *v)
{
	if (!v->anchored && !ctl_read(&v->anchors, SYSTEM_BUNDLE))
		return false;
	return ctl_read(&v->chain, v->leaf) && (v->untrusted == NULL || ctl_read(&v->chain, v->untrusted));
}

struct labels {
	size_t n;
	struct cert_label v[CERT_LABELS_MAX];
};

static void print_json(const struct cert_verdict *verdict, const struct labels *labels)
{
	const struct reason_row *row = reason_row(verdict->why);
	char text[16384]; /* more than all fields together, each character escaped */
	struct json j;

	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_bool(&j, "trusted", verdict->why == REASON_NONE);
	json_str(&j, "code", row->code);
	json_str(&j, "who", reason_who_text(row->who));
	json_str(&j, "cause", row->text);
	json_str(&j, "told", verdict->why != REASON_NONE ? verdict->peer_text : "");
	json_str(&j, "detail", verdict->detail);
	json_str(&j, "fix", row->fix);
	json_int(&j, "depth", verdict->depth);
	json_int(&j, "expires", verdict->expires);
	json_open_array(&j, "chain");
	for (size_t i = 0; i < labels->n; i++) {
		json_open_object(&j, NULL);
		json_str(&j, "key", labels->v[i].key);
		json_str(&j, "serial", labels->v[i].serial);
		json_close_object(&j);
	}
	json_close_array(&j);
	json_close_object(&j);
	printf("%.*s\n", SPAN_FMT(json_done(&j)));
}

static void print_text(const struct cert_verdict *verdict, const struct labels *labels)
{
	const struct reason_row *row = reason_row(verdict->why);

	if (verdict->why == REASON_NONE) {
		printf("trusted\n  detail  %s\n", verdict->detail);
	} else {
		printf("%s: %s\n", row->code, row->text);
		printf("  who     %s\n", reason_who_text(row->who));
		printf("  told    %s\n", verdict->peer_text);
		printf("  detail  %s\n", verdict->detail);
		printf("  fix     %s\n", row->fix);
	}
	for (size_t i = 0; i < labels->n; i++)
		printf("  chain   %zu key %s serial %s\n", i, labels->v[i].key, labels->v[i].serial);
}

static int judge(const struct verify *v)
{
	struct cert_store *store;
	struct cert_chain *chain = NULL;
	struct cert_verdict verdict;
	struct labels labels;
	int rc = CTL_UNUSABLE;
	char err[256];

	store = cert_store_from_pem((struct span){v->anchors.p, v->anchors.n}, err, sizeof(err));
	if (store == NULL || (v->conf != NULL && !cert_store_revoke(store, v->conf, err, sizeof(err))))
		fprintf(stderr, "%s\n", err);
	else if ((chain = cert_chain_from_pem((struct span){v->chain.p, v->chain.n})) == NULL)
		fprintf(stderr, "%s: no certificate in PEM\n", v->leaf);
	if (chain != NULL) {
		cert_judge(store, chain, v->named ? &v->domain : NULL, NULL, v->at, &verdict);
		labels.n = cert_labels(store, chain, v->at, labels.v);
		if (v->json)
			print_json(&verdict, &labels);
		else
			print_text(&verdict, &labels);
		rc = verdict.why == REASON_NONE ? CTL_OK : CTL_BROKEN;
	}
	cert_chain_free(chain);
	cert_store_free(store);
	return rc;
}

int ctl_verify(int argc, char **argv)
{
	struct verify v = {.at = time(NULL)};
	int rc = CTL_UNUSABLE;

	if (parse_arguments(&v, argc, argv) && load(&v))
		rc = judge(&v);
	ctl_bytes_free(&v.anchors);
	ctl_bytes_free(&v.chain);
	conf_unref(v.conf);
	return rc;
}
