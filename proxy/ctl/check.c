/* sallyportctl check: how other servers stand to the rules of this gateway, and it to theirs; one domain or many. */
#include "check_run.h"
#include "ctl.h"
#include "probe_args.h"

#include <stdlib.h>

/* Domains that are tested at once. */
#define TOGETHER 8
#define JSON_FIRST 65536u
#define JSON_MAX (UINT32_C(1) << 24)

struct entry {
	struct board *board;
	struct domain domain;
	struct check *check; /* NULL: not started, or over */
	bool titled, over;
	enum check_exit exit;
	struct check_verdict verdict;
};

struct board {
	struct probe_args args;
	struct probe_net net;
	struct entry *entry;
	size_t n, cap;
	size_t next, head; /* the first not started, and not shown whole */
	bool colour;
};

static void usage(FILE *to)
{
	fprintf(to,
	    "usage: sallyportctl check [--from DOMAIN] [-c FILE] [--resolver ADDR] [--timeout SECONDS] [--json]\n"
	    "                          DOMAIN... | -\n"
	    "Says what DNS, TLS, certificate and authentication of other servers come to under our rules, in both\n"
	    "directions, and whose side must mend what.  Nothing is sent but the negotiation of a stream.\n"
	    "  DOMAIN             several: only what is wrong, and a table; -: a list on standard "
	    "input\n" PROBE_ARGS_USAGE
	    "Exit status: 0 good, 1 warnings, 2 a stream would be refused, 3 it could not be tested; of several\n"
	    "domains 2 before 3 before 1.\n"
	    "Examples:\n"
	    "  sallyportctl check --from example.org jabber.example     would a stream stand, both ways?\n"
	    "  sallyportctl check example.org                           our own domain, as others see it\n"
	    "  sallyportctl check --from example.org - < peers          who would be cut off?\n");
}

/* --- the list --- */

static bool add_domain(struct board *b, struct span text)
{
	size_t cap = b->cap * 2 + 16;
	struct entry *more;

	if (b->n == b->cap) {
		more = realloc(b->entry, cap * sizeof(*more));
		if (more == NULL) {
			fprintf(stderr, "out of memory\n");
			return false;
		}
		b->entry = more;
		b->cap = cap;
	}
	b->entry[b->n] = (struct entry){.exit = CHECK_UNTESTED};
	if (!domain_parse(&b->entry[b->n].domain, text)) {
		fprintf(stderr, "\"");
		(void)finding_put_clean(stderr, text);
		fprintf(stderr, "\": no domain\n");
		return false;
	}
	b->n++;
	return true;
}

/* One on a line; what follows a space or '#' is no part of it. */
static bool read_list(struct board *b)
{
	char *line = NULL;
	size_t cap = 0;
	bool good = true;

	while (good && getline(&line, &cap, stdin) >= 0) {
		struct span text = {line + strspn(line, " \t"), 0};

		text.n = strcspn(text.p, " \t\r\n#");
		good = text.n == 0 || add_domain(b, text);
	}
	free(line);
	return good;
}

static bool parse(struct board *b, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		enum probe_arg taken = probe_args_take(&b->args, argc, argv, &i);
		bool good = taken == PROBE_ARG_TAKEN;

		if (taken == PROBE_ARG_BAD)
			return false;
		if (taken == PROBE_ARG_OTHER && strcmp(argv[i], "-") == 0)
			good = read_list(b);
		else if (taken == PROBE_ARG_OTHER && argv[i][0] != '-')
			good = add_domain(b, span_of(argv[i]));
		else if (taken == PROBE_ARG_OTHER)
			fprintf(stderr, "%s: no such option (--help)\n", argv[i]);
		if (!good)
			return false;
	}
	if (b->n == 0)
		usage(stderr);
	return b->n > 0;
}

/* --- what is shown --- */

static void show_json(const struct check *c)
{
	struct span text = SPAN_NONE;
	struct json j;
	char *to = NULL;

	for (size_t cap = JSON_FIRST; text.n == 0 && cap <= JSON_MAX; cap *= 4) {
		free(to);
		to = malloc(cap);
		if (to == NULL)
			break;
		json_init(&j, to, cap);
		check_json(&j, c);
		text = json_done(&j);
	}
	printf("%.*s\n", SPAN_FMT(text));
	(void)fflush(stdout);
	free(to);
}

static void show_class(const struct check_verdict *v)
{
	finding_print_line(stdout, 0, "class:", 7, check_class_text(v->class));
}

/* As much of an entry as is known; true: it is over. */
static bool show_entry(struct board *b, struct entry *e)
{
	bool many = b->n > 1;

	if (e->check == NULL)
		return e->over;
	if (!b->args.json) {
		struct findings *f = check_findings(e->check);

		if (!e->titled && (!many || (check_done(e->check) && findings_worst(f) >= FINDING_WARN)))
			printf("%s\n", e->domain.s), e->titled = true;
		if (e->titled || check_done(e->check))
			findings_print(stdout, f, many ? FINDING_WARN : FINDING_OK, b->colour);
	}
	if (!check_done(e->check))
		return false;
	e->exit = check_exit(e->check);
	e->verdict = *check_verdict(e->check);
	e->over = true;
	if (b->args.json)
		show_json(e->check);
	else if (!many)
		show_class(&e->verdict);
	return true;
}

static void on_progress(void *arg);

static void start_more(struct board *b)
{
	while (b->next < b->n && b->next < b->head + TOGETHER) {
		struct entry *e = &b->entry[b->next++];

		e->board = b;
		e->check = check_start(&b->net, &e->domain, b->args.from.n > 0 ? &b->args.from : NULL, on_progress, e);
		if (e->check != NULL)
			continue;
		e->over = true;
		e->verdict = (struct check_verdict){.out = REASON_NO_MEMORY, .out_known = true, .class = CLASS_UNKNOWN};
	}
}

static void on_progress(void *arg)
{
	struct board *b = ((struct entry *)arg)->board;

	while (b->head < b->next && show_entry(b, &b->entry[b->head])) {
		check_free(b->entry[b->head].check);
		b->entry[b->head].check = NULL;
		b->head++;
		start_more(b);
	}
	if (b->head == b->n)
		loop_stop(b->net.loop);
}

static const char *word_of(enum reason why, bool known)
{
	return !known ? "?" : why == REASON_NONE ? "ok" : reason_row(why)->code;
}

static void show_table(const struct board *b)
{
	static const char *const words[] = {"good", "with warnings", "would be refused", "could not be tested"};
	size_t counts[ARRAY_LEN(words)] = {0};

	printf("\n%-29s %-23s %-23s %s\n", "DOMAIN", "OUT", "IN", "CLASS");
	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = &b->entry[i];

		counts[e->exit]++;
		printf("%-29.*s %-23s %-23s %s\n", e->domain.n > 29 ? 29 : (int)e->domain.n, e->domain.s,
		    word_of(e->verdict.out, e->verdict.out_known), word_of(e->verdict.in, e->verdict.in_known),
		    check_class_name(e->verdict.class));
	}
	printf("%zu domains:", b->n);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		printf("%s %zu %s", i > 0 ? "," : "", counts[i], words[i]);
	printf("\n");
}

/* Who is refused matters more than who is away, and both more than a warning. */
static enum check_exit worst_of(const struct board *b)
{
	static const unsigned rank[] = {
	    [CHECK_GOOD] = 0, [CHECK_WARNINGS] = 1, [CHECK_UNTESTED] = 2, [CHECK_REFUSED] = 3};
	enum check_exit worst = CHECK_GOOD;

	for (size_t i = 0; i < b->n; i++) {
		if (rank[b->entry[i].exit] > rank[worst])
			worst = b->entry[i].exit;
	}
	return worst;
}

int ctl_check(int argc, char **argv)
{
	struct board b = {.n = 0};
	enum check_exit rc = CHECK_UNTESTED;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return CTL_OK;
	}
	probe_args_init(&b.args);
	if (parse(&b, argc, argv) && probe_args_open(&b.args, &b.net)) {
		b.colour = finding_colour(stdout);
		start_more(&b);
		loop_run(b.net.loop);
		if (b.n > 1 && !b.args.json)
			show_table(&b);
		rc = worst_of(&b);
		probe_net_close(&b.net);
	}
	free(b.entry);
	return (int)rc;
}
