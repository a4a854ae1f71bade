#include "bare.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "creds.h"
#include "report.h"

/* BIO_make_ssl pairs hold what one side has said and the other has not heard. */
#define PAIR_BYTES 65536
#define ROUNDS_MAX 20

struct bare {
	SSL_CTX *client, *server;
	double *client_us, *server_us;
	const char *version, *cipher;
};

static double thread_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One step of one end; adds its CPU time.  False: it failed. */
static bool step(SSL *ssl, double *us)
{
	double before = thread_us();
	int ret = SSL_do_handshake(ssl);

	*us += thread_us() - before;
	return ret == 1 || SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ;
}

/* Making the SSL objects is part of what a connection costs. */
static SSL *make_end(SSL_CTX *ctx, bool server, double *us)
{
	double before = thread_us();
	SSL *ssl = SSL_new(ctx);

	if (ssl != NULL && server)
		SSL_set_accept_state(ssl);
	else if (ssl != NULL)
		SSL_set_connect_state(ssl);
	*us += thread_us() - before;
	return ssl;
}

static bool shake_hands(struct bare *b, double *client_us, double *server_us)
{
	BIO *near = NULL, *far = NULL;
	SSL *client = make_end(b->client, false, client_us), *server = make_end(b->server, true, server_us);
	bool ok = client != NULL && server != NULL && BIO_new_bio_pair(&near, PAIR_BYTES, &far, PAIR_BYTES);

	if (ok) {
		SSL_set_bio(client, near, near);
		SSL_set_bio(server, far, far);
	}
	for (int i = 0; ok && i < ROUNDS_MAX && (SSL_in_init(client) || SSL_in_init(server)); i++)
		ok = step(client, client_us) && step(server, server_us);
	ok = ok && !SSL_in_init(client) && !SSL_in_init(server);
	if (ok) {
		b->version = SSL_get_version(client);
		b->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(client));
	}
	double before = thread_us();
	SSL_free(server);
	*server_us += thread_us() - before;
	SSL_free(client);
	return ok;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *list, size_t n)
{
	qsort(list, n, sizeof(*list), by_size);
	return list[n / 2];
}

static json_t *report(struct bare *b, const struct plan *plan)
{
	json_t *doc = report_frame(plan);

	json_object_set_new(doc, "verified", json_true());
	json_object_set_new(doc, "tls", json_pack("{ssss}", "version", b->version, "cipher", b->cipher));
	json_object_set_new(doc, "bare",
	    json_pack("{sIsfsf}", "handshakes", (json_int_t)plan->count, "server_us", median(b->server_us, plan->count),
	        "client_us", median(b->client_us, plan->count)));
	return doc;
}

json_t *bare_run(const struct plan *plan, char *err, size_t err_n)
{
	struct bare b = {.client = NULL};
	json_t *doc = NULL;
	bool ok;

	if (plan->pki == NULL || plan->count == 0) {
		snprintf(err, err_n, "bare needs --pki, and a --count above 0");
		return NULL;
	}
	if (!creds_init_bare(&b.client, &b.server, plan, err, err_n))
		return NULL;
	b.client_us = calloc(plan->count, sizeof(double));
	b.server_us = calloc(plan->count, sizeof(double));
	ok = b.client_us != NULL && b.server_us != NULL;
	for (uint64_t i = 0; ok && i < plan->count; i++)
		ok = shake_hands(&b, &b.client_us[i], &b.server_us[i]);
	if (ok) {
		doc = report(&b, plan);
	} else {
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		snprintf(err, err_n, "the handshake failed: %s", reason != NULL ? reason : "out of memory");
	}
	ERR_clear_error();
	SSL_CTX_free(b.client);
	SSL_CTX_free(b.server);
	free(b.client_us);
	free(b.server_us);
	return doc;
}
