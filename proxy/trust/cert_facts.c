#include "cert_internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static const char *curve_name(int nid)
{
	switch (nid) {
	case NID_X9_62_prime256v1:
		return "P-256";
	case NID_secp384r1:
		return "P-384";
	case NID_secp521r1:
		return "P-521";
	default:
		return "on an odd curve";
	}
}

static void describe_key(X509 *x, char *out, size_t out_n)
{
	EVP_PKEY *key = X509_get_pubkey(x);
	const EC_KEY *ec = key != NULL && EVP_PKEY_id(key) == EVP_PKEY_EC ? EVP_PKEY_get0_EC_KEY(key) : NULL;

	if (ec != NULL)
		(void)snprintf(out, out_n, "ECDSA %s", curve_name(EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))));
	else if (key != NULL && EVP_PKEY_id(key) == EVP_PKEY_RSA)
		(void)snprintf(out, out_n, "RSA %d", EVP_PKEY_bits(key));
	else
		(void)snprintf(
		    out, out_n, "%s", key != NULL && EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? "Ed25519" : "odd key");
	EVP_PKEY_free(key);
}

static void describe_usage(X509 *x, struct cert_facts *facts)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

	facts->server = facts->client = usage == NULL;
	for (size_t i = 0; usage != NULL && i < sk_ASN1_OBJECT_num(usage); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));

		facts->server = facts->server || nid == NID_server_auth;
		facts->client = facts->client || nid == NID_client_auth;
	}
	EXTENDED_KEY_USAGE_free(usage);
}

size_t cert_chain_n(const struct cert_chain *chain)
{
	return chain != NULL ? chain->n : 0;
}

bool cert_chain_eq(const struct cert_chain *a, const struct cert_chain *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++) {
		struct span x = {(const char *)CRYPTO_BUFFER_data(a->der[i]), CRYPTO_BUFFER_len(a->der[i])};
		struct span y = {(const char *)CRYPTO_BUFFER_data(b->der[i]), CRYPTO_BUFFER_len(b->der[i])};

		if (!span_eq(x, y))
			return false;
	}
	return a->n == b->n;
}

static bool issued(const struct cert_chain *chain, size_t i, X509 *issuer)
{
	X509 *before = i > 0 ? X509_parse_from_buffer(chain->der[i - 1]) : NULL;
	bool same = before != NULL && X509_NAME_cmp(X509_get_issuer_name(before), X509_get_subject_name(issuer)) == 0;

	X509_free(before);
	return same;
}

bool cert_chain_facts(const struct cert_chain *chain, size_t i, struct cert_facts *facts)
{
	X509 *x = X509_parse_from_buffer(chain->der[i]);

	*facts = (struct cert_facts){.not_before = 0};
	if (x != NULL) {
		describe_key(x, facts->key, sizeof(facts->key));
		describe_usage(x, facts);
		cert_text_facts(x, facts);
		facts->issued_previous = issued(chain, i, x);
		facts->self_issued = X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(x)) == 0;
		facts->not_before = cert_time(X509_get0_notBefore(x));
		facts->not_after = cert_time(X509_get0_notAfter(x));
		X509_free(x);
	}
	ERR_clear_error();
	return x != NULL;
}
