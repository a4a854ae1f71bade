#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "sallyport/site.h"

/* Instances of one gateway must share a secret: any of them may be asked to verify another's key.  A lone one makes its
 * own, and keeps it: keys given out under it are still on their way. */
static void make_secret(struct site *s, const struct site *before)
{
	uint8_t random[32];
	if (s->conf->secret == NULL && before != NULL && before->conf->secret == NULL) {
		s->secret = before->secret;
		return;
	}
	RAND_bytes(random, sizeof random);
	struct span secret = {(const char *)random, sizeof random};
	if (s->conf->secret != NULL)
		secret = span_of(s->conf->secret);
	xmpp_dialback_secret(&s->secret, secret);
}

static bool make_admit(struct site *s, const struct site *before)
{
	const struct conf_limits *l = &s->conf->limits;
	if (before == NULL) {
		s->admit = admit_new(l);
		return s->admit != NULL;
	}
	s->admit = admit_ref(before->admit);
	return true;
}

static bool make_backends(struct site *s, const struct site *before)
{
	const struct conf *conf = s->conf;
	s->backends = calloc(conf->backends_n + 1, sizeof *s->backends);
	if (s->backends == NULL)
		return false;
	for (size_t i = 0; before != NULL && i < before->conf->backends_n; i++)
		for (size_t k = 0; k < conf->backends_n; k++)
			if (strcmp(before->conf->backends[i].name, conf->backends[k].name) == 0 &&
			    addr_eq(&before->conf->backends[i].connect, &conf->backends[k].connect))
				s->backends[k] = before->backends[i];
	return true;
}

void site_backend_seen(struct site *s, const char *name, bool up)
{
	for (size_t i = 0; i < s->conf->backends_n; i++)
		if (strcmp(s->conf->backends[i].name, name) == 0)
			s->backends[i] = up ? BACKEND_UP : BACKEND_DOWN;
}

struct site *site_new(struct conf *conf, const struct site *before, struct keys *keys, char *err, size_t err_n)
{
	struct site *s = calloc(1, sizeof *s);
	snprintf(err, err_n, "no memory");
	if (s == NULL)
		return NULL;
	s->refs = 1;
	/* Streams hold on to the site that they were made under, for days; as often as it is reloaded meanwhile, there
	 * is one configuration as long as the file says the same. */
	if (before != NULL && conf_same(conf, before->conf))
		conf = before->conf;
	s->conf = conf_ref(conf);
	make_secret(s, before);
	s->history = before != NULL ? history_ref(before->history) : history_new();
	if (make_admit(s, before) && s->history != NULL && make_backends(s, before))
		s->certs = cert_store_follow(conf, before != NULL ? before->certs : NULL, keys, err, err_n);
	if (s->certs != NULL)
		s->tls = tls_ctx_new(s->certs, conf->ciphers, err, err_n);
	if (s->tls == NULL) {
		site_unref(s);
		return NULL;
	}
	admit_limit(s->admit, &conf->limits);
	return s;
}

void site_enter(struct site *s)
{
	atomic_fetch_add(&s->present, 1);
}

void site_leave(struct site *s)
{
	if (atomic_fetch_sub(&s->present, 1) == 1)
		cert_store_retire(s->certs);
}

struct site *site_ref(struct site *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void site_unref(struct site *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	tls_ctx_free(s->tls);
	cert_store_free(s->certs);
	admit_unref(s->admit);
	history_unref(s->history);
	conf_unref(s->conf);
	free(s->backends);
	free(s);
}

struct policy_verdict site_judge(const struct site *site, const struct domain *theirs, const struct cert_chain *chain,
    bool own_domain, int64_t now, struct cert_verdict *verdict, const struct conf_peer **row)
{
	*row = conf_peer_find(site->conf, theirs, now);
	cert_judge(site->certs, chain, theirs, *row, now, verdict);
	struct policy_facts facts = {
	    .own_domain = own_domain,
	    .denied = *row != NULL && (*row)->deny,
	    .row_until = *row != NULL ? (*row)->expires : 0,
	    .cert = verdict->why,
	    .cert_until = verdict->expires,
	};
	struct policy_verdict policy = policy_peer(&facts);
	if (policy.why != verdict->why) {
		*verdict = (struct cert_verdict){.why = policy.why, .depth = -1};
		snprintf(verdict->peer_text, sizeof verdict->peer_text, "%s", reason_row(policy.why)->peer_text);
	}
	return policy;
}
