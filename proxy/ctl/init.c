/* sallyportctl init: finds the old server, its domains and their certificates, and puts the gateway in front of it. */
#include "init.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool take_option(struct init *in, const char *option, const char *value)
{
	if (strcmp(option, "--backend") == 0) {
		in->server.kind = server_kind_of(value);
		in->server.named = in->server.kind != SERVER_NONE;
		if (!in->server.named)
			fprintf(stderr, "%s: neither ejabberd, nor prosody, nor jabberd2\n", value);
		return in->server.named;
	}
	if (strcmp(option, "--config") == 0 && in->server.config == NULL)
		in->server.config = text_of("%s", value);
	else if (strcmp(option, "--certs") == 0)
		in->more_certs = value;
	else if (strcmp(option, "--root") == 0)
		in->root = strcmp(value, "/") == 0 ? "" : value;
	else if (strcmp(option, "--domain") == 0)
		names_add(&in->domains, span_of(value));
	else if (strcmp(option, "--skip") == 0)
		names_add(&in->skip, span_of(value));
	else
		return false;
	return true;
}

static bool parse_arguments(struct init *in, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--yes") == 0)
			in->yes = true;
		else if (strcmp(argv[i], "--dry-run") == 0)
			in->dry = true;
		else if (i + 1 < argc && take_option(in, argv[i], argv[i + 1]))
			i++;
		else
			return false;
	}
	if (in->server.config != NULL && !in->server.named) {
		fprintf(stderr, "--config: say with --backend whose it is\n");
		return false;
	}
	return true;
}

static void show_text(const struct step *step)
{
	const char *line = step->text;

	while (line < step->text + step->n) {
		size_t n = strcspn(line, "\n");

		printf("           | %.*s\n", (int)n, line);
		line += n + 1;
	}
}

static void show_step(const struct init *in, const struct step *step)
{
	static const char *const create[] = {
	    [STEP_FOLDER] = "folder", [STEP_FILE] = "create", [STEP_COPY] = "copy", [STEP_UNIT] = "start"};
	static const char *const change[] = {
	    [STEP_FOLDER] = "folder", [STEP_FILE] = "replace", [STEP_COPY] = "renew", [STEP_UNIT] = "start"};

	printf("  %-8s %s%s%s\n", (step->exists ? change : create)[step->kind], step->kind == STEP_UNIT ? "" : in->root,
	    step->path,
	    step->kind == STEP_UNIT                   ? ", now and at each boot"
	    : step->kind == STEP_FILE && step->exists ? " (undo restores it)"
	                                              : "");
	if (step->shown)
		show_text(step);
}

/* How many changes there are. */
static size_t show_plan(const struct init *in)
{
	size_t todo = 0;

	for (size_t i = 0; i < in->plan.n; i++)
		todo += !in->plan.v[i].done;
	if (todo == 0)
		return 0;
	printf("What will change:\n");
	for (size_t i = 0; i < in->plan.n; i++) {
		if (!in->plan.v[i].done)
			show_step(in, &in->plan.v[i]);
	}
	printf("Nothing of %s itself is changed.\n", server_name(in->server.kind));
	return todo;
}

/* What was changed by hand since the last run stays as it is. */
static void spare_edits(struct init *in, const struct journal *j)
{
	for (size_t i = 0; i < in->plan.n; i++) {
		struct step *step = &in->plan.v[i];

		if (step->kind != STEP_FILE || step->done || !journal_wrote(j, step->path) || !step->exists ||
		    journal_untouched(j, step->path))
			continue;
		say(&in->talk, SAY_NOTE, "move it away and run init again, to have it written anew",
		    "%s%s was changed since init wrote it, and stays as it is", in->root, step->path);
		step->done = true;
	}
}

static bool write_files(struct init *in, struct journal *j)
{
	gid_t group = init_group(in);
	bool ok = true;

	for (size_t i = 0; ok && i < in->plan.n; i++) {
		const struct step *step = &in->plan.v[i];

		if (step->done || step->kind == STEP_UNIT)
			continue;
		ok = step->kind == STEP_FOLDER ? journal_folder(j, step, group) : journal_file(j, step, group);
	}
	return ok;
}

/* As the service will be run. */
static bool test_configuration(struct init *in)
{
	char *daemon = run_daemon();
	int rc;

	if (in->root[0] != '\0') {
		free(daemon);
		return true;
	}
	rc = run_command((const char *const[]){daemon, "-t", "-c", INIT_CONF, NULL}, INIT_USER, &in->groups);
	if (rc == RUN_NOT_FOUND)
		fprintf(stderr, "%s -t could not be run as user " INIT_USER "\n", daemon);
	free(daemon);
	return rc == 0;
}

static bool systemctl(const char *verb, const char *unit)
{
	if (run_command((const char *const[]){"systemctl", verb, unit, NULL}, NULL, NULL) == 0)
		return true;
	fprintf(stderr, "systemctl %s %s failed\n", verb, unit != NULL ? unit : "");
	return false;
}

static bool bring_up(struct journal *j, const char *unit)
{
	if (run_quietly((const char *const[]){"systemctl", "is-enabled", unit, NULL}) != 0 &&
	    !(journal_unit(j, "enable", unit) && systemctl("enable", unit)))
		return false;
	if (run_quietly((const char *const[]){"systemctl", "is-active", unit, NULL}) == 0)
		return systemctl("reload-or-restart", unit);
	return journal_unit(j, "start", unit) && systemctl("start", unit);
}

static bool start_units(struct init *in, struct journal *j)
{
	bool any = false;

	for (size_t i = 0; i < in->plan.n; i++) {
		if (in->plan.v[i].kind != STEP_UNIT)
			continue;
		if ((!any && !systemctl("daemon-reload", NULL)) || !bring_up(j, in->plan.v[i].path))
			return false;
		any = true;
	}
	return true;
}

static bool apply(struct init *in, struct journal *j)
{
	bool back;

	if (journal_begin(j) && write_files(in, j) && test_configuration(in) && start_units(in, j) && journal_end(j))
		return true;
	printf("That did not work; taking it back:\n");
	back = journal_back(j, false, stdout);
	if (run_has_systemd() && in->root[0] == '\0')
		(void)run_quietly((const char *const[]){"systemctl", "daemon-reload", NULL});
	printf(back ? "All is as it was before.\n"
	            : "Not all of it could be taken back: see above, then run sallyportctl undo.\n");
	return false;
}

static const char *end_streams(enum server_kind kind)
{
	return kind == SERVER_EJABBERD   ? "ejabberdctl stop_s2s_connections"
	       : kind == SERVER_JABBERD2 ? "systemctl restart jabberd-s2s"
	                                 : "systemctl restart prosody";
}

static bool has_units(const struct init *in)
{
	bool units = false;

	for (size_t i = 0; i < in->plan.n; i++)
		units = units || in->plan.v[i].kind == STEP_UNIT;
	return units;
}

/* sallyportctl check, as others see our domains. */
static void check_own(const struct init *in)
{
	int argc = 0;
	char **argv = text_grow(NULL, (in->hosts_n + 4) * sizeof(char *));

	argv[argc++] = text_of("check");
	argv[argc++] = text_of("--timeout");
	argv[argc++] = text_of("5");
	for (size_t i = 0; i < in->hosts_n; i++)
		argv[argc++] = text_of("%s", in->hosts[i].domain);
	argv[argc] = NULL;
	printf("How others see it (sallyportctl check):\n");
	(void)fflush(stdout);
	if (ctl_check(argc, argv) != CTL_OK)
		printf("Not all is well yet; what stands above says whose side has to act.\n");
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
}

static void say_next(const struct init *in)
{
	printf("Next:\n");
	if (!has_units(in)) {
		char *daemon = run_daemon();

		printf("  %s -c " INIT_CONF "   (there is no systemd here: start it as your init does, as root)\n",
		    daemon);
		printf("  nft -f " INIT_RULES "   (now, and at each boot)\n");
		printf("  sallyportctl check %s   (how others see it)\n", in->hosts[0].domain);
		free(daemon);
	}
	printf("  %s   (streams that are open stay as they were until they end)\n", end_streams(in->server.kind));
	printf("  If a firewall filters what comes in: open port " INIT_PUBLIC_PORT ", and leave");
	for (size_t i = 0; i < in->server.ports_n; i++)
		printf("%s%u", i > 0 ? ", " : " ", in->server.ports[i]);
	printf(" open.\n  To take it out again: sallyportctl undo\n");
}

static bool find(struct init *in)
{
	printf("Looking for the server and its certificates:\n");
	if (!server_find(&in->server, in->root, &in->talk))
		return false;
	init_find_hosts(in);
	init_find_access(in);
	return in->talk.missing == 0;
}

/* One that was killed. */
static bool mend_journal(struct init *in, struct journal *j)
{
	if (journal_complete(j))
		return true;
	if (in->dry) {
		printf("An earlier run did not come to its end; the next one, or undo, takes it back.\n");
		return true;
	}
	printf("An earlier run did not come to its end; taking it back:\n");
	return journal_back(j, false, stdout);
}

static int plan_and_apply(struct init *in, struct journal *j)
{
	init_compose(in);
	spare_edits(in, j);
	if (in->talk.missing > 0)
		return CTL_BROKEN;
	if (show_plan(in) == 0) {
		printf("Nothing to do: all of it is as init would write it.\n");
		return CTL_OK;
	}
	if (in->dry) {
		printf("Nothing was done (--dry-run).\n");
		return CTL_OK;
	}
	if (!run_ask("Go on?", in->yes) || !apply(in, j))
		return CTL_BROKEN;
	printf("Done.\n");
	if (has_units(in))
		check_own(in);
	say_next(in);
	return CTL_OK;
}

static int run(struct init *in)
{
	struct journal *j;
	int rc = CTL_BROKEN;

	if (in->root[0] == '\0' && geteuid() != 0) {
		fprintf(stderr, "sallyportctl init: run it as root (it reads other users' files and keys)\n");
		return CTL_UNUSABLE;
	}
	j = journal_open(in->root);
	if (j != NULL && mend_journal(in, j)) {
		if (find(in))
			rc = plan_and_apply(in, j);
		if (in->talk.missing > 0)
			printf("Nothing was done: %zu thing%s missing, see above.\n", in->talk.missing,
			    in->talk.missing > 1 ? "s are" : " is");
	}
	journal_close(j);
	return rc;
}

static void init_free(struct init *in)
{
	for (size_t i = 0; i < in->hosts_n; i++) {
		free(in->hosts[i].domain);
		free(in->hosts[i].certificate);
		free(in->hosts[i].key);
		names_free(&in->hosts[i].subdomains);
	}
	free(in->hosts);
	names_free(&in->domains);
	names_free(&in->skip);
	names_free(&in->groups);
	plan_free(&in->plan);
	server_free(&in->server);
}

int ctl_init(int argc, char **argv)
{
	struct init in = {.root = "", .talk = {.out = stdout}};
	int rc = CTL_UNUSABLE;

	if (parse_arguments(&in, argc, argv))
		rc = run(&in);
	else
		fprintf(stderr,
		    "usage: sallyportctl init [--yes | --dry-run] [--backend ejabberd|prosody|jabberd2 [--config "
		    "FILE]]\n"
		    "           [--certs FOLDER] [--domain DOMAIN]... [--skip DOMAIN]... [--root FOLDER]\n");
	init_free(&in);
	return rc;
}
