#include "ctl.h"

#include "sallyport/base.h"

#include <stdio.h>

#define ASKING "[--socket PATH] [--json]"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments, *help;
} commands[] = {
    {"certs", ctl_certs, "[--expiring TIME] " ASKING, "say when our own certificates end, and which domains have none"},
    {"check", ctl_check, "[--from DOMAIN] [-c FILE] [--resolver ADDR] [--timeout SECONDS] [--json] DOMAIN... | -",
        "say how other servers stand to our rules, and what is to be mended on which side"},
    {"close", ctl_close, "DOMAIN | *.DOMAIN " ASKING, "end the streams with a remote domain"},
    {"drain", ctl_drain, ASKING, "end all streams by the book, and then the daemon"},
    {"explain", ctl_explain, "CODE | --list", "say what a reason code means and who must do what about it"},
    {"init", ctl_init,
        "[--yes | --dry-run] [--backend KIND [--config FILE]] [--certs FOLDER] [--domain D]... [--skip D]... "
        "[--root FOLDER]",
        "find the old server and its certificates, and put the gateway in front of it"},
    {"log", ctl_log, "[DOMAIN LEVEL TIME | DOMAIN off] " ASKING,
        "log more about a domain for a while; alone: say about which"},
    {"peers", ctl_peers, "[DOMAIN | *.DOMAIN] " ASKING, "say what became of remote domains, connected now or not"},
    {"ping", ctl_ping, "--from DOMAIN [-c FILE] [--resolver ADDR] [--timeout SECONDS] [--json] DOMAIN",
        "ping another server over a stream of its own, with our certificate, and time each step"},
    {"reload", ctl_reload, ASKING, "have the daemon read its configuration again, and say what changed"},
    {"scan", ctl_scan, "[--chunk N] [--document] FILE|-", "say whether a captured stream is XML that we let through"},
    {"status", ctl_status, ASKING, "say how the daemon is"},
    {"streams", ctl_streams, "[DOMAIN | *.DOMAIN] " ASKING, "show the streams that there are now"},
    {"undo", ctl_undo, "[--yes | --dry-run] [--root FOLDER]", "take back what init did"},
    {"verify", ctl_verify,
        "[--trust ROOTS.pem] [--untrusted CHAIN.pem] [--crl PLACE] [--revocation soft|hard] [--at TIME] [--domain D] "
        "[--json] LEAF.pem",
        "judge a certificate as the gateway would judge a peer's"},
    {"watch", ctl_watch, "[DOMAIN | *.DOMAIN] " ASKING, "show events as they are logged"},
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
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("sallyportctl " SALLYPORT_VERSION);
		return CTL_OK;
	}
	for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (argc < 2)
		usage(stderr);
	else
		fprintf(stderr, "sallyportctl: \"%s\" is no command; sallyportctl --help lists them\n", argv[1]);
	return CTL_UNUSABLE;
}
