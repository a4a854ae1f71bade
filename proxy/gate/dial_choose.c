#include <arpa/inet.h>
#include <openssl/rand.h>

#include "dial_internal.h"

/* The later, the more it tells: what is known of a name, then of a server, then what we lack ourselves. */
static const enum reason telling[] = {REASON_NONE, REASON_DNS_NO_NAME, REASON_DNS_NO_SERVICE, REASON_DNS_FAILED,
    REASON_ADDRESS, REASON_CONNECT_FAILED, REASON_CONNECT_TIMEOUT, REASON_CONNECT_REFUSED, REASON_LIMIT_DNS,
    REASON_NO_MEMORY};

static size_t rank(enum reason why)
{
	size_t i = 0;

	while (i < ARRAY_LEN(telling) && telling[i] != why)
		i++;
	ENSURE(i < ARRAY_LEN(telling));
	return i;
}

enum reason dial_telling(enum reason a, enum reason b)
{
	return rank(b) > rank(a) ? b : a;
}

enum reason dial_reason_of_dns(enum dns_rc rc)
{
	switch (rc) {
	case DNS_NO_DATA:
	case DNS_NO_NAME:
		return REASON_DNS_NO_NAME;
	case DNS_BUSY:
		return REASON_LIMIT_DNS;
	case DNS_FOUND:
	case DNS_TIMEOUT:
	case DNS_FAILED:
	case DNS_RCS:
		break;
	}
	return REASON_DNS_FAILED;
}

bool dial_allows(const struct addr *addr, enum addr_reach reach)
{
	return addr_reach(addr) != ADDR_NOWHERE && addr_reach(addr) >= reach;
}

/* RFC 6120 section 3.2: an address as domain has neither SRV records nor need of them. */
bool dial_is_literal(const struct domain *domain)
{
	struct in_addr ignored;

	return domain->s[0] == '[' || inet_pton(AF_INET, domain->s, &ignored) == 1;
}

static bool goes_before(const struct dns_srv *a, const struct dns_srv *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;
}

/* Both services' records as if they were one's (XEP-0368 section 3), by priority and those of weight 0 first. */
static size_t collect(const struct dial_answer answers[SERVICES], struct dial_choice *choices)
{
	size_t n = 0;

	for (int s = XMPPS; s < SERVICES; s++) {
		for (size_t i = 0; i < answers[s].n; i++) {
			const struct dns_srv *srv = &answers[s].srv[i];
			size_t at = n;

			if (srv->target[0] == '\0' || srv->port == 0)
				continue;
			for (; at > 0 && goes_before(srv, choices[at - 1].srv); at--)
				choices[at] = choices[at - 1];
			choices[at] = (struct dial_choice){srv, s == XMPPS};
			n++;
		}
	}
	return n;
}

static uint64_t random_number(const struct dial_options *options)
{
	uint64_t value = 0;

	if (options->random != NULL)
		return options->random(options->random_arg);
	RAND_bytes((uint8_t *)&value, sizeof(value));
	return value;
}

/* RFC 2782, "Weight": of those of the first one's priority, one by chance goes to the front. */
static void draw_first(const struct dial_options *options, struct dial_choice *choices, size_t n)
{
	uint64_t sum = 0, running = 0, chance;
	struct dial_choice drawn;
	size_t same = 0, i;

	for (; same < n && choices[same].srv->priority == choices[0].srv->priority; same++)
		sum += choices[same].srv->weight;
	chance = random_number(options) % (sum + 1);
	for (i = 0; i < same - 1; i++) {
		running += choices[i].srv->weight;
		if (running >= chance)
			break;
	}
	drawn = choices[i];
	memmove(choices + 1, choices, i * sizeof(*choices));
	choices[0] = drawn;
}

enum reason dial_choose(const struct dial_answer answers[SERVICES], const struct dial_options *options,
    struct dial_choice *choices, size_t *n)
{
	*n = collect(answers, choices);
	for (size_t i = 0; i < *n; i++)
		draw_first(options, choices + i, *n - i);
	if (*n > 0)
		return REASON_NONE;
	for (int s = XMPPS; s < SERVICES; s++) {
		/* A failed look-up is not "no such record": the domain's web server would be asked for XMPP. */
		if (answers[s].rc == DNS_FAILED || answers[s].rc == DNS_TIMEOUT || answers[s].rc == DNS_BUSY)
			return dial_reason_of_dns(answers[s].rc);
	}
	/* The target "." of either service tells that the domain knows of SRV: no fall-back (XEP-0368 section 3). */
	return answers[XMPPS].n + answers[XMPP].n > 0 ? REASON_DNS_NO_SERVICE : REASON_NONE;
}
