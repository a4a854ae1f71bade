/* Whichever allocation fails: conf_load() says so and leaks nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_folder.h"
#include "short_heap.h"

static void *heap_array(void *p, size_t count, size_t n)
{
	return fails() ? NULL : reallocarray(p, count, n);
}

static char *heap_text_n(const char *text, size_t n)
{
	return fails() ? NULL : strndup(text, n);
}

/* The module itself, so that its allocations are ours. */
#define calloc heap_zeroed
#define reallocarray heap_array
#define strdup heap_text
#define strndup heap_text_n
#include "../../../proxy/xmpp/conf.c"
#include "../../../proxy/xmpp/conf_check.c"
#include "../../../proxy/xmpp/conf_index.c"
#include "../../../proxy/xmpp/conf_value.c"
#undef calloc
#undef reallocarray
#undef strdup
#undef strndup

#define KEY "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="

static void each_allocation_fails_once(void **state)
{
	static struct conf_errors errors;
	struct conf *conf = NULL;
	struct folder folder;
	long failed = 0;

	(void)state;
	folder_make(&folder);
	folder_configure(&folder, "[public]\nlisten = 127.0.0.1:1 127.0.0.1:2\n"
	                          "[trust]\nsystem = no\nanchor = $D/cert.pem\nanchor = $D/key.pem\n"
	                          "[revocation]\ncrl = $D/cert.pem\nblock-key = " KEY "\nblock-serial = 1 " KEY "\n"
	                          "[peer a.test]\nanchor = $D/cert.pem\npin = " KEY "\nnote = x\n[peer *.a.test]\n"
	                          "[dns]\nserver = 127.0.0.1\n"
	                          "[backend a]\nconnect = 127.0.0.1:5\nlisten = 127.0.0.1:6\n"
	                          "[backend b]\nconnect = 127.0.0.1:7\nlisten = 127.0.0.1:8\n"
	                          "[host a.example]\ncertificate = $D/cert.pem\nkey = $D/key.pem\nbackend = a\n"
	                          "subdomains = b.example c.example\n"
	                          "[host d.example]\ncertificate = $D/cert.pem\nkey = $D/key.pem\nbackend = b\n");
	for (; conf == NULL && failed < 1000; failed++) {
		left = failed;
		conf = conf_load(folder.ini, &errors);
		left = -1;
		if (conf == NULL) {
			assert_true(errors.n > 0);
			if (strstr(errors.text[0], "out of memory") == NULL)
				fail_msg("allocation %ld: %s", failed, errors.text[0]);
		}
	}
	assert_in_range(failed, 30, 100);
	assert_int_equal(errors.n, 0);
	conf_unref(conf);
	folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_allocation_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
