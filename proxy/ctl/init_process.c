/* What the kernel says about the old server: its process, its listeners, and where it connects to. */
#include "init.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* /proc/net/tcp's states */
#define ESTABLISHED 1
#define LISTENING 10
#define CONNECT_SECONDS 2

/* A row of /proc/net/tcp or tcp6. */
struct row {
	int family;
	struct in6_addr local, remote; /* IPv4: its first four bytes */
	uint16_t local_port, remote_port;
	unsigned state;
	uid_t uid;
	unsigned long inode;
};

struct table {
	struct row *v;
	size_t n;
};

/* The kernel prints words of 32 bits as they lie in memory. */
static bool hex_address(const char *hex, int family, struct in6_addr *out)
{
	size_t words = family == AF_INET ? 1 : 4;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < words; i++) {
		char one[9] = {0};
		uint32_t word;

		memcpy(one, hex + i * 8, 8);
		word = (uint32_t)strtoul(one, NULL, 16);
		memcpy((uint8_t *)out + i * 4, &word, 4);
	}
	return true;
}

static bool parse_row(const char *line, int family, struct row *row)
{
	char local[33], remote[33];
	unsigned local_port, remote_port, uid;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own, and no number is longer than its field */
	if (sscanf(line, " %*d: %32[0-9A-F]:%4x %32[0-9A-F]:%4x %2x %*s %*s %*s %u %*s %lu", local, &local_port, remote,
	        &remote_port, &row->state, &uid, &row->inode) != 7)
		return false;
	if (strlen(local) != (family == AF_INET ? 8u : 32u) || strlen(remote) != strlen(local))
		return false;
	row->family = family;
	row->local_port = (uint16_t)local_port;
	row->remote_port = (uint16_t)remote_port;
	row->uid = uid;
	return hex_address(local, family, &row->local) && hex_address(remote, family, &row->remote);
}

static void read_table(struct table *t, const char *path, int family)
{
	FILE *file = fopen(path, "r");
	struct row row;
	char line[512];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (!parse_row(line, family, &row))
			continue;
		t->v = text_grow(t->v, (t->n + 1) * sizeof(*t->v));
		t->v[t->n++] = row;
	}
	if (file != NULL)
		(void)fclose(file);
}

/* As it is written; an IPv4 address inside an IPv6 one as what it is. */
static bool address_text(int family, const struct in6_addr *a, char out[static INET6_ADDRSTRLEN])
{
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(a))
		return inet_ntop(AF_INET, (const uint8_t *)a + 12, out, INET6_ADDRSTRLEN) != NULL;
	return inet_ntop(family, a, out, INET6_ADDRSTRLEN) != NULL;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* The words of /proc/PID/cmdline or environ. */
struct words {
	char *text;
	size_t n;
};

static struct words read_words(pid_t pid, const char *what)
{
	char *path = text_of("/proc/%d/%s", (int)pid, what);
	struct words w = {NULL, 0};

	w.text = text_read(path, &w.n);
	free(path);
	return w;
}

static const char *next_word(const struct words *w, const char *word)
{
	const char *next = word == NULL ? w->text : word + strlen(word) + 1;

	return w->text != NULL && next < w->text + w->n ? next : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static enum server_kind kind_of(const struct words *w)
{
	const char *first = next_word(w, NULL), *word = first;
	const char *name = first != NULL ? base_name(first) : "";
	bool beam = strncmp(name, "beam", 4) == 0;

	if (strcmp(name, "jabberd2-s2s") == 0 || strcmp(name, "s2s") == 0)
		return SERVER_JABBERD2;
	for (size_t i = 0; word != NULL; word = next_word(w, word), i++) {
		if (beam && strcmp(word, "ejabberd") == 0)
			return SERVER_EJABBERD;
		if (i < 4 && strcmp(base_name(word), "prosody") == 0) /* behind "lua5.4" */
			return SERVER_PROSODY;
	}
	return SERVER_NONE;
}

/* The inode of a socket that a descriptor stands for; 0: it is none. */
static unsigned long socket_inode(pid_t pid, const char *fd)
{
	char *path = text_of("/proc/%d/fd/%s", (int)pid, fd), target[64];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	free(path);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	return strncmp(target, "socket:[", 8) == 0 ? strtoul(target + 8, NULL, 10) : 0;
}

static void add_listener(struct server *s, const struct table *t, unsigned long inode)
{
	char address[INET6_ADDRSTRLEN], *text;

	for (size_t i = 0; inode != 0 && i < t->n; i++) {
		if (t->v[i].inode != inode || t->v[i].state != LISTENING ||
		    !address_text(t->v[i].family, &t->v[i].local, address))
			continue;
		text = text_of("%s port %u", address, t->v[i].local_port);
		names_add(&s->listening, span_of(text));
		free(text);
	}
}

/* The process's listeners in our own network namespace; without any it is somebody else's. */
static void find_listeners(struct server *s, const struct table *t, pid_t pid)
{
	char *path = text_of("/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		add_listener(s, t, socket_inode(pid, entry->d_name));
	if (folder != NULL)
		(void)closedir(folder);
	free(path);
}

static char *option_of(const struct words *w, const char *option)
{
	size_t n = strlen(option);

	for (const char *word = next_word(w, NULL); word != NULL; word = next_word(w, word)) {
		const char *next = next_word(w, word);

		if (strcmp(word, option) == 0 && next != NULL)
			return text_of("%s", next);
		if (strncmp(word, option, n) == 0 && word[n] == '=')
			return text_of("%s", word + n + 1);
	}
	return NULL;
}

/* What its command line or environment says; a relative path is of no use. */
static char *config_named(enum server_kind kind, pid_t pid)
{
	struct words w = read_words(pid, kind == SERVER_EJABBERD ? "environ" : "cmdline");
	char *path = option_of(&w, kind == SERVER_EJABBERD  ? "EJABBERD_CONFIG_PATH"
	                           : kind == SERVER_PROSODY ? "--config"
	                                                    : "-c");

	free(w.text);
	if (path != NULL && path[0] == '/')
		return path;
	free(path);
	return NULL;
}

static char *user_of(pid_t pid)
{
	char *path = text_of("/proc/%d", (int)pid);
	const struct passwd *pw;
	struct stat st;
	char *name = NULL;

	if (stat(path, &st) == 0)
		name = (pw = getpwuid(st.st_uid)) != NULL ? text_of("%s", pw->pw_name)
		                                          : text_of("%u", (unsigned)st.st_uid);
	free(path);
	return name;
}

static void consider(struct server *s, const struct table *t, pid_t pid, struct talk *talk)
{
	struct words w = read_words(pid, "cmdline");
	enum server_kind kind = kind_of(&w);
	struct server other = {0};

	free(w.text);
	if (kind == SERVER_NONE || (s->named && s->kind != kind))
		return;
	find_listeners(&other, t, pid);
	if (other.listening.n == 0) {
		/* a helper of one */
	} else if (s->pid != 0) {
		say(talk, SAY_MISSING, "name the one that is to stand behind the gateway with --backend",
		    "two servers run here: %s (process %d) and %s (process %d)", server_name(s->kind), (int)s->pid,
		    server_name(kind), (int)pid);
	} else {
		s->kind = kind;
		s->pid = pid;
		s->listening = other.listening;
		other.listening = (struct names){NULL, 0};
		s->user = user_of(pid);
		if (s->config == NULL)
			s->config = config_named(kind, pid);
	}
	server_free(&other);
}

static struct table read_tables(void)
{
	struct table t = {NULL, 0};

	read_table(&t, "/proc/net/tcp", AF_INET);
	read_table(&t, "/proc/net/tcp6", AF_INET6);
	return t;
}

void server_find_process(struct server *s, struct talk *talk)
{
	struct table t = read_tables();
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]))
			consider(s, &t, (pid_t)strtol(entry->d_name, NULL, 10), talk);
	}
	if (proc != NULL)
		(void)closedir(proc);
	free(t.v);
}

static bool answers(int family, const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct timeval limit = {CONNECT_SECONDS, 0};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0;

	if (family == AF_INET)
		ok = ok && inet_pton(family, address, &v4.sin_addr) == 1 &&
		     connect(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0;
	else
		ok = ok && inet_pton(family, address, &v6.sin6_addr) == 1 &&
		     connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* The addresses that the port is open on, for one that takes neither loopback address. */
static char *open_address(const struct server *s, uint16_t port)
{
	for (size_t i = 0; i < s->listening.n; i++) {
		char address[INET6_ADDRSTRLEN];
		unsigned at;
		bool v6;

		/* NOLINTNEXTLINE(cert-err34-c): written by add_listener() */
		if (sscanf(s->listening.v[i], "%45s port %u", address, &at) != 2 || at != port)
			continue;
		v6 = strchr(address, ':') != NULL;
		if (answers(v6 ? AF_INET6 : AF_INET, address, port))
			return v6 ? text_of("[%s]:%u", address, port) : text_of("%s:%u", address, port);
	}
	return NULL;
}

/* Where the gateway will reach it. */
static char *find_connect(struct server *s, struct talk *talk)
{
	for (size_t i = 0; s->pid != 0 && i < s->ports_n; i++) {
		char *address;

		if (answers(AF_INET, "127.0.0.1", s->ports[i]))
			return text_of("127.0.0.1:%u", s->ports[i]);
		if (answers(AF_INET6, "::1", s->ports[i]))
			return text_of("[::1]:%u", s->ports[i]);
		address = open_address(s, s->ports[i]);
		if (address != NULL)
			return address;
	}
	if (s->ports_n == 0)
		return NULL;
	if (s->pid != 0)
		say(talk, SAY_MISSING, "start its s2s listener, or mend the port in its configuration",
		    "nothing answers on port %u, where %s is to take other servers' connections", s->ports[0],
		    server_name(s->kind));
	return text_of("127.0.0.1:%u", s->ports[0]);
}

/* Ports of services that are not XMPP. */
static bool is_service(uint16_t port)
{
	static const uint16_t ports[] = {53, 389, 636, 1433, 3306, 4369, 5432, 6379, 11211, 27017};

	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

static void add_direct(struct server *s, const char *address, unsigned port, struct talk *talk, const char *why)
{
	char *text = text_of("%s . %u", address, port);

	if (!names_have(&s->direct, text))
		say(talk, SAY_FOUND, NULL, "%s port %u, %s: is left out of the redirect", address, port, why);
	names_add(&s->direct, span_of(text));
	free(text);
}

static bool is_own_port(const struct server *s, uint16_t port)
{
	for (size_t i = 0; i < s->listening.n; i++) {
		const char *space = strrchr(s->listening.v[i], ' ');

		if (space != NULL && strtoul(space, NULL, 10) == port)
			return true;
	}
	return false;
}

static void find_services(struct server *s, struct talk *talk)
{
	const struct passwd *pw = s->user != NULL ? getpwnam(s->user) : NULL;
	struct table t = read_tables();
	char address[INET6_ADDRSTRLEN];

	for (size_t i = 0; pw != NULL && i < t.n; i++) {
		const struct row *row = &t.v[i];

		if (row->state != ESTABLISHED || row->uid != pw->pw_uid || is_own_port(s, row->local_port) ||
		    !address_text(row->family, &row->remote, address) || is_loopback(address))
			continue;
		if (is_service(row->remote_port))
			add_direct(s, address, row->remote_port, talk, "which it is connected to");
		else if (row->remote_port < 5269 || row->remote_port > 5299)
			say(talk, SAY_UNSURE,
			    "if that is no other XMPP server, add it to direct4 or direct6 in " INIT_RULES,
			    "it is connected to %s port %u", address, row->remote_port);
	}
	free(t.v);
}

/* DNS changes to TCP for large answers. */
static void find_resolvers(struct server *s, const char *root, struct talk *talk)
{
	char *path = text_of("%s/etc/resolv.conf", root), line[512], address[INET6_ADDRSTRLEN];
	FILE *file = fopen(path, "r");
	struct in6_addr binary;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, " nameserver %45[0-9a-fA-F.:]", address) == 1 && !is_loopback(address) &&
		    (inet_pton(AF_INET, address, &binary) == 1 || inet_pton(AF_INET6, address, &binary) == 1))
			add_direct(s, address, 53, talk, "the resolver");
	}
	if (file != NULL)
		(void)fclose(file);
	free(path);
}

void server_find_direct(struct server *s, const char *root, struct talk *talk)
{
	s->connect = find_connect(s, talk);
	find_resolvers(s, root, talk);
	if (root[0] == '\0')
		find_services(s, talk);
}
