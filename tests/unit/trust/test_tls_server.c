/* Our server against a client of plain BoringSSL, for what our client never does. */
#include "scene.h"

#include <openssl/ssl.h>

#define MAX (1u << 20)

static struct tls *server_of(struct scene *s, const char *own, bool direct)
{
	return tls_new(s->ctx, TLS_PUBLIC_IN, own != NULL ? scene_own(s, own) : NULL, NULL, direct);
}

struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out; /* what the client reads and what it wrote */
};

static void raw_up(struct raw *r)
{
	r->ctx = SSL_CTX_new(TLS_method());
	r->ssl = SSL_new(r->ctx);
	r->in = BIO_new(BIO_s_mem());
	r->out = BIO_new(BIO_s_mem());
	assert_non_null(r->ssl);
	BIO_set_mem_eof_return(r->in, -1);
	SSL_set_bio(r->ssl, r->in, r->out);
	SSL_set_connect_state(r->ssl);
}

static void raw_down(struct raw *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
}

static void raw_shake(struct raw *r, struct end *server)
{
	for (int turn = 0; turn < 6; turn++) {
		const uint8_t *bytes;
		size_t n;

		(void)SSL_do_handshake(r->ssl);
		assert_true(BIO_mem_contents(r->out, &bytes, &n));
		assert_true(buf_put(&server->in, (struct span){(const char *)bytes, n}));
		(void)BIO_reset(r->out);
		if (end_shakes(server))
			server->rc = tls_handshake(server->tls, &server->in, &server->out);
		(void)BIO_write(r->in, buf_span(&server->out).p, (int)buf_len(&server->out));
		buf_clear(&server->out);
	}
}

static void check_alpn(void **state, const char *offer, bool direct, bool admitted)
{
	struct end server;
	struct raw r;

	raw_up(&r);
	SSL_set_alpn_protos(r.ssl, (const uint8_t *)offer, (unsigned)strlen(offer));
	end_init(&server, server_of(*state, direct ? NULL : "a.test", direct), MAX);
	raw_shake(&r, &server);
	assert_int_equal(server.rc, admitted ? TLS_DONE : TLS_FAILED);
	if (!admitted)
		assert_non_null(strstr(tls_error(server.tls), "no_application_protocol"));
	end_free(&server);
	raw_down(&r);
}

static void test_alpn(void **state)
{
	check_alpn(state, "\x0bxmpp-server", true, true);
	check_alpn(state, "\x02h2\x0bxmpp-server", true, true);
	check_alpn(state, "\x02h2\x0bxmpp-client", true, false);
	check_alpn(state, "\x02h2", false, true);
	check_alpn(state, "", true, true);
}

static void check_version(void **state, uint16_t max, const char *ciphers, bool admitted)
{
	struct end server;
	struct raw r;

	raw_up(&r);
	SSL_set_min_proto_version(r.ssl, TLS1_VERSION);
	SSL_set_max_proto_version(r.ssl, max);
	if (ciphers != NULL)
		assert_true(SSL_set_cipher_list(r.ssl, ciphers));
	end_init(&server, server_of(*state, "b.test", false), MAX);
	raw_shake(&r, &server);
	assert_int_equal(server.rc, admitted ? TLS_DONE : TLS_FAILED);
	end_free(&server);
	raw_down(&r);
}

static void test_versions_and_ciphers(void **state)
{
	check_version(state, TLS1_3_VERSION, NULL, true);
	check_version(state, TLS1_2_VERSION, NULL, true);
	check_version(state, TLS1_1_VERSION, NULL, false);
	check_version(state, TLS1_VERSION, NULL, false);
	check_version(state, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", true);
	check_version(state, TLS1_2_VERSION, "AES128-GCM-SHA256", false);
}

/* The configured list holds for the public roles and for TLS 1.2 alone. */
static void test_configured_ciphers(void **state)
{
	static const struct {
		enum tls_role role;
		uint16_t version;
		bool admitted;
	} cases[] = {
	    {TLS_PUBLIC_IN, TLS1_2_VERSION, false},
	    {TLS_PUBLIC_IN, TLS1_3_VERSION, true},
	    {TLS_BACKEND_IN, TLS1_2_VERSION, true},
	};
	struct scene *s = *state;
	char err[128];
	struct tls_ctx *ctx = tls_ctx_new(s->store, "ECDHE+CHACHA20", err, sizeof(err));

	assert_non_null(ctx);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cert_own *own = cases[i].role == TLS_PUBLIC_IN ? scene_own(s, "b.test") : NULL;
		struct end server;
		struct raw r;

		raw_up(&r);
		SSL_set_max_proto_version(r.ssl, cases[i].version);
		assert_true(SSL_set_cipher_list(r.ssl, "ECDHE+AESGCM"));
		end_init(&server, tls_new(ctx, cases[i].role, own, NULL, false), MAX);
		raw_shake(&r, &server);
		assert_int_equal(server.rc, cases[i].admitted ? TLS_DONE : TLS_FAILED);
		end_free(&server);
		raw_down(&r);
	}
	tls_ctx_free(ctx);
}

struct request {
	int times;
	size_t cas;
};

static int note_request(SSL *ssl, void *arg)
{
	const STACK_OF(CRYPTO_BUFFER) *cas = SSL_get0_server_requested_CAs(ssl);
	struct request *request = arg;

	request->times++;
	request->cas += cas != NULL ? sk_CRYPTO_BUFFER_num(cas) : 0;
	return 1;
}

/* Some clients withhold a certificate whose CA is not in the list. */
static void test_certificate_request_has_no_ca_list(void **state)
{
	struct request request = {0, 0};
	struct end server;
	struct raw r;

	raw_up(&r);
	SSL_set_cert_cb(r.ssl, note_request, &request);
	end_init(&server, server_of(*state, "a.test", false), MAX);
	raw_shake(&r, &server);
	assert_int_equal(server.rc, TLS_DONE);
	assert_int_equal(request.times, 1);
	assert_int_equal(request.cas, 0);
	end_free(&server);
	raw_down(&r);
}

static void test_backend_is_not_asked_for_a_certificate(void **state)
{
	struct scene *s = *state;
	struct request request = {0, 0};
	struct end server;
	struct raw r;

	raw_up(&r);
	SSL_set_cert_cb(r.ssl, note_request, &request);
	end_init(&server, tls_new(s->ctx, TLS_BACKEND_IN, NULL, NULL, false), MAX);
	raw_shake(&r, &server);
	assert_int_equal(server.rc, TLS_DONE);
	assert_int_equal(request.times, 0);
	end_free(&server);
	raw_down(&r);
}

static void check_signature(void **state, uint16_t algorithm, bool admitted)
{
	struct scene *s = *state;
	struct end server;
	struct raw r;

	raw_up(&r);
	assert_true(SSL_use_certificate(r.ssl, s->b.x) && SSL_use_PrivateKey(r.ssl, s->b.key));
	assert_true(SSL_set_signing_algorithm_prefs(r.ssl, &algorithm, 1));
	SSL_set_max_proto_version(r.ssl, TLS1_2_VERSION);
	end_init(&server, server_of(s, "a.test", false), MAX);
	raw_shake(&r, &server);
	if (admitted)
		assert_int_equal(server.rc, TLS_DONE);
	else
		assert_true(server.rc != TLS_DONE);
	end_free(&server);
	raw_down(&r);
}

static void test_no_sha1_signatures(void **state)
{
	check_signature(state, SSL_SIGN_RSA_PKCS1_SHA256, true);
	check_signature(state, SSL_SIGN_RSA_PKCS1_SHA1, false);
}

/* The answer to a KeyUpdate goes out before our record, which must still fit: what did not would bind the next write to
 * the same bytes. */
static void test_write_with_key_update_in_narrow_room(void **state)
{
	static char text[4000];
	struct end server;
	struct raw r;
	size_t taken;

	for (size_t max = TLS_OUT_MIN - 120; max < TLS_OUT_MIN; max++) {
		raw_up(&r);
		end_init(&server, server_of(*state, "a.test", false), MAX);
		raw_shake(&r, &server);
		assert_int_equal(server.rc, TLS_DONE);
		assert_true(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED));
		assert_int_equal(SSL_write(r.ssl, "x", 1), 1);
		raw_shake(&r, &server);
		assert_int_equal(tls_read(server.tls, &server.in, &server.plain, &server.out), TLS_WANT_READ);
		server.out.max = max;
		assert_true(
		    tls_write(server.tls, (struct span){text, sizeof(text)}, &taken, &server.out) != TLS_FAILED);
		assert_true(taken > 0);
		buf_clear(&server.out);
		assert_int_equal(tls_write(server.tls, SPAN("other bytes"), &taken, &server.out), TLS_DONE);
		end_free(&server);
		raw_down(&r);
	}
}

static int count_session(SSL *ssl, SSL_SESSION *session)
{
	int *n = SSL_get_app_data(ssl);

	(void)session;
	++*n;
	return 0;
}

/* A client that would resume never gets anything to resume with (invariant S11). */
static void test_nothing_to_resume(void **state)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct end server;
		int sessions = 0;
		struct raw r;
		char byte;

		raw_up(&r);
		SSL_CTX_set_session_cache_mode(r.ctx, SSL_SESS_CACHE_CLIENT);
		SSL_CTX_sess_set_new_cb(r.ctx, count_session);
		SSL_set_app_data(r.ssl, &sessions);
		SSL_set_max_proto_version(r.ssl, versions[i]);
		end_init(&server, server_of(*state, "a.test", false), MAX);
		raw_shake(&r, &server);
		assert_int_equal(server.rc, TLS_DONE);
		assert_int_equal(SSL_read(r.ssl, &byte, 1), -1);
		assert_int_equal(sessions, 0);
		assert_int_equal(SSL_get_session(r.ssl) != NULL && SSL_SESSION_has_ticket(SSL_get_session(r.ssl)), 0);
		end_free(&server);
		raw_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alpn),
	    cmocka_unit_test(test_versions_and_ciphers),
	    cmocka_unit_test(test_configured_ciphers),
	    cmocka_unit_test(test_certificate_request_has_no_ca_list),
	    cmocka_unit_test(test_backend_is_not_asked_for_a_certificate),
	    cmocka_unit_test(test_no_sha1_signatures),
	    cmocka_unit_test(test_write_with_key_update_in_narrow_room),
	    cmocka_unit_test(test_nothing_to_resume),
	};

	return cmocka_run_group_tests(tests, scene_up, scene_down);
}
