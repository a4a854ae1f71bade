#include "sallyport/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void ensure_failed(const char *cond, const char *file, int line)
{
	/* Not through log: whatever is broken may be there, and this must come out. */
	dprintf(STDERR_FILENO, "level=error event=bug cond=\"%s\" at=%s:%d\n", cond, file, line);
	abort();
}
