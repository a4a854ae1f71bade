#include "cert_own_internal.h"

#include <errno.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>

static void stamp_take(struct cert_stamp *stamp, const char *path)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (stat(path, &st) != 0)
		return;
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->size = st.st_size;
	stamp->modified = st.st_mtim;
	stamp->changed = st.st_ctim;
}

void cert_stamps_take(struct cert_stamps *stamps, const char *certificate, const char *key)
{
	stamp_take(&stamps->certificate, certificate);
	stamp_take(&stamps->key, key);
}

static bool same_moment(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct cert_stamp *a, const struct cert_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_moment(a->modified, b->modified) &&
	       same_moment(a->changed, b->changed);
}

bool cert_stamps_same(const struct cert_stamps *a, const struct cert_stamps *b)
{
	return same_stamp(&a->certificate, &b->certificate) && same_stamp(&a->key, &b->key);
}

static bool load_chain(struct cert_pair *pair, const struct cert_complaint *c)
{
	const char *path = pair->certificate;
	BIO *bio = BIO_new_file(path, "r");
	CRYPTO_BUFFER *der = NULL;
	enum cert_pem rc = CERT_PEM_BAD;

	if (bio == NULL)
		return cert_complain(c, "%s: %s", path, strerror(errno));
	pair->chain = calloc(1, sizeof(*pair->chain));
	while (pair->chain != NULL && (rc = cert_pem_next(bio, &der)) == CERT_PEM_ONE) {
		bool added = cert_chain_add(pair->chain, der);

		CRYPTO_BUFFER_free(der);
		if (!added)
			break;
	}
	BIO_free(bio);
	if (pair->chain == NULL)
		return cert_complain(c, "%s: out of memory", path);
	if (rc == CERT_PEM_ONE)
		return cert_complain(c, "%s: more than %d certificates", path, CERT_CHAIN_MAX);
	if (rc == CERT_PEM_BAD)
		return cert_complain(c, "%s: broken PEM behind certificate %zu", path, pair->chain->n);
	return pair->chain->n > 0 || cert_complain(c, "%s: holds no certificate", path);
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

static EVP_PKEY *load_key(const char *path, const struct cert_complaint *c)
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *key;
	uint32_t error;

	if (bio == NULL) {
		(void)cert_complain(c, "%s: %s", path, strerror(errno));
		return NULL;
	}
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	error = ERR_peek_error();
	BIO_free(bio);
	if (key != NULL)
		return key;
	if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_BAD_PASSWORD_READ)
		(void)cert_complain(c, "%s: the key is encrypted with a password", path);
	else
		(void)cert_complain(c, "%s: holds no private key that can be read", path);
	return NULL;
}

/* OPENSSL_free() wipes what it frees, and CRYPTO_BUFFER_free() calls it. */
static CRYPTO_BUFFER *key_bytes(const EVP_PKEY *key)
{
	CRYPTO_BUFFER *der = NULL;
	uint8_t *bytes = NULL;
	size_t n = 0;
	CBB cbb;

	if (CBB_init(&cbb, 256) && EVP_marshal_private_key(&cbb, key) && CBB_finish(&cbb, &bytes, &n))
		der = CRYPTO_BUFFER_new(bytes, n, NULL);
	else
		CBB_cleanup(&cbb);
	OPENSSL_free(bytes);
	return der;
}

static uint16_t group_of(const EVP_PKEY *key)
{
	const EC_KEY *ec = EVP_PKEY_id(key) == EVP_PKEY_EC ? EVP_PKEY_get0_EC_KEY(key) : NULL;

	switch (ec != NULL ? EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)) : NID_undef) {
	case NID_X9_62_prime256v1:
		return SSL_CURVE_SECP256R1;
	case NID_secp384r1:
		return SSL_CURVE_SECP384R1;
	case NID_secp521r1:
		return SSL_CURVE_SECP521R1;
	default:
		return 0;
	}
}

struct names {
	char *text;
	size_t n, bytes, cap;
	bool no_memory;
};

static bool names_reserve(struct names *names, size_t more)
{
	size_t cap = (names->bytes + more) * 2;
	char *grown;

	if (more <= names->cap - names->bytes)
		return true;
	grown = realloc(names->text, cap);
	if (grown == NULL)
		return false;
	names->text = grown;
	names->cap = cap;
	return true;
}

static void take_name(void *arg, struct span name)
{
	struct names *names = arg;

	if (name.n > DOMAIN_MAX || memchr(name.p, '\0', name.n) != NULL)
		return;
	if (!names_reserve(names, name.n + 1)) {
		names->no_memory = true;
		return;
	}
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		names->text[names->bytes++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	names->text[names->bytes++] = '\0';
	names->n++;
}

static bool read_names(struct cert_pair *pair, X509 *leaf)
{
	struct names names = {NULL, 0, 0, 0, false};
	bool ok = cert_names_list(leaf, take_name, &names) && !names.no_memory;

	pair->names = names.text;
	pair->names_n = names.n;
	return ok;
}

static bool read_leaf(struct cert_pair *pair, EVP_PKEY *key, const struct cert_complaint *c)
{
	X509 *leaf = X509_parse_from_buffer(pair->chain->der[0]);
	bool match, named;

	if (leaf == NULL)
		return cert_complain(c, "%s: the first certificate cannot be read", pair->certificate);
	match = X509_check_private_key(leaf, key) != 0;
	named = match && read_names(pair, leaf);
	pair->not_before = cert_time(X509_get0_notBefore(leaf));
	pair->not_after = cert_time(X509_get0_notAfter(leaf));
	X509_free(leaf);
	if (!match)
		return cert_complain(
		    c, "%s: is not the key of the first certificate in %s", pair->key_file, pair->certificate);
	if (!named)
		return cert_complain(c, "%s: the names in the certificate cannot be read", pair->certificate);
	pair->kind = EVP_PKEY_id(key);
	pair->group = group_of(key);
	pair->key_der = key_bytes(key);
	return pair->key_der != NULL || cert_complain(c, "%s: out of memory", pair->certificate);
}

static bool load(struct cert_pair *pair, const struct cert_complaint *c)
{
	EVP_PKEY *key;
	bool ok;

	if (!load_chain(pair, c))
		return false;
	key = load_key(pair->key_file, c);
	ok = key != NULL && read_leaf(pair, key, c);
	EVP_PKEY_free(key);
	return ok;
}

static struct cert_pair *pair_new(struct cert_cache *cache)
{
	struct cert_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		return NULL;
	atomic_init(&pair->refs, 1);
	pair->cache = cache != NULL ? cert_cache_ref(cache) : NULL;
	return pair;
}

struct cert_pair *cert_pair_load(
    struct cert_cache *cache, const char *certificate, const char *key, const struct cert_complaint *c)
{
	struct cert_pair *pair = pair_new(cache);

	if (pair == NULL)
		return NULL;
	pair->certificate = strdup(certificate);
	pair->key_file = strdup(key);
	if (pair->certificate == NULL || pair->key_file == NULL) {
		cert_pair_unref(pair);
		return NULL;
	}
	/* First, so that a change during the reading shows at the next look. */
	cert_stamps_take(&pair->stamps, certificate, key);
	if (!load(pair, c)) {
		cert_chain_free(pair->chain);
		pair->chain = NULL;
	}
	ERR_clear_error();
	return pair;
}

struct cert_pair *cert_pair_of(CRYPTO_BUFFER *der, EVP_PKEY *key)
{
	struct cert_pair *pair = pair_new(NULL);

	if (pair == NULL)
		return NULL;
	pair->chain = calloc(1, sizeof(*pair->chain));
	if (pair->chain == NULL) {
		cert_pair_unref(pair);
		return NULL;
	}
	(void)cert_chain_add(pair->chain, der);
	EVP_PKEY_up_ref(key);
	pair->key = key;
	pair->kind = EVP_PKEY_id(key);
	pair->group = group_of(key);
	return pair;
}

bool cert_pair_names(const struct cert_pair *pair, struct span name)
{
	const char *dot = memchr(name.p, '.', name.n), *at = pair->names;
	struct span above = {dot, dot != NULL ? name.n - (size_t)(dot - name.p) : 0};

	for (size_t i = 0; i < pair->names_n; i++) {
		struct span its = span_of(at);

		if (span_eq(its, name) || (above.n > 0 && its.n == above.n + 1 && its.p[0] == '*' &&
		                              memcmp(its.p + 1, above.p, above.n) == 0))
			return true;
		at += its.n + 1;
	}
	return false;
}

void cert_pair_share(struct cert_pair *pair, const struct cert_pair *with)
{
	size_t n = pair->chain->n < with->chain->n ? pair->chain->n : with->chain->n;

	for (size_t i = 0; i < n; i++) {
		CRYPTO_BUFFER *a = pair->chain->der[i], *b = with->chain->der[i];

		if (a == b || CRYPTO_BUFFER_len(a) != CRYPTO_BUFFER_len(b) ||
		    memcmp(CRYPTO_BUFFER_data(a), CRYPTO_BUFFER_data(b), CRYPTO_BUFFER_len(a)) != 0)
			continue;
		CRYPTO_BUFFER_up_ref(b);
		pair->chain->der[i] = b;
		CRYPTO_BUFFER_free(a);
	}
}
