#include "cert_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

static bool own_load_chain(struct cert_own *own, const char *path, const struct cert_complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	CRYPTO_BUFFER *der = NULL;
	enum cert_pem rc;

	if (bio == NULL)
		return cert_complain(c, "%s: %s", path, strerror(errno));
	own->chain = calloc(1, sizeof(*own->chain));
	while (own->chain != NULL && (rc = cert_pem_next(bio, &der)) == CERT_PEM_ONE) {
		bool added = cert_chain_add(own->chain, der);

		CRYPTO_BUFFER_free(der);
		if (!added)
			break;
	}
	BIO_free(bio);
	if (own->chain == NULL)
		return cert_complain(c, "%s: out of memory", path);
	if (rc == CERT_PEM_ONE)
		return cert_complain(c, "%s: more than %d certificates", path, CERT_CHAIN_MAX);
	if (rc == CERT_PEM_BAD)
		return cert_complain(c, "%s: broken PEM behind certificate %zu", path, own->chain->n);
	return own->chain->n > 0 || cert_complain(c, "%s: holds no certificate", path);
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

static bool own_load_key(struct cert_own *own, const char *path, const struct cert_complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	uint32_t error;

	if (bio == NULL)
		return cert_complain(c, "%s: %s", path, strerror(errno));
	ERR_clear_error();
	own->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	error = ERR_peek_error();
	BIO_free(bio);
	if (own->key != NULL)
		return true;
	if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_BAD_PASSWORD_READ)
		return cert_complain(c, "%s: the key is encrypted with a password", path);
	return cert_complain(c, "%s: holds no private key that can be read", path);
}

static bool own_load(struct cert_own *own, const struct conf_host *host, const struct cert_complaint *c)
{
	X509 *leaf;
	bool match;

	if (!own_load_chain(own, host->certificates[0], c) || !own_load_key(own, host->keys[0], c))
		return false;
	leaf = X509_parse_from_buffer(own->chain->der[0]);
	if (leaf == NULL)
		return cert_complain(c, "%s: the first certificate cannot be read", host->certificates[0]);
	match = X509_check_private_key(leaf, own->key) != 0;
	X509_free(leaf);
	return match || cert_complain(c, "%s: is not the key of the first certificate in %s (host %s)", host->keys[0],
	                    host->certificates[0], host->domain.s);
}

static bool general_load(struct cert_store *store, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	if (conf->trust_system && !cert_anchors_load(&store->anchors, conf->trust_bundle, CERT_BUNDLE_LENIENT, c))
		return false;
	for (size_t i = 0; i < conf->trust_anchors_n; i++) {
		if (!cert_anchors_load(&store->anchors, conf->trust_anchors[i], CERT_BUNDLE_STRICT, c))
			return false;
	}
	cert_anchors_sort(&store->anchors);
	return true;
}

static bool peers_load(struct cert_store *store, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	store->peers = calloc(conf->peers_n > 0 ? conf->peers_n : 1, sizeof(*store->peers));
	if (store->peers == NULL)
		return cert_complain(c, "out of memory");
	for (size_t i = 0; i < conf->peers_n; i++) {
		const struct conf_peer *row = &conf->peers[i];

		for (size_t j = 0; j < row->anchors_n; j++) {
			if (!cert_anchors_load(&store->peers[i], row->anchors[j], CERT_BUNDLE_STRICT, c))
				return false;
		}
		cert_anchors_sort(&store->peers[i]);
	}
	return true;
}

static bool crls_load(struct cert_store *store, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	for (size_t i = 0; i < conf->crls_n; i++) {
		if (!cert_crls_load(&store->crls, conf->crls[i], c))
			return false;
	}
	cert_crls_sort(&store->crls);
	return true;
}

static bool store_load(struct cert_store *store, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	if (!general_load(store, c) || !peers_load(store, c) || !crls_load(store, c))
		return false;
	store->own = calloc(conf->hosts_n > 0 ? conf->hosts_n : 1, sizeof(*store->own));
	if (store->own == NULL)
		return cert_complain(c, "out of memory");
	for (size_t i = 0; i < conf->hosts_n; i++) {
		if (conf->hosts[i].certificates_n > 0 && !own_load(&store->own[i], &conf->hosts[i], c))
			return false;
	}
	return true;
}

struct cert_store *cert_store_new(struct conf *conf, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		(void)cert_complain(&c, "out of memory");
		return NULL;
	}
	store->conf = conf_ref(conf);
	if (!store_load(store, &c)) {
		cert_store_free(store);
		return NULL;
	}
	return store;
}

struct cert_store *cert_store_from_pem(struct span pem, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));
	BIO *bio = cert_pem_open(pem);
	bool ok;

	if (store == NULL || bio == NULL)
		ok = cert_complain(&c, "out of memory");
	else
		ok = cert_anchors_read(&store->anchors, bio, CERT_BUNDLE_LENIENT, "anchors", &c);
	BIO_free(bio);
	if (!ok) {
		cert_store_free(store);
		return NULL;
	}
	cert_anchors_sort(&store->anchors);
	return store;
}

void cert_store_free(struct cert_store *store)
{
	if (store == NULL)
		return;
	cert_anchors_clear(&store->anchors);
	cert_crls_clear(&store->crls);
	for (size_t i = 0; store->peers != NULL && i < store->conf->peers_n; i++)
		cert_anchors_clear(&store->peers[i]);
	free(store->peers);
	for (size_t i = 0; store->own != NULL && i < store->conf->hosts_n; i++)
		cert_own_clear(&store->own[i]);
	free(store->own);
	conf_unref(store->conf);
	free(store);
}

const struct cert_anchors *cert_store_peer(const struct cert_store *store, const struct conf_peer *row)
{
	return &store->peers[row - store->conf->peers];
}

const struct cert_own *cert_own_find(const struct cert_store *store, const struct domain *domain)
{
	const struct conf_host *host = store->conf != NULL ? conf_host_find(store->conf, domain) : NULL;

	return host != NULL && host->certificates_n > 0 ? &store->own[host - store->conf->hosts] : NULL;
}

const struct cert_own *cert_own_default(const struct cert_store *store)
{
	return store->conf != NULL && store->conf->hosts_n > 0 ? &store->own[0] : NULL;
}

const struct cert_chain *cert_own_chain(const struct cert_own *own)
{
	return own->chain;
}
