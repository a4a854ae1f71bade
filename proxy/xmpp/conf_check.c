#include "conf_internal.h"

#include <stdlib.h>
#include <sys/un.h>
#include <time.h>

/* A backend's server waits this long for the answer to its dialback at least (measured: ejabberd 30s, Prosody 90s;
 * known: Openfire 20s). */
#define BACKEND_PATIENCE_MS 20000

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* The line that set an option in a section; 0: none did. */
static unsigned draft_line(const struct conf_draft *d, const char *key)
{
	const struct conf_option *o = conf_option_find(d->section, key);

	ENSURE(o != NULL);
	return d->seen[conf_option_place(o)];
}

/* The same for a section that there is once.  0: the section or the option is not there. */
static unsigned line_of(const struct conf_build *b, const char *section, const char *key)
{
	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];

		if (d->section != NULL && strcmp(d->section->name, section) == 0)
			return draft_line(d, key);
	}
	return 0;
}

/* A host that says nothing of a certificate has one found for it, if there is where to look. */
static bool excused(const struct conf_build *b, const struct conf_draft *d, const struct conf_option *o)
{
	return o->section->owner == CONF_OF_HOST && b->conf->certificate_folders_n > 0 &&
	       b->conf->hosts[d->at].certificates_n == 0 && b->conf->hosts[d->at].keys_n == 0;
}

/* What each section must have; silent about sections with other errors, which may be a misspelled key. */
static void check_required(struct conf_build *b)
{
	char title[CONF_TITLE_MAX];

	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];

		for (size_t j = 0; j < conf_options_n; j++) {
			const struct conf_option *o = &conf_options[j];

			if (!d->faulty && o->section == d->section && o->required &&
			    d->seen[conf_option_place(o)] == 0 && !excused(b, d, o))
				conf_error(b, d->line, "%s lacks \"%s\", as in %s = %s",
				    conf_section_title(o->section, title), o->key, o->key, o->example);
		}
	}
}

/* What the file must have; silent if there were errors, for the same reason. */
static void check_complete(struct conf_build *b)
{
	if (b->faulty)
		return;
	if (b->conf->public_listens == 0)
		conf_error(
		    b, 0, "nothing to listen on: [public] lacks \"listen\", as in listen = 0.0.0.0:25269 [::]:25269");
	if (b->conf->backends_n == 0)
		conf_error(b, 0, "there is no [backend NAME]");
	if (b->conf->hosts_n == 0)
		conf_error(b, 0, "there is no [host DOMAIN]");
}

struct listener {
	const struct addr *addr;
	unsigned line;
};

/* All listeners of a section; their places in the snapshot do not move any more. */
static bool list_listeners(struct conf_build *b, const struct conf_draft *d, struct listener **list, size_t *n)
{
	const struct conf_backend *backend = NULL;
	const struct addr *addrs;
	size_t addrs_n;

	if (d->section == NULL || conf_option_find(d->section, "listen") == NULL)
		return true;
	if (d->section->owner == CONF_OF_BACKEND)
		backend = &b->conf->backends[d->at];
	if (backend != NULL) {
		addrs = backend->listen;
		addrs_n = backend->listens;
	} else if (strcmp(d->section->name, "metrics") == 0) {
		addrs = b->conf->metrics_listen;
		addrs_n = b->conf->metrics_listens;
	} else {
		addrs = b->conf->public_listen;
		addrs_n = b->conf->public_listens;
	}
	for (size_t i = 0; i < addrs_n; i++) {
		struct listener *l = conf_append(list, n, sizeof(*l));

		if (l == NULL)
			return false;
		*l = (struct listener){&addrs[i], draft_line(d, "listen")};
	}
	return true;
}

/* A backend that is ourselves would be spoken to without end. */
static void check_loops(struct conf_build *b, const struct listener *list, size_t n)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];

		if (d->section == NULL || d->section->owner != CONF_OF_BACKEND)
			continue;
		for (size_t j = 0; j < n; j++) {
			const struct addr *connect = &b->conf->backends[d->at].connect;

			if (addr_eq(connect, list[j].addr))
				conf_error(b, draft_line(d, "connect"), "connect: %s is our own listener, in line %u",
				    addr_format(connect, text), list[j].line);
		}
	}
}

static void check_listeners(struct conf_build *b)
{
	struct listener *list = NULL;
	char text[ADDR_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < b->drafts_n; i++) {
		if (!list_listeners(b, &b->drafts[i], &list, &n))
			conf_error(b, 0, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (addr_eq(list[i].addr, list[j].addr))
				conf_error(b, list[i].line, "listen: %s is listened on already, in line %u",
				    addr_format(list[i].addr, text), list[j].line);
		}
	}
	check_loops(b, list, n);
	free(list);
}

static const struct conf_backend *backend_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->backends_n; i++) {
		if (strcmp(conf->backends[i].name, name) == 0)
			return &conf->backends[i];
	}
	return NULL;
}

/* Which backend a host names, or may leave unnamed. */
static void resolve_backend(struct conf_build *b, const struct conf_draft *d, struct conf_host *host)
{
	if (host->backend_name == NULL) {
		if (b->conf->backends_n == 1)
			host->backend = &b->conf->backends[0];
		else if (b->conf->backends_n > 1 && !d->faulty)
			conf_error(b, d->line, "[host %s] lacks \"backend\": there are several", host->domain.s);
		return;
	}
	host->backend = backend_find(b->conf, host->backend_name);
	if (host->backend == NULL)
		conf_error(b, draft_line(d, "backend"), "backend: there is no [backend %.60s]", host->backend_name);
}

static void claim(struct conf_build *b, const struct domain *domain, const struct conf_host *host, unsigned line)
{
	const struct conf_host *other = conf_index_add(b->conf->host_index, domain, host);

	if (other == host)
		conf_error(b, line, "%s stands twice in [host %s]", domain->s, host->domain.s);
	else if (other != NULL)
		conf_error(
		    b, line, "%s belongs to [host %s] already, in line %u", domain->s, other->domain.s, other->line);
}

/* Which host has which domain. */
static void check_hosts(struct conf_build *b)
{
	struct conf *conf = b->conf;
	size_t domains = conf->hosts_n;

	for (size_t i = 0; i < conf->hosts_n; i++)
		domains += conf->hosts[i].subdomains_n;
	conf->host_index = conf_index_new(domains);
	if (conf->host_index == NULL) {
		conf_error(b, 0, "out of memory");
		return;
	}
	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];
		struct conf_host *host;

		if (d->section == NULL || d->section->owner != CONF_OF_HOST)
			continue;
		host = &conf->hosts[d->at];
		resolve_backend(b, d, host);
		if (host->certificates_n != host->keys_n && !d->faulty && host->certificates_n > 0 && host->keys_n > 0)
			conf_error(b, draft_line(d, "key"), "key: %zu of them to %zu certificates", host->keys_n,
			    host->certificates_n);
		claim(b, &host->domain, host, d->line);
		for (size_t j = 0; j < host->subdomains_n; j++)
			claim(b, &host->subdomains[j], host, draft_line(d, "subdomains"));
	}
}

static bool backend_has_host(const struct conf *conf, const struct conf_backend *backend)
{
	for (size_t i = 0; i < conf->hosts_n; i++) {
		if (conf->hosts[i].backend == backend)
			return true;
	}
	return false;
}

static bool is_loopback(const struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
	return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
}

static void check_backends(struct conf_build *b)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];
		const struct conf_backend *backend;

		if (d->section == NULL || d->section->owner != CONF_OF_BACKEND)
			continue;
		backend = &b->conf->backends[d->at];
		if (!backend_has_host(b->conf, backend))
			conf_warn(b, d->line, "[backend %s] serves no [host DOMAIN]", backend->name);
		for (size_t j = 0; j < backend->listens && !backend->authenticate; j++) {
			if (!is_loopback(&backend->listen[j]))
				conf_warn(b, draft_line(d, "authenticate"),
				    "authenticate: whoever reaches %s can speak as the domains of this backend",
				    addr_format(&backend->listen[j], text));
		}
	}
}

/* Where the row belongs in its index; NULL, or the one that is there already. */
static const struct conf_peer *peer_claim(struct conf *conf, const struct conf_peer *row)
{
	const struct conf_peer *before = conf->peer_any;

	if (row->domain.n > 0)
		return conf_index_add(row->below ? conf->below_index : conf->peer_index, &row->domain, row);
	if (before == NULL)
		conf->peer_any = row;
	return before;
}

/* What would have no effect is a mistake; silent about sections with other errors. */
static void check_peer(struct conf_build *b, const struct conf_draft *d, const struct conf_peer *row)
{
	char title[CONF_PEER_TITLE_MAX];

	conf_peer_title(row, title);
	if (d->faulty)
		return;
	if (row->deny && (row->anchors_n > 0 || row->exclusive || row->client_auth || row->pins_n > 0 ||
	                     row->revocation != REVOCATION_UNSET))
		conf_error(b, draft_line(d, "deny"), "deny: nothing else in %s would have an effect", title);
	if (row->exclusive && row->anchors_n == 0)
		conf_error(b, draft_line(d, "exclusive"), "exclusive: %s has no anchor", title);
	if (row->client_auth && row->anchors_n == 0)
		conf_error(b, draft_line(d, "client-auth"), "client-auth: %s has no anchor", title);
	if (row->revocation == REVOCATION_HARD && b->conf->crls_n == 0)
		conf_error(b, draft_line(d, "revocation"), "revocation: hard, but [revocation] has no crl");
	if (row->expires != 0 && row->expires <= (int64_t)time(NULL))
		conf_warn(b, draft_line(d, "expires"), "expires: %s no longer counts", title);
}

static void check_peers(struct conf_build *b)
{
	struct conf *conf = b->conf;
	char title[CONF_PEER_TITLE_MAX];

	conf->peer_index = conf_index_new(conf->peers_n);
	conf->below_index = conf_index_new(conf->peers_n);
	if (conf->peer_index == NULL || conf->below_index == NULL) {
		conf_error(b, 0, "out of memory");
		return;
	}
	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];
		const struct conf_peer *row, *before;

		if (d->section == NULL || d->section->owner != CONF_OF_PEER)
			continue;
		row = &conf->peers[d->at];
		before = peer_claim(conf, row);
		if (before != NULL)
			conf_error(
			    b, d->line, "%s is there already, in line %u", conf_peer_title(row, title), before->line);
		check_peer(b, d, row);
	}
}

static bool peers_have_anchors(const struct conf *conf)
{
	for (size_t i = 0; i < conf->peers_n; i++) {
		if (conf->peers[i].anchors_n > 0)
			return true;
	}
	return false;
}

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conf_key));
}

static int serial_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conf_serial));
}

static void check_revocation(struct conf_build *b)
{
	struct conf *conf = b->conf;

	if (conf->revocation == REVOCATION_HARD && conf->crls_n == 0 && !b->faulty)
		conf_error(
		    b, line_of(b, "revocation", "mode"), "mode: hard, but there is no crl: nobody would be trusted");
	if (conf->blocked_keys_n > 0)
		qsort(conf->blocked_keys, conf->blocked_keys_n, sizeof(*conf->blocked_keys), key_order);
	if (conf->blocked_serials_n > 0)
		qsort(conf->blocked_serials, conf->blocked_serials_n, sizeof(*conf->blocked_serials), serial_order);
}

static void check_trust(struct conf_build *b)
{
	const struct conf *conf = b->conf;
	char why[CONF_WHY_MAX];

	if (conf->trust_system && !conf_file_readable(conf->trust_bundle, why))
		conf_error(b, line_of(b, "trust", "bundle"), "bundle: %s", why);
	if (!conf->trust_system && conf->trust_anchors_n == 0 && !peers_have_anchors(conf) && !b->faulty)
		conf_error(b, line_of(b, "trust", "system"),
		    "nobody would be trusted: system is \"no\", and there is no anchor");
}

static void check_socket(struct conf_build *b, const char *section, const char *path)
{
	if (path != NULL && strlen(path) > SOCKET_PATH_MAX)
		conf_error(b, line_of(b, section, "socket"), "socket: the path of a Unix socket has at most %zu bytes",
		    SOCKET_PATH_MAX);
}

static void check_numbers(struct conf_build *b)
{
	const struct conf *conf = b->conf;

	check_socket(b, "control", conf->control_socket);
	check_socket(b, "metrics", conf->metrics_socket);
	if (conf->limits.queue_bytes < conf->limits.stanza_bytes) {
		unsigned line = line_of(b, "limits", "queue-size");

		conf_error(b, line != 0 ? line : line_of(b, "limits", "stanza-size"),
		    "queue-size is less than stanza-size: no large stanza could ever wait");
	}
	if (conf->timeouts.outbound >= BACKEND_PATIENCE_MS)
		conf_warn(b, line_of(b, "timeouts", "outbound"),
		    "outbound: some servers wait no longer than %us for the answer", BACKEND_PATIENCE_MS / 1000);
}

static void check_log(struct conf_build *b)
{
	const struct conf *conf = b->conf;
	const char *target = conf->log_target;
	bool journal = strcmp(target, "journal") == 0 || strncmp(target, "journal:/", 9) == 0;

	if (target[0] != '/' && !journal && strcmp(target, "stderr") != 0)
		conf_error(b, line_of(b, "log", "target"),
		    "target: \"%.60s\" is neither stderr nor journal nor an absolute path", target);
	if (journal && strlen(target) > 8 + SOCKET_PATH_MAX)
		conf_error(b, line_of(b, "log", "target"), "target: the path of a Unix socket has at most %zu bytes",
		    SOCKET_PATH_MAX);
	if (strcmp(conf->log_format, "logfmt") != 0 && strcmp(conf->log_format, "json") != 0)
		conf_error(
		    b, line_of(b, "log", "format"), "format: \"%.60s\" is neither logfmt nor json", conf->log_format);
}

static void check_metrics(struct conf_build *b)
{
	const struct conf *conf = b->conf;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < conf->metrics_listens && !conf->metrics_remote; i++) {
		if (!is_loopback(&conf->metrics_listen[i]))
			conf_error(b, line_of(b, "metrics", "listen"),
			    "listen: others could reach %s: take 127.0.0.1 or [::1], or set remote = yes and have a "
			    "firewall",
			    addr_format(&conf->metrics_listen[i], text));
	}
}

void conf_check(struct conf_build *b)
{
	conf_ciphers_check(b, line_of(b, "public", "ciphers"));
	check_required(b);
	check_complete(b);
	check_listeners(b);
	check_hosts(b);
	check_peers(b);
	check_revocation(b);
	check_trust(b);
	check_numbers(b);
	check_log(b);
	check_metrics(b);
	/* What is missing may be due to an error. */
	if (b->errors->n == 0)
		check_backends(b);
}
