#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "sallyport/site.h"

/* Instances of one gateway must share a secret: any of them may be asked to verify another's key.  A lone one makes its
 * own. */
static void make_secret(struct site *s)
{
	uint8_t random[32];
	RAND_bytes(random, sizeof random);
	struct span secret = {(const char *)random, sizeof random};
	if (s->conf->secret != NULL)
		secret = span_of(s->conf->secret);
	xmpp_dialback_secret(&s->secret, secret);
}

struct site *site_new(struct conf *conf, char *err, size_t err_n)
{
	struct site *s = calloc(1, sizeof *s);
	if (s == NULL) {
		snprintf(err, err_n, "no memory");
		return NULL;
	}
	s->refs = 1;
	s->conf = conf_ref(conf);
	make_secret(s);
	s->admit = admit_new(conf->limits.connections, conf->limits.connections_host);
	if (s->admit == NULL)
		snprintf(err, err_n, "no memory");
	else
		s->certs = cert_store_new(conf, err, err_n);
	if (s->certs != NULL)
		s->tls = tls_ctx_new(s->certs, err, err_n);
	if (s->tls != NULL)
		return s;
	site_unref(s);
	return NULL;
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
	admit_free(s->admit);
	conf_unref(s->conf);
	free(s);
}
