/* Which files the supervisor opens, and for whom, whatever the network process asks for. */
#include "../trust/pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../../proxy/guard/supervisor_internal.h"

struct asked {
	const char *path; /* behind the folder, unless it begins with "/" */
	bool key, other;  /* for the key process; for the network process */
};

static const struct asked cases[] = {
    {"own.pem", true, false},
    {"own.key", true, false},
    {"certs/live/a/privkey.pem", true, false},
    {"certs/b.pem", true, false},
    {"certs/../certs/b.pem", false, false},
    {"certs/../outside", false, false},
    {"certs/x/../../outside", false, false},
    {"certs", false, false},
    {"certs-of-others/b.key", false, false},
    {"sallyport.conf", false, true},
    {"root.pem", false, true},
    {"peer.pem", false, true},
    {"crl/list.pem", false, true},
    {"crl/../own.key", false, false},
    {"crl/../outside", false, false},
    {"outside", false, false},
    {"own.key/", false, false},
    {"/etc/passwd", false, false},
    {"/etc/ssl/certs/ca-certificates.crt", false, true},
    {"", false, false},
};

static const char *full(const struct pairs *p, const char *path)
{
	return path[0] == '/' || path[0] == '\0' ? path : pairs_path(p, path);
}

static void test_files(void **state)
{
	struct pairs *p = *state;
	struct supervisor s = {.path = strdup(pairs_path(p, "sallyport.conf"))};

	pairs_put(p, "own.pem", "own.key", "a.test", 1, MINT_P256);
	pairs_put(p, "peer.pem", "peer.key", "b.test", 1, MINT_P256);
	pairs_folder(p, "crl");
	s.conf = pairs_conf(p, "[host a.test]\ncertificate = $D/own.pem\nkey = $D/own.key\n[host b.test]\n"
	                       "[certificates]\ndirectory = $D/certs/\n[peer c.test]\nanchor = $D/peer.pem\n"
	                       "[revocation]\ncrl = $D/crl\n");
	assert_true(supervisor_allow(&s));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *path = full(p, cases[i].path);

		if (supervisor_allows_key(&s, path) != cases[i].key || supervisor_allows(&s, path) != cases[i].other)
			fail_msg("%s: key process %d, network process %d", path, supervisor_allows_key(&s, path),
			    supervisor_allows(&s, path));
	}
	supervisor_disallow(&s);
	conf_unref(s.conf);
	free(s.path);
}

/* A key is never opened for the network process, even if somebody names it as an authority, too. */
static void test_key_as_anchor(void **state)
{
	struct pairs *p = *state;
	struct supervisor s = {.path = strdup(pairs_path(p, "sallyport.conf"))};

	pairs_put(p, "own.pem", "own.key", "a.test", 1, MINT_P256);
	s.conf = pairs_conf(p, "[host a.test]\ncertificate = $D/own.pem\nkey = $D/own.key\n"
	                       "[peer c.test]\nanchor = $D/own.key\nanchor = $D/own.pem\n");
	assert_true(supervisor_allow(&s));
	assert_false(supervisor_allows(&s, pairs_path(p, "own.key")));
	assert_true(supervisor_allows(&s, pairs_path(p, "own.pem")));
	supervisor_disallow(&s);
	conf_unref(s.conf);
	free(s.path);
}

static void test_open(void **state)
{
	struct pairs *p = *state;
	uint32_t error = 0;
	int fd;

	pairs_put(p, "own.pem", "own.key", "a.test", 1, MINT_P256);
	fd = supervisor_open(pairs_path(p, "own.pem"), &error);
	assert_true(fd >= 0);
	assert_int_equal(error, 0);
	(void)close(fd);
	assert_true(supervisor_open(pairs_path(p, "none"), &error) < 0);
	assert_int_equal(error, ENOENT);
	/* neither a folder nor a pipe, which would make it wait */
	assert_true(supervisor_open(p->dir, &error) < 0);
	assert_int_equal(error, EINVAL);
	assert_int_equal(mkfifo(pairs_path(p, "pipe"), 0600), 0);
	assert_true(supervisor_open(pairs_path(p, "pipe"), &error) < 0);
	assert_int_equal(error, EINVAL);
}

static bool holds(const struct pairs *p, size_t before, const char *text)
{
	char *all = malloc(before + strlen(text));
	int fd;
	bool found;

	assert_non_null(all);
	memset(all, '\n', before);
	memcpy(all + before, text, strlen(text));
	mint_write(pairs_path(p, "file"), (struct span){all, before + strlen(text)});
	free(all);
	fd = open(pairs_path(p, "file"), O_RDONLY);
	assert_true(fd >= 0);
	found = supervisor_holds_key(fd);
	if (!found) /* whoever gets it reads all of it */
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	(void)close(fd);
	return found;
}

/* Whatever names it: a key in the file of an authority, or behind our certificate. */
static void test_file_with_key(void **state)
{
	struct pairs *p = *state;

	assert_false(holds(p, 0, ""));
	assert_false(holds(p, 0, "-----BEGIN CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\n"));
	assert_true(holds(p, 0, "-----BEGIN PRIVATE KEY-----\n"));
	assert_true(holds(p, 0, "-----BEGIN RSA PRIVATE KEY-----\n"));
	/* wherever it stands among the pieces that are read */
	for (size_t before = 8192 - 40; before < 8192 + 40; before++) {
		assert_true(holds(p, before, "-----BEGIN EC PRIVATE KEY-----\n"));
		assert_false(holds(p, before, "-----BEGIN PRIVATE KE\n"));
	}
	assert_true(holds(p, 100000, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n"));
	assert_true(supervisor_holds_key(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_files, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_key_as_anchor, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_open, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_file_with_key, pairs_up, pairs_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
