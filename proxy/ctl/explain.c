/* sallyportctl explain: what a reason code means and who must do what about it. */
#include "ctl.h"

#include "sallyport/reason.h"

#include <stdio.h>

static void print_row(const char *label, const char *text)
{
	if (text[0] != '\0')
		printf("  %-8s %s\n", label, text);
}

static void explain(enum reason why)
{
	const struct reason_row *row = reason_row(why);

	printf("%s: %s\n", row->code, row->text);
	print_row("who", reason_who_text(row->who));
	print_row("fix", row->fix);
	print_row("told", row->peer_text);
	print_row("stream", row->direct);
	print_row("relayed", row->relayed);
	print_row("bounce", row->bounce);
}

static void list(void)
{
	for (enum reason r = REASON_NONE; r < REASON_COUNT; r++)
		printf("%-24s %s\n", reason_row(r)->code, reason_row(r)->text);
}

int ctl_explain(int argc, char **argv)
{
	enum reason why;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		list();
		return CTL_OK;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: sallyportctl explain CODE | --list\n");
		return CTL_UNUSABLE;
	}
	why = reason_find(argv[1]);
	if (why == REASON_COUNT) {
		fprintf(stderr, "%s: no such code; --list shows all\n", argv[1]);
		return CTL_UNUSABLE;
	}
	explain(why);
	return CTL_OK;
}
