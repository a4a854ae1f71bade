/* sallyportctl watch: events as they are logged; log: more of them for a domain, for a while. */
#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void on_event(void *arg, const json_t *row)
{
	const char *level = ctl_text(row, "level");

	(void)arg;
	if (ctl_is(row, "watching") && isatty(STDERR_FILENO)) {
		fprintf(stderr, "watching; Ctrl-C ends it\n");
	} else if (ctl_is(row, "lost")) {
		printf("(%" PRId64 " events came too fast to be shown)\n", ctl_number(row, "events"));
	} else if (ctl_is(row, "event")) {
		ctl_put_in(strcmp(level, "error") == 0     ? CTL_RED
		           : strcmp(level, "warning") == 0 ? CTL_YELLOW
		                                           : CTL_PLAIN,
		    ctl_text(row, "line"));
		putchar('\n');
	}
}

int ctl_watch(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "[DOMAIN | *.DOMAIN] ", .patient = true};
	char request[CTL_REQUEST_MAX];

	if (!ctl_ask_options(&ask, argc, argv, 0, 1) || !ctl_request(&ask, request, "watch"))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, request, on_event, NULL);
}

static void on_rule(void *arg, const json_t *row)
{
	unsigned *n = arg;
	char left[CTL_SPAN_MAX];

	if (!ctl_is(row, "rule"))
		return;
	++*n;
	ctl_put(ctl_text(row, "domain"));
	printf(": %s for %s\n", ctl_text(row, "level"), ctl_span(ctl_number(row, "left"), left));
}

int ctl_log(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "[DOMAIN LEVEL TIME | DOMAIN off] "};
	char request[CTL_REQUEST_MAX], seconds[24];
	unsigned n = 0;
	int64_t time = 0;
	int rc;

	if (!ctl_ask_options(&ask, argc, argv, 0, 3))
		return CTL_UNUSABLE;
	if (ask.words_n == 3 && !ctl_time(ask.words[2], &time)) {
		fprintf(stderr, "sallyportctl log: \"%s\" is no time: write one as in 10m\n", ask.words[2]);
		return CTL_UNUSABLE;
	}
	if (ask.words_n == 3) {
		(void)snprintf(seconds, sizeof(seconds), "%" PRId64, time);
		ask.words[2] = seconds;
	}
	if (ask.words_n == 1 || (ask.words_n == 2 && strcmp(ask.words[1], "off") != 0)) {
		fprintf(stderr, "usage: sallyportctl log %s[--socket PATH] [--json]\n", ask.usage);
		return CTL_UNUSABLE;
	}
	if (ask.words_n == 2)
		ask.words_n = 1;
	if (!ctl_request(&ask, request, ask.words_n == 0 ? "rules" : ask.words_n == 1 ? "unlog" : "log"))
		return CTL_UNUSABLE;
	rc = ctl_ask(&ask, request, on_rule, &n);
	if (rc == CTL_OK && !ask.json && n == 0)
		printf(ask.words_n == 0 ? "no domain has a level of its own\n" : "the general level holds again\n");
	return rc;
}
