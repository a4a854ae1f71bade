#include "stage.h"

#include <ctype.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Turns without a byte that moves: more is a gateway that spins. */
enum { TURNS_MAX = 1000 };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* No shell: that would take longer than most plays. */
static bool remove_files(const struct stage *stage)
{
	return nftw(stage->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0;
}

void stage_fail(const struct stage *stage, const char *fmt, ...)
{
	va_list args;

	(void)fake_inside(false);
	if (stage->give_up != NULL)
		longjmp(*stage->give_up, 1);
	for (size_t i = stage->calls_n; i > 0; i--) {
		const struct place *at = &stage->calls[i - 1];

		printf("%s%s:%u: ", i < stage->calls_n ? "\tin the scene played at " : "", at->file, at->line);
		if (i < stage->calls_n) {
			printf("\n");
			continue;
		}
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
		printf("\n");
		if (stage->line != NULL)
			printf("\t%s\n", stage->line);
	}
	printf("\tin pieces of %zu bytes (0: whole); the log so far:\n", stage->pieces);
	logs_take(stage->logs);
	logs_print(stage->logs);
	fflush(stdout);
	(void)remove_files(stage);
	/* Not exit(): what the play held is no leak. */
	_exit(1);
}

void stage_settle(struct stage *stage)
{
	bool moved = true;

	while (moved) {
		if (!fake_loop_settle(stage->loop, TURNS_MAX))
			stage_fail(stage, "the gateway spins: it is busy and no byte moves");
		moved = false;
		for (size_t i = 0; i < stage->actors_n; i++)
			moved = actor_step(&stage->actors[i]) || moved;
	}
	logs_take(stage->logs);
}

struct addr stage_addr(const struct stage *stage, struct span text)
{
	struct addr at;

	for (size_t i = 0; i < stage->names_n; i++)
		if (span_eq(span_of(stage->names[i].name), text))
			return stage->names[i].at;
	if (!addr_parse(&at, text, false))
		stage_fail(stage, "\"%.*s\" is no address with a port, and no name of one", SPAN_FMT(text));
	return at;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
	                                    : -1;
}

/* One escape, behind its backslash; returns how many bytes it took, 0: it is none. */
static size_t escape(const char *p, char *out)
{
	static const char letters[] = "n\nt\t\\\\";

	for (size_t i = 0; i < sizeof(letters) - 1; i += 2) {
		if (letters[i] != *p)
			continue;
		*out = letters[i + 1];
		return 1;
	}
	if (*p != 'x' || hex_digit(p[1]) < 0 || hex_digit(p[2]) < 0)
		return 0;
	*out = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
	return 3;
}

struct fake_bytes stage_bytes(const struct stage *stage, const char *text)
{
	struct fake_bytes out = {NULL, 0, 0, 0};
	struct span unknown = SPAN_NONE;
	char *expanded = vars_expand(stage->vars, text, &unknown);

	if (expanded == NULL)
		stage_fail(stage, "nothing was captured as $%.*s", SPAN_FMT(unknown));
	for (const char *p = expanded; *p != '\0'; p++) {
		char c = *p;

		if (c == '\\') {
			size_t n = escape(p + 1, &c);

			if (n == 0)
				stage_fail(stage, "no such escape: \"%.4s\"", p);
			p += n;
		}
		fake_bytes_put(&out, (struct span){&c, 1});
	}
	free(expanded);
	return out;
}

/* --- playing --- */

static void play_lines(struct stage *stage, const struct lines *lines, const struct scene *scene, char *const *args);

/* act SCENE ARGUMENT…: the last argument takes the rest of the line. */
static void act(struct stage *stage, const char *rest)
{
	struct span name = next_word(&rest);
	const struct scene *scene = script_scene(stage->script, name);
	char *args[SCENE_PARAMS_MAX];

	if (scene == NULL)
		stage_fail(stage, "there is no scene \"%.*s\"", SPAN_FMT(name));
	for (size_t i = 0; i < scene->params_n; i++) {
		struct span word = i + 1 < scene->params_n ? next_word(&rest) : span_of(rest);

		if (word.n == 0)
			stage_fail(stage, "scene \"%s\" wants %zu arguments", scene->name, scene->params_n);
		args[i] = fake_alloc(word.n + 1);
		memcpy(args[i], word.p, word.n);
	}
	if (scene->params_n == 0 && *rest != '\0')
		stage_fail(stage, "scene \"%s\" takes no arguments", scene->name);
	play_lines(stage, &scene->lines, scene, args);
	for (size_t i = 0; i < scene->params_n; i++)
		free(args[i]);
}

static void play_line(struct stage *stage, const char *text)
{
	const char *rest = text;
	struct span word = next_word(&rest);

	if (span_eq(word, SPAN("act"))) {
		act(stage, rest);
	} else if (isupper((unsigned char)word.p[0])) {
		struct span verb = next_word(&rest);

		actor_perform(stage, actor_find(stage, word), verb, rest);
	} else if (!world_perform(stage, word, rest)) {
		stage_fail(stage, "there is no word \"%.*s\"", SPAN_FMT(word));
	}
	stage_settle(stage);
}

static void play_lines(struct stage *stage, const struct lines *lines, const struct scene *scene, char *const *args)
{
	char *outer = stage->line;

	ENSURE(stage->calls_n < CALLS_MAX);
	stage->calls_n++;
	for (size_t i = 0; i < lines->n; i++) {
		struct span unknown = SPAN_NONE;

		stage->calls[stage->calls_n - 1] = lines->v[i].at;
		stage->line = script_fill(lines->v[i].text, scene, args, &unknown);
		if (stage->line == NULL)
			stage_fail(stage, "{%.*s} is no parameter and no repetition", SPAN_FMT(unknown));
		play_line(stage, stage->line);
		free(stage->line);
	}
	stage->line = outer;
	stage->calls_n--;
}

/* --- before and after --- */

static void set_up(struct stage *stage, const struct script *script, size_t pieces)
{
	stage->script = script;
	stage->pieces = pieces;
	(void)snprintf(stage->dir, sizeof(stage->dir), "/tmp/sallyport-play-XXXXXX");
	ENSURE(mkdtemp(stage->dir) != NULL);
	stage->vars = vars_new();
	vars_set(stage->vars, SPAN("dir"), span_of(stage->dir));
	stage->certs = certs_new(stage->dir);
	stage->logs = logs_new();
	stage->loop = loop_new();
	ENSURE(stage->loop != NULL);
	stage->next_port = 40000;
	fake_net_pieces(pieces);
}

/* What a play must have accounted for when it ends. */
static void check_end(struct stage *stage)
{
	char text[ADDR_TEXT_MAX];
	struct addr at;

	/* Complaints name the last line. */
	stage->calls_n = 1;
	for (size_t i = 0; i < stage->actors_n; i++)
		actor_check_end(stage, &stage->actors[i]);
	if (stage->gate == NULL)
		stage_fail(stage, "the gateway was never started");
	counts_check_end(stage);
	if (fake_net_attempts(&at) > 0)
		stage_fail(stage, "nobody answered the gateway's attempt to connect to %s", addr_format(&at, text));
	if (logs_unclaimed(stage->logs) != NULL)
		stage_fail(stage, "no step claims this log line: %s", logs_unclaimed(stage->logs));
	if (logs_holding(stage->logs, "SECRET") != NULL)
		stage_fail(stage, "a log line holds a secret: %s", logs_holding(stage->logs, "SECRET"));
}

static void check_nothing_leaks(struct stage *stage)
{
	gate_free(stage->gate);
	stage->gate = NULL;
	stage_settle(stage);
	if (fake_net_descriptors() > 0)
		stage_fail(stage, "the freed gateway left %zu descriptors open", fake_net_descriptors());
	if (fake_loop_watches(stage->loop) > 0 || fake_loop_timers(stage->loop) > 0)
		stage_fail(stage, "the freed gateway left %zu watches and %zu timers", fake_loop_watches(stage->loop),
		    fake_loop_timers(stage->loop));
}

static void tear_down(struct stage *stage)
{
	for (size_t i = 0; i < stage->actors_n; i++)
		actor_free(&stage->actors[i]);
	site_unref(stage->site);
	conf_unref(stage->conf);
	loop_free(stage->loop);
	logs_free(stage->logs);
	certs_free(stage->certs);
	vars_free(stage->vars);
	ENSURE(remove_files(stage));
	fake_net_reset();
}

struct stage *stage_open(const struct script *script, size_t pieces)
{
	struct stage *stage = fake_alloc(sizeof(*stage));

	set_up(stage, script, pieces);
	return stage;
}

void stage_say(struct stage *stage, const char *line)
{
	stage->calls_n = 1;
	stage->calls[0] = (struct place){"(no transcript)", 0};
	play_line(stage, line);
}

void stage_close(struct stage *stage)
{
	stage->calls_n = 1;
	stage->line = NULL;
	check_nothing_leaks(stage);
	tear_down(stage);
	free(stage);
}

void stage_play(const struct script *script, size_t pieces)
{
	struct stage *stage = stage_open(script, pieces);

	play_lines(stage, script_lines(script), NULL, NULL);
	check_end(stage);
	stage_close(stage);
}

void stage_play_until_lost(struct stage *stage)
{
	jmp_buf give_up;

	stage->give_up = &give_up;
	if (setjmp(give_up) == 0)
		play_lines(stage, script_lines(stage->script), NULL, NULL);
	stage->give_up = NULL;
}

void stage_let_time_pass(struct stage *stage, int64_t ms)
{
	if (stage->gate != NULL && !fake_loop_advance(stage->loop, ms, TURNS_MAX))
		stage_fail(stage, "the gateway spins: it is busy and no byte moves");
}
