/* The actions of the public-out role (fsm.h), performed by a probe. */
#include "probe_internal.h"

static void say(struct probe *p, bool put)
{
	if (!put)
		probe_fail(p, REASON_LIMIT_QUEUE, "our own words");
	else
		(void)leg_flush(p->leg);
}

static const struct domain *known(const struct domain *d)
{
	return d->n > 0 ? d : NULL;
}

static void act_hello(struct probe *p, const struct xml_ev *ev)
{
	const struct pair *pair = p->order.pair;

	if (ev != NULL && p->rest > 0) {
		probe_fail(p, REASON_UNEXPECTED, "bytes behind <success/>");
		return;
	}
	if (ev != NULL)
		p->found.authenticated = true;
	xml_reset(p->xml);
	p->said_header = true;
	say(p, xmpp_put_header(leg_out(p->leg), known(&pair->from), &pair->to, NULL, false));
}

static void act_connect_tls(struct probe *p, const struct xml_ev *ev)
{
	const struct pair *pair = p->order.pair;
	struct cert_own *own = NULL;

	/* bytes behind <proceed/> were sent in the clear (invariant S2) */
	if (ev != NULL && p->rest > 0) {
		probe_fail(p, REASON_EARLY_BYTES, "");
		return;
	}
	if (pair->from.n > 0) {
		own = cert_own_find(p->net->site->certs, &pair->from);
		if (own == NULL) {
			probe_fail(p, REASON_OWN_CERT, pair->from.s);
			return;
		}
	}
	p->tls_next = tls_new(p->net->site->tls, TLS_PUBLIC_OUT, own, &pair->to, p->found.endpoint.direct_tls);
	cert_own_unref(own);
	if (p->tls_next == NULL || (p->order.one_kind && !tls_only(p->tls_next, p->order.kind)))
		probe_fail(p, REASON_NO_MEMORY, "");
}

/* A bad certificate is not the end: what the server offers besides tells how it lives with it. */
static void act_judge(struct probe *p)
{
	struct probe_found *f = &p->found;
	struct policy_verdict policy;

	f->chain = tls_peer_chain(leg_tls(p->leg));
	policy = site_judge(
	    p->net->site, &p->order.pair->to, f->chain, false, loop_wall(p->net->loop), &f->verdict, &f->row);
	if (policy.why == REASON_POLICY_DENIED)
		cert_judge(
		    p->net->site->certs, f->chain, &p->order.pair->to, f->row, loop_wall(p->net->loop), &f->verdict);
	if (policy.why != REASON_NONE) {
		probe_note(p, policy.why, f->verdict.detail);
		if (p->goal == PROBE_PING)
			p->goal = PROBE_HANDSHAKE;
		else if (p->goal == PROBE_AUTH)
			p->goal = PROBE_FEATURES;
	}
	if (p->goal == PROBE_HANDSHAKE)
		probe_finish(p);
	else
		act_hello(p, NULL);
}

static void act_peer_error(struct probe *p, const struct xml_ev *ev)
{
	xmpp_error_read(&p->found.error, p->xml, ev);
	probe_fail(p,
	    strcmp(p->found.error.condition, "host-unknown") == 0 ? REASON_PEER_HOST_UNKNOWN : REASON_PEER_ERROR, "");
}

/* The table has no other actions for this role. */
void probe_act(struct probe *p, enum fsm_action action, const struct xml_ev *ev)
{
	if (action == ACT_HELLO)
		act_hello(p, ev);
	else if (action == ACT_REQUEST_TLS)
		say(p, xmpp_put_starttls(leg_out(p->leg)));
	else if (action == ACT_CONNECT_TLS)
		act_connect_tls(p, ev);
	else if (action == ACT_JUDGE)
		act_judge(p);
	else if (action == ACT_AUTH)
		say(p, xmpp_put_auth_external(leg_out(p->leg), &p->order.pair->from));
	else if (action == ACT_PEER_ERROR)
		act_peer_error(p, ev);
	else if (action == ACT_SINK_READY && p->goal == PROBE_PING)
		probe_ping(p);
	else if (action == ACT_SINK_READY)
		probe_finish(p);
}
