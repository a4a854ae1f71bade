#include "cert_internal.h"

#include <openssl/err.h>
#include <stdio.h>

/* Unix seconds; 0: cannot be read. */
int64_t cert_time(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (epoch != NULL)
		(void)ASN1_TIME_diff(&days, &seconds, epoch, t);
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

/* The last second at which the finding stands. */
static int64_t found_expires(const struct cert_found *found)
{
	const struct cert_path *path = &found->path;
	int64_t first = found->until > 0 ? found->until : INT64_MAX;

	for (size_t i = 0; i < path->n; i++) {
		int64_t until = cert_time(X509_get0_notAfter(path->cert[i]));

		if (until < first)
			first = until;
	}
	return first;
}

/* False: the leaf cannot be read. */
static bool peer_parse(struct cert_peer *peer, const struct cert_chain *chain)
{
	peer->n = 0;
	for (size_t i = 0; i < chain->n; i++) {
		X509 *x = X509_parse_from_buffer(chain->der[i]);

		if (x != NULL)
			peer->cert[peer->n++] = x;
		else if (i == 0)
			return false;
	}
	return chain->n > 0;
}

static void peer_free(struct cert_peer *peer)
{
	for (size_t i = 0; i < peer->n; i++)
		X509_free(peer->cert[i]);
	ERR_clear_error();
}

static void refuse(struct cert_verdict *verdict, enum reason why, const char *detail)
{
	verdict->why = why;
	(void)snprintf(verdict->peer_text, sizeof(verdict->peer_text), "%s", reason_row(why)->peer_text);
	(void)snprintf(verdict->detail, sizeof(verdict->detail), "%s", detail);
}

static void judge_name(struct cert_found *found, enum cert_named named)
{
	found->depth = 0;
	if (named == CERT_NOT_NAMED) {
		found->why = REASON_CERT_NAME;
		found->cause = "the domain is not named";
	} else if (named == CERT_NAMED_IN_VAIN) {
		found->why = REASON_CERT_CONSTRAINT;
		found->cause = CERT_OUTSIDE;
	}
}

static void judge_peer(const struct cert_rules *rules, const struct cert_peer *peer, const struct domain *domain,
    struct cert_verdict *verdict)
{
	struct cert_found found;
	enum cert_named named;

	cert_path_find(rules, peer, &found);
	named = domain == NULL ? CERT_NAMED : cert_names(&found.path, domain);
	if (found.why == REASON_NONE)
		judge_name(&found, named);
	verdict->why = found.why;
	verdict->depth = found.why == REASON_NONE ? -1 : (int)found.depth;
	if (verdict->why == REASON_NONE)
		verdict->expires = found_expires(&found);
	cert_text(verdict, &found, domain, named == CERT_NOT_NAMED, rules->now);
}

static struct cert_rules rules_of(const struct cert_store *store, const struct conf_peer *row, int64_t now)
{
	struct cert_rules rules = {.store = store, .row = row, .general = &store->anchors, .now = now};

	if (row != NULL && row->anchors_n > 0)
		rules.own = cert_store_peer(store, row);
	if (row != NULL && row->exclusive)
		rules.general = NULL;
	return rules;
}

void cert_judge(const struct cert_store *store, const struct cert_chain *chain, const struct domain *domain,
    const struct conf_peer *row, int64_t now, struct cert_verdict *verdict)
{
	struct cert_rules rules = rules_of(store, row, now);
	struct cert_peer peer;

	ENSURE(!store->retired);
	*verdict = (struct cert_verdict){.why = REASON_NONE, .depth = -1};
	if (chain == NULL) {
		refuse(verdict, REASON_CERT_NONE, "no certificate shown");
		return;
	}
	if (peer_parse(&peer, chain))
		judge_peer(&rules, &peer, domain, verdict);
	else
		refuse(verdict, REASON_CERT_INVALID, "the certificate cannot be read");
	peer_free(&peer);
}

_Static_assert(CERT_LABELS_MAX == CERT_PATH_MAX, "a way that does not fit");

static void label(struct cert_label *out, X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	const uint8_t *octets = ASN1_STRING_get0_data(serial);
	size_t n = (size_t)ASN1_STRING_length(serial);

	(void)cert_key_text(x, out->key);
	out->serial[0] = '\0';
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || 2 * n >= sizeof(out->serial))
		return;
	for (size_t i = 0; i < n; i++)
		(void)snprintf(out->serial + 2 * i, 3, "%02x", octets[i]);
}

size_t cert_labels(const struct cert_store *store, const struct cert_chain *chain, int64_t now,
    struct cert_label out[static CERT_LABELS_MAX])
{
	struct cert_rules rules = rules_of(store, NULL, now);
	struct cert_found found = {.path.n = 0};
	struct cert_peer peer;

	if (peer_parse(&peer, chain)) {
		cert_path_find(&rules, &peer, &found);
		for (size_t i = 0; i < found.path.n; i++)
			label(&out[i], found.path.cert[i]);
	}
	peer_free(&peer);
	return found.path.n;
}
