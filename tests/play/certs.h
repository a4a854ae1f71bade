/* certs: the certificates of a transcript, made in this process and known by name.
 *
 * There is one public authority (a root that the gateway trusts and an intermediate, neither of which restricts use)
 * and one that nobody trusts.  Kinds:
 *
 *	good           from the authority, for servers only (EKU serverAuth), as Let's Encrypt issues them; with the
 *	               intermediate
 *	both           … for servers and clients
 *	no-eku         … without extended key usage
 *	client         … for clients only (EKU clientAuth)
 *	expired        … whose time was over 12 days before the play begins
 *	early          … whose time begins 12 days after that
 *	short          … that expires one day into the play
 *	incomplete     … without the intermediate
 *	weak           … with an RSA key of 1024 bits
 *	self           self-signed
 *	unknown        from the authority that nobody trusts
 *	unknown-client … for clients only */
#ifndef PLAY_CERTS_H
#define PLAY_CERTS_H

#include <openssl/ssl.h>

#include "sallyport/base.h"

struct certs;
struct cert;

/* Writes DIR/ca.pem, the root, and DIR/unknown-ca.pem, that of the other authority.  dir must live as long. */
struct certs *certs_new(const char *dir);
void certs_free(struct certs *certs);

/* Makes a certificate for the domains (names parted by blanks), and DIR/NAME.pem and DIR/NAME.key.  False: no such
 * kind. */
MUST_CHECK bool certs_make(struct certs *certs, struct span name, struct span kind, const char *domains);
/* The revocation lists of the root and the intermediate, which hold for the first day of the play, as DIR/NAME: those
 * certificates (names parted by blanks) are on the latter.  False: there is no such certificate. */
MUST_CHECK bool certs_revoke(struct certs *certs, struct span name, const char *names);
/* NULL: there is none of that name. */
const struct cert *certs_find(const struct certs *certs, struct span name);
#define CERT_PIN_TEXT 45
/* Its key as pin wants it. */
const char *cert_pin(const struct cert *cert, char out[static CERT_PIN_TEXT]);
/* Shows the certificate, with its chain, in handshakes. */
void cert_use(const struct cert *cert, SSL_CTX *ctx);
/* True if it is the leaf of what the other side showed. */
bool cert_was_shown(const struct cert *cert, const SSL *ssl);

#endif
