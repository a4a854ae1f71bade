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

/* The line that tells why the stream whose connection was cut has ended. */
static void must_be_told(struct stage *stage)
{
	static const char *const reasons[] = {
	    "SP-PEER-LOST", "SP-BACKEND-LOST", "SP-TLS-LOST", "SP-BACKEND-TLS", "SP-CLOSED", "SP-CONNECT-FAILED"};
	static const char *const wrong[] = {
	    "SP-NO-MEMORY", "SP-XML-", "SP-TLS-FAILED", "SP-TLS-REFUSED", "SP-TLS-BROKEN"};
	/* a stream that was being ended anyway may say so in a line for debugging */
	bool told = logs_holding(stage->logs, "reason=SP-CLOSED") != NULL;
	char line[64];

	for (size_t i = 0; !told && i < ARRAY_LEN(reasons); i++) {
		(void)snprintf(line, sizeof(line), "event=stream-end reason=%s", reasons[i]);
		told = logs_claim(stage->logs, line, stage->vars);
	}
	if (!told)
		stage_fail(stage, "no line of the log says that a connection was lost");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (logs_holding(stage->logs, wrong[i]) != NULL)
			stage_fail(stage, "the log blames something else: %s", logs_holding(stage->logs, wrong[i]));
}

/* As far as it goes while the connection that brings the byte behind so many is lost.  After a day every stream has
 * ended. Returns how many bytes there were. */
static uint64_t play_once_cut(const struct script *script, uint64_t after, bool reset)
{
	struct stage *stage = stage_open(script, 0);
	uint64_t all;

	fake_net_cut(after, reset);
	stage_play_until_lost(stage);
	all = fake_net_read();
	if (after != UINT64_MAX) {
		stage_let_time_pass(stage, INT64_C(24) * 3600 * 1000);
		if (gate_streams(stage->gate) != 0)
			stage_fail(stage, "cut at byte %llu: %zu streams are left after a day",
			    (unsigned long long)after, gate_streams(stage->gate));
		must_be_told(stage);
	}
	stage_close(stage);
	return all;
}

/* About so many times, each cut at another byte, by FIN and by RST in turns; 0: at every byte, by both. */
static void play_cut(const char *path, uint64_t times)
{
	struct script *script = script_load(path);
	uint64_t all, step, played = 0;

	fake_may_leak();
	all = play_once_cut(script, UINT64_MAX, false);
	step = times > 0 ? all / times + 1 : 1;
	for (uint64_t after = 1; after < all; after += step) {
		for (int reset = 0; reset < 2; reset++) {
			if (times > 0 && (after / step + (unsigned)reset) % 2 == 1)
				continue;
			/* Known when it crashes. */
			printf("\r%llu %s", (unsigned long long)after, reset != 0 ? "RST" : "FIN");
			fflush(stdout);
			(void)play_once_cut(script, after, reset != 0);
			played++;
		}
	}
	printf("\r%s: cut at %llu places of %llu bytes\n", path, (unsigned long long)played, (unsigned long long)all);
	script_free(script);
}

static int usage(const char *name)
{
	printf("usage: %s [--out-of-memory TIMES | --cut TIMES] TRANSCRIPT…\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	bool option = argc > 1 && argv[1][0] == '-';
	bool cut = option && strcmp(argv[1], "--cut") == 0;

	if (argc < (option ? 4 : 2) || (option && !cut && strcmp(argv[1], "--out-of-memory") != 0))
		return usage(argv[0]);
	for (int i = option ? 3 : 1; i < argc; i++) {
		if (cut)
			play_cut(argv[i], strtoull(argv[2], NULL, 10));
		else if (option)
			play_short(argv[i], strtoull(argv[2], NULL, 10));
		else
			play(argv[i]);
	}
	return 0;
}
