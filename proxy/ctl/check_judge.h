/* check_judge: what `sallyportctl check` makes of the facts: findings in words, a verdict for each direction, the class
 * of the manifesto.  No I/O: the facts are zone's and probe's, the verdicts on certificates are the daemon's own. */
#ifndef CTL_CHECK_JUDGE_H
#define CTL_CHECK_JUDGE_H

#include "finding.h"
#include "probe.h"
#include "zone.h"

/* Of the manifesto of s2s encryption. */
enum check_class {
	CLASS_COMPLIANT,
	CLASS_UNTRUSTED,
	CLASS_DIALBACK_ONLY,
	CLASS_ONE_KIND, /* takes certificates of one kind of key only */
	CLASS_NO_TLS,
	CLASS_UNKNOWN, /* it could not be tested */
};
const char *check_class_text(enum check_class class);
const char *check_class_name(enum check_class class); /* for JSON and tables: one short word or two */

/* What became of one endpoint. */
struct check_endpoint {
	struct endpoint where;
	enum reason why; /* why there was no connection; REASON_NONE: there was */
	int64_t us;      /* until it stood */
	const struct probe_found *found; /* NULL: no connection */
};

/* Whom it is about. */
struct check_view {
	const struct domain *domain;
	const struct domain *from; /* NULL: we show no certificate */
	bool own;                  /* the domain is ours: it is seen as others would see it */
	bool denied;               /* by a row of our configuration */
	int64_t now;               /* Unix seconds */
};

struct check_verdict {
	enum reason out, in;      /* REASON_NONE: a stream would stand, as far as that is known */
	bool out_known, in_known; /* EXTERNAL was tried; a certificate was seen */
	enum check_class class;
};

void check_judge_zone(struct findings *all, const struct check_view *view, const struct zone *z);
/* other_works: another endpoint does, so that this one's failure costs time only.  first: of the array that e stands in;
 * what was said of those before e is not said again. */
void check_judge_endpoint(struct findings *all, const struct check_view *view, const struct check_endpoint *e,
    const struct check_endpoint *first, bool other_works);
/* Which kinds of certificate it showed. */
void check_judge_kinds(struct findings *all, const struct check_view *view, bool ecdsa, bool rsa);
/* It neither offers EXTERNAL nor asks for a certificate. */
bool check_dialback_alone(const struct probe_found *p);
/* Over all endpoints, in the order in which the gateway tries them; zone_why: there are none for this reason. */
struct check_verdict check_verdict_of(const struct check_view *view, const struct check_endpoint *e, size_t n,
    enum reason zone_why);
/* For what the gateway would not use it; REASON_NONE: it would. */
enum reason check_endpoint_why(const struct check_view *view, const struct check_endpoint *e);
/* The last findings: a line for each direction. */
void check_judge_verdict(struct findings *all, const struct check_view *view, const struct check_verdict *v);
/* Nothing could be learnt of the server, as against: it was, and would be refused. */
bool check_reason_is_silence(enum reason why);
/* What the other side did, behind the text of the reason: ": …", or "". */
#define CHECK_DETAIL_MAX 540
void check_detail(const struct probe_found *p, char out[static CHECK_DETAIL_MAX]);
/* What mends it, on whose side, with the domain filled in: as the table of reasons says, or more exactly. */
void check_fix(struct finding *f, enum reason why, const struct domain *domain);

#endif
