/* sallyportctl ping: an XEP-0199 ping from a domain of ours over a stream of its own, and how long each step took.
 *
 * What can be seen from here is that the other server takes the ping; its answer travels on a stream that it opens to
 * our domain (probe_ping.c says why, and how much can be known). */
#include "check_judge.h"
#include "ctl.h"
#include "probe_args.h"

#include <inttypes.h>
#include <stdlib.h>

/* The exit status. */
enum ping_exit {
	PING_TAKEN,
	PING_UNANSWERED,  /* the stream stood, and then nothing came, or an error */
	PING_REFUSED,     /* they or we refuse the stream */
	PING_UNREACHABLE, /* it did not come to that; or nothing was tried */
};

struct ping {
	struct probe_args args;
	struct probe_net net;
	struct pair pair;
	struct zone_req *zone_req;
	const struct zone *zone;
	size_t at; /* the endpoint that is tried */
	struct dial *dial;
	struct probe *probe;
	int64_t began, tried; /* probe_clock(): all of it, this endpoint */
	int64_t connect_us;
	enum reason why; /* as the gateway would put it */
	enum probe_pong pong;
	bool answered; /* an endpoint did: what it says tells more than that others are away */
	struct findings findings;
	bool colour;
};

static void usage(FILE *to)
{
	fprintf(to,
	    "usage: sallyportctl ping --from DOMAIN [-c FILE] [--resolver ADDR] [--timeout SECONDS] [--json] DOMAIN\n"
	    "Opens a stream to another server with the certificate of a domain of ours, sends one ping (XEP-0199) and\n"
	    "says how far it came, and in what time.  The answer goes to our server, on a stream of theirs: what is\n"
	    "seen here is that they take the ping.\n" PROBE_ARGS_USAGE
	    "Exit status: 0 taken, 1 the stream stood but the ping was not taken, 2 refused, 3 not reached.\n"
	    "Example:\n"
	    "  sallyportctl ping --from example.org jabber.example\n");
}

static bool parse(struct ping *p, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		enum probe_arg taken = probe_args_take(&p->args, argc, argv, &i);

		if (taken == PROBE_ARG_BAD)
			return false;
		if (taken == PROBE_ARG_TAKEN)
			continue;
		if (argv[i][0] == '-' || p->pair.to.n > 0) {
			usage(stderr);
			return false;
		}
		if (!domain_parse(&p->pair.to, span_of(argv[i]))) {
			fprintf(stderr, "\"");
			(void)finding_put_clean(stderr, span_of(argv[i]));
			fprintf(stderr, "\": no domain\n");
			return false;
		}
	}
	p->pair.from = p->args.from;
	if (p->pair.to.n == 0 || p->pair.from.n == 0) {
		usage(stderr);
		return false;
	}
	if (!domain_eq(&p->pair.from, &p->pair.to))
		return true;
	fprintf(stderr, "%s does not speak to itself: ping another domain\n", p->pair.to.s);
	return false;
}

static void show(struct ping *p)
{
	if (!p->args.json)
		findings_print(stdout, &p->findings, FINDING_OK, p->colour);
}

/* "1.2 ms" */
static const char *ms(int64_t us, char out[static 24])
{
	(void)snprintf(out, 24, "%" PRId64 ".%" PRId64 " ms", us / 1000, us % 1000 / 100);
	return out;
}

/* --- what became of it --- */

static const char *outcome_of(const struct ping *p)
{
	static const char *const pongs[] = {[PONG_TAKEN] = "taken",
	    [PONG_ACKED] = "acknowledged",
	    [PONG_ANSWERED] = "answered",
	    [PONG_ERROR] = "error"};
	const struct probe_found *f = p->probe != NULL ? probe_found(p->probe) : NULL;

	if (p->pong != PONG_NONE)
		return pongs[p->pong];
	if (f != NULL && f->authenticated)
		return "unanswered";
	return check_reason_is_silence(p->why) ? "unreachable" : "refused";
}

static enum ping_exit exit_of(const struct ping *p)
{
	const struct probe_found *f = p->probe != NULL ? probe_found(p->probe) : NULL;

	if (p->pong != PONG_NONE)
		return PING_TAKEN;
	if (f != NULL && f->authenticated)
		return PING_UNANSWERED;
	return check_reason_is_silence(p->why) ? PING_UNREACHABLE : PING_REFUSED;
}

static void tell_pong(struct ping *p, const struct probe_found *f)
{
	char time[24];
	struct finding *g;

	ms(f->us[PHASE_PING], time);
	if (f->pong == PONG_ANSWERED) {
		(void)finding_add(&p->findings, FINDING_OK, "ping", REASON_NONE, "answered, %s", time);
		return;
	}
	if (f->pong == PONG_ERROR) {
		(void)finding_add(&p->findings, FINDING_OK, "ping", REASON_NONE, "answered with an error (%s), %s",
		    f->error.condition, time);
		return;
	}
	g = finding_add(&p->findings, FINDING_OK, "ping", REASON_NONE, "%s, %s",
	    f->pong == PONG_ACKED ? "acknowledged (XEP-0198): their server has it"
	                          : "taken: their server read it and closed the stream in order",
	    time);
	finding_so(g,
	    "the answer comes on a stream of theirs to %s, and is not seen here: the gateway's log shows that stream",
	    p->pair.from.s);
}

/* The steps that were taken, as far as they went. */
static void tell_steps(struct ping *p, const struct probe_found *f)
{
	char time[24], addr[ADDR_TEXT_MAX];

	(void)finding_add(&p->findings, FINDING_OK, "tcp", REASON_NONE, "%s (%s), %s, %s",
	    addr_format(&f->endpoint.addr, addr), f->endpoint.target,
	    f->endpoint.direct_tls ? "direct TLS" : "STARTTLS", ms(p->connect_us, time));
	if (f->secured)
		(void)finding_add(&p->findings, FINDING_OK, "tls", REASON_NONE, "%s, %s, %s, %s", f->tls.version,
		    f->tls.cipher, f->tls.group, ms(f->us[PHASE_TLS], time));
	if (f->heard)
		(void)finding_add(&p->findings, FINDING_OK, "stream", REASON_NONE,
		    "their certificate is trusted; headers and features, %s", ms(f->us[PHASE_STREAM], time));
	if (f->authenticated)
		(void)finding_add(&p->findings, FINDING_OK, "sasl", REASON_NONE, "EXTERNAL accepted, %s",
		    ms(f->us[PHASE_EXTERNAL], time));
}

static void tell_failure(struct ping *p, const struct probe_found *f)
{
	const char *topic = f->authenticated ? "ping" : f->secured ? "sasl" : "tls";
	char detail[CHECK_DETAIL_MAX];
	struct finding *g;

	check_detail(f, detail);
	g = finding_add(&p->findings, FINDING_FAIL, f->verdict.why != REASON_NONE ? "cert" : topic, f->why, "%s%s",
	    reason_row(f->why)->text, detail);
	if (f->authenticated)
		finding_so(g, "the stream stood, but they did not take the ping: whether it was handled is not known");
	else if (f->error.condition[0] != '\0')
		finding_so(g, "their server says: %s%s%s", f->error.condition, f->error.text[0] != '\0' ? ": " : "",
		    f->error.text);
	if (p->answered && f->why == p->why) {
		g->who = WHO_NOBODY; /* it was said of the endpoint before */
		return;
	}
	if (f->verdict.why != REASON_NONE)
		finding_tell(g, f->verdict.peer_text);
	check_fix(g, f->why, &p->pair.to);
}

static void over(struct ping *p)
{
	loop_stop(p->net.loop);
}

/* --- the way there --- */

static void try_endpoint(struct ping *p);

static void next_endpoint(struct ping *p)
{
	p->at++;
	show(p);
	if (p->at < p->zone->endpoints_n)
		try_endpoint(p);
	else
		over(p);
}

static void on_probed(void *arg)
{
	struct ping *p = arg;
	const struct probe_found *f = probe_found(p->probe);

	tell_steps(p, f);
	if (f->why == REASON_NONE) {
		p->why = REASON_NONE;
		p->pong = f->pong;
		tell_pong(p, f);
		show(p);
		over(p);
		return;
	}
	tell_failure(p, f);
	if (!p->answered || p->at + 1 == p->zone->endpoints_n)
		p->why = f->why;
	p->answered = true;
	/* once authenticated the ping may have been read: it is not sent again elsewhere */
	if (f->authenticated || p->at + 1 == p->zone->endpoints_n) {
		p->why = f->why;
		show(p);
		over(p);
		return;
	}
	probe_free(p->probe);
	p->probe = NULL;
	next_endpoint(p);
}

static void no_connection(struct ping *p, enum reason why)
{
	const struct endpoint *e = &p->zone->endpoint[p->at];
	char addr[ADDR_TEXT_MAX], time[24];

	(void)finding_add(&p->findings, p->at + 1 < p->zone->endpoints_n ? FINDING_WARN : FINDING_FAIL, "tcp", why,
	    "%s (%s), %s: %s, after %s", addr_format(&e->addr, addr), e->target,
	    e->direct_tls ? "direct TLS" : "STARTTLS", reason_row(why)->text, ms(probe_clock() - p->tried, time));
	if (!p->answered)
		p->why = dial_telling(p->why, why);
	next_endpoint(p);
}

static void on_connected(void *arg, int fd, const struct endpoint *where, enum reason why)
{
	struct ping *p = arg;
	struct probe_order order = {.pair = &p->pair, .goal = PROBE_PING};

	(void)where;
	dial_cancel(&p->dial);
	p->connect_us = probe_clock() - p->tried;
	if (fd >= 0)
		p->probe = probe_start(&p->net, fd, &p->zone->endpoint[p->at], &order, on_probed, p);
	if (p->probe == NULL)
		no_connection(p, fd >= 0 ? REASON_NO_MEMORY : why);
}

static void try_endpoint(struct ping *p)
{
	const struct dial_options options = {.connect_ms = p->net.timeouts.connect, .stagger_ms = 250};

	p->tried = probe_clock();
	p->dial = dial_start_addr(p->net.loop, &p->zone->endpoint[p->at].addr, &options, on_connected, p);
	if (p->dial == NULL)
		no_connection(p, REASON_NO_MEMORY);
}

static void on_zone(void *arg, const struct zone *z)
{
	struct ping *p = arg;
	char time[24];
	struct finding *f;

	p->zone = z;
	if (z->endpoints_n == 0) {
		p->why = z->why;
		f = finding_add(&p->findings, FINDING_FAIL, "dns", z->why, "%s, after %s", reason_row(z->why)->text,
		    ms(z->us, time));
		finding_fix(f, "%s", reason_row(z->why)->fix);
		show(p);
		over(p);
		return;
	}
	(void)finding_add(&p->findings, FINDING_OK, "dns", REASON_NONE, "%zu endpoint%s, %s", z->endpoints_n,
	    z->endpoints_n == 1 ? "" : "s", ms(z->us, time));
	show(p);
	try_endpoint(p);
}

/* A domain that a row denies is not even looked up. */
static bool is_denied(struct ping *p)
{
	const struct conf_peer *row = conf_peer_find(p->net.site->conf, &p->pair.to, loop_wall(p->net.loop));
	char title[CONF_PEER_TITLE_MAX];
	struct finding *f;

	if (row == NULL || !row->deny)
		return false;
	p->why = REASON_POLICY_DENIED;
	f = finding_add(&p->findings, FINDING_FAIL, "policy", p->why, "%s of our configuration denies it%s%s",
	    conf_peer_title(row, title), row->note != NULL ? ": " : "", row->note != NULL ? row->note : "");
	f->who = WHO_US;
	finding_fix(f, "%s", reason_row(p->why)->fix);
	show(p);
	return true;
}

/* --- the whole --- */

static void put_times(struct json *j, const struct ping *p)
{
	static const char *const names[PHASES] = {"tls", "stream", "external", "ping"};
	const struct probe_found *f = p->probe != NULL ? probe_found(p->probe) : NULL;

	json_open_object(j, "us");
	if (p->zone != NULL)
		json_int(j, "dns", p->zone->us);
	if (f != NULL)
		json_int(j, "connect", p->connect_us);
	for (int i = 0; f != NULL && i < PHASES; i++) {
		if (f->us[i] >= 0)
			json_int(j, names[i], f->us[i]);
	}
	json_int(j, "total", probe_clock() - p->began);
	json_close_object(j);
}

static void show_json(const struct ping *p)
{
	size_t cap = 65536 + p->findings.n * 8192;
	char *to = malloc(cap);
	struct json j;

	if (to == NULL)
		return;
	json_init(&j, to, cap);
	json_open_object(&j, NULL);
	json_str(&j, "from", p->pair.from.s);
	json_str(&j, "to", p->pair.to.s);
	json_str(&j, "outcome", outcome_of(p));
	json_str(&j, "code", reason_row(p->why)->code);
	json_int(&j, "exit", exit_of(p));
	put_times(&j, p);
	findings_json(&j, &p->findings);
	json_close_object(&j);
	printf("%.*s\n", SPAN_FMT(json_done(&j)));
	free(to);
}

static void run(struct ping *p)
{
	char time[24];

	p->colour = finding_colour(stdout);
	p->began = probe_clock();
	if (!p->args.json)
		printf("%s -> %s\n", p->pair.from.s, p->pair.to.s);
	if (!is_denied(p)) {
		p->zone_req = zone_start(&p->net, &p->pair.to, on_zone, p);
		p->why = p->zone_req == NULL ? REASON_NO_MEMORY : REASON_NONE;
		if (p->zone_req != NULL)
			loop_run(p->net.loop);
	}
	if (p->args.json)
		show_json(p);
	else
		printf("%s%s%s, %s in all\n", outcome_of(p), p->why != REASON_NONE ? ": " : "",
		    p->why != REASON_NONE ? reason_row(p->why)->code : "", ms(probe_clock() - p->began, time));
}

int ctl_ping(int argc, char **argv)
{
	struct ping p = {.at = 0};
	enum ping_exit rc = PING_UNREACHABLE;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return CTL_OK;
	}
	probe_args_init(&p.args);
	if (parse(&p, argc, argv) && probe_args_open(&p.args, &p.net)) {
		run(&p);
		rc = exit_of(&p);
		probe_free(p.probe);
		zone_free(p.zone_req);
		findings_free(&p.findings);
		probe_net_close(&p.net);
	}
	return (int)rc;
}
