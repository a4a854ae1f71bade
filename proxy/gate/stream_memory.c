/* What is kept of a public stream when it has gone. */
#include "stream_internal.h"

static bool is_public(const struct stream *s)
{
	return s->role == ROLE_PUBLIC_IN || s->role == ROLE_PUBLIC_OUT;
}

static enum history_way way_of(const struct stream *s)
{
	return s->role == ROLE_PUBLIC_IN ? HISTORY_IN : HISTORY_OUT;
}

const struct domain *stream_remote(const struct stream *s)
{
	if (!is_public(s))
		return NULL;
	const struct domain *d = s->role == ROLE_PUBLIC_IN ? &s->pair.from : &s->pair.to;
	return d->n > 0 ? d : NULL;
}

/* An end that nobody need look into. */
static bool in_order(enum reason why)
{
	return why == REASON_NONE || why == REASON_CLOSED || why == REASON_SHUTDOWN || why == REASON_IDLE ||
	       why == REASON_OPERATOR || why == REASON_RECONFIGURED;
}

void stream_remember_open(const struct stream *s)
{
	const struct domain *remote = stream_remote(s);
	if (remote != NULL)
		history_opened(s->w->site->history, remote, way_of(s), loop_wall(s->w->loop));
}

void stream_remember_end(const struct stream *s)
{
	const struct domain *remote = stream_remote(s);
	if (remote == NULL)
		return;
	struct history *history = s->w->site->history;
	if (s->opened != 0)
		history_ended(history, remote, way_of(s));
	if (!in_order(s->why))
		history_failed(history, remote, way_of(s), s->why, stream_detail(s), loop_wall(s->w->loop));
}
