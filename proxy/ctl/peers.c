/* sallyportctl peers: what became of each remote domain. */
#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct ctl_column columns[] = {
    {.name = "DOMAIN", .cut = true},
    {.name = "WAY"},
    {.name = "NOW", .right = true},
    {.name = "SUCCESS", .right = true},
    {.name = "FAILURE", .right = true},
    {.name = "REASON", .cut = true},
    {.name = "STREAK", .right = true},
    {.name = "RETRY", .right = true},
};

struct peers {
	struct ctl_table *table; /* NULL: one domain, told at length */
	int64_t now;
	unsigned n;
};

static const char *ago(const struct peers *p, int64_t at, char out[static CTL_SPAN_MAX])
{
	return at == 0 ? "-" : ctl_span(p->now - at, out);
}

static bool fails(const json_t *side)
{
	return ctl_number(side, "streak") > 0;
}

static void put_row(struct peers *p, const char *domain, const char *way, const json_t *side)
{
	char number[24], span[CTL_SPAN_MAX];
	int64_t retry = ctl_number(side, "next_retry") - p->now;

	if (ctl_number(side, "last_success") == 0 && ctl_number(side, "last_failure") == 0)
		return;
	ctl_table_put(p->table, CTL_PLAIN, domain);
	ctl_table_put(p->table, CTL_PLAIN, way);
	(void)snprintf(number, sizeof(number), "%" PRId64, ctl_number(side, "open"));
	ctl_table_put(p->table, CTL_PLAIN, number);
	ctl_table_put(p->table, CTL_PLAIN, ago(p, ctl_number(side, "last_success"), span));
	ctl_table_put(p->table, CTL_PLAIN, ago(p, ctl_number(side, "last_failure"), span));
	ctl_table_put(p->table, fails(side) ? CTL_RED : CTL_PLAIN, ctl_text(side, "reason"));
	(void)snprintf(number, sizeof(number), "%" PRId64, ctl_number(side, "streak"));
	ctl_table_put(p->table, fails(side) ? CTL_RED : CTL_PLAIN, number);
	ctl_table_put(p->table, CTL_PLAIN, retry > 0 ? ctl_span(retry, span) : "-");
}

static void label(const char *text)
{
	printf("  %-9s", text);
}

static void tell_failure(const struct peers *p, const json_t *side)
{
	char span[CTL_SPAN_MAX];
	int64_t retry = ctl_number(side, "next_retry") - p->now;

	label("failure");
	printf("%s ago: ", ago(p, ctl_number(side, "last_failure"), span));
	ctl_put_in(fails(side) ? CTL_RED : CTL_PLAIN, ctl_text(side, "reason"));
	printf(", ");
	ctl_put(ctl_text(side, "text"));
	if (fails(side))
		printf(" (%" PRId64 " in a row)", ctl_number(side, "streak"));
	putchar('\n');
	if (ctl_text(side, "detail")[0] != '\0') {
		label("detail");
		ctl_put(ctl_text(side, "detail"));
		putchar('\n');
	}
	label("fix");
	ctl_put(ctl_text(side, "fix"));
	printf(" (");
	ctl_put(ctl_text(side, "who"));
	printf(")\n");
	if (retry > 0) {
		label("retry");
		printf("for the next stanza in %s; until then the failure is answered from memory\n",
		    ctl_span(retry, span));
	}
}

static void tell(const struct peers *p, const char *way, const json_t *side)
{
	char span[CTL_SPAN_MAX];

	printf("%s: %" PRId64 " open now\n", way, ctl_number(side, "open"));
	if (ctl_number(side, "last_success") != 0) {
		label("success");
		printf("%s ago\n", ago(p, ctl_number(side, "last_success"), span));
	}
	if (ctl_number(side, "last_failure") != 0)
		tell_failure(p, side);
	else if (ctl_number(side, "last_success") == 0)
		printf("  nobody tried\n");
}

static void on_row(void *arg, const json_t *row)
{
	struct peers *p = arg;
	const json_t *in = json_object_get(row, "in"), *out = json_object_get(row, "out");

	if (!ctl_is(row, "peer"))
		return;
	p->n++;
	if (p->table != NULL) {
		put_row(p, ctl_text(row, "domain"), "in", in);
		put_row(p, ctl_text(row, "domain"), "out", out);
		return;
	}
	ctl_put_in(CTL_BOLD, ctl_text(row, "domain"));
	putchar('\n');
	tell(p, "from there", in);
	tell(p, "to there", out);
}

int ctl_peers(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "[DOMAIN | *.DOMAIN] "};
	struct peers p = {.now = (int64_t)time(NULL)};
	char request[CTL_REQUEST_MAX];
	bool one;
	int rc;

	if (!ctl_ask_options(&ask, argc, argv, 0, 1))
		return CTL_UNUSABLE;
	one = ask.words_n == 1 && strncmp(ask.words[0], "*.", 2) != 0;
	p.table = one ? NULL : ctl_table_new(columns, ARRAY_LEN(columns));
	rc = ctl_request(&ask, request, "peers") ? ctl_ask(&ask, request, on_row, &p) : CTL_UNUSABLE;
	if (rc == CTL_OK && !ask.json && p.n == 0 && one) {
		fprintf(stderr, "%s: nothing was heard of it, nor was it called\n", ask.words[0]);
		rc = CTL_BROKEN;
	} else if (rc == CTL_OK && !ask.json && p.n == 0) {
		printf("no peers so far\n");
	} else if (rc == CTL_OK && !ask.json && p.table != NULL) {
		(void)!ctl_table_print(p.table);
	}
	ctl_table_free(p.table);
	return rc;
}
