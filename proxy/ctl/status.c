/* sallyportctl status: how the daemon is, on one page. */
#include "ctl.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static void label(const char *text)
{
	printf("%-13s", text);
}

/* "SECURE_HEADER" of the machine is "secure-header" of the people. */
static void put_state(const char *name)
{
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? '-' : tolower((unsigned char)*name));
}

static void put_streams(const json_t *streams)
{
	const char *role, *state, *first = "streams";
	json_t *states, *count;

	json_object_foreach((json_t *)(uintptr_t)streams, role, states)
	{
		const char *comma = "";

		label(first);
		first = "";
		printf("%-15s", role);
		if (json_object_size(states) == 0)
			printf("none");
		json_object_foreach(states, state, count)
		{
			printf("%s%" JSON_INTEGER_FORMAT " ", comma, json_integer_value(count));
			put_state(state);
			comma = ", ";
		}
		putchar('\n');
	}
}

static void put_reload(const json_t *reload)
{
	int64_t at = ctl_number(reload, "at");
	char ago[CTL_SPAN_MAX];

	label("last reload");
	if (at == 0) {
		printf("none since the start\n");
		return;
	}
	printf("%s ago, ", ctl_span((int64_t)time(NULL) - at, ago));
	if (json_is_true(json_object_get(reload, "ok")))
		printf("in order: ");
	else
		ctl_put_in(CTL_RED, "failed: ");
	ctl_put(ctl_text(reload, "text"));
	putchar('\n');
}

static void put_backends(const json_t *backends)
{
	const char *first = "backends";
	json_t *backend;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)backends, i, backend)
	{
		const char *state = ctl_text(backend, "state");

		label(first);
		first = "";
		ctl_put(ctl_text(backend, "name"));
		printf(" at %s: ", ctl_text(backend, "address"));
		ctl_put_in(strcmp(state, "down") == 0 ? CTL_RED : CTL_PLAIN,
		    strcmp(state, "untried") == 0 ? "not needed so far" : state);
		putchar('\n');
	}
}

static void put_certificates(const json_t *row)
{
	const char *first = "certificates";
	int64_t now = (int64_t)time(NULL), uncovered = ctl_number(row, "uncovered");
	json_t *certificate;
	size_t i;

	json_array_foreach(json_object_get(row, "certificates"), i, certificate)
	{
		int64_t left = ctl_number(certificate, "expires") - now;
		char span[CTL_SPAN_MAX];

		label(first);
		first = "";
		ctl_put(ctl_text(certificate, "host"));
		printf(" ");
		ctl_put_in(left <= 0            ? CTL_RED
		           : left <= 30 * 86400 ? CTL_YELLOW
		                                : CTL_PLAIN,
		    left <= 0 ? "has expired" : "ends in ");
		printf("%s\n", left <= 0 ? "" : ctl_span(left, span));
	}
	if (uncovered == 0)
		return;
	label(first);
	ctl_put_in(CTL_RED, "missing");
	printf(" for %" PRId64 " of our domains: sallyportctl certs\n", uncovered);
}

static void put_limits(const json_t *limits)
{
	const char *code, *comma = "";
	json_t *count;

	label("limits met");
	json_object_foreach((json_t *)(uintptr_t)limits, code, count)
	{
		printf("%s", comma);
		ctl_put_in(CTL_YELLOW, code);
		printf(" %" JSON_INTEGER_FORMAT, json_integer_value(count));
		comma = ", ";
	}
	printf("%s\n", comma[0] == '\0' ? "none" : "");
}

static void on_row(void *arg, const json_t *row)
{
	char up[CTL_SPAN_MAX];

	(void)arg;
	if (!ctl_is(row, "status"))
		return;
	label("sallyport");
	ctl_put(ctl_text(row, "version"));
	printf(", up %s, pid %" PRId64 ", %" PRId64 " worker%s\n", ctl_span(ctl_number(row, "uptime"), up),
	    ctl_number(row, "pid"), ctl_number(row, "workers"), ctl_number(row, "workers") == 1 ? "" : "s");
	if (json_is_true(json_object_get(row, "draining"))) {
		label("draining");
		ctl_put_in(CTL_YELLOW, "it takes no more connections, and ends when its streams have");
		putchar('\n');
	}
	put_reload(json_object_get(row, "reload"));
	put_backends(json_object_get(row, "backends"));
	put_streams(json_object_get(row, "streams"));
	put_limits(json_object_get(row, "limits"));
	put_certificates(row);
}

int ctl_status(int argc, char **argv)
{
	struct ctl_ask ask = {.usage = ""};

	if (!ctl_ask_options(&ask, argc, argv, 0, 0))
		return CTL_UNUSABLE;
	return ctl_ask(&ask, "status", on_row, NULL);
}
