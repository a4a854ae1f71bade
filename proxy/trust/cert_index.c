#include "cert_ring_internal.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct cert_index *cert_index_new(size_t entries)
{
	struct cert_index *index = calloc(1, sizeof(*index));

	if (index == NULL)
		return NULL;
	atomic_init(&index->refs, 1);
	index->entry = calloc(entries > 0 ? entries : 1, sizeof(*index->entry));
	if (index->entry != NULL)
		return index;
	cert_index_unref(index);
	return NULL;
}

struct cert_index *cert_index_ref(struct cert_index *index)
{
	atomic_fetch_add(&index->refs, 1);
	return index;
}

void cert_index_unref(struct cert_index *index)
{
	if (index == NULL || atomic_fetch_sub(&index->refs, 1) != 1)
		return;
	for (size_t i = 0; i < index->n; i++)
		cert_pair_unref(index->entry[i].pair);
	free(index->entry);
	free(index->name);
	free(index);
}

void cert_hosts_clear(struct cert_hosts *hosts)
{
	free(hosts->own);
	free(hosts->own_at);
	*hosts = (struct cert_hosts){NULL, NULL};
}

int cert_files_order(const char *a, const char *a_key, const char *b, const char *b_key)
{
	int order = strcmp(a, b);

	return order != 0 ? order : strcmp(a_key, b_key);
}

size_t cert_index_bound(const struct cert_index *index, const char *certificate, const char *key)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct cert_pair *pair = index->entry[middle].pair;

		if (cert_files_order(pair->certificate, pair->key_file, certificate, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct cert_entry *cert_index_entry(const struct cert_index *index, const char *certificate, const char *key)
{
	size_t i = index != NULL ? cert_index_bound(index, certificate, key) : 0;

	if (index == NULL || i == index->n)
		return NULL;
	if (cert_files_order(index->entry[i].pair->certificate, index->entry[i].pair->key_file, certificate, key) != 0)
		return NULL;
	return &index->entry[i];
}

/* Among those of one folder ECDSA goes first, since it costs less, and then the newest. */
static int name_order(const void *a, const void *b)
{
	const struct cert_name *x = a, *y = b;
	int order = strcmp(x->text, y->text);
	bool x_rsa = x->pair->kind == EVP_PKEY_RSA, y_rsa = y->pair->kind == EVP_PKEY_RSA;

	if (order != 0)
		return order;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x_rsa != y_rsa)
		return x_rsa ? 1 : -1;
	if (x->pair->not_before != y->pair->not_before)
		return x->pair->not_before > y->pair->not_before ? -1 : 1;
	return strcmp(x->pair->certificate, y->pair->certificate);
}

static bool counts_by_name(const struct cert_entry *e)
{
	return e->rank != CERT_RANK_NONE && e->pair->chain != NULL;
}

bool cert_index_names(struct cert_index *index)
{
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++)
		n += counts_by_name(&index->entry[i]) ? index->entry[i].pair->names_n : 0;
	index->name = calloc(n > 0 ? n : 1, sizeof(*index->name));
	if (index->name == NULL)
		return false;
	for (size_t i = 0; i < index->n; i++) {
		const struct cert_entry *e = &index->entry[i];
		const char *text = e->pair->names;

		for (size_t j = 0; counts_by_name(e) && j < e->pair->names_n; j++, text += strlen(text) + 1)
			index->name[index->names_n++] = (struct cert_name){text, e->pair, e->rank};
	}
	if (index->names_n > 0)
		qsort(index->name, index->names_n, sizeof(*index->name), name_order);
	return true;
}

bool cert_hosts_build(struct cert_hosts *hosts, const struct cert_index *index, const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->hosts_n; i++)
		n += conf->hosts[i].certificates_n;
	hosts->own = calloc(n > 0 ? n : 1, sizeof(struct cert_pair *));
	hosts->own_at = calloc(conf->hosts_n + 1, sizeof(*hosts->own_at));
	if (hosts->own == NULL || hosts->own_at == NULL)
		return false;
	n = 0;
	for (size_t i = 0; i < conf->hosts_n; i++) {
		const struct conf_host *host = &conf->hosts[i];

		for (size_t j = 0; j < host->certificates_n; j++) {
			const struct cert_entry *e = cert_index_entry(index, host->certificates[j], host->keys[j]);

			ENSURE(e != NULL);
			if (e->pair->chain != NULL)
				hosts->own[n++] = e->pair;
		}
		hosts->own_at[i + 1] = n;
	}
	return true;
}

static bool own_has(const struct cert_own *own, const struct cert_pair *pair)
{
	for (size_t i = 0; i < own->n; i++) {
		if (own->pair[i] == pair)
			return true;
	}
	return false;
}

void cert_index_find(const struct cert_index *index, const char *text, bool valid, int64_t now, struct cert_own *own)
{
	size_t low = 0, high = index->names_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->name[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < index->names_n && strcmp(index->name[low].text, text) == 0 && own->n < CERT_OWN_MAX; low++) {
		struct cert_pair *pair = index->name[low].pair;
		bool is_valid = pair->not_before <= now && now < pair->not_after;

		if (is_valid == valid && !own_has(own, pair))
			own->pair[own->n++] = cert_pair_ref(pair);
	}
}
