/* The page: one function a subject, one row a metric. */
#include <stdarg.h>

#include "metrics_internal.h"
#include "sallyport/log.h"

static const char *const tls_roles[TLS_ROLES] = {
    [TLS_PUBLIC_IN] = "public-in",
    [TLS_PUBLIC_OUT] = "public-out",
    [TLS_BACKEND_IN] = "backend-in",
    [TLS_BACKEND_OUT] = "backend-out",
};
static const char *const versions[TALLY_VERSIONS] = {[TALLY_TLS_1_2] = "1.2", [TALLY_TLS_1_3] = "1.3"};
static const char *const directions[TALLY_DIRECTIONS] = {[TALLY_INBOUND] = "inbound", [TALLY_OUTBOUND] = "outbound"};
static const char *const dns_results[DNS_RCS] = {
    [DNS_FOUND] = "found",
    [DNS_NO_DATA] = "no-data",
    [DNS_NO_NAME] = "no-name",
    [DNS_TIMEOUT] = "timeout",
    [DNS_FAILED] = "failed",
};

/* --- lines --- */

void page_line(struct page *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (evbuffer_add_vprintf(p->out, fmt, args) < 0)
		p->good = false;
	va_end(args);
}

void page_metric(struct page *p, const char *name, const char *type, const char *help)
{
	page_line(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static unsigned long long value(const struct stats_count *c)
{
	return (unsigned long long)stats_read(c);
}

static void put_plain(struct page *p, const char *name, const char *help, const struct stats_count *c)
{
	page_metric(p, name, "counter", help);
	page_line(p, "%s %llu\n", name, value(c));
}

static void put_gauge(struct page *p, const char *name, const char *help, int64_t is)
{
	page_metric(p, name, "gauge", help);
	page_line(p, "%s %lld\n", name, (long long)is);
}

/* One sample for each value of a label. */
static void put_by(struct page *p, const char *name, const char *help, const char *label, const char *const *values,
    const struct stats_count *c, size_t n)
{
	page_metric(p, name, "counter", help);
	for (size_t i = 0; i < n; i++)
		page_line(p, "%s{%s=\"%s\"} %llu\n", name, label, values[i], value(&c[i]));
}

/* All of them, so that an alert sees the first of its kind as a rise from nothing. */
static void put_reasons(struct page *p, const char *name, const char *more, const struct stats_count *c)
{
	for (int r = 0; r < REASON_COUNT; r++)
		page_line(p, "%s{%sreason=\"%s\"} %llu\n", name, more, reason_row((enum reason)r)->code, value(&c[r]));
}

static void put_times(struct page *p, const char *name, const char *role, const struct stats_times *t)
{
	unsigned long long n = 0;

	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		n += value(&t->bucket[i]);
		if (stats_bound(i) == UINT64_MAX)
			page_line(p, "%s_bucket{role=\"%s\",le=\"+Inf\"} %llu\n", name, role, n);
		else
			page_line(
			    p, "%s_bucket{role=\"%s\",le=\"%g\"} %llu\n", name, role, (double)stats_bound(i) / 1000, n);
	}
	page_line(p, "%s_sum{role=\"%s\"} %.3f\n%s_count{role=\"%s\"} %llu\n", name, role, (double)value(&t->ms) / 1000,
	    name, role, n);
}

/* --- subjects --- */

static void put_roles(struct page *p, const char *name, const char *help, const struct stats_count *c)
{
	const char *names[ROLE_COUNT];

	for (int i = 0; i < ROLE_COUNT; i++)
		names[i] = role_name((enum role)i);
	put_by(p, name, help, "role", names, c, ROLE_COUNT);
}

static void put_streams(struct page *p, const struct tally *t)
{
	page_metric(p, "sallyport_streams", "gauge", "Streams that there are, those in negotiation included.");
	for (int i = 0; i < ROLE_COUNT; i++)
		page_line(p, "sallyport_streams{role=\"%s\"} %lld\n", role_name((enum role)i),
		    (long long)(value(&t->begun[i]) - value(&t->gone[i])));
	put_roles(p, "sallyport_streams_begun_total", "Streams that were begun, by either side.", t->begun);
	put_roles(p, "sallyport_streams_opened_total", "Streams that came through negotiation.", t->opened);
	page_metric(p, "sallyport_streams_closed_total", "counter",
	    "Streams that ended, by the reason in the log; sallyportctl explain tells what it means.");
	for (int i = 0; i < ROLE_COUNT; i++) {
		char role[48];

		(void)snprintf(role, sizeof(role), "role=\"%s\",", role_name((enum role)i));
		put_reasons(p, "sallyport_streams_closed_total", role, t->closed[i]);
	}
	page_metric(p, "sallyport_stream_setup_duration_seconds", "histogram",
	    "From a connection, or the wish for one, to an open stream.");
	for (int i = 0; i < ROLE_COUNT; i++)
		put_times(p, "sallyport_stream_setup_duration_seconds", role_name((enum role)i), &t->setup[i]);
	put_roles(p, "sallyport_received_bytes_total", "Bytes received from sockets.", t->received);
	put_roles(p, "sallyport_sent_bytes_total", "Bytes that sockets took.", t->sent);
}

static void put_tls(struct page *p, const struct tally *t)
{
	page_metric(p, "sallyport_tls_handshakes_total", "counter", "TLS handshakes that were completed.");
	for (int i = 0; i < TLS_ROLES; i++)
		for (int v = 0; v < TALLY_VERSIONS; v++)
			page_line(p, "sallyport_tls_handshakes_total{role=\"%s\",version=\"%s\"} %llu\n", tls_roles[i],
			    versions[v], value(&t->tls_done[i][v]));
	put_by(p, "sallyport_tls_handshakes_failed_total", "TLS handshakes that were not.", "role", tls_roles,
	    t->tls_failed, TLS_ROLES);
	page_metric(p, "sallyport_tls_handshake_duration_seconds", "histogram", "How long TLS handshakes took.");
	for (int i = 0; i < TLS_ROLES; i++)
		put_times(p, "sallyport_tls_handshake_duration_seconds", tls_roles[i], &t->handshake[i]);
}

static void put_decisions(struct page *p, const struct tally *t)
{
	page_metric(p, "sallyport_policy_decisions_total", "counter",
	    "Verdicts on public peers, by reason; SP-OK: let in.  inbound: they connected.");
	for (int i = 0; i < TALLY_DIRECTIONS; i++) {
		char direction[48];

		(void)snprintf(direction, sizeof(direction), "direction=\"%s\",", directions[i]);
		put_reasons(p, "sallyport_policy_decisions_total", direction, t->judged[i]);
	}
	page_metric(p, "sallyport_connections_refused_total", "counter",
	    "Public connections that were closed at once, by the limit that was reached.");
	put_reasons(p, "sallyport_connections_refused_total", "", t->refused);
	put_plain(p, "sallyport_accept_failures_total",
	    "Times that no connection could be accepted, for want of descriptors or memory.", &t->accept_failed);
}

static void put_stanzas(struct page *p, const struct tally *t)
{
	put_by(p, "sallyport_stanzas_total", "Stanzas that were taken from their source; inbound: to a backend.",
	    "direction", directions, t->stanzas, TALLY_DIRECTIONS);
	put_plain(
	    p, "sallyport_stanzas_dropped_total", "Stanzas left out because dialback stood in them.", &t->dropped);
	page_metric(
	    p, "sallyport_stanzas_bounced_total", "counter", "Stanzas returned to local users as errors, by reason.");
	put_reasons(p, "sallyport_stanzas_bounced_total", "", t->bounced);
	put_plain(
	    p, "sallyport_bounces_lost_total", "Errors that could not be delivered to the backend.", &t->bounces_lost);
}

static void put_surroundings(struct page *p, const struct metrics_facts *f)
{
	const struct tally *t = &f->tally;
	const struct conf *conf = f->site->conf;

	put_by(p, "sallyport_dns_lookups_total", "Look-ups by result.", "result", dns_results, t->dns, DNS_RCS);
	put_plain(p, "sallyport_endpoints_failed_total",
	    "Endpoints of remote domains that failed while others were left to try.", &t->endpoints_failed);
	page_metric(p, "sallyport_backend_connections_total", "counter", "Connections to backends, made and failed.");
	page_line(p,
	    "sallyport_backend_connections_total{result=\"made\"} %llu\n"
	    "sallyport_backend_connections_total{result=\"failed\"} %llu\n",
	    value(&t->backend_up), value(&t->backend_down));
	page_metric(p, "sallyport_backend_up", "gauge",
	    "Whether the last connection to the backend could be made; absent before the first.");
	for (size_t i = 0; i < conf->backends_n; i++) {
		enum site_backend is = f->site->backends[i];

		if (is != BACKEND_UNTRIED)
			page_line(
			    p, "sallyport_backend_up{backend=\"%s\"} %d\n", conf->backends[i].name, is == BACKEND_UP);
	}
}

static void put_certificates(struct page *p, const struct cert_census *c)
{
	static const char *const ends[CERT_CENSUS_BOUNDS] = {
	    "expired", "within-1d", "within-7d", "within-14d", "within-30d", "later"};

	page_metric(p, "sallyport_certificate_expiry_timestamp_seconds", "gauge",
	    "When the first of our certificates in use expires, in seconds since 1970; absent if there are none.");
	if (c->first_end != 0)
		page_line(p, "sallyport_certificate_expiry_timestamp_seconds %lld\n", (long long)c->first_end);
	page_metric(p, "sallyport_certificates", "gauge", "Our certificates in use, each in one row.");
	for (size_t i = 0; i < CERT_CENSUS_BOUNDS; i++)
		page_line(
		    p, "sallyport_certificates{expires=\"%s\"} %llu\n", ends[i], (unsigned long long)c->by_end[i]);
	put_gauge(p, "sallyport_domains_without_certificate", "Our domains that no certificate of ours names.",
	    (int64_t)c->uncovered);
}

static void put_daemon(struct page *p, const struct metrics_facts *f)
{
	page_metric(p, "sallyport_build_info", "gauge", "The version, and always 1.");
	page_line(p, "sallyport_build_info{version=\"%s\"} 1\n", SALLYPORT_VERSION);
	put_gauge(p, "sallyport_workers", "Threads that carry streams.", f->workers);
	put_gauge(p, "sallyport_hosts", "Domains in the configuration.", (int64_t)f->site->conf->hosts_n);
	put_gauge(p, "sallyport_config_last_reload_successful",
	    "Whether the configuration was in order when it was read last.", f->reload_good);
	put_gauge(p, "sallyport_config_last_reload_timestamp_seconds", "When it was read last.", f->reload_at);
	put_gauge(p, "sallyport_config_last_reload_success_timestamp_seconds",
	    "When the configuration in use was read.", f->good_at);
	page_metric(p, "sallyport_log_lines_lost_total", "counter", "Lines of the log that could not be written.");
	page_line(p, "sallyport_log_lines_lost_total %llu\n", (unsigned long long)log_lost());
	page_metric(p, "sallyport_log_lines_suppressed_total", "counter",
	    "Lines of the log held back because their source caused too many.");
	page_line(p, "sallyport_log_lines_suppressed_total %llu\n", (unsigned long long)log_suppressed());
	page_metric(p, "sallyport_config_reloads_total", "counter", "How often the configuration was read again.");
	page_line(p,
	    "sallyport_config_reloads_total{result=\"good\"} %llu\n"
	    "sallyport_config_reloads_total{result=\"bad\"} %llu\n",
	    (unsigned long long)f->reloads_good, (unsigned long long)f->reloads_bad);
}

bool metrics_text(struct evbuffer *out, const struct metrics_facts *f)
{
	struct page p = {out, true};

	put_daemon(&p, f);
	put_streams(&p, &f->tally);
	put_tls(&p, &f->tally);
	put_decisions(&p, &f->tally);
	put_stanzas(&p, &f->tally);
	put_surroundings(&p, f);
	put_certificates(&p, &f->certificates);
	metrics_process_put(f->process, &p);
	return p.good;
}
