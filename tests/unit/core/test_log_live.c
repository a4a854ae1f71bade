/* What an operator asks of the log while it runs: more about a domain, and to hear it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "sallyport/log.h"

static struct heard {
	unsigned n;
	char last[LOG_LINE_MAX];
	bool about_org, about_below;
} heard;

static void hear(void *arg, const struct log_line *l)
{
	struct heard *h = arg;

	h->n++;
	(void)snprintf(h->last, sizeof(h->last), "%.*s", (int)l->n, l->text);
	h->about_org = log_is_about(l, SPAN("example.org"), false);
	h->about_below = log_is_about(l, SPAN("example.org"), true);
}

static int start(void **state)
{
	int *fds = test_malloc(2 * sizeof(*fds));

	*state = fds;
	if (pipe(fds) != 0)
		return -1;
	log_set_fd(fds[1]);
	log_set_level(LOG_INFO);
	heard = (struct heard){0};
	log_listen(hear, &heard);
	return 0;
}

static int end(void **state)
{
	int *fds = *state;

	log_listen(NULL, NULL);
	log_set_fd(STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
	test_free(fds);
	return 0;
}

/* True if it was written. */
static bool say(enum log_level level, const char *key, const char *domain)
{
	unsigned before = heard.n;
	struct log_line l;

	log_begin(&l, level, "test");
	log_str(&l, "text", "something");
	log_str(&l, key, domain);
	log_end(&l);
	return heard.n > before;
}

static void what_is_heard_is_what_is_written(void **state)
{
	const int *fds = *state;
	char text[LOG_LINE_MAX];
	ssize_t n;

	assert_true(say(LOG_INFO, "from", "example.org"));
	assert_true(heard.about_org && !heard.about_below);
	n = read(fds[0], text, sizeof(text));
	assert_true(n > 1 && text[n - 1] == '\n');
	assert_int_equal((size_t)n - 1, strlen(heard.last));
	assert_memory_equal(text, heard.last, (size_t)n - 1);
	assert_false(say(LOG_DEBUG, "from", "example.org"));
	assert_true(say(LOG_ERROR, "to", "a.example.org"));
	assert_true(!heard.about_org && heard.about_below);
	log_listen(NULL, NULL);
	assert_false(say(LOG_INFO, "from", "example.org"));
}

static void about_others_is_not_about_this(void **state)
{
	static const char *const others[] = {"badexample.org", "example.or", "example.orgs", "org", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_true(say(LOG_INFO, "from", others[i]));
		assert_false(heard.about_org || heard.about_below);
	}
	/* a key that names no domain, and a peer's text that would look like one */
	assert_true(say(LOG_INFO, "target", "example.org"));
	assert_false(heard.about_org);
	assert_true(say(LOG_INFO, "text", "to=example.org"));
	assert_false(heard.about_org);
}

static void rules(void **state)
{
	(void)state;
	assert_false(log_wanted(LOG_DEBUG));
	assert_true(log_rule_set(SPAN("example.org"), false, LOG_DEBUG));
	assert_true(log_wanted(LOG_DEBUG));
	assert_true(say(LOG_DEBUG, "to", "example.org"));
	assert_true(say(LOG_DEBUG, "host", "example.org"));
	assert_false(say(LOG_DEBUG, "to", "a.example.org"));
	assert_false(say(LOG_DEBUG, "to", "example.net"));
	assert_true(log_rule_set(SPAN("example.org"), true, LOG_DEBUG));
	assert_true(say(LOG_DEBUG, "to", "a.example.org"));
	assert_true(log_rule_drop(SPAN("example.org"), false));
	assert_false(log_rule_drop(SPAN("example.org"), false));
	assert_false(say(LOG_DEBUG, "to", "example.org"));
	assert_true(say(LOG_DEBUG, "to", "a.example.org"));
	assert_true(log_rule_drop(SPAN("example.org"), true));
	assert_false(log_wanted(LOG_DEBUG));
	assert_false(say(LOG_DEBUG, "to", "a.example.org"));
	/* a rule says more, never less */
	assert_true(log_rule_set(SPAN("example.org"), false, LOG_ERROR));
	assert_true(say(LOG_INFO, "to", "example.org"));
	assert_true(log_rule_drop(SPAN("example.org"), false));
}

static void rules_have_a_bound(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < LOG_RULES; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		assert_true(log_rule_set(span_of(name), false, LOG_DEBUG));
	}
	assert_false(log_rule_set(SPAN("one-more.example"), false, LOG_DEBUG));
	/* one that is there is set anew */
	assert_true(log_rule_set(SPAN("d3.example"), false, LOG_INFO));
	assert_false(say(LOG_DEBUG, "to", "d3.example"));
	assert_true(say(LOG_DEBUG, "to", "d4.example"));
	for (int i = 0; i < LOG_RULES; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		assert_true(log_rule_drop(span_of(name), false));
	}
	assert_false(log_wanted(LOG_DEBUG));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_is_heard_is_what_is_written, start, end),
	    cmocka_unit_test_setup_teardown(about_others_is_not_about_this, start, end),
	    cmocka_unit_test_setup_teardown(rules, start, end),
	    cmocka_unit_test_setup_teardown(rules_have_a_bound, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
