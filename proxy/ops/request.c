#include "sallyport/request.h"

#include <stdio.h>

/* What stands behind a verb: a word each; those beyond the least may be left out. */
enum word { WORD_MATCH, WORD_LEVEL, WORD_SECONDS };

static const struct {
	const char *name;
	bool commands;
	size_t least, most;
	enum word words[3];
} verbs[] = {
    [REQUEST_STATUS] = {"status", false, 0, 0, {0}},
    [REQUEST_PEERS] = {"peers", false, 0, 1, {WORD_MATCH}},
    [REQUEST_STREAMS] = {"streams", false, 0, 1, {WORD_MATCH}},
    [REQUEST_CERTS] = {"certs", false, 0, 1, {WORD_SECONDS}},
    [REQUEST_WATCH] = {"watch", false, 0, 1, {WORD_MATCH}},
    [REQUEST_RULES] = {"rules", false, 0, 0, {0}},
    [REQUEST_LOG] = {"log", true, 3, 3, {WORD_MATCH, WORD_LEVEL, WORD_SECONDS}},
    [REQUEST_UNLOG] = {"unlog", true, 1, 1, {WORD_MATCH}},
    [REQUEST_CLOSE] = {"close", true, 1, 1, {WORD_MATCH}},
    [REQUEST_DRAIN] = {"drain", true, 0, 0, {0}},
    [REQUEST_RELOAD] = {"reload", true, 0, 0, {0}},
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

static bool parse_match(struct request *r, struct span word)
{
	r->match.below = word.n > 2 && memcmp(word.p, "*.", 2) == 0;
	if (r->match.below) {
		word.p += 2;
		word.n -= 2;
	}
	return domain_parse(&r->match.domain, word);
}

static bool parse_seconds(struct request *r, struct span word)
{
	r->seconds = 0;
	if (word.n == 0 || word.n > 10)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
		r->seconds = r->seconds * 10 + (word.p[i] - '0');
	}
	return r->seconds <= REQUEST_SECONDS_MAX;
}

static bool parse_word(struct request *r, enum word kind, struct span word, char *err, size_t err_n)
{
	int shown = word.n < 100 ? (int)word.n : 100;

	switch (kind) {
	case WORD_MATCH:
		if (parse_match(r, word))
			return true;
		(void)snprintf(err, err_n, "\"%.*s\" is no domain, nor one behind \"*.\"", shown, word.p);
		return false;
	case WORD_LEVEL:
		if (log_level_parse(word, &r->level))
			return true;
		(void)snprintf(err, err_n, "\"%.*s\" is no level: error, warning, info or debug", shown, word.p);
		return false;
	case WORD_SECONDS:
		if (parse_seconds(r, word))
			return true;
		(void)snprintf(err, err_n, "\"%.*s\" is no time, or longer than ten years", shown, word.p);
		return false;
	}
	return false;
}

bool request_parse(struct request *r, struct span line, char *err, size_t err_n)
{
	struct span rest = line, word = next_word(&rest);
	size_t n = 0;

	*r = (struct request){.seconds = -1};
	if (!find_verb(r, word)) {
		(void)snprintf(err, err_n, "this daemon knows no such command; is it of another version?");
		return false;
	}
	while (rest.n > 0) {
		if (n == verbs[r->verb].most) {
			(void)snprintf(err, err_n, "too many words for %s", request_name(r->verb));
			return false;
		}
		word = next_word(&rest);
		if (!parse_word(r, verbs[r->verb].words[n++], word, err, err_n))
			return false;
	}
	if (n < verbs[r->verb].least)
		(void)snprintf(err, err_n, "%s takes more words", request_name(r->verb));
	return n >= verbs[r->verb].least;
}
