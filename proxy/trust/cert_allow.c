#include "cert_internal.h"

#include <openssl/base64.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <stdlib.h>

/* What an operator holds against a chain that is in order by itself. */

bool cert_key(X509 *x, struct conf_key *key)
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (n > 0)
		SHA256(der, (size_t)n, key->sha256);
	OPENSSL_free(der);
	return n > 0;
}

const char *cert_key_text(X509 *x, char out[static CERT_KEY_TEXT])
{
	struct conf_key key;

	out[0] = '\0';
	if (cert_key(x, &key))
		(void)EVP_EncodeBlock((uint8_t *)out, key.sha256, sizeof(key.sha256));
	return out;
}

static bool object(struct cert_found *found, enum reason why, size_t depth, const char *cause)
{
	found->why = why;
	found->depth = depth;
	found->cause = cause;
	return false;
}

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conf_key));
}

static int serial_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conf_serial));
}

static bool key_blocked(const struct conf *conf, const struct conf_key *key)
{
	return conf->blocked_keys_n > 0 &&
	       bsearch(key, conf->blocked_keys, conf->blocked_keys_n, sizeof(*key), key_order) != NULL;
}

static bool serial_blocked(const struct conf *conf, const X509 *x, const struct conf_key *issuer)
{
	const ASN1_INTEGER *number = X509_get0_serialNumber(x);
	struct conf_serial serial = {.issuer = *issuer};
	size_t n = (size_t)ASN1_STRING_length(number);

	if (conf->blocked_serials_n == 0 || ASN1_STRING_type(number) != V_ASN1_INTEGER || n > sizeof(serial.bytes))
		return false;
	serial.n = (uint8_t)n;
	memcpy(serial.bytes, ASN1_STRING_get0_data(number), n);
	return bsearch(&serial, conf->blocked_serials, conf->blocked_serials_n, sizeof(serial), serial_order) != NULL;
}

/* False: a certificate of the path is on the block list. */
static bool check_blocked(const struct conf *conf, const struct conf_key *keys, struct cert_found *found)
{
	const struct cert_path *path = &found->path;

	for (size_t i = 0; i < path->n; i++) {
		size_t issuer = i + 1 < path->n ? i + 1 : i;

		if (key_blocked(conf, &keys[i]))
			return object(found, REASON_CERT_BLOCKED, i, "its key is on the block list");
		if (serial_blocked(conf, path->cert[i], &keys[issuer]))
			return object(found, REASON_CERT_BLOCKED, i, "its serial number is on the block list");
	}
	return true;
}

static bool must_be_covered(const struct cert_rules *rules)
{
	const struct conf *conf = rules->store->conf;
	enum conf_revocation mode = rules->row != NULL ? rules->row->revocation : REVOCATION_UNSET;

	if (mode == REVOCATION_UNSET)
		mode = conf != NULL ? conf->revocation : REVOCATION_SOFT;
	return mode == REVOCATION_HARD;
}

/* False: one of the certificates below the anchor is revoked, or must not be taken to be in order. */
static bool check_revoked(const struct cert_rules *rules, struct cert_found *found)
{
	const struct cert_crls *crls = &rules->store->crls;
	X509 *const *x = found->path.cert;
	size_t n = found->path.n - 1;
	int64_t until;

	for (size_t i = 0; i < n && crls->n > 0; i++) {
		enum cert_revoked revoked = cert_crls_find(crls, x[i], x[i + 1], &found->when);

		if (revoked == CERT_IS_REVOKED)
			return object(found, REASON_CERT_REVOKED, i, "on a revocation list of its issuer");
		if (revoked == CERT_NOT_KNOWN)
			return object(found, REASON_NO_MEMORY, i, "out of memory");
	}
	for (size_t i = 0; i < n && must_be_covered(rules); i++) {
		if (!cert_crls_cover(crls, x[i], x[i + 1], rules->now, &until))
			return object(found, REASON_REVOCATION_UNKNOWN, i, "no current revocation list speaks of it");
		if (found->until == 0 || until < found->until)
			found->until = until;
	}
	return true;
}

/* RFC 7469 section 2.6: one key of the validated chain must be pinned. */
static bool check_pins(const struct conf_peer *row, const struct conf_key *keys, struct cert_found *found)
{
	for (size_t i = 0; i < row->pins_n; i++) {
		for (size_t j = 0; j < found->path.n; j++) {
			if (key_order(&row->pins[i], &keys[j]) == 0)
				return true;
		}
	}
	return object(found, REASON_CERT_PIN, 0, "no key up to the anchor is pinned");
}

void cert_allow(const struct cert_rules *rules, struct cert_found *found)
{
	const struct conf *conf = rules->store->conf;
	bool pinned = rules->row != NULL && rules->row->pins_n > 0;
	bool blocks = conf != NULL && conf->blocked_keys_n + conf->blocked_serials_n > 0;
	struct conf_key keys[CERT_PATH_MAX];

	for (size_t i = 0; (pinned || blocks) && i < found->path.n; i++) {
		if (!cert_key(found->path.cert[i], &keys[i])) {
			(void)object(found, REASON_NO_MEMORY, i, "out of memory");
			return;
		}
	}
	if (blocks && !check_blocked(conf, keys, found))
		return;
	if (!check_revoked(rules, found))
		return;
	if (pinned)
		(void)check_pins(rules->row, keys, found);
}
