/* sandbox, inside: sandbox.c (user and capabilities), sandbox_calls.c (seccomp) and sandbox_files.c (Landlock). */
#ifndef SALLYPORT_SANDBOX_INTERNAL_H
#define SALLYPORT_SANDBOX_INTERNAL_H

#include "sallyport/sandbox.h"

/* 0, or errno. */
MUST_CHECK int sandbox_calls(enum sandbox_who who);
/* 0, or errno.  Leaves out what the kernel's version of Landlock does not know. */
MUST_CHECK int sandbox_files(enum sandbox_who who, const struct conf *conf);

#endif
