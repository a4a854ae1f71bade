/* Which of several certificates a peer is shown, by what it can verify and whom it asks for. */
#include "pairs.h"

#define EC 1u
#define RSA 2u
#define PRIVATE_EC 3u
#define PRIVATE_RSA 4u
#define P384 5u

static CRYPTO_BUFFER *wanted; /* the name of the private authority */

static CRYPTO_BUFFER *name_of(const struct mint *m)
{
	uint8_t *der = NULL;
	int n = i2d_X509_NAME(X509_get_subject_name(m->x), &der);
	CRYPTO_BUFFER *buffer;

	assert_true(n > 0);
	buffer = CRYPTO_BUFFER_new(der, (size_t)n, NULL);
	OPENSSL_free(der);
	return buffer;
}

static void put(struct pairs *p, const char *name, const struct mint *issuer, unsigned serial, enum mint_key kind)
{
	struct mint m = pairs_mint(issuer, "a.test", serial, kind, 60);
	char certificate[32], key[32];

	(void)snprintf(certificate, sizeof(certificate), "%s.pem", name);
	(void)snprintf(key, sizeof(key), "%s.key", name);
	pairs_write(pairs_path(p, certificate), pairs_path(p, key), &m);
	mint_free(&m);
}

static int up(void **state)
{
	int rc = pairs_up(state);
	struct pairs *p = *state;

	put(p, "ec", &p->root, EC, MINT_P256);
	put(p, "rsa", &p->root, RSA, MINT_RSA2048);
	put(p, "private_ec", &p->other, PRIVATE_EC, MINT_P256);
	put(p, "private_rsa", &p->other, PRIVATE_RSA, MINT_RSA2048);
	put(p, "p384", &p->root, P384, MINT_P384);
	wanted = name_of(&p->other);
	return rc;
}

static int down(void **state)
{
	CRYPTO_BUFFER_free(wanted);
	return pairs_down(state);
}

#define PAIR(name) "certificate = $D/" name ".pem\nkey = $D/" name ".key\n"

static void tls12(SSL *ssl)
{
	assert_true(SSL_set_max_proto_version(ssl, TLS1_2_VERSION));
}

static void rsa_algorithms(SSL *ssl)
{
	static const uint16_t algorithms[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256};

	assert_true(SSL_set_verify_algorithm_prefs(ssl, algorithms, ARRAY_LEN(algorithms)));
}

static void ecdsa_algorithms(SSL *ssl)
{
	static const uint16_t algorithms[] = {SSL_SIGN_ECDSA_SECP256R1_SHA256};

	assert_true(SSL_set_verify_algorithm_prefs(ssl, algorithms, ARRAY_LEN(algorithms)));
}

static void p256_and_rsa_algorithms(SSL *ssl)
{
	static const uint16_t algorithms[] = {SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA256};

	assert_true(SSL_set_verify_algorithm_prefs(ssl, algorithms, ARRAY_LEN(algorithms)));
}

static void tls12_rsa_algorithms(SSL *ssl)
{
	tls12(ssl);
	rsa_algorithms(ssl);
}

static void tls12_rsa_suites(SSL *ssl)
{
	tls12(ssl);
	assert_true(SSL_set_cipher_list(ssl, "ECDHE-RSA-AES128-GCM-SHA256"));
}

static void tls12_ecdsa_suites(SSL *ssl)
{
	tls12(ssl);
	assert_true(SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-GCM-SHA256"));
}

/* What it can do with ECDSA the gateway does not do. */
static void tls12_old_ecdsa_suites(SSL *ssl)
{
	tls12(ssl);
	assert_true(SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"));
}

static void groups_without_p384(SSL *ssl)
{
	static const int groups[] = {NID_X25519, NID_X9_62_prime256v1};

	assert_true(SSL_set1_curves(ssl, groups, ARRAY_LEN(groups)));
}

static void tls12_without_p384(SSL *ssl)
{
	tls12(ssl);
	groups_without_p384(ssl);
}

/* Asks for another, too. */
static void asking(SSL *ssl)
{
	static const uint8_t stranger[] = {0x30, 0x00};
	STACK_OF(CRYPTO_BUFFER) *names = sk_CRYPTO_BUFFER_new_null();

	assert_true(sk_CRYPTO_BUFFER_push(names, CRYPTO_BUFFER_new(stranger, sizeof(stranger), NULL)));
	CRYPTO_BUFFER_up_ref(wanted);
	assert_true(sk_CRYPTO_BUFFER_push(names, wanted));
	SSL_set0_client_CAs(ssl, names);
}

static void asking_tls12(SSL *ssl)
{
	tls12(ssl);
	asking(ssl);
}

static void asking_with_rsa(SSL *ssl)
{
	rsa_algorithms(ssl);
	asking(ssl);
}

static unsigned client_sees(struct pairs *p, void (*set_up)(SSL *ssl))
{
	return pairs_shown(p, "a.test", false, set_up);
}

static unsigned server_sees(struct pairs *p, void (*set_up)(SSL *ssl))
{
	return pairs_shown(p, "a.test", true, set_up);
}

static void test_kind_by_what_the_peer_verifies(void **state)
{
	struct pairs *p = *state;

	pairs_open(p, "[host a.test]\n" PAIR("ec") PAIR("rsa"));
	assert_int_equal(client_sees(p, NULL), EC);
	assert_int_equal(client_sees(p, tls12), EC);
	assert_int_equal(client_sees(p, rsa_algorithms), RSA);
	assert_int_equal(client_sees(p, ecdsa_algorithms), EC);
	assert_int_equal(client_sees(p, tls12_rsa_algorithms), RSA);
	assert_int_equal(client_sees(p, tls12_rsa_suites), RSA);
	assert_int_equal(client_sees(p, tls12_old_ecdsa_suites), RSA);
	assert_int_equal(server_sees(p, NULL), EC);
	assert_int_equal(server_sees(p, tls12), EC);
	assert_int_equal(server_sees(p, rsa_algorithms), RSA);
	assert_int_equal(server_sees(p, tls12_rsa_algorithms), RSA);
}

static void test_order_is_priority(void **state)
{
	struct pairs *p = *state;

	pairs_open(p, "[host a.test]\n" PAIR("rsa") PAIR("ec"));
	assert_int_equal(client_sees(p, NULL), RSA);
	assert_int_equal(client_sees(p, tls12), RSA);
	assert_int_equal(client_sees(p, ecdsa_algorithms), EC);
	assert_int_equal(client_sees(p, tls12_ecdsa_suites), EC);
	assert_int_equal(server_sees(p, NULL), RSA);
	assert_int_equal(server_sees(p, ecdsa_algorithms), EC);
}

/* In TLS 1.3 the curve is part of the algorithm, in 1.2 it is one of the groups. */
static void test_curve(void **state)
{
	struct pairs *p = *state;

	pairs_open(p, "[host a.test]\n" PAIR("p384") PAIR("rsa"));
	assert_int_equal(client_sees(p, NULL), P384);
	assert_int_equal(client_sees(p, tls12), P384);
	assert_int_equal(client_sees(p, tls12_without_p384), RSA);
	assert_int_equal(client_sees(p, groups_without_p384), P384);
	assert_int_equal(client_sees(p, p256_and_rsa_algorithms), RSA);
	assert_int_equal(server_sees(p, p256_and_rsa_algorithms), RSA);
	assert_int_equal(client_sees(p, ecdsa_algorithms), PAIRS_NONE); /* none fits */
}

static void test_authority_that_the_peer_names(void **state)
{
	struct pairs *p = *state;

	pairs_open(p, "[host a.test]\n" PAIR("ec") PAIR("rsa") PAIR("private_ec") PAIR("private_rsa"));
	assert_int_equal(server_sees(p, NULL), EC);
	assert_int_equal(server_sees(p, rsa_algorithms), RSA);
	assert_int_equal(server_sees(p, asking), PRIVATE_EC);
	assert_int_equal(server_sees(p, asking_tls12), PRIVATE_EC);
	assert_int_equal(server_sees(p, asking_with_rsa), PRIVATE_RSA);
}

static void put_u16(uint8_t *at, size_t n)
{
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
}

static size_t get_u16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* Adds certificate_authorities (RFC 8446 section 4.2.4) to a ClientHello in its record, which plain BoringSSL's client
 * cannot send. */
static size_t ask_in_hello(uint8_t *record, size_t n, const CRYPTO_BUFFER *name)
{
	size_t name_n = CRYPTO_BUFFER_len(name), at = 5 + 4 + 2 + 32;
	uint8_t *to = record + n;

	at += 1u + record[at];          /* legacy_session_id */
	at += 2 + get_u16(record + at); /* cipher_suites */
	at += 1u + record[at];          /* legacy_compression_methods */
	put_u16(record + at, get_u16(record + at) + 8 + name_n);
	put_u16(record + 7, get_u16(record + 7) + 8 + name_n); /* of the handshake message */
	put_u16(record + 3, get_u16(record + 3) + 8 + name_n); /* of the record */
	put_u16(to, TLSEXT_TYPE_certificate_authorities);
	put_u16(to + 2, 4 + name_n);
	put_u16(to + 4, 2 + name_n);
	put_u16(to + 6, name_n);
	memcpy(to + 8, CRYPTO_BUFFER_data(name), name_n);
	return n + 8 + name_n;
}

/* Whether a TLS 1.2 client is shown the private authority's certificate, which crosses in the clear. */
static bool shown_private(struct pairs *p, const CRYPTO_BUFFER *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem());
	uint8_t hello[2048];
	struct end server;
	bool private;
	size_t n;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	assert_true(SSL_set_max_proto_version(ssl, TLS1_2_VERSION) && SSL_set_tlsext_host_name(ssl, "a.test"));
	SSL_set_connect_state(ssl);
	(void)SSL_do_handshake(ssl);
	n = (size_t)BIO_read(out, hello, 1024);
	if (name != NULL)
		n = ask_in_hello(hello, n, name);
	end_init(&server, tls_new(p->ctx, TLS_PUBLIC_IN, NULL, NULL, true), 1 << 16);
	assert_true(buf_put(&server.in, (struct span){(const char *)hello, n}));
	assert_int_equal(tls_handshake(server.tls, &server.in, &server.out), TLS_WANT_READ);
	private = memmem(buf_span(&server.out).p, buf_len(&server.out), "Private Root", 12) != NULL;
	assert_true(private || memmem(buf_span(&server.out).p, buf_len(&server.out), "Public Root", 11) != NULL);
	end_free(&server);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return private;
}

static void test_authority_that_a_client_names(void **state)
{
	struct pairs *p = *state;
	CRYPTO_BUFFER *public = name_of(&p->root);

	pairs_open(p, "[host a.test]\n" PAIR("ec") PAIR("private_ec"));
	assert_false(shown_private(p, NULL));
	assert_true(shown_private(p, wanted));
	assert_false(shown_private(p, public));
	CRYPTO_BUFFER_free(public);
}

static void test_found_in_folders(void **state)
{
	struct pairs *p = *state;

	put(p, "certs/x", &p->root, RSA, MINT_RSA2048);
	put(p, "certs/y", &p->root, EC, MINT_P256);
	pairs_open(p, "[host a.test]\n[certificates]\ndirectory = $D/certs\n");
	assert_int_equal(client_sees(p, NULL), EC);
	assert_int_equal(client_sees(p, rsa_algorithms), RSA);
	assert_int_equal(server_sees(p, rsa_algorithms), RSA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_kind_by_what_the_peer_verifies, up, down),
	    cmocka_unit_test_setup_teardown(test_order_is_priority, up, down),
	    cmocka_unit_test_setup_teardown(test_curve, up, down),
	    cmocka_unit_test_setup_teardown(test_authority_that_the_peer_names, up, down),
	    cmocka_unit_test_setup_teardown(test_authority_that_a_client_names, up, down),
	    cmocka_unit_test_setup_teardown(test_found_in_folders, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
