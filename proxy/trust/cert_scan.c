#include "cert_ring_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "sallyport/log.h"

/* A pair of files that there should be. */
struct item {
	char *certificate, *key;
	unsigned rank;
	bool missing;
};

struct scan {
	const struct cert_ring *ring;
	struct cert_index *old; /* NULL: none */
	bool all;               /* look at every file, not just for new ones */
	bool strict;            /* a host's own pair must be in order, unless an old one can stay */
	bool changed, told;
	unsigned rank; /* of the folder that is walked */
	struct item *item;
	size_t n, cap;
	struct cert_index *index;
	const struct cert_complaint *c;
};

/* What becomes of all items of the same files: one entry. */
struct step {
	struct scan *scan;
	const struct item *item;      /* the first */
	const struct cert_entry *old; /* NULL: none */
	bool named;                   /* by a host */
	bool load;
	struct cert_stamps stamps; /* before the files were read, so that a change during that shows at the next look */
	struct cert_pair *pair;    /* NULL: not settled */
	bool no_pair;              /* one file, which holds no certificate, or no key */
	char text[512];            /* why the files are refused */
};

static void say(enum log_level level, const char *event, const char *file, const char *text)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_str(&l, "file", file);
	log_str(&l, "text", text);
	log_end(&l);
}

static int item_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = cert_files_order(x->certificate, x->key, y->certificate, y->key);

	if (order != 0)
		return order;
	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : (int)x->missing - (int)y->missing;
}

static bool item_add(struct scan *s, const char *certificate, const char *key, unsigned rank, bool missing)
{
	struct item *item;

	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 64;
		struct item *grown = realloc(s->item, cap * sizeof(*grown));

		if (grown == NULL)
			return false;
		s->item = grown;
		s->cap = cap;
	}
	item = &s->item[s->n];
	*item = (struct item){strdup(certificate), strdup(key), rank, missing};
	s->n++;
	return item->certificate != NULL && item->key != NULL;
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
	i = cert_index_bound(s->old, its, "");
	return i < s->old->n && strncmp(s->old->entry[i].pair->certificate, its, (size_t)n) == 0 &&
	       s->old->entry[i].pair->chain != NULL;
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
		const struct cert_entry *e = &s->old->entry[i];

		if (e->rank == CERT_RANK_NONE || e->rank >= s->ring->conf->certificate_folders_n ||
		    (s->all && e->missing))
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
			if (!item_add(s, host->certificates[j], host->keys[j], CERT_RANK_NONE, false))
				return false;
		}
	}
	if (!collect_folders(s) || !collect_old(s))
		return false;
	if (s->n > 0)
		qsort(s->item, s->n, sizeof(*s->item), item_order);
	return true;
}

/* Whether the old pair stays as it is; else its files are to be read. */
static bool stays(struct step *t)
{
	const struct cert_pair *old = t->old != NULL ? t->old->pair : NULL;

	if (old != NULL && t->named && t->scan->strict && old->chain == NULL)
		old = NULL; /* it was no matter until a host named it */
	if (old != NULL && (!t->scan->all || t->item->missing))
		return true;
	cert_stamps_take(&t->stamps, t->item->certificate, t->item->key);
	return old != NULL &&
	       (cert_stamps_same(&t->stamps, &old->stamps) || cert_stamps_same(&t->stamps, &old->refused));
}

static void plan(struct step *t, struct scan *s, size_t from, size_t to)
{
	*t = (struct step){.scan = s, .item = &s->item[from], .named = s->item[to - 1].rank == CERT_RANK_NONE};
	t->old = cert_index_entry(s->old, t->item->certificate, t->item->key);
	if (stays(t))
		t->pair = cert_pair_ref(t->old->pair);
}

/* The new pair, or the old one in its place if the files are not in order.  False: no memory, or a strict scan found
 * fault. */
static bool settle(struct step *t)
{
	struct cert_pair *old = t->old != NULL ? t->old->pair : NULL;

	if (t->pair == NULL || t->pair == old)
		return t->pair != NULL;
	if (t->pair->chain != NULL) {
		if (old != NULL)
			say(LOG_INFO, "certificate-renewed", t->item->certificate, "");
		return true;
	}
	if ((old == NULL || old->chain == NULL) && t->named && t->scan->strict) {
		t->scan->told = true;
		return cert_complain(t->scan->c, "%s", t->text);
	}
	/* most files of that kind are an authority's certificate or the like, and nobody's mistake */
	if (!t->no_pair || t->named || (old != NULL && old->chain != NULL))
		say(LOG_WARNING, "certificate-refused", t->item->certificate, t->text);
	if (old != NULL && old->chain != NULL) {
		old->refused = t->pair->stamps;
		cert_pair_unref(t->pair);
		t->pair = cert_pair_ref(old);
	}
	return true;
}

/* Takes the step's pair. */
static void enter(struct step *t)
{
	struct cert_index *index = t->scan->index;
	struct cert_entry *e = &index->entry[index->n++];
	const struct cert_entry *old = t->old;

	*e = (struct cert_entry){t->pair, t->item->rank, t->item->missing};
	t->pair = NULL;
	if (old == NULL || old->pair != e->pair || old->rank != e->rank || old->missing != e->missing)
		t->scan->changed = true;
	if ((old == NULL || old->pair != e->pair) && e->pair->chain != NULL && index->n > 1 &&
	    e[-1].pair->chain != NULL)
		cert_pair_share(e->pair, e[-1].pair);
}

/* The files that a batch asked for. */
struct batch {
	struct step *step[KEYS_BATCH];
	struct keys_files files[KEYS_BATCH];
	size_t n;
};

static void on_loaded(void *arg, size_t i, const struct keys_loaded *loaded)
{
	struct batch *b = arg;
	struct step *t = b->step[i];
	struct cert_complaint c = {t->text, sizeof(t->text)};

	t->pair = cert_pair_new(&b->files[i], &t->stamps, loaded, &c);
	t->no_pair = loaded->no_pair;
}

static bool load(struct scan *s, struct step *step, size_t n)
{
	struct batch b = {.n = 0};

	for (size_t i = 0; i < n; i++) {
		if (step[i].pair != NULL)
			continue;
		b.step[b.n] = &step[i];
		b.files[b.n++] = (struct keys_files){step[i].item->certificate, step[i].item->key};
	}
	if (b.n == 0 || keys_load(s->ring->cache->keys, b.files, b.n, on_loaded, &b))
		return true;
	s->told = true;
	return cert_complain(s->c, "no memory, or no process for private keys");
}

static bool build_some(struct scan *s, struct step *step, size_t n)
{
	bool ok = load(s, step, n);

	for (size_t i = 0; i < n; i++) {
		ok = ok && settle(&step[i]);
		if (ok)
			enter(&step[i]);
		cert_pair_unref(step[i].pair);
	}
	return ok;
}

/* Some at a time, so that the key process has something to do while we look at what it has read. */
static bool build_entries(struct scan *s)
{
	struct step step[KEYS_BATCH];
	size_t steps = 0;

	for (size_t from = 0, to; from < s->n; from = to) {
		const struct item *item = &s->item[from];

		for (to = from + 1; to < s->n; to++) {
			if (cert_files_order(item->certificate, item->key, s->item[to].certificate, s->item[to].key) !=
			    0)
				break;
		}
		plan(&step[steps++], s, from, to);
		if (steps < KEYS_BATCH && to < s->n)
			continue;
		if (!build_some(s, step, steps))
			return false;
		steps = 0;
	}
	s->changed = s->changed || s->old == NULL || s->old->n != s->index->n;
	return true;
}

static bool build(struct scan *s)
{
	if (!collect(s))
		return false;
	s->index = cert_index_new(s->n);
	if (s->index == NULL || !build_entries(s))
		return false;
	if (s->changed)
		return cert_index_names(s->index);
	cert_index_unref(s->index);
	s->index = cert_index_ref(s->old);
	return true;
}

bool cert_scan(struct cert_ring *ring, struct cert_index *old, enum cert_scan how, const struct cert_complaint *c)
{
	struct scan s = {
	    .ring = ring, .old = old, .all = how != CERT_SCAN_NEW, .strict = how == CERT_SCAN_FIRST, .c = c};
	struct cert_hosts hosts = {NULL, NULL};
	bool ok = build(&s);

	for (size_t i = 0; i < s.n; i++) {
		free(s.item[i].certificate);
		free(s.item[i].key);
	}
	free(s.item);
	if (ok && s.index != ring->index && cert_hosts_build(&hosts, s.index, ring->conf)) {
		cert_ring_install(ring, s.index, &hosts);
		return true;
	}
	ok = ok && s.index == ring->index;
	cert_index_unref(s.index);
	cert_hosts_clear(&hosts);
	if (!ok && !s.told)
		(void)cert_complain(c, "out of memory");
	return ok;
}
