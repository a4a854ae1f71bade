/* file: files that are read by their names.  The network process may open none by itself, so that whoever gets hold of
 * it cannot read keys where they lie: there the supervisor opens them. */
#ifndef SALLYPORT_FILE_H
#define SALLYPORT_FILE_H

#include <stdio.h>

#include "sallyport/base.h"

/* A descriptor to read from, closed on exec; below 0: errno says why.  Pipes and devices are not waited for. */
int file_open(const char *path);
/* The same as a stream; NULL: errno says why. */
FILE *file_stream(const char *path);
/* 0 if a regular file could be read now, else errno; EINVAL: it is none. */
int file_check(const char *path);

/* Who opens files in this process's place; set at start, before threads; open NULL: nobody does.  check: nothing is to
 * be opened, and 0 means that it could be.  Below 0: errno says why not. */
void file_set_opener(int (*open)(void *arg, const char *path, bool check), void *arg);

#endif
