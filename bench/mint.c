#include "mint.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAYS 90
#define DAY_S 86400L

/* A certificate with its key. */
struct pair_of {
	X509 *x;
	EVP_PKEY *key;
};

static void pair_free(struct pair_of *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
	*p = (struct pair_of){NULL, NULL};
}

static EVP_PKEY *make_key(bool rsa)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(rsa ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;
	bool ok = ctx != NULL && EVP_PKEY_keygen_init(ctx);

	ok = ok && (rsa ? EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048)
	                : EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1));
	if (!ok || !EVP_PKEY_keygen(ctx, &key))
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, (char *)(uintptr_t)value);
	ok = ext != NULL && X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool set_subject(X509 *x, const char *cn)
{
	X509_NAME *name = X509_NAME_new();
	bool ok =
	    name != NULL &&
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) &&
	    X509_set_subject_name(x, name);

	X509_NAME_free(name);
	return ok;
}

static bool set_extensions(X509 *x, X509 *issuer, const char *names)
{
	if (names == NULL)
		return add_extension(x, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
		       add_extension(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	return add_extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(x, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_extension(x, issuer, NID_subject_alt_name, names);
}

/* issuer NULL: self-signed.  names NULL: an authority. */
static bool make(struct pair_of *p, const char *cn, const char *names, bool rsa, const struct pair_of *issuer)
{
	uint64_t serial = 0;

	p->x = X509_new();
	p->key = make_key(rsa);
	if (issuer == NULL)
		issuer = p;
	return p->x != NULL && p->key != NULL && RAND_bytes((uint8_t *)&serial, 7) && set_subject(p->x, cn) &&
	       X509_set_version(p->x, X509_VERSION_3) && X509_set_issuer_name(p->x, X509_get_subject_name(issuer->x)) &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(p->x), serial) &&
	       X509_gmtime_adj(X509_getm_notBefore(p->x), -DAY_S) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(p->x), DAYS * DAY_S) != NULL && X509_set_pubkey(p->x, p->key) &&
	       set_extensions(p->x, issuer->x, names) && X509_sign(p->x, issuer->key, EVP_sha256()) != 0;
}

/* --- files --- */

struct folder {
	const char *dir;
	bool many; /* for the gateway alone */
	char *err;
	size_t err_n;
};

static bool write_file(const struct folder *f, const char *name, struct span text)
{
	char path[4096];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ok = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	if (!ok)
		snprintf(f->err, f->err_n, "%s: %m", path);
	return ok;
}

static bool write_bio(const struct folder *f, const char *stem, const char *suffix, BIO *bio)
{
	const uint8_t *bytes;
	char name[64];
	size_t n;

	snprintf(name, sizeof(name), "%s%s", stem, suffix);
	return BIO_mem_contents(bio, &bytes, &n) && write_file(f, name, (struct span){(const char *)bytes, n});
}

static bool put_key(BIO *bio, EVP_PKEY *key)
{
	return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
}

static bool write_leaf(const struct folder *f, const char *stem, const char *domain, const char *names, bool rsa,
    const struct pair_of *issuer)
{
	struct pair_of leaf = {NULL, NULL};
	BIO *chain = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
	bool ok = chain != NULL && key != NULL && make(&leaf, domain, names, rsa, issuer) &&
	          PEM_write_bio_X509(chain, leaf.x) && PEM_write_bio_X509(chain, issuer->x) && put_key(key, leaf.key) &&
	          write_bio(f, stem, ".pem", chain) && write_bio(f, stem, ".key", key);

	/* chain and key in one file, for other gateways */
	ok = ok && (f->many || (put_key(chain, leaf.key) && write_bio(f, stem, ".both", chain)));
	BIO_free(chain);
	BIO_free(key);
	pair_free(&leaf);
	return ok;
}

static bool write_ca(const struct folder *f, const struct pair_of *root)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio != NULL && PEM_write_bio_X509(bio, root->x) && write_bio(f, "ca", ".pem", bio);

	BIO_free(bio);
	return ok;
}

static void put_ini(FILE *out, const struct mint_plan *plan)
{
	const char *dir = plan->dir;

	fprintf(out,
	    "# For sallyport-bench with its default addresses: sallyport -c FILE\n"
	    "[global]\nlog-level = warning\nworkers = 1\n\n"
	    "[public]\nlisten = 127.0.0.1:25269\nreach = any\n\n"
	    "[trust]\nsystem = no\nanchor = %s/ca.pem\n\n"
	    "[dns]\nserver = 127.0.0.1:25353\n\n"
	    "[backend old]\nconnect = 127.0.0.1:15270\nlisten = 127.0.0.1:15269\n\n"
	    "[host %s]\ncertificate = %s/local-ecdsa.pem\nkey = %s/local-ecdsa.key\n\n"
	    "[limits]\nconnections = 100000\nconnections-per-address = 100000\nconnections-per-domain = 100000\n"
	    "backend-connections = 200000\naccept-rate = 1000000\naccept-rate-per-address = 1000000\nhandshakes = 10000\n",
	    dir, plan->local, dir, dir);
	if (plan->hosts > 0)
		fprintf(out, "\n[certificates]\ndirectory = %s/hosts\n\n", dir);
	for (unsigned i = 0; i < plan->hosts; i++)
		fprintf(out, "[host h%05u.hosts.lab]\n", i);
}

static bool write_ini(const struct folder *f, const struct mint_plan *plan)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	bool ok;

	if (out == NULL)
		return false;
	put_ini(out, plan);
	ok = fclose(out) == 0 && write_file(f, "sallyport.ini", (struct span){text, n});
	free(text);
	return ok;
}

static bool make_folder(const struct folder *f)
{
	if (mkdir(f->dir, 0755) == 0 || errno == EEXIST)
		return true;
	snprintf(f->err, f->err_n, "%s: %m", f->dir);
	return false;
}

static bool write_hosts(const struct folder *f, unsigned n, const struct pair_of *issuer)
{
	char dir[4096], domain[64], names[80];
	struct folder hosts = {dir, true, f->err, f->err_n};

	snprintf(dir, sizeof(dir), "%s/hosts", f->dir);
	if (n == 0)
		return true;
	if (!make_folder(&hosts))
		return false;
	for (unsigned i = 0; i < n; i++) {
		snprintf(domain, sizeof(domain), "h%05u.hosts.lab", i);
		snprintf(names, sizeof(names), "DNS:%s", domain);
		if (!write_leaf(&hosts, domain, domain, names, false, issuer))
			return false;
	}
	return true;
}

bool mint_folder(const struct mint_plan *plan, char *err, size_t err_n)
{
	struct pair_of root = {NULL, NULL}, middle = {NULL, NULL};
	struct folder f = {plan->dir, false, err, err_n};
	char of_local[640], of_peers[640];
	bool ok;

	snprintf(err, err_n, "out of memory");
	if (!make_folder(&f))
		return false;
	snprintf(of_local, sizeof(of_local), "DNS:%s,DNS:*.%s", plan->local, plan->local);
	snprintf(of_peers, sizeof(of_peers), "DNS:%s,DNS:*.%s", plan->peers, plan->peers);
	ok = make(&root, "Bench Root", NULL, false, NULL) && make(&middle, "Bench Y1", NULL, false, &root) &&
	     write_ca(&f, &root) && write_leaf(&f, "local-ecdsa", plan->local, of_local, false, &middle) &&
	     write_leaf(&f, "local-rsa", plan->local, of_local, true, &middle) &&
	     write_leaf(&f, "peers-ecdsa", plan->peers, of_peers, false, &middle) &&
	     write_leaf(&f, "peers-rsa", plan->peers, of_peers, true, &middle) &&
	     write_hosts(&f, plan->hosts, &middle) && write_ini(&f, plan);
	pair_free(&root);
	pair_free(&middle);
	return ok;
}
