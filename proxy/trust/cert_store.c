#include "cert_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Where the sentence about a failure goes. */
struct complaint {
	char *text;
	size_t n;
};

/* Returns false, so that a failing function can end with it. */
PRINTF_LIKE(2, 3)
static bool complain(const struct complaint *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(c->text, c->n, fmt, args);
	va_end(args);
	ERR_clear_error();
	return false;
}

static bool anchor_add(struct cert_store *store, X509 *x)
{
	if (store->anchors_n == store->anchors_cap) {
		size_t cap = store->anchors_cap > 0 ? store->anchors_cap * 2 : 64;
		X509 **grown = realloc(store->anchors, cap * sizeof(*grown));

		if (grown == NULL)
			return false;
		store->anchors = grown;
		store->anchors_cap = cap;
	}
	X509_up_ref(x);
	store->anchors[store->anchors_n++] = x;
	return true;
}

/* This also makes BoringSSL read the extensions, which it does only once: if memory ran short at that moment, with the
 * first peer, the anchor would be unusable for good. */
static bool anchor_usable(X509 *x)
{
	return x != NULL && (X509_get_extension_flags(x) & EXFLAG_INVALID) == 0;
}

/* A bundle of the system may hold a certificate that BoringSSL does not read; in a file that the operator named that is
 * an error. */
enum bundle { BUNDLE_LENIENT, BUNDLE_STRICT };

static bool bundle_read(
    struct cert_store *store, BIO *bio, enum bundle kind, const char *name, const struct complaint *c)
{
	size_t before = store->anchors_n, seen = 0;
	CRYPTO_BUFFER *der = NULL;
	enum cert_pem rc;

	while ((rc = cert_pem_next(bio, &der)) == CERT_PEM_ONE) {
		X509 *x = X509_parse_from_buffer(der);
		bool usable = anchor_usable(x);
		bool added = usable && anchor_add(store, x);

		seen++;
		CRYPTO_BUFFER_free(der);
		X509_free(x);
		if (usable && !added)
			return complain(c, "%s: out of memory", name);
		if (!usable && kind == BUNDLE_STRICT)
			return complain(c, "%s: certificate %zu cannot be read", name, seen);
	}
	if (rc == CERT_PEM_BAD)
		return complain(c, "%s: broken PEM behind certificate %zu", name, seen);
	if (store->anchors_n == before)
		return complain(c, "%s: holds no certificate", name);
	return true;
}

static bool bundle_load(struct cert_store *store, const char *path, enum bundle kind, const struct complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	bool ok;

	if (bio == NULL)
		return complain(c, "%s: %s", path, strerror(errno));
	ok = bundle_read(store, bio, kind, path, c);
	BIO_free(bio);
	return ok;
}

static bool own_load_chain(struct cert_own *own, const char *path, const struct complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	CRYPTO_BUFFER *der = NULL;
	enum cert_pem rc;

	if (bio == NULL)
		return complain(c, "%s: %s", path, strerror(errno));
	own->chain = calloc(1, sizeof(*own->chain));
	while (own->chain != NULL && (rc = cert_pem_next(bio, &der)) == CERT_PEM_ONE) {
		bool added = cert_chain_add(own->chain, der);

		CRYPTO_BUFFER_free(der);
		if (!added)
			break;
	}
	BIO_free(bio);
	if (own->chain == NULL)
		return complain(c, "%s: out of memory", path);
	if (rc == CERT_PEM_ONE)
		return complain(c, "%s: more than %d certificates", path, CERT_CHAIN_MAX);
	if (rc == CERT_PEM_BAD)
		return complain(c, "%s: broken PEM behind certificate %zu", path, own->chain->n);
	return own->chain->n > 0 || complain(c, "%s: holds no certificate", path);
}

/* Without this BoringSSL would take the pointer for a password. */
static int no_password(char *out, int n, int writing, void *arg)
{
	(void)out;
	(void)n;
	(void)writing;
	(void)arg;
	return -1;
}

static bool own_load_key(struct cert_own *own, const char *path, const struct complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	uint32_t error;

	if (bio == NULL)
		return complain(c, "%s: %s", path, strerror(errno));
	ERR_clear_error();
	own->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	error = ERR_peek_error();
	BIO_free(bio);
	if (own->key != NULL)
		return true;
	if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_BAD_PASSWORD_READ)
		return complain(c, "%s: the key is encrypted with a password", path);
	return complain(c, "%s: holds no private key that can be read", path);
}

static bool own_load(struct cert_own *own, const struct conf_host *host, const struct complaint *c)
{
	X509 *leaf;
	bool match;

	if (!own_load_chain(own, host->certificate, c) || !own_load_key(own, host->key, c))
		return false;
	leaf = X509_parse_from_buffer(own->chain->der[0]);
	if (leaf == NULL)
		return complain(c, "%s: the first certificate cannot be read", host->certificate);
	match = X509_check_private_key(leaf, own->key) != 0;
	X509_free(leaf);
	return match || complain(c, "%s: is not the key of the first certificate in %s (host %s)", host->key,
	                    host->certificate, host->domain.s);
}

static bool store_load(struct cert_store *store, const struct complaint *c)
{
	const struct conf *conf = store->conf;

	if (conf->trust_system && !bundle_load(store, conf->trust_bundle, BUNDLE_LENIENT, c))
		return false;
	for (size_t i = 0; i < conf->trust_anchors_n; i++) {
		if (!bundle_load(store, conf->trust_anchors[i], BUNDLE_STRICT, c))
			return false;
	}
	store->own = calloc(conf->hosts_n > 0 ? conf->hosts_n : 1, sizeof(*store->own));
	if (store->own == NULL)
		return complain(c, "out of memory");
	for (size_t i = 0; i < conf->hosts_n; i++) {
		if (!own_load(&store->own[i], &conf->hosts[i], c))
			return false;
	}
	return true;
}

static int anchor_order(const void *a, const void *b)
{
	return X509_NAME_cmp(X509_get_subject_name(*(X509 *const *)a), X509_get_subject_name(*(X509 *const *)b));
}

static void anchors_sort(struct cert_store *store)
{
	if (store->anchors_n > 0)
		qsort(store->anchors, store->anchors_n, sizeof(*store->anchors), anchor_order);
}

struct cert_store *cert_store_new(struct conf *conf, char *err, size_t err_n)
{
	struct complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		(void)complain(&c, "out of memory");
		return NULL;
	}
	store->conf = conf_ref(conf);
	if (!store_load(store, &c)) {
		cert_store_free(store);
		return NULL;
	}
	anchors_sort(store);
	return store;
}

struct cert_store *cert_store_from_pem(struct span pem, char *err, size_t err_n)
{
	struct complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));
	BIO *bio = cert_pem_open(pem);
	bool ok;

	if (store == NULL || bio == NULL)
		ok = complain(&c, "out of memory");
	else
		ok = bundle_read(store, bio, BUNDLE_LENIENT, "anchors", &c);
	BIO_free(bio);
	if (!ok) {
		cert_store_free(store);
		return NULL;
	}
	anchors_sort(store);
	return store;
}

void cert_store_free(struct cert_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < store->anchors_n; i++)
		X509_free(store->anchors[i]);
	free(store->anchors);
	for (size_t i = 0; store->own != NULL && i < store->conf->hosts_n; i++)
		cert_own_clear(&store->own[i]);
	free(store->own);
	conf_unref(store->conf);
	free(store);
}

X509 *const *cert_store_anchors(const struct cert_store *store, const X509_NAME *subject, size_t *n)
{
	size_t low = 0, high = store->anchors_n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (X509_NAME_cmp(X509_get_subject_name(store->anchors[middle]), subject) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < store->anchors_n; end++) {
		if (X509_NAME_cmp(X509_get_subject_name(store->anchors[end]), subject) != 0)
			break;
	}
	*n = end - low;
	return store->anchors + low;
}

const struct cert_own *cert_own_find(const struct cert_store *store, const struct domain *domain)
{
	const struct conf_host *host = store->conf != NULL ? conf_host_find(store->conf, domain) : NULL;

	return host != NULL ? &store->own[host - store->conf->hosts] : NULL;
}

const struct cert_own *cert_own_default(const struct cert_store *store)
{
	return store->conf != NULL && store->conf->hosts_n > 0 ? &store->own[0] : NULL;
}

const struct cert_chain *cert_own_chain(const struct cert_own *own)
{
	return own->chain;
}
