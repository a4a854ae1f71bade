/* sallyportctl certs: our own certificates, and when they end. */
#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define DAY_S 86400

static const struct ctl_column columns[] = {
    {.name = "DOMAIN", .cut = true},
    {.name = "KEY"},
    {.name = "EXPIRES"},
    {.name = "LEFT", .right = true},
    {.name = "FILE", .cut = true},
};

static void on_row(void *arg, const json_t *row)
{
	struct ctl_table *t = arg;
	char date[16] = "", left[CTL_SPAN_MAX];
	time_t expires = (time_t)ctl_number(row, "expires");
	int64_t seconds = ctl_number(row, "left");
	enum ctl_colour colour = seconds <= 0 ? CTL_RED : seconds <= 30 * DAY_S ? CTL_YELLOW : CTL_PLAIN;
	bool covered = ctl_is(row, "certificate");
	struct tm tm;

	if (!covered && !ctl_is(row, "uncovered"))
		return;
	if (covered && gmtime_r(&expires, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	ctl_table_put(t, CTL_PLAIN, ctl_text(row, "domain"));
	ctl_table_put(t, CTL_PLAIN, ctl_text(row, "key"));
	ctl_table_put(t, colour, covered ? date : "-");
	ctl_table_put(t, colour, !covered ? "-" : seconds <= 0 ? "expired" : ctl_span(seconds, left));
	ctl_table_put(t, covered ? CTL_PLAIN : CTL_RED, covered ? ctl_text(row, "file") : "no certificate names it");
}

/* Takes --expiring out of the arguments; false: it said what is wrong. */
static bool take_expiring(int *argc, char **argv, int64_t *seconds)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--expiring") != 0)
			continue;
		if (i + 1 == *argc || !ctl_time(argv[i + 1], seconds)) {
			fprintf(stderr, "sallyportctl certs: --expiring takes a time, such as 30d\n");
			return false;
		}
		memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 2) * sizeof(*argv));
		*argc -= 2;
		return true;
	}
	return true;
}

int ctl_certs(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = "[--expiring TIME] "};
	struct ctl_table *t = ctl_table_new(columns, ARRAY_LEN(columns));
	char request[48] = "certs";
	int64_t seconds = -1;
	int rc = CTL_UNUSABLE;

	if (take_expiring(&argc, argv, &seconds) && ctl_ask_options(&ask, argc, argv, 0, 0)) {
		if (seconds >= 0)
			(void)snprintf(request, sizeof(request), "certs %" PRId64, seconds);
		rc = ctl_ask(&ask, request, on_row, t);
	}
	if (rc == CTL_OK && !ask.json && !ctl_table_print(t))
		printf(seconds >= 0 ? "none ends within that time\n" : "no hosts are configured\n");
	ctl_table_free(t);
	return rc;
}
