#include "cert_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool cert_complain(const struct cert_complaint *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(c->text, c->n, fmt, args);
	va_end(args);
	ERR_clear_error();
	return false;
}

static bool anchors_add(struct cert_anchors *anchors, X509 *x)
{
	if (anchors->n == anchors->cap) {
		size_t cap = anchors->cap > 0 ? anchors->cap * 2 : 4;
		X509 **grown = realloc(anchors->x, cap * sizeof(*grown));

		if (grown == NULL)
			return false;
		anchors->x = grown;
		anchors->cap = cap;
	}
	X509_up_ref(x);
	anchors->x[anchors->n++] = x;
	return true;
}

/* This also makes BoringSSL read the extensions, which it does only once: if memory ran short at that moment, with the
 * first peer, the anchor would be unusable for good. */
static bool anchor_usable(X509 *x)
{
	return x != NULL && (X509_get_extension_flags(x) & EXFLAG_INVALID) == 0;
}

/* x, or the same one of before in its place. */
static X509 *shared(const struct cert_anchors *before, X509 *x)
{
	X509 *const *same;
	size_t n = 0;

	if (before == NULL || before->n == 0)
		return x;
	same = cert_anchors_find(before, X509_get_subject_name(x), &n);
	for (size_t i = 0; i < n; i++) {
		if (X509_cmp(same[i], x) != 0)
			continue;
		X509_up_ref(same[i]);
		X509_free(x);
		return same[i];
	}
	return x;
}

bool cert_anchors_read(
    struct cert_anchors *anchors, BIO *bio, enum cert_bundle kind, const char *name, const struct cert_complaint *c)
{
	size_t before = anchors->n, seen = 0;
	CRYPTO_BUFFER *der = NULL;
	enum pem_rc rc;

	while ((rc = pem_next(bio, &der)) == PEM_ONE) {
		X509 *x = X509_parse_from_buffer(der);
		bool usable = anchor_usable(x);
		bool added;

		if (usable)
			x = shared(anchors->before, x);
		added = usable && anchors_add(anchors, x);
		seen++;
		CRYPTO_BUFFER_free(der);
		X509_free(x);
		if (usable && !added)
			return cert_complain(c, "%s: out of memory", name);
		if (!usable && kind == CERT_BUNDLE_STRICT)
			return cert_complain(c, "%s: certificate %zu cannot be read", name, seen);
	}
	if (rc == PEM_BAD)
		return cert_complain(c, "%s: broken PEM behind certificate %zu", name, seen);
	if (anchors->n == before)
		return cert_complain(c, "%s: holds no certificate", name);
	return true;
}

bool cert_anchors_load(
    struct cert_anchors *anchors, const char *path, enum cert_bundle kind, const struct cert_complaint *c)
{
	BIO *bio = pem_open_file(path);
	bool ok;

	if (bio == NULL)
		return cert_complain(c, "%s: %s", path, strerror(errno));
	ok = cert_anchors_read(anchors, bio, kind, path, c);
	BIO_free(bio);
	return ok;
}

static int anchor_order(const void *a, const void *b)
{
	return X509_NAME_cmp(X509_get_subject_name(*(X509 *const *)a), X509_get_subject_name(*(X509 *const *)b));
}

void cert_anchors_sort(struct cert_anchors *anchors)
{
	anchors->before = NULL;
	if (anchors->n > 0)
		qsort(anchors->x, anchors->n, sizeof(*anchors->x), anchor_order);
}

void cert_anchors_clear(struct cert_anchors *anchors)
{
	for (size_t i = 0; i < anchors->n; i++)
		X509_free(anchors->x[i]);
	free(anchors->x);
	*anchors = (struct cert_anchors){.x = NULL};
}

X509 *const *cert_anchors_find(const struct cert_anchors *anchors, const X509_NAME *subject, size_t *n)
{
	size_t low = 0, high = anchors->n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (X509_NAME_cmp(X509_get_subject_name(anchors->x[middle]), subject) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < anchors->n; end++) {
		if (X509_NAME_cmp(X509_get_subject_name(anchors->x[end]), subject) != 0)
			break;
	}
	*n = end - low;
	return *n > 0 ? &anchors->x[low] : NULL;
}
