#include "report.h"

#include <openssl/base.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "watch.h"

#define SPECTRUM_TICKS 5
#define GB 1e9
/* Above these shares the figures say as much about us as about the gateway. */
#define OWN_CPU_HIGH 0.85
#define OTHER_CPU_HIGH 0.15
#define LAG_HIGH 0.25
/* Our own lateness that is worth a word, in microseconds. */
#define LAG_LEAST 200.0

static json_t *optional(double value, bool known)
{
	return known ? json_real(value) : json_null();
}

static void put(json_t *to, const char *key, double value, bool known)
{
	json_object_set_new(to, key, optional(value, known));
}

/* --- frame --- */

static void put_option(void *arg, const char *name, const char *value)
{
	json_object_set_new(arg, name, json_string(value));
}

static void put_cpu_name(json_t *env)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || colon == NULL)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		json_object_set_new(env, "cpu", json_string(colon + 2));
		break;
	}
	if (f != NULL)
		fclose(f);
}

static json_t *environment(void)
{
	json_t *env = json_object();
	struct utsname u;
	struct sysinfo s;
	double load;

	if (uname(&u) == 0) {
		json_object_set_new(env, "kernel", json_sprintf("%s %s", u.sysname, u.release));
		json_object_set_new(env, "machine", json_string(u.machine));
	}
	put_cpu_name(env);
	json_object_set_new(env, "cores", json_integer(get_nprocs()));
	if (sysinfo(&s) == 0)
		json_object_set_new(env, "memory_bytes", json_integer((json_int_t)s.totalram * s.mem_unit));
	if (getloadavg(&load, 1) == 1)
		json_object_set_new(env, "load", json_real(load));
	json_object_set_new(env, "tool_version", json_string(BENCH_VERSION));
	json_object_set_new(env, "boringssl_api", json_integer(BORINGSSL_API_VERSION));
	return env;
}

json_t *report_frame(const struct plan *plan)
{
	json_t *report = json_object(), *options = json_object();
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	plan_each(plan, put_option, options);
	json_object_set_new(report, "schema", json_string(REPORT_SCHEMA));
	json_object_set_new(report, "scenario", json_string(plan_scenario_name(plan->scenario)));
	json_object_set_new(report, "label", json_string(plan->label != NULL ? plan->label : ""));
	json_object_set_new(report, "started", json_string(when));
	json_object_set_new(report, "plan", options);
	json_object_set_new(report, "environment", environment());
	return report;
}

/* --- histograms --- */

static json_t *spectrum(const struct hdr_histogram *h)
{
	json_t *list = json_array();
	struct hdr_iter iter;

	hdr_iter_percentile_init(&iter, h, SPECTRUM_TICKS);
	while (hdr_iter_next(&iter)) {
		double fraction = iter.specifics.percentiles.percentile / 100;

		json_array_append_new(list, json_pack("[f,f]", fraction, (double)iter.highest_equivalent_value / 1e3));
	}
	return list;
}

json_t *report_histogram(const struct hdr_histogram *h)
{
	static const struct {
		const char *name;
		double percentile;
	} marks[] = {{"p50_us", 50}, {"p90_us", 90}, {"p99_us", 99}, {"p99_9_us", 99.9}, {"p99_99_us", 99.99}};
	json_t *o;

	if (h->total_count == 0)
		return json_null();
	o = json_object();
	json_object_set_new(o, "count", json_integer(h->total_count));
	put(o, "min_us", (double)hdr_min(h) / 1e3, true);
	put(o, "mean_us", hdr_mean(h) / 1e3, true);
	put(o, "stddev_us", hdr_stddev(h) / 1e3, true);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		put(o, marks[i].name, (double)hdr_value_at_percentile(h, marks[i].percentile) / 1e3, true);
	put(o, "max_us", (double)hdr_max(h) / 1e3, true);
	json_object_set_new(o, "spectrum", spectrum(h));
	return o;
}

/* All lanes' histograms, in the first one's. */
static const struct hdr_histogram *together(const struct bench *b, size_t offset)
{
	struct hdr_histogram *all = *(struct hdr_histogram **)((char *)&b->lane[0] + offset);

	for (unsigned i = 1; i < b->plan->threads; i++) {
		struct hdr_histogram **other = (struct hdr_histogram **)((char *)&b->lane[i] + offset);

		hdr_add(all, *other);
		hdr_reset(*other);
	}
	return all;
}

static void put_histogram(json_t *to, const char *key, const struct bench *b, size_t offset)
{
	json_object_set_new(to, key, report_histogram(together(b, offset)));
}

/* --- parts --- */

static double window_seconds(const struct result *r)
{
	return r->until.t - r->from.t;
}

static double per(double n, double by)
{
	return by > 0 ? n / by : 0;
}

static void put_verdict(json_t *report, const struct result *r)
{
	json_t *list = json_array();
	unsigned n = r->bench->problems;

	for (unsigned i = 0; i < n && i < BENCH_PROBLEMS_KEPT; i++)
		json_array_append_new(list, json_string(r->bench->problem[i]));
	json_object_set_new(report, "verified", json_boolean(n == 0 && !r->interrupted));
	json_object_set_new(report, "interrupted", json_boolean(r->interrupted));
	json_object_set_new(report, "problems_found", json_integer(n));
	json_object_set_new(report, "problems", list);
}

static void put_work(json_t *report, const struct result *r)
{
	const struct bench *b = r->bench;
	double dt = window_seconds(r);
	double stanzas = (double)(r->until.received - r->from.received);
	double bytes = (double)(r->until.received_bytes - r->from.received_bytes);

	json_object_set_new(report, "window",
	    json_pack("{sfsfsfsfsf}", "seconds", dt, "stanzas", stanzas, "bytes", bytes, "stanzas_per_second",
	        per(stanzas, dt), "bytes_per_second", per(bytes, dt)));
	json_object_set_new(report, "totals",
	    json_pack("{sIsIsIsIsI}", "sent", (json_int_t)BENCH_SUM(b, sent), "received",
	        (json_int_t)BENCH_SUM(b, received), "undelivered", (json_int_t)r->undelivered, "opened",
	        (json_int_t)BENCH_SUM(b, opened), "failed", (json_int_t)BENCH_SUM(b, failed)));
	json_object_set_new(report, "payload",
	    json_pack("{sIsf}", "shapes", (json_int_t)b->payload.n, "mean_bytes",
	        (double)b->payload.bytes / (double)b->payload.n));
	json_object_set_new(report, "tls",
	    json_pack("{sssssssIsI}", "version", b->tls_version, "cipher", b->tls_cipher, "group", b->tls_group,
	        "handshakes", (json_int_t)BENCH_SUM(b, handshakes), "resumed", (json_int_t)BENCH_SUM(b, resumed)));
}

static void put_connections(json_t *report, const struct result *r)
{
	double dt = window_seconds(r), finished = (double)(r->until.finished - r->from.finished);

	if (plan_lives(r->plan)) {
		json_object_set_new(
		    report, "connections", json_pack("{sfsf}", "finished", finished, "per_second", per(finished, dt)));
		return;
	}
	json_object_set_new(report, "opening",
	    json_pack(
	        "{sfsf}", "seconds", r->opening, "routes_per_second", per((double)r->all_open.opened, r->opening)));
}

static void put_gateway(json_t *report, const struct result *r)
{
	const struct usage *from = &r->from.usage, *until = &r->until.usage;
	double dt = window_seconds(r), cpu = until->cpu - from->cpu;
	double stanzas = (double)(r->until.received - r->from.received);
	double bytes = (double)(r->until.received_bytes - r->from.received_bytes);
	double finished = (double)(r->until.finished - r->from.finished);
	double grown = (double)r->held.usage.memory - (double)r->nothing.usage.memory;
	double held = r->held.t - r->all_open.t;
	char command[512];

	if (r->watch.pids == 0) {
		json_object_set_new(report, "gateway", json_null());
		return;
	}
	watch_command(&r->watch, command, sizeof(command));
	json_t *g = json_pack("{sssisfsfsI}", "command", command, "processes", (int)until->processes, "cpu_seconds",
	    cpu, "cpu_share", per(cpu, dt), "memory_bytes", (json_int_t)until->memory);
	bool lives = plan_lives(r->plan);
	put(g, "cpu_seconds_per_gb", per(cpu, bytes / GB), !lives && bytes > 0);
	put(g, "cpu_us_per_stanza", per(cpu * 1e6, stanzas), !lives && stanzas > 0);
	put(g, "cpu_us_per_connection", per(cpu * 1e6, finished), lives && finished > 0);
	put(g, "memory_bytes_per_route", grown / r->plan->routes, !lives);
	put(g, "idle_cpu_share", per(r->held.usage.cpu - r->all_open.usage.cpu, held), held > 0);
	json_object_set_new(report, "gateway", g);
}

static void put_generator(json_t *report, const struct result *r)
{
	double dt = window_seconds(r), own = r->until.own_cpu - r->from.own_cpu;
	double others = r->until.machine_cpu - r->from.machine_cpu - own - (r->until.usage.cpu - r->from.usage.cpu);
	double machine = dt * get_nprocs();
	json_t *g = json_pack("{sisfsf}", "threads", (int)r->plan->threads, "cpu_seconds", own, "cpu_share",
	    per(own, dt * r->plan->threads));

	/* with the gateway on another machine, or unknown, it can't be told from the others */
	put(g, "other_cpu_share", others > 0 ? per(others, machine) : 0, r->watch.pids > 0 && dt >= 1);
	put_histogram(g, "lag", r->bench, offsetof(struct lane, lag));
	json_object_set_new(report, "generator", g);
}

static void put_series(json_t *report, const struct result *r)
{
	json_t *list = json_array();

	for (size_t i = 1; i < r->points; i++) {
		const struct point *a = &r->series[i - 1], *b = &r->series[i];
		double dt = b->t - a->t;
		json_t *p = json_pack("{sfsfsfsfsI}", "t", b->t, "stanzas_per_second",
		    per((double)(b->received - a->received), dt), "bytes_per_second",
		    per((double)(b->received_bytes - a->received_bytes), dt), "generator_cpu",
		    per(b->own_cpu - a->own_cpu, dt), "opened", (json_int_t)b->opened);

		if (plan_lives(r->plan))
			put(p, "connections_per_second", per((double)(b->finished - a->finished), dt), true);
		if (r->watch.pids > 0) {
			put(p, "gateway_cpu", per(b->usage.cpu - a->usage.cpu, dt), true);
			put(p, "gateway_memory_bytes", (double)b->usage.memory, true);
		}
		json_array_append_new(list, p);
	}
	json_object_set_new(report, "series", list);
}

static void put_warnings(json_t *report, const struct result *r)
{
	json_t *list = json_array();
	double share = 0, others = 0, lag = 0, latency = 0;
	bool saturating = r->plan->rate == 0;

	if (report_number(report, "generator.cpu_share", &share) && share > OWN_CPU_HIGH)
		json_array_append_new(
		    list, json_sprintf("this tool was busy for %.0f %% of the time: %s", 100 * share,
		              saturating ? "the throughput may be its limit rather than the gateway's (try --threads)"
		                         : "use a lower --rate, more --threads or another machine"));
	if (report_number(report, "generator.lag.p99_us", &lag) && lag > LAG_LEAST &&
	    report_number(report, plan_lives(r->plan) ? "first_stanza.p99_us" : "latency.p99_us", &latency) &&
	    lag > LAG_HIGH * latency)
		json_array_append_new(list,
		    json_sprintf(
		        "stanzas left late (p99 %.0f us of the %.0f us of latency): this machine or tool, not the "
		        "gateway",
		        lag, latency));
	if (report_number(report, "generator.other_cpu_share", &others) && others > OTHER_CPU_HIGH)
		json_array_append_new(
		    list, json_sprintf("other processes used %.0f %% of this machine's CPU: repeat it on a quiet one",
		              100 * others));
	json_object_set_new(report, "warnings", list);
}

json_t *report_new(const struct result *r)
{
	json_t *report = report_frame(r->plan);

	put_verdict(report, r);
	put_work(report, r);
	put_connections(report, r);
	put_histogram(report, "latency", r->bench, offsetof(struct lane, latency));
	put_histogram(report, "setup", r->bench, offsetof(struct lane, setup));
	put_histogram(report, "first_stanza", r->bench, offsetof(struct lane, first));
	put_gateway(report, r);
	put_generator(report, r);
	put_series(report, r);
	put_warnings(report, r);
	return report;
}

/* --- files --- */

bool report_save(const json_t *report, const char *path, char *err, size_t err_n)
{
	if (json_dump_file(report, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0)
		return true;
	snprintf(err, err_n, "%s can't be written", path);
	return false;
}

json_t *report_load(const char *path, char *err, size_t err_n)
{
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);

	if (report == NULL) {
		snprintf(err, err_n, "%s: %s", path, error.text);
		return NULL;
	}
	if (strcmp(report_text(report, "schema"), REPORT_SCHEMA) == 0)
		return report;
	snprintf(err, err_n, "%s: its schema is not " REPORT_SCHEMA, path);
	json_decref(report);
	return NULL;
}

static const json_t *find(const json_t *at, const char *path)
{
	while (at != NULL && *path != '\0') {
		char key[64];
		size_t n = strcspn(path, ".");

		ENSURE(n < sizeof(key));
		memcpy(key, path, n);
		key[n] = '\0';
		at = json_object_get(at, key);
		path += n + (path[n] == '.');
	}
	return at;
}

bool report_number(const json_t *report, const char *path, double *out)
{
	const json_t *value = find(report, path);

	if (!json_is_number(value))
		return false;
	*out = json_number_value(value);
	return true;
}

const char *report_text(const json_t *report, const char *path)
{
	const char *text = json_string_value(find(report, path));

	return text != NULL ? text : "";
}
