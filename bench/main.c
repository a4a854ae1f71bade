/* sallyport-bench: a load generator for server-to-server XMPP.  Plays the remote servers and the backend around a
 * gateway. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bare.h"
#include "compare.h"
#include "mint.h"
#include "page.h"
#include "plan.h"
#include "plot.h"
#include "report.h"
#include "run.h"

enum { EXIT_WRONG = 2 };

static void put_usage(FILE *to)
{
	fputs("usage: sallyport-bench SCENARIO [OPTIONS]\n"
	      "       sallyport-bench mint DIR [--local DOMAIN] [--peers DOMAIN] [--hosts N]\n"
	      "                                                                    certificates and a configuration\n"
	      "       sallyport-bench compare BEFORE.json AFTER.json               non-zero if AFTER is worse\n"
	      "       sallyport-bench table REPORT.json                            a report for people\n"
	      "       sallyport-bench plot KIND REPORT.json... > FILE.svg          one line for each report\n"
	      "       sallyport-bench payloads                                     the stanzas and their sizes\n"
	      "\nScenarios:\n"
	      "  steady   stanzas on open routes, at a constant rate or as fast as it goes\n"
	      "  mix      the same with a server's usual mix of stanzas\n"
	      "  big      the same with stanzas of 200 kB\n"
	      "  idle     many routes that say nothing; then one stanza on each, to see that they live\n"
	      "  storm    connect, handshake, one stanza, close, over and over\n"
	      "  churn    the same with more stanzas a connection\n"
	      "  bare     no gateway: TLS handshakes in memory, for comparison\n",
	    to);
}

static void put_examples(FILE *to)
{
	fputs("\nExamples:\n"
	      "  # Sallyport with made-up certificates on this machine, 5000 stanzas a second:\n"
	      "  sallyport-bench mint /tmp/pki && sallyport -c /tmp/pki/sallyport.ini &\n"
	      "  sallyport-bench steady --pki /tmp/pki --rate 5k --pid $! --html steady.html\n"
	      "  # A TLS terminator on 192.0.2.7, whose backend is this machine:\n"
	      "  sallyport-bench steady --raw --pki /tmp/pki --gateway 192.0.2.7:5270 --backend 192.0.2.9:15270\n"
	      "  # How many mutual handshakes with RSA certificates it can do:\n"
	      "  sallyport-bench storm --pki /tmp/pki --key-type rsa --duration 20s\n"
	      "  # Memory of 5000 idle routes:\n"
	      "  sallyport-bench idle --pki /tmp/pki --routes 5000 --hold 30s --pid $(pidof sallyport)\n"
	      "  # What this tool itself can do: it talks to itself\n"
	      "  sallyport-bench steady --raw --pki /tmp/pki --gateway 127.0.0.1:15270 --backend-tls\n"
	      "\nExit: 0 all that was sent arrived as it was sent, 1 it did not, 2 it could not be tried.\n"
	      "Manual: sallyport-bench(1)\n",
	    to);
}

static int help(void)
{
	put_usage(stdout);
	plan_help(stdout);
	put_examples(stdout);
	return 0;
}

static int complain(const char *err)
{
	fprintf(stderr, "sallyport-bench: %s\n", err);
	return EXIT_WRONG;
}

/* --- commands --- */

static bool mint_count(const char *text, unsigned *n)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*n = (unsigned)value;
	return end != text && *end == '\0' && text[0] != '-' && value <= MINT_HOSTS_MAX;
}

static int mint_main(int argc, char **argv)
{
	static const struct option options[] = {{"local", required_argument, NULL, 'l'},
	    {"peers", required_argument, NULL, 'p'}, {"hosts", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	struct mint_plan plan = {.local = "legacy.lab", .peers = "peers.lab"};
	char err[512];

	for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (opt == 'l')
			plan.local = optarg;
		else if (opt == 'p')
			plan.peers = optarg;
		else if (opt != 'n')
			return EXIT_WRONG;
		else if (!mint_count(optarg, &plan.hosts))
			return complain("--hosts: 0 to 100000");
	}
	if (argc - optind != 1)
		return complain("mint wants one folder");
	plan.dir = argv[optind];
	if (!mint_folder(&plan, err, sizeof(err)))
		return complain(err);
	printf("%s: certificates for %s and *.%s, and sallyport.ini\n", plan.dir, plan.local, plan.peers);
	return 0;
}

static int table_main(int argc, char **argv)
{
	char err[512];

	if (argc != 2)
		return complain("table wants one report");
	json_t *report = report_load(argv[1], err, sizeof(err));
	if (report == NULL)
		return complain(err);
	report_table(report, stdout);
	json_decref(report);
	return 0;
}

static int payloads_main(int argc, char **argv)
{
	char name[] = "steady", pki[] = "--pki=.", *args[] = {name, pki, NULL};
	struct plan plan;

	(void)argv;
	/* only its defaults are of interest */
	if (argc != 1 || plan_parse(&plan, 2, args) != PLAN_RUN)
		return complain("payloads takes no arguments");
	payload_list(stdout, &plan);
	return 0;
}

/* --- scenarios --- */

static void raise_descriptors(const struct plan *plan)
{
	/* each route has two ends here; storms keep some that are closing; and a few for ourselves */
	rlim_t wanted = 4 * (rlim_t)plan->routes + 1000;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	struct rlimit raised = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static json_t *measure(const struct plan *plan, char *err, size_t err_n)
{
	struct result r = {.plan = NULL};
	struct bench b;
	json_t *report = NULL;

	if (plan->scenario == SCENARIO_BARE)
		return bare_run(plan, err, err_n);
	if (bench_init(&b, plan, err, err_n) && run(&r, &b, plan, err, err_n))
		report = report_new(&r);
	result_free(&r);
	bench_free(&b);
	return report;
}

static int scenario_main(int argc, char **argv)
{
	struct plan plan;
	char err[512] = "out of memory";

	switch (plan_parse(&plan, argc, argv)) {
	case PLAN_RUN:
		break;
	case PLAN_HELP:
		return help();
	case PLAN_WRONG:
		return EXIT_WRONG;
	}
	raise_descriptors(&plan);
	json_t *report = measure(&plan, err, sizeof(err));
	if (report == NULL)
		return complain(err);
	report_table(report, stdout);
	int rc = json_is_true(json_object_get(report, "verified")) ? 0 : 1;
	if (plan.json != NULL && !report_save(report, plan.json, err, sizeof(err)))
		rc = complain(err);
	if (plan.html != NULL && !page_save(report, plan.html, err, sizeof(err)))
		rc = complain(err);
	json_decref(report);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(int argc, char **argv);
	} commands[] = {{"mint", mint_main}, {"compare", compare_main}, {"table", table_main}, {"plot", plot_main},
	    {"payloads", payloads_main}};

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		put_usage(stderr);
		return EXIT_WRONG;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return help();
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].fn(argc - 1, argv + 1);
	return scenario_main(argc - 1, argv + 1);
}
