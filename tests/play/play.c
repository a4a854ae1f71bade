/* play: plays a transcript, once for each size of the pieces in which bytes reach the gateway. */
#include <stdio.h>
#include <stdlib.h>

#include "shortage.h"
#include "stage.h"

enum { SIZES_MAX = 8 };

struct sizes {
	size_t v[SIZES_MAX];
	size_t n;
};

/* pieces whole|N…: the line may stand anywhere; without it: whole, then single bytes. */
static void read_sizes(struct sizes *sizes, const struct lines *lines)
{
	*sizes = (struct sizes){{0, 1}, 2};
	for (size_t i = 0; i < lines->n; i++) {
		const char *rest = lines->v[i].text;

		if (!span_eq(next_word(&rest), SPAN("pieces")))
			continue;
		for (sizes->n = 0; *rest != '\0' && sizes->n < SIZES_MAX; sizes->n++) {
			struct span word = next_word(&rest);

			/* "whole" is no number, and 0 means the same. */
			sizes->v[sizes->n] = strtoul(word.p, NULL, 10);
		}
	}
}

static void play(const char *path)
{
	struct script *script = script_load(path);
	struct sizes sizes;

	read_sizes(&sizes, script_lines(script));
	for (size_t k = 0; k < sizes.n; k++)
		stage_play(script, sizes.v[k]);
	printf("%s: played %zu times\n", path, sizes.n);
	script_free(script);
}

/* As far as it goes while the gateway's nth allocation fails (0: none does).  Whatever is lost with that, the rest must
 * live on, and let everything go that it has.  Returns how many allocations there were. */
static uint64_t play_once_short(const struct script *script, uint64_t nth)
{
	struct stage *stage = stage_open(script, 0);

	shortage_begin(nth);
	stage_play_until_lost(stage);
	stage_let_time_pass(stage, 3600 * 1000);
	shortage_end();
	stage_close(stage);
	return shortage_count();
}

/* About so many times, each with another allocation that fails. */
static void play_short(const char *path, uint64_t times)
{
	struct script *script = script_load(path);
	uint64_t all, step;

	fake_may_leak();
	all = play_once_short(script, 0);
	step = all / times + 1;
	for (uint64_t nth = 1; nth <= all; nth += step) {
		/* Known when it crashes. */
		printf("\r%llu", (unsigned long long)nth);
		fflush(stdout);
		(void)play_once_short(script, nth);
	}
	printf("\r%s: played with one in %llu of %llu allocations failing\n", path, (unsigned long long)step,
	    (unsigned long long)all);
	script_free(script);
}

int main(int argc, char **argv)
{
	bool short_of = argc > 3 && strcmp(argv[1], "--out-of-memory") == 0;

	if (argc < 2) {
		printf("usage: %s [--out-of-memory TIMES] TRANSCRIPT…\n", argv[0]);
		return 2;
	}
	for (int i = short_of ? 3 : 1; i < argc; i++) {
		if (short_of)
			play_short(argv[i], strtoull(argv[2], NULL, 10));
		else
			play(argv[i]);
	}
	return 0;
}
