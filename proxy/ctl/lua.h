/* lua: the words of a Lua file, for configurations that are plain assignments.  Nothing is run. */
#ifndef CTL_LUA_H
#define CTL_LUA_H

#include "sallyport/base.h"

enum lua_kind { LUA_END, LUA_NAME, LUA_STRING, LUA_NUMBER, LUA_SYMBOL, LUA_BROKEN };

struct lua {
	const char *p, *end;
	unsigned line;
	/* the word that lua_next() came to */
	enum lua_kind kind;
	unsigned at;      /* its line */
	struct span text; /* a string without its quotes; a symbol is one character */
	bool escaped;     /* the string has escapes, which are left as they are */
};
void lua_start(struct lua *l, struct span text);
/* Reads on, past comments.  The kind of what it came to, which stays in l. */
enum lua_kind lua_next(struct lua *l);

static inline bool lua_is(const struct lua *l, enum lua_kind kind, const char *text)
{
	return l->kind == kind && span_eq(l->text, span_of(text));
}

#endif
