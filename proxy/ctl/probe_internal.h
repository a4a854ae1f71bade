/* The inside of a probe: probe.c (life, bytes to events), probe_act.c (actions of the table) and probe_ping.c. */
#ifndef CTL_PROBE_INTERNAL_H
#define CTL_PROBE_INTERNAL_H

#include "probe.h"
#include "sallyport/leg.h"

#define PROBE_MAGIC 0x70726f62u

struct probe {
	uint32_t magic;
	const struct probe_net *net;
	struct probe_order order;
	enum probe_goal goal; /* the order's, or less: nobody authenticates with a server that is not trusted */
	enum fsm_state state;
	struct leg *leg; /* NULL: finished */
	struct xml *xml;
	struct loop_timer *timer;
	struct loop_later first, later, gone;
	struct tls *tls_next; /* to be started once the element at hand is consumed */
	size_t rest;          /* bytes that came behind the element at hand */
	unsigned elements;
	bool said_header, said_end, finished;
	bool acks; /* the server offers XEP-0198 */
	char id[XMPP_NEW_ID_LEN + 1]; /* of the ping */
	int64_t since; /* probe_clock() of the last change of state */
	int64_t end;   /* of the whole, by loop_now() */
	struct probe_found found;
	void (*fn)(void *arg); /* NULL: freed */
	void *arg;
};

/* probe.c */
void probe_enter(struct probe *p, enum fsm_state next);
void probe_note(struct probe *p, enum reason why, const char *detail);
void probe_finish(struct probe *p);
void probe_fail(struct probe *p, enum reason why, const char *detail);

/* probe_act.c */
void probe_act(struct probe *p, enum fsm_action action, const struct xml_ev *ev);

/* probe_ping.c: in STATE_OPEN */
void probe_ping(struct probe *p);
void probe_pinged(struct probe *p, enum fsm_event event, const struct xml_ev *ev);
/* The other side has ended the stream, or its connection behind our end of it. */
void probe_ping_ended(struct probe *p);

#endif
