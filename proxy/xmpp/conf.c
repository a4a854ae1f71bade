#include "conf_internal.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>

#define NAME_MAX_SHOWN 60

PRINTF_LIKE(4, 0)
static void complain(char *out, const struct conf_build *b, unsigned line, const char *fmt, va_list args)
{
	size_t n;

	if (line > 0)
		n = (size_t)snprintf(out, CONF_ERROR_MAX, "%.160s:%u: ", b->path, line);
	else
		n = (size_t)snprintf(out, CONF_ERROR_MAX, "%.160s: ", b->path);
	vsnprintf(out + n, CONF_ERROR_MAX - n, fmt, args);
}

void conf_error(struct conf_build *b, unsigned line, const char *fmt, ...)
{
	struct conf_errors *e = b->errors;
	va_list args;

	b->faulty = true;
	if (b->reading && b->drafts_n > 0)
		b->drafts[b->drafts_n - 1].faulty = true;
	if (e->n < CONF_ERRORS_KEPT) {
		va_start(args, fmt);
		complain(e->text[e->n], b, line, fmt, args);
		va_end(args);
	}
	e->n++;
}

void conf_warn(struct conf_build *b, unsigned line, const char *fmt, ...)
{
	struct conf_errors *e = b->errors;
	va_list args;

	if (e->warnings < CONF_ERRORS_KEPT) {
		va_start(args, fmt);
		complain(e->warning[e->warnings], b, line, fmt, args);
		va_end(args);
	}
	e->warnings++;
}

static void no_memory(struct conf_build *b)
{
	if (!b->no_memory)
		conf_error(b, 0, "out of memory");
	b->no_memory = true;
}

void *conf_owner(struct conf *conf, const struct conf_section *section, size_t at)
{
	switch (section->owner) {
	case CONF_OF_ALL:
		return conf;
	case CONF_OF_BACKEND:
		return &conf->backends[at];
	case CONF_OF_HOST:
		return &conf->hosts[at];
	case CONF_OF_PEER:
		return &conf->peers[at];
	}
	return NULL;
}

/* Sets what the table says for an owner's options. */
static bool set_defaults(enum conf_owner kind, void *owner)
{
	char why[CONF_WHY_MAX];

	for (size_t i = 0; i < conf_options_n; i++) {
		const struct conf_option *o = &conf_options[i];

		if (o->section->owner == kind && o->fallback != NULL && !conf_value_parse(o, owner, o->fallback, why))
			return false;
	}
	return true;
}

static void free_values(enum conf_owner kind, void *owner)
{
	for (size_t i = 0; i < conf_options_n; i++) {
		if (conf_options[i].section->owner == kind)
			conf_value_free(&conf_options[i], owner);
	}
}

struct conf *conf_defaults(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL)
		return NULL;
	atomic_init(&conf->refs, 1);
	if (!set_defaults(CONF_OF_ALL, conf)) {
		conf_unref(conf);
		return NULL;
	}
	return conf;
}

bool conf_crl_add(struct conf *conf, const char *place)
{
	char *copy = strdup(place);
	char **added = copy != NULL ? conf_append(&conf->crls, &conf->crls_n, sizeof(*added)) : NULL;

	if (added != NULL)
		*added = copy;
	else
		free(copy);
	return added != NULL;
}

bool conf_same(const struct conf *a, const struct conf *b)
{
	static const uint8_t none[sizeof(a->text_sha256)];

	return memcmp(a->text_sha256, none, sizeof(none)) != 0 &&
	       memcmp(a->text_sha256, b->text_sha256, sizeof(none)) == 0;
}

struct conf *conf_ref(struct conf *conf)
{
	atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
	return conf;
}

void conf_unref(struct conf *conf)
{
	if (conf == NULL || atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < conf->backends_n; i++) {
		free(conf->backends[i].name);
		free_values(CONF_OF_BACKEND, &conf->backends[i]);
	}
	for (size_t i = 0; i < conf->hosts_n; i++)
		free_values(CONF_OF_HOST, &conf->hosts[i]);
	for (size_t i = 0; i < conf->peers_n; i++)
		free_values(CONF_OF_PEER, &conf->peers[i]);
	free_values(CONF_OF_ALL, conf);
	free(conf->backends);
	free(conf->hosts);
	free(conf->peers);
	conf_index_free(conf->host_index);
	conf_index_free(conf->peer_index);
	conf_index_free(conf->below_index);
	free(conf);
	/* With many hosts it was large, and lay between what stays. */
	malloc_trim(0);
}

static bool backend_name_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return name.n <= NAME_MAX_SHOWN;
}

/* The line where the same section stands already; 0: nowhere.  (Hosts and peers are compared later, all at once.) */
static unsigned section_before(const struct conf_build *b, const struct conf_section *section, struct span argument)
{
	if (section->owner == CONF_OF_HOST || section->owner == CONF_OF_PEER)
		return 0;
	for (size_t i = 0; i < b->drafts_n; i++) {
		const struct conf_draft *d = &b->drafts[i];

		if (d->section != section)
			continue;
		if (section->owner == CONF_OF_ALL || span_eq(span_of(b->conf->backends[d->at].name), argument))
			return d->line;
	}
	return 0;
}

static bool add_backend(struct conf_build *b, struct conf_draft *d, struct span name)
{
	struct conf_backend *backend;

	if (!backend_name_ok(name)) {
		conf_error(b, d->line,
		    "\"%.*s\" is no name for a backend: up to %d letters, digits, \"-\", \"_\" and \".\"",
		    name.n < NAME_MAX_SHOWN ? (int)name.n : NAME_MAX_SHOWN, name.p, NAME_MAX_SHOWN);
		return false;
	}
	d->at = b->conf->backends_n;
	backend = conf_append(&b->conf->backends, &b->conf->backends_n, sizeof(*backend));
	if (backend != NULL)
		backend->name = strndup(name.p, name.n);
	if (backend == NULL || backend->name == NULL || !set_defaults(CONF_OF_BACKEND, backend)) {
		no_memory(b);
		return false;
	}
	return true;
}

static bool add_host(struct conf_build *b, struct conf_draft *d, struct span name)
{
	struct conf_host *host;
	struct domain domain;

	if (!domain_parse(&domain, name)) {
		conf_error(b, d->line, "\"%.*s\" is no domain", name.n < NAME_MAX_SHOWN ? (int)name.n : NAME_MAX_SHOWN,
		    name.p);
		return false;
	}
	d->at = b->conf->hosts_n;
	host = conf_append(&b->conf->hosts, &b->conf->hosts_n, sizeof(*host));
	if (host == NULL || !set_defaults(CONF_OF_HOST, host)) {
		no_memory(b);
		return false;
	}
	host->domain = domain;
	host->line = d->line;
	return true;
}

/* "example.net", "*.example.net" or "*". */
static bool peer_name_parse(struct conf_peer *row, struct span name)
{
	row->below = name.n > 0 && name.p[0] == '*';
	if (row->below && name.n == 1)
		return true;
	if (row->below && name.p[1] == '.')
		name = (struct span){name.p + 2, name.n - 2};
	return domain_parse(&row->domain, name);
}

static bool add_peer(struct conf_build *b, struct conf_draft *d, struct span name)
{
	struct conf_peer named = {.line = d->line}, *row;

	if (!peer_name_parse(&named, name)) {
		conf_error(b, d->line, "\"%.*s\" is no domain: write example.net, *.example.net or *",
		    name.n < NAME_MAX_SHOWN ? (int)name.n : NAME_MAX_SHOWN, name.p);
		return false;
	}
	d->at = b->conf->peers_n;
	row = conf_append(&b->conf->peers, &b->conf->peers_n, sizeof(*row));
	if (row != NULL)
		*row = named;
	if (row == NULL || !set_defaults(CONF_OF_PEER, row)) {
		no_memory(b);
		return false;
	}
	return true;
}

const char *conf_peer_title(const struct conf_peer *row, char out[static CONF_PEER_TITLE_MAX])
{
	const char *star = row->domain.n == 0 ? "*" : row->below ? "*." : "";

	(void)snprintf(out, CONF_PEER_TITLE_MAX, "[peer %s%s]", star, row->domain.s);
	return out;
}

void conf_peers_remind(const struct conf *conf, int64_t since, int64_t now)
{
	char title[CONF_PEER_TITLE_MAX];

	for (size_t i = 0; i < conf->peers_n; i++) {
		const struct conf_peer *row = &conf->peers[i];
		struct log_line l;

		if (row->expires <= since || row->expires > now)
			continue;
		log_begin(&l, LOG_WARNING, "policy");
		log_str(&l, "text", "the last day of a row is over: it no longer counts");
		log_str(&l, "policy", conf_peer_title(row, title));
		log_str(&l, "note", row->note);
		log_end(&l);
	}
}

/* Is it one that we know, with an argument where it takes one? */
static bool section_ok(
    struct conf_build *b, unsigned line, const struct conf_section *section, struct span name, struct span argument)
{
	char shown[NAME_MAX_SHOWN + 1], advice[CONF_ADVICE_MAX];
	unsigned before;

	if (section == NULL) {
		snprintf(shown, sizeof(shown), "%.*s", SPAN_FMT(name));
		conf_error(b, line, "unknown section [%s]%s", shown, conf_advise_section(shown, advice));
		return false;
	}
	if (section->argument == NULL && argument.n > 0) {
		conf_error(b, line, "[%s] takes nothing behind its name", section->name);
		return false;
	}
	if (section->argument != NULL && argument.n == 0) {
		conf_error(b, line, "[%s] needs a name, as in [%s %s]", section->name, section->name, section->example);
		return false;
	}
	before = section_before(b, section, argument);
	if (before > 0)
		conf_error(b, line, "[%s%s%.*s] is there already, in line %u", section->name, argument.n > 0 ? " " : "",
		    SPAN_FMT(argument), before);
	return before == 0;
}

static struct conf_draft *add_draft(struct conf_build *b, unsigned line)
{
	struct conf_draft *d = conf_append(&b->drafts, &b->drafts_n, sizeof(*d));

	if (d != NULL)
		d->line = line;
	else
		no_memory(b);
	return d;
}

void conf_build_section(struct conf_build *b, unsigned line, struct span name, struct span argument)
{
	const struct conf_section *section = conf_section_find(name);
	struct conf_draft *d = add_draft(b, line);

	if (d == NULL || !section_ok(b, line, section, name, argument))
		return;
	if (section->owner == CONF_OF_BACKEND && !add_backend(b, d, argument))
		return;
	if (section->owner == CONF_OF_HOST && !add_host(b, d, argument))
		return;
	if (section->owner == CONF_OF_PEER && !add_peer(b, d, argument))
		return;
	d->section = section;
}

void conf_build_broken_section(struct conf_build *b, unsigned line)
{
	(void)add_draft(b, line);
}

void conf_build_pair(struct conf_build *b, unsigned line, const char *key, const char *value)
{
	struct conf_draft *d = b->drafts_n > 0 ? &b->drafts[b->drafts_n - 1] : NULL;
	char title[CONF_TITLE_MAX], advice[CONF_ADVICE_MAX], why[CONF_WHY_MAX];
	const struct conf_option *o;
	unsigned *seen;

	if (d == NULL) {
		conf_error(b, line, "\"%.60s\" stands before the first [section]", key);
		return;
	}
	if (d->section == NULL)
		return;
	o = conf_option_find(d->section, key);
	if (o == NULL) {
		conf_error(b, line, "unknown key \"%.60s\" in %s%s", key, conf_section_title(d->section, title),
		    conf_advise_key(d->section, key, advice));
		return;
	}
	seen = &d->seen[conf_option_place(o)];
	if (*seen != 0 && !conf_type_is_list(o->type)) {
		conf_error(b, line, "%s is set already, in line %u", key, *seen);
		return;
	}
	if (*seen == 0)
		*seen = line;
	if (!conf_value_parse(o, conf_owner(b->conf, d->section, d->at), value, why))
		conf_error(b, line, "%s: %s%s", key, why,
		    strstr(value, " #") != NULL ? " (behind a value a comment starts with \";\")" : "");
}

struct conf *conf_load(const char *path, struct conf_errors *errors)
{
	struct conf_build b = {.path = path, .conf = conf_defaults(), .errors = errors};

	errors->n = errors->warnings = 0;
	if (b.conf == NULL) {
		no_memory(&b);
		return NULL;
	}
	b.reading = true;
	conf_file_read(&b);
	b.reading = false;
	if (!b.no_memory)
		conf_check(&b);
	free(b.drafts);
	if (errors->n > 0) {
		conf_unref(b.conf);
		return NULL;
	}
	return b.conf;
}
