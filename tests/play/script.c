#include "script.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fakenet.h"

enum { SCENES_MAX = 64, FILES_MAX = 16, LINE_MAX_BYTES = 16384 };

struct script {
	struct lines lines;
	struct scene scenes[SCENES_MAX];
	size_t scenes_n;
	char *files[FILES_MAX];
	size_t files_n;
};

/* A file while it is being read. */
struct input {
	struct script *script;
	FILE *f;
	struct place at;
	struct scene *scene; /* lines go there; NULL: to the script */
};

__attribute__((noreturn)) PRINTF_LIKE(2, 3) static void complain(const struct place *at, const char *fmt, ...)
{
	va_list args;

	printf("%s:%u: ", at->file, at->line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	/* Not exit(): what was not freed on the way here is no leak. */
	_exit(1);
}

static char *copy(struct span s)
{
	char *p = fake_alloc(s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct span next_word(const char **text)
{
	const char *p = *text;
	struct span word;

	while (isspace((unsigned char)*p))
		p++;
	word.p = p;
	while (*p != '\0' && !isspace((unsigned char)*p))
		p++;
	word.n = (size_t)(p - word.p);
	while (isspace((unsigned char)*p))
		p++;
	*text = p;
	return word;
}

void split_option(struct span word, struct span *key, struct span *value)
{
	const char *is = word.n > 0 ? memchr(word.p, '=', word.n) : NULL;

	*key = *value = SPAN_NONE;
	if (is == NULL)
		return;
	*key = (struct span){word.p, (size_t)(is - word.p)};
	*value = (struct span){is + 1, word.n - key->n - 1};
}

/* --- reading --- */

/* One line of the file, without its end.  False: there is none. */
static bool raw_line(struct input *in, char line[static LINE_MAX_BYTES])
{
	size_t n;

	if (fgets(line, LINE_MAX_BYTES, in->f) == NULL)
		return false;
	in->at.line++;
	n = strlen(line);
	if (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	else if (!feof(in->f))
		complain(&in->at, "the line is too long");
	return true;
}

/* A whole line, joined with those that continue it, without white space around it. */
static bool whole_line(struct input *in, char line[static LINE_MAX_BYTES], struct place *at)
{
	char part[LINE_MAX_BYTES];
	size_t n = 0;

	line[0] = '\0';
	while (raw_line(in, part)) {
		const char *p = part;
		size_t part_n;

		while (isspace((unsigned char)*p))
			p++;
		if (n == 0)
			*at = in->at;
		part_n = strlen(p);
		if (part_n >= LINE_MAX_BYTES - n)
			complain(at, "the line is too long");
		memcpy(line + n, p, part_n + 1);
		n += part_n;
		if (n == 0 || line[n - 1] != '\\')
			return true;
		line[--n] = '\0';
	}
	return n > 0;
}

static void add_line(struct input *in, const struct place *at, struct span text)
{
	struct lines *to = in->scene != NULL ? &in->scene->lines : &in->script->lines;

	if (to->n == to->cap) {
		to->cap = to->cap == 0 ? 64 : 2 * to->cap;
		to->v = realloc(to->v, to->cap * sizeof(*to->v));
		ENSURE(to->v != NULL);
	}
	to->v[to->n++] = (struct script_line){*at, copy(text)};
}

static void read_conf(struct input *in, const struct place *at)
{
	struct fake_bytes all = {NULL, 0, 0, 0};
	char line[LINE_MAX_BYTES];

	fake_bytes_put(&all, SPAN("conf\n"));
	for (;;) {
		const char *p = line;

		if (!raw_line(in, line))
			complain(at, "\"conf\" without \"end\"");
		while (isspace((unsigned char)*p))
			p++;
		if (strcmp(p, "end") == 0)
			break;
		fake_bytes_put(&all, span_of(p));
		fake_bytes_put(&all, SPAN("\n"));
	}
	add_line(in, at, (struct span){all.p, all.n});
	fake_bytes_free(&all);
}

static void read_file(struct script *script, const char *path, const struct place *from);

static void begin_scene(struct input *in, const struct place *at, const char *rest)
{
	struct span name = next_word(&rest);
	struct scene *scene = &in->script->scenes[in->script->scenes_n];

	if (in->scene != NULL)
		complain(at, "a scene within a scene");
	if (name.n == 0)
		complain(at, "a scene needs a name");
	if (script_scene(in->script, name) != NULL)
		complain(at, "there is a scene \"%.*s\" already", SPAN_FMT(name));
	ENSURE(in->script->scenes_n < SCENES_MAX);
	in->script->scenes_n++;
	scene->name = copy(name);
	while (*rest != '\0') {
		ENSURE(scene->params_n < SCENE_PARAMS_MAX);
		scene->params[scene->params_n++] = copy(next_word(&rest));
	}
	in->scene = scene;
}

static void include(struct input *in, const struct place *at, const char *name)
{
	const char *slash = strrchr(in->at.file, '/');
	char path[1024];

	(void)snprintf(
	    path, sizeof(path), "%.*s%s", slash != NULL ? (int)(slash - in->at.file + 1) : 0, in->at.file, name);
	read_file(in->script, path, at);
}

static void take_line(struct input *in, const struct place *at, const char *line)
{
	const char *rest = line;
	struct span word = next_word(&rest);

	if (word.n == 0 || line[0] == '#')
		return;
	if (span_eq(word, SPAN("include"))) {
		include(in, at, rest);
	} else if (span_eq(word, SPAN("scene"))) {
		begin_scene(in, at, rest);
	} else if (span_eq(word, SPAN("conf"))) {
		read_conf(in, at);
	} else if (span_eq(word, SPAN("end"))) {
		if (in->scene == NULL)
			complain(at, "\"end\" of nothing");
		in->scene = NULL;
	} else {
		add_line(in, at, span_of(line));
	}
}

static void read_file(struct script *script, const char *path, const struct place *from)
{
	struct input in = {.script = script};
	char line[LINE_MAX_BYTES];
	struct place at;

	ENSURE(script->files_n < FILES_MAX);
	in.at.file = script->files[script->files_n++] = copy(span_of(path));
	in.f = fopen(path, "r");
	if (in.f == NULL)
		complain(from != NULL ? from : &in.at, "%s cannot be read", path);
	while (whole_line(&in, line, &at))
		take_line(&in, &at, line);
	if (in.scene != NULL)
		complain(&in.at, "scene \"%s\" has no end", in.scene->name);
	fclose(in.f);
}

struct script *script_load(const char *path)
{
	struct script *script = fake_alloc(sizeof(*script));

	read_file(script, path, NULL);
	return script;
}

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i].text);
	free(lines->v);
}

void script_free(struct script *script)
{
	if (script == NULL)
		return;
	lines_free(&script->lines);
	for (size_t i = 0; i < script->scenes_n; i++) {
		free(script->scenes[i].name);
		for (size_t p = 0; p < script->scenes[i].params_n; p++)
			free(script->scenes[i].params[p]);
		lines_free(&script->scenes[i].lines);
	}
	for (size_t i = 0; i < script->files_n; i++)
		free(script->files[i]);
	free(script);
}

const struct lines *script_lines(const struct script *script)
{
	return &script->lines;
}

const struct scene *script_scene(const struct script *script, struct span name)
{
	for (size_t i = 0; i < script->scenes_n; i++)
		if (span_eq(span_of(script->scenes[i].name), name))
			return &script->scenes[i];
	return NULL;
}

/* --- filling in --- */

/* Writes what stands for the braces' contents.  False: nothing does. */
static bool fill_one(struct fake_bytes *out, struct span inside, const struct scene *scene, char *const *args)
{
	char *end = NULL;
	unsigned long times;

	for (size_t i = 0; scene != NULL && i < scene->params_n; i++) {
		if (!span_eq(span_of(scene->params[i]), inside))
			continue;
		fake_bytes_put(out, span_of(args[i]));
		return true;
	}
	if (inside.n == 0 || !isdigit((unsigned char)inside.p[0]))
		return false;
	times = strtoul(inside.p, &end, 10);
	if (end + 3 > inside.p + inside.n || memcmp(end, " x ", 3) != 0)
		return false;
	for (unsigned long i = 0; i < times; i++)
		fake_bytes_put(out, (struct span){end + 3, (size_t)(inside.p + inside.n - end) - 3});
	return true;
}

char *script_fill(const char *text, const struct scene *scene, char *const *args, struct span *unknown)
{
	struct fake_bytes out = {NULL, 0, 0, 0};

	while (*text != '\0') {
		const char *close = *text == '{' ? strchr(text, '}') : NULL;
		struct span inside = {text + 1, close != NULL ? (size_t)(close - text) - 1 : 0};

		if (close == NULL) {
			fake_bytes_put(&out, (struct span){text++, 1});
		} else if (fill_one(&out, inside, scene, args)) {
			text = close + 1;
		} else {
			*unknown = inside;
			fake_bytes_free(&out);
			return NULL;
		}
	}
	fake_bytes_put(&out, (struct span){"", 1});
	return out.p;
}
