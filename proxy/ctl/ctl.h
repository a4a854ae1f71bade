/* sallyportctl: one function a subcommand, in a file of its name.
 *
 * argv[0] is the subcommand; what it returns is the exit code: 0 well, 1 not, 2 unusable (bad usage, no such file). */
#ifndef CTL_H
#define CTL_H

#include "sallyport/base.h"

#define CTL_OK 0
#define CTL_BROKEN 1
#define CTL_UNUSABLE 2

int ctl_explain(int argc, char **argv);
int ctl_scan(int argc, char **argv);
int ctl_verify(int argc, char **argv);

/* Whole files, one behind the other. */
struct ctl_bytes {
	char *p;
	size_t n, cap;
};
/* Appends a file.  False: it says why on stderr. */
MUST_CHECK bool ctl_read(struct ctl_bytes *b, const char *path);
void ctl_bytes_free(struct ctl_bytes *b);

#endif
