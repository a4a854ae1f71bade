/* A ping on a stream that stands, and what can be seen of its fate.
 *
 * The answer is a stanza from R to L, and travels on a stream that R opens to L, not on this one: XEP-0288 would change
 * that, but also make R send live stanzas for L's users here, where nobody takes them, so it is not negotiated.  What
 * is seen here is whether R's server takes the ping: it acknowledges it where it offers XEP-0198, else it reads on to
 * our
 * </stream:stream> and ends the stream in its turn, by the book and not with an error. */
#include "probe_internal.h"

#include <stdio.h>

#define NS_ACKS "urn:xmpp:sm:3"

/* The name of who asks: one that no user has. */
#define RESOURCE "sallyportctl-"

static void say(struct probe *p, const char *text)
{
	if (buf_put(leg_out(p->leg), span_of(text)))
		(void)leg_flush(p->leg);
	else
		probe_fail(p, REASON_LIMIT_QUEUE, "our own words");
}

static void send_ping(struct probe *p)
{
	char from[DOMAIN_U_MAX], to[DOMAIN_U_MAX], text[3 * DOMAIN_U_MAX];
	struct span l = domain_to_unicode(&p->order.pair->from, from), r = domain_to_unicode(&p->order.pair->to, to);

	/* domains hold nothing that XML would read as markup */
	(void)snprintf(text, sizeof(text),
	    "<iq type='get' id='%s' from='%.*s/" RESOURCE "%s' to='%.*s'><ping xmlns='urn:xmpp:ping'/></iq>%s", p->id,
	    SPAN_FMT(l), p->id, SPAN_FMT(r), p->acks ? "<r xmlns='" NS_ACKS "'/>" : "</stream:stream>");
	p->said_end = !p->acks;
	say(p, text);
}

void probe_ping(struct probe *p)
{
	xmpp_new_id(p->id);
	if (p->acks)
		say(p, "<enable xmlns='" NS_ACKS "'/>");
	else
		send_ping(p);
}

/* An element of XEP-0198 with this name? */
static bool is_ack(const struct probe *p, const struct xml_ev *ev, const char *name)
{
	struct xml_tree t;

	return span_eq(ev->name, span_of(name)) && xml_tree_parse(&t, p->xml, ev) &&
	       span_eq(t.node[0].ns, SPAN(NS_ACKS));
}

/* Ours was the first stanza. */
static bool counts_ping(const struct probe *p, const struct xml_ev *ev)
{
	struct xml_tree t;
	const struct xml_tree_attr *h = xml_tree_parse(&t, p->xml, ev) ? xml_tree_attr(&t, &t.node[0], "h") : NULL;

	return h != NULL && span_eq(h->value, SPAN("1"));
}

static void ponged(struct probe *p, enum probe_pong pong)
{
	p->found.pong = pong;
	probe_finish(p);
}

static void on_stanza(struct probe *p, const struct xml_ev *ev)
{
	bool ours = xmpp_kind(ev) == XMPP_IQ && span_eq(ev->id.value, span_of(p->id));

	if (ours && span_eq(ev->type.value, SPAN("result"))) {
		ponged(p, PONG_ANSWERED);
	} else if (ours && span_eq(ev->type.value, SPAN("error"))) {
		xmpp_error_read(&p->found.error, p->xml, ev);
		ponged(p, PONG_ERROR);
	} else {
		probe_fail(p, REASON_UNEXPECTED, "a stanza that is no answer to the ping");
	}
}

void probe_pinged(struct probe *p, enum fsm_event event, const struct xml_ev *ev)
{
	if (event == EVENT_STANZA) {
		on_stanza(p, ev);
	} else if (is_ack(p, ev, "enabled")) {
		send_ping(p);
	} else if (is_ack(p, ev, "failed")) {
		p->acks = false;
		send_ping(p);
	} else if (is_ack(p, ev, "a")) {
		if (counts_ping(p, ev))
			ponged(p, PONG_ACKED);
	} else if (is_ack(p, ev, "r")) {
		say(p, "<a xmlns='" NS_ACKS "' h='0'/>");
	} else {
		probe_fail(p, REASON_UNEXPECTED, "an element that has no place behind authentication");
	}
}

void probe_ping_ended(struct probe *p)
{
	if (p->said_end)
		ponged(p, PONG_TAKEN);
	else
		probe_fail(p, REASON_PEER_LOST, "</stream:stream> before the ping was taken");
}
