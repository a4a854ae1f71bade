#include "cert_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "sallyport/log.h"

/* Revocation lists by RFC 5280 sections 5 and 6.3, of the issuer itself (no indirect ones).
 *
 * A serial number on any list of the certificate's issuer is revoked, be the list out of date, a delta or meant for
 * other certificates: a revocation does not lapse.  That a number is missing says something only if the list is current
 * and speaks of that certificate. */

enum { KEY_UNKNOWN, KEY_WRITTEN, KEY_KNOWN };

struct crl {
	X509_CRL *x;
	ISSUING_DIST_POINT *idp; /* NULL: it speaks of all certificates of its issuer */
	bool delta;
	int64_t from, until; /* until == INT64_MAX: no end */
	char *path;
	/* The key that its signature was found good for, to be found once: lists are long, and handshakes many. Whoever
	 * comes first writes it. */
	atomic_int state;
	struct conf_key key;
};

static void crl_free(struct crl *crl)
{
	if (crl == NULL)
		return;
	X509_CRL_free(crl->x);
	ISSUING_DIST_POINT_free(crl->idp);
	free(crl->path);
	free(crl);
}

void cert_crls_clear(struct cert_crls *crls)
{
	for (size_t i = 0; i < crls->n; i++)
		crl_free(crls->v[i]);
	free(crls->v);
	*crls = (struct cert_crls){NULL, 0};
}

/* --- reading --- */

static bool known_extension(int nid)
{
	return nid == NID_issuing_distribution_point || nid == NID_delta_crl || nid == NID_authority_key_identifier ||
	       nid == NID_crl_number || nid == NID_freshest_crl || nid == NID_issuer_alt_name;
}

static bool known_entry_extension(int nid)
{
	return nid == NID_crl_reason || nid == NID_invalidity_date;
}

static bool must_be_known(X509_EXTENSION *extension, bool (*known)(int nid))
{
	return X509_EXTENSION_get_critical(extension) && !known(OBJ_obj2nid(X509_EXTENSION_get_object(extension)));
}

/* A critical extension that is not known may say that the entries are not what they seem. */
static bool extensions_known(const struct crl *crl)
{
	const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->x);

	for (int i = 0; i < X509_CRL_get_ext_count(crl->x); i++) {
		if (must_be_known(X509_CRL_get_ext(crl->x, i), known_extension))
			return false;
	}
	for (size_t i = 0; entries != NULL && i < sk_X509_REVOKED_num(entries); i++) {
		const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

		for (int j = 0; j < X509_REVOKED_get_ext_count(entry); j++) {
			if (must_be_known(X509_REVOKED_get_ext(entry, j), known_entry_extension))
				return false;
		}
	}
	return true;
}

/* BoringSSL puts the entries in order with the first look-up; that is not to happen among several threads. */
static bool entries_sort(X509_CRL *x)
{
	ASN1_INTEGER *any = ASN1_INTEGER_new();
	X509_REVOKED *found;

	if (any != NULL)
		(void)X509_CRL_get0_by_serial(x, &found, any);
	ASN1_INTEGER_free(any);
	return any != NULL;
}

/* What makes a list useless; NULL: nothing. */
static const char *crl_fault(struct crl *crl)
{
	const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl->x);
	int critical;

	if (cert_signature_weakness(X509_CRL_get_signature_nid(crl->x)) != NULL)
		return "the list's signature is too weak";
	if (!extensions_known(crl))
		return "the list has a critical extension that is not understood";
	crl->idp = X509_CRL_get_ext_d2i(crl->x, NID_issuing_distribution_point, &critical, NULL);
	if (crl->idp == NULL && critical != -1)
		return "the list's issuing distribution point cannot be read";
	if (crl->idp != NULL && crl->idp->indirectCRL)
		return "the list is an indirect one, by another than the certificates' issuer";
	if (crl->idp != NULL && crl->idp->onlyattr)
		return "the list speaks of attribute certificates alone";
	crl->delta = X509_CRL_get_ext_by_NID(crl->x, NID_delta_crl, -1) >= 0;
	crl->from = cert_time(X509_CRL_get0_lastUpdate(crl->x));
	crl->until = until != NULL ? cert_time(until) : INT64_MAX;
	return entries_sort(crl->x) ? NULL : "out of memory";
}

/* Takes x. */
static bool crl_add(struct cert_crls *crls, X509_CRL *x, const char *path, const struct cert_complaint *c)
{
	struct crl **grown = reallocarray(crls->v, crls->n + 1, sizeof(struct crl *));
	struct crl *crl = calloc(1, sizeof(*crl));
	const char *fault = "out of memory";

	if (grown != NULL)
		crls->v = grown;
	if (crl != NULL) {
		crl->x = x;
		crl->path = strdup(path);
	} else {
		X509_CRL_free(x);
	}
	if (grown != NULL && crl != NULL && crl->path != NULL)
		fault = crl_fault(crl);
	if (fault != NULL) {
		crl_free(crl);
		return cert_complain(c, "%s: %s", path, fault);
	}
	crls->v[crls->n++] = crl;
	return true;
}

static bool der_read(struct cert_crls *crls, BIO *bio, const char *path, const struct cert_complaint *c)
{
	X509_CRL *x = d2i_X509_CRL_bio(bio, NULL);
	char more;

	if (x == NULL)
		return cert_complain(c, "%s: holds no revocation list that can be read", path);
	if (BIO_read(bio, &more, 1) > 0) {
		X509_CRL_free(x);
		return cert_complain(c, "%s: something stands behind the revocation list", path);
	}
	return crl_add(crls, x, path, c);
}

static bool pem_read(struct cert_crls *crls, BIO *bio, const char *path, const struct cert_complaint *c)
{
	size_t seen = 0;
	X509_CRL *x;

	while ((x = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		seen++;
		if (!crl_add(crls, x, path, c))
			return false;
	}
	if (!pem_at_end())
		return cert_complain(c, "%s: broken PEM behind list %zu", path, seen);
	return seen > 0 || cert_complain(c, "%s: holds no revocation list", path);
}

static bool file_load(struct cert_crls *crls, const char *path, const struct cert_complaint *c)
{
	BIO *bio = pem_open_file(path);
	uint8_t first = 0;
	bool ok;

	if (bio == NULL)
		return cert_complain(c, "%s: %s", path, strerror(errno));
	ERR_clear_error();
	if (BIO_read(bio, &first, 1) == 1 && BIO_reset(bio) == 0 && first == V_ASN1_SEQUENCE + V_ASN1_CONSTRUCTED)
		ok = der_read(crls, bio, path, c);
	else
		ok = pem_read(crls, bio, path, c);
	BIO_free(bio);
	return ok;
}

int cert_crls_wanted(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool entry_load(struct cert_crls *crls, const char *folder, const char *name, const struct cert_complaint *c)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) != 0)
		return cert_complain(c, "%s/%s: %s", folder, name, strerror(errno));
	return !S_ISREG(st.st_mode) || file_load(crls, path, c);
}

bool cert_crls_load(struct cert_crls *crls, const char *place, const struct cert_complaint *c)
{
	struct dirent **entries = NULL;
	int n = scandir(place, &entries, cert_crls_wanted, alphasort);
	bool ok = true;

	if (n < 0)
		return errno == ENOTDIR ? file_load(crls, place, c)
		                        : cert_complain(c, "%s: %s", place, strerror(errno));
	for (int i = 0; i < n; i++) {
		ok = ok && entry_load(crls, place, entries[i]->d_name, c);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static int issuer_order(const void *a, const void *b)
{
	return X509_NAME_cmp(
	    X509_CRL_get_issuer((*(struct crl *const *)a)->x), X509_CRL_get_issuer((*(struct crl *const *)b)->x));
}

void cert_crls_sort(struct cert_crls *crls)
{
	if (crls->n > 0)
		qsort(crls->v, crls->n, sizeof(struct crl *), issuer_order);
}

/* --- asking --- */

/* The first list of an issuer; its others follow. */
static size_t first_of(const struct cert_crls *crls, const X509_NAME *issuer)
{
	size_t low = 0, high = crls->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (X509_NAME_cmp(X509_CRL_get_issuer(crls->v[middle]->x), issuer) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct cert_crls *crls, size_t i, const X509_NAME *issuer)
{
	return i < crls->n && X509_NAME_cmp(X509_CRL_get_issuer(crls->v[i]->x), issuer) == 0;
}

enum whose { OURS, SOMEBODY_ELSES, NO_MEMORY };

/* A wrong signature leaves an error.  Want of memory leaves one of its own, but versions of BoringSSL before 2023
 * forget it at times. */
static enum whose signature_whose(const struct crl *crl, X509 *issuer)
{
	EVP_PKEY *key = X509_get_pubkey(issuer);
	enum whose whose = NO_MEMORY;
	uint32_t error;

	ERR_clear_error();
	if (key != NULL && X509_CRL_verify(crl->x, key) == 1)
		whose = OURS;
	else if (ERR_peek_error() != 0)
		whose = SOMEBODY_ELSES;
	EVP_PKEY_free(key);
	while ((error = ERR_get_error()) != 0) {
		if (whose != OURS && ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
			whose = NO_MEMORY;
	}
	return whose;
}

/* Whether the list comes from this certificate, or only from one of the same name. */
static enum whose crl_whose(struct crl *crl, X509 *issuer)
{
	struct conf_key key;
	enum whose whose;
	int unknown = KEY_UNKNOWN;

	if ((X509_get_key_usage(issuer) & X509v3_KU_CRL_SIGN) == 0) /* all ones if it is absent */
		return SOMEBODY_ELSES;
	if (!cert_key(issuer, &key))
		return NO_MEMORY;
	if (atomic_load(&crl->state) == KEY_KNOWN && memcmp(&crl->key, &key, sizeof(key)) == 0)
		return OURS;
	whose = signature_whose(crl, issuer);
	if (whose == OURS && atomic_compare_exchange_strong(&crl->state, &unknown, KEY_WRITTEN)) {
		crl->key = key;
		atomic_store(&crl->state, KEY_KNOWN);
	}
	return whose;
}

/* A delta may take a certificate off the list again (as versions of BoringSSL say in different ways): that says nothing
 * against it, but it stays revoked until the next complete list lacks it. */
static bool is_taken_off(const X509_REVOKED *entry)
{
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	bool off = reason != NULL && ASN1_ENUMERATED_get(reason) == CRL_REASON_REMOVE_FROM_CRL;

	ASN1_ENUMERATED_free(reason);
	return off;
}

enum cert_revoked cert_crls_find(const struct cert_crls *crls, X509 *x, X509 *issuer, int64_t *when)
{
	const X509_NAME *name = X509_get_issuer_name(x);

	for (size_t i = first_of(crls, name); is_of(crls, i, name); i++) {
		X509_REVOKED *entry = NULL;

		if (X509_CRL_get0_by_serial(crls->v[i]->x, &entry, X509_get_serialNumber(x)) == 0 ||
		    is_taken_off(entry))
			continue;
		switch (crl_whose(crls->v[i], issuer)) {
		case OURS:
			*when = cert_time(X509_REVOKED_get0_revocationDate(entry));
			return CERT_IS_REVOKED;
		case NO_MEMORY:
			return CERT_NOT_KNOWN;
		case SOMEBODY_ELSES:
			break;
		}
	}
	return CERT_NOT_REVOKED;
}

/* Lists are published under URIs. */
static bool same_uri(const GENERAL_NAME *a, const GENERAL_NAME *b)
{
	return a->type == GEN_URI && b->type == GEN_URI &&
	       ASN1_STRING_cmp(a->d.uniformResourceIdentifier, b->d.uniformResourceIdentifier) == 0;
}

static bool names_meet(const DIST_POINT_NAME *a, const DIST_POINT_NAME *b)
{
	if (a == NULL || b == NULL || a->type != 0 || b->type != 0) /* 0: fullName */
		return false;
	for (size_t i = 0; i < sk_GENERAL_NAME_num(a->name.fullname); i++) {
		for (size_t j = 0; j < sk_GENERAL_NAME_num(b->name.fullname); j++) {
			if (same_uri(
			        sk_GENERAL_NAME_value(a->name.fullname, i), sk_GENERAL_NAME_value(b->name.fullname, j)))
				return true;
		}
	}
	return false;
}

/* Does the certificate point to the place that the list says it is of? */
static bool points_to(X509 *x, const DIST_POINT_NAME *place)
{
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x, NID_crl_distribution_points, NULL, NULL);
	bool found = false;

	for (size_t i = 0; points != NULL && i < sk_DIST_POINT_num(points) && !found; i++) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, i);

		found = point->reasons == NULL && point->CRLissuer == NULL && names_meet(point->distpoint, place);
	}
	CRL_DIST_POINTS_free(points);
	return found;
}

/* RFC 5280 section 6.3.3 (b)(2). */
static bool in_scope(const struct crl *crl, X509 *x)
{
	const ISSUING_DIST_POINT *idp = crl->idp;
	bool ca = (X509_get_extension_flags(x) & EXFLAG_CA) != 0;

	if (idp == NULL)
		return true;
	if (idp->onlysomereasons != NULL || (idp->onlyuser && ca) || (idp->onlyCA && !ca))
		return false;
	return idp->distpoint == NULL || points_to(x, idp->distpoint);
}

bool cert_crls_cover(const struct cert_crls *crls, X509 *x, X509 *issuer, int64_t now, int64_t *until)
{
	const X509_NAME *name = X509_get_issuer_name(x);

	*until = 0;
	for (size_t i = first_of(crls, name); is_of(crls, i, name); i++) {
		struct crl *crl = crls->v[i];

		if (!crl->delta && crl->from <= now && now <= crl->until && crl->until > *until && in_scope(crl, x) &&
		    crl_whose(crl, issuer) == OURS)
			*until = crl->until;
	}
	ERR_clear_error();
	return *until > 0;
}

void cert_crls_remind(const struct cert_crls *crls, int64_t since, int64_t now)
{
	for (size_t i = 0; i < crls->n; i++) {
		const struct crl *crl = crls->v[i];
		time_t until = (time_t)crl->until;
		char date[32] = "";
		struct log_line l;
		struct tm tm;

		if (crl->until <= since || crl->until > now)
			continue;
		if (gmtime_r(&until, &tm) != NULL)
			(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
		log_begin(&l, LOG_WARNING, "revocation");
		log_str(&l, "text", "a revocation list is out of date");
		log_str(&l, "file", crl->path);
		log_str(&l, "since", date);
		log_end(&l);
	}
}
