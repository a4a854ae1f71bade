#include "conf_internal.h"

#include <errno.h>
#include <ini.h>
#include <openssl/sha.h>

#include "sallyport/file.h"

/* inih splits keys from values; everything else about lines is done here, since it keeps silent about too much: it cuts
 * a line at 200 bytes and takes the rest for a new key, cuts section names at 49, says nothing of a section without
 * keys, takes an indented line for more of the value before, and reports only the first bad line. */
struct reader {
	struct conf_build *build;
	FILE *in;
	SHA256_CTX read; /* of what was read so far */
	unsigned line;
	bool pending; /* inih was given a line that should be a pair, and has not come back with one */
};

enum line_fault { LINE_OK, LINE_END, LINE_LONG, LINE_CONTROL };

/* A line without its end, terminated. */
static enum line_fault line_read(FILE *in, char *text, size_t size)
{
	enum line_fault fault = LINE_OK;
	size_t n = 0;
	int c;

	while ((c = getc(in)) != EOF && c != '\n') {
		if (n + 1 >= size) {
			fault = LINE_LONG;
			continue;
		}
		text[n++] = (char)c;
	}
	if (c == EOF && n == 0)
		return LINE_END;
	while (n > 0 && strchr(" \t\r", text[n - 1]) != NULL && text[n - 1] != '\0')
		n--;
	text[n] = '\0';
	for (size_t i = 0; i < n && fault == LINE_OK; i++) {
		if (((uint8_t)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			fault = LINE_CONTROL;
	}
	return fault;
}

/* "[name argument]", and nothing but a comment behind it. */
static void section_read(struct reader *r, const char *text)
{
	const char *end = strchr(text, ']');
	const char *rest = end != NULL ? end + 1 + strspn(end + 1, " \t") : NULL;
	struct span name, argument;

	if (end == NULL) {
		conf_error(r->build, r->line, "a section without its \"]\"");
		conf_build_broken_section(r->build, r->line);
		return;
	}
	if (*rest != '\0' && *rest != ';' && *rest != '#') {
		conf_error(r->build, r->line, "\"%.60s\" behind a section's \"]\"", rest);
		conf_build_broken_section(r->build, r->line);
		return;
	}
	text++;
	text += strspn(text, " \t");
	name = (struct span){text, strcspn(text, " \t]")};
	text += name.n;
	text += strspn(text, " \t");
	argument = (struct span){text, (size_t)(end - text)};
	while (argument.n > 0 && strchr(" \t", argument.p[argument.n - 1]) != NULL)
		argument.n--;
	conf_build_section(r->build, r->line, name, argument);
}

/* Whether inih is to see the line. */
static bool line_is_pair(struct reader *r, const char *text)
{
	const char *start = text + strspn(text, " \t");

	if (*start == '\0' || *start == ';' || *start == '#')
		return false;
	if (start > text) {
		conf_error(r->build, r->line,
		    "the line is indented: a value does not go on in another line, and keys start in the first column");
		return false;
	}
	if (*start == '[') {
		section_read(r, start);
		return false;
	}
	return true;
}

/* After inih has seen a line. */
static void line_done(struct reader *r)
{
	if (r->pending)
		conf_error(r->build, r->line, "this is neither a [section] nor \"key = value\"");
	r->pending = false;
}

/* fgets() as inih calls it, a line at a time. */
static char *reader_line(char *text, int size, void *arg)
{
	struct reader *r = arg;
	size_t room = (size_t)size - 1; /* for the line's end, which inih takes as the proof that it has all of it */
	enum line_fault fault;
	bool pair = false;

	line_done(r);
	fault = line_read(r->in, text, room);
	if (fault == LINE_END)
		return NULL;
	r->line++;
	SHA256_Update(&r->read, text, strlen(text) + 1);
	if (r->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
		memmove(text, text + 3, strlen(text + 3) + 1);
	if (fault == LINE_LONG)
		conf_error(r->build, r->line,
		    "the line is longer than %zu bytes; a list may go on in another line with the same key", room - 1);
	else if (fault == LINE_CONTROL)
		conf_error(r->build, r->line, "a control character");
	else
		pair = line_is_pair(r, text);
	if (!pair)
		text[0] = '\0';
	r->pending = pair;
	strcat(text, "\n");
	return text;
}

static int reader_pair(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *r = arg;

	(void)section;
	r->pending = false;
	conf_build_pair(r->build, r->line, key, value);
	return 1;
}

void conf_file_read(struct conf_build *b)
{
	struct reader r = {.build = b, .in = file_stream(b->path)};

	if (r.in == NULL) {
		conf_error(b, 0, "%s", strerror(errno));
		return;
	}
	SHA256_Init(&r.read);
	/* What it returns is the first bad line, and all of those have been reported. */
	(void)ini_parse_stream(reader_line, &r, reader_pair, &r);
	if (ferror(r.in))
		conf_error(b, 0, "%s", strerror(errno));
	fclose(r.in);
	SHA256_Final(b->conf->text_sha256, &r.read);
}
