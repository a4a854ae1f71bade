#include "compare.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>

#include "report.h"

#define MARGIN_DEFAULT 10.0

enum { WRONG = 2 };

struct figure {
	const char *path;
	bool more_is_better;
	double scale;
	const char *unit;
};

static const struct figure figures[] = {
    {"window.stanzas_per_second", true, 1, "stanzas/s"},
    {"connections.per_second", true, 1, "connections/s"},
    {"latency.p50_us", false, 1, "us"},
    {"latency.p99_us", false, 1, "us"},
    {"latency.p99_9_us", false, 1, "us"},
    {"first_stanza.p50_us", false, 1, "us"},
    {"first_stanza.p99_us", false, 1, "us"},
    {"gateway.cpu_seconds_per_gb", false, 1, "s/GB"},
    {"gateway.cpu_us_per_connection", false, 1, "us"},
    {"gateway.memory_bytes_per_route", false, 1024, "KiB"},
    {"bare.server_us", false, 1, "us"},
};

struct comparison {
	const json_t *before, *after;
	double margin[ARRAY_LEN(figures)];
};

static int usage(FILE *to)
{
	fputs("usage: sallyport-bench compare [--margin PERCENT] [--margin FIGURE=PERCENT]... BEFORE.json AFTER.json\n"
	      "Exit: 0 nothing became worse by more than its margin (10 percent, unless told), 1 something did, or "
	      "AFTER\n"
	      "was not verified, 2 the two can't be compared.  Figures:\n",
	    to);
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		fprintf(to, "  %s\n", figures[i].path);
	return to == stdout ? 0 : WRONG;
}

static bool set_margin(struct comparison *c, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t name_n = equals != NULL ? (size_t)(equals - text) : 0;
	const char *value = equals != NULL ? equals + 1 : text;
	char *end;
	double margin = strtod(value, &end);
	bool found = false;

	if (end == value || *end != '\0' || !(margin >= 0))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		if (equals != NULL && !span_eq((struct span){text, name_n}, span_of(figures[i].path)))
			continue;
		c->margin[i] = margin;
		found = true;
	}
	return found;
}

/* Options that say where and how it is reported, not what is done. */
static bool is_about_work(const char *option)
{
	static const char *const others[] = {"gateway", "gateway-inner", "backend", "remote", "dns", "pki",
	    "certificate", "key", "pid", "label", "json", "html", "quiet", "timeout", "threads", "local", "peers"};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(option, others[i]) == 0)
			return false;
	return true;
}

static bool same_plan(json_t *a, json_t *b)
{
	const char *name;
	json_t *value;
	bool same = true;

	json_object_foreach(a, name, value)
	{
		const char *other = json_string_value(json_object_get(b, name));

		if (!is_about_work(name) || (other != NULL && strcmp(json_string_value(value), other) == 0))
			continue;
		printf("not the same work: --%s %s before, %s after\n", name, json_string_value(value),
		    other != NULL ? other : "absent");
		same = false;
	}
	return same;
}

static bool same_work(const struct comparison *c)
{
	if (strcmp(report_text(c->before, "scenario"), report_text(c->after, "scenario")) != 0) {
		printf("not the same scenario: %s before, %s after\n", report_text(c->before, "scenario"),
		    report_text(c->after, "scenario"));
		return false;
	}
	return same_plan(json_object_get(c->before, "plan"), json_object_get(c->after, "plan"));
}

static void note_environment(const struct comparison *c)
{
	static const char *const facts[] = {
	    "environment.cpu", "environment.kernel", "tls.version", "tls.cipher", "tls.group"};

	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		const char *a = report_text(c->before, facts[i]), *b = report_text(c->after, facts[i]);

		if (strcmp(a, b) != 0)
			printf("note: %s: %s before, %s after\n", facts[i], a, b);
	}
}

/* True: no worse than its margin allows. */
static bool compare_figure(const struct comparison *c, size_t i)
{
	const struct figure *f = &figures[i];
	double a, b, change;
	bool worse;

	if (!report_number(c->before, f->path, &a) || !report_number(c->after, f->path, &b) || a <= 0)
		return true;
	change = 100 * (b - a) / a;
	worse = f->more_is_better ? change < -c->margin[i] : change > c->margin[i];
	printf("%-32s %14.3f %14.3f %-13s %+8.1f %%%s\n", f->path, a / f->scale, b / f->scale, f->unit, change,
	    worse ? "  WORSE" : "");
	return !worse;
}

static int compare(const struct comparison *c)
{
	bool fine = true;

	if (!json_is_true(json_object_get(c->before, "verified"))) {
		printf("BEFORE was not verified: it counts for nothing\n");
		return WRONG;
	}
	if (!same_work(c))
		return WRONG;
	if (!json_is_true(json_object_get(c->after, "verified"))) {
		printf("AFTER was not verified: what it sent did not arrive as it was sent\n");
		return 1;
	}
	note_environment(c);
	printf("%-32s %14s %14s\n", "", "before", "after");
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		fine = compare_figure(c, i) && fine;
	return fine ? 0 : 1;
}

int compare_main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"margin", required_argument, NULL, 'm'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct comparison c = {NULL, NULL, {0}};
	char err[512];

	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		c.margin[i] = MARGIN_DEFAULT;
	for (int opt; (opt = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (opt == 'h')
			return usage(stdout);
		if (opt != 'm' || !set_margin(&c, optarg))
			return usage(stderr);
	}
	if (argc - optind != 2)
		return usage(stderr);
	json_t *before = report_load(argv[optind], err, sizeof(err));
	json_t *after = before != NULL ? report_load(argv[optind + 1], err, sizeof(err)) : NULL;
	c.before = before;
	c.after = after;
	int rc = WRONG;
	if (after != NULL)
		rc = compare(&c);
	else
		fprintf(stderr, "sallyport-bench: %s\n", err);
	json_decref(before);
	json_decref(after);
	return rc;
}
