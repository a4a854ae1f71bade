#include "cert_own_internal.h"

#include <stdlib.h>

static bool general_load(struct cert_store *store, const struct cert_store *before, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	store->anchors.before = before != NULL ? &before->anchors : NULL;
	if (conf->trust_system && !cert_anchors_load(&store->anchors, conf->trust_bundle, CERT_BUNDLE_LENIENT, c))
		return false;
	for (size_t i = 0; i < conf->trust_anchors_n; i++) {
		if (!cert_anchors_load(&store->anchors, conf->trust_anchors[i], CERT_BUNDLE_STRICT, c))
			return false;
	}
	cert_anchors_sort(&store->anchors);
	return true;
}

static bool peers_load(struct cert_store *store, const struct cert_store *before, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	store->peers = calloc(conf->peers_n > 0 ? conf->peers_n : 1, sizeof(*store->peers));
	if (store->peers == NULL)
		return cert_complain(c, "out of memory");
	for (size_t i = 0; i < conf->peers_n; i++) {
		const struct conf_peer *row = &conf->peers[i];

		/* most likely the same row */
		if (before != NULL && before->conf != NULL && i < before->conf->peers_n)
			store->peers[i].before = &before->peers[i];
		for (size_t j = 0; j < row->anchors_n; j++) {
			if (!cert_anchors_load(&store->peers[i], row->anchors[j], CERT_BUNDLE_STRICT, c))
				return false;
		}
		cert_anchors_sort(&store->peers[i]);
	}
	return true;
}

static bool crls_load(struct cert_store *store, const struct cert_complaint *c)
{
	const struct conf *conf = store->conf;

	/* first: what changes while they are read shows later */
	cert_crls_stamp(conf, &store->crls_stamp);
	for (size_t i = 0; i < conf->crls_n; i++) {
		if (!cert_crls_load(&store->crls, conf->crls[i], c))
			return false;
	}
	cert_crls_sort(&store->crls);
	return true;
}

static bool store_load(struct cert_store *store, const struct cert_store *before, const struct cert_complaint *c)
{
	return general_load(store, before, c) && peers_load(store, before, c) && crls_load(store, c);
}

struct cert_store *cert_store_new(struct conf *conf, char *err, size_t err_n)
{
	return cert_store_follow(conf, NULL, NULL, err, err_n);
}

struct cert_store *cert_store_follow(
    struct conf *conf, const struct cert_store *before, struct keys *keys, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		(void)cert_complain(&c, "out of memory");
		return NULL;
	}
	store->conf = conf_ref(conf);
	store->proven = before != NULL ? cert_proven_ref(before->proven) : cert_proven_new();
	if (store_load(store, before, &c))
		store->ring = cert_ring_new(conf, before != NULL ? before->ring : NULL, keys, &c);
	if (store->ring == NULL) {
		cert_store_free(store);
		return NULL;
	}
	return store;
}

struct cert_store *cert_store_from_pem(struct span pem, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};
	struct cert_store *store = calloc(1, sizeof(*store));
	BIO *bio = pem_open(pem);
	bool ok;

	if (store == NULL || bio == NULL)
		ok = cert_complain(&c, "out of memory");
	else
		ok = cert_anchors_read(&store->anchors, bio, CERT_BUNDLE_LENIENT, "anchors", &c);
	BIO_free(bio);
	if (!ok) {
		cert_store_free(store);
		return NULL;
	}
	cert_anchors_sort(&store->anchors);
	return store;
}

void cert_store_free(struct cert_store *store)
{
	if (store == NULL)
		return;
	cert_anchors_clear(&store->anchors);
	cert_crls_clear(&store->crls);
	for (size_t i = 0; store->peers != NULL && i < store->conf->peers_n; i++)
		cert_anchors_clear(&store->peers[i]);
	free(store->peers);
	cert_ring_free(store->ring);
	cert_proven_unref(store->proven);
	conf_unref(store->conf);
	free(store);
}

bool cert_store_outdated(struct cert_store *store)
{
	struct cert_crls_stamp now;
	bool same;

	cert_crls_stamp(store->conf, &now);
	same = memcmp(&now, &store->crls_stamp, sizeof(now)) == 0;
	store->crls_stamp = now;
	return !same;
}

void cert_store_remind(const struct cert_store *store, int64_t since, int64_t now)
{
	cert_crls_remind(&store->crls, since, now);
}

void cert_store_retire(struct cert_store *store)
{
	store->retired = true;
	cert_crls_clear(&store->crls);
}

bool cert_store_revoke(struct cert_store *store, struct conf *conf, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};

	ENSURE(store->conf == NULL && conf->hosts_n == 0 && conf->peers_n == 0);
	store->conf = conf_ref(conf);
	return crls_load(store, &c);
}

const struct cert_anchors *cert_store_peer(const struct cert_store *store, const struct conf_peer *row)
{
	return &store->peers[row - store->conf->peers];
}
