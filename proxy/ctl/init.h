/* init and undo, inside: what was found on the machine, what is to be written, and the journal of what was done.
 *
 * All of it runs once and ends: an allocation that fails ends the process (text_of()), which the journal survives. */
#ifndef CTL_INIT_H
#define CTL_INIT_H

#include <stdio.h>
#include <sys/types.h>

#include "ctl.h"
#include "sallyport/base.h"
#include "sallyport/cert.h"

/* Where the gateway listens, in what init writes. */
#define INIT_PUBLIC_PORT "25269"
#define INIT_BACKEND_PORT "15269"
#define INIT_FOLDER "/etc/sallyport"
#define INIT_CONF "/etc/sallyport/sallyport.ini"
#define INIT_RULES "/etc/sallyport/sallyport.nft"
#define INIT_CERTS "/etc/sallyport/certs"
/* Root's alone: undo believes what lies there. */
#define INIT_STATE "/var/lib/sallyportctl"
#define INIT_USER "sallyport"

/* text.c: strings from malloc(), and lists of them without doubles, in the order in which they came. */
char *text_of(const char *fmt, ...) PRINTF_LIKE(1, 2);
void *text_grow(void *p, size_t bytes); /* realloc(), or the end */
struct names {
	char **v;
	size_t n;
};
void names_add(struct names *names, struct span name);
bool names_have(const struct names *names, const char *name);
void names_drop(struct names *names, const char *name);
void names_free(struct names *names);
/* "a, b, c"; for free(). */
char *names_join(const struct names *names, const char *between);
/* A whole file.  NULL: errno says why.  For free(); terminated. */
char *text_read(const char *path, size_t *n);

/* What is said while looking.  Each is a line; fix, if there is one, what to do by hand, is a second. */
enum say {
	SAY_FOUND,
	SAY_NOTE,
	SAY_UNSURE,  /* somebody should look */
	SAY_MISSING, /* it cannot go on like this */
};
struct talk {
	FILE *out;
	size_t missing; /* how often SAY_MISSING */
};
void say(struct talk *talk, enum say what, const char *fix, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The old server. */
enum server_kind { SERVER_NONE, SERVER_EJABBERD, SERVER_PROSODY, SERVER_JABBERD2 };

#define SERVER_PORTS_MAX 8
struct server {
	enum server_kind kind;
	bool named;   /* kind was given by hand */
	char *config; /* as the server names it: without root */
	pid_t pid;    /* 0: it does not run */
	char *user;
	uint16_t ports[SERVER_PORTS_MAX]; /* those that it takes s2s on */
	size_t ports_n;
	struct names listening;    /* "ADDRESS PORT": the running one's */
	struct names domains;      /* virtual hosts */
	struct names components;   /* rooms, gateways, …: further domains */
	struct names certificates; /* files that its configuration names */
	struct names folders;      /* folders of certificates, likewise */
	char *connect;             /* its s2s listener: "127.0.0.1:5269" */
	struct names direct;       /* "ADDRESS . PORT" that its connections may go to past the gateway */
};
void server_free(struct server *s);
const char *server_name(enum server_kind kind);
enum server_kind server_kind_of(const char *name); /* SERVER_NONE: no such */
void server_port(struct server *s, long port);

/* What each kind's configuration says; root is the folder that all paths are below.  False: it could not be read, which
 * was said.  What is not certain is said, too. */
MUST_CHECK bool server_read_ejabberd(struct server *s, const char *root, struct talk *talk);
MUST_CHECK bool server_read_prosody(struct server *s, const char *root, struct talk *talk);
MUST_CHECK bool server_read_jabberd2(struct server *s, const char *root, struct talk *talk);

/* Looks for a running one (not below a root of our own) and its configuration, and reads that.  Fields that are set
 * already, kind and config, stay.  False: none was found, which was said. */
MUST_CHECK bool server_find(struct server *s, const char *root, struct talk *talk);
/* The running server's process, user and listeners. */
void server_find_process(struct server *s, struct talk *talk);
/* Where it connects to by itself: what has to go past the gateway. */
void server_find_direct(struct server *s, const char *root, struct talk *talk);

/* A [host] section to be. */
struct site_host {
	char *domain;
	struct names subdomains;
	char *certificate, *key; /* where they lie */
	bool copied;             /* the gateway cannot read them there and gets copies */
};

/* A change to be made. */
enum step_kind {
	STEP_FOLDER,
	STEP_FILE,
	STEP_COPY, /* a file whose owner renews it: undo takes it away as it is then */
	STEP_UNIT, /* path: a unit to be enabled and started */
};
struct step {
	enum step_kind kind;
	char *path;
	char *text; /* what a file is to hold */
	size_t n;
	mode_t mode;
	bool ours;   /* of the gateway's group */
	bool shown;  /* the plan shows what it holds */
	bool done;   /* it is like that already */
	bool exists; /* it will be replaced */
};
struct plan {
	struct step *v;
	size_t n;
};
struct step *plan_add(struct plan *plan, enum step_kind kind, const char *path, mode_t mode);
void plan_free(struct plan *plan);

struct init {
	const char *root; /* "": the machine itself */
	bool yes, dry;
	const char *more_certs;
	struct names domains, skip; /* given by hand */
	struct talk talk;
	struct server server;
	struct site_host *hosts;
	size_t hosts_n;
	struct names groups; /* that the gateway's user has to be in, to read its certificates */
	struct plan plan;
};
/* Hosts with their certificates, out of what the server serves. */
void init_find_hosts(struct init *in);
/* Whether the gateway's user can read them, and what has to be done about it. */
void init_find_access(struct init *in);
/* Fills in the plan. */
void init_compose(struct init *in);
/* The gateway's group; 0: there is none. */
gid_t init_group(const struct init *in);

/* The journal (journal.c): a line for each change, written before it.  All paths are below root. */
struct journal;
/* What earlier runs left, or an empty one.  NULL: said on stderr. */
struct journal *journal_open(const char *root);
void journal_close(struct journal *j); /* takes NULL */
bool journal_empty(const struct journal *j);
/* Whether the last run came to its end. */
bool journal_complete(const struct journal *j);
/* Whether a run wrote the file; and whether it is still as the last one left it. */
bool journal_wrote(const struct journal *j, const char *path);
bool journal_untouched(const struct journal *j, const char *path);
/* Note a change and make it; units are for the caller to make so: verb is "enable" or "start".  False: said on stderr.
 */
MUST_CHECK bool journal_begin(struct journal *j);
MUST_CHECK bool journal_folder(struct journal *j, const struct step *step, gid_t group);
MUST_CHECK bool journal_file(struct journal *j, const struct step *step, gid_t group);
MUST_CHECK bool journal_unit(struct journal *j, const char *verb, const char *unit);
MUST_CHECK bool journal_end(struct journal *j);
/* Takes back the last run, or all of them, and says so.  True: all is as it was before. */
MUST_CHECK bool journal_back(struct journal *j, bool all, FILE *out);
/* Says what would be taken back. */
void journal_show(const struct journal *j, FILE *out);

/* file.c: files that are there whole or not at all; each says on stderr what went wrong. */
MUST_CHECK bool file_write(const char *path, const char *text, size_t n, mode_t mode, uid_t owner, gid_t group);
/* With mode, owner and times. */
MUST_CHECK bool file_copy(const char *from, const char *to);
#define FILE_DIGEST_MAX 65
/* SHA-256 in hexadecimal; "-" if there is no such file. */
void file_digest(const char *path, char out[static FILE_DIGEST_MAX]);
void text_digest(struct span text, char out[static FILE_DIGEST_MAX]);

/* run.c: commands. */
#define RUN_NOT_FOUND 127
/* Waits; what it says goes to our stderr.  user: whom to become, with further groups; NULL: nobody.  Its exit status.
 */
int run_command(const char *const *argv, const char *user, const struct names *groups);
/* The same, and nothing is heard of it. */
int run_quietly(const char *const *argv);
bool run_has_systemd(void);
/* Where the daemon is: beside this very program, or where that is installed; for free(). */
char *run_daemon(void);
/* Asks on the terminal, and takes --yes for an answer.  False: no, or there is nobody to ask, which was said. */
bool run_ask(const char *question, bool yes);

#endif
