/* The vault: what it reads, what it refuses, what it signs, and how many parsed keys it keeps. */
#include "pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "../../../proxy/trust/vault_internal.h"

#define KEYS 5
#define THREADS 4

static struct vault_file file_of(const struct pairs *p, const char *name)
{
	struct vault_file f = {.path = pairs_path(p, name)};

	f.fd = open(f.path, O_RDONLY);
	f.error = errno;
	return f;
}

/* The sentence that refuses them; "": they are taken. */
static const char *load(struct vault *v, const struct pairs *p, uint64_t id, const char *certificate, const char *key)
{
	static char text[512];
	struct vault_file a = file_of(p, certificate), b = file_of(p, key);
	struct vault_answer answer = {.p = NULL};
	bool ok = vault_load(v, id, &a, &b, &answer);

	(void)snprintf(text, sizeof(text), "%.*s", ok ? 0 : (int)answer.n, (const char *)answer.p);
	vault_answer_free(&answer);
	(void)close(a.fd);
	(void)close(b.fd);
	return text;
}

static bool sign(struct vault *v, uint64_t id, uint16_t algorithm)
{
	uint8_t signature[VAULT_SIGNATURE_MAX];
	size_t n = 0;

	return vault_sign(v, id, algorithm, SPAN("to be signed"), signature, &n) && n > 0;
}

static void write_text(const struct pairs *p, const char *name, struct span text)
{
	mint_write(pairs_path(p, name), text);
}

static void test_signs(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();

	pairs_put(p, "ec.pem", "ec.key", "a.test", 1, MINT_P256);
	pairs_put(p, "rsa.pem", "rsa.key", "a.test", 2, MINT_RSA2048);
	assert_string_equal(load(v, p, 1, "ec.pem", "ec.key"), "");
	assert_string_equal(load(v, p, 2, "rsa.pem", "rsa.key"), "");
	assert_true(sign(v, 1, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	assert_true(sign(v, 2, SSL_SIGN_RSA_PSS_RSAE_SHA256));
	assert_true(sign(v, 2, SSL_SIGN_RSA_PKCS1_SHA512));
	/* not the key's kind, no such algorithm, no such key */
	assert_false(sign(v, 1, SSL_SIGN_RSA_PSS_RSAE_SHA256));
	assert_false(sign(v, 2, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	assert_false(sign(v, 2, 0xffff));
	assert_false(sign(v, 3, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	vault_forget(v, 1);
	vault_forget(v, 1);
	assert_false(sign(v, 1, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	/* another key under the same number takes its place */
	assert_string_equal(load(v, p, 2, "ec.pem", "ec.key"), "");
	assert_true(sign(v, 2, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	assert_false(sign(v, 2, SSL_SIGN_RSA_PSS_RSAE_SHA256));
	vault_free(v);
}

/* What is told of a key is its public half and the chain, and nothing else. */
static void test_tells(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();
	struct mint m = pairs_mint(&p->root, "a.test", 1, MINT_P256, 60);
	struct mint_pem all = {0};
	struct vault_file f;
	struct vault_answer answer = {.p = NULL};
	CBS cbs, spki, first, second;
	EVP_PKEY *told;

	mint_pem_key(&all, &m, NULL);
	mint_pem_cert(&all, &m);
	mint_pem_cert(&all, &p->root);
	write_text(p, "all.pem", mint_pem_span(&all));
	f = file_of(p, "all.pem");
	struct vault_file again = file_of(p, "all.pem");
	assert_true(vault_load(v, 7, &f, &again, &answer));
	CBS_init(&cbs, answer.p, answer.n);
	assert_true(CBS_get_u24_length_prefixed(&cbs, &spki) && CBS_get_u24_length_prefixed(&cbs, &first));
	assert_true(CBS_get_u24_length_prefixed(&cbs, &second) && CBS_len(&cbs) == 0);
	told = EVP_parse_public_key(&spki);
	assert_int_equal(EVP_PKEY_cmp(told, m.key), 1);
	EVP_PKEY_free(told);
	assert_true(sign(v, 7, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	vault_answer_free(&answer);
	(void)close(f.fd);
	(void)close(again.fd);
	mint_free(&m);
	vault_free(v);
}

/* Whether a file is refused as none that is to hold both; the sentence must come with it. */
static bool no_pair(struct vault *v, const struct pairs *p, const char *certificate, const char *key, const char *why)
{
	struct vault_file a = file_of(p, certificate), b = file_of(p, key);
	struct vault_answer answer = {.p = NULL};
	bool no_pair;

	assert_false(vault_load(v, 1, &a, &b, &answer));
	if (memmem(answer.p, answer.n, why, strlen(why)) == NULL)
		fail_msg("%.*s", (int)answer.n, (const char *)answer.p);
	no_pair = answer.no_pair;
	vault_answer_free(&answer);
	(void)close(a.fd);
	(void)close(b.fd);
	return no_pair;
}

/* A file that is half-written is another thing than one in which nobody has put a key or a certificate. */
static void test_one_file_for_both(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();
	struct mint m = pairs_mint(&p->root, "a.test", 1, MINT_P256, 60);
	struct vault_answer answer = {.p = NULL};
	struct mint_pem pem = {0};
	struct vault_file first;

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	write_text(p, "request", SPAN("-----BEGIN CERTIFICATE REQUEST-----\n"));
	assert_true(no_pair(v, p, "a.pem", "a.pem", "a.pem: holds no private key"));
	assert_true(no_pair(v, p, "a.key", "a.key", "a.key: holds no certificate"));
	assert_true(no_pair(v, p, "request", "request", "request: broken PEM"));
	/* of two files each is named as what it should be */
	assert_false(no_pair(v, p, "a.key", "a.pem", "a.key: holds no certificate"));
	assert_false(no_pair(v, p, "none", "none", "No such file"));
	mint_pem_key(&pem, &m, NULL);
	mint_pem_cert(&pem, &m);
	pem.n -= 60;
	write_text(p, "half", mint_pem_span(&pem));
	assert_false(no_pair(v, p, "half", "half", "half: broken PEM behind certificate 0"));
	pem = (struct mint_pem){0};
	mint_pem_cert(&pem, &m);
	mint_pem_key(&pem, &m, NULL);
	write_text(p, "whole", mint_pem_span(&pem));
	assert_string_equal(load(v, p, 1, "whole", "whole"), "");
	/* read once: the second one may be its successor's by now */
	first = file_of(p, "whole");
	assert_true(vault_load(v, 2, &first, &(struct vault_file){first.path, -1, ENOENT}, &answer));
	vault_answer_free(&answer);
	(void)close(first.fd);
	pem.n -= 60;
	write_text(p, "half", mint_pem_span(&pem));
	assert_false(no_pair(v, p, "half", "half", "half: broken PEM behind certificate 1"));
	mint_free(&m);
	vault_free(v);
}

static void test_refuses(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();
	struct mint m = pairs_mint(&p->root, "a.test", 1, MINT_P256, 60);
	struct mint_pem locked = {0};
	char *large = calloc(1, VAULT_FILE_MAX);

	mint_pem_key(&locked, &m, "secret");
	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	write_text(p, "empty", SPAN(""));
	write_text(p, "half.pem", SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n"));
	write_text(p, "half.key", SPAN("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
	write_text(p, "locked.key", mint_pem_span(&locked));
	write_text(p, "large", (struct span){large, VAULT_FILE_MAX});
	assert_non_null(strstr(load(v, p, 1, "none", "a.key"), "none: No such file"));
	assert_non_null(strstr(load(v, p, 1, "a.pem", "none"), "none: No such file"));
	assert_non_null(strstr(load(v, p, 1, "empty", "a.key"), "holds no certificate"));
	assert_non_null(strstr(load(v, p, 1, "a.pem", "empty"), "holds no private key"));
	assert_non_null(strstr(load(v, p, 1, "half.pem", "a.key"), "broken PEM"));
	assert_non_null(strstr(load(v, p, 1, "a.pem", "half.key"), "holds no private key"));
	assert_non_null(strstr(load(v, p, 1, "a.pem", "locked.key"), "encrypted with a password"));
	assert_non_null(strstr(load(v, p, 1, "large", "a.key"), "is larger than"));
	assert_non_null(strstr(load(v, p, 1, "a.pem", "."), p->dir)); /* a folder: words of the file system */
	assert_false(sign(v, 1, SSL_SIGN_ECDSA_SECP256R1_SHA256));
	free(large);
	mint_free(&m);
	vault_free(v);
}

/* A file with one certificate of so many bytes, of which none is looked at here. */
static void put_large(const struct pairs *p, size_t n)
{
	uint8_t *der = calloc(1, n);
	BIO *bio = BIO_new(BIO_s_mem());
	const uint8_t *pem = NULL;
	size_t pem_n = 0;

	assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der, (long)n) > 0 && BIO_mem_contents(bio, &pem, &pem_n));
	write_text(p, "chain.pem", (struct span){(const char *)pem, pem_n});
	BIO_free(bio);
	free(der);
}

/* What is taken, the key process can tell of. */
static void test_chain_fits(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	put_large(p, VAULT_CHAIN_BYTES - 3);
	assert_string_equal(load(v, p, 1, "chain.pem", "a.key"), "");
	put_large(p, VAULT_CHAIN_BYTES - 2);
	assert_non_null(strstr(load(v, p, 1, "chain.pem", "a.key"), "more than 122880 bytes of certificates"));
	vault_free(v);
}

static bool parsed(const struct vault *v, uint64_t id)
{
	for (const struct vault_key *k = v->bucket[id % VAULT_BUCKETS]; k != NULL; k = k->next) {
		if (k->id == id)
			return k->parsed != NULL;
	}
	return false;
}

/* Never more parsed keys than there may be, and the one that was not used for longest goes first. */
static void test_bound(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();
	const uint16_t ecdsa = SSL_SIGN_ECDSA_SECP256R1_SHA256;

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	v->parsed_max = 3;
	for (uint64_t i = 0; i < KEYS; i++) {
		assert_string_equal(load(v, p, i, "a.pem", "a.key"), "");
		assert_false(parsed(v, i));
	}
	assert_true(sign(v, 0, ecdsa) && sign(v, 1, ecdsa) && sign(v, 2, ecdsa) && sign(v, 0, ecdsa));
	assert_true(sign(v, 3, ecdsa)); /* in the place of 1, which was not used since */
	assert_int_equal(v->parsed, 3);
	assert_false(parsed(v, 1));
	assert_true(parsed(v, 0));
	vault_forget(v, 2);
	assert_int_equal(v->parsed, 2);
	assert_true(sign(v, 1, ecdsa) && sign(v, 4, ecdsa));
	assert_int_equal(v->parsed, 3);
	assert_false(parsed(v, 0));
	for (uint64_t i = 0; i < KEYS; i++)
		vault_forget(v, i);
	assert_int_equal(v->parsed, 0);
	vault_free(v);
}

static void *sign_often(void *arg)
{
	for (unsigned i = 0; i < 300; i++)
		(void)sign(arg, i % KEYS, SSL_SIGN_ECDSA_SECP256R1_SHA256);
	return NULL;
}

/* For the thread sanitizer, above all. */
static void test_threads(void **state)
{
	struct pairs *p = *state;
	struct vault *v = vault_new();
	pthread_t thread[THREADS];

	pairs_put(p, "a.pem", "a.key", "a.test", 1, MINT_P256);
	v->parsed_max = 2;
	for (uint64_t i = 0; i < KEYS; i++)
		assert_string_equal(load(v, p, i, "a.pem", "a.key"), "");
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sign_often, v), 0);
	for (unsigned i = 0; i < 50; i++) {
		vault_forget(v, i % KEYS);
		assert_string_equal(load(v, p, i % KEYS, "a.pem", "a.key"), "");
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_true(v->parsed <= 2);
	vault_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_signs, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_tells, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_one_file_for_both, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_refuses, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_chain_fits, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_bound, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_threads, pairs_up, pairs_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
