/* Asks the daemon over its control socket. */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sallyport/request.h"
#include "sallyport/sock.h"

#define DEFAULT_SOCKET "/run/sallyport/control"
/* Without a word from the daemon. */
#define PATIENCE_S 20

static bool usage(const struct ctl_ask *a, const char *command)
{
	fprintf(stderr, "usage: sallyportctl %s %s[--socket PATH] [--json]\n", command, a->usage);
	return false;
}

bool ctl_ask_options(struct ctl_ask *a, int argc, char **argv, int words_min, int words_max)
{
	a->socket = DEFAULT_SOCKET;
	a->words = argv + 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			a->json = true;
		else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
			a->socket = argv[++i];
		else if (argv[i][0] == '-')
			return usage(a, argv[0]);
		else
			a->words[a->words_n++] = argv[i];
	}
	if (a->words_n < words_min || a->words_n > words_max)
		return usage(a, argv[0]);
	return true;
}

bool ctl_request(const struct ctl_ask *a, char out[static CTL_REQUEST_MAX], const char *verb)
{
	size_t n = (size_t)snprintf(out, CTL_REQUEST_MAX, "%s", verb);

	for (int i = 0; i < a->words_n; i++) {
		const char *word = a->words[i];

		if (word[0] == '\0' || strpbrk(word, " \n") != NULL || strlen(word) > REQUEST_MAX - n - 1) {
			fprintf(stderr, "sallyportctl: \"%.100s\" is no word that the daemon could understand\n", word);
			return false;
		}
		n += (size_t)snprintf(out + n, CTL_REQUEST_MAX - n, " %s", word);
	}
	return true;
}

bool ctl_time(const char *text, int64_t *seconds)
{
	static const char units[] = "dhms";
	static const int64_t factors[] = {86400, 3600, 60, 1};

	*seconds = 0;
	for (const char *p = text; *p != '\0' || p == text;) {
		size_t digits = strspn(p, "0123456789");
		const char *unit = digits > 0 && digits < 7 && p[digits] != '\0' ? strchr(units, p[digits]) : NULL;

		if (unit == NULL)
			return false;
		*seconds += strtoll(p, NULL, 10) * factors[unit - units];
		p += digits + 1;
	}
	return true;
}

static const char *fix_of(int cause)
{
	switch (cause) {
	case ENOENT:
		return "is the daemon running (systemctl status sallyport)?  If its configuration names another socket "
		       "in "
		       "[control], say --socket PATH";
	case ECONNREFUSED:
		return "the daemon has ended without clearing up: start it (systemctl start sallyport)";
	case EACCES:
	case EPERM:
		return "run this as root or as the gateway's user, or see mode in [control]";
	case ENAMETOOLONG:
		return "the path of a Unix socket has at most 107 bytes";
	case EAGAIN:
		return "the daemon is busy with others: try again";
	default:
		return "";
	}
}

static int unreachable(const struct ctl_ask *a, int cause)
{
	const char *fix = fix_of(cause);

	fprintf(stderr, "sallyportctl: the daemon cannot be asked: %s: %s\n", a->socket,
	    cause == ENOENT ? "there is no such socket" : strerror(cause));
	if (fix[0] != '\0')
		fprintf(stderr, "  fix  %s\n", fix);
	return CTL_UNREACHABLE;
}

const char *ctl_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text != NULL ? text : "";
}

int64_t ctl_number(const json_t *row, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(row, key));
}

bool ctl_is(const json_t *row, const char *type)
{
	return strcmp(ctl_text(row, "type"), type) == 0;
}

static int end_of(const struct ctl_ask *a, const json_t *row, const char *line)
{
	if (json_is_true(json_object_get(row, "ok")))
		return CTL_OK;
	if (a->json)
		fputs(line, stdout);
	fflush(stdout);
	fprintf(stderr, "sallyportctl: %s\n", ctl_text(row, "error"));
	if (ctl_text(row, "fix")[0] != '\0')
		fprintf(stderr, "  fix  %s\n", ctl_text(row, "fix"));
	return CTL_BROKEN;
}

static int broken_off(const struct ctl_ask *a, const char *how)
{
	fprintf(stderr, "sallyportctl: %s: %s\n", a->socket, how);
	return CTL_UNREACHABLE;
}

static int read_answer(const struct ctl_ask *a, FILE *from, void (*row)(void *arg, const json_t *row), void *arg)
{
	char *line = NULL;
	size_t cap = 0;
	int rc = -1;

	while (rc < 0) {
		ssize_t n = getline(&line, &cap, from);
		json_t *value = n > 0 ? json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL) : NULL;

		if (n <= 0)
			rc = broken_off(a, errno == EAGAIN || errno == EWOULDBLOCK ? "the daemon does not answer"
			                                                           : "the daemon has broken off");
		else if (!json_is_object(value))
			rc = broken_off(a, "whoever answers there is not sallyport");
		else if (ctl_is(value, "end"))
			rc = end_of(a, value, line);
		else if (a->json)
			fputs(line, stdout);
		else if (row != NULL)
			row(arg, value);
		fflush(stdout);
		json_decref(value);
	}
	free(line);
	return rc;
}

static bool send_line(int fd, const char *request)
{
	struct span parts[] = {span_of(request), SPAN("\n")};
	size_t sent;
	int err;

	/* shorter than any socket's buffer */
	return sock_send(fd, parts, ARRAY_LEN(parts), &sent, &err) == SOCK_OK && sent == parts[0].n + parts[1].n;
}

int ctl_ask(const struct ctl_ask *a, const char *request, void (*row)(void *arg, const json_t *row), void *arg)
{
	struct timeval patience = {.tv_sec = a->patient ? 0 : PATIENCE_S};
	int fd = sock_local_connect(a->socket);
	FILE *from;
	int rc;

	if (fd < 0)
		return unreachable(a, errno);
	from = fdopen(fd, "r");
	if (from == NULL || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		rc = unreachable(a, errno);
	else {
		/* a daemon that has no room answers without listening */
		(void)send_line(fd, request);
		rc = read_answer(a, from, row, arg);
	}
	if (from != NULL)
		(void)fclose(from);
	else
		sock_close(fd);
	return rc;
}
