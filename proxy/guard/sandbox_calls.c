#include "sandbox_internal.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* By name, so that one list does for every architecture; a call that it does not have is left out.  Whatever is not
 * listed fails with ENOSYS, as if the kernel were older: the C library then takes the older way. */

/* clang-format off */
/* Memory, time, signals, threads, and what is open. */
static const char *const everybody[] = {
    "brk", "madvise", "mremap", "munmap", "getrandom",
    "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
    "futex", "membarrier", "rseq", "sched_getaffinity", "sched_yield", "set_robust_list",
    "getegid", "geteuid", "getgid", "getpid", "getppid", "gettid", "getuid",
    "exit", "exit_group", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "sigreturn", "tgkill",
    "close", "lseek", "poll", "ppoll", "read", "readv", "recvfrom", "recvmsg", "sendmsg", "sendto", "shutdown", "write",
    "writev",
};

/* Sockets, and files by their names. */
static const char *const network[] = {
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvmmsg",
    "sendmmsg", "setsockopt", "socketpair",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "pipe2",
    "signalfd4", "timerfd_create", "timerfd_settime",
    "access", "chmod", "faccessat", "faccessat2", "fchmod", "fchmodat", "fstat", "getcwd", "getdents64", "lstat",
    "newfstatat", "open", "openat", "pread64", "readlink", "readlinkat", "stat", "statx", "umask", "unlink", "unlinkat",
    "dup", "dup2", "dup3", "fcntl", "fcntl64",
    "getcpu", "getrlimit", "getrusage", "prlimit64", "sched_setaffinity", "sysinfo", "times", "uname",
};

/* Processes, and what their own sandboxes are made of. */
static const char *const supervision[] = {
    "clone", "fork", "kill", "setpgid", "vfork", "wait4", "waitid",
    "capget", "capset", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "prctl", "seccomp",
    "setrlimit",
};
/* clang-format on */

/* Calls of which only one form is let through: their arguments are compared under a mask. */
struct form {
	const char *name;
	unsigned argument;
	uint64_t mask, value;
};

static const struct form forms[] = {
    {"clone", 0, CLONE_THREAD, CLONE_THREAD}, /* a thread, but no process */
    /* memory is written or run, never both */
    {"mmap", 2, PROT_EXEC, 0},
    {"mmap2", 2, PROT_EXEC, 0},
    {"mprotect", 2, PROT_EXEC, 0},
};

static const struct form network_forms[] = {
    {"socket", 0, UINT64_MAX, AF_INET},
    {"socket", 0, UINT64_MAX, AF_INET6},
    {"socket", 0, UINT64_MAX, AF_UNIX},
    {"ioctl", 1, UINT64_MAX, FIONBIO},
    {"ioctl", 1, UINT64_MAX, FIONREAD},
};

static int allow(scmp_filter_ctx filter, const char *const *names, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);

		if (call != __NR_SCMP_ERROR)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	}
	return err;
}

static int allow_forms(scmp_filter_ctx filter, const struct form *form, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		int call = seccomp_syscall_resolve_name(form[i].name);
		struct scmp_arg_cmp only = {form[i].argument, SCMP_CMP_MASKED_EQ, form[i].mask, form[i].value};

		if (call != __NR_SCMP_ERROR)
			err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &only);
		err = err == -EEXIST ? 0 : err; /* any form of it is let through already */
	}
	return err;
}

static int fill(scmp_filter_ctx filter, enum sandbox_who who)
{
	int err = allow(filter, everybody, ARRAY_LEN(everybody));

	if (err == 0)
		err = allow_forms(filter, forms, ARRAY_LEN(forms));
	if (err == 0 && who != SANDBOX_KEYS)
		err = allow(filter, network, ARRAY_LEN(network));
	if (err == 0 && who == SANDBOX_SUPERVISOR)
		err = allow(filter, supervision, ARRAY_LEN(supervision));
	if (err == 0 && who != SANDBOX_KEYS)
		err = allow_forms(filter, network_forms, ARRAY_LEN(network_forms));
	return err;
}

int sandbox_calls(enum sandbox_who who)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int err = filter != NULL ? fill(filter, who) : -ENOMEM;

	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return -err;
}
