#include "cert_internal.h"

#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 8192u

static const char *rsa_weakness(const RSA *rsa)
{
	unsigned bits = RSA_bits(rsa);

	if (bits < RSA_BITS_MIN)
		return "RSA key under 2048 bits";
	if (bits > RSA_BITS_MAX)
		return "RSA key over 8192 bits";
	return bits % 8 != 0 ? "RSA key of an odd size" : NULL;
}

static const char *ec_weakness(const EC_KEY *ec)
{
	switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))) {
	case NID_X9_62_prime256v1:
	case NID_secp384r1:
	case NID_secp521r1:
		return NULL;
	default:
		return "unusual elliptic curve";
	}
}

static const char *key_weakness(const EVP_PKEY *key)
{
	switch (EVP_PKEY_id(key)) {
	case EVP_PKEY_RSA:
		return rsa_weakness(EVP_PKEY_get0_RSA(key));
	case EVP_PKEY_EC:
		return ec_weakness(EVP_PKEY_get0_EC_KEY(key));
	case EVP_PKEY_ED25519:
		return NULL;
	default:
		return "unusual kind of key";
	}
}

const char *cert_signature_weakness(int nid)
{
	switch (nid) {
	case NID_sha256WithRSAEncryption:
	case NID_sha384WithRSAEncryption:
	case NID_sha512WithRSAEncryption:
	case NID_rsassaPss: /* BoringSSL takes it with SHA-2 only */
	case NID_ecdsa_with_SHA256:
	case NID_ecdsa_with_SHA384:
	case NID_ecdsa_with_SHA512:
	case NID_ED25519:
		return NULL;
	case NID_sha1WithRSAEncryption:
	case NID_ecdsa_with_SHA1:
		return "SHA-1 signature";
	default:
		return "unusual kind of signature";
	}
}

const char *cert_weakness(X509 *x, bool anchor)
{
	EVP_PKEY *key = X509_get_pubkey(x);
	const char *why = key != NULL ? key_weakness(key) : "unusual kind of key";

	EVP_PKEY_free(key);
	if (why == NULL && !anchor)
		why = cert_signature_weakness(X509_get_signature_nid(x));
	return why;
}
