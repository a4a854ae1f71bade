/* sallyportctl undo: takes back what init did, out of its journal. */
#include "init.h"

#include <unistd.h>

struct undo {
	const char *root;
	bool yes, dry;
};

static bool parse_arguments(struct undo *u, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--yes") == 0)
			u->yes = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			u->dry = true;
		else if (strcmp(argv[i], "--root") == 0 && i + 1 < argc)
			u->root = strcmp(argv[++i], "/") == 0 ? "" : argv[i];
		else
			return false;
	}
	return true;
}

/* The rules may have been put in force by hand. */
static bool end_redirect(void)
{
	if (run_quietly((const char *const[]){"nft", "list", "table", "inet", "sallyport", NULL}) != 0)
		return true;
	if (run_command((const char *const[]){"nft", "delete", "table", "inet", "sallyport", NULL}, NULL, NULL) != 0) {
		fprintf(stderr, "the redirect could not be taken away: nft delete table inet sallyport\n");
		return false;
	}
	printf("  removed  the redirect (nft table inet sallyport)\n");
	return true;
}

static int take_back(const struct undo *u, struct journal *j)
{
	bool ok;

	printf("Taking it back:\n");
	ok = journal_back(j, true, stdout);
	if (u->root[0] == '\0') {
		ok = end_redirect() && ok;
		if (run_has_systemd())
			(void)run_quietly((const char *const[]){"systemctl", "daemon-reload", NULL});
		else
			printf("  If sallyport still runs, end it now: there is no systemd here that could.\n");
	}
	printf(ok ? "All is as it was before init.  Let the old server end its open streams, or restart it.\n"
	          : "Not all of it could be taken back; mend what stands above and run undo again.\n");
	return ok ? CTL_OK : CTL_BROKEN;
}

static int run(const struct undo *u)
{
	struct journal *j;
	int rc = CTL_BROKEN;

	if (u->root[0] == '\0' && geteuid() != 0) {
		fprintf(stderr, "sallyportctl undo: run it as root\n");
		return CTL_UNUSABLE;
	}
	j = journal_open(u->root);
	if (j == NULL)
		return CTL_BROKEN;
	if (journal_empty(j)) {
		printf("Nothing to undo: init has changed nothing here.\n");
		rc = CTL_OK;
	} else {
		printf("What is to be taken back:\n");
		journal_show(j, stdout);
		if (u->dry)
			rc = CTL_OK;
		else if (run_ask("Go on?", u->yes))
			rc = take_back(u, j);
	}
	journal_close(j);
	return rc;
}

int ctl_undo(int argc, char **argv)
{
	struct undo u = {.root = ""};

	if (parse_arguments(&u, argc, argv))
		return run(&u);
	fprintf(stderr, "usage: sallyportctl undo [--yes | --dry-run] [--root FOLDER]\n");
	return CTL_UNUSABLE;
}
