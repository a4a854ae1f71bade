#include "sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What came after the headers of Linux 6.1, which Debian 12 has.  The kernel says which it knows. */
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_ALL 3ULL /* bind and connect by TCP */
#define SCOPE_ABSTRACT_SOCKETS (1ULL << 0)
#define SCOPE_SIGNALS (1ULL << 1)

struct ruleset {
	uint64_t files, net, scope;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_LOG (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define FS_SOCKET (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* All of the first version. */
#define FS_ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int landlock_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void know(struct ruleset *rules, int version)
{
	rules->files &= FS_ALL | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) |
	                (version >= 5 ? FS_IOCTL_DEV : 0);
	rules->net = version >= 4 ? rules->net : 0;
	rules->scope = version >= 6 ? rules->scope : 0;
}

static size_t size_of(int version)
{
	return version >= 6   ? sizeof(struct ruleset)
	       : version >= 4 ? offsetof(struct ruleset, scope)
	                      : offsetof(struct ruleset, net);
}

/* A path that is not there needs no leave. */
static int let(int rules, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = access};
	int err = 0;

	beneath.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
		err = errno;
	(void)close(beneath.parent_fd);
	return err;
}

/* For a file that comes and goes: its folder. */
static int let_folder(int rules, const char *path, uint64_t access)
{
	const char *slash = path != NULL && path[0] == '/' ? strrchr(path, '/') : NULL;
	char folder[PATH_MAX];

	if (slash == NULL || slash == path)
		return 0;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	return let(rules, folder, access);
}

/* Names, to look for new certificates, but no contents: its files it gets from the supervisor.  The libraries read
 * these, at start. */
static int let_network(int rules, const struct conf *conf)
{
	static const char *const system[] = {"/proc/self", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
	    "/etc/host.conf", "/etc/localtime", "/dev/null"};
	int err = let(rules, "/", LANDLOCK_ACCESS_FS_READ_DIR);

	for (size_t i = 0; i < ARRAY_LEN(system) && err == 0; i++)
		err = let(rules, system[i], LANDLOCK_ACCESS_FS_READ_FILE);
	if (err == 0)
		err = let_folder(rules, conf->control_socket, FS_SOCKET);
	if (err == 0)
		err = let_folder(rules, conf->metrics_socket, FS_SOCKET);
	return err == 0 ? let_folder(rules, conf->log_target, FS_LOG) : err;
}

static int let_supervisor(int rules, const struct conf *conf)
{
	int err = let(rules, "/", FS_READ | FS_SOCKET);

	return err == 0 ? let_folder(rules, conf->log_target, FS_LOG) : err;
}

static int restrict_self(enum sandbox_who who, const struct conf *conf, const struct ruleset *wanted, int version)
{
	int rules = (int)syscall(SYS_landlock_create_ruleset, wanted, size_of(version), 0);
	int err = rules < 0 ? errno : 0;

	if (err == 0 && who == SANDBOX_NETWORK)
		err = let_network(rules, conf);
	if (err == 0 && who == SANDBOX_SUPERVISOR)
		err = let_supervisor(rules, conf);
	if (err == 0 && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		err = errno;
	if (rules >= 0)
		(void)close(rules);
	return err;
}

int sandbox_files(enum sandbox_who who, const struct conf *conf)
{
	struct ruleset wanted = {.files = FS_ALL | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV};
	int version = landlock_version();

	if (version < 1)
		return errno;
	if (who != SANDBOX_SUPERVISOR)
		wanted.scope = SCOPE_SIGNALS; /* to nobody outside */
	if (who == SANDBOX_KEYS) {
		wanted.net = NET_ALL;
		wanted.scope |= SCOPE_ABSTRACT_SOCKETS;
	}
	know(&wanted, version);
	return restrict_self(who, conf, &wanted, version);
}
