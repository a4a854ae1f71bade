/* The report as a table for people. */
#include "report.h"

static double number(const json_t *report, const char *path)
{
	double n;

	return report_number(report, path, &n) ? n : 0;
}

static bool has(const json_t *report, const char *path)
{
	double n;

	return report_number(report, path, &n);
}

static bool is_true(const json_t *report, const char *key)
{
	return json_is_true(json_object_get(report, key));
}

/* Microseconds with the unit that fits. */
static const char *time_text(double us, char text[32])
{
	if (us < 1000)
		snprintf(text, 32, "%.0f us", us);
	else if (us < 1e6)
		snprintf(text, 32, "%.2f ms", us / 1e3);
	else
		snprintf(text, 32, "%.2f s", us / 1e6);
	return text;
}

static void put_histogram(const json_t *report, const char *name, const char *key, FILE *to)
{
	static const char *const marks[] = {"p50", "p90", "p99", "p99_9", "p99_99", "max"};

	if (!json_is_object(json_object_get(report, key)))
		return;
	fprintf(to, "  %-13s", name);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		char path[64], text[32], shown[16];

		snprintf(path, sizeof(path), "%s.%s_us", key, marks[i]);
		snprintf(shown, sizeof(shown), "%s", marks[i]);
		if (strchr(shown, '_') != NULL)
			*strchr(shown, '_') = '.';
		fprintf(to, "%s%s %s", i > 0 ? ", " : "", shown, time_text(number(report, path), text));
	}
	fputc('\n', to);
}

static void put_title(const json_t *report, FILE *to)
{
	const char *label = report_text(report, "label");
	bool raw = strcmp(report_text(report, "plan.raw"), "yes") == 0;

	fprintf(to, "%s%s%s: %s %s, %s routes, %s, %s\n", report_text(report, "scenario"), label[0] != '\0' ? " " : "",
	    label, raw ? "raw" : "s2s", report_text(report, "plan.direction"), report_text(report, "plan.routes"),
	    report_text(report, "plan.payload"),
	    strcmp(report_text(report, "plan.records"), "full") == 0 ? "full records" : "a record for each stanza");
	fprintf(to, "  %-13s%s %s %s, %.0f handshakes, %.0f resumed\n", "tls", report_text(report, "tls.version"),
	    report_text(report, "tls.cipher"), report_text(report, "tls.group"), number(report, "tls.handshakes"),
	    number(report, "tls.resumed"));
}

static void put_gateway(const json_t *report, FILE *to)
{
	if (!json_is_object(json_object_get(report, "gateway")))
		return;
	fprintf(to, "  %-13s%.3f s of CPU (%.0f %%)", "gateway", number(report, "gateway.cpu_seconds"),
	    100 * number(report, "gateway.cpu_share"));
	if (has(report, "gateway.cpu_seconds_per_gb"))
		fprintf(to, ": %.3f s a GB, %.2f us a stanza", number(report, "gateway.cpu_seconds_per_gb"),
		    number(report, "gateway.cpu_us_per_stanza"));
	if (has(report, "gateway.cpu_us_per_connection"))
		fprintf(to, ": %.0f us a connection", number(report, "gateway.cpu_us_per_connection"));
	fprintf(to, "; %.1f MB resident", number(report, "gateway.memory_bytes") / 1e6);
	if (strcmp(report_text(report, "scenario"), "idle") == 0)
		fprintf(
		    to, ", %.1f KiB more for each open route", number(report, "gateway.memory_bytes_per_route") / 1024);
	if (has(report, "gateway.idle_cpu_share"))
		fprintf(to, ", %.2f %% CPU while idle", 100 * number(report, "gateway.idle_cpu_share"));
	fputc('\n', to);
}

static void put_list(const json_t *report, const char *key, const char *name, FILE *to)
{
	size_t i;
	json_t *text;

	json_array_foreach(json_object_get(report, key), i, text)
	{
		fprintf(to, "  %-13s%s\n", name, json_string_value(text));
	}
}

static void put_verdict(const json_t *report, FILE *to)
{
	double found = number(report, "problems_found");
	size_t shown = json_array_size(json_object_get(report, "problems"));

	put_list(report, "warnings", "WARNING", to);
	put_list(report, "problems", "PROBLEM", to);
	if (found > (double)shown)
		fprintf(to, "  %-13s… and %.0f more\n", "PROBLEM", found - (double)shown);
	if (is_true(report, "verified"))
		fprintf(to, "  %-13s%.0f stanzas arrived in order, every byte as it was sent\n", "verified",
		    number(report, "totals.received"));
	else
		fprintf(to, "  %-13s%s\n", "NOT VERIFIED",
		    is_true(report, "interrupted") ? "the run was interrupted" : "these figures count for nothing");
}

static void put_bare(const json_t *report, FILE *to)
{
	fprintf(to, "bare handshake: %s, %s, client certificate\n", report_text(report, "tls.version"),
	    report_text(report, "plan.key-type"));
	fprintf(to, "  %-13s%.0f us of CPU, median of %.0f\n", "server", number(report, "bare.server_us"),
	    number(report, "bare.handshakes"));
	fprintf(to, "  %-13s%.0f us of CPU\n", "client", number(report, "bare.client_us"));
}

void report_table(const json_t *report, FILE *to)
{
	if (json_is_object(json_object_get(report, "bare"))) {
		put_bare(report, to);
		return;
	}
	put_title(report, to);
	fprintf(to, "  %-13s%.0f stanzas in %.2f s: %.0f a second, %.1f MB/s\n", "measured",
	    number(report, "window.stanzas"), number(report, "window.seconds"),
	    number(report, "window.stanzas_per_second"), number(report, "window.bytes_per_second") / 1e6);
	if (has(report, "connections.finished"))
		fprintf(to, "  %-13s%.0f, %.0f a second\n", "connections", number(report, "connections.finished"),
		    number(report, "connections.per_second"));
	if (has(report, "opening.seconds"))
		fprintf(to, "  %-13s%.2f s, %.0f routes a second\n", "opening", number(report, "opening.seconds"),
		    number(report, "opening.routes_per_second"));
	put_histogram(report, "set-up", "setup", to);
	put_histogram(report, "first stanza", "first_stanza", to);
	put_histogram(report, "latency", "latency", to);
	put_gateway(report, to);
	fprintf(to, "  %-13s%.3f s of CPU (%.0f %%)\n", "this tool", number(report, "generator.cpu_seconds"),
	    100 * number(report, "generator.cpu_share"));
	put_histogram(json_object_get(report, "generator"), "  lateness", "lag", to);
	put_verdict(report, to);
}
