#include "cert_own_internal.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
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

static bool take_chain(struct cert_pair *pair, struct span chain)
{
	CBS all, one;

	pair->chain = calloc(1, sizeof(*pair->chain));
	CBS_init(&all, (const uint8_t *)chain.p, chain.n);
	while (pair->chain != NULL && CBS_get_u24_length_prefixed(&all, &one)) {
		CRYPTO_BUFFER *der = CRYPTO_BUFFER_new_from_CBS(&one, NULL);
		bool added = der != NULL && cert_chain_add(pair->chain, der);

		CRYPTO_BUFFER_free(der);
		if (!added)
			return false;
	}
	return pair->chain != NULL && pair->chain->n > 0;
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

/* The certificate is for this key, which is all that we ever see of it. */
static bool match(struct cert_pair *pair, X509 *leaf, struct span public_key, const struct cert_complaint *c)
{
	EVP_PKEY *mine, *its = X509_get_pubkey(leaf);
	bool ok;
	CBS spki;

	CBS_init(&spki, (const uint8_t *)public_key.p, public_key.n);
	mine = EVP_parse_public_key(&spki);
	ok = mine != NULL && its != NULL && EVP_PKEY_cmp(mine, its) == 1;
	if (ok) {
		pair->kind = EVP_PKEY_id(mine);
		pair->group = group_of(mine);
	}
	EVP_PKEY_free(mine);
	EVP_PKEY_free(its);
	if (ok)
		return true;
	if (strcmp(pair->key_file, pair->certificate) == 0)
		return cert_complain(c, "%s: its key is not the key of the first certificate in it", pair->key_file);
	return cert_complain(c, "%s: is not the key of the first certificate in %s", pair->key_file, pair->certificate);
}

static bool read_leaf(struct cert_pair *pair, struct span public_key, const struct cert_complaint *c)
{
	X509 *leaf = X509_parse_from_buffer(pair->chain->der[0]);
	bool ok;

	if (leaf == NULL)
		return cert_complain(c, "%s: the first certificate cannot be read", pair->certificate);
	ok = match(pair, leaf, public_key, c) &&
	     (read_names(pair, leaf) ||
	         cert_complain(c, "%s: the names in the certificate cannot be read", pair->certificate));
	pair->not_before = cert_time(X509_get0_notBefore(leaf));
	pair->not_after = cert_time(X509_get0_notAfter(leaf));
	X509_free(leaf);
	return ok;
}

static bool take(struct cert_pair *pair, const struct keys_loaded *loaded, const struct cert_complaint *c)
{
	if (loaded->key == NULL)
		return cert_complain(c, "%s", loaded->error);
	pair->key = loaded->key;
	if (!take_chain(pair, loaded->chain))
		return cert_complain(c, "%s: out of memory", pair->certificate);
	return read_leaf(pair, loaded->public_key, c);
}

static struct cert_pair *pair_new(void)
{
	struct cert_pair *pair = calloc(1, sizeof(*pair));

	if (pair != NULL)
		atomic_init(&pair->refs, 1);
	return pair;
}

struct cert_pair *cert_pair_new(const struct keys_files *files, const struct cert_stamps *stamps,
    const struct keys_loaded *loaded, const struct cert_complaint *c)
{
	struct cert_pair *pair = pair_new();

	if (pair != NULL) {
		pair->certificate = strdup(files->certificate);
		pair->key_file = strdup(files->key);
		pair->stamps = *stamps;
	}
	if (pair == NULL || pair->certificate == NULL || pair->key_file == NULL) {
		keys_key_unref(loaded->key);
		cert_pair_unref(pair);
		return NULL;
	}
	if (!take(pair, loaded, c)) {
		cert_chain_free(pair->chain);
		keys_key_unref(pair->key);
		pair->chain = NULL;
		pair->key = NULL;
	}
	ERR_clear_error();
	return pair;
}

struct cert_pair *cert_pair_of(CRYPTO_BUFFER *der, EVP_PKEY *key)
{
	struct cert_pair *pair = pair_new();

	if (pair == NULL)
		return NULL;
	pair->chain = calloc(1, sizeof(*pair->chain));
	pair->key = keys_keep(key);
	if (pair->chain == NULL || pair->key == NULL) {
		cert_pair_unref(pair);
		return NULL;
	}
	(void)cert_chain_add(pair->chain, der);
	pair->kind = EVP_PKEY_id(key);
	pair->group = group_of(key);
	return pair;
}

struct cert_pair *cert_pair_ref(struct cert_pair *pair)
{
	atomic_fetch_add(&pair->refs, 1);
	return pair;
}

void cert_pair_unref(struct cert_pair *pair)
{
	if (pair == NULL || atomic_fetch_sub(&pair->refs, 1) != 1)
		return;
	keys_key_unref(pair->key);
	cert_chain_free(pair->chain);
	free(pair->certificate);
	free(pair->key_file);
	free(pair->names);
	free(pair);
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
