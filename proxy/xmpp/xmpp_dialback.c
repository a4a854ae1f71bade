#include "xmpp_internal.h"

#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>

#define TYPE_MAX 7

/* False: a type that XEP-0220 does not know. */
static bool db_type(enum xmpp_db_type *out, const struct xml_attr *attr)
{
	char type[TYPE_MAX + 1];

	*out = XMPP_DB_REQUEST;
	if (attr->value.p == NULL)
		return true;
	if (!xmpp_value(type, sizeof(type), attr->value))
		return false;
	if (strcmp(type, "valid") == 0)
		*out = XMPP_DB_VALID;
	else if (strcmp(type, "invalid") == 0)
		*out = XMPP_DB_INVALID;
	else if (strcmp(type, "error") == 0)
		*out = XMPP_DB_ERROR;
	else
		return false;
	return true;
}

void xmpp_db_read(struct xmpp_db *db, const struct xml *x, const struct xml_ev *ev)
{
	struct xml_tree t;
	bool good;

	*db = (struct xmpp_db){0};
	if (!xml_tree_parse(&t, x, ev))
		return;
	good = db_type(&db->type, &ev->type);
	good &= xmpp_address(&db->pair.from, &ev->from) == XMPP_ADDRESS_GOOD;
	good &= xmpp_address(&db->pair.to, &ev->to) == XMPP_ADDRESS_GOOD;
	good &= xmpp_value(db->id, sizeof(db->id), ev->id.value);
	if (db->type == XMPP_DB_REQUEST)
		good &= xmpp_node_text(db->key, sizeof(db->key), &t.node[0]) && db->key[0] != '\0';
	else if (db->type == XMPP_DB_ERROR)
		xmpp_error_child(&db->error, &t);
	if (xmpp_kind(ev) == XMPP_DB_VERIFY)
		good &= db->id[0] != '\0';
	db->good = good;
}

bool xmpp_put_db_result(struct buf *b, const struct pair *pair, const char *key, const char *type)
{
	char from[DOMAIN_U_MAX], to[DOMAIN_U_MAX];
	bool answer = type != NULL;

	return PUT(b, LIT("<db:result from='"), TEXT(domain_to_unicode(&pair->from, from)), LIT("' to='"),
	    TEXT(domain_to_unicode(&pair->to, to)), IF(answer, LIT("' type='")), RAW(span_of(type)),
	    IF(answer, LIT("'/>")), IF(!answer, LIT("'>")), IF(!answer, TEXT(span_of(key))),
	    IF(!answer, LIT("</db:result>")));
}

bool xmpp_put_db_verify(struct buf *b, const struct pair *pair, const char *id, const char *key, const char *type)
{
	char from[DOMAIN_U_MAX], to[DOMAIN_U_MAX];
	bool answer = type != NULL;

	/* An answer may have to go out in public, where our header does not declare the prefix. */
	return PUT(b, LIT("<db:verify"), IF(answer, LIT(" xmlns:db='" NS_DIALBACK "'")), LIT(" from='"),
	    TEXT(domain_to_unicode(&pair->from, from)), LIT("' to='"), TEXT(domain_to_unicode(&pair->to, to)),
	    LIT("' id='"), TEXT(span_of(id)), IF(answer, LIT("' type='")), RAW(span_of(type)), IF(answer, LIT("'/>")),
	    IF(!answer, LIT("'>")), IF(!answer, TEXT(span_of(key))), IF(!answer, LIT("</db:verify>")));
}

static void to_hex(char *out, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

void xmpp_dialback_secret(struct xmpp_dialback_secret *s, struct span secret)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)secret.p, secret.n, hash);
	to_hex(s->hex, hash, sizeof(hash));
	OPENSSL_cleanse(hash, sizeof(hash));
}

void xmpp_dialback_key(char out[XMPP_DIALBACK_KEY_LEN + 1], const struct xmpp_dialback_secret *s,
    const struct domain *receiving, const struct domain *originating, const char *stream_id)
{
	char text[2 * (DOMAIN_MAX + 1) + XMPP_ID_MAX + 1];
	uint8_t mac[SHA256_DIGEST_LENGTH];
	unsigned n = 0;
	int len = snprintf(text, sizeof(text), "%s %s %s", receiving->s, originating->s, stream_id);

	ENSURE(len >= 0 && (size_t)len < sizeof(text));
	out[0] = '\0';
	if (HMAC(EVP_sha256(), s->hex, sizeof(s->hex), (const uint8_t *)text, (size_t)len, mac, &n) == NULL)
		return;
	to_hex(out, mac, sizeof(mac));
	out[XMPP_DIALBACK_KEY_LEN] = '\0';
}

bool xmpp_dialback_check(const struct xmpp_dialback_secret *s, const struct domain *receiving,
    const struct domain *originating, const char *stream_id, const char *key)
{
	char ours[XMPP_DIALBACK_KEY_LEN + 1];

	if (strlen(key) != XMPP_DIALBACK_KEY_LEN)
		return false;
	xmpp_dialback_key(ours, s, receiving, originating, stream_id);
	if (ours[0] == '\0')
		return false;
	return CRYPTO_memcmp(ours, key, XMPP_DIALBACK_KEY_LEN) == 0;
}

void xmpp_new_id(char out[XMPP_NEW_ID_LEN + 1])
{
	uint8_t bytes[XMPP_NEW_ID_LEN / 2];

	RAND_bytes(bytes, sizeof(bytes));
	to_hex(out, bytes, sizeof(bytes));
	out[XMPP_NEW_ID_LEN] = '\0';
}
