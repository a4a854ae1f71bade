/* check_run: the check of one domain: DNS, then every endpoint at once, then what else is to be learnt of the server.
 * Findings stand in the order of the endpoints, whichever of them answers first. */
#ifndef CTL_CHECK_RUN_H
#define CTL_CHECK_RUN_H

#include "check_judge.h"

enum check_exit { CHECK_GOOD, CHECK_WARNINGS, CHECK_REFUSED, CHECK_UNTESTED };

struct check;
/* from: NULL: we show no certificate.  progress comes after findings were added, and at the end, never from inside.
 * NULL: no memory. */
struct check *check_start(const struct probe_net *net, const struct domain *domain, const struct domain *from,
    void (*progress)(void *arg), void *arg);
void check_free(struct check *c); /* takes NULL */
bool check_done(const struct check *c);
const struct domain *check_domain(const struct check *c);
/* The check's; those so far. */
struct findings *check_findings(struct check *c);
/* After the end. */
const struct check_verdict *check_verdict(const struct check *c);
enum check_exit check_exit(const struct check *c);
/* All that is known of it, as an object. */
void check_json(struct json *j, const struct check *c);

/* check_own.c: what concerns a domain of our own: whether our certificates cover it and its subdomains, and who will not
 * take them. */
void check_judge_own(struct findings *all, const struct site *site, const struct conf_host *host, int64_t now);

#endif
