/* sallyportctl streams: what stands, and what is being made. */
#include "ctl.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

static const struct ctl_column columns[] = {
    {.name = "FROM", .cut = true},
    {.name = "TO", .cut = true},
    {.name = "ROLE"},
    {.name = "STATE"},
    {.name = "ADDRESS", .cut = true},
    {.name = "TLS"},
    {.name = "AGE", .right = true},
    {.name = "IN", .right = true},
    {.name = "OUT", .right = true},
    {.name = "STANZAS", .right = true},
    {.name = "QUEUE", .right = true},
};

/* "812", "1.2M" */
static const char *size(int64_t n, char out[static 32])
{
	static const char units[] = "KMGT";
	int64_t tenths = n * 10;
	size_t i = 0;

	(void)snprintf(out, 32, "%" PRId64, n);
	while (tenths >= 10240 && i < sizeof(units) - 1) {
		tenths /= 1024;
		(void)snprintf(out, 32, "%" PRId64 ".%" PRId64 "%c", tenths / 10, tenths % 10, units[i++]);
	}
	return out;
}

static void put_size(struct ctl_table *t, const json_t *row, const char *key)
{
	char text[32];

	ctl_table_put(t, CTL_PLAIN, size(ctl_number(row, key), text));
}

static void put_state(struct ctl_table *t, const char *name)
{
	char text[32];
	size_t i = 0;

	for (; i < sizeof(text) - 1 && name[i] != '\0'; i++)
		text[i] = (char)(name[i] == '_' ? '-' : tolower((unsigned char)name[i]));
	text[i] = '\0';
	ctl_table_put(t, CTL_PLAIN, text);
}

/* A stream of the backend's may carry several pairs, and its header need not name any. */
static void put_domains(struct ctl_table *t, const json_t *row)
{
	const json_t *pairs = json_object_get(row, "pairs"), *first = json_array_get(pairs, 0);
	int64_t n = ctl_number(row, "pairs_in_all");
	char many[48];

	if (n == 0)
		first = row;
	ctl_table_put(t, CTL_PLAIN, ctl_text(first, "from"));
	if (n > 1) {
		(void)snprintf(many, sizeof(many), "%" PRId64 " domains", n);
		ctl_table_put(t, CTL_PLAIN, many);
	} else {
		ctl_table_put(t, CTL_PLAIN, ctl_text(first, "to"));
	}
}

static void on_row(void *arg, const json_t *row)
{
	struct ctl_table *t = arg;
	char span[CTL_SPAN_MAX], number[24];
	const char *tls = ctl_text(row, "tls");

	if (!ctl_is(row, "stream"))
		return;
	put_domains(t, row);
	ctl_table_put(t, CTL_PLAIN, ctl_text(row, "role"));
	put_state(t, ctl_text(row, "state"));
	ctl_table_put(t, CTL_PLAIN, ctl_text(row, "address"));
	ctl_table_put(t, CTL_PLAIN, strncmp(tls, "TLSv", 4) == 0 ? tls + 4 : "-");
	ctl_table_put(t, CTL_PLAIN, ctl_span(ctl_number(row, "age"), span));
	put_size(t, row, "received");
	put_size(t, row, "sent");
	(void)snprintf(number, sizeof(number), "%" PRId64, ctl_number(row, "stanzas"));
	ctl_table_put(t, CTL_PLAIN, number);
	put_size(t, row, "queued");
}

int ctl_streams(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "[DOMAIN | *.DOMAIN] "};
	struct ctl_table *t = ctl_table_new(columns, ARRAY_LEN(columns));
	char request[CTL_REQUEST_MAX];
	int rc = CTL_UNUSABLE;

	if (ctl_ask_options(&ask, argc, argv, 0, 1) && ctl_request(&ask, request, "streams"))
		rc = ctl_ask(&ask, request, on_row, t);
	if (rc == CTL_OK && !ask.json && !ctl_table_print(t))
		printf("no streams\n");
	ctl_table_free(t);
	return rc;
}
