#include "sandbox_internal.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sallyport/log.h"

/* From here on anybody may bind (net.ipv4.ip_unprivileged_port_start, as it is set by default). */
#define FREE_PORT 1024

/* The system calls and files of sanitizers and of coverage are not ours, so their builds go without; tests of the sandbox
 * use the release build. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SALLYPORT_COVERAGE)
#define INSTRUMENTED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define INSTRUMENTED true
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

/* --- user and capabilities --- */

static bool any_low(const struct addr *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t port = addr_port(&at[i]);

		if (port != 0 && port < FREE_PORT)
			return true;
	}
	return false;
}

static bool binds_low(const struct conf *conf)
{
	bool low =
	    any_low(conf->public_listen, conf->public_listens) || any_low(conf->metrics_listen, conf->metrics_listens);

	for (size_t i = 0; i < conf->backends_n; i++)
		low = low || any_low(conf->backends[i].listen, conf->backends[i].listens);
	return low;
}

/* What is permitted becomes effective as well.  A service manager that left none may not let us call capset(). */
static int set_capabilities(uint32_t wanted)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct had[_LINUX_CAPABILITY_U32S_3], want[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &head, had) != 0)
		return errno;
	want[0].permitted = want[0].effective = had[0].permitted & wanted;
	if (memcmp(had, want, sizeof(had)) == 0)
		return 0;
	return syscall(SYS_capset, &head, want) == 0 ? 0 : errno;
}

/* Fails without CAP_SETPCAP: then no_new_privs must do. */
static void narrow_bounds(uint32_t wanted)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (cap >= 32 || (wanted >> cap & 1u) == 0)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
}

static bool become(const char *user)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL) {
		log_text(LOG_ERROR, "start", "user %s does not exist", user);
		return false;
	}
	if (geteuid() == pw->pw_uid)
		return true;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setgroups(0, NULL) == 0 && setgid(pw->pw_gid) == 0 &&
	    setuid(pw->pw_uid) == 0)
		return true;
	log_text(
	    LOG_ERROR, "start", "can't become user %s: %s (start as root, or as that user)", user, strerror(errno));
	return false;
}

bool sandbox_drop(const struct conf *conf)
{
	uint32_t wanted = binds_low(conf) ? 1u << CAP_NET_BIND_SERVICE : 0;
	int err;

	narrow_bounds(wanted);
	if (conf->user != NULL && !become(conf->user))
		return false;
	err = set_capabilities(wanted);
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = errno;
	if (err != 0)
		log_text(LOG_ERROR, "start", "privileges can't be given up: %s", strerror(err));
	else if (geteuid() == 0)
		log_text(LOG_WARNING, "start", "runs as root, though without its capabilities: set user in [global]");
	return err == 0;
}

/* --- system calls and files --- */

static const char *outcome(enum conf_guard wanted, int err)
{
	return wanted == GUARD_OFF ? "off" : INSTRUMENTED ? "off (instrumented)" : err == 0 ? "on" : strerror(err);
}

static bool missing(enum conf_guard wanted, int err)
{
	return wanted == GUARD_REQUIRE && (INSTRUMENTED || err != 0);
}

bool sandbox_enter(enum sandbox_who who, const struct conf *conf)
{
	static const char *const names[] = {
	    [SANDBOX_SUPERVISOR] = "supervisor",
	    [SANDBOX_NETWORK] = "network",
	    [SANDBOX_KEYS] = "keys",
	};
	/* ports are the network process's business; the supervisor keeps what that one inherits */
	int held = who == SANDBOX_KEYS ? set_capabilities(0) : 0;
	int files = INSTRUMENTED || conf->landlock == GUARD_OFF ? 0 : sandbox_files(who, conf);
	int calls = INSTRUMENTED || conf->seccomp == GUARD_OFF ? 0 : sandbox_calls(who);
	bool failed = missing(conf->landlock, files) || missing(conf->seccomp, calls) || held != 0;
	struct log_line l;

	log_begin(&l, failed ? LOG_ERROR : files != 0 || calls != 0 ? LOG_WARNING : LOG_INFO, "sandbox");
	log_str(&l, "process", names[who]);
	log_str(&l, "seccomp", outcome(conf->seccomp, calls));
	log_str(&l, "landlock", outcome(conf->landlock, files));
	if (held != 0)
		log_str(&l, "text", "its capabilities can't be given up");
	else if (failed)
		log_str(&l, "text", "[sandbox] requires what is not to be had");
	log_end(&l);
	return !failed;
}
