/* What certificates say of themselves, and what a server says about ours: facts for tools. */
#include "scene.h"

static struct cert_chain *chain_of(const struct mint *const *m, size_t n)
{
	struct mint_pem pem = {0};
	struct cert_chain *chain;

	for (size_t i = 0; i < n; i++)
		mint_pem_cert(&pem, m[i]);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	return chain;
}

static void a_chain_as_sent(void **state)
{
	struct scene *s = *state;
	struct cert_chain *chain = chain_of((const struct mint *const[]){&s->a, &s->inter, &s->root}, 3);
	struct cert_facts f;

	assert_int_equal(cert_chain_n(chain), 3);
	assert_true(cert_chain_facts(chain, 0, &f));
	assert_string_equal(f.key, "ECDSA P-256");
	assert_string_equal(f.names, "a.test, *.a.test");
	assert_string_equal(f.usage, "serverAuth");
	assert_string_equal(f.issuer, "Test Intermediate");
	assert_true(f.server && !f.client && !f.issued_previous && !f.self_issued);
	assert_int_equal(f.not_after, MINT_NOW + 60 * MINT_DAY);
	assert_int_equal(f.not_before, MINT_NOW - 30 * MINT_DAY);
	assert_true(cert_chain_facts(chain, 1, &f));
	assert_string_equal(f.subject, "Test Intermediate");
	assert_string_equal(f.usage, "");
	assert_true(f.server && f.client && f.issued_previous && !f.self_issued);
	assert_true(cert_chain_facts(chain, 2, &f));
	assert_true(f.issued_previous && f.self_issued);
	cert_chain_free(chain);
}

static void a_chain_in_disorder(void **state)
{
	struct scene *s = *state;
	struct cert_chain *chain = chain_of((const struct mint *const[]){&s->b, &s->root, &s->inter}, 3);
	struct cert_facts f;

	assert_true(cert_chain_facts(chain, 0, &f));
	assert_string_equal(f.key, "RSA 2048");
	assert_true(f.server && f.client);
	assert_true(cert_chain_facts(chain, 1, &f));
	assert_false(f.issued_previous);
	assert_true(cert_chain_facts(chain, 2, &f));
	assert_false(f.issued_previous);
	cert_chain_free(chain);
	assert_int_equal(cert_chain_n(NULL), 0);
}

static void other_kinds_of_key(void **state)
{
	static const struct {
		enum mint_key kind;
		const char *text;
	} keys[] = {{MINT_P384, "ECDSA P-384"}, {MINT_P521, "ECDSA P-521"}, {MINT_P224, "ECDSA on an odd curve"},
	    {MINT_ED25519, "Ed25519"}, {MINT_RSA1024, "RSA 1024"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct mint m = mint_new(
		    &(struct mint_spec){.cn = "\033[31m\nred", .key = keys[i].kind, .eku = "clientAuth"}, NULL);
		struct cert_chain *chain = chain_of((const struct mint *const[]){&m}, 1);
		struct cert_facts f;

		assert_true(cert_chain_facts(chain, 0, &f));
		assert_string_equal(f.key, keys[i].text);
		assert_string_equal(f.subject, "?[31m?red");
		assert_string_equal(f.names, "");
		assert_true(f.client && !f.server);
		cert_chain_free(chain);
		mint_free(&m);
	}
}

static void chains_compared(void **state)
{
	struct scene *s = *state;
	struct cert_chain *one = chain_of((const struct mint *const[]){&s->a, &s->inter}, 2);
	struct cert_chain *same = chain_of((const struct mint *const[]){&s->a, &s->inter}, 2);
	struct cert_chain *less = chain_of((const struct mint *const[]){&s->a}, 1);
	struct cert_chain *other = chain_of((const struct mint *const[]){&s->b, &s->inter}, 2);

	assert_true(cert_chain_eq(one, same));
	assert_false(cert_chain_eq(one, less));
	assert_false(cert_chain_eq(less, one));
	assert_false(cert_chain_eq(one, other));
	cert_chain_free(one);
	cert_chain_free(same);
	cert_chain_free(less);
	cert_chain_free(other);
}

/* A client that takes one kind of key only, and the server of a.test (ECDSA) or b.test (RSA). */
static bool meets(struct scene *s, const char *host, enum tls_kind kind)
{
	struct end client, server;
	struct domain name = scene_domain(host);
	bool met;

	end_init(&client, tls_new(s->ctx, TLS_PUBLIC_OUT, NULL, &name, true), 1 << 16);
	end_init(&server, tls_new(s->ctx, TLS_PUBLIC_IN, NULL, NULL, true), 1 << 16);
	assert_true(tls_only(client.tls, kind));
	shake(&client, &server, SIZE_MAX);
	met = client.rc == TLS_DONE;
	if (!met)
		assert_int_equal(tls_error_reason(client.tls), REASON_TLS_REFUSED);
	end_free(&client);
	end_free(&server);
	return met;
}

static void one_kind_of_key(void **state)
{
	assert_true(meets(*state, "a.test", TLS_ECDSA));
	assert_false(meets(*state, "a.test", TLS_RSA));
	assert_true(meets(*state, "b.test", TLS_RSA));
	assert_false(meets(*state, "b.test", TLS_ECDSA));
}

static void a_server_that_asks(void **state)
{
	struct scene *s = *state;
	struct end client, server;
	struct domain name = scene_domain("a.test");
	struct tls_facts facts;

	end_init(&client, tls_new(s->ctx, TLS_PUBLIC_OUT, NULL, &name, true), 1 << 16);
	end_init(&server, tls_new(s->ctx, TLS_PUBLIC_IN, NULL, NULL, true), 1 << 16);
	shake(&client, &server, SIZE_MAX);
	tls_facts(client.tls, &facts);
	assert_true(facts.asked && facts.asked_ecdsa && facts.asked_rsa);
	tls_facts(server.tls, &facts);
	assert_false(facts.asked);
	end_free(&client);
	end_free(&server);
}

/* The role for backends asks for no certificate. */
static void a_server_that_does_not_ask(void **state)
{
	struct scene *s = *state;
	struct end client, server;
	struct domain name = scene_domain("a.test");
	struct tls_facts facts;

	end_init(&client, tls_new(s->ctx, TLS_PUBLIC_OUT, NULL, &name, false), 1 << 16);
	end_init(&server, tls_new(s->ctx, TLS_BACKEND_IN, NULL, NULL, false), 1 << 16);
	shake(&client, &server, SIZE_MAX);
	assert_int_equal(client.rc, TLS_DONE);
	tls_facts(client.tls, &facts);
	assert_false(facts.asked || facts.asked_ecdsa || facts.asked_rsa);
	end_free(&client);
	end_free(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chain_as_sent),
	    cmocka_unit_test(a_chain_in_disorder),
	    cmocka_unit_test(other_kinds_of_key),
	    cmocka_unit_test(chains_compared),
	    cmocka_unit_test(one_kind_of_key),
	    cmocka_unit_test(a_server_that_asks),
	    cmocka_unit_test(a_server_that_does_not_ask),
	};

	return cmocka_run_group_tests(tests, scene_up, scene_down);
}
