/* Each allocation inside BoringSSL fails in turn: the connection may fail, the process must not, and nothing untrusted
 * may come out trusted. */
#include "torture.h"

static struct cert_chain *chain_of(const struct mint *leaf, const struct mint *inter)
{
	static struct mint_pem pem;
	struct cert_chain *chain;

	pem.n = 0;
	mint_pem_cert(&pem, leaf);
	mint_pem_cert(&pem, inter);
	chain = cert_chain_from_pem(mint_pem_span(&pem));
	assert_non_null(chain);
	return chain;
}

static const struct cert_chain *judged;
static bool may_pass;

static void step_judge(struct scene *s)
{
	struct domain domain = scene_domain("a.test");
	struct cert_verdict v;

	cert_judge(s->store, judged, &domain, NULL, MINT_NOW, &v);
	assert_true(v.why != REASON_NONE || may_pass);
	assert_true(v.why == REASON_NONE || v.peer_text[0] != '\0');
}

static void torture_chain(
    struct scene *s, const struct mint_spec *inter_spec, const struct mint_spec *leaf_spec, enum reason why)
{
	struct mint inter = mint_new(inter_spec, &s->root);
	struct mint leaf = mint_new(leaf_spec, &inter);
	struct cert_chain *chain = chain_of(&leaf, &inter);
	struct domain domain = scene_domain("a.test");
	struct cert_verdict v;

	judged = chain;
	may_pass = why == REASON_NONE;
	torture(s, step_judge, 20);
	/* nothing was spoilt for good */
	cert_judge(s->store, chain, &domain, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, why);
	cert_chain_free(chain);
	mint_free(&leaf);
	mint_free(&inter);
}

static void test_judge(void **state)
{
	static const struct mint_spec ca = {.cn = "CA", .ca = true};
	static const struct mint_spec confined = {.cn = "CA", .ca = true, .constraints = "permitted;DNS:b.test"};
	static const struct mint_spec banned = {.cn = "CA", .ca = true, .constraints = "excluded;DNS:a.test"};
	static const struct mint_spec leaf = {.names = {MINT_DNS_NAME("a.test")}};
	static const struct mint_spec other = {.names = {MINT_DNS_NAME("b.test")}};
	static const struct mint_spec client = {.names = {MINT_DNS_NAME("a.test")}, .eku = "clientAuth"};
	static const struct mint_spec old = {.names = {MINT_DNS_NAME("a.test")}, .not_after = MINT_NOW - 1};
	static const struct mint_spec addr = {.names = {{MINT_XMPP, SPAN("a.test")}}};
	static const struct mint_spec sha1 = {.names = {MINT_DNS_NAME("a.test")}, .sha1 = true};

	skip_if_boringssl_crashes(*state);
	torture_chain(*state, &ca, &leaf, REASON_NONE);
	torture_chain(*state, &ca, &addr, REASON_NONE);
	torture_chain(*state, &ca, &other, REASON_CERT_NAME);
	torture_chain(*state, &ca, &client, REASON_CERT_PURPOSE);
	torture_chain(*state, &ca, &old, REASON_CERT_EXPIRED);
	torture_chain(*state, &ca, &sha1, REASON_CERT_WEAK);
	torture_chain(*state, &confined, &leaf, REASON_CERT_CONSTRAINT);
	torture_chain(*state, &confined, &addr, REASON_CERT_CONSTRAINT);
	torture_chain(*state, &banned, &addr, REASON_CERT_CONSTRAINT);
	torture_chain(*state, &leaf, &leaf, REASON_CERT_CONSTRAINT);
}

static void step_store(struct scene *s)
{
	char err[512] = "";
	struct cert_store *store = cert_store_new(s->conf, err, sizeof(err));

	assert_true(store != NULL || err[0] != '\0');
	cert_store_free(store);
}

static void test_store(void **state)
{
	skip_if_boringssl_crashes(*state);
	torture(*state, step_store, 50);
}

static void step_ctx(struct scene *s)
{
	char err[512] = "";
	struct tls_ctx *ctx = tls_ctx_new(s->store, s->conf->ciphers, err, sizeof(err));

	assert_true(ctx != NULL || err[0] != '\0');
	tls_ctx_free(ctx);
}

static void test_ctx(void **state)
{
	skip_if_boringssl_crashes(*state);
	torture(*state, step_ctx, 50);
}

static void check_end(const struct end *e)
{
	assert_true(e->rc == TLS_DONE || e->rc == TLS_FAILED || e->rc == TLS_CLOSED || e->rc == TLS_WANT_READ);
	assert_true(e->rc != TLS_FAILED || tls_error(e->tls)[0] != '\0');
}

static void step_connection(struct scene *s)
{
	struct domain name = scene_domain("a.test");
	struct domain b_test = scene_domain("b.test");
	struct cert_own *own = cert_own_find(s->store, &b_test);
	struct tls *client = tls_new(s->ctx, TLS_PUBLIC_OUT, own, &name, true);
	struct tls *server = tls_new(s->ctx, TLS_PUBLIC_IN, NULL, NULL, true);
	struct end a, b;
	size_t taken;

	cert_own_unref(own);
	if (client == NULL || server == NULL) {
		tls_free(client);
		tls_free(server);
		return;
	}
	end_init(&a, client, 1 << 16);
	end_init(&b, server, 1 << 16);
	shake(&a, &b, 1 << 16);
	check_end(&a);
	check_end(&b);
	if (a.rc == TLS_DONE && b.rc == TLS_DONE) {
		a.rc = tls_write(a.tls, SPAN("<presence/>"), &taken, &a.out);
		(void)wire_move(&a, &b, 1 << 16);
		b.rc = tls_read(b.tls, &b.in, &b.plain, &b.out);
		check_end(&a);
		check_end(&b);
		tls_close(a.tls, &a.out);
		cert_chain_free(tls_peer_chain(b.tls));
	}
	end_free(&a);
	end_free(&b);
}

static void test_connection(void **state)
{
	torture(*state, step_connection, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_judge),
	    cmocka_unit_test(test_store),
	    cmocka_unit_test(test_ctx),
	    cmocka_unit_test(test_connection),
	};

	return cmocka_run_group_tests(tests, scene_up, scene_down);
}
