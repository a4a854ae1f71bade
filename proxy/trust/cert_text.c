#include "cert_internal.h"

#include <inttypes.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* Names come from a stranger and go into logs, terminals and XML: nothing but printable ASCII passes, cut short. */
#define SHOWN_MAX 64
/* With these a sentence about names fits, whatever they are. */
#define LISTED 3
#define LISTED_MAX 36
#define DAY 86400

struct text {
	char *p;
	size_t cap, n;
};

PRINTF_LIKE(2, 3)
static void text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, args);
	va_end(args);
	if (n > 0)
		t->n += (size_t)n < t->cap - t->n ? (size_t)n : t->cap - t->n - 1;
}

static void text_add_cut(struct text *t, struct span name, size_t max)
{
	char shown[SHOWN_MAX + 1];
	size_t n = 0;

	for (; n < name.n && n < max; n++) {
		char c = name.p[n];

		shown[n] = c > ' ' && c < 0x7f && c != '"' ? c : c == ' ' ? ' ' : '?';
	}
	shown[n] = '\0';
	text_add(t, "%s%s", shown, n < name.n ? "..." : "");
}

static void text_add_foreign(struct text *t, struct span name)
{
	text_add_cut(t, name, SHOWN_MAX);
}

/* What people call a certificate: its common name, else its organisation, else its whole subject. */
static void text_add_name(struct text *t, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int n;

	if (at < 0)
		at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
	if (at < 0) {
		text_add(t, "(no name)");
		return;
	}
	n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (n > 0)
		text_add_foreign(t, (struct span){(const char *)utf8, (size_t)n});
	OPENSSL_free(utf8);
}

static void text_add_date(struct text *t, int64_t when)
{
	time_t seconds = (time_t)when;
	struct tm tm;
	char date[32];

	if (gmtime_r(&seconds, &tm) != NULL && strftime(date, sizeof(date), "%Y-%m-%d", &tm) > 0)
		text_add(t, "%s", date);
}

static void text_add_days(struct text *t, int64_t seconds)
{
	int64_t days = seconds / DAY;

	if (days == 0)
		text_add(t, "less than a day");
	else
		text_add(t, "%" PRId64 " day%s", days, days == 1 ? "" : "s");
}

struct name_list {
	struct text *t;
	size_t seen;
};

static void list_name(void *arg, struct span name)
{
	struct name_list *list = arg;

	if (list->seen++ >= LISTED)
		return;
	text_add(list->t, "%s", list->seen > 1 ? ", " : "");
	text_add_cut(list->t, name, LISTED_MAX);
}

/* "a.example, b.example and 3 more"; false: there are none, or none that can be read. */
static bool text_add_names(struct text *t, X509 *leaf)
{
	struct name_list list = {t, 0};
	bool readable = cert_names_list(leaf, list_name, &list);

	if (list.seen > LISTED)
		text_add(t, " and %zu more", list.seen - LISTED);
	return readable && list.seen > 0;
}

/* "serverAuth, clientAuth"; false: absent. */
static bool text_add_usage(struct text *t, X509 *x)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	bool present = usage != NULL;

	for (size_t i = 0; present && i < sk_ASN1_OBJECT_num(usage) && i < 2 * LISTED; i++) {
		const ASN1_OBJECT *object = sk_ASN1_OBJECT_value(usage, i);
		int nid = OBJ_obj2nid(object);
		char oid[64] = "?";

		if (nid == NID_undef)
			(void)OBJ_obj2txt(oid, sizeof(oid), object, 1);
		text_add(t, "%s%s", i > 0 ? ", " : "", nid != NID_undef ? OBJ_nid2sn(nid) : oid);
	}
	EXTENDED_KEY_USAGE_free(usage);
	return present;
}

/* How the certificate at fault is called: the leaf, or one that came with it. */
static void text_add_whose(struct text *t, const struct cert_found *found)
{
	if (found->depth == 0) {
		text_add(t, "Your server's certificate");
		return;
	}
	text_add(t, "The certificate \"");
	text_add_name(t, X509_get_subject_name(found->path.cert[found->depth]));
	text_add(t, "\" in your server's chain");
}

static void text_expired(struct text *t, const struct cert_found *found, int64_t now)
{
	int64_t until = cert_time(X509_get0_notAfter(found->path.cert[found->depth]));

	text_add_whose(t, found);
	text_add(t, " expired ");
	text_add_days(t, now - until);
	text_add(t, " ago (on ");
	text_add_date(t, until);
	text_add(t, ").");
}

static void text_not_yet(struct text *t, const struct cert_found *found, int64_t now)
{
	int64_t from = cert_time(X509_get0_notBefore(found->path.cert[found->depth]));

	text_add_whose(t, found);
	text_add(t, " becomes valid only in ");
	text_add_days(t, from - now);
	text_add(t, " (on ");
	text_add_date(t, from);
	text_add(t, ").");
}

static void text_issuer(struct text *t, const struct cert_found *found)
{
	const X509_NAME *issuer = X509_get_issuer_name(found->path.cert[found->depth]);

	if (found->why == REASON_CERT_INCOMPLETE) {
		text_add(t, "Your server does not send the certificate of its issuer \"");
		text_add_name(t, issuer);
		text_add(t, "\", and that is not known here; configure the full chain (fullchain.pem).");
		return;
	}
	text_add(t, "Your server's certificate comes from the authority \"");
	text_add_name(t, issuer);
	text_add(t, "\", which is not trusted here.");
}

static void text_purpose(struct text *t, const struct cert_found *found)
{
	text_add_whose(t, found);
	if (strcmp(found->cause, CERT_NO_SIGNING) == 0) {
		text_add(t, " is not meant for TLS: its %s.", found->cause);
		return;
	}
	text_add(t, " is not meant for servers: its extended key usage (");
	(void)text_add_usage(t, found->path.cert[found->depth]);
	text_add(t, ") lacks serverAuth.");
}

static void text_weak(struct text *t, const struct cert_found *found)
{
	text_add_whose(t, found);
	text_add(t, " is too weak (%s); use ECDSA P-256 or RSA 2048 and SHA-256.", found->cause);
}

static void text_wrong_name(struct text *t, X509 *leaf, const struct domain *domain)
{
	size_t start = t->n;

	text_add(t, "Your server's certificate is for ");
	if (!text_add_names(t, leaf)) {
		t->n = start;
		text_add(t, "Your server's certificate has no dNSName (and its common name does not count), so it is");
	} else {
		text_add(t, ",");
	}
	text_add(t, " not for ");
	text_add_foreign(t, domain_span(domain));
	text_add(t, ".");
}

static void text_revoked(struct text *t, const struct cert_found *found)
{
	text_add_whose(t, found);
	text_add(t, " was revoked by its issuer on ");
	text_add_date(t, found->when);
	text_add(t, "; get a new one.");
}

static void peer_text(
    struct text *t, enum reason why, const struct cert_found *found, const struct domain *domain, int64_t now)
{
	if (why == REASON_CERT_NAME)
		text_wrong_name(t, found->path.cert[0], domain);
	else if (why == REASON_CERT_EXPIRED)
		text_expired(t, found, now);
	else if (why == REASON_CERT_NOT_YET_VALID)
		text_not_yet(t, found, now);
	else if (why == REASON_CERT_INCOMPLETE || why == REASON_CERT_UNKNOWN_CA)
		text_issuer(t, found);
	else if (why == REASON_CERT_PURPOSE)
		text_purpose(t, found);
	else if (why == REASON_CERT_WEAK)
		text_weak(t, found);
	else if (why == REASON_CERT_REVOKED)
		text_revoked(t, found);
	else if (why == REASON_CERT_INVALID || why == REASON_CERT_CONSTRAINT)
		text_add(t, "%.*s (%s).", (int)strcspn(reason_row(why)->peer_text, "."), reason_row(why)->peer_text,
		    found->cause);
	else
		text_add(t, "%s", reason_row(why)->peer_text);
}

/* The facts about the certificate at fault, the most telling first. */
static void detail(struct text *t, const struct cert_found *found, const struct domain *domain, bool misnamed)
{
	X509 *x = found->path.cert[found->depth];
	char key[CERT_KEY_TEXT];

	if (found->why != REASON_NONE)
		text_add(t, "depth %zu: %s; ", found->depth, found->cause);
	if (found->why == REASON_CERT_PIN || found->why == REASON_CERT_BLOCKED)
		text_add(t, "key %s; ", cert_key_text(x, key));
	text_add(t, "subject \"");
	text_add_name(t, X509_get_subject_name(x));
	text_add(t, "\", issuer \"");
	text_add_name(t, X509_get_issuer_name(x));
	text_add(t, "\", valid ");
	text_add_date(t, cert_time(X509_get0_notBefore(x)));
	text_add(t, " to ");
	text_add_date(t, cert_time(X509_get0_notAfter(x)));
	text_add(t, "; names ");
	if (!text_add_names(t, found->path.cert[0]))
		text_add(t, "none");
	if (misnamed) {
		text_add(t, ", not ");
		text_add_foreign(t, domain_span(domain));
	}
	text_add(t, "; EKU ");
	if (!text_add_usage(t, x))
		text_add(t, "none");
}

void cert_text(struct cert_verdict *verdict, const struct cert_found *found, const struct domain *domain, bool misnamed,
    int64_t now)
{
	struct text peer = {verdict->peer_text, sizeof(verdict->peer_text), 0};
	struct text own = {verdict->detail, sizeof(verdict->detail), 0};

	peer_text(&peer, verdict->why, found, domain, now);
	if (misnamed && verdict->why != REASON_CERT_NAME) {
		text_add(&peer, " Nor is it valid for ");
		text_add_foreign(&peer, domain_span(domain));
		text_add(&peer, ".");
	}
	detail(&own, found, domain, misnamed);
}

void cert_text_facts(X509 *x, struct cert_facts *facts)
{
	struct text subject = {facts->subject, sizeof(facts->subject), 0};
	struct text issuer = {facts->issuer, sizeof(facts->issuer), 0};
	struct text names = {facts->names, sizeof(facts->names), 0};
	struct text usage = {facts->usage, sizeof(facts->usage), 0};

	text_add_name(&subject, X509_get_subject_name(x));
	text_add_name(&issuer, X509_get_issuer_name(x));
	(void)text_add_names(&names, x);
	(void)text_add_usage(&usage, x);
}
