#include "logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fakenet.h"
#include "sallyport/log.h"

enum { LINES_MAX = 4096, PAIRS_MAX = 64 };

struct line {
	char *text;
	bool claimed;
};

struct logs {
	int fd;
	struct fake_bytes part; /* a line not yet whole */
	size_t read;
	struct line v[LINES_MAX];
	size_t n;
};

struct logs *logs_new(void)
{
	struct logs *logs = fake_alloc(sizeof(*logs));

	logs->fd = memfd_create("log", MFD_CLOEXEC);
	ENSURE(logs->fd >= 0);
	log_set_fd(logs->fd);
	log_set_level(LOG_DEBUG);
	return logs;
}

void logs_free(struct logs *logs)
{
	if (logs == NULL)
		return;
	log_set_fd(STDERR_FILENO);
	close(logs->fd);
	for (size_t i = 0; i < logs->n; i++)
		free(logs->v[i].text);
	fake_bytes_free(&logs->part);
	free(logs);
}

static void cut_lines(struct logs *logs)
{
	char *end;

	while (logs->part.n > 0 && (end = memchr(logs->part.p, '\n', logs->part.n)) != NULL) {
		size_t n = (size_t)(end - logs->part.p);
		struct line *line = &logs->v[logs->n++];

		ENSURE(logs->n < LINES_MAX);
		line->text = fake_alloc(n + 1);
		memcpy(line->text, logs->part.p, n);
		fake_bytes_drop(&logs->part, n + 1);
	}
}

void logs_take(struct logs *logs)
{
	char piece[4096];
	ssize_t n;

	while ((n = pread(logs->fd, piece, sizeof(piece), (off_t)logs->read)) > 0) {
		logs->read += (size_t)n;
		fake_bytes_put(&logs->part, (struct span){piece, (size_t)n});
		cut_lines(logs);
	}
}

/* Cuts "key=value" or "key="quoted value"" off *text; the value without its quotes, as it is escaped. */
static bool next_pair(const char **text, struct span *key, struct span *value)
{
	const char *p = *text + strspn(*text, " ");
	const char *is = strchr(p, '=');
	const char *end;

	if (*p == '\0' || is == NULL)
		return false;
	*key = (struct span){p, (size_t)(is - p)};
	p = is + 1;
	if (*p == '"') {
		for (end = ++p; *end != '\0' && *end != '"'; end++)
			if (*end == '\\' && end[1] != '\0')
				end++;
	} else {
		end = p + strcspn(p, " ");
	}
	*value = (struct span){p, (size_t)(end - p)};
	*text = *end == '"' ? end + 1 : end;
	return true;
}

static bool find_pair(const char *line, struct span key, struct span *value)
{
	struct span k;

	while (next_pair(&line, &k, value))
		if (span_eq(k, key))
			return true;
	return false;
}

static bool line_matches(const char *line, const char *options, struct vars *vars)
{
	size_t mark = vars_mark(vars);
	struct span key, pattern, value;

	/* Those are for who works on the gateway, and promise nothing. */
	if (find_pair(line, SPAN("level"), &value) && span_eq(value, SPAN("debug")))
		return false;
	while (next_pair(&options, &key, &pattern)) {
		char text[512];

		ENSURE(pattern.n < sizeof(text));
		memcpy(text, pattern.p, pattern.n);
		text[pattern.n] = '\0';
		if (find_pair(line, key, &value) && match(text, value, vars))
			continue;
		vars_undo(vars, mark);
		return false;
	}
	return true;
}

bool logs_claim(struct logs *logs, const char *options, struct vars *vars)
{
	for (size_t i = 0; i < logs->n; i++) {
		if (logs->v[i].claimed || !line_matches(logs->v[i].text, options, vars))
			continue;
		logs->v[i].claimed = true;
		return true;
	}
	return false;
}

static bool must_be_claimed(const char *line)
{
	struct span level, reason;

	if (!find_pair(line, SPAN("level"), &level) || span_eq(level, SPAN("debug")))
		return false;
	if (span_eq(level, SPAN("warning")) || span_eq(level, SPAN("error")))
		return true;
	return find_pair(line, SPAN("reason"), &reason) && !span_eq(reason, SPAN("SP-OK")) &&
	       !span_eq(reason, SPAN("SP-CLOSED"));
}

const char *logs_unclaimed(const struct logs *logs)
{
	for (size_t i = 0; i < logs->n; i++)
		if (!logs->v[i].claimed && must_be_claimed(logs->v[i].text))
			return logs->v[i].text;
	return NULL;
}

const char *logs_holding(const struct logs *logs, const char *word)
{
	for (size_t i = 0; i < logs->n; i++)
		if (strstr(logs->v[i].text, word) != NULL)
			return logs->v[i].text;
	return NULL;
}

void logs_print(const struct logs *logs)
{
	for (size_t i = 0; i < logs->n; i++)
		printf("\t%s%s\n", logs->v[i].claimed ? "(claimed) " : "", logs->v[i].text);
}
