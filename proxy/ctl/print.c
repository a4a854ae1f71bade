/* What reaches the operator's terminal. */
#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sallyport/utf8.h"

void ctl_put(const char *text)
{
	struct span rest = span_of(text);

	while (rest.n > 0) {
		uint32_t cp = 0;
		size_t n = utf8_read(rest, &cp);

		if (n == 0 || utf8_is_hidden(cp))
			fputc('?', stdout);
		else
			fwrite(rest.p, 1, n, stdout);
		n = n == 0 ? 1 : n;
		rest.p += n;
		rest.n -= n;
	}
}

static bool colourful(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

void ctl_put_in(enum ctl_colour colour, const char *text)
{
	static const char *const codes[] = {
	    [CTL_PLAIN] = "", [CTL_RED] = "\x1b[31m", [CTL_YELLOW] = "\x1b[33m", [CTL_BOLD] = "\x1b[1m"};
	bool in_colour = colour != CTL_PLAIN && colourful();

	if (in_colour)
		fputs(codes[colour], stdout);
	ctl_put(text);
	if (in_colour)
		fputs("\x1b[0m", stdout);
}

const char *ctl_span(int64_t s, char out[static CTL_SPAN_MAX])
{
	static const struct {
		int64_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	int n;

	if (s < 0)
		s = 0;
	while (i + 1 < ARRAY_LEN(units) && s < units[i].seconds)
		i++;
	n = snprintf(out, CTL_SPAN_MAX, "%" PRId64 "%c", s / units[i].seconds, units[i].name);
	if (i + 1 < ARRAY_LEN(units) && s % units[i].seconds / units[i + 1].seconds > 0)
		(void)snprintf(out + n, CTL_SPAN_MAX - (size_t)n, " %" PRId64 "%c",
		    s % units[i].seconds / units[i + 1].seconds, units[i + 1].name);
	return out;
}
