/* Lines of the control socket.  Besides not crashing: a line is taken, or refused with a sentence; what was taken is within its
 * bounds, means the same when it is written down again, and matches what it names. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

__attribute__((noreturn)) static void wrong(const char *what, const struct request *r)
{
	fprintf(stderr, "%s: %s\n", what, request_name(r->verb));
	abort();
}

/* As sallyportctl would have written it. */
static size_t write_down(const struct request *r, char out[static REQUEST_MAX])
{
	size_t n = (size_t)snprintf(out, REQUEST_MAX, "%s", request_name(r->verb));

	if (r->match.domain.n > 0)
		n += (size_t)snprintf(out + n, REQUEST_MAX - n, " %s%s", r->match.below ? "*." : "", r->match.domain.s);
	if (r->verb == REQUEST_LOG)
		n += (size_t)snprintf(out + n, REQUEST_MAX - n, " %s", log_level_name(r->level));
	if (r->seconds >= 0)
		n += (size_t)snprintf(out + n, REQUEST_MAX - n, " %" PRId64, r->seconds);
	return n;
}

static void check(const struct request *r)
{
	char line[REQUEST_MAX], err[256];
	struct request again;
	size_t n = write_down(r, line);

	if (r->seconds < -1 || r->seconds > REQUEST_SECONDS_MAX)
		wrong("out of bounds", r);
	if (!request_parse(&again, (struct span){line, n}, err, sizeof(err)))
		wrong(err, r);
	if (again.verb != r->verb || again.seconds != r->seconds || again.level != r->level ||
	    again.match.below != r->match.below || !domain_eq(&again.match.domain, &r->match.domain))
		wrong("means something else when written down", r);
	if (request_matches(&r->match, &r->match.domain) == r->match.below)
		wrong("does not match its own domain, or does though it is for those below", r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char err[256] = "";
	struct request r;

	if (n > REQUEST_MAX)
		return 0;
	if (request_parse(&r, (struct span){(const char *)data, n}, err, sizeof(err)))
		check(&r);
	else if (err[0] == '\0')
		wrong("is refused without a word", &r);
	return 0;
}
