/* mint_crl: revocation lists for tests, and keys as configurations name them. */
#ifndef SALLYPORT_TEST_MINT_CRL_H
#define SALLYPORT_TEST_MINT_CRL_H

#include <openssl/base64.h>
#include <openssl/sha.h>

#include "mint.h"

#define MINT_REVOKED 8
#define MINT_NO_END INT64_C(-1)

struct mint_revoked {
	const struct mint *cert; /* NULL: the list ends */
	int reason;              /* RFC 5280 section 5.3.1; 0: none is said */
	const char *critical;    /* OID of a critical extension of this entry */
};

struct mint_crl_spec {
	struct mint_revoked revoked[MINT_REVOKED];
	int64_t from, until; /* 0: a day before and a week after MINT_NOW */
	EVP_PKEY *key;       /* another than the issuer's */
	const char *at;      /* URI of the issuing distribution point */
	bool users, cas, attributes, indirect, some_reasons;
	bool delta;
	const char *critical; /* OID of a critical extension that nobody knows */
	bool sha1;
};

static inline void mint_reason(X509_REVOKED *entry, int reason)
{
	ASN1_ENUMERATED *value = ASN1_ENUMERATED_new();

	MINT_MUST(value != NULL && ASN1_ENUMERATED_set(value, reason));
	MINT_MUST(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, 0));
	ASN1_ENUMERATED_free(value);
}

static inline X509_EXTENSION *mint_critical(const char *oid)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *ext;

	MINT_MUST(value != NULL && ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2));
	ext = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	MINT_MUST(ext != NULL);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(value);
	return ext;
}

static inline void mint_entry(X509_CRL *crl, const struct mint_revoked *revoked)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(MINT_NOW - 3 * MINT_DAY));

	MINT_MUST(entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert->x)));
	MINT_MUST(when != NULL && X509_REVOKED_set_revocationDate(entry, when));
	if (revoked->reason != 0)
		mint_reason(entry, revoked->reason);
	if (revoked->critical != NULL) {
		X509_EXTENSION *ext = mint_critical(revoked->critical);

		MINT_MUST(X509_REVOKED_add_ext(entry, ext, -1));
		X509_EXTENSION_free(ext);
	}
	MINT_MUST(X509_CRL_add0_revoked(crl, entry));
	ASN1_TIME_free(when);
}

static inline GENERAL_NAMES *mint_uri(const char *uri)
{
	struct mint_name name = {MINT_URI, {uri, strlen(uri)}};
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	MINT_MUST(names != NULL && sk_GENERAL_NAME_push(names, mint_general_name(&name)));
	return names;
}

static inline DIST_POINT_NAME *mint_point(const char *uri)
{
	DIST_POINT_NAME *point = DIST_POINT_NAME_new();

	MINT_MUST(point != NULL);
	point->type = 0;
	point->name.fullname = mint_uri(uri);
	return point;
}

static inline void mint_scope(X509_CRL *crl, const struct mint_crl_spec *spec)
{
	ISSUING_DIST_POINT *idp = ISSUING_DIST_POINT_new();

	MINT_MUST(idp != NULL);
	if (spec->at != NULL)
		idp->distpoint = mint_point(spec->at);
	idp->onlyuser = spec->users ? 0xff : 0;
	idp->onlyCA = spec->cas ? 0xff : 0;
	idp->onlyattr = spec->attributes ? 0xff : 0;
	idp->indirectCRL = spec->indirect ? 0xff : 0;
	if (spec->some_reasons) {
		idp->onlysomereasons = ASN1_BIT_STRING_new();
		MINT_MUST(idp->onlysomereasons != NULL && ASN1_BIT_STRING_set_bit(idp->onlysomereasons, 1, 1));
	}
	MINT_MUST(X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, idp, 1, 0));
	ISSUING_DIST_POINT_free(idp);
}

static inline void mint_crl_extensions(X509_CRL *crl, const struct mint_crl_spec *spec)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();

	MINT_MUST(number != NULL && ASN1_INTEGER_set_uint64(number, 7));
	MINT_MUST(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0));
	if (spec->delta)
		MINT_MUST(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0));
	ASN1_INTEGER_free(number);
	if (spec->at != NULL || spec->users || spec->cas || spec->attributes || spec->indirect || spec->some_reasons)
		mint_scope(crl, spec);
	if (spec->critical != NULL) {
		X509_EXTENSION *ext = mint_critical(spec->critical);

		MINT_MUST(X509_CRL_add_ext(crl, ext, -1));
		X509_EXTENSION_free(ext);
	}
}

static inline X509_CRL *mint_crl(const struct mint_crl_spec *spec, const struct mint *issuer)
{
	int64_t from = spec->from != 0 ? spec->from : MINT_NOW - MINT_DAY;
	int64_t until = spec->until != 0 ? spec->until : MINT_NOW + 7 * MINT_DAY;
	ASN1_TIME *first = ASN1_TIME_set(NULL, (time_t)from), *last = ASN1_TIME_set(NULL, (time_t)until);
	X509_CRL *crl = X509_CRL_new();

	MINT_MUST(crl != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	MINT_MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)));
	MINT_MUST(first != NULL && X509_CRL_set1_lastUpdate(crl, first));
	if (until != MINT_NO_END)
		MINT_MUST(last != NULL && X509_CRL_set1_nextUpdate(crl, last));
	for (size_t i = 0; i < MINT_REVOKED && spec->revoked[i].cert != NULL; i++)
		mint_entry(crl, &spec->revoked[i]);
	mint_crl_extensions(crl, spec);
	MINT_MUST(
	    X509_CRL_sign(crl, spec->key != NULL ? spec->key : issuer->key, spec->sha1 ? EVP_sha1() : EVP_sha256()));
	ASN1_TIME_free(first);
	ASN1_TIME_free(last);
	return crl;
}

static inline void mint_pem_crl(struct mint_pem *pem, X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());

	MINT_MUST(bio != NULL && PEM_write_bio_X509_CRL(bio, crl));
	mint_pem_take(pem, bio);
}

/* PEM. */
static inline void mint_write_crl(const char *path, const struct mint_crl_spec *spec, const struct mint *issuer)
{
	struct mint_pem pem = {0};
	X509_CRL *crl = mint_crl(spec, issuer);

	mint_pem_crl(&pem, crl);
	mint_write(path, mint_pem_span(&pem));
	X509_CRL_free(crl);
}

/* Gives a certificate a distribution point, which its issuer signs again. */
static inline void mint_points_to(struct mint *m, const struct mint *issuer, const char *uri)
{
	CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
	DIST_POINT *point = DIST_POINT_new();

	MINT_MUST(points != NULL && point != NULL);
	point->distpoint = mint_point(uri);
	MINT_MUST(sk_DIST_POINT_push(points, point));
	MINT_MUST(X509_add1_ext_i2d(m->x, NID_crl_distribution_points, points, 0, 0));
	CRL_DIST_POINTS_free(points);
	MINT_MUST(X509_sign(m->x, issuer->key, EVP_sha256()) != 0);
}

/* As pin and block-key want it. */
#define MINT_KEY_TEXT 45
static inline const char *mint_key_text(const struct mint *m, char out[static MINT_KEY_TEXT])
{
	uint8_t sha256[SHA256_DIGEST_LENGTH], *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(m->x), &der);

	MINT_MUST(n > 0);
	SHA256(der, (size_t)n, sha256);
	OPENSSL_free(der);
	MINT_MUST(EVP_EncodeBlock((uint8_t *)out, sha256, sizeof(sha256)) == MINT_KEY_TEXT - 1);
	return out;
}

#endif
