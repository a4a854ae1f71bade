/* How findings are written: wrapped, clean of what strangers put into texts, and complete as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

#include "finding.h"

static char *written(struct findings *all, enum finding_level least, bool colour)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	findings_print(out, all, least, colour);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void check_written(struct findings *all, const char *wanted)
{
	char *text = written(all, FINDING_OK, false);

	assert_string_equal(text, wanted);
	free(text);
}

static void a_finding_with_all_its_parts(void **state)
{
	struct findings all = {.v = NULL};
	struct finding *f = finding_add(&all, FINDING_FAIL, "cert", REASON_CERT_EXPIRED, "it is %d days too old", 3);

	(void)state;
	finding_so(f, "nothing stands");
	finding_tell(f, "Yours is too old.");
	finding_fix(f, "renew %s", "it");
	check_written(&all, "  cert   FAIL  SP-CERT-EXPIRED it is 3 days too old\n"
	                    "               so    nothing stands\n"
	                    "               who   the remote operator must act\n"
	                    "               tell  Yours is too old.\n"
	                    "               fix   renew it\n");
	/* what was shown is not shown again */
	check_written(&all, "");
	(void)finding_add(&all, FINDING_OK, "in", REASON_NONE, "well");
	check_written(&all, "  in     ok    well\n");
	findings_free(&all);
}

static void a_note_leaves_nobody_to_act(void **state)
{
	struct findings all = {.v = NULL};

	(void)state;
	(void)finding_add(&all, FINDING_NOTE, "dns", REASON_CERT_EXPIRED, "so");
	check_written(&all, "  dns    note  SP-CERT-EXPIRED so\n");
	findings_free(&all);
}

static void lesser_ones_are_passed_over(void **state)
{
	struct findings all = {.v = NULL};
	char *text;

	(void)state;
	(void)finding_add(&all, FINDING_OK, "a", REASON_NONE, "good");
	(void)finding_add(&all, FINDING_NOTE, "b", REASON_NONE, "noted");
	(void)finding_add(&all, FINDING_WARN, "c", REASON_NONE, "warned");
	assert_int_equal(findings_worst(&all), FINDING_WARN);
	text = written(&all, FINDING_WARN, false);
	assert_string_equal(text, "  c      WARN  warned\n");
	free(text);
	findings_free(&all);
}

static void colours_stand_round_the_word_alone(void **state)
{
	struct findings all = {.v = NULL};
	char *text;

	(void)state;
	(void)finding_add(&all, FINDING_OK, "a", REASON_NONE, "good");
	text = written(&all, FINDING_OK, true);
	assert_string_equal(text, "  a      \033[32mok  \033[0m  good\n");
	free(text);
	findings_free(&all);
}

static void lines_end_before_the_terminal_does(void **state)
{
	struct findings all = {.v = NULL};
	char words[480] = "", *text, *line;
	size_t widest = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		strcat(words, "w\xc3\xb6rd  ");
	finding_fix(finding_add(&all, FINDING_WARN, "a", REASON_NONE, "%s", words), "%s", words);
	text = written(&all, FINDING_OK, false);
	for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		size_t columns = 0;

		for (const char *c = line; *c != '\0'; c++)
			columns += ((unsigned char)*c & 0xc0) != 0x80;
		assert_true(columns <= FINDING_COLUMNS);
		widest = columns > widest ? columns : widest;
	}
	assert_true(widest > FINDING_COLUMNS - 6);
	free(text);
	findings_free(&all);
}

/* One that is longer than a line stays whole: it may be a record to be copied. */
static void long_words_stay_whole(void **state)
{
	struct findings all = {.v = NULL};
	char word[200], wanted[300];

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	(void)finding_add(&all, FINDING_OK, "a", REASON_NONE, "b %s c", word);
	(void)snprintf(wanted, sizeof(wanted), "  a      ok    b\n%*s%s\n%*sc\n", 15, "", word, 15, "");
	check_written(&all, wanted);
	findings_free(&all);
}

static void strangers_texts_do_nothing_to_a_terminal(void **state)
{
	struct findings all = {.v = NULL};

	(void)state;
	(void)finding_add(&all, FINDING_NOTE, "sasl", REASON_NONE,
	    "\033[31mred\a \xc2\x9b"
	    "2J \xe2\x80\xae"
	    "evil\xff\xc3 n\xc3\xb6t\tab\n");
	check_written(&all, "  sasl   note  ?[31mred? ?2J ?evil?? n\xc3\xb6t?ab?\n");
	findings_free(&all);
}

static void more_than_there_is_room_for(void **state)
{
	struct findings all = {.v = NULL};

	(void)state;
	for (int i = 0; i < 2000; i++)
		finding_so(finding_add(&all, FINDING_OK, "a", REASON_NONE, "%d", i), "%d", i);
	assert_true(all.n > 200 && all.n < 2000 && all.lost);
	assert_string_equal(all.v[all.n - 1].so, all.v[all.n - 1].text);
	findings_free(&all);
}

static void as_json(void **state)
{
	struct findings all = {.v = NULL};
	struct finding *f = finding_add(&all, FINDING_FAIL, "cert", REASON_CERT_EXPIRED, "a \"b\" \033");
	char text[4096];
	struct json j;
	struct span span;
	json_t *root, *one;

	(void)state;
	finding_fix(f, "renew");
	(void)finding_add(&all, FINDING_NOTE, "dns", REASON_NONE, "none");
	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	findings_json(&j, &all);
	json_close_object(&j);
	span = json_done(&j);
	root = json_loadb(span.p, span.n, 0, NULL);
	assert_non_null(root);
	one = json_array_get(json_object_get(root, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(one, "level")), "failure");
	assert_string_equal(json_string_value(json_object_get(one, "code")), "SP-CERT-EXPIRED");
	assert_string_equal(json_string_value(json_object_get(one, "text")), "a \"b\" \033");
	assert_string_equal(json_string_value(json_object_get(one, "who")), "the remote operator must act");
	assert_string_equal(json_string_value(json_object_get(one, "fix")), "renew");
	one = json_array_get(json_object_get(root, "findings"), 1);
	assert_null(json_object_get(one, "code"));
	assert_null(json_object_get(one, "who"));
	json_decref(root);
	findings_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_finding_with_all_its_parts),
	    cmocka_unit_test(a_note_leaves_nobody_to_act),
	    cmocka_unit_test(lesser_ones_are_passed_over),
	    cmocka_unit_test(colours_stand_round_the_word_alone),
	    cmocka_unit_test(lines_end_before_the_terminal_does),
	    cmocka_unit_test(long_words_stay_whole),
	    cmocka_unit_test(strangers_texts_do_nothing_to_a_terminal),
	    cmocka_unit_test(more_than_there_is_room_for),
	    cmocka_unit_test(as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
