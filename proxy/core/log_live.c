#include "log_internal.h"

#include <pthread.h>
#include <stdatomic.h>

struct rule {
	char domain[LOG_VALUE_MAX];
	size_t n;
	bool below;
	enum log_level level;
};

/* What is asked for at run time.  Without it a line costs one look at each of the two atomic ones. */
static struct {
	_Atomic int most; /* the highest level of a rule; -1: none */
	_Atomic bool heard;
	pthread_mutex_t lock; /* guards the rest */
	struct rule rule[LOG_RULES];
	size_t rules;
	void (*fn)(void *arg, const struct log_line *l);
	void *arg;
} live = {.most = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static bool same_domain(struct span name, struct span domain, bool below)
{
	if (!below)
		return span_eq(name, domain);
	return name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
	       memcmp(name.p + name.n - domain.n, domain.p, domain.n) == 0;
}

bool log_is_about(const struct log_line *l, struct span domain, bool below)
{
	for (size_t i = 0; i < l->domains; i++) {
		if (same_domain((struct span){l->text + l->domain[i].at, l->domain[i].n}, domain, below))
			return true;
	}
	return false;
}

/* The lock is held. */
static struct rule *find_rule(struct span domain, bool below)
{
	for (size_t i = 0; i < live.rules; i++) {
		struct rule *r = &live.rule[i];

		if (r->below == below && span_eq((struct span){r->domain, r->n}, domain))
			return r;
	}
	return NULL;
}

/* The lock is held. */
static void find_most(void)
{
	int most = -1;

	for (size_t i = 0; i < live.rules; i++)
		most = (int)live.rule[i].level > most ? (int)live.rule[i].level : most;
	live.most = most;
}

bool log_rule_set(struct span domain, bool below, enum log_level level)
{
	struct rule *r;

	pthread_mutex_lock(&live.lock);
	r = find_rule(domain, below);
	if (r == NULL && live.rules < LOG_RULES && domain.n <= sizeof(r->domain))
		r = &live.rule[live.rules++];
	if (r != NULL) {
		memcpy(r->domain, domain.p, domain.n);
		r->n = domain.n;
		r->below = below;
		r->level = level;
		find_most();
	}
	pthread_mutex_unlock(&live.lock);
	return r != NULL;
}

bool log_rule_drop(struct span domain, bool below)
{
	struct rule *r;

	pthread_mutex_lock(&live.lock);
	r = find_rule(domain, below);
	if (r != NULL) {
		*r = live.rule[--live.rules];
		find_most();
	}
	pthread_mutex_unlock(&live.lock);
	return r != NULL;
}

void log_listen(void (*fn)(void *arg, const struct log_line *l), void *arg)
{
	pthread_mutex_lock(&live.lock);
	live.fn = fn;
	live.arg = arg;
	live.heard = fn != NULL;
	pthread_mutex_unlock(&live.lock);
}

bool log_live_ruled(const struct log_line *l)
{
	bool yes = false;

	pthread_mutex_lock(&live.lock);
	for (size_t i = 0; i < live.rules && !yes; i++) {
		const struct rule *r = &live.rule[i];

		yes = l->level <= r->level && log_is_about(l, (struct span){r->domain, r->n}, r->below);
	}
	pthread_mutex_unlock(&live.lock);
	return yes;
}

bool log_live_wanted(enum log_level level)
{
	return (int)level <= live.most;
}

void log_live_tell(const struct log_line *l)
{
	if (!live.heard)
		return;
	pthread_mutex_lock(&live.lock);
	if (live.fn != NULL)
		live.fn(live.arg, l);
	pthread_mutex_unlock(&live.lock);
}
