/* The commands that change something in the daemon at once: close, drain, reload. */
#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>

static void on_reloaded(void *arg, const json_t *row)
{
	unsigned *changes = arg;

	if (ctl_is(row, "reload"))
		printf("reloaded%s: ", *changes == 0 ? ", and the file says what it did before" : "");
	else if (ctl_is(row, "error"))
		ctl_put_in(CTL_RED, "error  ");
	else
		printf("%s", (*changes)++ == 0 ? "changed  " : "         ");
	ctl_put(ctl_text(row, "text"));
	putchar('\n');
}

int ctl_reload(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "", .patient = true};
	unsigned changes = 0;

	if (!ctl_ask_options(&ask, argc, argv, 0, 0))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, "reload", on_reloaded, &changes);
}

static void on_closed(void *arg, const json_t *row)
{
	(void)arg;
	if (ctl_is(row, "closed"))
		printf("%" PRId64 " stream%s closed\n", ctl_number(row, "streams"),
		    ctl_number(row, "streams") == 1 ? "" : "s");
}

int ctl_close(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "DOMAIN | *.DOMAIN "};
	char request[CTL_REQUEST_MAX];

	if (!ctl_ask_options(&ask, argc, argv, 1, 1) || !ctl_request(&ask, request, "close"))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, request, on_closed, NULL);
}

static void on_draining(void *arg, const json_t *row)
{
	(void)arg;
	if (ctl_is(row, "draining"))
		printf("no more connections are taken; the daemon ends when its streams have, in a few seconds\n");
}

int ctl_drain(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = ""};

	if (!ctl_ask_options(&ask, argc, argv, 0, 0))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, "drain", on_draining, NULL);
}
