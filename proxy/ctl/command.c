/* The commands that change something in the daemon: reload. */
#include "ctl.h"

#include <stdio.h>

static void on_reloaded(void *arg, const json_t *row)
{
	(void)arg;
	if (ctl_is(row, "reload"))
		printf("reloaded: ");
	else if (ctl_is(row, "error"))
		ctl_put_in(CTL_RED, "error  ");
	else
		printf("  ");
	ctl_put(ctl_text(row, "text"));
	putchar('\n');
}

int ctl_reload(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "", .patient = true};

	if (!ctl_ask_options(&ask, argc, argv, 0, 0))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, "reload", on_reloaded, NULL);
}
