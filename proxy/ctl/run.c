#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: what systemd does for the unit. */
static bool become(const char *user, const struct names *groups)
{
	const struct passwd *pw = getpwnam(user);
	gid_t gids[NGROUPS_MAX];
	size_t n = 0;

	if (pw == NULL)
		return false;
	gids[n++] = pw->pw_gid;
	for (size_t i = 0; groups != NULL && i < groups->n && n < ARRAY_LEN(gids); i++) {
		const struct group *gr = getgrnam(groups->v[i]);

		if (gr != NULL)
			gids[n++] = gr->gr_gid;
	}
	return setgroups(n, gids) == 0 && setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0;
}

__attribute__((noreturn)) static void child(
    const char *const *argv, const char *user, const struct names *groups, bool quiet)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *const *args;

	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(quiet && null >= 0 ? null : STDERR_FILENO, STDOUT_FILENO);
	if (quiet && null >= 0)
		(void)dup2(null, STDERR_FILENO);
	if (user != NULL && !become(user, groups))
		_exit(RUN_NOT_FOUND);
	memcpy(&args, &argv, sizeof(args)); /* exec does not write to them, its prototype is from before const */
	(void)execvp(argv[0], args);
	_exit(RUN_NOT_FOUND);
}

static int run(const char *const *argv, const char *user, const struct names *groups, bool quiet)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(argv, user, groups, quiet);
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return RUN_NOT_FOUND;
	}
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : RUN_NOT_FOUND;
}

int run_command(const char *const *argv, const char *user, const struct names *groups)
{
	return run(argv, user, groups, false);
}

int run_quietly(const char *const *argv)
{
	return run(argv, NULL, NULL, true);
}

/* As sd_booted(3) has it. */
bool run_has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

char *run_daemon(void)
{
	static const char *const places[] = {"sallyport", "../sbin/sallyport"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash != NULL && i < ARRAY_LEN(places); i++) {
		char *path = text_of("%.*s/%s", (int)(slash - self), self, places[i]), *real = NULL;

		if (access(path, X_OK) == 0)
			real = realpath(path, NULL);
		free(path);
		if (real != NULL)
			return real;
	}
	return text_of("sallyport");
}

bool run_ask(const char *question, bool yes)
{
	char answer[8] = "";

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "Nothing was done: there is no terminal to ask on; --yes goes on without asking.\n");
		return false;
	}
	printf("%s [y/N] ", question);
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	printf("Nothing was done.\n");
	return false;
}
