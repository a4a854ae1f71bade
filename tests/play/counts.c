/* What the gateway has counted: a transcript may ask, and the books of every play must balance. */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

static const struct tally *tally(const struct stage *stage)
{
	if (stage->gate == NULL)
		stage_fail(stage, "the gateway does not run");
	return gate_tally(stage->gate);
}

/* --- the books --- */

static uint64_t total(const struct stats_count *from, size_t n)
{
	struct stats_count sum = {0};

	for (size_t i = 0; i < n; i++)
		stats_sum(&sum, &from[i], 1);
	return stats_read(&sum);
}

static void check(struct stage *stage, bool ok, const char *what)
{
	if (!ok)
		stage_fail(stage, "the gateway's books do not balance: %s", what);
}

static void check_role(struct stage *stage, const struct tally *t, enum role role)
{
	uint64_t begun = stats_read(&t->begun[role]), opened = stats_read(&t->opened[role]);
	uint64_t closed = total(t->closed[role], REASON_COUNT);

	check(stage, opened <= begun, "more streams opened than begun");
	check(stage, closed <= begun, "more streams closed than begun");
	check(stage, stats_read(&t->gone[role]) <= closed, "streams are gone that were not closed");
	check(stage, total(t->setup[role].bucket, STATS_BUCKETS) == opened, "opened, and timed");
}

static void check_tls(struct stage *stage, const struct tally *t, enum tls_role role)
{
	uint64_t done = total(t->tls_done[role], TALLY_VERSIONS);

	check(stage, done + stats_read(&t->tls_failed[role]) <= stats_read(&t->tls_begun[role]),
	    "more handshakes ended than begun");
	check(stage, total(t->handshake[role].bucket, STATS_BUCKETS) == done, "handshakes done, and timed");
}

void counts_check_end(struct stage *stage)
{
	const struct tally *t = tally(stage);
	uint64_t sent = total(t->sent, ROLE_COUNT), received = total(t->received, ROLE_COUNT);
	uint64_t accepted = stats_read(&t->begun[ROLE_PUBLIC_IN]) + stats_read(&t->begun[ROLE_BACKEND_IN]) +
	                    total(t->refused, REASON_COUNT);

	for (int role = 0; role < ROLE_COUNT; role++)
		check_role(stage, t, (enum role)role);
	for (int role = 0; role < TLS_ROLES; role++)
		check_tls(stage, t, (enum tls_role)role);
	check(stage, total(t->begun, ROLE_COUNT) - total(t->gone, ROLE_COUNT) == (uint64_t)gate_streams(stage->gate),
	    "begun and gone, and those that there are");
	if (sent + received + accepted != fake_net_moved())
		stage_fail(stage,
		    "the books do not balance: %llu sent, %llu received, %llu accepted, but the network moved %llu",
		    (unsigned long long)sent, (unsigned long long)received, (unsigned long long)accepted,
		    (unsigned long long)fake_net_moved());
}

/* --- counted … --- */

static bool by_role(struct span word, enum role *role)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		*role = (enum role)i;
		if (span_eq(word, span_of(role_name(*role))))
			return true;
	}
	return false;
}

static enum reason by_code(const struct stage *stage, struct span word)
{
	for (int i = 0; i < REASON_COUNT; i++)
		if (span_eq(word, span_of(reason_row((enum reason)i)->code)))
			return (enum reason)i;
	stage_fail(stage, "\"%.*s\" is no reason", SPAN_FMT(word));
}

/* Counters of one for each role. */
static const struct stats_count *role_counter(const struct stage *stage, struct span what, struct span word)
{
	const struct tally *t = tally(stage);
	enum role role;

	if (!by_role(word, &role))
		stage_fail(stage, "\"%.*s\" is no role", SPAN_FMT(word));
	if (span_eq(what, SPAN("begun")))
		return &t->begun[role];
	if (span_eq(what, SPAN("opened")))
		return &t->opened[role];
	if (span_eq(what, SPAN("gone")))
		return &t->gone[role];
	/* the public ones have the same numbers in both enums */
	if (role > ROLE_BACKEND_OUT)
		stage_fail(stage, "no counter is called \"%.*s\"", SPAN_FMT(what));
	if (span_eq(what, SPAN("tls-1.3")))
		return &t->tls_done[role][TALLY_TLS_1_3];
	if (span_eq(what, SPAN("tls-1.2")))
		return &t->tls_done[role][TALLY_TLS_1_2];
	if (span_eq(what, SPAN("tls-failed")))
		return &t->tls_failed[role];
	stage_fail(stage, "no counter is called \"%.*s\"", SPAN_FMT(what));
}

static const struct stats_count *plain_counter(const struct tally *t, struct span what)
{
	const struct {
		const char *name;
		const struct stats_count *counter;
	} all[] = {
	    {"stanzas-inbound", &t->stanzas[TALLY_INBOUND]},
	    {"stanzas-outbound", &t->stanzas[TALLY_OUTBOUND]},
	    {"dropped", &t->dropped},
	    {"bounces-lost", &t->bounces_lost},
	    {"backend-up", &t->backend_up},
	    {"backend-down", &t->backend_down},
	    {"endpoints-failed", &t->endpoints_failed},
	    {"dns-found", &t->dns[DNS_FOUND]},
	    {"dns-no-data", &t->dns[DNS_NO_DATA]},
	    {"dns-no-name", &t->dns[DNS_NO_NAME]},
	    {"dns-timeout", &t->dns[DNS_TIMEOUT]},
	    {"accept-failed", &t->accept_failed},
	    {"dns-failed", &t->dns[DNS_FAILED]},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (span_eq(what, span_of(all[i].name)))
			return all[i].counter;
	return NULL;
}

static const struct stats_count *counter(const struct stage *stage, struct span what, const char **rest)
{
	const struct tally *t = tally(stage);
	const struct stats_count *plain = plain_counter(t, what);
	struct span word;
	enum role role;

	if (plain != NULL)
		return plain;
	word = next_word(rest);
	if (span_eq(what, SPAN("inbound")))
		return &t->judged[TALLY_INBOUND][by_code(stage, word)];
	if (span_eq(what, SPAN("outbound")))
		return &t->judged[TALLY_OUTBOUND][by_code(stage, word)];
	if (span_eq(what, SPAN("bounced")))
		return &t->bounced[by_code(stage, word)];
	if (span_eq(what, SPAN("refused")))
		return &t->refused[by_code(stage, word)];
	if (by_role(what, &role))
		return &t->closed[role][by_code(stage, word)];
	return role_counter(stage, what, word);
}

void counts_perform(struct stage *stage, const char *rest)
{
	struct span what = next_word(&rest);
	uint64_t is = stats_read(counter(stage, what, &rest));
	char *end;
	uint64_t n = strtoull(rest, &end, 10);

	if (end == rest || *end != '\0')
		stage_fail(stage, "a number must stand at the end of \"counted\"");
	if (is != n)
		stage_fail(stage, "the gateway has counted %llu", (unsigned long long)is);
}
