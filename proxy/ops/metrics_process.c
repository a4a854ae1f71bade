#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics_internal.h"

struct metrics_process {
	double started;
	int statm; /* opened early: later this process may not be allowed to */
	DIR *descriptors;
};

struct metrics_process *metrics_process_new(void)
{
	struct metrics_process *m = calloc(1, sizeof(*m));
	struct timespec now;

	if (m == NULL)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	m->started = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	m->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	m->descriptors = opendir("/proc/self/fd");
	return m;
}

void metrics_process_free(struct metrics_process *m)
{
	if (m == NULL)
		return;
	if (m->statm >= 0)
		close(m->statm);
	if (m->descriptors != NULL)
		closedir(m->descriptors);
	free(m);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void put_cpu(struct page *p)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return;
	page_metric(p, "process_cpu_seconds_total", "counter", "Processor time of all threads, user and system.");
	page_line(p, "process_cpu_seconds_total %.6f\n", seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

static void put_memory(const struct metrics_process *m, struct page *p)
{
	char text[128];
	ssize_t n = m->statm >= 0 ? pread(m->statm, text, sizeof(text) - 1, 0) : -1;
	unsigned long long size, resident;
	long page_size = sysconf(_SC_PAGESIZE);

	if (n <= 0)
		return;
	text[n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (sscanf(text, "%llu %llu", &size, &resident) != 2)
		return;
	page_metric(p, "process_virtual_memory_bytes", "gauge", "Size of the address space.");
	page_line(p, "process_virtual_memory_bytes %llu\n", size * (unsigned long long)page_size);
	page_metric(p, "process_resident_memory_bytes", "gauge", "Memory in use.");
	page_line(p, "process_resident_memory_bytes %llu\n", resident * (unsigned long long)page_size);
}

static void put_descriptors(const struct metrics_process *m, struct page *p)
{
	struct rlimit limit;
	unsigned long long n = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		page_metric(p, "process_max_fds", "gauge", "Descriptors that the process may have open.");
		page_line(p, "process_max_fds %llu\n", (unsigned long long)limit.rlim_cur);
	}
	if (m->descriptors == NULL)
		return;
	rewinddir(m->descriptors);
	for (const struct dirent *e; (e = readdir(m->descriptors)) != NULL;)
		n += e->d_name[0] != '.';
	page_metric(p, "process_open_fds", "gauge", "Descriptors that the process has open.");
	page_line(p, "process_open_fds %llu\n", n);
}

void metrics_process_put(struct metrics_process *m, struct page *p)
{
	page_metric(p, "process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.");
	page_line(p, "process_start_time_seconds %.3f\n", m->started);
	put_cpu(p);
	put_memory(m, p);
	put_descriptors(m, p);
}
