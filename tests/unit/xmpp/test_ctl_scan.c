/* sallyportctl scan: verdicts, lines and exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../proxy/ctl/scan.c"

#define HEADER "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' from='a' to='b'>"

/* Runs the command over a file of these bytes and compares what it prints. */
static void scan(int argc, const char *const *arguments, const char *bytes, int want_code, const char *want)
{
	char path[] = "/tmp/test_ctl_scan.XXXXXX", got[4096], *argv[8];
	int input = mkstemp(path), saved = dup(STDOUT_FILENO), code;
	FILE *output = tmpfile();
	size_t n;

	assert_int_equal(write(input, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
	fflush(stdout);
	dup2(fileno(output), STDOUT_FILENO);
	for (int i = 0; i < argc; i++)
		argv[i] = strdup(strcmp(arguments[i], "FILE") == 0 ? path : arguments[i]);
	code = ctl_scan(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	rewind(output);
	n = fread(got, 1, sizeof(got) - 1, output);
	got[n] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(code, want_code);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	fclose(output);
	close(saved);
	close(input);
	unlink(path);
}

#define SCAN(bytes, code, want, ...)                                                                                   \
	scan(sizeof((const char *[]){"scan", __VA_ARGS__}) / sizeof(char *), (const char *[]){"scan", __VA_ARGS__},    \
	    bytes, code, want)

static void test_stream(void **state)
{
	static const char stream[] = HEADER "<message to='c'/> \n<iq from='\xc2\x9b[2J'>x</iq></s:stream>";
	static const char lines[] = "header stream from=a to=b bytes=91\n"
	                            "element message to=c bytes=17\n"
	                            "element iq from=?[2J bytes=23\n"
	                            "end bytes=11\n";

	(void)state;
	SCAN(stream, CTL_OK, lines, "FILE");
	SCAN(stream, CTL_OK, lines, "--chunk", "1", "FILE");
	SCAN(stream, CTL_OK, lines, "FILE", "--chunk", "0");
}

static void test_broken(void **state)
{
	(void)state;
	SCAN(HEADER "<a>", CTL_BROKEN,
	    "header stream from=a to=b bytes=91\nerror offset=94: the input ends before its XML does\n", "FILE");
	SCAN(HEADER "<a/><!---->", CTL_BROKEN,
	    "header stream from=a to=b bytes=91\nelement a bytes=4\nerror offset=95 restricted-xml: comments, "
	    "processing "
	    "instructions, DTDs and entities are not allowed in XMPP\n",
	    "FILE");
	SCAN("", CTL_BROKEN, "error offset=0: the input ends before its XML does\n", "FILE");
}

static void test_document(void **state)
{
	(void)state;
	SCAN("<?xml version='1.0'?><a>x<b/></a>\n", CTL_OK, "element a bytes=33\n", "--document", "FILE");
	SCAN("<a/><b/>", CTL_BROKEN, "element a bytes=4\nerror offset=4 not-well-formed: this is not well-formed XML\n",
	    "--document", "FILE");
}

static void test_unusable(void **state)
{
	(void)state;
	SCAN("", CTL_UNUSABLE, "", "/nonexistent/file");
	SCAN("", CTL_UNUSABLE, "", "--chunk", "one", "FILE");
	SCAN("", CTL_UNUSABLE, "", "--chunk");
	SCAN("", CTL_UNUSABLE, "", "FILE", "FILE");
	SCAN("", CTL_UNUSABLE, "", "--other", "FILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stream), cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_document), cmocka_unit_test(test_unusable)};

	return cmocka_run_group_tests_name("ctl_scan", tests, NULL, NULL);
}
