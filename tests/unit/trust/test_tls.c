/* Two ends of ours against each other. */
#include "scene.h"

#define MAX (1u << 20)

/* A client and a server, chosen by role. */
struct link {
	struct end client, server;
};

static void link_up(struct link *l, struct tls *client, struct tls *server, size_t piece)
{
	end_init(&l->client, client, MAX);
	end_init(&l->server, server, MAX);
	shake(&l->client, &l->server, piece);
}

static void link_down(struct link *l)
{
	end_free(&l->client);
	end_free(&l->server);
}

static struct tls *client_of(struct scene *s, const char *own, const char *name, bool direct)
{
	struct domain d = scene_domain(name != NULL ? name : "x.test");

	return tls_new(
	    s->ctx, TLS_PUBLIC_OUT, own != NULL ? scene_own(s, own) : NULL, name != NULL ? &d : NULL, direct);
}

static struct tls *server_of(struct scene *s, const char *own, bool direct)
{
	return tls_new(s->ctx, TLS_PUBLIC_IN, own != NULL ? scene_own(s, own) : NULL, NULL, direct);
}

static void link_public(struct link *l, struct scene *s, size_t piece)
{
	link_up(l, client_of(s, "b.test", "a.test", false), server_of(s, "a.test", false), piece);
	assert_int_equal(l->client.rc, TLS_DONE);
	assert_int_equal(l->server.rc, TLS_DONE);
}

static void check_judged(struct scene *s, const struct end *e, const char *name)
{
	struct cert_chain *chain = tls_peer_chain(e->tls);
	struct domain d = scene_domain(name);
	struct cert_verdict verdict;

	assert_non_null(chain);
	cert_judge(s->store, chain, &d, NULL, MINT_NOW, &verdict);
	assert_int_equal(verdict.why, REASON_NONE);
	cert_chain_free(chain);
}

static void test_both_show_certificates_any_split(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, MAX};
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		link_public(&l, *state, pieces[i]);
		check_judged(*state, &l.client, "a.test");
		check_judged(*state, &l.server, "b.test");
		link_down(&l);
	}
}

static void test_facts(void **state)
{
	struct tls_facts facts;
	struct link l;

	link_public(&l, *state, MAX);
	tls_facts(l.server.tls, &facts);
	assert_string_equal(facts.version, "TLSv1.3");
	assert_memory_equal(facts.cipher, "TLS_", 4);
	assert_true(strlen(facts.group) > 0);
	assert_false(facts.resumed);
	assert_true(span_eq(facts.sni, SPAN("a.test")));
	assert_int_equal(facts.alpn.n, 0);
	assert_string_equal(tls_error(l.server.tls), "");
	link_down(&l);
}

static void test_client_without_certificate_is_admitted(void **state)
{
	struct link l;

	link_up(&l, client_of(*state, NULL, "a.test", false), server_of(*state, "a.test", false), MAX);
	assert_int_equal(l.client.rc, TLS_DONE);
	assert_int_equal(l.server.rc, TLS_DONE);
	assert_null(tls_peer_chain(l.server.tls));
	link_down(&l);
}

/* Sends text from one end and reads it at the other. */
static void carry(struct end *from, struct end *to, struct span text)
{
	size_t taken;

	assert_int_equal(tls_write(from->tls, text, &taken, &from->out), TLS_DONE);
	assert_int_equal(taken, text.n);
	while (wire_move(from, to, 4000))
		assert_int_equal(tls_read(to->tls, &to->in, &to->plain, &to->out), TLS_WANT_READ);
	assert_true(span_eq(buf_span(&to->plain), text));
	buf_clear(&to->plain);
}

static void test_bytes_cross_both_ways(void **state)
{
	static char big[100000];
	struct link l;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	link_public(&l, *state, MAX);
	carry(&l.client, &l.server, SPAN("<stream:stream>"));
	carry(&l.server, &l.client, (struct span){big, sizeof(big)});
	carry(&l.client, &l.server, (struct span){big, sizeof(big)});
	carry(&l.server, &l.client, SPAN_NONE);
	link_down(&l);
}

static void test_many_records_in_one_read(void **state)
{
	struct link l;
	size_t taken;

	link_public(&l, *state, MAX);
	for (int i = 0; i < 50; i++)
		assert_int_equal(tls_write(l.client.tls, SPAN("<r/>"), &taken, &l.client.out), TLS_DONE);
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_WANT_READ);
	assert_int_equal(buf_len(&l.server.plain), 200);
	assert_int_equal(buf_len(&l.server.in), 0);
	link_down(&l);
}

static void test_read_stops_at_the_bound_of_plain(void **state)
{
	static char big[40000];
	struct link l;
	size_t taken, got = 0;
	enum tls_rc rc;

	link_public(&l, *state, MAX);
	assert_int_equal(tls_write(l.client.tls, (struct span){big, sizeof(big)}, &taken, &l.client.out), TLS_DONE);
	(void)wire_move(&l.client, &l.server, MAX);
	l.server.plain.max = 1000;
	while ((rc = tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out)) == TLS_WANT_ROOM) {
		assert_int_equal(buf_len(&l.server.plain), 1000);
		got += 1000;
		buf_clear(&l.server.plain);
	}
	assert_int_equal(rc, TLS_WANT_READ);
	assert_int_equal(got + buf_len(&l.server.plain), sizeof(big));
	link_down(&l);
}

/* What did not fit must not bind the next write to the same bytes. */
static void test_write_stops_at_the_bound_of_out(void **state)
{
	static char big[40000];
	struct link l;
	size_t taken, rest;

	link_public(&l, *state, MAX);
	l.client.out.max = 20000;
	assert_int_equal(
	    tls_write(l.client.tls, (struct span){big, sizeof(big)}, &taken, &l.client.out), TLS_WANT_ROOM);
	assert_in_range(taken, 15000, 20000);
	assert_true(buf_len(&l.client.out) <= 20000);
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_write(l.client.tls, SPAN("</stream:stream>"), &rest, &l.client.out), TLS_DONE);
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_WANT_READ);
	assert_int_equal(buf_len(&l.server.plain), taken + 16);
	assert_memory_equal(buf_span(&l.server.plain).p + taken, "</stream:stream>", 16);
	link_down(&l);
}

/* An output bound of TLS_OUT_MIN is enough for a handshake and for everything after it. */
static void test_smallest_output_bound(void **state)
{
	static char big[50000];
	struct link l;
	size_t done = 0, got = 0;

	end_init(&l.client, client_of(*state, "b.test", "a.test", false), TLS_OUT_MIN);
	end_init(&l.server, server_of(*state, "a.test", false), TLS_OUT_MIN);
	shake(&l.client, &l.server, 100);
	assert_int_equal(l.client.rc, TLS_DONE);
	assert_int_equal(l.server.rc, TLS_DONE);
	while (done < sizeof(big)) {
		size_t taken;
		enum tls_rc rc =
		    tls_write(l.server.tls, (struct span){big + done, sizeof(big) - done}, &taken, &l.server.out);

		assert_true(rc == TLS_DONE || rc == TLS_WANT_ROOM);
		assert_true(taken > 0);
		done += taken;
		(void)wire_move(&l.server, &l.client, MAX);
		while (tls_read(l.client.tls, &l.client.in, &l.client.plain, &l.client.out) == TLS_WANT_ROOM ||
		       buf_len(&l.client.plain) > 0) {
			got += buf_len(&l.client.plain);
			buf_clear(&l.client.plain);
		}
	}
	assert_int_equal(got, sizeof(big));
	link_down(&l);
}

/* The client's first stream bytes travel together with the end of its handshake. */
static void test_records_behind_the_handshake_stay(void **state)
{
	struct link l;
	size_t taken;

	end_init(&l.client, client_of(*state, "b.test", "a.test", false), MAX);
	end_init(&l.server, server_of(*state, "a.test", false), MAX);
	l.client.rc = tls_handshake(l.client.tls, &l.client.in, &l.client.out);
	(void)wire_move(&l.client, &l.server, MAX);
	l.server.rc = tls_handshake(l.server.tls, &l.server.in, &l.server.out);
	(void)wire_move(&l.server, &l.client, MAX);
	assert_int_equal(tls_handshake(l.client.tls, &l.client.in, &l.client.out), TLS_DONE);
	assert_int_equal(tls_write(l.client.tls, SPAN("<stream:stream>"), &taken, &l.client.out), TLS_DONE);
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_handshake(l.server.tls, &l.server.in, &l.server.out), TLS_DONE);
	assert_true(buf_len(&l.server.in) > 15);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_WANT_READ);
	assert_true(span_eq(buf_span(&l.server.plain), SPAN("<stream:stream>")));
	link_down(&l);
}

static void test_close_notify(void **state)
{
	struct link l;
	size_t taken;

	link_public(&l, *state, MAX);
	assert_int_equal(tls_write(l.client.tls, SPAN("bye"), &taken, &l.client.out), TLS_DONE);
	tls_close(l.client.tls, &l.client.out);
	(void)wire_move(&l.client, &l.server, MAX);
	tls_close(l.client.tls, &l.client.out);
	assert_int_equal(buf_len(&l.client.out), 0);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_CLOSED);
	assert_true(span_eq(buf_span(&l.server.plain), SPAN("bye")));
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_CLOSED);
	/* the other direction is still open */
	assert_int_equal(tls_write(l.server.tls, SPAN("bye too"), &taken, &l.server.out), TLS_DONE);
	(void)wire_move(&l.server, &l.client, MAX);
	assert_int_equal(tls_read(l.client.tls, &l.client.in, &l.client.plain, &l.client.out), TLS_WANT_READ);
	assert_true(span_eq(buf_span(&l.client.plain), SPAN("bye too")));
	link_down(&l);
}

/* Plaintext that BoringSSL still holds is not lost to a second close. */
static void test_close_twice_keeps_plaintext(void **state)
{
	struct link l;
	size_t taken;

	link_public(&l, *state, MAX);
	assert_int_equal(tls_write(l.server.tls, SPAN("0123456789"), &taken, &l.server.out), TLS_DONE);
	(void)wire_move(&l.server, &l.client, MAX);
	l.client.plain.max = 4;
	assert_int_equal(tls_read(l.client.tls, &l.client.in, &l.client.plain, &l.client.out), TLS_WANT_ROOM);
	tls_close(l.client.tls, &l.client.out);
	tls_close(l.client.tls, &l.client.out);
	l.client.plain.max = 100;
	assert_int_equal(tls_read(l.client.tls, &l.client.in, &l.client.plain, &l.client.out), TLS_WANT_READ);
	assert_true(span_eq(buf_span(&l.client.plain), SPAN("0123456789")));
	link_down(&l);
}

static void test_direct_tls_chooses_by_sni(void **state)
{
	static const char *const names[][2] = {
	    {"a.test", "a.test"}, {"b.test", "b.test"}, {"conference.a.test", "a.test"}, {NULL, "a.test"}};
	struct tls_facts facts;
	struct link l;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		link_up(&l, client_of(*state, NULL, names[i][0], true), server_of(*state, NULL, true), MAX);
		assert_int_equal(l.server.rc, TLS_DONE);
		check_judged(*state, &l.client, names[i][1]);
		tls_facts(l.server.tls, &facts);
		assert_true(span_eq(facts.alpn, SPAN("xmpp-server")));
		assert_true(span_eq(facts.sni, span_of(names[i][0])));
		link_down(&l);
	}
}

static void test_direct_tls_refuses_unknown_sni(void **state)
{
	struct link l;

	link_up(&l, client_of(*state, NULL, "other.test", true), server_of(*state, NULL, true), MAX);
	assert_int_equal(l.server.rc, TLS_FAILED);
	assert_int_equal(l.client.rc, TLS_FAILED);
	assert_string_equal(tls_error(l.client.tls), "peer sent alert unrecognized_name");
	assert_non_null(strstr(tls_error(l.server.tls), "(we sent alert unrecognized_name)"));
	assert_int_equal(tls_error_reason(l.client.tls), REASON_TLS_REFUSED);
	assert_int_equal(tls_error_reason(l.server.tls), REASON_HOST_UNKNOWN);
	link_down(&l);
}

/* RFC 6120 section 5.4.3.1: with STARTTLS it is the stream's `to` that counts, and peers send all kinds of SNI. */
static void test_starttls_ignores_sni(void **state)
{
	struct link l;

	link_up(&l, client_of(*state, NULL, "xmpp1.hosting.test", false), server_of(*state, "b.test", false), MAX);
	assert_int_equal(l.server.rc, TLS_DONE);
	check_judged(*state, &l.client, "b.test");
	link_down(&l);
}

static void test_plain_text_is_no_handshake(void **state)
{
	struct end server;

	end_init(&server, server_of(*state, "a.test", false), MAX);
	assert_true(buf_put(&server.in, SPAN("<?xml version='1.0'?><stream:stream>")));
	assert_int_equal(tls_handshake(server.tls, &server.in, &server.out), TLS_FAILED);
	assert_non_null(strstr(tls_error(server.tls), "wrong version number"));
	assert_int_equal(tls_handshake(server.tls, &server.in, &server.out), TLS_FAILED);
	end_free(&server);
}

static void test_altered_record(void **state)
{
	struct link l;
	size_t taken;

	link_public(&l, *state, MAX);
	assert_int_equal(tls_write(l.client.tls, SPAN("<message/>"), &taken, &l.client.out), TLS_DONE);
	buf_tail(&l.client.out)[-1] ^= 1;
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_FAILED);
	assert_non_null(strstr(tls_error(l.server.tls), "bad_record_mac"));
	assert_int_equal(buf_len(&l.server.plain), 0);
	/* the alert tells the client, and it was the server that refused */
	(void)wire_move(&l.server, &l.client, MAX);
	assert_int_equal(tls_read(l.client.tls, &l.client.in, &l.client.plain, &l.client.out), TLS_FAILED);
	assert_string_equal(tls_error(l.client.tls), "peer sent alert bad_record_mac");
	assert_int_equal(tls_error_reason(l.client.tls), REASON_TLS_REFUSED);
	assert_int_equal(tls_write(l.server.tls, SPAN("x"), &taken, &l.server.out), TLS_FAILED);
	link_down(&l);
}

/* close_notify is not what went wrong. */
static void test_altered_record_after_close(void **state)
{
	struct link l;
	size_t taken;

	link_public(&l, *state, MAX);
	tls_close(l.server.tls, &l.server.out);
	assert_int_equal(tls_write(l.client.tls, SPAN("<message/>"), &taken, &l.client.out), TLS_DONE);
	buf_tail(&l.client.out)[-1] ^= 1;
	(void)wire_move(&l.client, &l.server, MAX);
	assert_int_equal(tls_read(l.server.tls, &l.server.in, &l.server.plain, &l.server.out), TLS_FAILED);
	assert_non_null(strstr(tls_error(l.server.tls), "bad record mac"));
	assert_null(strstr(tls_error(l.server.tls), "close_notify"));
	link_down(&l);
}

static void test_backend_side(void **state)
{
	struct scene *s = *state;
	struct cert_verdict verdict;
	struct cert_chain *chain;
	struct tls_facts facts;
	struct link l;

	link_up(&l, tls_new(s->ctx, TLS_BACKEND_OUT, NULL, NULL, false),
	    tls_new(s->ctx, TLS_BACKEND_IN, NULL, NULL, false), 50);
	assert_int_equal(l.client.rc, TLS_DONE);
	assert_int_equal(l.server.rc, TLS_DONE);
	carry(&l.client, &l.server, SPAN("<db:result/>"));
	assert_null(tls_peer_chain(l.server.tls)); /* nor was one asked for */
	chain = tls_peer_chain(l.client.tls);
	cert_judge(s->store, chain, NULL, NULL, MINT_NOW, &verdict);
	assert_int_equal(verdict.why, REASON_CERT_SELF_SIGNED);
	tls_facts(l.server.tls, &facts);
	assert_int_equal(facts.sni.n, 0);
	cert_chain_free(chain);
	link_down(&l);
}

/* Half a handshake may be freed at any point. */
static void test_free_mid_handshake(void **state)
{
	for (int steps = 0; steps < 4; steps++) {
		struct link l;

		end_init(&l.client, client_of(*state, "b.test", "a.test", false), MAX);
		end_init(&l.server, server_of(*state, "a.test", false), MAX);
		for (int i = 0; i < steps; i++) {
			struct end *e = i % 2 == 0 ? &l.client : &l.server;
			struct end *other = i % 2 == 0 ? &l.server : &l.client;

			e->rc = tls_handshake(e->tls, &e->in, &e->out);
			(void)wire_move(e, other, 300);
		}
		link_down(&l);
	}
	tls_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_show_certificates_any_split),
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test(test_client_without_certificate_is_admitted),
	    cmocka_unit_test(test_bytes_cross_both_ways),
	    cmocka_unit_test(test_many_records_in_one_read),
	    cmocka_unit_test(test_read_stops_at_the_bound_of_plain),
	    cmocka_unit_test(test_write_stops_at_the_bound_of_out),
	    cmocka_unit_test(test_smallest_output_bound),
	    cmocka_unit_test(test_records_behind_the_handshake_stay),
	    cmocka_unit_test(test_close_notify),
	    cmocka_unit_test(test_close_twice_keeps_plaintext),
	    cmocka_unit_test(test_direct_tls_chooses_by_sni),
	    cmocka_unit_test(test_direct_tls_refuses_unknown_sni),
	    cmocka_unit_test(test_starttls_ignores_sni),
	    cmocka_unit_test(test_plain_text_is_no_handshake),
	    cmocka_unit_test(test_altered_record),
	    cmocka_unit_test(test_altered_record_after_close),
	    cmocka_unit_test(test_backend_side),
	    cmocka_unit_test(test_free_mid_handshake),
	};

	return cmocka_run_group_tests(tests, scene_up, scene_down);
}
