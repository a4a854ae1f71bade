#include "lua.h"

#include <ctype.h>

void lua_start(struct lua *l, struct span text)
{
	*l = (struct lua){.p = text.p, .end = text.p + text.n, .line = 1};
	if (text.n >= 2 && text.p[0] == '#' && text.p[1] == '!') {
		while (l->p < l->end && *l->p != '\n')
			l->p++;
	}
}

static bool here(const struct lua *l, char c)
{
	return l->p < l->end && *l->p == c;
}

/* At "[[", "[=[", …: the number of '=', else -1. */
static int bracket_level(const struct lua *l)
{
	const char *p = l->p;
	int level = 0;

	if (p == l->end || *p++ != '[')
		return -1;
	for (; p < l->end && *p == '='; p++)
		level++;
	return p < l->end && *p == '[' ? level : -1;
}

static bool closes(const struct lua *l, int level)
{
	size_t n = (size_t)level + 2;

	if ((size_t)(l->end - l->p) < n || l->p[0] != ']' || l->p[n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < n; i++) {
		if (l->p[i] != '=')
			return false;
	}
	return true;
}

/* "[==[ … ]==]"; false: it does not end. */
static bool long_bracket(struct lua *l, int level, struct span *inside)
{
	l->p += level + 2;
	inside->p = l->p;
	for (; l->p < l->end; l->p++) {
		if (closes(l, level)) {
			inside->n = (size_t)(l->p - inside->p);
			l->p += level + 2;
			return true;
		}
		l->line += *l->p == '\n';
	}
	return false;
}

static bool skip_comment(struct lua *l)
{
	struct span inside;
	int level;

	l->p += 2;
	level = bracket_level(l);
	if (level >= 0)
		return long_bracket(l, level, &inside);
	while (l->p < l->end && *l->p != '\n')
		l->p++;
	return true;
}

/* False: a comment that does not end. */
static bool skip_space(struct lua *l)
{
	for (;;) {
		while (l->p < l->end && isspace((unsigned char)*l->p))
			l->line += *l->p++ == '\n';
		if (l->end - l->p < 2 || l->p[0] != '-' || l->p[1] != '-')
			return true;
		if (!skip_comment(l))
			return false;
	}
}

static enum lua_kind quoted(struct lua *l)
{
	char quote = *l->p++;

	l->text.p = l->p;
	while (l->p < l->end && *l->p != quote) {
		if (*l->p == '\n')
			return LUA_BROKEN;
		if (*l->p == '\\') {
			l->escaped = true;
			l->p++;
			if (l->p == l->end)
				return LUA_BROKEN;
			l->line += *l->p == '\n';
		}
		l->p++;
	}
	if (l->p == l->end)
		return LUA_BROKEN;
	l->text.n = (size_t)(l->p++ - l->text.p);
	return LUA_STRING;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static enum lua_kind word(struct lua *l, enum lua_kind kind)
{
	l->text.p = l->p;
	while (l->p < l->end && (in_word(*l->p) || (kind == LUA_NUMBER && *l->p == '.')))
		l->p++;
	l->text.n = (size_t)(l->p - l->text.p);
	return kind;
}

static enum lua_kind read_word(struct lua *l)
{
	int level;

	if (!skip_space(l))
		return LUA_BROKEN;
	l->at = l->line;
	l->escaped = false;
	l->text = SPAN_NONE;
	if (l->p == l->end)
		return LUA_END;
	if (here(l, '"') || here(l, '\''))
		return quoted(l);
	level = bracket_level(l);
	if (level >= 0)
		return long_bracket(l, level, &l->text) ? LUA_STRING : LUA_BROKEN;
	if (isdigit((unsigned char)*l->p))
		return word(l, LUA_NUMBER);
	if (in_word(*l->p))
		return word(l, LUA_NAME);
	l->text = (struct span){l->p++, 1};
	return LUA_SYMBOL;
}

enum lua_kind lua_next(struct lua *l)
{
	return l->kind = read_word(l);
}
