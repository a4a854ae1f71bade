/* Whether a peer is trusted, and still is: certificates expire and configurations change while streams stand for days.
 */
#include "stream_internal.h"

/* A clock may be put right meanwhile: look again at least this often. */
#define LOOK_AGAIN_S 3600

static bool same_backend(const struct conf_host *a, const struct conf_host *b)
{
	return strcmp(a->backend->name, b->backend->name) == 0 && addr_eq(&a->backend->connect, &b->backend->connect);
}

/* It claims to be a domain that is served here, by the very backend that it wants to reach. */
static bool is_own(const struct conf *conf, const struct pair *pair)
{
	const struct conf_host *theirs = conf_host_find(conf, &pair->from), *ours = conf_host_find(conf, &pair->to);
	return theirs != NULL && (ours == NULL || domain_eq(&pair->from, &pair->to) || same_backend(theirs, ours));
}

/* The row outlives the configuration that a reload takes away. */
void stream_set_row(struct stream *s, struct conf *conf, const struct conf_peer *row)
{
	conf_unref(s->row_conf);
	s->row_conf = row != NULL ? conf_ref(conf) : NULL;
	s->row = row;
}

enum reason stream_judge(struct stream *s, struct cert_verdict *verdict)
{
	const struct site *site = s->w->site;
	bool in = s->role == ROLE_PUBLIC_IN;
	const struct domain *theirs = in ? &s->pair.from : &s->pair.to;
	int64_t now = loop_wall(s->w->loop);
	const struct conf_peer *row;
	struct cert_chain *chain = tls_peer_chain(leg_tls(s->leg));
	struct policy_verdict policy =
	    site_judge(site, theirs, chain, in && is_own(site->conf, &s->pair), now, verdict, &row);
	cert_chain_free(chain);
	stream_count_judged(s, verdict->why);
	s->trust_until = policy.until;
	stream_set_row(s, site->conf, row);
	return verdict->why;
}

/* Under the worker's present configuration, which is not always the stream's own. */
bool stream_recheck(struct stream *s)
{
	bool up = s->state == STATE_OPEN && s->leg != NULL && leg_tls(s->leg) != NULL;
	if (!up || !stream_is_public(s))
		return true;
	const struct domain *ours = s->role == ROLE_PUBLIC_IN ? &s->pair.to : &s->pair.from;
	const struct conf_host *now = conf_host_find(s->w->site->conf, ours);
	const struct conf_host *then = conf_host_find(s->site->conf, ours);
	if (now == NULL || !same_backend(now, then)) {
		stream_reset(s, REASON_RECONFIGURED, now == NULL ? "the host is gone" : "the host has another backend");
		return false;
	}
	struct cert_verdict verdict;
	enum reason why = stream_judge(s, &verdict);
	if (why == REASON_NONE)
		return true;
	stream_reset(s, why, verdict.detail);
	return false;
}

/* Milliseconds until the stream's trust or patience ends, whichever is first. */
uint32_t stream_idle_ms(const struct stream *s)
{
	int64_t idle = (int64_t)s->site->conf->timeouts.idle - (loop_now(s->w->loop) - s->moved_at);
	if (s->trust_until > 0) {
		int64_t left = s->trust_until - loop_wall(s->w->loop);
		if (left > LOOK_AGAIN_S)
			left = LOOK_AGAIN_S;
		if (left < 1) /* it was looked at in this second, and may have been found in order still */
			left = 1;
		if (left * 1000 < idle)
			idle = left * 1000;
	}
	return idle > 1 ? (uint32_t)idle : 1;
}

static uint64_t moved(const struct stream *s)
{
	return leg_sent(s->leg) + leg_received(s->leg);
}

/* The timer of a stream that stands. */
void stream_idle_tick(struct stream *s)
{
	if (s->trust_until > 0 && loop_wall(s->w->loop) >= s->trust_until && !stream_recheck(s))
		return;
	if (moved(s) != s->idle_mark) {
		s->idle_mark = moved(s);
		s->moved_at = loop_now(s->w->loop);
	} else if (loop_now(s->w->loop) - s->moved_at >= (int64_t)s->site->conf->timeouts.idle) {
		stream_end(s, REASON_IDLE);
		return;
	}
	loop_timer_set(s->timer, stream_idle_ms(s));
}
