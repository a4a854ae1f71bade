/* The journal of init, and how it is taken back.
 *
 * A run is "begin", a line for each change, and "end"; a line is on the disk before its change is made, so that what
 * was killed in between can be taken back as well.  A path goes to the end of its line. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE "sallyportctl journal 1\n"

enum verb { BEGIN, FOLDER, CREATE, REPLACE, COPY, ENABLE, START, END, VERBS };
static const struct {
	const char *word;
	int arguments; /* in front of the path */
} verbs[VERBS] = {
    [BEGIN] = {"begin", 0},
    [FOLDER] = {"folder", 0},
    [CREATE] = {"create", 1},   /* digest */
    [REPLACE] = {"replace", 3}, /* digest, that of what it was before, number of the backup */
    [COPY] = {"copy", 0},
    [ENABLE] = {"enable", 0},
    [START] = {"start", 0},
    [END] = {"end", 0},
};

struct entry {
	enum verb verb;
	char digest[FILE_DIGEST_MAX], before[FILE_DIGEST_MAX];
	unsigned backup;
	char *path; /* or unit */
};

struct journal {
	char *root, *folder, *path;
	struct entry *v;
	size_t n;
	unsigned backups;
};

static bool complain(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	return false;
}

static bool parse_arguments(struct entry *e, const char **text)
{
	int wanted = verbs[e->verb].arguments, used = 0;
	char *end;

	if (wanted == 0)
		return true;
	if (wanted == 1 && (sscanf(*text, "%64s %n", e->digest, &used) != 1 || used == 0))
		return false;
	if (wanted == 3 && (sscanf(*text, "%64s %64s %n", e->digest, e->before, &used) != 2 || used == 0))
		return false;
	*text += used;
	if (wanted == 1)
		return true;
	e->backup = (unsigned)strtoul(*text, &end, 10);
	if (end == *text || *end != ' ')
		return false;
	*text = end + 1;
	return true;
}

static bool parse_line(struct journal *j, const char *line)
{
	struct entry e = {.verb = VERBS};
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < VERBS; i++) {
		if (strlen(verbs[i].word) == n && memcmp(verbs[i].word, line, n) == 0)
			e.verb = (enum verb)i;
	}
	line += n + (line[n] == ' ');
	if (e.verb == VERBS || !parse_arguments(&e, &line))
		return false;
	e.path = text_of("%s", line);
	j->v = text_grow(j->v, (j->n + 1) * sizeof(e));
	j->v[j->n++] = e;
	if (e.backup >= j->backups)
		j->backups = e.backup + 1;
	return true;
}

/* A last line without its end was not finished, nor was its change begun. */
static bool parse(struct journal *j, char *text)
{
	size_t title = sizeof(TITLE) - 1;

	if (strncmp(text, TITLE, title) != 0)
		return false;
	for (char *line = text + title, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (!parse_line(j, line))
			return false;
	}
	return true;
}

/* What it says is done as root. */
static bool is_safe(const struct journal *j)
{
	struct stat st;

	if (lstat(j->folder, &st) != 0)
		return errno == ENOENT || complain(j->folder, strerror(errno));
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return true;
	return complain(j->folder, "others may write to it, so that what it says is not believed");
}

struct journal *journal_open(const char *root)
{
	struct journal *j = text_grow(NULL, sizeof(*j));
	char *text;
	size_t n;
	bool ok;

	*j = (struct journal){.root = text_of("%s", root), .folder = text_of("%s" INIT_STATE, root)};
	j->path = text_of("%s/init.journal", j->folder);
	ok = is_safe(j);
	text = ok ? text_read(j->path, &n) : NULL;
	if (ok && text == NULL && errno != ENOENT)
		ok = complain(j->path, strerror(errno));
	if (text != NULL && !parse(j, text))
		ok =
		    complain(j->path, "not a journal of this sallyportctl; undo by hand what it names, then remove it");
	free(text);
	if (ok)
		return j;
	journal_close(j);
	return NULL;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; i < j->n; i++)
		free(j->v[i].path);
	free(j->v);
	free(j->root);
	free(j->folder);
	free(j->path);
	free(j);
}

bool journal_empty(const struct journal *j)
{
	return j->n == 0;
}

bool journal_complete(const struct journal *j)
{
	return j->n == 0 || j->v[j->n - 1].verb == END;
}

static const struct entry *last_write(const struct journal *j, const char *path)
{
	for (size_t i = j->n; i > 0; i--) {
		const struct entry *e = &j->v[i - 1];

		if ((e->verb == CREATE || e->verb == REPLACE) && strcmp(e->path, path) == 0)
			return e;
	}
	return NULL;
}

bool journal_wrote(const struct journal *j, const char *path)
{
	return last_write(j, path) != NULL;
}

bool journal_untouched(const struct journal *j, const char *path)
{
	const struct entry *e = last_write(j, path);
	char *full = text_of("%s%s", j->root, path), digest[FILE_DIGEST_MAX];

	file_digest(full, digest);
	free(full);
	return e != NULL && strcmp(e->digest, digest) == 0;
}

static void print_entry(FILE *to, const struct entry *e)
{
	fputs(verbs[e->verb].word, to);
	if (verbs[e->verb].arguments > 0)
		fprintf(to, " %s", e->digest);
	if (verbs[e->verb].arguments > 1)
		fprintf(to, " %s %u", e->before, e->backup);
	fprintf(to, "%s%s\n", e->path[0] != '\0' ? " " : "", e->path);
}

/* All of it anew: it is short, and so it is never there by half. */
static bool save(const struct journal *j)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	bool ok;

	if (out == NULL)
		return complain(j->path, strerror(errno));
	fputs(TITLE, out);
	for (size_t i = 0; i < j->n; i++)
		print_entry(out, &j->v[i]);
	ok = fclose(out) == 0 && file_write(j->path, text, n, 0600, geteuid(), getegid());
	free(text);
	return ok;
}

static bool note(struct journal *j, struct entry e, const char *path)
{
	if (strchr(path, '\n') != NULL)
		return complain(path, "a line break in a name");
	e.path = text_of("%s", path);
	j->v = text_grow(j->v, (j->n + 1) * sizeof(e));
	j->v[j->n++] = e;
	return save(j);
}

bool journal_begin(struct journal *j)
{
	if (mkdir(j->folder, 0700) != 0 && errno != EEXIST)
		return complain(j->folder, strerror(errno));
	return is_safe(j) && note(j, (struct entry){.verb = BEGIN}, "");
}

bool journal_end(struct journal *j)
{
	return note(j, (struct entry){.verb = END}, "");
}

bool journal_unit(struct journal *j, const char *verb, const char *unit)
{
	return note(j, (struct entry){.verb = strcmp(verb, "enable") == 0 ? ENABLE : START}, unit);
}

bool journal_folder(struct journal *j, const struct step *step, gid_t group)
{
	char *full = text_of("%s%s", j->root, step->path);
	bool ok = note(j, (struct entry){.verb = FOLDER}, step->path);

	if (ok && (mkdir(full, 0700) != 0 || chown(full, geteuid(), step->ours ? group : getegid()) != 0 ||
	              chmod(full, step->mode) != 0))
		ok = complain(full, strerror(errno));
	free(full);
	return ok;
}

static char *backup_path(const struct journal *j, unsigned number)
{
	return text_of("%s/backup.%u", j->folder, number);
}

static bool back_up(struct journal *j, const char *full, struct entry *e)
{
	char *backup = backup_path(j, j->backups);
	bool ok = file_copy(full, backup);

	e->backup = j->backups;
	j->backups += ok;
	free(backup);
	return ok;
}

/* A copy that is ours already is no more than brought up to date. */
static bool is_ours(const struct journal *j, const struct step *step)
{
	for (size_t i = 0; step->kind == STEP_COPY && i < j->n; i++) {
		if (j->v[i].verb == COPY && strcmp(j->v[i].path, step->path) == 0)
			return true;
	}
	return false;
}

bool journal_file(struct journal *j, const struct step *step, gid_t group)
{
	struct entry e = {.verb = step->kind == STEP_COPY ? COPY : CREATE};
	char *full = text_of("%s%s", j->root, step->path);
	bool noted = is_ours(j, step), ok = true;

	text_digest((struct span){step->text, step->n}, e.digest);
	file_digest(full, e.before);
	if (!noted && strcmp(e.before, "-") != 0) {
		e.verb = REPLACE;
		ok = back_up(j, full, &e);
	}
	ok = ok && (noted || note(j, e, step->path)) &&
	     file_write(full, step->text, step->n, step->mode, geteuid(), step->ours ? group : getegid());
	free(full);
	return ok;
}

/* What somebody has changed since is not thrown away. */
static bool keep(const struct journal *j, const char *full, FILE *out)
{
	const char *name = strrchr(full, '/');
	char *to = text_of("%s/kept.%s", j->folder, name != NULL ? name + 1 : full);
	bool ok = file_copy(full, to);

	if (ok)
		fprintf(out, "  kept     what %s had become since, as %s\n", full, to);
	free(to);
	return ok;
}

static bool unlink_file(const char *full)
{
	return unlink(full) == 0 || errno == ENOENT || errno == ENOTDIR || complain(full, strerror(errno));
}

static bool back_create(const struct journal *j, const struct entry *e, const char *full, FILE *out)
{
	char digest[FILE_DIGEST_MAX];

	file_digest(full, digest);
	if (strcmp(digest, "-") == 0) {
		fprintf(out, "  gone     %s: is not there any more\n", full);
		return true;
	}
	if (e->verb == CREATE && strcmp(digest, e->digest) != 0 && !keep(j, full, out))
		return false;
	if (!unlink_file(full))
		return false;
	fprintf(out, "  removed  %s\n", full);
	return true;
}

static bool back_replace(const struct journal *j, const struct entry *e, const char *full, FILE *out)
{
	char digest[FILE_DIGEST_MAX], *backup = backup_path(j, e->backup);
	bool ok = true;

	file_digest(full, digest);
	if (strcmp(digest, e->before) != 0) {
		if (strcmp(digest, "-") != 0 && strcmp(digest, e->digest) != 0)
			ok = keep(j, full, out);
		ok = ok && file_copy(backup, full);
		if (ok)
			fprintf(out, "  restored %s\n", full);
	}
	ok = ok && unlink_file(backup);
	free(backup);
	return ok;
}

static bool back_folder(const char *full, FILE *out)
{
	if (rmdir(full) == 0)
		fprintf(out, "  removed  %s\n", full);
	else if (errno == ENOTEMPTY || errno == EEXIST)
		fprintf(out, "  kept     %s, in which something else lies\n", full);
	else if (errno != ENOENT && errno != ENOTDIR) /* it was never made */
		return complain(full, strerror(errno));
	return true;
}

static bool back_unit(const struct entry *e, FILE *out)
{
	const char *verb = e->verb == ENABLE ? "disable" : "stop";

	if (run_command((const char *const[]){"systemctl", verb, e->path, NULL}, NULL, NULL) != 0)
		return complain(e->path, "systemctl could not take it back; see above");
	fprintf(out, "  %-8s %s\n", e->verb == ENABLE ? "disabled" : "stopped", e->path);
	return true;
}

static void say_entry(const struct journal *j, const struct entry *e, FILE *out)
{
	static const char *const words[VERBS] = {[FOLDER] = "remove",
	    [CREATE] = "remove",
	    [REPLACE] = "restore",
	    [COPY] = "remove",
	    [ENABLE] = "disable",
	    [START] = "stop"};

	if (words[e->verb] != NULL)
		fprintf(out, "  %-8s %s%s\n", words[e->verb], e->verb == ENABLE || e->verb == START ? "" : j->root,
		    e->path);
}

static bool back_entry(const struct journal *j, const struct entry *e, FILE *out)
{
	char *full = text_of("%s%s", j->root, e->path);
	bool ok = true;

	if (e->verb == CREATE || e->verb == COPY)
		ok = back_create(j, e, full, out);
	else if (e->verb == REPLACE)
		ok = back_replace(j, e, full, out);
	else if (e->verb == FOLDER)
		ok = back_folder(full, out);
	else if (e->verb == ENABLE || e->verb == START)
		ok = back_unit(e, out);
	free(full);
	return ok;
}

/* Nothing is left to be taken back. */
static bool forget(struct journal *j)
{
	bool ok = unlink_file(j->path);

	(void)rmdir(j->folder); /* unless something was kept in it */
	return ok;
}

void journal_show(const struct journal *j, FILE *out)
{
	for (size_t i = j->n; i > 0; i--)
		say_entry(j, &j->v[i - 1], out);
}

bool journal_back(struct journal *j, bool all, FILE *out)
{
	bool ok = true, begun = false;

	while (ok && j->n > 0 && !(begun && !all)) {
		struct entry *e = &j->v[j->n - 1];

		begun = e->verb == BEGIN;
		ok = back_entry(j, e, out);
		if (!ok)
			break;
		free(e->path);
		j->n--;
		/* so that what fails further on can be gone on with */
		ok = save(j);
	}
	return ok && (j->n > 0 || forget(j));
}
