/* The steps that no actor makes: configuration, names, time, the network, the gateway's life, its log. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

/* Time moves by at most this much before actors may answer. */
enum { TURNS_MAX = 1000 };

static struct span must_word(const struct stage *stage, const char **rest, const char *what)
{
	struct span word = next_word(rest);

	if (word.n == 0)
		stage_fail(stage, "%s is missing", what);
	return word;
}

/* --- before the start --- */

/* conf … end: the gateway's configuration file; once it runs, what "reload" will read */
static void conf(struct stage *stage, const char *rest)
{
	struct fake_bytes text = stage_bytes(stage, rest);
	struct conf_errors *errors = fake_alloc(sizeof(*errors));
	char path[128];
	bool was;
	FILE *f;

	if (stage->conf != NULL && stage->gate == NULL)
		stage_fail(stage, "there is a configuration already");
	conf_unref(stage->conf);
	(void)snprintf(path, sizeof(path), "%s/sallyport.ini", stage->dir);
	f = fopen(path, "w");
	ENSURE(f != NULL && fwrite(text.p, 1, text.n, f) == text.n && fclose(f) == 0);
	was = fake_inside(true);
	stage->conf = conf_load(path, errors);
	(void)fake_inside(was);
	if (stage->conf == NULL)
		stage_fail(stage, "the configuration is wrong: %s", errors->text[0]);
	free(errors);
	fake_bytes_free(&text);
}

/* cert NAME KIND DOMAIN…, see certs.h */
static void cert(struct stage *stage, const char *rest)
{
	struct span name = must_word(stage, &rest, "a name");
	struct span kind = must_word(stage, &rest, "a kind");
	char variable[80], key[CERT_PIN_TEXT];

	if (*rest == '\0')
		stage_fail(stage, "a domain is missing");
	if (!certs_make(stage->certs, name, kind, rest))
		stage_fail(stage, "there is no kind of certificate \"%.*s\"", SPAN_FMT(kind));
	(void)snprintf(variable, sizeof(variable), "pin_%.*s", SPAN_FMT(name));
	vars_set(stage->vars, span_of(variable), span_of(cert_pin(certs_find(stage->certs, name), key)));
}

/* crl NAME [CERT…], see certs.h */
static void crl(struct stage *stage, const char *rest)
{
	struct span name = must_word(stage, &rest, "a name");

	if (!certs_revoke(stage->certs, name, rest))
		stage_fail(stage, "one of the certificates \"%s\" is not there", rest);
}

/* name WORD ADDRESS */
static void name(struct stage *stage, const char *rest)
{
	struct span word = must_word(stage, &rest, "a word");

	ENSURE(stage->names_n < PLACES_MAX && word.n < sizeof(stage->names[0].name));
	stage->names[stage->names_n].at = stage_addr(stage, must_word(stage, &rest, "an address"));
	memcpy(stage->names[stage->names_n].name, word.p, word.n);
	stage->names_n++;
}

/* forget NAME: the next pattern captures it anew */
static void forget(struct stage *stage, const char *rest)
{
	struct span word = must_word(stage, &rest, "a name");

	if (!vars_forget(stage->vars, word))
		stage_fail(stage, "nothing was captured as $%.*s", SPAN_FMT(word));
}

/* start */
static void start(struct stage *stage, const char *rest)
{
	char err[512] = "";
	bool was;

	(void)rest;
	if (stage->conf == NULL)
		stage_fail(stage, "there is no configuration");
	if (stage->gate != NULL)
		stage_fail(stage, "the gateway runs already");
	was = fake_inside(true);
	stage->site = site_new(stage->conf, NULL, NULL, err, sizeof(err));
	if (stage->site == NULL)
		stage_fail(stage, "site_new: %s", err);
	stage->gate = gate_new(stage->loop, stage->site, err, sizeof(err));
	if (stage->gate == NULL)
		stage_fail(stage, "gate_new: %s", err);
	if (!gate_listen(stage->gate, true, err, sizeof(err)))
		stage_fail(stage, "gate_listen: %s", err);
	(void)fake_inside(was);
}

/* reload: as SIGHUP does */
static void reload(struct stage *stage, const char *rest)
{
	char err[512] = "";
	struct site *site;
	bool was;

	(void)rest;
	if (stage->gate == NULL)
		stage_fail(stage, "the gateway does not run");
	was = fake_inside(true);
	site = site_new(stage->conf, stage->site, NULL, err, sizeof(err));
	if (site == NULL)
		stage_fail(stage, "site_new: %s", err);
	if (!gate_reload(stage->gate, site, err, sizeof(err)))
		stage_fail(stage, "gate_reload: %s", err);
	(void)fake_inside(was);
	site_unref(stage->site);
	stage->site = site;
}

/* --- names --- */

static unsigned number(const struct stage *stage, struct span word)
{
	char text[16];
	char *end;
	unsigned long n;

	(void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(word));
	n = strtoul(text, &end, 10);
	if (*end != '\0' || end == text || n > 65535)
		stage_fail(stage, "\"%.*s\" is no number up to 65535", SPAN_FMT(word));
	return (unsigned)n;
}

static void dns_srv(struct stage *stage, const char *owner, const char *rest)
{
	struct dns_srv srv = {0};
	struct span target;

	srv.priority = (uint16_t)number(stage, must_word(stage, &rest, "a priority"));
	srv.weight = (uint16_t)number(stage, must_word(stage, &rest, "a weight"));
	srv.port = (uint16_t)number(stage, must_word(stage, &rest, "a port"));
	target = must_word(stage, &rest, "a target");
	ENSURE(target.n < sizeof(srv.target));
	if (!span_eq(target, SPAN(".")))
		memcpy(srv.target, target.p, target.n);
	fake_dns_srv(owner, &srv);
}

static void dns_addr(struct stage *stage, const char *owner, struct span type, const char *rest)
{
	struct span word = must_word(stage, &rest, "an address");
	char text[ADDR_TEXT_MAX];
	struct addr at;

	(void)snprintf(text, sizeof(text), span_eq(type, SPAN("AAAA")) ? "[%.*s]:1" : "%.*s:1", SPAN_FMT(word));
	if (!addr_parse(&at, span_of(text), false))
		stage_fail(stage, "\"%.*s\" is no such address", SPAN_FMT(word));
	fake_dns_addr(owner, &at);
}

/* dns NAME SRV PRIORITY WEIGHT PORT TARGET | A ADDRESS | AAAA ADDRESS | fails | silent | gone */
static void dns(struct stage *stage, const char *rest)
{
	struct span owner_word = must_word(stage, &rest, "a name");
	struct span type = must_word(stage, &rest, "a type");
	char owner[256];

	(void)snprintf(owner, sizeof(owner), "%.*s", SPAN_FMT(owner_word));
	if (span_eq(type, SPAN("SRV")))
		dns_srv(stage, owner, rest);
	else if (span_eq(type, SPAN("A")) || span_eq(type, SPAN("AAAA")))
		dns_addr(stage, owner, type, rest);
	else if (span_eq(type, SPAN("fails")))
		fake_dns_fails(owner, DNS_FAILED);
	else if (span_eq(type, SPAN("silent")))
		fake_dns_fails(owner, DNS_TIMEOUT);
	else if (span_eq(type, SPAN("gone")))
		fake_dns_forget(owner);
	else
		stage_fail(stage, "\"dns\" knows no \"%.*s\"", SPAN_FMT(type));
}

/* --- time --- */

/* 20s | 900ms | 5m | 1h */
static int64_t duration(struct stage *stage, const char *text)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *unit;
	int64_t n = (int64_t)strtoul(text, &unit, 10);

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (unit != text && strcmp(unit, units[i].unit) == 0)
			return n * units[i].ms;
	stage_fail(stage, "\"%s\" is no time, like 20s or 900ms", text);
}

/* after TIME */
static void after(struct stage *stage, const char *rest)
{
	if (!fake_loop_advance(stage->loop, duration(stage, rest), TURNS_MAX))
		stage_fail(stage, "the gateway spins: it is busy and no byte moves");
}

/* clock forward|back TIME: the machine's, not the one that timers go by */
static void clock_jumps(struct stage *stage, const char *rest)
{
	struct span way = must_word(stage, &rest, "forward or back");
	int64_t seconds = duration(stage, rest) / 1000;

	if (!span_eq(way, SPAN("forward")) && !span_eq(way, SPAN("back")))
		stage_fail(stage, "a clock jumps forward or back");
	fake_loop_jump(stage->loop, span_eq(way, SPAN("back")) ? -seconds : seconds);
}

/* --- the network --- */

static struct addr must_address(const struct stage *stage, const char *rest)
{
	return stage_addr(stage, must_word(stage, &rest, "an address"));
}

static void must_attempt(const struct stage *stage, bool there_was_one)
{
	if (!there_was_one)
		stage_fail(stage, "the gateway does not try to connect there");
}

/* refuse ADDRESS: nothing listens there */
static void refuse(struct stage *stage, const char *rest)
{
	struct addr at = must_address(stage, rest);

	must_attempt(stage, fake_net_refuse(&at, ECONNREFUSED));
}

/* unreachable ADDRESS: no route leads there */
static void unreachable(struct stage *stage, const char *rest)
{
	struct addr at = must_address(stage, rest);

	must_attempt(stage, fake_net_refuse(&at, EHOSTUNREACH));
}

/* ignore ADDRESS: nobody answers there */
static void ignore(struct stage *stage, const char *rest)
{
	struct addr at = must_address(stage, rest);

	must_attempt(stage, fake_net_ignore(&at));
}

/* starve EMFILE | ENFILE | ENOBUFS | ENOMEM | no: by this accepting fails */
static void starve(struct stage *stage, const char *rest)
{
	static const struct {
		struct span word;
		int err;
	} errors[] = {{SPAN("EMFILE"), EMFILE}, {SPAN("ENFILE"), ENFILE}, {SPAN("ENOBUFS"), ENOBUFS},
	    {SPAN("ENOMEM"), ENOMEM}, {SPAN("no"), 0}};
	struct span word = must_word(stage, &rest, "an error");

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		if (!span_eq(errors[i].word, word))
			continue;
		fake_net_starve(errors[i].err);
		return;
	}
	stage_fail(stage, "\"starve\" knows no \"%.*s\"", SPAN_FMT(word));
}

/* --- the gateway --- */

static void drained(void *arg)
{
	struct stage *stage = arg;

	ENSURE(!stage->drained);
	stage->drained = true;
}

static void must_run(const struct stage *stage)
{
	if (stage->gate == NULL)
		stage_fail(stage, "the gateway does not run");
}

/* drain: as SIGTERM does */
static void drain(struct stage *stage, const char *rest)
{
	bool was;

	(void)rest;
	must_run(stage);
	was = fake_inside(true);
	gate_drain(stage->gate, drained, stage);
	(void)fake_inside(was);
}

/* drained: it has ended */
static void must_be_drained(struct stage *stage, const char *rest)
{
	(void)rest;
	if (!stage->drained)
		stage_fail(stage, "the gateway has not ended: %zu streams are left", gate_streams(stage->gate));
}

/* streams N: so many are open */
static void streams(struct stage *stage, const char *rest)
{
	unsigned n = number(stage, must_word(stage, &rest, "a number"));

	must_run(stage);
	if (gate_streams(stage->gate) != n)
		stage_fail(stage, "there are %zu streams", gate_streams(stage->gate));
}

/* log KEY=PATTERN…: the oldest line that fits and was not claimed before */
static void log_line(struct stage *stage, const char *rest)
{
	logs_take(stage->logs);
	if (!logs_claim(stage->logs, rest, stage->vars))
		stage_fail(stage, "no line of the log fits");
}

/* no log KEY=PATTERN… | no connection | no lookup */
static void no(struct stage *stage, const char *rest)
{
	struct span what = must_word(stage, &rest, "a word");
	char text[ADDR_TEXT_MAX];
	struct addr at;

	if (span_eq(what, SPAN("log"))) {
		if (logs_claim(stage->logs, rest, stage->vars))
			stage_fail(stage, "there is such a line");
	} else if (span_eq(what, SPAN("connection"))) {
		if (fake_net_attempts(&at) > 0)
			stage_fail(stage, "the gateway tries to connect to %s", addr_format(&at, text));
	} else if (span_eq(what, SPAN("lookup"))) {
		if (fake_dns_lookups() > 0)
			stage_fail(stage, "the gateway has made %zu look-ups", fake_dns_lookups());
	} else {
		stage_fail(stage, "\"no\" knows no \"%.*s\"", SPAN_FMT(what));
	}
}

static void pieces(struct stage *stage, const char *rest)
{
	/* The player has read it. */
	(void)stage;
	(void)rest;
}

static const struct {
	const char *word;
	void (*perform)(struct stage *stage, const char *rest);
	bool takes_rest;
} verbs[] = {
    {"conf", conf, true},
    {"cert", cert, true},
    {"crl", crl, true},
    {"name", name, true},
    {"forget", forget, true},
    {"start", start, false},
    {"reload", reload, false},
    {"dns", dns, true},
    {"after", after, true},
    {"clock", clock_jumps, true},
    {"refuse", refuse, true},
    {"unreachable", unreachable, true},
    {"ignore", ignore, true},
    {"starve", starve, true},
    {"drain", drain, false},
    {"drained", must_be_drained, false},
    {"streams", streams, true},
    {"counted", counts_perform, true},
    {"log", log_line, true},
    {"no", no, true},
    {"pieces", pieces, true},
};

bool world_perform(struct stage *stage, struct span verb, const char *rest)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!span_eq(span_of(verbs[i].word), verb))
			continue;
		if (verbs[i].takes_rest != (*rest != '\0'))
			stage_fail(stage, "%s must stand behind \"%s\"", verbs[i].takes_rest ? "something" : "nothing",
			    verbs[i].word);
		verbs[i].perform(stage, rest);
		return true;
	}
	return false;
}
