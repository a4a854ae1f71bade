#include "vault_internal.h"

#include <errno.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sallyport/pem.h"

#define SENTENCE_MAX 512

/* Returns false, so that a failing function can end with it. */
PRINTF_LIKE(2, 3) static bool refuse(struct vault_answer *answer, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vault_answer_free(answer);
	answer->n = strlen(text);
	answer->p = OPENSSL_memdup(text, answer->n);
	answer->n = answer->p != NULL ? answer->n : 0;
	return false;
}

/* All of a file, in memory that is wiped when it is freed. */
static bool read_file(const struct vault_file *file, struct vault_answer *bytes, struct vault_answer *answer)
{
	off_t size; /* not by fstat(), which the key process may not call: it can ask for any file by its name */
	size_t room;

	if (file->fd < 0)
		return refuse(answer, "%s: %s", file->path, strerror(file->error));
	size = lseek(file->fd, 0, SEEK_END);
	if (size < 0 || lseek(file->fd, 0, SEEK_SET) != 0)
		return refuse(answer, "%s: %s", file->path, strerror(errno));
	if (size >= VAULT_FILE_MAX)
		return refuse(answer, "%s: is larger than %u bytes", file->path, VAULT_FILE_MAX);
	room = (size_t)size + 1;
	bytes->p = OPENSSL_malloc(room);
	if (bytes->p == NULL)
		return refuse(answer, "%s: out of memory", file->path);
	while (bytes->n < room) {
		ssize_t got = read(file->fd, bytes->p + bytes->n, room - bytes->n);

		if (got == 0)
			return true;
		if (got < 0 && errno != EINTR)
			return refuse(answer, "%s: %s", file->path, strerror(errno));
		bytes->n += got > 0 ? (size_t)got : 0;
	}
	return refuse(answer, "%s: is being written", file->path);
}

static bool put_each(CBB *out, BIO *bio, const char *path, struct vault_answer *answer)
{
	CRYPTO_BUFFER *der = NULL;
	enum pem_rc rc;
	size_t n = 0;

	while ((rc = pem_next(bio, &der)) == PEM_ONE) {
		CBB one;
		bool ok = n < VAULT_CHAIN_MAX && CBB_add_u24_length_prefixed(out, &one) &&
		          CBB_add_bytes(&one, CRYPTO_BUFFER_data(der), CRYPTO_BUFFER_len(der)) && CBB_flush(out);

		CRYPTO_BUFFER_free(der);
		if (n == VAULT_CHAIN_MAX)
			return refuse(answer, "%s: more than %d certificates", path, VAULT_CHAIN_MAX);
		if (!ok)
			return refuse(answer, "%s: out of memory", path);
		n++;
	}
	if (CBB_len(out) > VAULT_CHAIN_BYTES)
		return refuse(answer, "%s: more than %u bytes of certificates", path, VAULT_CHAIN_BYTES);
	if (rc == PEM_BAD)
		return refuse(answer, "%s: broken PEM behind certificate %zu", path, n);
	return n > 0 || refuse(answer, "%s: holds no certificate", path);
}

/* Without this BoringSSL would take the pointer for a password. */
static int no_password(char *out, int n, int writing, void *arg)
{
	(void)out;
	(void)n;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse_key(BIO *bio, const char *path, struct vault_answer *answer)
{
	EVP_PKEY *key;
	uint32_t error;

	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	error = ERR_peek_error();
	if (key != NULL)
		return key;
	if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_BAD_PASSWORD_READ)
		(void)refuse(answer, "%s: the key is encrypted with a password", path);
	else
		(void)refuse(answer, "%s: holds no private key that can be read", path);
	return NULL;
}

static BIO *open_bytes(const struct vault_answer *bytes)
{
	return pem_open((struct span){(const char *)bytes->p, bytes->n});
}

static EVP_PKEY *read_key(const struct vault_answer *bytes, const char *path, struct vault_answer *answer)
{
	BIO *bio = open_bytes(bytes);
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = parse_key(bio, path, answer);
	else
		(void)refuse(answer, "%s: out of memory", path);
	BIO_free(bio);
	return key;
}

static bool put_certificates(CBB *out, const struct vault_answer *bytes, const char *path, struct vault_answer *answer)
{
	BIO *bio = open_bytes(bytes);
	bool ok = bio != NULL ? put_each(out, bio, path, answer) : refuse(answer, "%s: out of memory", path);

	BIO_free(bio);
	return ok;
}

/* Whether there is the first line of such a block, however it goes on; label: the end of that line. */
static bool begins(const struct vault_answer *bytes, const char *label)
{
	return bytes->p != NULL && memmem(bytes->p, bytes->n, label, strlen(label)) != NULL;
}

/* One file for both is read once, so that it is not half the old and half the new one when it is replaced meanwhile. */
static EVP_PKEY *read_both(
    const struct vault_file *certificates, const struct vault_file *file, CBB *chain, struct vault_answer *answer)
{
	bool one = strcmp(certificates->path, file->path) == 0, no_pair = false, ok;
	struct vault_answer bytes = {.p = NULL};
	EVP_PKEY *key = NULL;

	ok = read_file(certificates, &bytes, answer);
	if (ok && one)
		no_pair = !begins(&bytes, "CERTIFICATE-----") || !begins(&bytes, "PRIVATE KEY-----");
	ok = ok && put_certificates(chain, &bytes, certificates->path, answer);
	if (ok && !one) {
		vault_answer_free(&bytes);
		ok = read_file(file, &bytes, answer);
	}
	if (ok)
		key = read_key(&bytes, file->path, answer);
	vault_answer_free(&bytes);
	answer->no_pair = no_pair && key == NULL;
	return key;
}

static bool put_public_key(CBB *out, const EVP_PKEY *key)
{
	CBB spki;

	return CBB_add_u24_length_prefixed(out, &spki) && EVP_marshal_public_key(&spki, key) && CBB_flush(out);
}

EVP_PKEY *vault_read(const struct vault_file *certificates, const struct vault_file *file, struct vault_answer *answer)
{
	CBB chain, all;
	EVP_PKEY *key = NULL;
	bool ok = false;

	*answer = (struct vault_answer){.p = NULL};
	CBB_zero(&all);
	CBB_zero(&chain);
	if (!CBB_init(&chain, 4096) || !CBB_init(&all, 4096)) {
		(void)refuse(answer, "%s: out of memory", file->path);
	} else if ((key = read_both(certificates, file, &chain, answer)) != NULL) {
		ok = put_public_key(&all, key) && CBB_add_bytes(&all, CBB_data(&chain), CBB_len(&chain)) &&
		     CBB_finish(&all, &answer->p, &answer->n);
		if (!ok)
			(void)refuse(answer, "%s: out of memory", file->path);
	}
	CBB_cleanup(&all);
	CBB_cleanup(&chain);
	ERR_clear_error();
	if (ok)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}
