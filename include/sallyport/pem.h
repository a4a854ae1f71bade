/* pem: the blocks of PEM text (RFC 7468), one after another. */
#ifndef SALLYPORT_PEM_H
#define SALLYPORT_PEM_H

#include <openssl/bio.h>
#include <openssl/pool.h>

#include "sallyport/base.h"

/* PEM text to read from, which stays the caller's; NULL: no memory. */
BIO *pem_open(struct span pem);
/* The same from a file; NULL: errno says why. */
BIO *pem_open_file(const char *path);
/* The next certificate; other blocks (keys) are skipped. */
enum pem_rc { PEM_ONE, PEM_END, PEM_BAD };
enum pem_rc pem_next(BIO *bio, CRYPTO_BUFFER **der);
/* After a reader of PEM has failed: true if that was the end of the text.  Takes the error away. */
bool pem_at_end(void);

#endif
