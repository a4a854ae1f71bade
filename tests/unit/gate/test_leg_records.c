/* leg with TLS against a raw end, whose records the test cuts and spoils: splits, alerts, broken ends. */
#include "legs_tls.h"

#include <openssl/ssl.h>

struct link {
	struct side a;
	struct end raw;
	int fd;
	size_t piece; /* how much of raw.out one raw_step() moves */
	bool eof;
};

static void link_up(struct link *l, struct tls_world *t, struct tls *raw)
{
	int fd;

	tcp_pair(&fd, &l->fd);
	side_up(&l->a, &t->w, fd, IN_MAX, OUT_MAX);
	end_init(&l->raw, raw, 1 << 20);
	l->piece = SIZE_MAX;
	l->eof = false;
}

static void link_down(struct link *l)
{
	side_down(&l->a);
	end_free(&l->raw);
	if (l->fd >= 0)
		close(l->fd);
}

static void raw_take(struct link *l)
{
	char bytes[20000];

	assert_true(buf_put(&l->raw.in, (struct span){bytes, take_raw(l->fd, bytes, sizeof(bytes), &l->eof)}));
}

static void raw_put(struct link *l)
{
	struct span part = buf_span(&l->raw.out);

	part.n = part.n < l->piece ? part.n : l->piece;
	if (part.n == 0)
		return;
	put_raw(l->fd, part);
	buf_consume(&l->raw.out, part.n);
}

/* One step of the raw end, one turn of the leg. */
static void step(struct link *l)
{
	raw_take(l);
	if (end_shakes(&l->raw))
		l->raw.rc = tls_handshake(l->raw.tls, &l->raw.in, &l->raw.out);
	raw_put(l);
	turn(l->a.w);
}

static void link_secure(struct link *l, struct tls *tls)
{
	secure(&l->a, tls, false);
	UNTIL(l->a.secured == 1 && l->raw.rc == TLS_DONE && buf_len(&l->raw.out) == 0, step(l));
}

static void raw_write(struct link *l, struct span bytes)
{
	size_t taken;

	assert_int_equal(tls_write(l->raw.tls, bytes, &taken, &l->raw.out), TLS_DONE);
}

static void raw_flush(struct link *l)
{
	UNTIL(buf_len(&l->raw.out) == 0, (raw_put(l), turn(l->a.w)));
}

static enum tls_rc raw_read(struct link *l)
{
	raw_take(l);
	return tls_read(l->raw.tls, &l->raw.in, &l->raw.plain, &l->raw.out);
}

static void check_split(struct tls_world *t, size_t piece, bool as_server)
{
	struct link l;

	link_up(&l, t, as_server ? client_tls(t, "a.test", false) : server_tls(t, false));
	l.piece = piece;
	link_secure(&l, as_server ? server_tls(t, false) : client_tls(t, "a.test", false));
	raw_write(&l, SPAN("one "));
	raw_write(&l, SPAN("two "));
	raw_write(&l, SPAN("three"));
	raw_flush(&l);
	UNTIL(side_got(&l.a, "one two three"), turn(&t->w));
	tls_close(l.raw.tls, &l.raw.out);
	raw_flush(&l);
	UNTIL(l.a.ended == 1, turn(&t->w));
	link_down(&l);
}

static void test_any_split_of_the_records(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		check_split(*state, pieces[i], true);
		check_split(*state, pieces[i], false);
	}
}

/* Bytes in the clear behind the request for TLS are never plaintext, however early they were sent. */
static void test_no_clear_byte_crosses(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, client_tls(t, "a.test", false));
	put_raw(l.fd, SPAN("<starttls/>"));
	UNTIL(side_got(&l.a, "<starttls/>"), turn(&t->w));
	l.a.got_n = 0;
	put_raw(l.fd, SPAN("<message from='admin@a.test'/>"));
	secure(&l.a, server_tls(t, false), false);
	UNTIL(l.a.failed == 1, turn(&t->w));
	assert_int_equal(leg_why(l.a.leg), REASON_TLS_FAILED);
	assert_int_equal(l.a.got_n, 0);
	assert_int_equal(buf_len(leg_in(l.a.leg)), 0);
	link_down(&l);
}

static void test_clear_words_leave_before_the_first_record(void **state)
{
	struct tls_world *t = *state;
	char *words = pattern(400000), *got = malloc(500000);
	size_t n = 0;
	struct link l;

	assert_non_null(got);
	link_up(&l, t, server_tls(t, false));
	assert_true(buf_put(leg_out(l.a.leg), (struct span){words, 400000}));
	secure(&l.a, client_tls(t, "a.test", false), false);
	UNTIL(n > 400000, (turn(&t->w), n += take_raw(l.fd, got + n, 500000 - n, &l.eof)));
	assert_memory_equal(got, words, 400000);
	assert_int_equal(got[400000], 0x16);
	/* and the handshake goes on from there */
	assert_true(buf_put(&l.raw.in, (struct span){got + 400000, n - 400000}));
	UNTIL(l.a.secured == 1 && l.raw.rc == TLS_DONE, step(&l));
	link_down(&l);
	free(words);
	free(got);
}

static void test_shut_says_close_notify_behind_all(void **state)
{
	struct tls_world *t = *state;
	enum tls_rc rc = TLS_WANT_READ;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	assert_true(buf_put(leg_out(l.a.leg), SPAN("</stream:stream>")));
	side_shut(&l.a);
	UNTIL(l.eof && rc == TLS_CLOSED, (turn(&t->w), rc = raw_read(&l)));
	assert_int_equal(buf_len(&l.raw.plain), strlen("</stream:stream>"));
	/* the other direction stays open */
	raw_write(&l, SPAN("their end"));
	raw_flush(&l);
	UNTIL(side_got(&l.a, "their end"), turn(&t->w));
	assert_true(sleeps(&t->w));
	assert_int_equal(l.a.ended + l.a.failed, 0);
	link_down(&l);
}

static void test_shut_during_the_handshake_waits_for_it(void **state)
{
	struct tls_world *t = *state;
	enum tls_rc rc = TLS_WANT_READ;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	secure(&l.a, client_tls(t, "a.test", false), false);
	turn(&t->w);
	assert_true(buf_put(leg_out(l.a.leg), SPAN("last words")));
	side_shut(&l.a);
	UNTIL(l.raw.rc == TLS_DONE, step(&l));
	UNTIL(l.eof && rc == TLS_CLOSED, (turn(&t->w), rc = raw_read(&l)));
	assert_int_equal(buf_len(&l.raw.plain), strlen("last words"));
	assert_int_equal(l.a.failed, 0);
	link_down(&l);
}

static void test_our_alert_reaches_the_peer(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, client_tls(t, "unknown.test", true));
	l.a.eat = 0;
	l.a.on = direct;
	l.a.more = t;
	UNTIL(l.a.failed == 1, step(&l));
	assert_int_equal(leg_why(l.a.leg), REASON_HOST_UNKNOWN);
	UNTIL(l.raw.rc == TLS_FAILED, step(&l));
	assert_int_equal(tls_error_reason(l.raw.tls), REASON_TLS_REFUSED);
	assert_string_equal(tls_error(l.raw.tls), "peer sent alert unrecognized_name");
	link_down(&l);
}

static void test_alert_in_the_handshake_is_a_refusal(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, server_tls(t, true));
	secure(&l.a, client_tls(t, "unknown.test", false), false);
	UNTIL(l.a.failed == 1, step(&l));
	assert_int_equal(leg_why(l.a.leg), REASON_TLS_REFUSED);
	assert_string_equal(leg_error(l.a.leg), "peer sent alert unrecognized_name");
	link_down(&l);
}

static enum ssl_verify_result_t refuse(SSL *ssl, uint8_t *alert)
{
	(void)ssl;
	*alert = SSL_AD_UNSUPPORTED_CERTIFICATE;
	return ssl_verify_invalid;
}

/* A server that does not take our certificate.  In TLS 1.3 it says so when the handshake is over for us. */
static void check_refused_certificate(struct tls_world *t, uint16_t version)
{
	struct scene *s = t->scene;
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	struct side a;
	int fd, raw;
	SSL *ssl;

	assert_non_null(ctx);
	SSL_CTX_set_custom_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, refuse);
	assert_true(SSL_CTX_set_max_proto_version(ctx, version));
	ssl = SSL_new(ctx);
	assert_true(SSL_use_certificate(ssl, s->a.x) && SSL_use_PrivateKey(ssl, s->a.key));
	tcp_pair(&fd, &raw);
	assert_true(SSL_set_fd(ssl, raw));
	SSL_set_accept_state(ssl);
	side_up(&a, &t->w, fd, IN_MAX, OUT_MAX);
	secure(&a, client_tls(t, "a.test", false), false);
	UNTIL(a.failed == 1, {
		(void)SSL_do_handshake(ssl);
		turn(&t->w);
	});
	assert_int_equal(a.secured, version == TLS1_3_VERSION);
	assert_int_equal(leg_why(a.leg), REASON_TLS_CERT_REFUSED);
	assert_string_equal(leg_error(a.leg), "peer sent alert unsupported_certificate");
	side_down(&a);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(raw);
}

static void test_refused_certificate_is_a_refusal(void **state)
{
	check_refused_certificate(*state, TLS1_2_VERSION);
	check_refused_certificate(*state, TLS1_3_VERSION);
}

static void check_end_in_the_handshake(struct tls_world *t, bool reset)
{
	struct link l;

	link_up(&l, t, server_tls(t, false));
	secure(&l.a, client_tls(t, "a.test", false), false);
	turn(&t->w);
	if (reset)
		reset_raw(l.fd);
	else
		assert_int_equal(shutdown(l.fd, SHUT_WR), 0);
	UNTIL(l.a.failed == 1, turn(&t->w));
	if (reset)
		l.fd = -1;
	assert_int_equal(leg_why(l.a.leg), REASON_TLS_LOST);
	link_down(&l);
}

static void test_end_in_the_handshake_is_a_loss(void **state)
{
	check_end_in_the_handshake(*state, false);
	check_end_in_the_handshake(*state, true);
}

static void test_cut_without_close_notify_is_an_end(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	raw_write(&l, SPAN("whole"));
	raw_write(&l, SPAN("cut in the middle"));
	put_raw(l.fd, (struct span){buf_span(&l.raw.out).p, buf_len(&l.raw.out) - 3});
	assert_int_equal(shutdown(l.fd, SHUT_WR), 0);
	UNTIL(l.a.ended == 1, turn(&t->w));
	assert_true(side_got(&l.a, "whole"));
	assert_int_equal(l.a.failed, 0);
	link_down(&l);
}

static void test_last_words_are_heard_though_sending_fails(void **state)
{
	struct tls_world *t = *state;
	char *bytes = pattern(30000);
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	while (leg_queued(l.a.leg) <= LEG_HIGH_WATER)
		assert_true(side_send(&l.a, (struct span){bytes, 30000}));
	settle(&t->w);
	raw_write(&l, SPAN("<stream:"));
	raw_write(&l, SPAN("error/>"));
	put_raw(l.fd, buf_span(&l.raw.out));
	reset_raw(l.fd);
	l.fd = -1;
	UNTIL(l.a.failed == 1, turn(&t->w));
	assert_int_equal(leg_why(l.a.leg), REASON_PEER_LOST);
	assert_true(side_got(&l.a, "<stream:error/>"));
	link_down(&l);
	free(bytes);
}

/* An alert refuses only as long as nothing else was said. */
static void test_alert_later_is_no_refusal(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	raw_write(&l, SPAN("welcome"));
	raw_flush(&l);
	UNTIL(side_got(&l.a, "welcome"), turn(&t->w));
	assert_true(buf_put(&l.raw.in, SPAN("\x17\x03\x03\x00\x12 this is no record")));
	assert_int_equal(raw_read(&l), TLS_FAILED);
	raw_flush(&l); /* its alert */
	UNTIL(l.a.failed == 1, turn(&t->w));
	assert_int_equal(leg_why(l.a.leg), REASON_TLS_BROKEN);
	assert_string_equal(leg_error(l.a.leg), "peer sent alert bad_record_mac");
	link_down(&l);
}

/* Records behind close_notify are nobody's. */
static void test_nothing_counts_behind_close_notify(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	raw_write(&l, SPAN("whole"));
	tls_close(l.raw.tls, &l.raw.out);
	assert_true(buf_put(&l.raw.out, SPAN("\x17\x03\x03\x00\x03xyz")));
	raw_flush(&l);
	UNTIL(l.a.ended == 1, turn(&t->w));
	assert_true(side_got(&l.a, "whole"));
	link_down(&l);
}

static void test_bytes_before_a_broken_record_are_delivered(void **state)
{
	struct tls_world *t = *state;
	struct link l;

	link_up(&l, t, server_tls(t, false));
	link_secure(&l, client_tls(t, "a.test", false));
	raw_write(&l, SPAN("whole"));
	assert_true(buf_put(&l.raw.out, SPAN("\x17\x03\x03\x00\x12 this is no record")));
	raw_flush(&l);
	UNTIL(l.a.failed == 1, turn(&t->w));
	assert_int_equal(leg_why(l.a.leg), REASON_TLS_BROKEN);
	assert_true(side_got(&l.a, "whole"));
	link_down(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TLS_TEST(test_any_split_of_the_records),
	    TLS_TEST(test_no_clear_byte_crosses),
	    TLS_TEST(test_clear_words_leave_before_the_first_record),
	    TLS_TEST(test_shut_says_close_notify_behind_all),
	    TLS_TEST(test_shut_during_the_handshake_waits_for_it),
	    TLS_TEST(test_our_alert_reaches_the_peer),
	    TLS_TEST(test_alert_in_the_handshake_is_a_refusal),
	    TLS_TEST(test_refused_certificate_is_a_refusal),
	    TLS_TEST(test_end_in_the_handshake_is_a_loss),
	    TLS_TEST(test_cut_without_close_notify_is_an_end),
	    TLS_TEST(test_last_words_are_heard_though_sending_fails),
	    TLS_TEST(test_alert_later_is_no_refusal),
	    TLS_TEST(test_nothing_counts_behind_close_notify),
	    TLS_TEST(test_bytes_before_a_broken_record_are_delivered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
