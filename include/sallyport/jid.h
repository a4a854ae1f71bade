/* jid: XMPP addresses as far as a gateway reads them: the domainpart (RFC 7622 section 3.2). */
#ifndef SALLYPORT_JID_H
#define SALLYPORT_JID_H

#include "sallyport/base.h"

#define DOMAIN_MAX 253

/* A domain in the one form that we compare: A-labels (IDNA2008), lower case, no final dot.  Plain value; an IPv6
 * literal domainpart keeps its brackets.  Terminated, so that it can be printed; n == 0 means "no domain". */
struct domain {
	uint8_t n;
	char s[DOMAIN_MAX + 1];
};

/* Normalises a domainpart (UTF-8, references already decoded): case, width and NFC by UTS 46, A-labels by IDNA2008, one
 * final dot dropped.  False (and n == 0): empty, too long, not UTF-8, a label that IDNA refuses or that IDNA2003 and
 * IDNA2008 read as different names (a U-label with "ß"), a last label of digits that is no IPv4 literal, a NUL, or a
 * character that no host name has ('/', '@', space, …; '_' passes in an ASCII label).  Only U+002E parts labels.
 * Costs an ASCII domain no allocation; a U-label passes through libidn2. */
MUST_CHECK bool domain_parse(struct domain *out, struct span text);
/* Longest domain_to_unicode() with its NUL. */
#define DOMAIN_U_MAX 1024
/* The form that XMPP addresses carry (RFC 7622 section 3.2.2: U-labels, no A-labels), for stream headers and whatever
 * else a server compares with its own domains.  A label whose U-label domain_parse() would not read back stays as it
 * is.  Returns what it wrote into out, terminated. */
struct span domain_to_unicode(const struct domain *d, char out[static DOMAIN_U_MAX]);
/* Cuts the domainpart out of a JID: from after the first '@' that stands before any '/', to the first '/' or the end
 * (RFC 7622 section 3.1).  False: an empty localpart, domainpart or resourcepart. */
MUST_CHECK bool jid_domainpart(struct span jid, struct span *domainpart);

static inline struct span domain_span(const struct domain *d)
{
	return (struct span){d->s, d->n};
}
static inline bool domain_eq(const struct domain *a, const struct domain *b)
{
	return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
}

/* From domain, to domain. */
struct pair {
	struct domain from, to;
};
static inline bool pair_eq(const struct pair *a, const struct pair *b)
{
	return domain_eq(&a->from, &b->from) && domain_eq(&a->to, &b->to);
}

#endif
