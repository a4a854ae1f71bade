/* play: plays a transcript, once for each size of the pieces in which bytes reach the gateway. */
#include <stdio.h>
#include <stdlib.h>

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

int main(int argc, char **argv)
{
	struct sizes sizes;

	if (argc < 2) {
		printf("usage: %s TRANSCRIPT…\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		struct script *script = script_load(argv[i]);

		read_sizes(&sizes, script_lines(script));
		for (size_t k = 0; k < sizes.n; k++)
			stage_play(script, sizes.v[k]);
		printf("%s: played %zu times\n", argv[i], sizes.n);
		script_free(script);
	}
	return 0;
}
