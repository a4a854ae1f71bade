/* watch: CPU and memory of the process under test, with its children, from /proc. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <sys/types.h>

#include "plan.h"
#include "sallyport/base.h"

#define WATCH_PROCESSES_MAX 256

struct watch {
	pid_t pid[PLAN_PIDS_MAX]; /* as given */
	size_t pids;
};

struct usage {
	double cpu;      /* seconds, since each process began */
	uint64_t memory; /* resident bytes */
	unsigned processes;
};

/* list: "123,456"; NULL: nothing is watched.  False: err says what is wrong. */
MUST_CHECK bool watch_init(struct watch *w, const char *list, char *err, size_t err_n);
/* All of them together; a process that has ended counts no more. */
void watch_take(const struct watch *w, struct usage *u);
/* Command line of the first, spaces between its words. */
void watch_command(const struct watch *w, char *out, size_t n);
/* CPU seconds that all processes of this machine have used; 0: not known. */
double watch_machine_cpu(void);
/* CPU seconds of this process. */
double watch_own_cpu(void);

#endif
