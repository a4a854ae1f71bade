/* Whether the gateway's user can read a certificate and its key where they lie. */
#include "init.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

struct reader {
	const char *root;
	uid_t uid;
	gid_t gid;
	gid_t need; /* a further group that it has to be in; 0: none so far */
};

/* Of the system below root. */
static bool find_user(const char *root, uid_t *uid, gid_t *gid)
{
	char *path = text_of("%s/etc/passwd", root);
	FILE *file = fopen(path, "r");
	const struct passwd *pw = NULL;

	while (file != NULL && (pw = fgetpwent(file)) != NULL && strcmp(pw->pw_name, INIT_USER) != 0)
		continue;
	if (pw != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
	if (file != NULL)
		(void)fclose(file);
	free(path);
	return pw != NULL;
}

gid_t init_group(const struct init *in)
{
	uid_t uid;
	gid_t gid;

	return find_user(in->root, &uid, &gid) ? gid : 0;
}

/* For free(); NULL: it has none. */
static char *group_name(const char *root, gid_t gid)
{
	char *path = text_of("%s/etc/group", root), *name = NULL;
	FILE *file = fopen(path, "r");
	const struct group *gr;

	while (file != NULL && name == NULL && (gr = fgetgrent(file)) != NULL) {
		if (gr->gr_gid == gid)
			name = text_of("%s", gr->gr_name);
	}
	if (file != NULL)
		(void)fclose(file);
	free(path);
	return name;
}

/* bit: what others would need, S_IROTH or S_IXOTH. */
static bool may(struct reader *r, const char *path, mode_t bit)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if (st.st_uid == r->uid)
		return (st.st_mode & (bit << 6)) != 0;
	if (st.st_gid == r->gid || (r->need != 0 && st.st_gid == r->need))
		return (st.st_mode & (bit << 3)) != 0;
	if ((st.st_mode & bit) != 0)
		return true;
	if (st.st_gid == 0 || r->need != 0 || (st.st_mode & (bit << 3)) == 0)
		return false;
	r->need = st.st_gid;
	return true;
}

/* Each folder on the way, from below a prefix of so many bytes, and the file. */
static bool may_reach(struct reader *r, const char *path, size_t prefix)
{
	bool ok = may(r, path, S_IROTH);

	for (const char *slash = strchr(path + prefix + 1, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
		char *folder = text_of("%.*s", (int)(slash - path), path);

		ok = may(r, folder, S_IXOTH);
		free(folder);
	}
	return ok;
}

/* By its name, and where that leads. */
static bool may_read(struct reader *r, const char *path)
{
	char *full = text_of("%s%s", r->root, path), *real = realpath(full, NULL), *root = realpath(r->root, NULL);
	bool ok =
	    real != NULL && may_reach(r, real, root != NULL ? strlen(root) : 0) && may_reach(r, full, strlen(r->root));

	free(root);
	free(real);
	free(full);
	return ok;
}

static void judge(struct init *in, struct site_host *host, const struct reader *r)
{
	struct reader one = *r;
	char *group = NULL;

	/* systemd's ProtectHome hides these, whatever their mode */
	host->copied = strncmp(host->certificate, "/root/", 6) == 0 || strncmp(host->certificate, "/home/", 6) == 0 ||
	               !may_read(&one, host->certificate) || !may_read(&one, host->key);
	if (!host->copied && one.need != 0) {
		group = group_name(in->root, one.need);
		if (group != NULL)
			names_add(&in->groups, span_of(group));
		host->copied = group == NULL;
	}
	if (host->copied)
		say(&in->talk, SAY_NOTE, NULL, "%s: user " INIT_USER " cannot read %s and gets a copy", host->domain,
		    host->key);
	else if (group != NULL)
		say(&in->talk, SAY_NOTE, NULL, "%s: user " INIT_USER " can read %s as a member of group %s",
		    host->domain, host->key, group);
	free(group);
}

void init_find_access(struct init *in)
{
	struct reader r = {.root = in->root};

	if (!find_user(in->root, &r.uid, &r.gid)) {
		say(&in->talk, SAY_MISSING, "adduser --system --group --no-create-home --home /nonexistent " INIT_USER,
		    "there is no user " INIT_USER " for the gateway to run as");
		return;
	}
	for (size_t i = 0; i < in->hosts_n; i++) {
		if (in->hosts[i].certificate != NULL)
			judge(in, &in->hosts[i], &r);
	}
}
