#include "ctl.h"

#include "sallyport/base.h"

#include <stdio.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments, *help;
} commands[] = {
    {"check", ctl_check, "[--from DOMAIN] [-c CONFIG] [...] DOMAIN... | -",
        "say how other servers stand to our rules, and what is to be mended on which side"},
    {"explain", ctl_explain, "CODE | --list", "say what a reason code means and who must do what about it"},
    {"init", ctl_init,
        "[--yes | --dry-run] [--backend KIND [--config FILE]] [--certs FOLDER] [--domain D]... [--skip D]... "
        "[--root FOLDER]",
        "find the old server and its certificates, and put the gateway in front of it"},
    {"ping", ctl_ping, "--from DOMAIN [-c CONFIG] [...] DOMAIN",
        "ping another server over a stream of its own, with our certificate, and time each step"},
    {"reload", ctl_reload, "[--socket PATH] [--json]",
        "have the daemon read its configuration again, and say what changed"},
    {"scan", ctl_scan, "[--chunk N] [--document] FILE|-", "say whether a captured stream is XML that we let through"},
    {"status", ctl_status, "[--socket PATH] [--json]", "say how the daemon is"},
    {"undo", ctl_undo, "[--yes | --dry-run] [--root FOLDER]", "take back what init did"},
    {"verify", ctl_verify,
        "[--trust ROOTS.pem] [--untrusted CHAIN.pem] [--crl PLACE] [--revocation soft|hard] [--at TIME] [--domain D] "
        "[--json] LEAF.pem",
        "judge a certificate as the gateway would judge a peer's"},
};

static void usage(FILE *to)
{
	fprintf(to, "usage: sallyportctl COMMAND ...\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %s %s\n        %s\n", commands[i].name, commands[i].arguments, commands[i].help);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage(stdout);
		return CTL_OK;
	}
	for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	usage(stderr);
	return CTL_UNUSABLE;
}
