/* script: a transcript as lines and scenes, before anything is played.
 *
 * A line that ends in "\" goes on in the next one, whose leading white space is dropped.  Empty lines and those that
 * begin with "#" say nothing.  "include FILE" reads another file, from the same folder as this one.  "scene NAME
 * PARAMETER…" to "end" keeps lines for "act NAME ARGUMENT…"; "conf" to "end" is one line with line ends in it. */
#ifndef PLAY_SCRIPT_H
#define PLAY_SCRIPT_H

#include "sallyport/base.h"

struct place {
	const char *file; /* the script's */
	unsigned line;
};

struct script_line {
	struct place at;
	char *text;
};

struct lines {
	struct script_line *v;
	size_t n, cap;
};

#define SCENE_PARAMS_MAX 12

struct scene {
	char *name;
	char *params[SCENE_PARAMS_MAX];
	size_t params_n;
	struct lines lines;
};

struct script;
/* Ends the program with a complaint when the file or one that it includes is wrong. */
struct script *script_load(const char *path);
void script_free(struct script *script);
const struct lines *script_lines(const struct script *script);
const struct scene *script_scene(const struct script *script, struct span name); /* NULL: there is none */

/* Cuts the next word off *text, and the white space behind it; n == 0: there is none. */
struct span next_word(const char **text);
/* "key=value" of a word; key.n == 0: it is none. */
void split_option(struct span word, struct span *key, struct span *value);

/* text with "{name}" replaced by the argument of that parameter, and "{3 x text}" by text as many times.
 * The result is the caller's.  NULL: other braces; *unknown, pointing into text, is what stands in them. */
char *script_fill(const char *text, const struct scene *scene, char *const *args, struct span *unknown);

#endif
