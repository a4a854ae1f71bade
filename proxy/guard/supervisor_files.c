#include "supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Which files are opened, and for whom: those of certificates and keys for the key process, and what else the
 * configuration names for the network process.  It names them to us itself, so that what the network process says is no
 * more than a choice. */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add(struct supervisor_paths *paths, char *const *path, size_t n)
{
	for (size_t i = 0; i < n; i++)
		paths->path[paths->n++] = path[i];
}

/* Room for all; false: no memory. */
static bool make_room(struct supervisor *s)
{
	const struct conf *conf = s->conf;
	size_t keys = 0, others = conf->trust_anchors_n + conf->crls_n + 2;

	for (size_t i = 0; i < conf->hosts_n; i++)
		keys += conf->hosts[i].certificates_n + conf->hosts[i].keys_n;
	for (size_t i = 0; i < conf->peers_n; i++)
		others += conf->peers[i].anchors_n;
	s->keys.path = calloc(keys + 1, sizeof(*s->keys.path));
	s->others.path = calloc(others, sizeof(*s->others.path));
	return s->keys.path != NULL && s->others.path != NULL;
}

bool supervisor_allow(struct supervisor *s)
{
	const struct conf *conf = s->conf;

	if (!make_room(s)) {
		supervisor_disallow(s);
		return false;
	}
	for (size_t i = 0; i < conf->hosts_n; i++) {
		add(&s->keys, conf->hosts[i].certificates, conf->hosts[i].certificates_n);
		add(&s->keys, conf->hosts[i].keys, conf->hosts[i].keys_n);
	}
	add(&s->others, &s->path, 1);
	if (conf->trust_bundle != NULL)
		add(&s->others, &conf->trust_bundle, 1);
	add(&s->others, conf->trust_anchors, conf->trust_anchors_n);
	add(&s->others, conf->crls, conf->crls_n);
	for (size_t i = 0; i < conf->peers_n; i++)
		add(&s->others, conf->peers[i].anchors, conf->peers[i].anchors_n);
	qsort(s->keys.path, s->keys.n, sizeof(*s->keys.path), by_text);
	qsort(s->others.path, s->others.n, sizeof(*s->others.path), by_text);
	return true;
}

void supervisor_disallow(struct supervisor *s)
{
	free(s->keys.path);
	free(s->others.path);
	s->keys = s->others = (struct supervisor_paths){NULL, 0};
}

static bool named(const struct supervisor_paths *paths, const char *path)
{
	return bsearch(&path, paths->path, paths->n, sizeof(*paths->path), by_text) != NULL;
}

static bool below(char *const *folders, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(folders[i]);

		while (length > 0 && folders[i][length - 1] == '/')
			length--;
		if (strncmp(path, folders[i], length) == 0 && path[length] == '/' &&
		    strstr(path + length, "/../") == NULL)
			return true;
	}
	return false;
}

bool supervisor_allows_key(const struct supervisor *s, const char *path)
{
	return named(&s->keys, path) || below(s->conf->certificate_folders, s->conf->certificate_folders_n, path);
}

static bool is_key(const struct conf *conf, const char *path)
{
	for (size_t i = 0; i < conf->hosts_n; i++) {
		for (size_t j = 0; j < conf->hosts[i].keys_n; j++) {
			if (strcmp(conf->hosts[i].keys[j], path) == 0)
				return true;
		}
	}
	return false;
}

bool supervisor_allows(const struct supervisor *s, const char *path)
{
	const struct conf *conf = s->conf;

	/* a certificate of ours may be an anchor as well */
	if (is_key(conf, path))
		return false;
	return named(&s->others, path) || (below(conf->crls, conf->crls_n, path) && !supervisor_allows_key(s, path));
}

int supervisor_open(const char *path, uint32_t *error)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*error = fd < 0 ? (uint32_t)errno : 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0) {
		*error = EINVAL;
		(void)close(fd);
	}
	return -1;
}

bool supervisor_holds_key(int fd)
{
	static const char mark[] = "PRIVATE KEY-----";
	const size_t mark_n = sizeof(mark) - 1;
	char room[8192];
	size_t kept = 0;
	bool found = false;
	ssize_t n;

	while ((n = read(fd, room + kept, sizeof(room) - kept)) > 0 && !found) {
		size_t all = kept + (size_t)n;

		found = memmem(room, all, mark, mark_n) != NULL;
		kept = all < mark_n - 1 ? all : mark_n - 1; /* it may go on in the next piece */
		memmove(room, room + all - kept, kept);
	}
	explicit_bzero(room, sizeof(room));
	return found || n < 0 || lseek(fd, 0, SEEK_SET) != 0;
}
