#include "match.h"

#include <ctype.h>
#include <stdlib.h>

#include "fakenet.h"

enum { VARS_MAX = 128 };

struct vars {
	struct {
		char *name, *value;
	} v[VARS_MAX];
	size_t n;
};

struct vars *vars_new(void)
{
	return fake_alloc(sizeof(struct vars));
}

void vars_free(struct vars *vars)
{
	if (vars == NULL)
		return;
	vars_undo(vars, 0);
	free(vars);
}

static char *copy(struct span s)
{
	char *p = fake_alloc(s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

const char *vars_get(const struct vars *vars, struct span name)
{
	for (size_t i = 0; i < vars->n; i++)
		if (span_eq(span_of(vars->v[i].name), name))
			return vars->v[i].value;
	return NULL;
}

void vars_set(struct vars *vars, struct span name, struct span value)
{
	ENSURE(vars->n < VARS_MAX && vars_get(vars, name) == NULL);
	vars->v[vars->n].name = copy(name);
	vars->v[vars->n].value = copy(value);
	vars->n++;
}

bool vars_forget(struct vars *vars, struct span name)
{
	for (size_t i = 0; i < vars->n; i++) {
		if (!span_eq(span_of(vars->v[i].name), name))
			continue;
		free(vars->v[i].name);
		free(vars->v[i].value);
		vars->v[i] = vars->v[--vars->n];
		return true;
	}
	return false;
}

size_t vars_mark(const struct vars *vars)
{
	return vars->n;
}

void vars_undo(struct vars *vars, size_t mark)
{
	while (vars->n > mark) {
		vars->n--;
		free(vars->v[vars->n].name);
		free(vars->v[vars->n].value);
	}
}

/* The name behind a "$"; n == 0: none, so that the "$" stands for itself. */
static struct span var_name(const char *p)
{
	size_t n = 0;

	if (p[0] != '$')
		return SPAN_NONE;
	while (isalnum((unsigned char)p[1 + n]) || p[1 + n] == '_')
		n++;
	return (struct span){p + 1, n};
}

char *vars_expand(const struct vars *vars, const char *text, struct span *unknown)
{
	struct fake_bytes out = {NULL, 0, 0, 0};

	while (*text != '\0') {
		struct span name = var_name(text);
		const char *value;

		if (name.n == 0) {
			fake_bytes_put(&out, (struct span){text++, 1});
			continue;
		}
		value = vars_get(vars, name);
		if (value == NULL) {
			*unknown = name;
			fake_bytes_free(&out);
			return NULL;
		}
		fake_bytes_put(&out, span_of(value));
		text += 1 + name.n;
	}
	fake_bytes_put(&out, (struct span){"", 1});
	return out.p;
}

static bool match_rest(const char *pattern, struct span text, struct vars *vars);

/* Any number of bytes, at least `from`, captured under name if that has one, then the rest. */
static bool match_run(const char *rest, struct span text, struct vars *vars, struct span name, size_t from)
{
	for (size_t n = from; n <= text.n; n++) {
		size_t mark = vars_mark(vars);

		if (name.n > 0)
			vars_set(vars, name, (struct span){text.p, n});
		if (match_rest(rest, (struct span){text.p + n, text.n - n}, vars))
			return true;
		vars_undo(vars, mark);
	}
	return false;
}

static bool match_rest(const char *pattern, struct span text, struct vars *vars)
{
	for (;;) {
		struct span name = var_name(pattern);
		struct span literal = {pattern, 1};

		if (*pattern == '\0')
			return text.n == 0;
		if (*pattern == '*')
			return match_run(pattern + 1, text, vars, SPAN_NONE, 0);
		if (name.n > 0) {
			const char *value = vars_get(vars, name);

			pattern += 1 + name.n;
			if (value == NULL)
				return match_run(pattern, text, vars, name, 1);
			literal = span_of(value);
		} else {
			pattern++;
		}
		if (text.n < literal.n || memcmp(text.p, literal.p, literal.n) != 0)
			return false;
		text.p += literal.n;
		text.n -= literal.n;
	}
}

bool match(const char *pattern, struct span text, struct vars *vars)
{
	size_t mark = vars_mark(vars);

	if (match_rest(pattern, text, vars))
		return true;
	vars_undo(vars, mark);
	return false;
}
