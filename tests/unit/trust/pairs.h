/* pairs: folders of certificates with keys, and stores that read them. */
#ifndef SALLYPORT_TEST_TRUST_PAIRS_H
#define SALLYPORT_TEST_TRUST_PAIRS_H

#include "scene.h"

#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <utime.h>

struct pairs {
	char dir[64];
	struct mint root, other; /* authorities */
	struct conf *conf;
	struct cert_store *store;
	struct tls_ctx *ctx;
};

static inline int pairs_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline const char *pairs_path(const struct pairs *p, const char *name)
{
	static char path[4][PATH_MAX];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], PATH_MAX, "%s/%s", p->dir, name);
	return path[turn];
}

static inline void pairs_folder(const struct pairs *p, const char *name)
{
	assert_int_equal(mkdir(pairs_path(p, name), 0700), 0);
}

static inline int pairs_up(void **state)
{
	struct pairs *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	/* in memory, if there is such a place: many files are written */
	(void)snprintf(
	    p->dir, sizeof(p->dir), "%s/sallyport-pairs-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	p->root = mint_new(&(struct mint_spec){.cn = "Public Root", .ca = true}, NULL);
	p->other = mint_new(&(struct mint_spec){.cn = "Private Root", .ca = true}, NULL);
	mint_write_pair(p->dir, "root", &p->root, NULL, 0);
	pairs_folder(p, "certs");
	*state = p;
	return 0;
}

static inline void pairs_close(struct pairs *p)
{
	tls_ctx_free(p->ctx);
	cert_store_free(p->store);
	conf_unref(p->conf);
	p->ctx = NULL;
	p->store = NULL;
	p->conf = NULL;
}

static inline int pairs_down(void **state)
{
	struct pairs *p = *state;

	pairs_close(p);
	mint_free(&p->root);
	mint_free(&p->other);
	assert_int_equal(nftw(p->dir, pairs_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(p);
	return 0;
}

/* text: what stands behind [public], [trust] and [backend], with $D for the folder. */
static inline struct conf *pairs_conf(const struct pairs *p, const char *text)
{
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	FILE *f = fopen(pairs_path(p, "sallyport.conf"), "w");
	struct conf *conf;

	assert_non_null(f);
	fprintf(f,
	    "[public]\nlisten = 127.0.0.1:5269\n[trust]\nsystem = no\nanchor = %s/root.pem\n"
	    "[backend old]\nconnect = 127.0.0.1:15269\nlisten = 127.0.0.1:15270\n",
	    p->dir);
	for (; *text != '\0'; text++) {
		if (text[0] == '$' && text[1] == 'D')
			fprintf(f, "%s", p->dir), text++;
		else
			putc(*text, f);
	}
	assert_int_equal(fclose(f), 0);
	conf = conf_load(pairs_path(p, "sallyport.conf"), errors);
	if (conf == NULL)
		fail_msg("%s", errors->text[0]);
	free(errors);
	return conf;
}

static inline void pairs_open(struct pairs *p, const char *text)
{
	char err[512] = "";

	p->conf = pairs_conf(p, text);
	p->store = cert_store_new(p->conf, err, sizeof(err));
	if (p->store == NULL)
		fail_msg("%s", err);
	p->ctx = tls_ctx_new(p->store, err, sizeof(err));
	assert_non_null(p->ctx);
}

/* A certificate for a name, valid from now on: serial tells it from others, which peers see. */
static inline struct mint pairs_mint(
    const struct mint *issuer, const char *name, unsigned serial, enum mint_key key, int64_t days)
{
	int64_t now = time(NULL);
	struct mint_spec spec = {.names = {{MINT_DNS, span_of(name)}},
	    .serial = serial,
	    .key = key,
	    .not_before = now - MINT_DAY + serial,
	    .not_after = now + days * MINT_DAY};

	return mint_new(&spec, issuer);
}

static inline void pairs_write(const char *certificate, const char *key, const struct mint *m)
{
	struct mint_pem cert_pem = {0}, key_pem = {0};

	mint_pem_cert(&cert_pem, m);
	mint_pem_key(&key_pem, m, NULL);
	mint_write(certificate, mint_pem_span(&cert_pem));
	mint_write(key, mint_pem_span(&key_pem));
}

/* Mints and writes. */
static inline void pairs_put(const struct pairs *p, const char *certificate, const char *key, const char *name,
    unsigned serial, enum mint_key kind)
{
	struct mint m = pairs_mint(&p->root, name, serial, kind, 60);

	pairs_write(pairs_path(p, certificate), pairs_path(p, key), &m);
	mint_free(&m);
}

static inline unsigned serial_of_der(const uint8_t *bytes, size_t n)
{
	X509 *x = d2i_X509(NULL, &bytes, (long)n);
	uint64_t serial = 0;

	assert_non_null(x);
	assert_true(ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(x)));
	X509_free(x);
	return (unsigned)serial - 1; /* mint adds one */
}

#endif
