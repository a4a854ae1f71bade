/* What one configuration says that another did not, for whoever reloaded it. */
#include "conf_internal.h"

#include <stdlib.h>

struct changes {
	const struct conf *before, *now;
	void (*fn)(void *arg, const char *text);
	void *arg;
};

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_texts(char *const *a, char *const *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!same_text(a[i], b[i]))
			return false;
	}
	return true;
}

static bool same_addresses(const struct addr *a, const struct addr *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!addr_eq(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool same_domains(const struct domain *a, const struct domain *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!domain_eq(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
	return n == 0 || memcmp(a, b, n) == 0;
}

/* Arrays, of which both have n. */
static bool same_list(const struct conf_option *o, const void *a, const void *b, size_t n)
{
	switch ((int)o->type) {
	case CONF_ADDRESSES:
	case CONF_SERVERS:
		return same_addresses(*(struct addr *const *)a, *(struct addr *const *)b, n);
	case CONF_SUBDOMAINS:
		return same_domains(*(struct domain *const *)a, *(struct domain *const *)b, n);
	case CONF_KEYS:
		return same_bytes(*(void *const *)a, *(void *const *)b, n * sizeof(struct conf_key));
	case CONF_SERIAL:
		return same_bytes(*(void *const *)a, *(void *const *)b, n * sizeof(struct conf_serial));
	default:
		return same_texts(*(char **const *)a, *(char **const *)b, n);
	}
}

static bool same_value(const struct conf_option *o, const void *a, const void *b)
{
	const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;

	if (conf_type_is_list(o->type)) {
		size_t n = *(const size_t *)(const void *)((const char *)a + o->offset_n);

		return n == *(const size_t *)(const void *)((const char *)b + o->offset_n) && same_list(o, x, y, n);
	}
	switch ((int)o->type) {
	case CONF_USER:
	case CONF_SECRET:
	case CONF_PATH:
	case CONF_BACKEND:
	case CONF_TEXT:
	case CONF_CIPHERS:
		return same_text(*(char *const *)x, *(char *const *)y);
	case CONF_ADDRESS:
		return addr_eq(x, y);
	case CONF_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONF_DATE:
		return *(const int64_t *)x == *(const int64_t *)y;
	default: /* numbers of 32 bits, and enumerations */
		return *(const uint32_t *)x == *(const uint32_t *)y;
	}
}
_Static_assert(sizeof(enum log_level) == sizeof(uint32_t) && sizeof(enum conf_revocation) == sizeof(uint32_t),
    "enumerations are compared as numbers");

/* The keys of one owner whose values differ, each with a comma before it, into out; false: none do. */
static bool differing(enum conf_owner kind, const void *a, const void *b, char *out, size_t size)
{
	const char *comma = "";
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < conf_options_n && n < size; i++) {
		const struct conf_option *o = &conf_options[i];

		if (o->section->owner != kind || same_value(o, a, b))
			continue;
		n += (size_t)snprintf(out + n, size - n, "%s%s", comma, o->key);
		comma = ", ";
	}
	return n > 0;
}

static void compare_all(const struct changes *c)
{
	for (size_t i = 0; i < conf_options_n; i++) {
		const struct conf_option *o = &conf_options[i];
		char text[128];

		if (o->section->owner != CONF_OF_ALL || same_value(o, c->before, c->now))
			continue;
		(void)snprintf(text, sizeof(text), "%s in [%s]", o->key, o->section->name);
		c->fn(c->arg, text);
	}
}

/* --- sections of which there are several --- */

struct kind {
	enum conf_owner owner;
	size_t (*count)(const struct conf *conf);
	const void *(*at)(const struct conf *conf, size_t i);
	bool (*same)(const void *a, const void *b); /* by name */
	const char *(*title)(const void *one, char *out, size_t size);
};

static size_t hosts(const struct conf *conf)
{
	return conf->hosts_n;
}

static const void *host_at(const struct conf *conf, size_t i)
{
	return &conf->hosts[i];
}

static bool same_host(const void *a, const void *b)
{
	return domain_eq(&((const struct conf_host *)a)->domain, &((const struct conf_host *)b)->domain);
}

static const char *host_title(const void *one, char *out, size_t size)
{
	(void)snprintf(out, size, "[host %s]", ((const struct conf_host *)one)->domain.s);
	return out;
}

static size_t backends(const struct conf *conf)
{
	return conf->backends_n;
}

static const void *backend_at(const struct conf *conf, size_t i)
{
	return &conf->backends[i];
}

static bool same_backend(const void *a, const void *b)
{
	return strcmp(((const struct conf_backend *)a)->name, ((const struct conf_backend *)b)->name) == 0;
}

static const char *backend_title(const void *one, char *out, size_t size)
{
	(void)snprintf(out, size, "[backend %s]", ((const struct conf_backend *)one)->name);
	return out;
}

static size_t peers(const struct conf *conf)
{
	return conf->peers_n;
}

static const void *peer_at(const struct conf *conf, size_t i)
{
	return &conf->peers[i];
}

static bool same_peer(const void *a, const void *b)
{
	const struct conf_peer *x = a, *y = b;

	return x->below == y->below && domain_eq(&x->domain, &y->domain);
}

static const char *peer_title(const void *one, char *out, size_t size)
{
	char title[CONF_PEER_TITLE_MAX];

	(void)snprintf(out, size, "%s", conf_peer_title(one, title));
	return out;
}

static const struct kind kinds[] = {
    {CONF_OF_BACKEND, backends, backend_at, same_backend, backend_title},
    {CONF_OF_HOST, hosts, host_at, same_host, host_title},
    {CONF_OF_PEER, peers, peer_at, same_peer, peer_title},
};

/* Sections mostly stand in the same order as before, so the search goes on behind the last find. */
static const void *find(const struct kind *k, const struct conf *conf, const void *one, size_t *last)
{
	size_t n = k->count(conf);

	for (size_t i = 0; i < n; i++) {
		size_t at = (*last + i) % n;

		if (k->same(k->at(conf, at), one)) {
			*last = at + 1;
			return k->at(conf, at);
		}
	}
	return NULL;
}

static void compare_section(const struct changes *c, const struct kind *k, const void *was, const void *is)
{
	char keys[512], title[CONF_PEER_TITLE_MAX + 16], text[1024];
	bool wildcard = k->owner == CONF_OF_HOST &&
	                ((const struct conf_host *)was)->wildcard != ((const struct conf_host *)is)->wildcard;

	if (!differing(k->owner, was, is, keys, sizeof(keys)) && !wildcard)
		return;
	(void)snprintf(
	    text, sizeof(text), "%s in %s", keys[0] != '\0' ? keys : "subdomains", k->title(is, title, sizeof(title)));
	c->fn(c->arg, text);
}

static void compare_sections(const struct changes *c, const struct kind *k)
{
	char title[CONF_PEER_TITLE_MAX + 16], text[CONF_PEER_TITLE_MAX + 32];
	size_t last = 0;

	for (size_t i = 0; i < k->count(c->now); i++) {
		const void *is = k->at(c->now, i), *was = find(k, c->before, is, &last);

		if (was != NULL) {
			compare_section(c, k, was, is);
			continue;
		}
		(void)snprintf(text, sizeof(text), "%s is new", k->title(is, title, sizeof(title)));
		c->fn(c->arg, text);
	}
	last = 0;
	for (size_t i = 0; i < k->count(c->before); i++) {
		const void *was = k->at(c->before, i);

		if (find(k, c->now, was, &last) != NULL)
			continue;
		(void)snprintf(text, sizeof(text), "%s is gone", k->title(was, title, sizeof(title)));
		c->fn(c->arg, text);
	}
}

void conf_changes(const struct conf *before, const struct conf *now, void (*fn)(void *arg, const char *text), void *arg)
{
	struct changes c = {before, now, fn, arg};

	compare_all(&c);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		compare_sections(&c, &kinds[i]);
}
