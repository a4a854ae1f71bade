#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return false;
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		text += put;
		n -= (size_t)put;
	}
	return true;
}

/* The folder's entry is on the disk, too, once this is true. */
static bool sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == path || slash == NULL ? text_of("/") : text_of("%.*s", (int)(slash - path), path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	free(folder);
	return ok;
}

/* st: what else to give the file besides what it holds; its times only if that is asked for. */
static bool put(const char *path, const char *text, size_t n, const struct stat *st, bool times)
{
	char *new = text_of("%s.sallyport-new", path);
	int fd;
	bool ok;

	(void)unlink(new); /* of a run that was killed */
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ok = fd >= 0 && write_all(fd, text, n) && fchown(fd, st->st_uid, st->st_gid) == 0 &&
	     fchmod(fd, st->st_mode & 07777) == 0;
	if (times)
		ok = ok && futimens(fd, (const struct timespec[]){st->st_atim, st->st_mtim}) == 0;
	ok = ok && fsync(fd) == 0 && rename(new, path) == 0 && sync_folder(path);
	if (!ok) {
		(void)complain(path);
		if (fd >= 0)
			(void)unlink(new);
	}
	if (fd >= 0)
		(void)close(fd);
	free(new);
	return ok;
}

bool file_write(const char *path, const char *text, size_t n, mode_t mode, uid_t owner, gid_t group)
{
	struct stat st = {.st_mode = mode, .st_uid = owner, .st_gid = group};

	return put(path, text, n, &st, false);
}

bool file_copy(const char *from, const char *to)
{
	struct stat st;
	size_t n = 0;
	char *text = stat(from, &st) == 0 ? text_read(from, &n) : NULL;
	bool ok = text != NULL ? put(to, text, n, &st, true) : complain(from);

	if (text != NULL)
		explicit_bzero(text, n);
	free(text);
	return ok;
}

void text_digest(struct span text, char out[static FILE_DIGEST_MAX])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	(void)SHA256((const uint8_t *)text.p, text.n, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void file_digest(const char *path, char out[static FILE_DIGEST_MAX])
{
	size_t n;
	char *text = text_read(path, &n);

	(void)snprintf(out, FILE_DIGEST_MAX, "-");
	if (text == NULL)
		return;
	text_digest((struct span){text, n}, out);
	explicit_bzero(text, n);
	free(text);
}
