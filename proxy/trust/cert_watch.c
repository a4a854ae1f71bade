#include "cert_internal.h"

#include <dirent.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* What tells one state of the files of revocation lists from another, without reading them: a hash over names, inodes
 * (a swapped symlink shows), sizes and times. */

static void stamp_number(SHA256_CTX *hash, uint64_t number)
{
	SHA256_Update(hash, &number, sizeof(number));
}

static void stamp_file(SHA256_CTX *hash, const char *path)
{
	struct stat st;

	SHA256_Update(hash, path, strlen(path) + 1);
	if (stat(path, &st) != 0)
		return;
	stamp_number(hash, st.st_dev);
	stamp_number(hash, st.st_ino);
	stamp_number(hash, (uint64_t)st.st_size);
	stamp_number(hash, (uint64_t)st.st_mtim.tv_sec);
	stamp_number(hash, (uint64_t)st.st_mtim.tv_nsec);
	stamp_number(hash, (uint64_t)st.st_ctim.tv_sec);
	stamp_number(hash, (uint64_t)st.st_ctim.tv_nsec);
}

/* A file, or a folder with its files. */
static void stamp_place(SHA256_CTX *hash, const char *place)
{
	struct dirent **entries = NULL;
	int n = scandir(place, &entries, cert_crls_wanted, alphasort);
	char path[PATH_MAX];

	if (n < 0)
		stamp_file(hash, place);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", place, entries[i]->d_name);
		stamp_file(hash, path);
		free(entries[i]);
	}
	free(entries);
}

void cert_crls_stamp(const struct conf *conf, struct cert_crls_stamp *stamp)
{
	SHA256_CTX hash;

	SHA256_Init(&hash);
	for (size_t i = 0; i < conf->crls_n; i++)
		stamp_place(&hash, conf->crls[i]);
	SHA256_Final(stamp->sha256, &hash);
}
