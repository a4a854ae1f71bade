/* What prosody.cfg.lua says, with the files that it includes.  It is Lua, of which only plain assignments are read:
 * whatever else stands there is named, and may mean more than was understood. */
#include "init.h"
#include "lua.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>

#define DEPTH_MAX 8

struct prosody {
	struct server *server;
	const char *root;
	struct talk *talk;
	unsigned depth;
	/* what all files said */
	bool modules, dialback, secure;
	bool failed;
};

/* One file. */
struct source {
	struct prosody *y;
	struct lua l;
	const char *path;
	bool puzzled;
	/* the section that is being read; a file that is included does not see that of the one that includes it */
	char *domain; /* NULL: none yet, what is said holds for all */
	bool component, enabled;
};

/* The right side of an assignment. */
struct value {
	bool plain;         /* nothing but a constant or a table of such */
	struct names items; /* a constant, or those of a table without a name */
	char *certificate;  /* ssl = {certificate = …} */
};

static void puzzled(struct source *f, unsigned line)
{
	if (!f->puzzled)
		say(f->y->talk, SAY_UNSURE, "name what is missing below with --domain",
		    "%s:%u: Lua that is more than a plain setting is not run: some of it may be missed", f->path, line);
	f->puzzled = true;
}

static bool constant(const struct lua *l)
{
	return l->kind == LUA_STRING || l->kind == LUA_NUMBER || lua_is(l, LUA_NAME, "true") ||
	       lua_is(l, LUA_NAME, "false") || lua_is(l, LUA_NAME, "nil");
}

/* NAME "=" already read away; the value of an entry that has a name. */
static void read_named(struct source *f, struct span name, struct value *v);

/* "{" was read; up to behind its "}". */
static void read_table(struct source *f, struct value *v, bool outermost)
{
	struct lua *l = &f->l;

	lua_next(l);
	while (!lua_is(l, LUA_SYMBOL, "}") && l->kind != LUA_END && l->kind != LUA_BROKEN) {
		struct span name = l->text;

		if (lua_is(l, LUA_SYMBOL, "{")) {
			read_table(f, v, false);
		} else if (l->kind == LUA_NAME && !constant(l)) {
			lua_next(l);
			if (lua_is(l, LUA_SYMBOL, "="))
				read_named(f, name, v);
			else
				v->plain = false;
		} else {
			if (constant(l) && outermost)
				names_add(&v->items, l->text);
			v->plain = v->plain && (constant(l) || strchr(",;[]=", l->text.p[0]) != NULL);
			lua_next(l);
		}
	}
	lua_next(l);
}

static void read_named(struct source *f, struct span name, struct value *v)
{
	struct lua *l = &f->l;

	lua_next(l);
	if (lua_is(l, LUA_SYMBOL, "{")) {
		read_table(f, v, false);
		return;
	}
	if (l->kind == LUA_STRING && span_eq(name, SPAN("certificate")) && v->certificate == NULL)
		v->certificate = text_of("%.*s", SPAN_FMT(l->text));
	v->plain = v->plain && constant(l);
	lua_next(l);
}

/* Up to behind the value. */
static void read_value(struct source *f, struct value *v)
{
	struct lua *l = &f->l;
	unsigned line;

	*v = (struct value){.plain = true};
	lua_next(l);
	if (lua_is(l, LUA_SYMBOL, "{")) {
		read_table(f, v, true);
	} else {
		v->plain = constant(l) && !l->escaped;
		if (v->plain)
			names_add(&v->items, l->text);
		lua_next(l);
	}
	/* what goes on from here is an expression */
	line = l->at;
	while (l->kind == LUA_SYMBOL && strchr(".:(+-*/%[", l->text.p[0]) != NULL) {
		v->plain = false;
		do
			lua_next(l);
		while (l->kind != LUA_END && l->kind != LUA_BROKEN && l->at == line);
		line = l->at;
	}
}

static void value_free(struct value *v)
{
	names_free(&v->items);
	free(v->certificate);
}

static void end_section(struct source *f)
{
	struct server *s = f->y->server;

	if (f->domain != NULL && f->enabled)
		names_add(f->component ? &s->components : &s->domains, span_of(f->domain));
	free(f->domain);
	f->domain = NULL;
}

/* "VirtualHost" was read; the domain, perhaps in parentheses. */
static void read_section(struct source *f, bool component)
{
	struct lua *l = &f->l;
	unsigned line = l->at;
	bool inside;

	lua_next(l);
	inside = lua_is(l, LUA_SYMBOL, "(");
	if (inside)
		lua_next(l);
	end_section(f);
	if (l->kind != LUA_STRING || l->escaped) {
		puzzled(f, line);
		return;
	}
	f->domain = text_of("%.*s", SPAN_FMT(l->text));
	f->component = component;
	f->enabled = true;
	lua_next(l);
	if (inside && lua_is(l, LUA_SYMBOL, ")"))
		lua_next(l);
	if (component && l->kind == LUA_STRING) /* what kind it is */
		lua_next(l);
}

/* A path relative to the file that names it, below root; for free(). */
static char *beside(const struct source *f, struct span name, const char *root)
{
	const char *slash = strrchr(f->path, '/');

	if (name.n > 0 && name.p[0] == '/')
		return text_of("%s%.*s", root, SPAN_FMT(name));
	return text_of("%s%.*s%.*s", root, slash != NULL ? (int)(slash + 1 - f->path) : 0, f->path, SPAN_FMT(name));
}

static void read_file(struct prosody *y, const char *path);

static void read_include(struct source *f)
{
	size_t root = strlen(f->y->root);
	unsigned line = f->l.at;
	char *pattern;
	glob_t found;

	lua_next(&f->l);
	if (lua_is(&f->l, LUA_SYMBOL, "("))
		lua_next(&f->l);
	if (f->l.kind != LUA_STRING) {
		puzzled(f, line);
		return;
	}
	pattern = beside(f, f->l.text, f->y->root);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_file(f->y, found.gl_pathv[i] + root);
		globfree(&found);
	}
	free(pattern);
	lua_next(&f->l);
	if (lua_is(&f->l, LUA_SYMBOL, ")"))
		lua_next(&f->l);
}

static bool says(const struct value *v, const char *text)
{
	return v->plain && v->items.n == 1 && strcmp(v->items.v[0], text) == 0;
}

static void take_ports(struct source *f, const struct value *v)
{
	for (size_t i = 0; i < v->items.n; i++)
		server_port(f->y->server, strtol(v->items.v[i], NULL, 10));
}

static void take_secure(struct source *f)
{
	f->y->secure = true;
	say(f->y->talk, SAY_MISSING,
	    "nothing, if all is well with it as it is; else s2s_secure_auth = false in prosody.cfg.lua, and run this "
	    "again",
	    "%s:%u: s2s_secure_auth = true makes Prosody ask every peer for a trusted certificate: it keeps the rules "
	    "that the "
	    "gateway is for by itself, and would refuse the gateway",
	    f->path, f->l.at);
}

static void take_certificates(struct source *f, const struct value *v)
{
	for (size_t i = 0; i < v->items.n; i++) {
		char *path = beside(f, span_of(v->items.v[i]), "");

		names_add(&f->y->server->folders, span_of(path));
		free(path);
	}
}

static void take_ssl(struct source *f, const struct value *v)
{
	char *path;

	if (v->certificate == NULL)
		return;
	path = beside(f, span_of(v->certificate), "");
	names_add(&f->y->server->certificates, span_of(path));
	if (strrchr(path, '/') != NULL)
		names_add(&f->y->server->folders, (struct span){path, (size_t)(strrchr(path, '/') - path)});
	free(path);
}

static void take_modules(struct source *f, const struct value *v)
{
	f->y->modules = true;
	f->y->dialback = f->y->dialback || names_have(&v->items, "dialback");
}

static void judge_disabled(struct source *f, const struct value *v)
{
	if (names_have(&v->items, "dialback") || names_have(&v->items, "s2s"))
		say(f->y->talk, SAY_MISSING, "take it out of modules_disabled",
		    "%s: the gateway needs the modules s2s and dialback, of which one is disabled", f->path);
}

static bool named(struct span name, const char *what)
{
	return span_eq(name, span_of(what));
}

/* NAME "=" was read. */
static void read_setting(struct source *f, struct span name, unsigned line)
{
	static const char *const read[] = {
	    "enabled", "s2s_ports", "s2s_direct_tls_ports", "s2s_secure_auth", "certificates", "modules_disabled"};
	struct prosody *y = f->y;
	struct value v;

	read_value(f, &v);
	for (size_t i = 0; !v.plain && i < ARRAY_LEN(read); i++) {
		if (named(name, read[i]))
			puzzled(f, line);
	}
	if (named(name, "enabled"))
		f->enabled = f->enabled && !says(&v, "false");
	else if (named(name, "s2s_ports") || named(name, "s2s_direct_tls_ports"))
		take_ports(f, &v);
	else if (named(name, "s2s_secure_auth") && says(&v, "true") && !y->secure)
		take_secure(f);
	else if (named(name, "certificates"))
		take_certificates(f, &v);
	else if (named(name, "ssl") || named(name, "s2s_ssl"))
		take_ssl(f, &v);
	else if (named(name, "modules_enabled"))
		take_modules(f, &v);
	else if (named(name, "modules_disabled"))
		judge_disabled(f, &v);
	else if (named(name, "prosody_user") && v.items.n == 1 && y->server->user == NULL)
		y->server->user = text_of("%s", v.items.v[0]);
	value_free(&v);
}

static void read_statement(struct source *f)
{
	struct lua *l = &f->l;
	struct span name = l->text;
	unsigned line = l->at;

	if (lua_is(l, LUA_NAME, "VirtualHost") || lua_is(l, LUA_NAME, "Host")) {
		read_section(f, false);
	} else if (lua_is(l, LUA_NAME, "Component")) {
		read_section(f, true);
	} else if (lua_is(l, LUA_NAME, "Include")) {
		read_include(f);
	} else if (l->kind == LUA_NAME) {
		lua_next(l);
		if (lua_is(l, LUA_SYMBOL, "="))
			read_setting(f, name, line);
		else
			puzzled(f, line);
	} else {
		if (!lua_is(l, LUA_SYMBOL, ";"))
			puzzled(f, line);
		lua_next(l);
	}
}

static void read_text(struct prosody *y, const char *path, struct span text)
{
	struct source f = {.y = y, .path = path};

	lua_start(&f.l, text);
	lua_next(&f.l);
	while (f.l.kind != LUA_END && f.l.kind != LUA_BROKEN)
		read_statement(&f);
	end_section(&f);
	if (f.l.kind == LUA_BROKEN) {
		say(y->talk, SAY_MISSING, "mend it; Prosody itself would not start with it",
		    "%s:%u: a string or comment that does not end", path, f.l.at);
		y->failed = true;
	}
}

static void read_file(struct prosody *y, const char *path)
{
	char *full = text_of("%s%s", y->root, path), *text;
	size_t n;

	text = y->depth < DEPTH_MAX ? text_read(full, &n) : NULL;
	if (text == NULL) {
		say(y->talk, SAY_MISSING, NULL, "%s: %s", path,
		    y->depth < DEPTH_MAX ? strerror(errno) : "files that include each other");
		y->failed = true;
	} else {
		y->depth++;
		read_text(y, path, (struct span){text, n});
		y->depth--;
	}
	free(text);
	free(full);
}

bool server_read_prosody(struct server *s, const char *root, struct talk *talk)
{
	struct prosody y = {.server = s, .root = root, .talk = talk};

	read_file(&y, s->config);
	if (s->ports_n == 0)
		server_port(s, 5269);
	if (y.modules && !y.dialback)
		say(talk, SAY_MISSING, "\"dialback\"; in modules_enabled of prosody.cfg.lua",
		    "%s: dialback is not among its modules, and the gateway speaks dialback to it", s->config);
	return !y.failed;
}
