/* rules: a store made from a configuration with sections of the test's own, and what it says of chains. */
#ifndef SALLYPORT_TEST_TRUST_RULES_H
#define SALLYPORT_TEST_TRUST_RULES_H

#include "mint_crl.h"
#include "scene.h"

/* How many certificates a chain has at most, leaf and NULL included. */
#define RULES_CHAIN 5

struct rules {
	struct conf *conf;
	struct cert_store *store; /* NULL: err says why */
	char err[256];
};

/* "$D" in the text: the scene's folder, in which this leaves no file behind. */
static inline void rules_conf_write(const struct scene *s, const char *path, const char *more)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
	    "[public]\nlisten = 127.0.0.1:5269\n[trust]\nsystem = no\nanchor = %s/root.pem\n"
	    "[backend old]\nconnect = 127.0.0.1:15269\nlisten = 127.0.0.1:15270\n"
	    "[host a.test]\ncertificate = %s/a.pem\nkey = %s/a.key\n",
	    s->dir, s->dir, s->dir);
	for (const char *p = more; *p != '\0'; p++) {
		if (p[0] == '$' && p[1] == 'D')
			p++, fputs(s->dir, f);
		else
			fputc(*p, f);
	}
	assert_int_equal(fclose(f), 0);
}

static inline struct rules rules_new(const struct scene *s, const char *more)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct rules r = {0};
	char path[128];

	assert_non_null(errors);
	scene_path(s, "rules.conf", path, sizeof(path));
	rules_conf_write(s, path, more);
	r.conf = conf_load(path, errors);
	if (r.conf == NULL)
		fail_msg("%s", errors->text[0]);
	free(errors);
	assert_int_equal(unlink(path), 0);
	r.store = cert_store_new(r.conf, r.err, sizeof(r.err));
	return r;
}

static inline void rules_free(struct rules *r)
{
	cert_store_free(r->store);
	conf_unref(r->conf);
	*r = (struct rules){0};
}

/* The leaf first; the last is {NULL}. */
static inline struct cert_verdict rules_judge_at(
    const struct rules *r, const struct mint chain[static RULES_CHAIN], const char *name, int64_t now)
{
	static struct mint_pem pem;
	struct domain domain = scene_domain(name);
	struct cert_verdict v;
	struct cert_chain *shown;

	if (r->store == NULL)
		fail_msg("%s", r->err);
	pem.n = 0;
	for (size_t i = 0; chain[i].x != NULL; i++)
		mint_pem_cert(&pem, &chain[i]);
	shown = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(shown);
	cert_judge(r->store, shown, &domain, conf_peer_find(r->conf, &domain, now), now, &v);
	cert_chain_free(shown);
	return v;
}

#define rules_expect(r, name, why, ...)                                                                                \
	rules_expect_at(r, (const struct mint[RULES_CHAIN]){__VA_ARGS__}, name, why, __LINE__)

static inline struct cert_verdict rules_expect_at(
    const struct rules *r, const struct mint *chain, const char *name, enum reason why, int line)
{
	struct cert_verdict v = rules_judge_at(r, chain, name, MINT_NOW);

	if (v.why != why)
		fail_msg("line %d: %s (%s), not %s", line, reason_row(v.why)->code, v.detail, reason_row(why)->code);
	assert_true((v.why == REASON_NONE) == (v.expires > 0));
	return v;
}

#endif
