#include "sallyport/pem.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include "sallyport/file.h"

BIO *pem_open(struct span pem)
{
	return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

BIO *pem_open_file(const char *path)
{
	FILE *file = file_stream(path);
	BIO *bio = file != NULL ? BIO_new_fp(file, BIO_CLOSE) : NULL;

	if (file != NULL && bio == NULL) {
		(void)fclose(file);
		errno = ENOMEM;
	}
	return bio;
}

/* BoringSSL reports "nothing more" as an error like any other. */
bool pem_at_end(void)
{
	uint32_t error = ERR_peek_last_error();

	ERR_clear_error();
	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

enum pem_rc pem_next(BIO *bio, CRYPTO_BUFFER **der)
{
	for (;;) {
		char *name = NULL, *header = NULL;
		unsigned char *data = NULL;
		long n = 0;
		bool wanted;

		ERR_clear_error();
		if (!PEM_read_bio(bio, &name, &header, &data, &n))
			return pem_at_end() ? PEM_END : PEM_BAD;
		wanted = strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
		if (wanted)
			*der = CRYPTO_BUFFER_new(data, (size_t)n, NULL);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
		if (wanted)
			return *der != NULL ? PEM_ONE : PEM_BAD;
	}
}
