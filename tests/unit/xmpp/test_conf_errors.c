/* Every mistake, and the words in which it is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/prctl.h>

#include "conf_folder.h"
#include "sallyport/conf.h"

/* What is right; a case puts its mistake in front, or into one of these in its place. */
#define PUBLIC "[public]\nlisten = 127.0.0.1:25269\n"
#define TRUST "[trust]\nsystem = no\nanchor = $D/cert.pem\n"
#define BACKEND "[backend old]\nconnect = 127.0.0.1:5269\nlisten = 127.0.0.1:15269\n"
#define FILES "certificate = $D/cert.pem\nkey = $D/key.pem\n"
#define HOST "[host example.org]\n" FILES
#define REST PUBLIC TRUST BACKEND HOST
#define GLOBAL(line) "[global]\n" line "\n" REST
#define TIMEOUTS(line) "[timeouts]\n" line "\n" REST
#define LIMITS(line) "[limits]\n" line "\n" REST
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

struct conf_case {
	const char *text;
	const char *errors[5]; /* "LINE: words", or only words where no line is known */
};

static struct folder folder;
static struct conf_errors errors;

static void expect_texts(
    const char *config, const char (*got)[CONF_ERROR_MAX], size_t got_n, const char *const *wanted, size_t wanted_n)
{
	for (size_t i = 0; i < wanted_n; i++) {
		char *wanted_full, *expected;

		if (asprintf(&wanted_full, "%s:%s%s", folder.ini, wanted[i][0] >= '0' && wanted[i][0] <= '9' ? "" : " ",
		        wanted[i]) < 0)
			abort();
		expected = replace_all(wanted_full, "$D", folder.path);
		if (i >= got_n || strcmp(got[i], expected) != 0)
			fail_msg(
			    "of\n%s\nexpected: %s\ngot:      %s", config, expected, i < got_n ? got[i] : "nothing");
		free(expected);
		free(wanted_full);
	}
	if (got_n != wanted_n)
		fail_msg("of\n%s\nnot expected: %s", config, got[wanted_n]);
}

static void check_cases(const struct conf_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct conf_case *c = &cases[i];
		struct conf *conf;
		size_t wanted = 0;

		while (wanted < ARRAY_LEN(c->errors) && c->errors[wanted] != NULL)
			wanted++;
		folder_configure(&folder, c->text);
		conf = conf_load(folder.ini, &errors);
		expect_texts(c->text, errors.text, errors.n, c->errors, wanted);
		assert_int_equal(conf == NULL, wanted > 0);
		assert_int_equal(errors.warnings, 0); /* no guesses about what errors hide */
		conf_unref(conf);
	}
}

static void lines(void **state)
{
	static const struct conf_case cases[] = {
	    {REST, {NULL}},
	    {"\xef\xbb\xbf" REST, {NULL}},
	    {"# text\n; text\n\n \t \n  # text\n" REST, {NULL}},
	    {"[global] ; text\nlog-level = debug ; text\nworkers=2\t;text\n" REST, {NULL}},
	    {"  [global]\n" REST, {"1: the line is indented: a value does not go on in another line, and keys start in "
	                           "the first column"}},
	    {GLOBAL("log-level = debug\n  workers = 1"), {"3: the line is indented: a value does not go on in another "
	                                                  "line, and keys start in the first column"}},
	    {GLOBAL("log-level = debug\n\tinfo"), {"3: the line is indented: a value does not go on in another line, "
	                                           "and keys start in the first column"}},
	    {GLOBAL("log-level"), {"2: this is neither a [section] nor \"key = value\""}},
	    {GLOBAL("log-level ; = info"), {"2: this is neither a [section] nor \"key = value\""}},
	    {REST "log-level", {"12: this is neither a [section] nor \"key = value\""}},
	    {"log-level = info\n" REST, {"1: \"log-level\" stands before the first [section]"}},
	    {GLOBAL("log-level = in\x01"
	            "fo"),
	        {"2: a control character"}},
	    {GLOBAL("log-level = in\rfo"), {"2: a control character"}},
	    {GLOBAL("user = \x7f"), {"2: a control character"}},
	    {GLOBAL("log-level = debug # text"), {"2: log-level: \"debug # text\" is no level: error, warning, info or "
	                                          "debug (behind a value a comment starts "
	                                          "with \";\")"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

/* inih holds 200 bytes with the line's end and a NUL; the rest would become another key. */
static void long_lines(void **state)
{
	static const struct conf_case cases[] = {
	    {GLOBAL(";" X50 X50 X50 X10 X10 X10 X10 "1234567"), {NULL}},
	    {GLOBAL(";" X50 X50 X50 X10 X10 X10 X10 "12345678"),
	        {"2: the line is longer than 198 bytes; a list may go on in another line with the same key"}},
	    {GLOBAL("secret = " X50 X50 X50 X10 X10 X10 "12345678\r"), {NULL}}, /* the CR is no part of it */
	    {GLOBAL("secret = " X50 X50 X50 X10 X10 X10 "1234567890workers = 1"),
	        {"2: the line is longer than 198 bytes; a list may go on in another line with the same key"}},
	    {GLOBAL("secret = " X50 X50 X50 X50 X50 X50 X50 X50 "\nworkers = 300"),
	        {"2: the line is longer than 198 bytes; a list may go on in another line with the same key",
	            "3: workers: must be between 0 and 256"}},
	    /* A section's name beyond the 49 bytes that inih keeps. */
	    {PUBLIC TRUST BACKEND "[host " X10 X10 X10 X10 ".example.org]\n" FILES "[host " X10 X10 X10 X10
	                          ".example.com]\n" FILES,
	        {NULL}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void nul_bytes(void **state)
{
	static const char text[] = "[global]\nlog-level = info\0workers = 3\n";
	static const char *const expected[] = {"2: a control character"};

	(void)state;
	folder_write(&folder, "x.ini", text, sizeof(text) - 1);
	assert_null(conf_load(folder.ini, &errors));
	expect_texts(text, errors.text, errors.n, expected, 1);
}

static void sections(void **state)
{
	static const struct conf_case cases[] = {
	    {"[globl]\nx = 1\ny\n" REST, {"1: unknown section [globl]; did you mean [global]?",
	                                     "3: this is neither a [section] nor \"key = value\""}},
	    {"[Backends old]\n" REST, {"1: unknown section [Backends]; did you mean [backend NAME]?"}},
	    {"[virtual]\n" REST, {"1: unknown section [virtual]; there are: [global], [log], [control], [sandbox], "
	                          "[public], [certificates], [trust], [revocation], "
	                          "[dns], [backend NAME], [host DOMAIN], [peer DOMAIN], [timeouts], [limits], [metrics]"}},
	    {"[]\n" REST, {"1: unknown section []; there are: [global], [log], [control], [sandbox], [public], "
	                   "[certificates], [trust], [revocation], [dns], [backend NAME], "
	                   "[host DOMAIN], [peer DOMAIN], [timeouts], [limits], [metrics]"}},
	    {"[global\nlog-level = x\n" REST, {"1: a section without its \"]\""}},
	    {"[global] log-level = info\n" REST, {"1: \"log-level = info\" behind a section's \"]\""}},
	    {"[global here]\n" REST, {"1: [global] takes nothing behind its name"}},
	    {REST "[backend]\n", {"12: [backend] needs a name, as in [backend old]"}},
	    {REST "[host ]\n", {"12: [host] needs a name, as in [host example.org]"}},
	    {REST "[backend a/b]\n",
	        {"12: \"a/b\" is no name for a backend: up to 60 letters, digits, \"-\", \"_\" and \".\""}},
	    {REST "[backend " X50 X10 "y]\n",
	        {"12: \"" X50 X10 "\" is no name for a backend: up to 60 letters, digits, \"-\", \"_\" and \".\""}},
	    {REST "[host a b]\n", {"12: \"a b\" is no domain"}},
	    {REST "[host *.example.org]\n", {"12: \"*.example.org\" is no domain"}},
	    {REST "[host straße.example]\n", {"12: \"straße.example\" is no domain"}},
	    {REST "[public]\nlisten = 127.0.0.1:1\n", {"12: [public] is there already, in line 1"}},
	    {REST BACKEND, {"12: [backend old] is there already, in line 6"}},
	    {"[dns]\n" REST, {NULL}}, /* empty, and nothing in it must be */
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void keys(void **state)
{
	static const struct conf_case cases[] = {
	    {GLOBAL("log_level = info"), {"2: unknown key \"log_level\" in [global]; did you mean \"log-level\"?"}},
	    {GLOBAL("Log Level = info"), {"2: unknown key \"Log Level\" in [global]; did you mean \"log-level\"?"}},
	    {GLOBAL("LOG_LEVELS = info"), {"2: unknown key \"LOG_LEVELS\" in [global]; did you mean \"log-level\"?"}},
	    {BACKEND "authentcte = no\n" PUBLIC TRUST HOST,
	        {"4: unknown key \"authentcte\" in [backend NAME]; did you mean \"authenticate\"?"}},
	    {GLOBAL("worker = 1"), {"2: unknown key \"worker\" in [global]; did you mean \"workers\"?"}},
	    {GLOBAL("listen = 127.0.0.1:1"),
	        {"2: unknown key \"listen\" in [global]; \"listen\" belongs in [public] or [backend NAME] or [metrics]"}},
	    {TIMEOUTS("connections = 1"),
	        {"2: unknown key \"connections\" in [timeouts]; \"connections\" belongs in [limits]"}},
	    {TIMEOUTS("stanza_size = 1"),
	        {"2: unknown key \"stanza_size\" in [timeouts]; \"stanza-size\" belongs in [limits]"}},
	    {GLOBAL("certificat = /x"),
	        {"2: unknown key \"certificat\" in [global]; did you mean \"certificate\" in [host DOMAIN]?"}},
	    {GLOBAL("s2s_access = all"),
	        {"2: unknown key \"s2s_access\" in [global]; it may have: log-level, workers, user, secret"}},
	    {GLOBAL("= 1"), {"2: unknown key \"\" in [global]; it may have: log-level, workers, user, secret"}},
	    {GLOBAL(X50 X50 " = 1"),
	        {"2: unknown key \"" X50 X10 "\" in [global]; it may have: log-level, workers, user, secret"}},
	    {GLOBAL("workers = 1\nlog-level = info\nworkers = 2"), {"4: workers is set already, in line 2"}},
	    {GLOBAL("workers = x\nworkers = 2"),
	        {"2: workers: \"x\" is no number", "3: workers is set already, in line 2"}},
	    {GLOBAL("workers ="), {"2: workers: there is no value"}},
	    {GLOBAL("workers = ; 3"), {"2: workers: there is no value"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void numbers(void **state)
{
	static const struct conf_case cases[] = {
	    {GLOBAL("log-level = INFO"), {"2: log-level: \"INFO\" is no level: error, warning, info or debug"}},
	    {GLOBAL("workers = -1"), {"2: workers: \"-1\" is no number"}},
	    {GLOBAL("workers = 4294967297"), {"2: workers: must be between 0 and 256"}},
	    {GLOBAL("workers = 18446744073709551617"), {"2: workers: \"18446744073709551617\" is no number"}},
	    {GLOBAL("workers = 1K"), {"2: workers: \"1K\" is no number"}},
	    {TIMEOUTS("idle = 30"),
	        {"2: idle: \"30\" is no duration: write a number and a unit (ms, s, m, h, d), as in 30s"}},
	    {TIMEOUTS("idle = 1h30m"),
	        {"2: idle: \"1h30m\" is no duration: write a number and a unit (ms, s, m, h, d), as in 30s"}},
	    {TIMEOUTS("idle = s"),
	        {"2: idle: \"s\" is no duration: write a number and a unit (ms, s, m, h, d), as in 30s"}},
	    {TIMEOUTS("idle = 9999ms"), {"2: idle: must be between 10s and 24d"}},
	    {TIMEOUTS("idle = 25d"), {"2: idle: must be between 10s and 24d"}},
	    {TIMEOUTS("idle = 4294967296d"), {"2: idle: must be between 10s and 24d"}},
	    {TIMEOUTS("connect = 99ms"), {"2: connect: must be between 100ms and 1h"}},
	    {TIMEOUTS("retry = 61m"), {"2: retry: must be between 0ms and 1h"}},
	    {LIMITS("stanza-size = 1G"),
	        {"2: stanza-size: \"1G\" is no size: write bytes, or a number and a unit (K, M), as in 256K"}},
	    {LIMITS("stanza-size = 9999"), {"2: stanza-size: must be between 10000 and 64M"}},
	    {LIMITS("stanza-size = 65M"), {"2: stanza-size: must be between 10000 and 64M"}},
	    {LIMITS("stanza-attributes = 257"), {"2: stanza-attributes: must be between 8 and 256"}},
	    {PUBLIC BACKEND HOST "[trust]\nsystem = true\nanchor = $D/cert.pem",
	        {"10: system: \"true\" is neither yes nor no"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void texts_and_addresses(void **state)
{
	static const struct conf_case cases[] = {
	    {GLOBAL("user = no-such-user"), {"2: user: there is no user \"no-such-user\" on this system"}},
	    {GLOBAL("secret = 123456789012345"), {"2: secret: too short: at least 16 random characters"}},
	    {GLOBAL("secret = 16 or more random characters"), {"2: secret: a secret has no blanks or commas"}},
	    {TRUST BACKEND HOST "[public]\nlisten = 127.0.0.1\n",
	        {"11: listen: \"127.0.0.1\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {TRUST BACKEND HOST "[public]\nlisten = 127.0.0.1:1 localhost:2\n",
	        {"11: listen: \"localhost:2\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {TRUST BACKEND HOST "[public]\nlisten = :::1\n",
	        {"11: listen: \":::1\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = example.org:5269\nlisten = 127.0.0.1:1\n",
	        {"10: connect: \"example.org:5269\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:1 127.0.0.1:2\nlisten = 127.0.0.1:3\n",
	        {"10: connect: \"127.0.0.1:1 127.0.0.1:2\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {"[dns]\nserver = 127.0.0.1 dns.example\n" REST,
	        {"2: server: \"dns.example\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {"[dns]\nserver = 127.0.0.1:0\n" REST,
	        {"2: server: \"127.0.0.1:0\" is no address: write IP:PORT or [IPV6]:PORT"}},
	    {REST "subdomains = a..b\n", {"12: subdomains: \"a..b\" is no domain"}},
	    {REST "subdomains = conference\n", {"12: subdomains: write the whole domain: conference.example.org"}},
	    {REST "subdomains = *.example.com\n", {"12: subdomains: \"*.example.com\" is no domain"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void files(void **state)
{
	static const struct conf_case cases[] = {
	    {PUBLIC TRUST BACKEND "[host example.org]\ncertificate = $D/none.pem\nkey = $D/folder\n",
	        {"10: certificate: $D/none.pem: No such file or directory", "11: key: $D/folder is no regular file"}},
	    {PUBLIC TRUST BACKEND "[host example.org]\ncertificate = $D/cert.pem\nkey = $D/shut.pem\n",
	        {"11: key: $D/shut.pem: Permission denied"}},
	    {PUBLIC TRUST BACKEND "[host example.org]\ncertificate = cert.pem\nkey = $D/key.pem\n",
	        {"10: certificate: \"cert.pem\" is no absolute path"}},
	    {PUBLIC TRUST BACKEND "[host example.org]\n" FILES "certificate = $D/cert.pem\n",
	        {"11: key: 1 of them to 2 certificates"}},
	    {REST "[certificates]\ndirectory = $D/none\n", {"13: directory: $D/none: No such file or directory"}},
	    {REST "[certificates]\ndirectory = folder\n", {"13: directory: \"folder\" is no absolute path"}},
	    {REST "[certificates]\ndirectory = $D/cert.pem\n", {"13: directory: $D/cert.pem: Not a directory"}},
	    {PUBLIC BACKEND HOST "[trust]\nsystem = no\nanchor = $D/cert.pem\nanchor = $D/none.pem",
	        {"12: anchor: $D/none.pem: No such file or directory"}},
	    {PUBLIC BACKEND HOST "[trust]\nanchor = none.pem", {"10: anchor: \"none.pem\" is no absolute path"}},
	    {PUBLIC BACKEND HOST "[trust]\nbundle = $D/none.pem",
	        {"10: bundle: $D/none.pem: No such file or directory"}},
	    {PUBLIC BACKEND HOST "[trust]\nbundle = none.pem", {"10: bundle: \"none.pem\" is no absolute path"}},
	    {PUBLIC BACKEND HOST "[trust]\nbundle = $D/none.pem\nsystem = no\nanchor = $D/cert.pem", {NULL}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void whole(void **state)
{
	static const struct conf_case cases[] = {
	    {"", {"nothing to listen on: [public] lacks \"listen\", as in listen = 0.0.0.0:25269 [::]:25269",
	             "there is no [backend NAME]", "there is no [host DOMAIN]"}},
	    {TRUST BACKEND HOST "[public]\n",
	        {"nothing to listen on: [public] lacks \"listen\", as in listen = 0.0.0.0:25269 [::]:25269"}},
	    {PUBLIC TRUST HOST "[backend old]\n",
	        {"9: [backend NAME] lacks \"connect\", as in connect = 127.0.0.1:5269",
	            "9: [backend NAME] lacks \"listen\", as in listen = 127.0.0.1:15269 [::1]:15269"}},
	    {PUBLIC TRUST BACKEND "[host example.org]\n",
	        {"9: [host DOMAIN] lacks \"certificate\", as in certificate = "
	         "/etc/letsencrypt/live/example.org/fullchain.pem",
	            "9: [host DOMAIN] lacks \"key\", as in key = /etc/letsencrypt/live/example.org/privkey.pem"}},
	    /* A folder may hold what a host does not name, but not half of it. */
	    {PUBLIC TRUST BACKEND "[host example.org]\n[certificates]\ndirectory = $D\n", {NULL}},
	    {PUBLIC TRUST BACKEND "[host example.org]\nkey = $D/key.pem\n[certificates]\ndirectory = $D\n",
	        {"9: [host DOMAIN] lacks \"certificate\", as in certificate = "
	         "/etc/letsencrypt/live/example.org/fullchain.pem"}},
	    /* Silent about what a misspelled key leaves missing. */
	    {PUBLIC TRUST HOST "[backend old]\nconect = 127.0.0.1:5269\nlisten = 127.0.0.1:15269\n",
	        {"10: unknown key \"conect\" in [backend NAME]; did you mean \"connect\"?"}},
	    {TRUST BACKEND HOST "[public]\nlisen = 127.0.0.1:1\n",
	        {"11: unknown key \"lisen\" in [public]; did you mean \"listen\"?"}},
	    /* But of other sections it does tell. */
	    {PUBLIC TRUST "[backend old]\nconect = 127.0.0.1:5269\nlisten = 127.0.0.1:15269\n[host example.org]\n"
	                  "key = $D/key.pem\n",
	        {"7: unknown key \"conect\" in [backend NAME]; did you mean \"connect\"?",
	            "9: [host DOMAIN] lacks \"certificate\", as in certificate = "
	            "/etc/letsencrypt/live/example.org/fullchain.pem"}},
	    {PUBLIC BACKEND HOST "[trust]\nsystem = no\n",
	        {"10: nobody would be trusted: system is \"no\", and there is no anchor"}},
	    {PUBLIC BACKEND HOST "[trust]\nsystem = no\nanchr = $D/cert.pem\n",
	        {"11: unknown key \"anchr\" in [trust]; did you mean \"anchor\"?"}},
	    {LIMITS("stanza-size = 2M"), {"2: queue-size is less than stanza-size: no large stanza could ever wait"}},
	    {LIMITS("stanza-size = 20000\nqueue-size = 19999"),
	        {"3: queue-size is less than stanza-size: no large stanza could ever wait"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void listeners(void **state)
{
	static const struct conf_case cases[] = {
	    {TRUST BACKEND HOST "[public]\nlisten = [::1]:1\nlisten = [0::0:1]:1\n",
	        {"11: listen: [::1]:1 is listened on already, in line 11"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:1\nlisten = 127.0.0.1:2 127.0.0.1:25269\n",
	        {"11: listen: 127.0.0.1:25269 is listened on already, in line 2"}},
	    {REST "backend = old\n[backend b]\nconnect = 127.0.0.2:5269\nlisten = 127.0.0.1:15269\n",
	        {"15: listen: 127.0.0.1:15269 is listened on already, in line 8"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:25269\nlisten = 127.0.0.1:2\n",
	        {"10: connect: 127.0.0.1:25269 is our own listener, in line 2"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:2\nlisten = 127.0.0.1:2\n",
	        {"10: connect: 127.0.0.1:2 is our own listener, in line 11"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

#define SECOND_BACKEND "[backend b]\nconnect = 127.0.0.2:5269\nlisten = 127.0.0.1:4\n"

static void claims(void **state)
{
	static const struct conf_case cases[] = {
	    {REST HOST, {"12: example.org belongs to [host example.org] already, in line 9"}},
	    {REST "[host EXAMPLE.ORG.]\n" FILES, {"12: example.org belongs to [host example.org] already, in line 9"}},
	    {REST "subdomains = a.example.org\n[host a.example.org]\n" FILES,
	        {"13: a.example.org belongs to [host example.org] already, in line 9"}},
	    {REST "subdomains = a.example.org\n[host example.com]\n" FILES
	          "subdomains = *\nsubdomains = A.example.org\n",
	        {"16: a.example.org belongs to [host example.org] already, in line 9"}},
	    {REST "subdomains = a.example.org\nsubdomains = b.example.org, a.example.org\n",
	        {"12: a.example.org stands twice in [host example.org]"}},
	    {REST "subdomains = example.org\n", {"12: example.org stands twice in [host example.org]"}},
	    {REST "backend = odl\n", {"12: backend: there is no [backend odl]"}},
	    {REST "backend = Old\n", {"12: backend: there is no [backend Old]"}},
	    {REST SECOND_BACKEND, {"9: [host example.org] lacks \"backend\": there are several"}},
	    {PUBLIC TRUST HOST "backend = old\n",
	        {"there is no [backend NAME]", "9: backend: there is no [backend old]"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

#define PEER(lines) REST "[peer a.example]\n" lines
#define REVOCATION(lines) REST "[revocation]\n" lines
#define KEY "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="

static void revocation(void **state)
{
	static const struct conf_case cases[] = {
	    {REVOCATION("crl = $D/none"), {"13: crl: $D/none: No such file or directory"}},
	    {REVOCATION("crl = none"), {"13: crl: \"none\" is no absolute path"}},
	    {REVOCATION("crl = $D/shut.pem"), {"13: crl: $D/shut.pem: Permission denied"}},
	    {REVOCATION("crl = $D/folder"), {NULL}},
	    {"[sandbox]\nseccomp = yes\n" REST, {"2: seccomp: \"yes\" is none of try, require and off"}},
	    {REVOCATION("mode = strict"), {"13: mode: \"strict\" is neither soft nor hard"}},
	    {REVOCATION("mode = hard"), {"13: mode: hard, but there is no crl: nobody would be trusted"}},
	    {REVOCATION("interval = 999ms"), {"13: interval: must be between 1s and 1d"}},
	    {REVOCATION("block-key = sha256"), {"13: block-key: \"sha256\" is no key: write base64 of a SHA-256, 44 "
	                                        "characters"}},
	    {REVOCATION("block-key = " KEY " AAAA"),
	        {"13: block-key: \"AAAA\" is no key: write base64 of a SHA-256, 44 "
	         "characters"}},
	    {REVOCATION("block-key = " KEY "AAAA"), {"13: block-key: \"" KEY "AAAA\" is no key: write base64 of a "
	                                             "SHA-256, 44 characters"}},
	    {REVOCATION("block-serial = 12"), {"13: block-serial: \"\" is no key: write base64 of a SHA-256, 44 "
	                                       "characters"}},
	    {REVOCATION("block-serial = 0x12 " KEY), {"13: block-serial: \"0x12\" is no serial number: write up to 20 "
	                                              "octets in hexadecimal"}},
	    {REVOCATION("block-serial = 1::2 " KEY), {"13: block-serial: \"1::2\" is no serial number: write up to 20 "
	                                              "octets in hexadecimal"}},
	    {REVOCATION("block-serial = 12: " KEY), {"13: block-serial: \"12:\" is no serial number: write up to 20 "
	                                             "octets in hexadecimal"}},
	    {REVOCATION("block-serial = 00 " KEY), {"13: block-serial: \"00\" is no serial number: write up to 20 "
	                                            "octets in hexadecimal"}},
	    {REVOCATION("block-serial = 1" X10 " " KEY),
	        {"13: block-serial: \"1" X10 "\" is no serial number: write up "
	         "to 20 octets in hexadecimal"}},
	    {REVOCATION("block-serial = 10000000000000000000000000000000000000000 " KEY),
	        {"13: block-serial: \"10000000000000000000000000000000000000000\" is no serial number: write up to 20 "
	         "octets in hexadecimal"}},
	    {REVOCATION("block-serial = 1 " KEY " " KEY),
	        {"13: block-serial: write a serial number and its issuer's key, one certificate a line"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void peers(void **state)
{
	static const struct conf_case cases[] = {
	    {REST "[peer]\n", {"12: [peer] needs a name, as in [peer example.net]"}},
	    {REST "[peer a b]\n", {"12: \"a b\" is no domain: write example.net, *.example.net or *"}},
	    {REST "[peer *a.example]\n", {"12: \"*a.example\" is no domain: write example.net, *.example.net or *"}},
	    {REST "[peer *.]\n", {"12: \"*.\" is no domain: write example.net, *.example.net or *"}},
	    {REST "[peer a.*.example]\n", {"12: \"a.*.example\" is no domain: write example.net, *.example.net or *"}},
	    {PEER("[peer *.a.example]\n[peer *]\n"), {NULL}},
	    {PEER("[peer A.example.]\n"), {"13: [peer a.example] is there already, in line 12"}},
	    {PEER("[peer *.b.example]\n[peer *.b.example]\n"), {"14: [peer *.b.example] is there already, in line 13"}},
	    {PEER("[peer *]\n[peer *]\n"), {"14: [peer *] is there already, in line 13"}},
	    {PEER("deny = yes\npin = " KEY), {"13: deny: nothing else in [peer a.example] would have an effect"}},
	    {PEER("deny = yes\nnote = x\nexpires = 2099-01-01"), {NULL}},
	    {PEER("exclusive = yes"), {"13: exclusive: [peer a.example] has no anchor"}},
	    {PEER("pin = " KEY "\nclient-auth = yes"), {"14: client-auth: [peer a.example] has no anchor"}},
	    {PEER("exclusive = yes\nanchro = $D/cert.pem"),
	        {"14: unknown key \"anchro\" in [peer DOMAIN]; did you mean \"anchor\"?"}},
	    {PEER("revocation = hard"), {"13: revocation: hard, but [revocation] has no crl"}},
	    {PEER("expires = 2027-2-3"), {"13: expires: \"2027-2-3\" is no date: write one as in 2027-06-30"}},
	    {PEER("expires = 2027-02-29"), {"13: expires: \"2027-02-29\" is no date: write one as in 2027-06-30"}},
	    {PEER("expires = 2027-01-01T00:00:00Z"),
	        {"13: expires: \"2027-01-01T00:00:00Z\" is no date: write one as in 2027-06-30"}},
	    {PUBLIC BACKEND HOST "[trust]\nsystem = no\n[peer a.example]\nanchor = $D/cert.pem\n", {NULL}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void control_socket(void **state)
{
	static const struct conf_case cases[] = {
	    {"[control]\nsocket = control\n" REST, {"2: socket: \"control\" is no absolute path"}},
	    {"[control]\nsocket = /" X50 X50 X10 "\n" REST,
	        {"2: socket: the path of a Unix socket has at most 107 bytes"}},
	    {"[control]\nmode = 0668\n" REST, {"2: mode: \"0668\" is no file mode: write one as in 0660"}},
	    {"[control]\nmode = 1777\n" REST, {"2: mode: \"1777\" is no file mode: write one as in 0660"}},
	    {"[control]\nmode = rw\n" REST, {"2: mode: \"rw\" is no file mode: write one as in 0660"}},
	};

	(void)state;
	check_cases(cases, ARRAY_LEN(cases));
}

static void unreadable_files(void **state)
{
	static const char *const missing[] = {"No such file or directory"};
	static const char *const is_folder[] = {"Is a directory"};
	struct folder elsewhere = folder;

	(void)state;
	unlink(folder.ini);
	assert_null(conf_load(folder.ini, &errors));
	expect_texts("(missing)", errors.text, errors.n, missing, 1);
	strcat(folder.ini, "/");
	snprintf(folder.ini, sizeof(folder.ini), "%s/folder", folder.path);
	assert_null(conf_load(folder.ini, &errors));
	expect_texts("(folder)", errors.text, errors.n, is_folder, 1);
	folder = elsewhere;
}

/* All are counted, the first are kept, and a path or key of any length is cut, not spilled. */
static void many_errors(void **state)
{
	char long_path[1024];

	(void)state;
	folder_configure(&folder, "[global]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\n" REST);
	assert_null(conf_load(folder.ini, &errors));
	assert_int_equal(errors.n, 22);
	assert_non_null(strstr(errors.text[CONF_ERRORS_KEPT - 1], ":21: "));
	memset(long_path, '/', sizeof(long_path));
	snprintf(long_path + 700, sizeof(long_path) - 700, "%s", folder.ini);
	assert_null(conf_load(long_path, &errors));
	assert_int_equal(errors.n, 22);
	assert_non_null(strstr(errors.text[0], "/:2: this is neither"));
}

static void warnings(void **state)
{
	static const struct conf_case cases[] = {
	    {REST, {NULL}},
	    {REST "backend = old\n" SECOND_BACKEND, {"13: [backend b] serves no [host DOMAIN]"}},
	    {TIMEOUTS("outbound = 20s"), {"2: outbound: some servers wait no longer than 20s for the answer"}},
	    {TIMEOUTS("outbound = 19999ms"), {NULL}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:1\nauthenticate = no\n"
	                       "listen = 127.3.2.1:1 [::1]:2 0.0.0.0:3 [::]:4\n",
	        {"11: authenticate: whoever reaches 0.0.0.0:3 can speak as the domains of this backend",
	            "11: authenticate: whoever reaches [::]:4 can speak as the domains of this backend"}},
	    {PUBLIC TRUST HOST "[backend old]\nconnect = 127.0.0.1:1\nlisten = 0.0.0.0:3\n", {NULL}},
	    {PEER("deny = yes\nexpires = 2020-01-31"), {"14: expires: [peer a.example] no longer counts"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *conf;
		size_t wanted = 0;

		while (cases[i].errors[wanted] != NULL)
			wanted++;
		folder_configure(&folder, cases[i].text);
		conf = conf_load(folder.ini, &errors);
		if (conf == NULL)
			fail_msg("%s", errors.text[0]);
		expect_texts(cases[i].text, errors.warning, errors.warnings, cases[i].errors, wanted);
		conf_unref(conf);
	}
}

static int set_up(void **state)
{
	(void)state;
	/* Root may read everything. */
	if (geteuid() == 0 && seteuid(65534) != 0)
		return -1;
	folder_make(&folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove(&folder);
	/* The leak check needs the user that we started as, and what a change of user takes away. */
	if (getuid() == 0 && seteuid(0) != 0)
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(nul_bytes),
	    cmocka_unit_test(sections),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(texts_and_addresses),
	    cmocka_unit_test(files),
	    cmocka_unit_test(whole),
	    cmocka_unit_test(listeners),
	    cmocka_unit_test(claims),
	    cmocka_unit_test(revocation),
	    cmocka_unit_test(peers),
	    cmocka_unit_test(control_socket),
	    cmocka_unit_test(unreadable_files),
	    cmocka_unit_test(many_errors),
	    cmocka_unit_test(warnings),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
