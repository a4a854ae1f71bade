/* scene: two TLS ends in memory, and a store with certificates minted for the test. */
#ifndef SALLYPORT_TEST_TRUST_SCENE_H
#define SALLYPORT_TEST_TRUST_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "mint.h"
#include "sallyport/conf.h"
#include "sallyport/tls.h"

struct scene {
	char dir[64];
	struct mint root, inter, a, b; /* a: a.test, *.a.test (EC); b: b.test (RSA) */
	struct conf *conf;
	struct cert_store *store;
	struct tls_ctx *ctx;
	struct cert_own *own[2]; /* what scene_own() gave out, by host */
};

static inline void scene_path(const struct scene *s, const char *name, char *out, size_t n)
{
	(void)snprintf(out, n, "%s/%s", s->dir, name);
}

static inline void scene_conf(struct scene *s)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	char path[128];
	FILE *f;

	scene_path(s, "sallyport.conf", path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f,
	    "[public]\nlisten = 127.0.0.1:5269\n[trust]\nsystem = no\nanchor = %s/root.pem\n"
	    "[backend old]\nconnect = 127.0.0.1:15269\nlisten = 127.0.0.1:15270\n"
	    "[host a.test]\ncertificate = %s/a.pem\nkey = %s/a.key\nbackend = old\nsubdomains = conference.a.test\n"
	    "[host b.test]\ncertificate = %s/b.pem\nkey = %s/b.key\nbackend = old\n",
	    s->dir, s->dir, s->dir, s->dir, s->dir);
	assert_int_equal(fclose(f), 0);
	s->conf = conf_load(path, errors);
	if (s->conf == NULL)
		fail_msg("%s", errors->text[0]);
	free(errors);
}

static inline int scene_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char err[256] = "";

	assert_non_null(s);
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/sallyport-trust-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->root = mint_new(&(struct mint_spec){.cn = "Test Root", .ca = true}, NULL);
	s->inter = mint_new(&(struct mint_spec){.cn = "Test Intermediate", .ca = true, .serial = 1}, &s->root);
	s->a = mint_new(
	    &(struct mint_spec){.names = {MINT_DNS_NAME("a.test"), MINT_DNS_NAME("*.a.test")}, .eku = "serverAuth"},
	    &s->inter);
	s->b = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("b.test")}, .key = MINT_RSA2048}, &s->inter);
	mint_write_pair(s->dir, "root", &s->root, NULL, 0);
	mint_write_pair(s->dir, "a", &s->a, &s->inter, 1);
	mint_write_pair(s->dir, "b", &s->b, &s->inter, 1);
	scene_conf(s);
	s->store = cert_store_new(s->conf, err, sizeof(err));
	if (s->store == NULL)
		fail_msg("%s", err);
	s->ctx = tls_ctx_new(s->store, s->conf->ciphers, err, sizeof(err));
	assert_non_null(s->ctx);
	*state = s;
	return 0;
}

static inline int scene_down(void **state)
{
	static const char *const files[] = {
	    "root.pem", "root.key", "a.pem", "a.key", "b.pem", "b.key", "sallyport.conf", "x.pem", "x.key"};
	struct scene *s = *state;
	char path[128];

	cert_own_unref(s->own[0]);
	cert_own_unref(s->own[1]);
	tls_ctx_free(s->ctx);
	cert_store_free(s->store);
	conf_unref(s->conf);
	mint_free(&s->a);
	mint_free(&s->b);
	mint_free(&s->inter);
	mint_free(&s->root);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		scene_path(s, files[i], path, sizeof(path));
		(void)unlink(path);
	}
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static inline struct domain scene_domain(const char *text)
{
	struct domain d;

	assert_true(domain_parse(&d, span_of(text)));
	return d;
}

/* The certificates of a.test or b.test; the scene's. */
static inline struct cert_own *scene_own(struct scene *s, const char *host)
{
	struct cert_own **own = &s->own[host[0] == 'b'];
	struct domain d = scene_domain(host);

	if (*own == NULL)
		*own = cert_own_find(s->store, &d);
	assert_non_null(*own);
	return *own;
}

/* One end: what it sends waits in out until wire_move() takes it to the other's in. */
struct end {
	struct tls *tls;
	struct buf in, out, plain;
	enum tls_rc rc;
};

static inline void end_init(struct end *e, struct tls *tls, size_t max)
{
	assert_non_null(tls);
	e->tls = tls;
	e->rc = TLS_WANT_READ;
	buf_init(&e->in, NULL, max);
	buf_init(&e->out, NULL, max);
	buf_init(&e->plain, NULL, max);
}

static inline void end_free(struct end *e)
{
	tls_free(e->tls);
	buf_free(&e->in);
	buf_free(&e->out);
	buf_free(&e->plain);
}

/* At most n bytes; true if some were moved. */
static inline bool wire_move(struct end *from, struct end *to, size_t n)
{
	struct span bytes = buf_span(&from->out);

	if (bytes.n > n)
		bytes.n = n;
	if (bytes.n == 0)
		return false;
	assert_true(buf_put(&to->in, bytes));
	buf_consume(&from->out, bytes.n);
	return true;
}

static inline bool end_shakes(const struct end *e)
{
	return e->rc == TLS_WANT_READ || e->rc == TLS_WANT_ROOM;
}

/* Both ends step until neither can go on; the records cross in pieces of `piece` bytes. */
static inline void shake(struct end *client, struct end *server, size_t piece)
{
	bool moved = true;

	while (moved) {
		if (end_shakes(client))
			client->rc = tls_handshake(client->tls, &client->in, &client->out);
		if (end_shakes(server))
			server->rc = tls_handshake(server->tls, &server->in, &server->out);
		moved = wire_move(client, server, piece);
		moved = wire_move(server, client, piece) || moved;
	}
}

#endif
