#include "sallyport/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int (*opener)(void *arg, const char *path, bool check);
static void *opener_arg;

void file_set_opener(int (*fn)(void *arg, const char *path, bool check), void *arg)
{
	opener = fn;
	opener_arg = arg;
}

int file_open(const char *path)
{
	if (opener != NULL)
		return opener(opener_arg, path, false);
	return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

FILE *file_stream(const char *path)
{
	int fd = file_open(path);
	FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (fd >= 0 && stream == NULL)
		(void)close(fd);
	return stream;
}

int file_check(const char *path)
{
	struct stat st;
	bool regular;
	int fd;

	if (opener != NULL)
		return opener(opener_arg, path, true) < 0 ? errno : 0;
	fd = file_open(path);
	if (fd < 0)
		return errno;
	regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	(void)close(fd);
	return regular ? 0 : EINVAL;
}
