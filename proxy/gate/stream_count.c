/* What a stream adds to its worker's tally. */
#include "stream_internal.h"

void stream_count_opened(struct stream *s)
{
	struct tally *t = &s->w->tally;
	stats_add(&t->opened[s->role], 1);
	stats_time(&t->setup[s->role], s->opened - s->started);
}

void stream_count_closed(struct stream *s)
{
	stats_add(&s->w->tally.closed[s->role][s->why], 1);
}

void stream_count_judged(struct stream *s, enum reason why)
{
	enum tally_direction direction = s->role == ROLE_PUBLIC_IN ? TALLY_INBOUND : TALLY_OUTBOUND;
	stats_add(&s->w->tally.judged[direction][why], 1);
}

void stream_count_tls_begun(struct stream *s)
{
	s->handshake = true;
	s->handshake_at = loop_now(s->w->loop);
	stats_add(&s->w->tally.tls_begun[stream_tls_role(s)], 1);
}

void stream_count_tls_done(struct stream *s)
{
	struct tls_facts facts;
	tls_facts(leg_tls(s->leg), &facts);
	enum tally_version version = strcmp(facts.version, "TLSv1.3") == 0 ? TALLY_TLS_1_3 : TALLY_TLS_1_2;
	enum tls_role role = stream_tls_role(s);
	s->handshake = false;
	stats_add(&s->w->tally.tls_done[role][version], 1);
	stats_time(&s->w->tally.handshake[role], loop_now(s->w->loop) - s->handshake_at);
}

void stream_count_tls_over(struct stream *s)
{
	if (s->handshake)
		stats_add(&s->w->tally.tls_failed[stream_tls_role(s)], 1);
	s->handshake = false;
}
