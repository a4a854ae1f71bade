#include "check_run.h"

#include <stdlib.h>

#include "sallyport/sock.h"

#define CHECK_MAGIC 0x6368656bu
/* Connections to the endpoints of one domain start at once. */
#define STAGGER_MS 250

enum check_state { CHECK_ZONE, CHECK_ENDPOINTS, CHECK_KINDS, CHECK_OVER };

struct attempt {
	struct check *check;
	struct dial *dial;
	struct probe *probe;
	int64_t began;
	bool inside; /* the gateway's own port in place of the one that others see */
	bool done;
};

struct check {
	uint32_t magic;
	enum check_state state;
	const struct probe_net *net;
	struct pair pair;
	struct check_view view;
	struct zone_req *zone_req;
	const struct zone *zone;
	struct attempt attempt[ZONE_ENDPOINTS_MAX], kind;
	struct check_endpoint endpoint[ZONE_ENDPOINTS_MAX];
	size_t told; /* endpoints of which the findings speak */
	struct findings findings;
	bool told_inside, told_outside;
	size_t ours; /* up to here they speak of what is ours */
	struct check_verdict verdict;
	void (*progress)(void *arg); /* NULL: freed */
	void *arg;
	struct loop_later gone, later;
};

static void go_on(struct check *c);

static void enter(struct check *c, enum check_state state)
{
	ENSURE(state > c->state);
	c->state = state;
}

/* What is said of other servers is said of one of ours: it is we who must act. */
static void make_ours(struct check *c)
{
	for (; c->view.own && c->ours < c->findings.n; c->ours++) {
		struct finding *f = &c->findings.v[c->ours];

		if (f->who == WHO_THEM)
			f->who = WHO_US;
		f->tell[0] = '\0';
		if (strncmp(f->fix, "they: ", 6) == 0)
			memmove(f->fix, f->fix + 6, strlen(f->fix + 6) + 1);
	}
}

static void tell_progress(struct check *c)
{
	make_ours(c);
	c->progress(c->arg);
}

/* --- the end --- */

static void finish(struct check *c)
{
	const struct conf_host *host = conf_host_find(c->net->site->conf, c->view.domain);

	c->verdict = check_verdict_of(&c->view, c->endpoint, c->zone->endpoints_n, c->zone->why);
	if (host != NULL) {
		make_ours(c);
		check_judge_own(&c->findings, c->net->site, host, c->view.now);
		c->ours = c->findings.n;
	}
	check_judge_verdict(&c->findings, &c->view, &c->verdict);
	enter(c, CHECK_OVER);
}

/* --- which kinds of key --- */

static const struct check_endpoint *first_secured(const struct check *c)
{
	for (size_t i = 0; i < c->zone->endpoints_n; i++) {
		if (c->endpoint[i].found != NULL && c->endpoint[i].found->secured)
			return &c->endpoint[i];
	}
	return NULL;
}

/* The handshake that stands has shown one kind; the other is asked for alone. */
static bool shown_is_rsa(const struct check_endpoint *e)
{
	struct cert_facts leaf;

	return cert_chain_n(e->found->chain) > 0 && cert_chain_facts(e->found->chain, 0, &leaf) &&
	       strncmp(leaf.key, "RSA", 3) == 0;
}

static void on_kind(void *arg)
{
	struct check *c = arg;

	MAGIC_CHECK(c, CHECK_MAGIC);
	const struct probe_found *p = probe_found(c->kind.probe);
	bool rsa = shown_is_rsa(first_secured(c));

	/* who gives no answer has not said no */
	if (p->secured || !check_reason_is_silence(p->why))
		check_judge_kinds(&c->findings, &c->view, p->secured || !rsa, p->secured || rsa);
	finish(c);
	tell_progress(c);
}

static void on_kind_connected(void *arg, int fd, const struct endpoint *endpoint, enum reason why)
{
	struct check *c = arg;

	MAGIC_CHECK(c, CHECK_MAGIC);
	const struct check_endpoint *e = first_secured(c);
	struct probe_order order = {
	    .pair = &c->pair, .goal = PROBE_HANDSHAKE, .one_kind = true, .kind = shown_is_rsa(e) ? TLS_ECDSA : TLS_RSA};

	(void)endpoint;
	(void)why;
	dial_cancel(&c->kind.dial);
	if (fd >= 0)
		c->kind.probe = probe_start(c->net, fd, &e->where, &order, on_kind, c);
	if (c->kind.probe == NULL) {
		/* it answered a moment ago: whatever it is, it says nothing of keys */
		finish(c);
		tell_progress(c);
	}
}

static void ask_kinds(struct check *c)
{
	const struct check_endpoint *e = first_secured(c);
	const struct dial_options options = {.connect_ms = c->net->timeouts.connect, .stagger_ms = STAGGER_MS};

	enter(c, CHECK_KINDS);
	if (e != NULL)
		c->kind.dial = dial_start_addr(c->net->loop, &e->where.addr, &options, on_kind_connected, c);
	if (c->kind.dial == NULL)
		finish(c);
}

/* --- endpoints --- */

static bool other_works(const struct check *c, size_t but)
{
	for (size_t i = 0; i < c->zone->endpoints_n; i++) {
		if (i != but && c->attempt[i].done && check_endpoint_why(&c->view, &c->endpoint[i]) == REASON_NONE)
			return true;
	}
	return false;
}

static bool all_done(const struct check *c)
{
	for (size_t i = 0; i < c->zone->endpoints_n; i++) {
		if (!c->attempt[i].done)
			return false;
	}
	return true;
}

/* One that fails is judged by the others, so it waits for them; those that stand are told of in their order. */
static void tell_endpoints(struct check *c)
{
	for (size_t n = c->zone->endpoints_n; c->told < n && c->attempt[c->told].done; c->told++) {
		const struct check_endpoint *e = &c->endpoint[c->told];

		if (check_endpoint_why(&c->view, e) != REASON_NONE && !all_done(c))
			return;
		check_judge_endpoint(&c->findings, &c->view, e, c->endpoint, other_works(c, c->told));
	}
}

static void attempt_over(struct attempt *a)
{
	struct check *c = a->check;

	a->done = true;
	tell_endpoints(c);
	if (all_done(c))
		ask_kinds(c);
	tell_progress(c);
}

static void on_probed(void *arg)
{
	struct attempt *a = arg;

	MAGIC_CHECK(a->check, CHECK_MAGIC);
	a->check->endpoint[a - a->check->attempt].found = probe_found(a->probe);
	attempt_over(a);
}

static void on_connected(void *arg, int fd, const struct endpoint *where, enum reason why);

static bool dial_attempt(struct check *c, struct attempt *a, const struct check_endpoint *e)
{
	const struct dial_options options = {.connect_ms = c->net->timeouts.connect, .stagger_ms = STAGGER_MS};

	a->began = probe_clock();
	a->dial = dial_start_addr(c->net->loop, &e->where.addr, &options, on_connected, a);
	return a->dial != NULL;
}

/* The port at which the gateway itself listens for what others send to this address; 0: none. */
static uint16_t inside_port(const struct conf *conf, const struct addr *at)
{
	for (size_t i = 0; i < conf->public_listens; i++) {
		if (conf->public_listen[i].u.sa.sa_family == at->u.sa.sa_family)
			return addr_port(&conf->public_listen[i]);
	}
	return 0;
}

/* The redirect holds for what comes in from elsewhere.  From this very machine the port that others see leads to the
 * old server, so the gateway is asked directly. */
static void go_inside(struct check *c, struct attempt *a, struct check_endpoint *e)
{
	uint16_t port = inside_port(c->net->site->conf, &e->where.addr);
	char addr[ADDR_TEXT_MAX];

	if (!c->view.own || port == 0 || port == addr_port(&e->where.addr) || !sock_is_local(&e->where.addr))
		return;
	if (!c->told_inside)
		(void)finding_add(&c->findings, FINDING_NOTE, "own", REASON_NONE,
		    "%s is this machine, on which nothing is redirected: the gateway is asked at port %u",
		    addr_format(&e->where.addr, addr), port);
	c->told_inside = true;
	addr_set_port(&e->where.addr, port);
	a->inside = true;
}

static bool try_outside(struct check *c, struct attempt *a, struct check_endpoint *e)
{
	char addr[ADDR_TEXT_MAX];
	struct finding *f;

	if (!c->told_outside) {
		f = finding_add(&c->findings, FINDING_WARN, "own", REASON_NONE, "the gateway does not listen at %s",
		    addr_format(&e->where.addr, addr));
		f->who = WHO_US;
		finding_so(f, "what follows is about the old server itself, as it answers without the gateway");
		finding_fix(f, "systemctl start sallyport");
	}
	c->told_outside = true;
	a->inside = false;
	e->where = c->zone->endpoint[a - c->attempt];
	return dial_attempt(c, a, e);
}

static void on_connected(void *arg, int fd, const struct endpoint *where, enum reason why)
{
	struct attempt *a = arg;
	struct check *c = a->check;

	MAGIC_CHECK(c, CHECK_MAGIC);
	struct check_endpoint *e = &c->endpoint[a - c->attempt];
	struct probe_order order = {.pair = &c->pair, .goal = c->view.from != NULL ? PROBE_AUTH : PROBE_FEATURES};

	(void)where;
	dial_cancel(&a->dial);
	if (fd < 0 && a->inside && try_outside(c, a, e))
		return;
	e->us = probe_clock() - a->began;
	e->why = why;
	if (fd >= 0) {
		a->probe = probe_start(c->net, fd, &e->where, &order, on_probed, a);
		if (a->probe != NULL)
			return;
		e->why = REASON_NO_MEMORY;
	}
	attempt_over(a);
}

static bool start_attempt(struct check *c, size_t i)
{
	struct attempt *a = &c->attempt[i];
	struct check_endpoint *e = &c->endpoint[i];

	a->check = c;
	e->where = c->zone->endpoint[i];
	go_inside(c, a, e);
	a->done = !dial_attempt(c, a, e);
	if (a->done)
		e->why = REASON_NO_MEMORY;
	return !a->done;
}

static void on_zone(void *arg, const struct zone *z)
{
	struct check *c = arg;

	MAGIC_CHECK(c, CHECK_MAGIC);
	c->zone = z;
	check_judge_zone(&c->findings, &c->view, z);
	go_on(c);
	tell_progress(c);
}

static void go_on(struct check *c)
{
	bool any = false;

	enter(c, CHECK_ENDPOINTS);
	for (size_t i = 0; i < c->zone->endpoints_n; i++)
		any = start_attempt(c, i) || any;
	if (any)
		return;
	tell_endpoints(c);
	finish(c);
}

/* --- life --- */

static void tell_policy(struct check *c, const struct conf_peer *row)
{
	char title[CONF_PEER_TITLE_MAX];
	struct finding *f;

	if (row == NULL || !row->deny)
		return;
	f = finding_add(&c->findings, FINDING_FAIL, "policy", REASON_POLICY_DENIED,
	    "%s of our configuration denies it%s%s", conf_peer_title(row, title), row->note != NULL ? ": " : "",
	    row->note != NULL ? row->note : "");
	f->who = WHO_US;
	finding_so(f, "no stream stands in either direction, whatever its certificate");
	finding_fix(f, "%s", reason_row(REASON_POLICY_DENIED)->fix);
}

struct check *check_start(const struct probe_net *net, const struct domain *domain, const struct domain *from,
    void (*progress)(void *arg), void *arg)
{
	struct check *c = calloc(1, sizeof(*c));
	const struct conf_peer *row;

	if (c == NULL)
		return NULL;
	c->magic = CHECK_MAGIC;
	c->net = net;
	c->pair.to = *domain;
	/* nobody speaks to itself: a domain of ours is seen as a stranger would see it */
	c->view.own = conf_host_find(net->site->conf, domain) != NULL;
	if (from != NULL && !c->view.own)
		c->pair.from = *from;
	c->view.domain = &c->pair.to;
	c->view.from = c->pair.from.n > 0 ? &c->pair.from : NULL;
	c->view.now = loop_wall(net->loop);
	row = conf_peer_find(net->site->conf, domain, c->view.now);
	c->view.denied = row != NULL && row->deny;
	c->progress = progress;
	c->arg = arg;
	c->zone_req = zone_start(net, domain, on_zone, c);
	if (c->zone_req == NULL) {
		check_free(c);
		return NULL;
	}
	tell_policy(c, row);
	return c;
}

static void release(void *arg)
{
	struct check *c = arg;

	MAGIC_CHECK(c, CHECK_MAGIC);
	c->magic = 0;
	findings_free(&c->findings);
	free(c);
}

void check_free(struct check *c)
{
	if (c == NULL || c->progress == NULL)
		return;
	c->progress = NULL;
	zone_free(c->zone_req);
	for (size_t i = 0; i < ZONE_ENDPOINTS_MAX; i++) {
		dial_cancel(&c->attempt[i].dial);
		probe_free(c->attempt[i].probe);
	}
	dial_cancel(&c->kind.dial);
	probe_free(c->kind.probe);
	loop_defer(c->net->loop, &c->gone, release, c);
}

bool check_done(const struct check *c)
{
	return c->state == CHECK_OVER;
}

const struct domain *check_domain(const struct check *c)
{
	return &c->pair.to;
}

struct findings *check_findings(struct check *c)
{
	return &c->findings;
}

const struct check_verdict *check_verdict(const struct check *c)
{
	return &c->verdict;
}

enum check_exit check_exit(const struct check *c)
{
	const struct check_verdict *v = &c->verdict;
	enum finding_level worst = findings_worst(&c->findings);

	if (v->out != REASON_NONE && check_reason_is_silence(v->out))
		return CHECK_UNTESTED;
	/* it wants to know who asks before it lets TLS stand */
	if (v->class == CLASS_UNKNOWN && c->view.from == NULL && v->out == REASON_TLS_REFUSED)
		return CHECK_UNTESTED;
	if (v->out != REASON_NONE || v->in != REASON_NONE || worst == FINDING_FAIL)
		return CHECK_REFUSED;
	return worst == FINDING_WARN ? CHECK_WARNINGS : CHECK_GOOD;
}

/* --- JSON --- */

static void put_endpoint(struct json *j, const struct check *c, const struct check_endpoint *e)
{
	const struct probe_found *p = e->found;
	enum reason why = check_endpoint_why(&c->view, e);
	char addr[ADDR_TEXT_MAX];

	json_open_object(j, NULL);
	json_str(j, "address", addr_format(&e->where.addr, addr));
	json_str(j, "target", e->where.target);
	json_str(j, "mode", e->where.direct_tls ? "direct-tls" : "starttls");
	json_str(j, "code", reason_row(why)->code);
	json_int(j, "connect_us", e->us);
	if (p != NULL && p->secured) {
		json_str(j, "tls", p->tls.version);
		json_str(j, "cipher", p->tls.cipher);
		json_str(j, "group", p->tls.group);
		json_int(j, "tls_us", p->us[PHASE_TLS]);
		json_bool(j, "asks_for_certificate", p->tls.asked);
		json_str(j, "certificate", reason_row(p->verdict.why)->code);
		json_int(j, "expires", p->verdict.expires);
		json_bool(j, "external_offered", p->features.external);
		json_bool(j, "external_accepted", p->authenticated);
		json_bool(j, "dialback_offered", p->features.dialback);
	}
	json_close_object(j);
}

void check_json(struct json *j, const struct check *c)
{
	const struct check_verdict *v = &c->verdict;

	json_open_object(j, NULL);
	json_str(j, "domain", c->pair.to.s);
	if (c->view.from != NULL)
		json_str(j, "from", c->view.from->s);
	json_str(j, "class", check_class_name(v->class));
	json_str(j, "out", v->out_known ? reason_row(v->out)->code : "");
	json_str(j, "in", v->in_known ? reason_row(v->in)->code : "");
	json_int(j, "exit", check_exit(c));
	json_int(j, "dns_us", c->zone->us);
	json_open_array(j, "endpoints");
	for (size_t i = 0; i < c->zone->endpoints_n; i++)
		put_endpoint(j, c, &c->endpoint[i]);
	json_close_array(j);
	findings_json(j, &c->findings);
	json_close_object(j);
}
