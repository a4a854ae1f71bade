#include "sallyport/request.h"

#include <stdio.h>

/* What stands behind a verb. */
enum shape {
	SHAPE_NONE,
};

static const struct {
	const char *name;
	enum shape shape;
	bool commands;
} verbs[] = {
    [REQUEST_STATUS] = {"status", SHAPE_NONE, false},
    [REQUEST_RELOAD] = {"reload", SHAPE_NONE, true},
};
_Static_assert(ARRAY_LEN(verbs) == REQUEST_VERBS, "a verb without a row");

const char *request_name(enum request_verb verb)
{
	return verbs[verb].name;
}

bool request_commands(enum request_verb verb)
{
	return verbs[verb].commands;
}

bool request_matches(const struct request_match *m, const struct domain *domain)
{
	if (m->domain.n == 0)
		return true;
	if (!m->below)
		return domain_eq(&m->domain, domain);
	return domain->n > m->domain.n && domain->s[domain->n - m->domain.n - 1] == '.' &&
	       memcmp(domain->s + domain->n - m->domain.n, m->domain.s, m->domain.n) == 0;
}

/* The next word, and the space behind it; n == 0: there is none, or two spaces stand side by side. */
static struct span next_word(struct span *rest)
{
	struct span word = {rest->p, 0};

	while (word.n < rest->n && rest->p[word.n] != ' ')
		word.n++;
	rest->p += word.n;
	rest->n -= word.n;
	if (rest->n > 0) {
		rest->p++;
		rest->n--;
	}
	return word;
}

static bool find_verb(struct request *r, struct span word)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (span_eq(word, span_of(verbs[i].name))) {
			r->verb = (enum request_verb)i;
			return true;
		}
	}
	return false;
}

bool request_parse(struct request *r, struct span line, char *err, size_t err_n)
{
	struct span rest = line, word = next_word(&rest);

	*r = (struct request){0};
	if (!find_verb(r, word)) {
		(void)snprintf(err, err_n, "this daemon knows no such command; is it of another version?");
		return false;
	}
	if (rest.n > 0) {
		(void)snprintf(err, err_n, "%s takes no more words", request_name(r->verb));
		return false;
	}
	return true;
}
