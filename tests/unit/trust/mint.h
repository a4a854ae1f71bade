/* mint: certificates for tests, made in this process: CAs, intermediates and leaves with any names, dates, extended key
 * usage and key.  All failures end the test. */
#ifndef SALLYPORT_TEST_MINT_H
#define SALLYPORT_TEST_MINT_H

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sallyport/base.h"

#define MINT_NAMES 24
#define MINT_PEM_MAX 65536

/* A moment that all test certificates are valid around, unless they say otherwise: 2026-03-01T00:00:00Z. */
#define MINT_NOW INT64_C(1772323200)
#define MINT_DAY INT64_C(86400)

enum mint_kind { MINT_END, MINT_DNS, MINT_SRV, MINT_XMPP, MINT_EMAIL, MINT_URI, MINT_IP };

struct mint_name {
	enum mint_kind kind;
	struct span value; /* MINT_IP: the bytes of the address */
};
#define MINT_DNS_NAME(text)                                                                                            \
	{                                                                                                              \
		MINT_DNS,                                                                                              \
		{                                                                                                      \
			(text), sizeof(text) - 1                                                                       \
		}                                                                                                      \
	}

enum mint_key {
	MINT_P256,
	MINT_P224,
	MINT_P384,
	MINT_P521,
	MINT_ED25519,
	MINT_RSA1024,
	MINT_RSA2048,
};

struct mint_spec {
	const char *cn;
	struct mint_name names[MINT_NAMES];
	const char *eku;         /* "serverAuth", "clientAuth,codeSigning", …; NULL: absent */
	const char *ku;          /* NULL: digitalSignature for leaves, keyCertSign and cRLSign for CAs; "": absent */
	const char *constraints; /* "permitted;DNS:a.example", "DER:3006…"; NULL: none */
	const char *extra_oid;   /* a critical extension that nobody knows */
	bool ca;
	bool no_basic; /* leave basicConstraints out */
	const char *path_len;
	int64_t not_before, not_after; /* 0: a month before and two months after MINT_NOW */
	enum mint_key key;
	EVP_PKEY *reuse_key; /* that of another certificate */
	bool sha1;
	unsigned serial;
};

struct mint {
	X509 *x;
	EVP_PKEY *key;
};

#define MINT_MUST(cond) ((cond) ? (void)0 : (fprintf(stderr, "mint: %s:%d: %s\n", __FILE__, __LINE__, #cond), abort()))

static inline EVP_PKEY *mint_key_ctx(EVP_PKEY_CTX *ctx, int curve, int bits)
{
	EVP_PKEY *key = NULL;

	MINT_MUST(ctx != NULL && EVP_PKEY_keygen_init(ctx));
	if (curve != 0)
		MINT_MUST(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, curve));
	if (bits != 0)
		MINT_MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits));
	MINT_MUST(EVP_PKEY_keygen(ctx, &key));
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static inline EVP_PKEY *mint_key_new(enum mint_key kind)
{
	static const int curve[] = {
	    [MINT_P256] = NID_X9_62_prime256v1,
	    [MINT_P224] = NID_secp224r1,
	    [MINT_P384] = NID_secp384r1,
	    [MINT_P521] = NID_secp521r1,
	};

	switch (kind) {
	case MINT_ED25519:
		return mint_key_ctx(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL), 0, 0);
	case MINT_RSA1024:
	case MINT_RSA2048:
		return mint_key_ctx(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL), 0, kind == MINT_RSA1024 ? 1024 : 2048);
	case MINT_P256:
	case MINT_P224:
	case MINT_P384:
	case MINT_P521:
		break;
	}
	return mint_key_ctx(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL), curve[kind], 0);
}

static inline void mint_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, (char *)(uintptr_t)value);
	MINT_MUST(ext != NULL && X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
}

static inline ASN1_STRING *mint_string(int type, struct span value)
{
	ASN1_STRING *s = ASN1_STRING_type_new(type);

	MINT_MUST(s != NULL && ASN1_STRING_set(s, value.p, (int)value.n));
	return s;
}

static inline GENERAL_NAME *mint_general_name(const struct mint_name *name)
{
	static const int type[] = {
	    [MINT_DNS] = GEN_DNS, [MINT_EMAIL] = GEN_EMAIL, [MINT_URI] = GEN_URI, [MINT_IP] = GEN_IPADD};
	bool srv = name->kind == MINT_SRV;
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_TYPE *value;

	MINT_MUST(general != NULL);
	if (name->kind != MINT_SRV && name->kind != MINT_XMPP) {
		GENERAL_NAME_set0_value(general, type[name->kind],
		    mint_string(name->kind == MINT_IP ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING, name->value));
		return general;
	}
	value = ASN1_TYPE_new();
	MINT_MUST(value != NULL);
	ASN1_TYPE_set(value, srv ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING,
	    mint_string(srv ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING, name->value));
	MINT_MUST(GENERAL_NAME_set0_othername(
	    general, OBJ_txt2obj(srv ? "1.3.6.1.5.5.7.8.7" : "1.3.6.1.5.5.7.8.5", 1), value));
	return general;
}

static inline void mint_names(X509 *x, const struct mint_name *names)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	MINT_MUST(all != NULL);
	for (size_t i = 0; i < MINT_NAMES && names[i].kind != MINT_END; i++)
		MINT_MUST(sk_GENERAL_NAME_push(all, mint_general_name(&names[i])));
	if (sk_GENERAL_NAME_num(all) > 0)
		MINT_MUST(X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT));
	GENERAL_NAMES_free(all);
}

static inline void mint_unknown_critical(X509 *x, const char *oid)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *ext;

	MINT_MUST(value != NULL && ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x05\x00", 2));
	ext = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	MINT_MUST(ext != NULL && X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(value);
}

static inline void mint_extensions(X509 *x, X509 *issuer, const struct mint_spec *spec)
{
	const char *ku = spec->ku != NULL ? spec->ku : spec->ca ? "critical,keyCertSign,cRLSign" : "digitalSignature";
	char basic[64];

	(void)snprintf(basic, sizeof(basic), "critical,CA:%s%s%s", spec->ca ? "TRUE" : "FALSE",
	    spec->path_len != NULL ? ",pathlen:" : "", spec->path_len != NULL ? spec->path_len : "");
	if (!spec->no_basic)
		mint_extension(x, issuer, NID_basic_constraints, basic);
	if (ku[0] != '\0')
		mint_extension(x, issuer, NID_key_usage, ku);
	if (spec->eku != NULL)
		mint_extension(x, issuer, NID_ext_key_usage, spec->eku);
	if (spec->constraints != NULL)
		mint_extension(x, issuer, NID_name_constraints, spec->constraints);
	if (spec->extra_oid != NULL)
		mint_unknown_critical(x, spec->extra_oid);
	mint_names(x, spec->names);
}

static inline void mint_subject(X509 *x, const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	MINT_MUST(name != NULL);
	if (cn != NULL)
		MINT_MUST(X509_NAME_add_entry_by_NID(
		    name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0));
	MINT_MUST(X509_set_subject_name(x, name));
	X509_NAME_free(name);
}

/* issuer NULL: self-signed. */
static inline struct mint mint_new(const struct mint_spec *spec, const struct mint *issuer)
{
	int64_t from = spec->not_before != 0 ? spec->not_before : MINT_NOW - 30 * MINT_DAY;
	int64_t until = spec->not_after != 0 ? spec->not_after : MINT_NOW + 60 * MINT_DAY;
	struct mint m = {X509_new(), spec->reuse_key};
	const EVP_MD *digest = spec->sha1 ? EVP_sha1() : EVP_sha256();

	if (m.key != NULL)
		EVP_PKEY_up_ref(m.key);
	else
		m.key = mint_key_new(spec->key);
	if (issuer == NULL)
		issuer = &m;
	MINT_MUST(m.x != NULL && X509_set_version(m.x, X509_VERSION_3));
	mint_subject(m.x, spec->cn);
	MINT_MUST(X509_set_issuer_name(m.x, X509_get_subject_name(issuer->x)));
	MINT_MUST(ASN1_INTEGER_set_uint64(X509_get_serialNumber(m.x), spec->serial + 1));
	MINT_MUST(ASN1_TIME_set(X509_getm_notBefore(m.x), (time_t)from) != NULL);
	MINT_MUST(ASN1_TIME_set(X509_getm_notAfter(m.x), (time_t)until) != NULL);
	MINT_MUST(X509_set_pubkey(m.x, m.key));
	mint_extensions(m.x, issuer->x, spec);
	if (EVP_PKEY_id(issuer->key) == EVP_PKEY_ED25519)
		digest = NULL;
	MINT_MUST(X509_sign(m.x, issuer->key, digest) != 0);
	return m;
}

static inline void mint_free(struct mint *m)
{
	X509_free(m->x);
	EVP_PKEY_free(m->key);
	*m = (struct mint){NULL, NULL};
}

/* PEM text of several certificates and keys, one behind the other. */
struct mint_pem {
	size_t n;
	char text[MINT_PEM_MAX];
};

static inline void mint_pem_take(struct mint_pem *pem, BIO *bio)
{
	const uint8_t *bytes;
	size_t n;

	MINT_MUST(BIO_mem_contents(bio, &bytes, &n) && n <= sizeof(pem->text) - pem->n);
	memcpy(pem->text + pem->n, bytes, n);
	pem->n += n;
	BIO_free(bio);
}

static inline void mint_pem_cert(struct mint_pem *pem, const struct mint *m)
{
	BIO *bio = BIO_new(BIO_s_mem());

	MINT_MUST(bio != NULL && PEM_write_bio_X509(bio, m->x));
	mint_pem_take(pem, bio);
}

/* password: NULL: in the clear. */
static inline void mint_pem_key(struct mint_pem *pem, const struct mint *m, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = password != NULL ? EVP_aes_128_cbc() : NULL;

	MINT_MUST(bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, m->key, cipher, (char *)(uintptr_t)password,
	                             password != NULL ? (int)strlen(password) : 0, NULL, NULL));
	mint_pem_take(pem, bio);
}

static inline struct span mint_pem_span(const struct mint_pem *pem)
{
	return (struct span){pem->text, pem->n};
}

static inline void mint_write(const char *path, struct span text)
{
	FILE *f = fopen(path, "w");

	MINT_MUST(f != NULL && fwrite(text.p, 1, text.n, f) == text.n);
	MINT_MUST(fclose(f) == 0);
}

/* DIR/NAME.pem: the certificate and those of its issuers; DIR/NAME.key: its key. */
static inline void mint_write_pair(
    const char *dir, const char *name, const struct mint *leaf, const struct mint *issuers, size_t issuers_n)
{
	struct mint_pem pem = {0}, key = {0};
	char path[512];

	mint_pem_cert(&pem, leaf);
	for (size_t i = 0; i < issuers_n; i++)
		mint_pem_cert(&pem, &issuers[i]);
	mint_pem_key(&key, leaf, NULL);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	mint_write(path, mint_pem_span(&pem));
	(void)snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	mint_write(path, mint_pem_span(&key));
}

#endif
