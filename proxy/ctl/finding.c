#include "finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sallyport/utf8.h"

/* What a server can make us say is bounded elsewhere; this is for our own mistakes. */
#define FINDINGS_MAX 512
/* "  topic  word  text" */
#define INDENT 15
#define LABEL 6
/* In fewer there is no room for words behind those. */
#define COLUMNS_LEAST 50

static const char *const level_names[] = {"ok", "note", "WARN", "FAIL"};

static bool grow(struct findings *all)
{
	size_t cap = all->cap * 2 + 32;
	struct finding *v = cap <= FINDINGS_MAX ? realloc(all->v, cap * sizeof(*v)) : NULL;

	if (v == NULL)
		return false;
	all->v = v;
	all->cap = cap;
	return true;
}

struct finding *finding_add(
    struct findings *all, enum finding_level level, const char *topic, enum reason code, const char *fmt, ...)
{
	struct finding *f;
	va_list args;

	all->lost = all->lost || (all->n == all->cap && !grow(all));
	f = all->n < all->cap ? &all->v[all->n++] : &all->spare;
	*f = (struct finding){.level = level, .topic = topic, .code = code, .who = reason_row(code)->who};
	va_start(args, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
	return f;
}

void finding_so(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->so, sizeof(f->so), fmt, args);
	va_end(args);
}

void finding_tell(struct finding *f, const char *text)
{
	(void)snprintf(f->tell, sizeof(f->tell), "%s", text);
}

void finding_fix(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->fix, sizeof(f->fix), fmt, args);
	va_end(args);
}

void findings_free(struct findings *all)
{
	free(all->v);
	*all = (struct findings){.v = NULL};
}

enum finding_level findings_worst(const struct findings *all)
{
	enum finding_level worst = FINDING_OK;

	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i].level > worst)
			worst = all->v[i].level;
	}
	return worst;
}

/* --- for people --- */

size_t finding_put_clean(FILE *out, struct span text)
{
	size_t columns = 0;

	while (text.n > 0) {
		uint32_t cp;
		size_t n = utf8_read(text, &cp);

		if (n == 0 || utf8_is_hidden(cp))
			putc('?', out);
		else
			(void)fwrite(text.p, 1, n, out);
		n = n == 0 ? 1 : n;
		text.p += n;
		text.n -= n;
		columns++;
	}
	return columns;
}

/* A narrower terminal gets shorter lines. */
static size_t columns_of_output(FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS_LEAST &&
	    size.ws_col < FINDING_COLUMNS)
		return size.ws_col;
	return FINDING_COLUMNS;
}

/* What stands before it on its first line ends at column `from`. */
static void put_wrapped(FILE *out, size_t from, const char *text)
{
	size_t at = from, end = columns_of_output(out);

	while (*text != '\0') {
		struct span word = {text, strcspn(text, " ")};
		size_t columns = utf8_columns(word);

		if (at > from && at + 1 + columns > end) {
			fprintf(out, "\n%*s", (int)from, "");
			at = from;
		} else if (at > from) {
			putc(' ', out);
			at++;
		}
		at += finding_put_clean(out, word);
		text += word.n;
		text += strspn(text, " ");
	}
	putc('\n', out);
}

void finding_print_line(FILE *out, size_t indent, const char *label, size_t width, const char *text)
{
	fprintf(out, "%*s%-*s", (int)indent, "", (int)width, label);
	put_wrapped(out, indent + width, text);
}

bool finding_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(out)) && (no == NULL || no[0] == '\0');
}

static const char *colour_of(enum finding_level level)
{
	static const char *const colours[] = {"\033[32m", "\033[36m", "\033[33m", "\033[1;31m"};

	return colours[level];
}

static void print(FILE *out, const struct finding *f, bool colour)
{
	char text[sizeof(f->text) + 64];

	fprintf(out, "  %-7s%s%-4s%s  ", f->topic, colour ? colour_of(f->level) : "", level_names[f->level],
	    colour ? "\033[0m" : "");
	(void)snprintf(text, sizeof(text), "%s%s%s", f->code != REASON_NONE ? reason_row(f->code)->code : "",
	    f->code != REASON_NONE ? "  " : "", f->text);
	put_wrapped(out, INDENT, text);
}

static void print_more(FILE *out, const struct finding *f)
{
	if (f->so[0] != '\0')
		finding_print_line(out, INDENT, "so", LABEL, f->so);
	if (f->level >= FINDING_WARN && f->who != WHO_NOBODY)
		finding_print_line(out, INDENT, "who", LABEL, reason_who_text(f->who));
	if (f->tell[0] != '\0')
		finding_print_line(out, INDENT, "tell", LABEL, f->tell);
	if (f->fix[0] != '\0')
		finding_print_line(out, INDENT, "fix", LABEL, f->fix);
}

void findings_print(FILE *out, struct findings *all, enum finding_level least, bool colour)
{
	for (; all->shown < all->n; all->shown++) {
		const struct finding *f = &all->v[all->shown];

		if (f->level < least)
			continue;
		print(out, f, colour);
		print_more(out, f);
	}
	(void)fflush(out);
}

/* --- for programs --- */

static void put_if(struct json *j, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_str(j, key, text);
}

void findings_json(struct json *j, const struct findings *all)
{
	static const char *const names[] = {"ok", "note", "warning", "failure"};

	json_open_array(j, "findings");
	for (size_t i = 0; i < all->n; i++) {
		const struct finding *f = &all->v[i];

		json_open_object(j, NULL);
		json_str(j, "level", names[f->level]);
		json_str(j, "topic", f->topic);
		if (f->code != REASON_NONE)
			json_str(j, "code", reason_row(f->code)->code);
		json_str(j, "text", f->text);
		put_if(j, "so", f->so);
		if (f->level >= FINDING_WARN && f->who != WHO_NOBODY)
			json_str(j, "who", reason_who_text(f->who));
		put_if(j, "tell", f->tell);
		put_if(j, "fix", f->fix);
		json_close_object(j);
	}
	json_close_array(j);
}
