#include "tls_internal.h"

#include <ctype.h>
#include <openssl/err.h>
#include <stdio.h>

#define WORDS_MAX 80

/* BoringSSL's "WRONG_VERSION_NUMBER" and "unknown CA" in the form that people (' ') or RFC 8446 (TLS alerts: '_')
 * write. */
static const char *words(char *out, const char *name, char space)
{
	size_t n = 0;

	for (; n < WORDS_MAX - 1 && name[n] != '\0'; n++) {
		bool gap = name[n] == '_' || name[n] == ' ';

		out[n] = gap ? space : (char)tolower((unsigned char)name[n]);
	}
	out[n] = '\0';
	return out;
}

static const char *alert_name(char *out, int alert)
{
	return words(out, SSL_alert_desc_string_long(alert), '_');
}

/* The first error is the cause and later ones follow from it; but what a cipher says is less to people than what TLS
 * says of it. */
static uint32_t first_error(void)
{
	uint32_t first = ERR_get_error(), error = first;

	while (error != 0 && ERR_GET_LIB(error) != ERR_LIB_SSL)
		error = ERR_get_error();
	return error != 0 ? error : first;
}

static const char *reason_name(char *out, uint32_t error)
{
	const char *name = error != 0 ? ERR_reason_error_string(error) : NULL;

	return name != NULL ? words(out, name, ' ') : "no reason given";
}

/* RFC 8446 section 6.2. */
static bool is_about_certificate(int alert)
{
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

static enum reason reason_of(const struct tls *t, uint32_t error)
{
	if (t->no_memory)
		return REASON_NO_MEMORY;
	if (t->alert_in >= 0)
		return is_about_certificate(t->alert_in) ? REASON_TLS_CERT_REFUSED : REASON_TLS_REFUSED;
	if (t->unserved != REASON_NONE)
		return t->unserved;
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return REASON_NONE;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_BAD_SIGNATURE:
		return REASON_CERT_KEY;
	case SSL_R_KEY_USAGE_BIT_INCORRECT:
		return REASON_CERT_PURPOSE;
	default:
		return REASON_NONE;
	}
}

static const char *sni_of(const struct tls *t)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return name != NULL ? name : "no name";
}

void tls_explain(struct tls *t)
{
	uint32_t error = first_error();
	char alert[WORDS_MAX], reason[WORDS_MAX];

	t->why = reason_of(t, error);
	if (t->no_memory)
		(void)snprintf(t->error, sizeof(t->error), "out of memory");
	else if (t->no_signature)
		(void)snprintf(t->error, sizeof(t->error), "our private key could not be used (see the log)");
	else if (t->alert_in >= 0)
		(void)snprintf(t->error, sizeof(t->error), "peer sent alert %s", alert_name(alert, t->alert_in));
	else if (t->unserved != REASON_NONE)
		(void)snprintf(
		    t->error, sizeof(t->error), "asked for %.100s by TLS (we sent alert unrecognized_name)", sni_of(t));
	else if (t->alert_out >= 0)
		(void)snprintf(t->error, sizeof(t->error), "%s (we sent alert %s)", reason_name(reason, error),
		    alert_name(alert, t->alert_out));
	else
		(void)snprintf(t->error, sizeof(t->error), "%s", reason_name(reason, error));
}

const char *tls_error(const struct tls *t)
{
	return t->error;
}

enum reason tls_error_reason(const struct tls *t)
{
	return t->why;
}
