/* The W3C conformance suite and our own cases, which lie outside of the repository ($SALLYPORT_CASES, or
 * ../shared/cases beside it): the same verdicts whole and in pieces, with every variant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "xml_feed.h"

#define CASES 2269

/* Verdicts of the suite that are not ours: eight stanzas come with text (or CDATA) beside them, which RFC 6120 section
 * 11.7 forbids, and a CDATA section that holds "<!DOCTYPE" is no DTD. */
static const char *const strict[] = {"xmltest/not-wf-sa-048", "xmltest/not-wf-sa-052~cut", "xmltest/not-wf-sa-105~cut",
    "xmltest/not-wf-sa-106~cut", "ibm/ibm-not-wf-P16-ibm16n01.xml~cut", "ibm/ibm-not-wf-P28-ibm28n07.xml~cut",
    "ibm/ibm-not-wf-P50-ibm50n07.xml~cut", "ibm/ibm-not-wf-P83-ibm83n02.xml~cut"};
static const char cdata_doctype[] = "oasis/o-p18pass1";

struct record {
	char id[128], mode[16], expect[16];
	size_t n;
	char *bytes;
};

static bool read_record(FILE *from, struct record *r)
{
	if (fscanf(from, "%127s %15s %15s %zu", r->id, r->mode, r->expect, &r->n) != 4 || fgetc(from) != '\n')
		return false;
	r->bytes = malloc(r->n + 1);
	return fread(r->bytes, 1, r->n, from) == r->n;
}

static bool wanted(const struct record *r)
{
	if (strcmp(r->mode, "doc") == 0 && strcmp(r->id, cdata_doctype) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(strict); i++) {
		if (strcmp(r->mode, "stanza") == 0 && strcmp(r->id, strict[i]) == 0)
			return false;
	}
	return strcmp(r->expect, "accept") == 0;
}

/* Whole: the footer, or the document's root, was reached, and nothing was bad. */
static bool verdict(const char *log, bool document)
{
	return strstr(log, "bad ") == NULL && (document || strstr(log, "[END]") != NULL) && *log != '\0';
}

static unsigned judge(const struct record *r)
{
	static const struct xml_limits limits = {
	    .element_bytes = 1 << 20, .depth = 1000, .attributes = 256, .name_bytes = 10000};
	static const size_t chunks[] = {0, 1, 2, 3, 7};
	bool document = strcmp(r->mode, "doc") == 0;
	unsigned wrong = 0;

	for (unsigned v = 0; v < xml_rush_count; v++) {
		const struct xml_rush *rush = xml_rushes[v];

		for (size_t i = 0; i < ARRAY_LEN(chunks) && xml_rush_usable(rush); i++) {
			char *log;

			/* Copying the pending bytes for every byte of a large case takes too long. */
			if (r->n > 20000 && chunks[i] != 0)
				continue;
			log = feed_all((struct span){r->bytes, r->n}, chunks[i], document, &limits, rush);
			if (verdict(log, document) != wanted(r)) {
				print_error("%s %s, pieces of %zu, %s: expected %s\n%s\n", r->id, r->mode, chunks[i],
				    xml_rush_name(rush), wanted(r) ? "accept" : "reject", log);
				wrong++;
			}
			free(log);
		}
	}
	return wrong;
}

static void test_cases(void **state)
{
	const char *folder = getenv("SALLYPORT_CASES");
	char path[4096], command[9000];
	struct record r;
	unsigned judged = 0, wrong = 0;
	FILE *from;

	(void)state;
	snprintf(path, sizeof(path), "%s/xml/xmlconf.jsonl.gz",
	    folder != NULL ? folder : SALLYPORT_SOURCE_DIR "/../shared/cases");
	if (access(path, R_OK) != 0) {
		print_message("%d XML cases skipped: they are not there\n", CASES);
		skip();
	}
	*strstr(path, "/xml/xmlconf") = '\0';
	snprintf(command, sizeof(command), "python3 %s/tests/unit/xmpp/xml_cases.py '%s'", SALLYPORT_SOURCE_DIR, path);
	from = popen(command, "r");
	assert_non_null(from);
	while (read_record(from, &r)) {
		wrong += judge(&r);
		judged++;
		free(r.bytes);
	}
	assert_int_equal(pclose(from), 0);
	print_message("%u verdicts, %u wrong\n", judged, wrong);
	assert_true(judged > CASES);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

	return cmocka_run_group_tests_name("xml_cases", tests, NULL, NULL);
}
