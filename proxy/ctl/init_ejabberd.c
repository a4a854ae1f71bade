/* What ejabberd.yml says, with the files that it includes and its macros. */
#include "init.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <yaml.h>

#define FILES_MAX 16

struct yml {
	struct server *server;
	const char *root;
	struct talk *talk;
	yaml_document_t doc[FILES_MAX];
	size_t n;
	bool broken;
};

/* A value and the document that it stands in. */
struct value {
	yaml_document_t *doc;
	yaml_node_t *node; /* NULL: there is none */
};

static struct value value_at(struct value of, int index)
{
	return (struct value){of.doc, yaml_document_get_node(of.doc, index)};
}

static const char *scalar(struct value v)
{
	return v.node != NULL && v.node->type == YAML_SCALAR_NODE ? (const char *)v.node->data.scalar.value : NULL;
}

static struct value member(struct value map, const char *key)
{
	if (map.node == NULL || map.node->type != YAML_MAPPING_NODE)
		return (struct value){map.doc, NULL};
	for (yaml_node_pair_t *p = map.node->data.mapping.pairs.start; p < map.node->data.mapping.pairs.top; p++) {
		const char *name = scalar(value_at(map, p->key));

		if (name != NULL && strcmp(name, key) == 0)
			return value_at(map, p->value);
	}
	return (struct value){map.doc, NULL};
}

static struct value top(struct yml *y, size_t i)
{
	return (struct value){&y->doc[i], yaml_document_get_root_node(&y->doc[i])};
}

/* What stands for a macro (define_macro), else the value itself. */
static struct value resolved(struct yml *y, struct value v)
{
	const char *text = scalar(v);

	for (size_t i = 0; text != NULL && i < y->n; i++) {
		struct value macro = member(member(top(y, i), "define_macro"), text);

		if (macro.node != NULL)
			return macro;
	}
	return v;
}

typedef void each_fn(struct yml *y, const char *text, void *arg);

/* A scalar, or each of a sequence of them; macros are put in. */
static void each(struct yml *y, struct value v, each_fn *fn, void *arg)
{
	v = resolved(y, v);
	if (scalar(v) != NULL)
		fn(y, scalar(v), arg);
	if (v.node == NULL || v.node->type != YAML_SEQUENCE_NODE)
		return;
	for (yaml_node_item_t *item = v.node->data.sequence.items.start; item < v.node->data.sequence.items.top;
	     item++) {
		struct value one = resolved(y, value_at(v, *item));

		if (scalar(one) != NULL)
			fn(y, scalar(one), arg);
	}
}

/* The same for an option wherever it stands at the top of a file. */
static bool each_top(struct yml *y, const char *key, each_fn *fn, void *arg)
{
	bool any = false;

	for (size_t i = 0; i < y->n; i++) {
		struct value v = member(top(y, i), key);

		any = any || v.node != NULL;
		each(y, v, fn, arg);
	}
	return any;
}

static void read_file(struct yml *y, const char *path);

static void read_included(struct yml *y, const char *text, void *arg)
{
	const char *slash = strrchr(y->server->config, '/');
	char *path;

	(void)arg;
	if (text[0] == '/' || slash == NULL)
		path = text_of("%s", text);
	else
		path = text_of("%.*s/%s", (int)(slash - y->server->config), y->server->config, text);
	read_file(y, path);
	free(path);
}

/* Written as one file, a list of them, or file: {conditions}. */
static void read_includes(struct yml *y, size_t i)
{
	struct value v = member(top(y, i), "include_config_file");

	each(y, v, read_included, NULL);
	if (v.node == NULL || v.node->type != YAML_MAPPING_NODE)
		return;
	for (yaml_node_pair_t *p = v.node->data.mapping.pairs.start; p < v.node->data.mapping.pairs.top; p++) {
		if (scalar(value_at(v, p->key)) != NULL)
			read_included(y, scalar(value_at(v, p->key)), NULL);
	}
}

static bool parse(struct yml *y, const char *path, FILE *file)
{
	yaml_parser_t parser;
	bool ok = yaml_parser_initialize(&parser) != 0;

	if (!ok) {
		say(y->talk, SAY_MISSING, NULL, "%s: out of memory", path);
		return false;
	}
	yaml_parser_set_input_file(&parser, file);
	ok = yaml_parser_load(&parser, &y->doc[y->n]) != 0;
	if (!ok)
		say(y->talk, SAY_MISSING, "mend it; ejabberd itself would not start with it", "%s:%zu: %s", path,
		    parser.problem_mark.line + 1, parser.problem != NULL ? parser.problem : "no YAML");
	yaml_parser_delete(&parser);
	return ok;
}

static void read_file(struct yml *y, const char *path)
{
	char *full = text_of("%s%s", y->root, path);
	FILE *file = fopen(full, "r");

	if (file == NULL) {
		say(y->talk, SAY_MISSING, NULL, "%s: %s", path, strerror(errno));
		y->broken = true;
	} else if (y->n == FILES_MAX) {
		say(y->talk, SAY_MISSING, "name the domains with --domain", "%s: more than %d files", path, FILES_MAX);
		y->broken = true;
	} else if (!parse(y, path, file)) {
		y->broken = true;
	} else {
		size_t i = y->n++;

		if (top(y, i).node != NULL)
			read_includes(y, i);
	}
	if (file != NULL)
		(void)fclose(file);
	free(full);
}

static bool looks_like_macro(const char *text)
{
	bool upper = false;

	for (; *text != '\0'; text++) {
		if (islower((unsigned char)*text) || *text == '.')
			return false;
		upper = upper || isupper((unsigned char)*text);
	}
	return upper;
}

static void take_domain(struct yml *y, const char *text, void *arg)
{
	struct names *to = arg;

	if (looks_like_macro(text) || strchr(text, '@') != NULL)
		say(y->talk, SAY_UNSURE, "name the domains with --domain",
		    "%s: hosts: %s is a macro that is defined nowhere", y->server->config, text);
	else
		names_add(to, span_of(text));
}

/* "@HOST@" stands for each of the domains. */
static void take_pattern(struct yml *y, const char *text, void *arg)
{
	static const char mark[] = "@HOST@";
	const char *at = strstr(text, mark);

	(void)arg;
	if (at == NULL) {
		take_domain(y, text, &y->server->components);
		return;
	}
	for (size_t i = 0; i < y->server->domains.n; i++) {
		char *name =
		    text_of("%.*s%s%s", (int)(at - text), text, y->server->domains.v[i], at + sizeof(mark) - 1);

		names_add(&y->server->components, span_of(name));
		free(name);
	}
}

/* Modules that answer under a domain of their own, unless host or hosts says otherwise. */
static const struct {
	const char *module, *pattern;
} serving[] = {
    {"mod_muc", "conference.@HOST@"},
    {"mod_pubsub", "pubsub.@HOST@"},
    {"mod_http_upload", "upload.@HOST@"},
    {"mod_proxy65", "proxy.@HOST@"},
    {"mod_mix", "mix.@HOST@"},
    {"mod_multicast", "multicast.@HOST@"},
    {"mod_irc", "irc.@HOST@"},
    {"mod_echo", "echo.@HOST@"},
    {"mod_vcard", "vjud.@HOST@"},
};

static void read_module(struct yml *y, const char *module, const char *pattern, struct value options)
{
	struct value host = member(options, "host"), hosts = member(options, "hosts");
	const char *search = scalar(resolved(y, member(options, "search")));

	if (strcmp(module, "mod_vcard") == 0 && (search == NULL || strcmp(search, "true") != 0))
		return;
	each(y, host, take_pattern, NULL);
	each(y, hosts, take_pattern, NULL);
	if (host.node == NULL && hosts.node == NULL)
		take_pattern(y, pattern, NULL);
}

static void read_modules(struct yml *y)
{
	bool dialback = false, any = false;

	for (size_t i = 0; i < y->n; i++) {
		struct value modules = member(top(y, i), "modules");

		any = any || modules.node != NULL;
		dialback = dialback || member(modules, "mod_s2s_dialback").node != NULL;
		for (size_t m = 0; m < ARRAY_LEN(serving); m++) {
			struct value options = member(modules, serving[m].module);

			if (options.node != NULL)
				read_module(y, serving[m].module, serving[m].pattern, resolved(y, options));
		}
		if (member(top(y, i), "host_config").node != NULL ||
		    member(top(y, i), "append_host_config").node != NULL)
			say(y->talk, SAY_UNSURE, "name what they serve beyond those below with --domain",
			    "%s: host_config may give a domain modules of its own, which are not looked at",
			    y->server->config);
	}
	if (any && !dialback)
		say(y->talk, SAY_UNSURE, "modules: mod_s2s_dialback: {} in ejabberd.yml, if ejabberd is 16.12 or newer",
		    "%s: mod_s2s_dialback is not among its modules, and the gateway speaks dialback to it",
		    y->server->config);
}

static void take_port(struct yml *y, const char *text, void *arg)
{
	char *end;
	long port = strtol(text, &end, 10);

	(void)arg;
	if (*end == '\0')
		server_port(y->server, port);
	else
		say(y->talk, SAY_UNSURE, NULL, "%s: port %s of ejabberd_s2s_in is no number", y->server->config, text);
}

static void read_listener(struct yml *y, struct value listener)
{
	const char *module = scalar(resolved(y, member(listener, "module")));
	struct value hosts = member(listener, "hosts");

	if (module == NULL)
		return;
	if (strcmp(module, "ejabberd_s2s_in") == 0)
		each(y, member(listener, "port"), take_port, NULL);
	if (strcmp(module, "ejabberd_service") != 0)
		return;
	if (hosts.node == NULL || hosts.node->type != YAML_MAPPING_NODE) {
		say(y->talk, SAY_UNSURE, "name them with --domain",
		    "%s: an ejabberd_service listener does not say which domains its components have",
		    y->server->config);
		return;
	}
	for (yaml_node_pair_t *p = hosts.node->data.mapping.pairs.start; p < hosts.node->data.mapping.pairs.top; p++) {
		if (scalar(value_at(hosts, p->key)) != NULL)
			take_domain(y, scalar(value_at(hosts, p->key)), &y->server->components);
	}
}

static void read_listeners(struct yml *y)
{
	for (size_t i = 0; i < y->n; i++) {
		struct value listen = resolved(y, member(top(y, i), "listen"));

		if (listen.node == NULL || listen.node->type != YAML_SEQUENCE_NODE)
			continue;
		for (yaml_node_item_t *item = listen.node->data.sequence.items.start;
		     item < listen.node->data.sequence.items.top; item++)
			read_listener(y, resolved(y, value_at(listen, *item)));
	}
	if (y->server->ports_n == 0)
		say(y->talk, SAY_MISSING, "listen: a listener with module: ejabberd_s2s_in and port: 5269",
		    "%s: no ejabberd_s2s_in listens: ejabberd takes no other servers' connections", y->server->config);
}

/* Chain and key in one file is what ejabberd was long fed with; else they lie side by side. */
static void take_certificate(struct yml *y, const char *text, void *arg)
{
	char *pattern = text_of("%s%s", y->root, text);
	size_t root = strlen(y->root);
	glob_t found;

	(void)arg;
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			const char *path = found.gl_pathv[i] + root, *slash = strrchr(path, '/');

			names_add(&y->server->certificates, span_of(path));
			if (slash != NULL)
				names_add(&y->server->folders, (struct span){path, (size_t)(slash - path)});
		}
		globfree(&found);
	}
	free(pattern);
}

static void judge_tls(struct yml *y, const char *text, void *arg)
{
	(void)arg;
	if (strcmp(text, "required_trusted") == 0)
		say(y->talk, SAY_MISSING, "s2s_use_starttls: required in ejabberd.yml",
		    "%s: s2s_use_starttls: required_trusted makes ejabberd refuse the gateway, which has no "
		    "certificate of the "
		    "remote domains",
		    y->server->config);
}

bool server_read_ejabberd(struct server *s, const char *root, struct talk *talk)
{
	static const char *const files[] = {"certfiles", "domain_certfile", "s2s_certfile", "c2s_certfile"};
	struct yml y = {.server = s, .root = root, .talk = talk};
	size_t n = strlen(s->config);

	if (n > 4 && strcmp(s->config + n - 4, ".cfg") == 0) {
		say(talk, SAY_UNSURE, "name the domains with --domain",
		    "%s: written in Erlang, which is not read; port 5269 is taken for its s2s port", s->config);
		server_port(s, 5269);
		return true;
	}
	read_file(&y, s->config);
	if (!y.broken) {
		if (!each_top(&y, "hosts", take_domain, &s->domains))
			say(talk, SAY_UNSURE, "name the domains with --domain", "%s: no hosts", s->config);
		read_modules(&y);
		read_listeners(&y);
		for (size_t i = 0; i < ARRAY_LEN(files); i++)
			(void)each_top(&y, files[i], take_certificate, NULL);
		(void)each_top(&y, "s2s_use_starttls", judge_tls, NULL);
	}
	for (size_t i = 0; i < y.n; i++)
		yaml_document_delete(&y.doc[i]);
	return !y.broken;
}
