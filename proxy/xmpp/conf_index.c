#include "conf_internal.h"

#include <stdlib.h>
#include <openssl/rand.h>
#include <openssl/siphash.h>

/* Open addressing, at most half full.  Names from the network are looked up here, so where they fall must be no secret
 * that a stranger can guess: the hash is keyed. */
struct slot {
	const struct domain *domain; /* NULL: free */
	const struct conf_host *host;
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

const struct conf_host *conf_index_add(
    struct conf_index *index, const struct domain *domain, const struct conf_host *host)
{
	struct slot *slot = &index->slots[slot_of(index, domain_span(domain))];

	if (slot->domain != NULL)
		return slot->host;
	*slot = (struct slot){domain, host};
	return NULL;
}

const struct conf_host *conf_host_find(const struct conf *conf, const struct domain *domain)
{
	struct span name = domain_span(domain);
	const struct slot *slot;
	const char *dot;

	if (conf->index == NULL)
		return NULL;
	slot = &conf->index->slots[slot_of(conf->index, name)];
	if (slot->domain != NULL)
		return slot->host;
	dot = memchr(name.p, '.', name.n);
	if (dot == NULL)
		return NULL;
	name.n -= (size_t)(dot + 1 - name.p);
	name.p = dot + 1;
	slot = &conf->index->slots[slot_of(conf->index, name)];
	/* The wildcard stands below the host's own domain, not below its other ones. */
	if (slot->domain != NULL && slot->host->wildcard && slot->domain == &slot->host->domain)
		return slot->host;
	return NULL;
}
