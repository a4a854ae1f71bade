#include "conf_internal.h"

#include <stdlib.h>
#include <openssl/rand.h>
#include <openssl/siphash.h>

/* Open addressing, at most half full.  Names from the network are looked up here, so where they fall must be no secret
 * that a stranger can guess: the hash is keyed. */
struct slot {
	const struct domain *domain; /* NULL: free */
	const void *value;
};

struct conf_index {
	uint64_t key[2];
	size_t mask;
	struct slot slots[];
};

struct conf_index *conf_index_new(size_t domains)
{
	struct conf_index *index;
	size_t slots = 2;

	while (slots < domains * 2)
		slots *= 2;
	index = calloc(1, sizeof(*index) + slots * sizeof(struct slot));
	if (index == NULL)
		return NULL;
	RAND_bytes((uint8_t *)index->key, sizeof(index->key));
	index->mask = slots - 1;
	return index;
}

void conf_index_free(struct conf_index *index)
{
	free(index);
}

/* The slot of the domain, or the free one where it would go. */
static size_t slot_of(const struct conf_index *index, struct span domain)
{
	size_t i = SIPHASH_24(index->key, (const uint8_t *)domain.p, domain.n) & index->mask;

	while (index->slots[i].domain != NULL && !span_eq(domain_span(index->slots[i].domain), domain))
		i = (i + 1) & index->mask;
	return i;
}

const void *conf_index_add(struct conf_index *index, const struct domain *domain, const void *value)
{
	struct slot *slot = &index->slots[slot_of(index, domain_span(domain))];

	if (slot->domain != NULL)
		return slot->value;
	*slot = (struct slot){domain, value};
	return NULL;
}

const void *conf_index_find(const struct conf_index *index, struct span domain)
{
	return index->slots[slot_of(index, domain)].value;
}

/* What stands behind the next dot.  False: there is none. */
static bool parent_of(struct span *name)
{
	const char *dot = memchr(name->p, '.', name->n);

	if (dot == NULL)
		return false;
	name->n -= (size_t)(dot + 1 - name->p);
	name->p = dot + 1;
	return true;
}

const struct conf_host *conf_host_find(const struct conf *conf, const struct domain *domain)
{
	struct span name = domain_span(domain);
	const struct conf_host *host;

	if (conf->host_index == NULL)
		return NULL;
	host = conf_index_find(conf->host_index, name);
	if (host != NULL || !parent_of(&name))
		return host;
	host = conf_index_find(conf->host_index, name);
	/* The wildcard stands below the host's own domain, not below its other ones. */
	return host != NULL && host->wildcard && span_eq(domain_span(&host->domain), name) ? host : NULL;
}

static bool counts(const struct conf_peer *row, int64_t now)
{
	return row != NULL && (row->expires == 0 || now < row->expires);
}

const struct conf_peer *conf_peer_find(const struct conf *conf, const struct domain *domain, int64_t now)
{
	struct span name = domain_span(domain);
	const struct conf_peer *row;

	if (conf->peers_n == 0)
		return NULL;
	row = conf_index_find(conf->peer_index, name);
	while (!counts(row, now) && parent_of(&name))
		row = conf_index_find(conf->below_index, name);
	if (!counts(row, now))
		row = conf->peer_any;
	return counts(row, now) ? row : NULL;
}
