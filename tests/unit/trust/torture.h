/* torture: allocations of BoringSSL's that fail in turn.  For one source of a program, whose malloc() it takes over. */
#ifndef SALLYPORT_TEST_TRUST_TORTURE_H
#define SALLYPORT_TEST_TRUST_TORTURE_H

#include "scene.h"

#include <openssl/pool.h>
#include <sys/wait.h>

/* Counts down to the allocation that fails; below 0: none does. */
static long countdown = -1;
static bool failed;

void *OPENSSL_memory_alloc(size_t size);
void OPENSSL_memory_free(void *p);
size_t OPENSSL_memory_get_size(void *p);

/* BoringSSL calls these three if a program has them. */
#define HEAD 16
void *OPENSSL_memory_alloc(size_t size)
{
	size_t *p;

	if (countdown == 0) {
		countdown = -1;
		failed = true;
		return NULL;
	}
	if (countdown > 0)
		countdown--;
	p = malloc(size + HEAD);
	if (p == NULL)
		return NULL;
	*p = size;
	return (char *)p + HEAD;
}

void OPENSSL_memory_free(void *p)
{
	if (p != NULL)
		free((char *)p - HEAD);
}

size_t OPENSSL_memory_get_size(void *p)
{
	return p != NULL ? *(size_t *)(void *)((char *)p - HEAD) : 0;
}

/* Runs a step with its first, second, … allocation failing, until none is left to fail. */
static inline void torture(struct scene *s, void (*step)(struct scene *s), long least)
{
	long n = 0;

	do {
		failed = false;
		countdown = n++;
		step(s);
		countdown = -1;
	} while (failed);
	assert_true(n > least);
}

static CRYPTO_BUFFER *probed;

static inline void step_parse(struct scene *s)
{
	(void)s;
	X509_free(X509_parse_from_buffer(probed));
}

/* Some versions of BoringSSL themselves follow a null pointer when there is no memory for an X.509 name.  A child finds
 * out whether this one does. */
static inline void skip_if_boringssl_crashes(struct scene *s)
{
	uint8_t *der = NULL;
	int n = i2d_X509(s->root.x, &der), status;
	pid_t child;

	probed = CRYPTO_BUFFER_new(der, (size_t)n, NULL);
	OPENSSL_free(der);
	assert_non_null(probed);
	child = fork();
	if (child == 0) {
		(void)close(STDERR_FILENO);
		(void)signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
		torture(s, step_parse, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	CRYPTO_BUFFER_free(probed);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		print_message("1 test skipped: this BoringSSL crashes by itself for want of memory\n");
		skip();
	}
}

#endif
