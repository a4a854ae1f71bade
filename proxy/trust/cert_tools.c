/* What the command-line tool asks about certificates that lie in files; the daemon needs none of it. */
#include "cert_own_internal.h"

static bool skip_none(void *arg, const char *folder)
{
	(void)arg;
	(void)folder;
	return false;
}

bool cert_files_find(const char *folder, cert_files_fn *found, void *arg, char *err, size_t err_n)
{
	struct cert_walk walk = {found, skip_none, arg};
	struct cert_complaint c = {err, err_n};

	if (err_n > 0)
		err[0] = '\0';
	return cert_folder_walk(&walk, folder, &c);
}

struct reading {
	const struct keys_files *files;
	const struct cert_complaint *c;
	struct cert_pair *pair;
};

static void take_pair(void *arg, size_t i, const struct keys_loaded *loaded)
{
	struct reading *r = arg;
	struct cert_stamps stamps;

	(void)i;
	cert_stamps_take(&stamps, r->files->certificate, r->files->key);
	r->pair = cert_pair_new(r->files, &stamps, loaded, r->c);
	if (r->pair == NULL)
		(void)cert_complain(r->c, "%s: out of memory", r->files->certificate);
}

bool cert_files_judge(const struct cert_store *store, const struct keys_files *files, const struct domain *domain,
    int64_t now, struct cert_verdict *verdict, bool *named, char *err, size_t err_n)
{
	struct cert_complaint c = {err, err_n};
	struct reading r = {files, &c, NULL};
	struct keys *keys = keys_new();
	bool sound;

	if (keys == NULL || !keys_load(keys, files, 1, take_pair, &r))
		(void)cert_complain(&c, "%s: out of memory", files->certificate);
	sound = r.pair != NULL && r.pair->chain != NULL;
	if (sound) {
		*named = cert_pair_names(r.pair, domain_span(domain));
		cert_judge(store, r.pair->chain, domain, NULL, now, verdict);
	}
	cert_pair_unref(r.pair);
	keys_unref(keys);
	return sound;
}
