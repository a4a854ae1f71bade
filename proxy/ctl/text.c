#include "init.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

void *text_grow(void *p, size_t bytes)
{
	void *more = realloc(p, bytes);

	if (more != NULL)
		return more;
	fputs("sallyportctl: out of memory\n", stderr);
	exit(CTL_UNUSABLE);
}

char *text_of(const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	ENSURE(n >= 0);
	text = text_grow(NULL, (size_t)n + 1);
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, args);
	va_end(args);
	return text;
}

char *text_read(const char *path, size_t *n)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t cap = 0, got = 1;
	int error;

	*n = 0;
	if (file == NULL)
		return NULL;
	while (got > 0) {
		if (cap - *n < 2)
			text = text_grow(text, cap = cap * 2 + 4096);
		got = fread(text + *n, 1, cap - *n - 1, file);
		*n += got;
	}
	error = ferror(file) ? errno : 0;
	(void)fclose(file);
	if (error != 0) {
		free(text);
		errno = error;
		return NULL;
	}
	text[*n] = '\0';
	return text;
}

bool names_have(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], name) == 0)
			return true;
	}
	return false;
}

void names_add(struct names *names, struct span name)
{
	char *copy = text_of("%.*s", SPAN_FMT(name));

	if (names_have(names, copy)) {
		free(copy);
		return;
	}
	names->v = text_grow(names->v, (names->n + 1) * sizeof(char *));
	names->v[names->n++] = copy;
}

void names_drop(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], name) != 0)
			continue;
		free(names->v[i]);
		names->n--;
		memmove(names->v + i, names->v + i + 1, (names->n - i) * sizeof(char *));
		return;
	}
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct names){NULL, 0};
}

char *names_join(const struct names *names, const char *between)
{
	char *all = text_of("%s", "");

	for (size_t i = 0; i < names->n; i++) {
		char *more = text_of("%s%s%s", all, i > 0 ? between : "", names->v[i]);

		free(all);
		all = more;
	}
	return all;
}

void say(struct talk *talk, enum say what, const char *fix, const char *fmt, ...)
{
	static const char *const labels[] = {
	    [SAY_FOUND] = "found", [SAY_NOTE] = "note", [SAY_UNSURE] = "unsure", [SAY_MISSING] = "missing"};
	va_list args;

	talk->missing += what == SAY_MISSING;
	fprintf(talk->out, "  %-8s ", labels[what]);
	va_start(args, fmt);
	(void)vfprintf(talk->out, fmt, args);
	va_end(args);
	fputc('\n', talk->out);
	if (fix != NULL)
		fprintf(talk->out, "           by hand: %s\n", fix);
}
