#include "cert_internal.h"

#include <arpa/inet.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/x509v3.h>
#include <strings.h>

/* RFC 6120 section 13.7.1.2.1: dNSName, SRV-ID, XmppAddr.  The common name never counts (RFC 9525). */

static const uint8_t oid_xmpp_addr[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x05};
static const uint8_t oid_srv_name[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x07};

static struct span string_span(const ASN1_STRING *s)
{
	return (struct span){(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
}

/* One of the two is ours and has no NUL, so strncasecmp() does not stop before a difference. */
static bool same_name(struct span a, struct span b)
{
	return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

static struct span behind(struct span s, size_t n)
{
	return (struct span){s.p + n, s.n - n};
}

/* A wildcard stands for the whole left-most label and for nothing else (RFC 9525 section 6.3), with at least two labels
 * below it.  Elsewhere an asterisk matches nothing: no domain has one. */
static bool dns_matches(struct span pattern, struct span name)
{
	const char *dot;

	if (pattern.n < 2 || memcmp(pattern.p, "*.", 2) != 0)
		return same_name(pattern, name);
	pattern = behind(pattern, 2);
	dot = memchr(name.p, '.', name.n);
	return dot != NULL && memchr(pattern.p, '.', pattern.n) != NULL &&
	       same_name(pattern, behind(name, (size_t)(dot - name.p) + 1));
}

static const struct span service = {"_xmpp-server.", 13};

static bool is_service(struct span value)
{
	return value.n > service.n && same_name((struct span){value.p, service.n}, service);
}

static bool srv_matches(struct span value, struct span name)
{
	return is_service(value) && dns_matches(behind(value, service.n), name);
}

static bool xmpp_addr_matches(struct span value, const struct domain *domain)
{
	struct domain named;

	return domain_parse(&named, value) && domain_eq(&named, domain);
}

/* RFC 5280 section 4.2.1.10; a leading dot, as some CAs write it, wants at least one label more. */
static bool in_subtree(struct span name, struct span base)
{
	if (base.n == 0)
		return true;
	if (base.p[0] != '.' && same_name(name, base))
		return true;
	if (base.p[0] == '.')
		base = behind(base, 1);
	return name.n > base.n && name.p[name.n - base.n - 1] == '.' && same_name(behind(name, name.n - base.n), base);
}

/* How many dNSName subtrees there are, and how many of them hold the name. */
static void count_subtrees(const STACK_OF(GENERAL_SUBTREE) * trees, struct span name, size_t *all, size_t *within)
{
	*all = *within = 0;
	for (size_t i = 0; trees != NULL && i < sk_GENERAL_SUBTREE_num(trees); i++) {
		const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(trees, i)->base;

		if (base->type != GEN_DNS)
			continue;
		++*all;
		*within += in_subtree(name, string_span(base->d.dNSName));
	}
}

/* The verifier applies constraints on dNSName to the dNSNames as they stand: to a wildcard, not to what it stands for,
 * and not to SRV-ID and XmppAddr (RFC 9525 section 7.6), by which a CA confined to one domain could name any other.
 * Here they hold for the domain itself. */
static bool constraints_allow(const struct cert_path *path, struct span name)
{
	for (size_t i = 1; i < path->n; i++) {
		int critical;
		NAME_CONSTRAINTS *nc = X509_get_ext_d2i(path->cert[i], NID_name_constraints, &critical, NULL);
		size_t permitted, permitting, excluded, excluding;

		if (nc == NULL) {
			if (critical != -1) /* present, but not to be read */
				return false;
			continue;
		}
		count_subtrees(nc->permittedSubtrees, name, &permitted, &permitting);
		count_subtrees(nc->excludedSubtrees, name, &excluded, &excluding);
		NAME_CONSTRAINTS_free(nc);
		if (excluding > 0 || (permitted > 0 && permitting == 0))
			return false;
	}
	return true;
}

static bool oid_is(const ASN1_OBJECT *object, const uint8_t *oid, size_t n)
{
	return OBJ_length(object) == n && memcmp(OBJ_get0_data(object), oid, n) == 0;
}

static bool other_matches(const OTHERNAME *other, const struct domain *domain)
{
	const ASN1_TYPE *value = other->value;

	if (oid_is(other->type_id, oid_srv_name, sizeof(oid_srv_name)) && value->type == V_ASN1_IA5STRING)
		return srv_matches(string_span(value->value.ia5string), domain_span(domain));
	if (oid_is(other->type_id, oid_xmpp_addr, sizeof(oid_xmpp_addr)) && value->type == V_ASN1_UTF8STRING)
		return xmpp_addr_matches(string_span(value->value.utf8string), domain);
	return false;
}

static void list_other(const OTHERNAME *other, void (*fn)(void *arg, struct span name), void *arg)
{
	const ASN1_TYPE *value = other->value;
	struct domain named;
	struct span srv;

	if (oid_is(other->type_id, oid_srv_name, sizeof(oid_srv_name)) && value->type == V_ASN1_IA5STRING) {
		srv = string_span(value->value.ia5string);
		if (is_service(srv))
			fn(arg, behind(srv, service.n));
	} else if (oid_is(other->type_id, oid_xmpp_addr, sizeof(oid_xmpp_addr)) && value->type == V_ASN1_UTF8STRING) {
		if (domain_parse(&named, string_span(value->value.utf8string)))
			fn(arg, domain_span(&named));
	}
}

bool cert_names_list(X509 *leaf, void (*fn)(void *arg, struct span name), void *arg)
{
	int critical;
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);

	if (names == NULL)
		return critical == -1; /* absent */
	for (size_t i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			fn(arg, string_span(name->d.dNSName));
		else if (name->type == GEN_OTHERNAME)
			list_other(name->d.otherName, fn, arg);
	}
	GENERAL_NAMES_free(names);
	return true;
}

/* No identifier of RFC 6120 names an address; a dNSName that looks like one must not (RFC 9525 section 6.3). */
static bool is_address(const struct domain *domain)
{
	struct in_addr v4;

	return domain->s[0] == '[' || inet_pton(AF_INET, domain->s, &v4) == 1;
}

enum cert_named cert_names(const struct cert_path *path, const struct domain *domain)
{
	GENERAL_NAMES *names;
	bool match = false;

	if (domain->n == 0 || is_address(domain))
		return CERT_NOT_NAMED;
	names = X509_get_ext_d2i(path->cert[0], NID_subject_alt_name, NULL, NULL);
	for (size_t i = 0; names != NULL && i < sk_GENERAL_NAME_num(names) && !match; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			match = dns_matches(string_span(name->d.dNSName), domain_span(domain));
		else if (name->type == GEN_OTHERNAME)
			match = other_matches(name->d.otherName, domain);
	}
	GENERAL_NAMES_free(names);
	if (!match)
		return CERT_NOT_NAMED;
	return constraints_allow(path, domain_span(domain)) ? CERT_NAMED : CERT_NAMED_IN_VAIN;
}
