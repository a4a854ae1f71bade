/* A folder of its own for a configuration and the files that it names. */
#ifndef CONF_FOLDER_H
#define CONF_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[32];
	char ini[64];
};

static void folder_write(const struct folder *f, const char *name, const char *text, size_t n)
{
	char path[96];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	out = fopen(path, "w");
	if (out == NULL || fwrite(text, 1, n, out) != n || fclose(out) != 0)
		abort();
}

/* With cert.pem, key.pem, a file that nobody may read and a folder. */
static void folder_make(struct folder *f)
{
	char path[96];

	strcpy(f->path, "/tmp/sallyport-conf-XXXXXX");
	if (mkdtemp(f->path) == NULL || chmod(f->path, 0755) != 0)
		abort();
	snprintf(f->ini, sizeof(f->ini), "%s/x.ini", f->path);
	folder_write(f, "cert.pem", "certificate", 11);
	folder_write(f, "key.pem", "key", 3);
	folder_write(f, "shut.pem", "key", 3);
	snprintf(path, sizeof(path), "%s/shut.pem", f->path);
	if (chmod(path, 0) != 0)
		abort();
	snprintf(path, sizeof(path), "%s/folder", f->path);
	if (mkdir(path, 0755) != 0)
		abort();
}

static void folder_remove(const struct folder *f)
{
	static const char *const names[] = {"cert.pem", "key.pem", "shut.pem", "x.ini"};
	char path[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/folder", f->path);
	rmdir(path);
	rmdir(f->path);
}

/* In place of every needle; the result is the caller's. */
static char *replace_all(const char *text, const char *needle, const char *with)
{
	char *out = NULL;
	size_t n = 0;
	FILE *stream = open_memstream(&out, &n);

	for (const char *hit; (hit = strstr(text, needle)) != NULL; text = hit + strlen(needle))
		fprintf(stream, "%.*s%s", (int)(hit - text), text, with);
	fputs(text, stream);
	fclose(stream);
	return out;
}

/* x.ini; "$D" in the text stands for the folder. */
static void folder_configure(const struct folder *f, const char *text)
{
	char *full = replace_all(text, "$D", f->path);

	folder_write(f, "x.ini", full, strlen(full));
	free(full);
}

#endif
