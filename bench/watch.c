#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timespec *t)
{
	return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

/* Reads a small file of /proc, terminated.  How much; 0: it is not there. */
static size_t slurp(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	out[0] = '\0';
	if (fd < 0)
		return 0;
	n = read(fd, out, cap - 1);
	close(fd);
	if (n <= 0)
		return 0;
	out[n] = '\0';
	return (size_t)n;
}

bool watch_init(struct watch *w, const char *list, char *err, size_t err_n)
{
	*w = (struct watch){.pids = 0};
	while (list != NULL && *list != '\0') {
		char *end;
		long pid = strtol(list, &end, 10);
		clockid_t clock;

		if (end == list || (*end != ',' && *end != '\0') || pid <= 0 || w->pids == PLAN_PIDS_MAX) {
			snprintf(err, err_n, "--pid: \"%s\" is no list of at most %d process ids", list, PLAN_PIDS_MAX);
			return false;
		}
		if (clock_getcpuclockid((pid_t)pid, &clock) != 0) {
			snprintf(err, err_n, "--pid: there is no process %ld", pid);
			return false;
		}
		w->pid[w->pids++] = (pid_t)pid;
		list = *end == ',' ? end + 1 : end;
	}
	return true;
}

static void add_process(pid_t pid, struct usage *u)
{
	char path[64], text[256];
	clockid_t clock;
	struct timespec t;
	unsigned long long size, resident;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return;
	u->cpu += seconds(&t);
	u->processes++;
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (slurp(path, text, sizeof(text)) > 0 && sscanf(text, "%llu %llu", &size, &resident) == 2)
		u->memory += resident * (unsigned long long)sysconf(_SC_PAGESIZE);
}

/* The children that pid's main thread has started (that is where servers fork). */
static size_t add_children(pid_t pid, pid_t *list, size_t n)
{
	char path[64], text[4096], *at = text, *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (slurp(path, text, sizeof(text)) == 0)
		return n;
	for (long child; n < WATCH_PROCESSES_MAX && (child = strtol(at, &end, 10)) > 0; at = end)
		list[n++] = (pid_t)child;
	return n;
}

void watch_take(const struct watch *w, struct usage *u)
{
	pid_t list[WATCH_PROCESSES_MAX];
	size_t n = w->pids;

	*u = (struct usage){.cpu = 0};
	memcpy(list, w->pid, n * sizeof(list[0]));
	for (size_t i = 0; i < n; i++) {
		add_process(list[i], u);
		n = add_children(list[i], list, n);
	}
}

void watch_command(const struct watch *w, char *out, size_t n)
{
	char path[64];
	size_t got;

	out[0] = '\0';
	if (w->pids == 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)w->pid[0]);
	got = slurp(path, out, n);
	for (size_t i = 0; i + 1 < got; i++)
		if (out[i] == '\0')
			out[i] = ' ';
}

double watch_own_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return seconds(&t);
}

double watch_machine_cpu(void)
{
	char text[512];
	unsigned long long user, nice, system, idle, wait, irq, soft;

	if (slurp("/proc/stat", text, sizeof(text)) == 0 || sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu",
	                                                        &user, &nice, &system, &idle, &wait, &irq, &soft) != 7)
		return 0;
	return (double)(user + nice + system + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}
