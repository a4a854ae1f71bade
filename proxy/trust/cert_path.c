#include "cert_internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* BoringSSL's verifier judges one chain and never goes back to try another issuer of the same name (cross-signed roots,
 * an expired certificate beside its successor).  So the ways are enumerated here, and each that reaches an anchor is
 * given to the verifier with exactly its certificates.  Nothing is trusted that the verifier did not accept. */

/* A hostile peer chooses what we search among. */
#define TRIES_MAX 8
#define STEPS_MAX 256

struct search {
	const struct cert_rules *rules;
	const struct cert_peer *peer;
	unsigned tries, steps;
	size_t limit;          /* how long a way is looked for at the moment */
	struct cert_path path; /* under way */
	const char *unfit; /* why an issuer of the right name, met above unfit_n certificates, was no use; NULL: none */
	enum reason unfit_why;
	size_t unfit_n;
	struct cert_found *found;
};

/* Extended key usage is absent or has serverAuth; anyExtendedKeyUsage does not count. */
static bool serves(X509 *x)
{
	return (X509_get_extension_flags(x) & EXFLAG_XKUSAGE) == 0 ||
	       (X509_get_extended_key_usage(x) & XKU_SSL_SERVER) != 0;
}

/* BoringSSL has one error for both kinds of usage. */
static bool wrong_key_usage(int error, X509 *x)
{
	return error == X509_V_ERR_INVALID_PURPOSE && x != NULL && serves(x);
}

static const char *cause_of(int error, X509 *x)
{
	if (wrong_key_usage(error, x))
		return CERT_NO_SIGNING;
	if (error == X509_V_ERR_PERMITTED_VIOLATION || error == X509_V_ERR_EXCLUDED_VIOLATION)
		return CERT_OUTSIDE;
	return X509_verify_cert_error_string(error);
}

static enum reason reason_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return REASON_NONE;
	case X509_V_ERR_OUT_OF_MEM:
		return REASON_NO_MEMORY;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return REASON_CERT_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return REASON_CERT_NOT_YET_VALID;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return REASON_CERT_SELF_SIGNED;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
		return REASON_CERT_UNKNOWN_CA;
	case X509_V_ERR_CERT_REVOKED:
		return REASON_CERT_REVOKED;
	case X509_V_ERR_INVALID_PURPOSE:
		return REASON_CERT_PURPOSE;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
	case X509_V_ERR_SUBTREE_MINMAX:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
	case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
	case X509_V_ERR_NAME_CONSTRAINTS_WITHOUT_SANS:
		return REASON_CERT_CONSTRAINT;
	default:
		return REASON_CERT_INVALID;
	}
}

/* s->path ends without an anchor. */
static void found_set(struct search *s, enum reason why, const char *cause)
{
	*s->found = (struct cert_found){.why = why, .depth = s->path.n - 1, .cause = cause, .path = s->path};
}

static size_t path_index(const struct cert_path *path, const X509 *x)
{
	for (size_t i = 0; i < path->n; i++) {
		if (path->cert[i] == x)
			return i;
	}
	return 0;
}

/* X509_STORE_CTX_set_purpose() would be ignored without a word once a purpose is set; the parameters are not. */
static void set_rules(X509_STORE_CTX *ctx, int64_t now, bool client)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	ENSURE(X509_VERIFY_PARAM_set_purpose(param, client ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER));
	ENSURE(X509_VERIFY_PARAM_set_trust(param, client ? X509_TRUST_SSL_CLIENT : X509_TRUST_SSL_SERVER));
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	/* An anchor need not be self-signed: whatever the operator put there is one. */
	ENSURE(X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN));
}

/* BoringSSL's verdict on s->path, the last of which is the anchor, as a server's or a client's. */
static int path_ask(const struct search *s, bool client, X509 **at)
{
	const struct cert_path *path = &s->path;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *middle = sk_X509_new_null();
	int error = X509_V_ERR_OUT_OF_MEM;

	*at = NULL;
	if (store == NULL || ctx == NULL || middle == NULL || !X509_STORE_add_cert(store, path->cert[path->n - 1]))
		goto out;
	for (size_t i = 1; i + 1 < path->n; i++) {
		if (!sk_X509_push(middle, path->cert[i]))
			goto out;
	}
	if (!X509_STORE_CTX_init(ctx, store, path->cert[0], middle))
		goto out;
	set_rules(ctx, s->rules->now, client);
	if (X509_verify_cert(ctx) == 1) {
		error = X509_V_OK;
	} else {
		error = X509_STORE_CTX_get_error(ctx);
		*at = X509_STORE_CTX_get_current_cert(ctx);
		if (error == X509_V_OK)
			error = X509_V_ERR_UNSPECIFIED;
	}
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(middle);
	return error;
}

/* The same, if need be. */
static int path_verify(const struct search *s, bool client, X509 **at)
{
	struct cert_proven *proven = s->rules->store->proven;
	int error;

	if (cert_proven_find(proven, &s->path, client, s->rules->now))
		return X509_V_OK;
	error = path_ask(s, client, at);
	if (error == X509_V_OK)
		cert_proven_add(proven, &s->path, client);
	return error;
}

/* The verifier takes an anchor's right to issue for granted.  A certificate that was added to the anchors to trust one
 * server must not issue for others. */
static bool anchor_may_issue(const struct cert_path *path)
{
	return path->n == 1 || X509_check_ca(path->cert[path->n - 1]) != 0;
}

/* A row may let certificates for clients alone count, under its own anchors. */
static bool serves_as_client(const struct search *s, bool own, int error)
{
	const struct conf_peer *row = s->rules->row;
	X509 *at;

	return error == X509_V_ERR_INVALID_PURPOSE && own && row->client_auth && path_verify(s, true, &at) == X509_V_OK;
}

/* What is to be said of s->path, which has reached an anchor; own: one of the row's. */
static void path_judge(const struct search *s, bool own, struct cert_found *found)
{
	const char *weak = NULL;
	size_t i;
	X509 *at;
	int error;

	*found = (struct cert_found){.anchored = true, .path = s->path};
	for (i = 0; i < s->path.n && weak == NULL; i++)
		weak = cert_weakness(s->path.cert[i], i + 1 == s->path.n);
	if (weak != NULL) {
		found->why = REASON_CERT_WEAK;
		found->depth = i - 1;
		found->cause = weak;
		return;
	}
	if (!anchor_may_issue(&s->path)) {
		found->why = REASON_CERT_CONSTRAINT;
		found->depth = s->path.n - 1;
		found->cause = "trust anchor is not a CA";
		return;
	}
	error = path_verify(s, false, &at);
	found->sound = error == X509_V_OK || serves_as_client(s, own, error);
	if (found->sound) {
		cert_allow(s->rules, found);
		return;
	}
	found->why = reason_of(error);
	found->depth = path_index(&s->path, at);
	found->cause = cause_of(error, at);
}

/* The first finding stays unless a later way is in order, or at least sound. */
static bool path_try(struct search *s, bool own)
{
	struct cert_found found;

	s->tries++;
	path_judge(s, own, &found);
	if (!s->found->anchored || found.why == REASON_NONE || (found.sound && !s->found->sound))
		*s->found = found;
	return found.why == REASON_NONE;
}

static bool in_path(const struct cert_path *path, const X509 *x)
{
	for (size_t i = 0; i < path->n; i++) {
		if (X509_cmp(path->cert[i], x) == 0)
			return true;
	}
	return false;
}

/* No anchor above: what is to be said if none is found at all.  The longest way explains most. */
static void dead_end(struct search *s)
{
	uint32_t self_issued = X509_get_extension_flags(s->path.cert[s->path.n - 1]) & EXFLAG_SI;
	bool leaf = s->path.n == 1;

	if (s->found->anchored || s->found->path.n > s->path.n)
		return;
	if (s->unfit != NULL && s->unfit_n == s->path.n)
		found_set(s, s->unfit_why, s->unfit);
	else if (self_issued == 0)
		found_set(s, leaf ? REASON_CERT_INCOMPLETE : REASON_CERT_UNKNOWN_CA,
		    "issuer is neither an anchor nor sent along");
	else if (leaf)
		found_set(s, REASON_CERT_SELF_SIGNED, "self-signed and no anchor");
	else
		found_set(s, REASON_CERT_UNKNOWN_CA, "root is no anchor");
}

static void note_unfit(struct search *s, enum reason why, const char *cause)
{
	s->unfit = cause;
	s->unfit_why = why;
	s->unfit_n = s->path.n;
}

/* True if issuer, going by names and key identifiers, issued the path's top.  What speaks against one of the right name
 * is noted: the peer should hear of that rather than of a missing issuer. */
static bool may_have_issued(struct search *s, X509 *issuer)
{
	int issued = X509_check_issued(issuer, s->path.cert[s->path.n - 1]);

	if (issued == X509_V_ERR_KEYUSAGE_NO_CERTSIGN)
		note_unfit(s, REASON_CERT_CONSTRAINT, "key usage of the issuer is not for certificates");
	else if (issued == X509_V_ERR_UNSPECIFIED)
		note_unfit(s, REASON_CERT_INVALID, "broken extension here or in the issuer");
	return issued == X509_V_OK;
}

/* Those among some anchors that could have issued the path's top. */
static bool search_among(struct search *s, const struct cert_anchors *anchors, bool own)
{
	X509 *top = s->path.cert[s->path.n - 1];
	bool done = false;
	size_t n;
	X509 *const *anchor = cert_anchors_find(anchors, X509_get_issuer_name(top), &n);

	for (size_t i = 0; i < n && s->tries < TRIES_MAX && !done; i++) {
		if (!may_have_issued(s, anchor[i]))
			continue;
		s->path.cert[s->path.n++] = anchor[i];
		done = path_try(s, own);
		s->path.n--;
	}
	return done;
}

static bool search_anchors(struct search *s)
{
	const struct cert_rules *r = s->rules;

	return (r->own != NULL && search_among(s, r->own, true)) ||
	       (r->general != NULL && search_among(s, r->general, false));
}

static bool search_up(struct search *s);

/* Through the peer's certificates that could have issued the path's top. */
static bool search_peer(struct search *s)
{
	bool done = false;

	for (size_t i = 1; i < s->peer->n && s->tries < TRIES_MAX && !done; i++) {
		X509 *issuer = s->peer->cert[i];

		if (in_path(&s->path, issuer) || !may_have_issued(s, issuer))
			continue;
		s->path.cert[s->path.n++] = issuer;
		done = search_up(s);
		s->path.n--;
	}
	return done;
}

/* True: a way of s->limit certificates was found that is in order. */
static bool search_up(struct search *s)
{
	bool done;

	if (s->steps++ >= STEPS_MAX)
		return false;
	done = s->path.n + 1 == s->limit ? search_anchors(s) : search_peer(s);
	if (!done)
		dead_end(s);
	return done;
}

/* A leaf that is itself an anchor: one server's certificate. */
static bool search_leaf(struct search *s, const struct cert_anchors *anchors, bool own)
{
	size_t n;
	X509 *const *anchor = cert_anchors_find(anchors, X509_get_subject_name(s->peer->cert[0]), &n);

	for (size_t i = 0; i < n; i++) {
		if (X509_cmp(anchor[i], s->peer->cert[0]) == 0)
			return path_try(s, own);
	}
	return false;
}

void cert_path_find(const struct cert_rules *rules, const struct cert_peer *peer, struct cert_found *found)
{
	struct search s = {.rules = rules, .peer = peer, .found = found};
	bool done;

	*found = (struct cert_found){.why = REASON_CERT_INVALID, .cause = "no path"};
	s.path.cert[s.path.n++] = peer->cert[0];
	done = (rules->own != NULL && search_leaf(&s, rules->own, true)) ||
	       (rules->general != NULL && search_leaf(&s, rules->general, false));
	/* Short ways first: among many certificates of one name the long ones would use up the tries. */
	for (s.limit = 2; s.limit <= CERT_PATH_MAX && !done; s.limit++)
		done = search_up(&s);
	ERR_clear_error();
}
