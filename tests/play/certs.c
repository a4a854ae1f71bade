#include "certs.h"

#include <openssl/bytestring.h>
#include <openssl/mem.h>

#include "fakenet.h"
#include "unit/trust/mint_crl.h"

enum { CERTS_MAX = 32 };

struct cert {
	char name[64];
	struct mint leaf;
	const struct mint *issuer; /* sent along; NULL: it is not */
};

struct certs {
	const char *dir;
	struct mint root, intermediate, stranger;
	struct cert v[CERTS_MAX];
	size_t n;
};

struct kind {
	const char *name;
	const char *eku;
	enum { BY_INTERMEDIATE, BY_ITSELF, BY_STRANGER } by;
	bool incomplete;
	int64_t from_day, until_day; /* from FAKE_EPOCH */
	enum mint_key key;
};

static const struct kind kinds[] = {
    {.name = "good", .eku = "serverAuth"},
    {.name = "both", .eku = "serverAuth,clientAuth"},
    {.name = "no-eku"},
    {.name = "client", .eku = "clientAuth"},
    {.name = "expired", .eku = "serverAuth", .from_day = -90, .until_day = -12},
    {.name = "early", .eku = "serverAuth", .from_day = 12, .until_day = 90},
    {.name = "short", .eku = "serverAuth", .from_day = -89, .until_day = 1},
    {.name = "incomplete", .eku = "serverAuth", .incomplete = true},
    {.name = "weak", .eku = "serverAuth", .key = MINT_RSA1024},
    {.name = "self", .eku = "serverAuth", .by = BY_ITSELF},
    {.name = "unknown", .eku = "serverAuth", .by = BY_STRANGER},
    {.name = "unknown-client", .eku = "clientAuth", .by = BY_STRANGER},
};

static void write_root(const char *dir, const char *name, const struct mint *root)
{
	struct mint_pem pem = {0};
	char path[512];

	mint_pem_cert(&pem, root);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	mint_write(path, mint_pem_span(&pem));
}

struct certs *certs_new(const char *dir)
{
	struct certs *certs = fake_alloc(sizeof(*certs));

	certs->dir = dir;
	certs->root = mint_new(&(struct mint_spec){.cn = "Play Root", .ca = true}, NULL);
	certs->intermediate = mint_new(&(struct mint_spec){.cn = "Play Intermediate", .ca = true}, &certs->root);
	certs->stranger = mint_new(&(struct mint_spec){.cn = "Unknown Root", .ca = true}, NULL);
	write_root(dir, "ca.pem", &certs->root);
	write_root(dir, "unknown-ca.pem", &certs->stranger);
	return certs;
}

void certs_free(struct certs *certs)
{
	if (certs == NULL)
		return;
	for (size_t i = 0; i < certs->n; i++)
		mint_free(&certs->v[i].leaf);
	mint_free(&certs->root);
	mint_free(&certs->intermediate);
	mint_free(&certs->stranger);
	free(certs);
}

static void set_names(struct mint_spec *spec, const char *domains)
{
	for (size_t i = 0; *domains != '\0'; i++) {
		size_t n = strcspn(domains, " ");

		ENSURE(i < MINT_NAMES - 1);
		spec->names[i] = (struct mint_name){MINT_DNS, {domains, n}};
		domains += n + strspn(domains + n, " ");
	}
}

static const struct kind *kind_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (span_eq(span_of(kinds[i].name), name))
			return &kinds[i];
	return NULL;
}

bool certs_make(struct certs *certs, struct span name, struct span kind_name, const char *domains)
{
	const struct kind *kind = kind_find(kind_name);
	struct cert *cert = &certs->v[certs->n];
	const struct mint *issuer;
	struct mint_spec spec = {0};

	if (kind == NULL)
		return false;
	ENSURE(certs->n < CERTS_MAX && name.n < sizeof(cert->name) && certs_find(certs, name) == NULL);
	memcpy(cert->name, name.p, name.n);
	spec.eku = kind->eku;
	/* Those of public authorities have no subject any more; those that `openssl req` makes do. */
	spec.cn = kind->by == BY_ITSELF ? cert->name : NULL;
	spec.key = kind->key;
	spec.serial = (unsigned)certs->n + 1;
	if (kind->until_day != 0) {
		spec.not_before = FAKE_EPOCH + kind->from_day * MINT_DAY;
		spec.not_after = FAKE_EPOCH + kind->until_day * MINT_DAY;
	}
	set_names(&spec, domains);
	issuer = kind->by == BY_ITSELF ? NULL : kind->by == BY_STRANGER ? &certs->stranger : &certs->intermediate;
	cert->leaf = mint_new(&spec, issuer);
	cert->issuer = kind->incomplete ? NULL : issuer;
	certs->n++;
	mint_write_pair(certs->dir, cert->name, &cert->leaf, cert->issuer, cert->issuer != NULL ? 1 : 0);
	return true;
}

bool certs_revoke(struct certs *certs, struct span name, const char *names)
{
	struct mint_crl_spec spec = {.from = FAKE_EPOCH, .until = FAKE_EPOCH + MINT_DAY};
	struct mint_pem pem = {0};
	X509_CRL *lists[2];
	char path[512];

	lists[0] = mint_crl(&spec, &certs->root);
	for (size_t i = 0; *names != '\0'; i++) {
		size_t n = strcspn(names, " ");
		const struct cert *cert = certs_find(certs, (struct span){names, n});

		ENSURE(i < MINT_REVOKED - 1);
		if (cert == NULL)
			return false;
		spec.revoked[i].cert = &cert->leaf;
		names += n + strspn(names + n, " ");
	}
	lists[1] = mint_crl(&spec, &certs->intermediate);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		mint_pem_crl(&pem, lists[i]);
		X509_CRL_free(lists[i]);
	}
	(void)snprintf(path, sizeof(path), "%s/%.*s", certs->dir, SPAN_FMT(name));
	mint_write(path, mint_pem_span(&pem));
	return true;
}

const char *cert_pin(const struct cert *cert, char out[static CERT_PIN_TEXT])
{
	return mint_key_text(&cert->leaf, out);
}

const struct cert *certs_find(const struct certs *certs, struct span name)
{
	for (size_t i = 0; i < certs->n; i++)
		if (span_eq(span_of(certs->v[i].name), name))
			return &certs->v[i];
	return NULL;
}

void cert_use(const struct cert *cert, SSL_CTX *ctx)
{
	ENSURE(SSL_CTX_use_certificate(ctx, cert->leaf.x) && SSL_CTX_use_PrivateKey(ctx, cert->leaf.key));
	if (cert->issuer != NULL)
		ENSURE(SSL_CTX_add1_chain_cert(ctx, cert->issuer->x));
}

bool cert_was_shown(const struct cert *cert, const SSL *ssl)
{
	X509 *shown = SSL_get_peer_certificate(ssl);
	bool same = shown != NULL && X509_cmp(shown, cert->leaf.x) == 0;

	X509_free(shown);
	return same;
}
