#include "cert_own_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* certbot's certificates lie two levels below the folder that one names. */
#define DEPTH_MAX 3

struct folder {
	const char *path;
	struct dirent **entry; /* in the order of their names */
	int n;
};

static int name_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Kubernetes keeps what its symlinks point to in folders whose names start with a dot. */
static int is_plain(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int name_against(const void *name, const void *entry)
{
	return strcmp(name, (*(struct dirent *const *)entry)->d_name);
}

static bool has(const struct folder *f, const char *name)
{
	return f->n > 0 && bsearch(name, f->entry, (size_t)f->n, sizeof(struct dirent *), name_against) != NULL;
}

/* False: longer than any path may be. */
static bool join(char out[static PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);

	return n > 0 && n < PATH_MAX;
}

static bool tell(const struct cert_walk *walk, const struct folder *f, const char *certificate, const char *key)
{
	char a[PATH_MAX], b[PATH_MAX];

	return !join(a, f->path, certificate) || !join(b, f->path, key) || walk->found(walk->arg, a, b);
}

/* acme.sh: DOMAIN/fullchain.cer and DOMAIN/DOMAIN.key, or DOMAIN_ecc with the same names in it.  DOMAIN.cer lacks the
 * intermediate ones. */
static bool acme_key(const struct folder *f, char out[static NAME_MAX + 1])
{
	static const char ecc[] = "_ecc";
	const char *name = strrchr(f->path, '/');
	size_t n;

	if (name == NULL || !has(f, "fullchain.cer"))
		return false;
	n = strlen(++name);
	if (n > sizeof(ecc) - 1 && strcmp(name + n - (sizeof(ecc) - 1), ecc) == 0)
		n -= sizeof(ecc) - 1;
	return snprintf(out, NAME_MAX + 1, "%.*s.key", (int)n, name) <= NAME_MAX && has(f, out);
}

/* The key that goes with a certificate by its name; false: there is none. */
static bool key_of(const struct folder *f, const char *name, char out[static NAME_MAX + 1])
{
	static const char *const endings[] = {".pem", ".crt", ".cer", ".cert"};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t ending = strlen(endings[i]);

		if (n > ending && strcmp(name + n - ending, endings[i]) == 0 &&
		    snprintf(out, NAME_MAX + 1, "%.*s.key", (int)(n - ending), name) <= NAME_MAX && has(f, out))
			return true;
	}
	return false;
}

/* Of certbot's or dehydrated's: "cert.pem", "privkey-1700000000.pem". */
static bool is_part(const char *name)
{
	static const char *const parts[] = {"cert", "chain", "fullchain", "privkey", "key"};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t n = strlen(parts[i]);

		if (strncmp(name, parts[i], n) == 0 && (name[n] == '.' || name[n] == '-'))
			return true;
	}
	return false;
}

/* NAME.pem alone, as HAProxy has it: certificates and key in one file.  Only the key process may look whether it is. */
static bool may_be_both(const struct folder *f, const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	char path[PATH_MAX];
	struct stat st;

	if (n <= 4 || strcmp(entry->d_name + n - 4, ".pem") != 0)
		return false;
	if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return join(path, f->path, entry->d_name) && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool tell_plain(const struct cert_walk *walk, const struct folder *f, bool has_known)
{
	char key[NAME_MAX + 1];

	for (int i = 0; i < f->n; i++) {
		const char *name = f->entry[i]->d_name;

		if (key_of(f, name, key)) {
			if (!tell(walk, f, name, key))
				return false;
		} else if (!(has_known && is_part(name)) && may_be_both(f, f->entry[i])) {
			if (!tell(walk, f, name, name))
				return false;
		}
	}
	return true;
}

static bool tell_files(const struct cert_walk *walk, const struct folder *f)
{
	static const char *const known[][2] = {
	    {"fullchain.pem", "privkey.pem"},
	    {"fullchain.pem", "key.pem"},
	    {"cert.pem", "privkey.pem"},
	    {"cert.pem", "key.pem"},
	};
	char key[NAME_MAX + 1];

	if (acme_key(f, key))
		return tell(walk, f, "fullchain.cer", key);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (has(f, known[i][0]) && has(f, known[i][1]))
			return tell(walk, f, known[i][0], known[i][1]) && tell_plain(walk, f, true);
	}
	return tell_plain(walk, f, false);
}

static bool is_folder(const struct dirent *entry, const char *path)
{
	struct stat st;

	if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool walk_folder(const struct cert_walk *walk, const char *path, int depth, const struct cert_complaint *c);

static bool walk_below(const struct cert_walk *walk, const struct folder *f, int depth, const struct cert_complaint *c)
{
	char path[PATH_MAX], key[NAME_MAX + 1];

	for (int i = 0; i < f->n && depth < DEPTH_MAX; i++) {
		const struct dirent *entry = f->entry[i];

		/* certbot's old ones; the present ones are linked from live */
		if (strcmp(entry->d_name, "archive") == 0 && has(f, "live"))
			continue;
		if (entry->d_type == DT_REG || key_of(f, entry->d_name, key) || !join(path, f->path, entry->d_name))
			continue;
		if (!is_folder(entry, path) || walk->skip(walk->arg, path))
			continue;
		if (!walk_folder(walk, path, depth + 1, c))
			return false;
	}
	return true;
}

static bool walk_folder(const struct cert_walk *walk, const char *path, int depth, const struct cert_complaint *c)
{
	struct folder f = {path, NULL, 0};
	bool ok;

	f.n = scandir(path, &f.entry, is_plain, name_order);
	if (f.n < 0) {
		(void)cert_complain(c, "%s: %s", path, strerror(errno));
		return true;
	}
	ok = tell_files(walk, &f) && walk_below(walk, &f, depth, c);
	for (int i = 0; i < f.n; i++)
		free(f.entry[i]);
	free(f.entry);
	return ok;
}

bool cert_folder_walk(const struct cert_walk *walk, const char *path, const struct cert_complaint *c)
{
	return walk_folder(walk, path, 0, c);
}
