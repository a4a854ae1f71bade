/* The key process by its protocol: what it answers, and that it ends for whoever talks nonsense. */
#include "../trust/pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "sallyport/keymsg.h"
#include "sallyport/log.h"
#include "sallyport/signer.h"

struct signer {
	pid_t pid;
	int files, home, line;
	char room[KEYMSG_MAX];
	struct keymsg_in in;
};

static struct signer *start(void)
{
	struct signer *s = calloc(1, sizeof(*s));
	int files[2], home[2], line[2];

	assert_true(keymsg_pair(files) && keymsg_pair(home) && keymsg_pair(line));
	s->pid = fork();
	if (s->pid == 0) {
		struct signer_ends ends = {files[1], home[1], &line[1], 1};

		log_set_level(LOG_ERROR);
		(void)close(files[0]);
		(void)close(home[0]);
		(void)close(line[0]);
		signer_run(&ends, conf_defaults());
	}
	(void)close(files[1]);
	(void)close(home[1]);
	(void)close(line[1]);
	s->files = files[0];
	s->home = home[0];
	s->line = line[0];
	return s;
}

static int end(struct signer *s)
{
	int status;

	(void)close(s->files);
	(void)close(s->home);
	(void)close(s->line);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	free(s);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* By its own will, while we hold on. */
static void ends_by_itself(struct signer *s)
{
	struct pollfd p = {.fd = s->home, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(keymsg_recv(s->home, &s->in, s->room, sizeof(s->room), true), KEYMSG_ENDED);
	assert_int_equal(end(s), 0);
}

static void say(int fd, enum keymsg_kind kind, uint32_t number, uint64_t key, struct span body)
{
	struct keymsg m = {.kind = kind, .number = number, .ticket = 42, .key = key};

	assert_int_equal(keymsg_send(fd, &m, body, NULL, 0, true), KEYMSG_DONE);
}

static void hear_any(struct signer *s, int fd, enum keymsg_kind kind)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(keymsg_recv(fd, &s->in, s->room, sizeof(s->room), true), KEYMSG_DONE);
	assert_int_equal(s->in.head.kind, kind);
	assert_int_equal(s->in.head.ticket, 42);
}

static void hear(struct signer *s, int fd, enum keymsg_kind kind, uint32_t number)
{
	hear_any(s, fd, kind);
	assert_int_equal(s->in.head.number, number);
}

static void load(struct signer *s, const struct pairs *p, const char *certificate, const char *key)
{
	struct keymsg m = {.kind = KEYMSG_LOAD, .ticket = 42, .key = 7};
	int fds[2] = {open(pairs_path(p, certificate), O_RDONLY), open(pairs_path(p, key), O_RDONLY)};
	char paths[64];
	int n = snprintf(paths, sizeof(paths), "%s%c%s", certificate, '\0', key) + 1;

	assert_true(fds[0] >= 0 && fds[1] >= 0);
	assert_int_equal(keymsg_send(s->files, &m, (struct span){paths, (size_t)n}, fds, 2, true), KEYMSG_DONE);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_answers(void **state)
{
	struct pairs *p = *state;
	struct signer *s = start();

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	load(s, p, "a.pem", "a.key");
	hear(s, s->home, KEYMSG_LOADED, 1);
	assert_true(s->in.body.n > 100);
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 7, SPAN("bytes"));
	hear(s, s->line, KEYMSG_SIGNED, 1);
	assert_true(s->in.body.n >= 60 && s->in.body.n <= 80);
	/* not the key's algorithm; none at all; no such key */
	say(s->line, KEYMSG_SIGN, SSL_SIGN_RSA_PSS_RSAE_SHA256, 7, SPAN("bytes"));
	hear(s, s->line, KEYMSG_SIGNED, 0);
	assert_int_equal(s->in.body.n, 0);
	say(s->line, KEYMSG_SIGN, 0xdeadbeef, 7, SPAN("bytes"));
	hear(s, s->line, KEYMSG_SIGNED, 0);
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 8, SPAN_NONE);
	hear(s, s->line, KEYMSG_SIGNED, 0);
	/* in vain, with the sentence */
	load(s, p, "a.key", "a.pem");
	hear(s, s->home, KEYMSG_LOADED, KEYMSG_REFUSED);
	s->room[s->in.body.n] = '\0';
	assert_non_null(strstr(s->room, "a.key: holds no certificate"));
	load(s, p, "a.pem", "a.pem");
	hear(s, s->home, KEYMSG_LOADED, KEYMSG_NO_PAIR);
	s->room[s->in.body.n] = '\0';
	assert_non_null(strstr(s->room, "a.pem: holds no private key"));
	/* that did not touch what was there */
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 7, SPAN("bytes"));
	hear(s, s->line, KEYMSG_SIGNED, 1);
	say(s->home, KEYMSG_FORGET, 0, 7, SPAN_NONE);
	say(s->home, KEYMSG_FORGET, 0, 7, SPAN_NONE);
	/* what could not be opened */
	say(s->files, KEYMSG_LOAD, ENOENT | EACCES << 16, 9, (struct span){"x\0y", 4});
	hear(s, s->home, KEYMSG_LOADED, 0);
	s->room[s->in.body.n] = '\0';
	assert_string_equal(s->room, "x: No such file or directory");
	/* lines do not wait for one another, so this may take some turns */
	do {
		say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 7, SPAN("bytes"));
		hear_any(s, s->line, KEYMSG_SIGNED);
	} while (s->in.head.number == 1);
	assert_int_equal(end(s), 0);
}

/* The largest message, and one that is larger. */
static void test_sizes(void **state)
{
	struct pairs *p = *state;
	struct signer *s = start();
	char *much = calloc(1, KEYMSG_MAX + 1);
	struct pollfd line = {.fd = s->line, .events = POLLIN};

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	load(s, p, "a.pem", "a.key");
	hear(s, s->home, KEYMSG_LOADED, 1);
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 7, (struct span){much, KEYMSG_MAX});
	hear(s, s->line, KEYMSG_SIGNED, 1);
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 7, (struct span){much, KEYMSG_MAX + 1});
	/* the line is given up, the process is not */
	assert_int_equal(poll(&line, 1, 10000), 1);
	assert_int_equal(keymsg_recv(s->line, &s->in, s->room, sizeof(s->room), true), KEYMSG_ENDED);
	load(s, p, "a.pem", "a.key");
	hear(s, s->home, KEYMSG_LOADED, 1);
	assert_int_equal(end(s), 0);
	free(much);
}

static void test_nonsense(void **state)
{
	static const struct {
		bool to_files;
		enum keymsg_kind kind;
		struct span body;
	} cases[] = {
	    {true, KEYMSG_SIGN, {"x\0y", 4}},
	    {true, KEYMSG_LOAD, {"", 0}},
	    {true, KEYMSG_LOAD, {"x\0y", 3}},
	    {true, KEYMSG_LOAD, {"xy", 3}},
	    {true, (enum keymsg_kind)99, {"", 0}},
	    {false, KEYMSG_LOAD, {"x\0y", 4}},
	    {false, KEYMSG_SIGN, {"", 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct signer *s = start();

		say(cases[i].to_files ? s->files : s->home, cases[i].kind, 0, 1, cases[i].body);
		ends_by_itself(s);
	}
	/* shorter than a head */
	struct signer *s = start();

	assert_int_equal(write(s->home, "x", 1), 1);
	ends_by_itself(s);
}

/* It ends when either of the others has, and not when it is asked to. */
static void test_end(void **state)
{
	struct signer *s = start();
	int status;

	(void)state;
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 1, SPAN_NONE);
	hear(s, s->line, KEYMSG_SIGNED, 0); /* it is up */
	assert_int_equal(kill(s->pid, SIGTERM), 0);
	assert_int_equal(kill(s->pid, SIGHUP), 0);
	say(s->line, KEYMSG_SIGN, SSL_SIGN_ECDSA_SECP256R1_SHA256, 1, SPAN_NONE);
	hear(s, s->line, KEYMSG_SIGNED, 0);
	(void)close(s->files);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	(void)close(s->home);
	(void)close(s->line);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_answers, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_sizes, pairs_up, pairs_down),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
