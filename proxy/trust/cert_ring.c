#include "cert_own_internal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/log.h"

/* How soon a domain without a certificate makes us look for new files again, in seconds. */
#define LOOK_AGAIN_S 5
/* The rank of a pair that only hosts name. */
#define RANK_NONE UINT_MAX

/* A pair that this configuration uses. */
struct entry {
	struct cert_pair *pair;
	unsigned rank; /* of the first folder that has it */
	bool missing;  /* the folder had it the time before; whoever renews may just be about to write it anew */
};

struct name {
	const char *text; /* the pair's */
	struct cert_pair *pair;
	unsigned rank;
};

/* Immutable; shared with the ring of the configuration before as long as no file changes. */
struct index {
	atomic_uint refs;
	struct entry *entry; /* in the order of their files */
	size_t n;
	struct name *name; /* of those in folders, in order; the preferred one of the same text first */
	size_t names_n;
};

/* The pairs of the hosts that name theirs; they are the index's. */
struct hosts {
	struct cert_pair **own; /* host by host */
	size_t *own_at;         /* by index of conf->hosts: where its begin; one more for the end */
};

struct cert_ring {
	struct conf *conf;
	struct cert_cache *cache;
	struct index *index; /* replaced, with hosts, under both locks, so either is enough to read them */
	struct hosts hosts;
	int64_t looked_at; /* when a missing certificate last made us look; the scan's lock */
	int64_t *warned;   /* by index of conf->hosts */
};

/* A pair of files that there should be. */
struct item {
	char *certificate, *key;
	unsigned rank;
	bool missing;
};

struct scan {
	const struct cert_ring *ring;
	struct index *old; /* NULL: none */
	bool all;          /* look at every file, not just for new ones */
	bool strict;       /* a host's own pair must be in order, unless an old one can stay */
	bool changed, no_memory, told;
	unsigned rank; /* of the folder that is walked */
	struct item *item;
	size_t n, cap;
	struct index *index;
	const struct cert_complaint *c;
};

static void index_free(struct index *index)
{
	if (index == NULL || atomic_fetch_sub(&index->refs, 1) != 1)
		return;
	for (size_t i = 0; i < index->n; i++)
		cert_pair_unref(index->entry[i].pair);
	free(index->entry);
	free(index->name);
	free(index);
}

static void hosts_clear(struct hosts *hosts)
{
	free(hosts->own);
	free(hosts->own_at);
	*hosts = (struct hosts){NULL, NULL};
}

static void say(enum log_level level, const char *event, const char *file, const char *text)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_str(&l, "file", file);
	log_str(&l, "text", text);
	log_end(&l);
}

static int files_order(const char *a, const char *a_key, const char *b, const char *b_key)
{
	int order = strcmp(a, b);

	return order != 0 ? order : strcmp(a_key, b_key);
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = files_order(x->certificate, x->key, y->certificate, y->key);

	if (order != 0)
		return order;
	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : (int)x->missing - (int)y->missing;
}

/* The first whose files are not before these. */
static size_t entry_bound(const struct index *index, const char *certificate, const char *key)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct cert_pair *pair = index->entry[middle].pair;

		if (files_order(pair->certificate, pair->key_file, certificate, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct entry *entry_find(const struct index *index, const char *certificate, const char *key)
{
	size_t i = index != NULL ? entry_bound(index, certificate, key) : 0;

	if (index == NULL || i == index->n)
		return NULL;
	if (files_order(index->entry[i].pair->certificate, index->entry[i].pair->key_file, certificate, key) != 0)
		return NULL;
	return &index->entry[i];
}

static bool item_add(struct scan *s, const char *certificate, const char *key, unsigned rank, bool missing)
{
	struct item *item;

	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 64;
		struct item *grown = realloc(s->item, cap * sizeof(*grown));

		if (grown == NULL) {
			s->no_memory = true;
			return false;
		}
		s->item = grown;
		s->cap = cap;
	}
	item = &s->item[s->n];
	*item = (struct item){strdup(certificate), strdup(key), rank, missing};
	s->n++;
	s->no_memory = s->no_memory || item->certificate == NULL || item->key == NULL;
	return !s->no_memory;
}

static bool on_found(void *arg, const char *certificate, const char *key)
{
	struct scan *s = arg;

	return item_add(s, certificate, key, s->rank, false);
}

/* certbot and acme.sh make a folder for each certificate: one that has it is looked into again only with all the files.
 */
static bool on_folder(void *arg, const char *folder)
{
	const struct scan *s = arg;
	char its[PATH_MAX];
	int n = snprintf(its, sizeof(its), "%s/fullchain.", folder);
	size_t i;

	if (s->all || s->old == NULL || n < 0 || (size_t)n >= sizeof(its))
		return false;
	i = entry_bound(s->old, its, "");
	return i < s->old->n && strncmp(s->old->entry[i].pair->certificate, its, (size_t)n) == 0;
}

static bool collect_folders(struct scan *s)
{
	const struct conf *conf = s->ring->conf;
	struct cert_walk walk = {on_found, on_folder, s};

	for (size_t i = 0; i < conf->certificate_folders_n; i++) {
		char text[512] = "";
		struct cert_complaint c = {text, sizeof(text)};

		s->rank = (unsigned)i;
		if (!cert_folder_walk(&walk, conf->certificate_folders[i], &c))
			return false;
		if (text[0] != '\0' && s->all)
			say(LOG_WARNING, "certificate-folder", conf->certificate_folders[i], text);
	}
	return true;
}

/* What was in a folder the last time stays for once more if all is looked at, and else as it is. */
static bool collect_old(struct scan *s)
{
	for (size_t i = 0; s->old != NULL && i < s->old->n; i++) {
		const struct entry *e = &s->old->entry[i];

		if (e->rank == RANK_NONE || e->rank >= s->ring->conf->certificate_folders_n || (s->all && e->missing))
			continue;
		if (!item_add(s, e->pair->certificate, e->pair->key_file, e->rank, s->all || e->missing))
			return false;
	}
	return true;
}

static bool collect(struct scan *s)
{
	const struct conf *conf = s->ring->conf;

	for (size_t i = 0; i < conf->hosts_n; i++) {
		const struct conf_host *host = &conf->hosts[i];

		for (size_t j = 0; j < host->certificates_n; j++) {
			if (!item_add(s, host->certificates[j], host->keys[j], RANK_NONE, false))
				return false;
		}
	}
	if (!collect_folders(s) || !collect_old(s))
		return false;
	if (s->n > 0)
		qsort(s->item, s->n, sizeof(*s->item), item_order);
	return true;
}

/* The pair that is to stand for these files: the old one as long as they are what they were, or are not in order.
 * NULL: no memory, or a strict scan found fault. */
static struct cert_pair *settle(struct scan *s, const struct item *item, struct cert_pair *old, bool named)
{
	struct cert_pair *pair;
	struct cert_stamps stamps;
	char text[512] = "";
	struct cert_complaint c = {text, sizeof(text)};

	if (named && s->strict && old != NULL && old->chain == NULL)
		old = NULL; /* it was no matter until a host named it */
	if (old != NULL && (!s->all || item->missing))
		return cert_pair_ref(old);
	cert_stamps_take(&stamps, item->certificate, item->key);
	if (old != NULL && (cert_stamps_same(&stamps, &old->stamps) || cert_stamps_same(&stamps, &old->refused)))
		return cert_pair_ref(old);
	pair = cert_pair_load(s->ring->cache, item->certificate, item->key, &c);
	if (pair == NULL)
		return NULL;
	if (pair->chain != NULL) {
		if (old != NULL)
			say(LOG_INFO, "certificate-renewed", item->certificate, "");
		return pair;
	}
	if (old == NULL || old->chain == NULL) {
		if (named && s->strict) {
			(void)cert_complain(s->c, "%s", text);
			s->told = true;
			cert_pair_unref(pair);
			return NULL;
		}
		say(LOG_WARNING, "certificate-refused", item->certificate, text);
		return pair;
	}
	say(LOG_WARNING, "certificate-refused", item->certificate, text);
	old->refused = pair->stamps;
	cert_pair_unref(pair);
	return cert_pair_ref(old);
}

/* One entry for all items [from, to) of the same files. */
static bool build_entry(struct scan *s, size_t from, size_t to)
{
	const struct entry *old = entry_find(s->old, s->item[from].certificate, s->item[from].key);
	struct entry *e = &s->index->entry[s->index->n];
	bool named = s->item[to - 1].rank == RANK_NONE;

	*e = (struct entry){NULL, s->item[from].rank, s->item[from].missing};
	e->pair = settle(s, &s->item[from], old != NULL ? old->pair : NULL, named);
	if (e->pair == NULL)
		return false;
	s->index->n++;
	if (old == NULL || old->pair != e->pair || old->rank != e->rank || old->missing != e->missing)
		s->changed = true;
	if ((old == NULL || old->pair != e->pair) && e->pair->chain != NULL && s->index->n > 1 &&
	    e[-1].pair->chain != NULL)
		cert_pair_share(e->pair, e[-1].pair);
	return true;
}

static bool build_entries(struct scan *s)
{
	s->index->entry = calloc(s->n > 0 ? s->n : 1, sizeof(*s->index->entry));
	if (s->index->entry == NULL)
		return false;
	for (size_t from = 0, to; from < s->n; from = to) {
		const struct item *item = &s->item[from];

		for (to = from + 1; to < s->n; to++) {
			if (files_order(item->certificate, item->key, s->item[to].certificate, s->item[to].key) != 0)
				break;
		}
		if (!build_entry(s, from, to))
			return false;
	}
	s->changed = s->changed || s->old == NULL || s->old->n != s->index->n;
	return true;
}

/* Among those of one folder ECDSA goes first, since it costs less, and then the newest. */
static int name_order(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
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

static bool counts_by_name(const struct entry *e)
{
	return e->rank != RANK_NONE && e->pair->chain != NULL;
}

static bool build_names(struct index *index)
{
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++)
		n += counts_by_name(&index->entry[i]) ? index->entry[i].pair->names_n : 0;
	index->name = calloc(n > 0 ? n : 1, sizeof(*index->name));
	if (index->name == NULL)
		return false;
	for (size_t i = 0; i < index->n; i++) {
		const struct entry *e = &index->entry[i];
		const char *text = e->pair->names;

		for (size_t j = 0; counts_by_name(e) && j < e->pair->names_n; j++, text += strlen(text) + 1)
			index->name[index->names_n++] = (struct name){text, e->pair, e->rank};
	}
	if (index->names_n > 0)
		qsort(index->name, index->names_n, sizeof(*index->name), name_order);
	return true;
}

static bool build_hosts(struct hosts *hosts, const struct index *index, const struct conf *conf)
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
			const struct entry *e = entry_find(index, host->certificates[j], host->keys[j]);

			ENSURE(e != NULL);
			if (e->pair->chain != NULL)
				hosts->own[n++] = e->pair;
		}
		hosts->own_at[i + 1] = n;
	}
	return true;
}

static bool build(struct scan *s)
{
	s->index = calloc(1, sizeof(*s->index));
	if (s->index == NULL)
		return false;
	atomic_init(&s->index->refs, 1);
	if (!collect(s) || !build_entries(s))
		return false;
	if (s->changed)
		return build_names(s->index);
	index_free(s->index);
	s->index = s->old;
	atomic_fetch_add(&s->index->refs, 1);
	return true;
}

/* Takes index and hosts. */
static void install(struct cert_ring *ring, struct index *index, const struct hosts *hosts)
{
	struct index *old = ring->index;
	struct hosts old_hosts = ring->hosts;

	(void)pthread_mutex_lock(&ring->cache->lock);
	ring->index = index;
	ring->hosts = *hosts;
	(void)pthread_mutex_unlock(&ring->cache->lock);
	index_free(old);
	hosts_clear(&old_hosts);
}

/* The scan's lock is held. */
static bool ring_scan(struct cert_ring *ring, struct scan *s)
{
	struct hosts hosts = {NULL, NULL};
	bool ok;

	s->ring = ring;
	ok = build(s);
	for (size_t i = 0; i < s->n; i++) {
		free(s->item[i].certificate);
		free(s->item[i].key);
	}
	free(s->item);
	if (ok && s->index != ring->index && build_hosts(&hosts, s->index, ring->conf)) {
		install(ring, s->index, &hosts);
		return true;
	}
	ok = ok && s->index == ring->index;
	index_free(s->index);
	hosts_clear(&hosts);
	return ok;
}

struct cert_ring *cert_ring_new(struct conf *conf, const struct cert_ring *before, const struct cert_complaint *c)
{
	struct cert_ring *ring = calloc(1, sizeof(*ring));
	struct scan s = {.all = true, .strict = true, .c = c};
	bool ok = false;

	if (ring == NULL) {
		(void)cert_complain(c, "out of memory");
		return NULL;
	}
	ring->conf = conf_ref(conf);
	ring->looked_at = -LOOK_AGAIN_S;
	ring->warned = calloc(conf->hosts_n + 1, sizeof(*ring->warned));
	ring->cache = before != NULL ? cert_cache_ref(before->cache) : cert_cache_new();
	if (ring->cache != NULL && ring->warned != NULL) {
		(void)pthread_mutex_lock(&ring->cache->scan);
		s.old = before != NULL ? before->index : NULL;
		ok = ring_scan(ring, &s);
		(void)pthread_mutex_unlock(&ring->cache->scan);
	}
	if (ok)
		return ring;
	if (!s.told)
		(void)cert_complain(c, "out of memory");
	cert_ring_free(ring);
	return NULL;
}

void cert_ring_free(struct cert_ring *ring)
{
	if (ring == NULL)
		return;
	index_free(ring->index);
	hosts_clear(&ring->hosts);
	cert_cache_unref(ring->cache);
	conf_unref(ring->conf);
	free(ring->warned);
	free(ring);
}

static bool own_has(const struct cert_own *own, const struct cert_pair *pair)
{
	for (size_t i = 0; i < own->n; i++) {
		if (own->pair[i] == pair)
			return true;
	}
	return false;
}

/* Adds those with this name that are valid, or those that are not. */
static void add_named(const struct index *index, const char *text, bool valid, int64_t now, struct cert_own *own)
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

static void peek(const struct cert_ring *ring, const struct conf_host *host, struct span name, struct cert_own *own)
{
	const struct index *index = ring->index;
	const struct hosts *hosts = &ring->hosts;
	const char *dot = strchr(name.p, '.');
	size_t at = (size_t)(host - ring->conf->hosts);
	char wildcard[DOMAIN_MAX + 2];
	int64_t now = time(NULL);

	for (size_t i = hosts->own_at[at]; i < hosts->own_at[at + 1] && own->n < CERT_OWN_MAX; i++)
		own->pair[own->n++] = cert_pair_ref(hosts->own[i]);
	if (host->certificates_n > 0)
		return;
	(void)snprintf(wildcard, sizeof(wildcard), "*%s", dot != NULL ? dot : "");
	for (int valid = 1; valid >= 0; valid--) {
		add_named(index, name.p, valid != 0, now, own);
		add_named(index, wildcard, valid != 0, now, own);
	}
}

void cert_ring_peek(struct cert_ring *ring, const struct conf_host *host, struct span name, struct cert_own *own)
{
	(void)pthread_mutex_lock(&ring->cache->lock);
	peek(ring, host, name, own);
	(void)pthread_mutex_unlock(&ring->cache->lock);
}

static int64_t seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Only for a domain of ours, and seldom, so strangers cannot keep us at it.  No name is remembered as unknown. */
static void look_again(struct cert_ring *ring)
{
	struct scan s = {.old = NULL};

	if (pthread_mutex_trylock(&ring->cache->scan) != 0)
		return;
	if (seconds() - ring->looked_at >= LOOK_AGAIN_S) {
		s.old = ring->index;
		(void)ring_scan(ring, &s);
		ring->looked_at = seconds();
	}
	(void)pthread_mutex_unlock(&ring->cache->scan);
}

void cert_ring_find(
    struct cert_ring *ring, const struct conf_host *host, const struct domain *domain, struct cert_own *own)
{
	cert_ring_peek(ring, host, domain_span(domain), own);
	if (own->n > 0 || host->certificates_n > 0)
		return;
	look_again(ring);
	cert_ring_peek(ring, host, domain_span(domain), own);
}

void cert_ring_refresh(struct cert_ring *ring)
{
	struct scan s = {.all = true};

	(void)pthread_mutex_lock(&ring->cache->scan);
	s.old = ring->index;
	if (!ring_scan(ring, &s))
		say(LOG_ERROR, "certificate-refresh", "", "out of memory");
	(void)pthread_mutex_unlock(&ring->cache->scan);
}

int64_t *cert_ring_warned(struct cert_ring *ring, const struct conf_host *host)
{
	return &ring->warned[host - ring->conf->hosts];
}

struct cert_cache *cert_ring_cache(const struct cert_ring *ring)
{
	return ring->cache;
}

const struct conf *cert_ring_conf(const struct cert_ring *ring)
{
	return ring->conf;
}
