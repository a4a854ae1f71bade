/* Judges a chain of whatever bytes.  Input: 'p' (the leaf is an anchor) or 'c' (it is not, and nothing else is), the
 * domain, a line feed, then certificates in DER one behind the other.
 *
 * Only what is pinned may be trusted, and only for a name that its bytes hold; what we say must be printable. */
#include "sallyport/cert.h"

#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW INT64_C(1782000000)

/* A trust anchor that issued nothing of the input. */
static const char stranger[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBOTCB4KADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCFN0cmFuZ2Vy\n"
                               "MCAXDTI2MDEzMDAwMDAwMFoYDzIwOTYxMDAyMDcwNjQwWjATMREwDwYDVQQDDAhT\n"
                               "dHJhbmdlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJGUMd6HEN6WL5bd3ITg\n"
                               "rzTnwNrBaRigT1IoD4XIu1Ag1y+fCdoCmcCYAQQm1OWljeMTVxjAbTUC56jZg/Gy\n"
                               "ze6jIzAhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49\n"
                               "BAMCA0gAMEUCICamlTiAKcWERvFhnLnUB+S0mCkFuEYeQFADL0/oHHGSAiEAqcV3\n"
                               "5Gpi3geRe2WOnaMOeSlRA1hpdLbSFhQFuJvl8GE=\n"
                               "-----END CERTIFICATE-----\n";

struct text {
	char *p;
	size_t n;
};

static void put_pem(struct text *t, const uint8_t *der, size_t n)
{
	static const char head[] = "-----BEGIN CERTIFICATE-----\n", foot[] = "\n-----END CERTIFICATE-----\n";
	uint8_t *line = malloc(n * 4 / 3 + 8);
	size_t written = EVP_EncodeBlock(line, der, n);

	t->p = realloc(t->p, t->n + written + written / 64 + sizeof(head) + sizeof(foot));
	memcpy(t->p + t->n, head, sizeof(head) - 1);
	t->n += sizeof(head) - 1;
	for (size_t i = 0; i < written; i++) {
		if (i > 0 && i % 64 == 0)
			t->p[t->n++] = '\n';
		t->p[t->n++] = (char)line[i];
	}
	memcpy(t->p + t->n, foot, sizeof(foot) - 1);
	t->n += sizeof(foot) - 1;
	free(line);
}

static void fail(const char *what, const struct cert_verdict *v)
{
	fprintf(stderr, "%s: %s \"%s\" \"%s\"\n", what, reason_row(v->why)->code, v->peer_text, v->detail);
	abort();
}

static void check_printable(const char *text, size_t n, const struct cert_verdict *v)
{
	size_t length = strnlen(text, n);

	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			fail("not printable", v);
	}
	if (length == n)
		fail("not terminated", v);
}

/* The domain, or what stands behind its first label, in any case. */
static bool holds_name(const uint8_t *der, size_t n, const struct domain *domain)
{
	const char *dot = memchr(domain->s, '.', domain->n);
	const char *base = dot != NULL ? dot + 1 : domain->s;
	size_t base_n = strlen(base);

	for (size_t i = 0; i + base_n <= n; i++) {
		if (strncasecmp((const char *)der + i, base, base_n) == 0)
			return true;
	}
	return false;
}

static void judge(const struct text *anchors, const struct text *shown, const struct domain *domain, bool pinned,
    const uint8_t *leaf, size_t leaf_n)
{
	char err[256];
	struct cert_store *store = cert_store_from_pem((struct span){anchors->p, anchors->n}, err, sizeof(err));
	struct cert_chain *chain = cert_chain_from_pem((struct span){shown->p, shown->n});
	struct cert_verdict v;

	if (store != NULL && chain != NULL) {
		cert_judge(store, chain, domain, NULL, NOW, &v);
		check_printable(v.peer_text, sizeof(v.peer_text), &v);
		check_printable(v.detail, sizeof(v.detail), &v);
		if (v.why == REASON_NONE && !pinned)
			fail("trusted out of nothing", &v);
		if (v.why == REASON_NONE && strstr(domain->s, "xn--") == NULL && !holds_name(leaf, leaf_n, domain))
			fail("name is not there", &v);
	}
	cert_chain_free(chain);
	cert_store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *end = n > 1 ? memchr(data, '\n', n) : NULL, *leaf = NULL;
	struct text anchors = {NULL, 0}, shown = {NULL, 0};
	struct domain domain;
	size_t leaf_n = 0;
	CBS rest, element;

	if (end == NULL || !domain_parse(&domain, (struct span){(const char *)data + 1, (size_t)(end - data) - 1}))
		return 0;
	CBS_init(&rest, end + 1, n - (size_t)(end - data) - 1);
	while (CBS_get_any_asn1_element(&rest, &element, NULL, NULL)) {
		if (leaf == NULL) {
			leaf = CBS_data(&element);
			leaf_n = CBS_len(&element);
		}
		put_pem(&shown, CBS_data(&element), CBS_len(&element));
	}
	anchors.p = strdup(stranger);
	anchors.n = sizeof(stranger) - 1;
	if (leaf != NULL && data[0] == 'p')
		put_pem(&anchors, leaf, leaf_n);
	judge(&anchors, &shown, &domain, data[0] == 'p', leaf, leaf_n);
	free(anchors.p);
	free(shown.p);
	return 0;
}
