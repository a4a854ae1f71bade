/* Lists of cipher suites: what is taken, what is never enabled, and what an operator is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/ssl.h>

#include "conf_folder.h"
#include "sallyport/conf.h"

#define PUBLIC "[public]\nlisten = 127.0.0.1:25269\n"
#define REST                                                                                                           \
	"[trust]\nsystem = no\nanchor = $D/cert.pem\n[backend old]\nconnect = 127.0.0.1:5269\n"                        \
	"listen = 127.0.0.1:15269\n[host example.org]\ncertificate = $D/cert.pem\nkey = $D/key.pem\n"
#define ONE_KIND(kind, other)                                                                                          \
	"ciphers: no suite for " kind " certificates is left: whoever has only such a one can't connect by TLS 1.2.  " \
	"The s2s manifesto lists servers that \"support only RSA or ECC\" as wrongly set up: allow " kind              \
	" beside " other ", or leave the list out"
#define NO_ECDSA ONE_KIND("ECDSA", "RSA")
#define NO_RSA ONE_KIND("RSA", "ECDSA")

static struct folder folder;
static struct conf_errors errors;

static struct conf *load(const char *ciphers)
{
	char text[1024];

	snprintf(text, sizeof(text), PUBLIC "%s%s\n" REST, ciphers != NULL ? "ciphers = " : "",
	    ciphers != NULL ? ciphers : "");
	folder_configure(&folder, text);
	return conf_load(folder.ini, &errors);
}

/* file:3: words */
static void check_text(const char *got, const char *words)
{
	char expected[CONF_ERROR_MAX];

	snprintf(expected, sizeof(expected), "%s:3: %s", folder.ini, words);
	assert_string_equal(got, expected);
}

static void refused(void **state)
{
	static const struct {
		const char *list, *words;
	} cases[] = {
	    {"ECDHE+AESGCM:AES512",
	        "ciphers: the TLS library knows no \"AES512\" (NULL, export and RC4 suites it has no more)"},
	    {"RC4-SHA", "ciphers: the TLS library knows no \"RC4-SHA\" (NULL, export and RC4 suites it has no more)"},
	    {"ALL eNULL", "ciphers: the TLS library knows no \"eNULL\" (NULL, export and RC4 suites it has no more)"},
	    {"[EXP-RC4-MD5|ECDHE-RSA-AES128-GCM-SHA256]",
	        "ciphers: the TLS library knows no \"EXP-RC4-MD5\" (NULL, export and RC4 suites it has no more)"},
	    {"HIGH:!aNULL:!3DES",
	        "ciphers: the TLS library knows no \"aNULL\": leave it out, there is nothing to exclude"},
	    {"ALL:-MEDIUM", "ciphers: the TLS library knows no \"MEDIUM\": leave it out, there is nothing to exclude"},
	    {"ECDHE:TLS_AES_128_GCM_SHA256",
	        "ciphers: \"TLS_AES_128_GCM_SHA256\" belongs to TLS 1.3, all of whose suites are "
	        "always on: leave it out"},
	    {"TLS_CHACHA20_POLY1305_SHA256",
	        "ciphers: \"TLS_CHACHA20_POLY1305_SHA256\" belongs to TLS 1.3, all of whose "
	        "suites are always on: leave it out"},
	    {"ALL:@WEAKNESS",
	        "ciphers: no list of cipher suites: join names by \":\", as in ECDHE+AESGCM:ECDHE+CHACHA20"},
	    {"ECDHE, AESGCM",
	        "ciphers: no list of cipher suites: join names by \":\", as in ECDHE+AESGCM:ECDHE+CHACHA20"},
	    {"[ECDHE|AESGCM",
	        "ciphers: no list of cipher suites: join names by \":\", as in ECDHE+AESGCM:ECDHE+CHACHA20"},
	    {"AES128-SHA:AES256-GCM-SHA384",
	        "ciphers: names only suites that are never enabled: without forward secrecy "
	        "(static RSA), 3DES or pre-shared keys"},
	    {"ALL:!ALL", "ciphers: no list of cipher suites: join names by \":\", as in ECDHE+AESGCM:ECDHE+CHACHA20"},
	    {"PSK", "ciphers: names only suites that are never enabled: without forward secrecy (static RSA), 3DES or "
	            "pre-shared keys"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (load(cases[i].list) != NULL)
			fail_msg("%s is taken", cases[i].list);
		assert_int_equal(errors.n, 1);
		check_text(errors.text[0], cases[i].words);
	}
}

static void warned_of(void **state)
{
	static const struct {
		const char *list, *words[3];
	} cases[] = {
	    {NULL, {NULL}},
	    {"ALL", {NULL}},
	    {"ECDHE+AESGCM:ECDHE+CHACHA20", {NULL}},
	    {"HIGH:!3DES:@STRENGTH", {NULL}},
	    {"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", {NULL}},
	    {"[ECDHE-ECDSA-CHACHA20-POLY1305|ECDHE-RSA-CHACHA20-POLY1305]", {NULL}},
	    {"ECDHE-RSA-AES128-GCM-SHA256", {NO_ECDSA}},
	    {"ALL:!ECDSA", {NO_ECDSA}},
	    {"ALL:!aRSA", {NO_RSA}},
	    {"ECDHE-ECDSA-AES128-GCM-SHA256", {NO_RSA}},
	    {"ECDHE:AES128-SHA", {"ciphers: \"AES128-SHA\" has no effect: what it names is never enabled"}},
	    {"3DES:aECDSA:kRSA", {"ciphers: \"3DES\" has no effect: what it names is never enabled",
	                             "ciphers: \"kRSA\" has no effect: what it names is never enabled", NO_RSA}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *conf = load(cases[i].list);
		size_t n = 0;

		if (conf == NULL)
			fail_msg("%s: %s", cases[i].list, errors.text[0]);
		for (; n < ARRAY_LEN(cases[i].words) && cases[i].words[n] != NULL; n++) {
			assert_true(n < errors.warnings);
			check_text(errors.warning[n], cases[i].words[n]);
		}
		assert_int_equal(errors.warnings, n);
		conf_unref(conf);
	}
}

/* Whatever was written, BoringSSL enables no more than this. */
static void nothing_weak_is_enabled(void **state)
{
	static const char *const lists[] = {"ALL", "HIGH", "FIPS", "AES", "SHA1", "RSA:ECDHE", "aRSA", "3DES:ECDHE",
	    "PSK:ECDHE", "DES-CBC3-SHA:ECDHE-RSA-AES128-SHA", "TLSv1", "ALL:+kRSA:@STRENGTH"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct conf *conf = load(lists[i]);
		SSL_CTX *ctx = SSL_CTX_new(TLS_method());
		const STACK_OF(SSL_CIPHER) * enabled;

		assert_non_null(conf);
		assert_true(SSL_CTX_set_strict_cipher_list(ctx, conf->ciphers));
		enabled = SSL_CTX_get_ciphers(ctx);
		assert_true(sk_SSL_CIPHER_num(enabled) > 0);
		for (size_t j = 0; j < sk_SSL_CIPHER_num(enabled); j++) {
			const char *name = SSL_CIPHER_standard_name(sk_SSL_CIPHER_value(enabled, j));

			if (strncmp(name, "TLS_ECDHE_ECDSA_", 16) != 0 && strncmp(name, "TLS_ECDHE_RSA_", 14) != 0)
				fail_msg("%s enables %s", lists[i], name);
			assert_null(strstr(name, "3DES"));
			assert_null(strstr(name, "NULL"));
		}
		SSL_CTX_free(ctx);
		conf_unref(conf);
	}
}

static int set_up(void **state)
{
	(void)state;
	folder_make(&folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(warned_of),
	    cmocka_unit_test(nothing_weak_is_enabled),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
