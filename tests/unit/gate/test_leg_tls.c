/* leg with TLS at both ends: handshake, backpressure, bounds. */
#include "legs_tls.h"

struct duo {
	struct side client, server;
};

static void duo_up(struct duo *d, struct tls_world *t, size_t in_max)
{
	int one, other;

	tcp_pair(&one, &other);
	side_up(&d->client, &t->w, one, in_max, OUT_MAX);
	side_up(&d->server, &t->w, other, in_max, OUT_MAX);
}

static void duo_secure(struct duo *d, struct tls_world *t)
{
	secure(&d->server, server_tls(t, false), false);
	secure(&d->client, client_tls(t, "a.test", false), false);
	UNTIL(d->client.secured == 1 && d->server.secured == 1, turn(&t->w));
}

static void duo_down(struct duo *d)
{
	side_down(&d->client);
	side_down(&d->server);
}

static void check_shown(struct tls_world *t, const struct side *s, const char *name)
{
	struct scene *scene = t->scene;
	struct cert_chain *chain = tls_peer_chain(leg_tls(s->leg));
	struct domain d = scene_domain(name);
	struct cert_verdict verdict;

	assert_non_null(chain);
	cert_judge(scene->store, chain, &d, NULL, MINT_NOW, &verdict);
	assert_int_equal(verdict.why, REASON_NONE);
	cert_chain_free(chain);
}

static void echo(struct side *s, enum leg_event event)
{
	if (event != LEG_READABLE)
		return;
	assert_true(leg_send(s->leg, (struct span){s->got, s->got_n}));
	s->got_n = 0;
}

static void test_echo_in_both_roles(void **state)
{
	static const size_t sizes[] = {1, 300, 16383, 16384, 16385, 100000, 700000};
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	duo_secure(&d, t);
	check_shown(t, &d.client, "a.test");
	check_shown(t, &d.server, "b.test");
	d.server.on = echo;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *bytes = pattern(sizes[i]);

		d.client.got_n = 0;
		assert_true(buf_put(leg_out(d.client.leg), (struct span){bytes, sizes[i] / 3}));
		assert_true(side_send(&d.client, (struct span){bytes + sizes[i] / 3, sizes[i] - sizes[i] / 3}));
		UNTIL(d.client.got_n == sizes[i], turn(&t->w));
		assert_memory_equal(d.client.got, bytes, sizes[i]);
		free(bytes);
	}
	assert_true(leg_sent(d.client.leg) > 800000 && leg_sent(d.client.leg) == leg_received(d.server.leg));
	duo_down(&d);
}

static void test_words_written_during_the_handshake_follow_it(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	secure(&d.server, server_tls(t, false), false);
	secure(&d.client, client_tls(t, "a.test", false), false);
	assert_true(side_say(&d.client, SPAN("early words")));
	UNTIL(side_got(&d.server, "early words"), turn(&t->w));
	duo_down(&d);
}

/* STARTTLS as a stream does it: inside the callback that brought the request. */
static void starttls(struct side *s, enum leg_event event)
{
	struct tls_world *t = s->more;
	bool server = leg_tls(s->leg) == NULL && side_got(s, "<starttls/>");

	if (event != LEG_READABLE || leg_tls(s->leg) != NULL)
		return;
	if (server) {
		assert_true(buf_put(leg_out(s->leg), SPAN("<proceed/>")));
		assert_true(leg_flush(s->leg));
	} else {
		assert_true(side_got(s, "<proceed/>"));
	}
	s->got_n = 0;
	leg_secure(s->leg, server ? server_tls(t, false) : client_tls(t, "a.test", false), false);
}

static void test_starttls_inside_the_callback(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	d.client.on = d.server.on = starttls;
	d.client.more = d.server.more = t;
	assert_true(side_say(&d.client, SPAN("<starttls/>")));
	UNTIL(d.client.secured == 1 && d.server.secured == 1, turn(&t->w));
	assert_true(side_send(&d.client, SPAN("<stream>")));
	assert_true(side_send(&d.server, SPAN("<features>")));
	UNTIL(side_got(&d.server, "<stream>") && side_got(&d.client, "<features>"), turn(&t->w));
	duo_down(&d);
}

static void test_direct_tls_takes_the_bytes_already_read(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	d.server.on = direct;
	d.server.more = t;
	d.server.eat = 0;
	secure(&d.client, client_tls(t, "a.test", true), true);
	UNTIL(d.client.secured == 1 && d.server.secured == 1, turn(&t->w));
	check_shown(t, &d.client, "a.test");
	assert_true(side_send(&d.client, SPAN("hello")));
	UNTIL(side_got(&d.server, "hello"), turn(&t->w));
	duo_down(&d);
}

static void test_paused_leg_decrypts_nothing(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	duo_secure(&d, t);
	d.server.eat = 1;
	assert_true(side_send(&d.client, SPAN("abc")));
	UNTIL(side_got(&d.server, "a"), turn(&t->w));
	side_read_on(&d.server, false);
	assert_true(side_send(&d.client, SPAN("def")));
	side_shut(&d.client);
	settle(&t->w);
	assert_true(side_got(&d.server, "a"));
	assert_int_equal(d.server.ended, 0);
	assert_true(sleeps(&t->w));
	d.server.eat = SIZE_MAX;
	side_read_on(&d.server, true);
	UNTIL(d.server.ended == 1, turn(&t->w));
	assert_true(side_got(&d.server, "abcdef"));
	duo_down(&d);
}

static void pause_in_callback(struct side *s, enum leg_event event)
{
	if (event == LEG_READABLE)
		leg_read_on(s->leg, false);
}

/* All of it lies in the leg, decrypted or not. */
static void test_pause_inside_the_callback(void **state)
{
	struct tls_world *t = *state;
	char *bytes = pattern(2500);
	struct duo d;

	duo_up(&d, t, 1000);
	duo_secure(&d, t);
	d.server.on = pause_in_callback;
	assert_true(side_send(&d.client, (struct span){bytes, 2500}));
	side_shut(&d.client);
	for (unsigned i = 1; i <= 3; i++) {
		UNTIL(d.server.got_n == (i < 3 ? i * 1000 : 2500), turn(&t->w));
		settle(&t->w);
		assert_int_equal(d.server.readable, i);
		assert_int_equal(d.server.ended, 0);
		side_read_on(&d.server, true);
	}
	UNTIL(d.server.ended == 1, turn(&t->w));
	assert_memory_equal(d.server.got, bytes, 2500);
	duo_down(&d);
	free(bytes);
}

/* The end was read, and waits for room behind what is still to be decrypted. */
static void test_end_waits_for_room(void **state)
{
	struct tls_world *t = *state;
	char *bytes = pattern(5000);
	struct duo d;

	duo_up(&d, t, 1000);
	duo_secure(&d, t);
	d.server.eat = 0;
	assert_true(side_send(&d.client, (struct span){bytes, 5000}));
	side_shut(&d.client);
	UNTIL(buf_len(leg_in(d.server.leg)) == 1000, turn(&t->w));
	assert_true(sleeps(&t->w));
	assert_int_equal(d.server.ended, 0);
	d.server.eat = SIZE_MAX;
	side_read_on(&d.server, false);
	side_read_on(&d.server, true);
	UNTIL(d.server.ended == 1, turn(&t->w));
	assert_int_equal(d.server.got_n, 5000);
	assert_memory_equal(d.server.got, bytes, 5000);
	duo_down(&d);
	free(bytes);
}

/* More comes in one read than leg_in() may hold; what the owner leaves there stops the rest, not for ever. */
static void test_in_has_a_bound(void **state)
{
	struct tls_world *t = *state;
	char *bytes = pattern(300000);
	struct duo d;

	duo_up(&d, t, 1000);
	duo_secure(&d, t);
	d.server.eat = 0;
	assert_true(side_send(&d.client, (struct span){bytes, 300000}));
	side_shut(&d.client);
	UNTIL(buf_len(leg_in(d.server.leg)) == 1000, turn(&t->w));
	assert_true(sleeps(&t->w));
	assert_int_equal(buf_len(leg_in(d.server.leg)), 1000);
	assert_true(leg_received(d.server.leg) < 90000);
	assert_int_equal(d.server.ended, 0);
	d.server.eat = 300;
	side_read_on(&d.server, false);
	side_read_on(&d.server, true);
	UNTIL(d.server.got_n > 60000, turn(&t->w));
	d.server.eat = SIZE_MAX;
	UNTIL(d.server.ended == 1, turn(&t->w));
	assert_int_equal(d.server.got_n, 300000);
	assert_memory_equal(d.server.got, bytes, 300000);
	duo_down(&d);
	free(bytes);
}

static void send_until_high(struct side *s)
{
	char *piece = pattern(30000);

	while (leg_queued(s->leg) <= LEG_HIGH_WATER)
		assert_true(side_send(s, (struct span){piece, 30000}));
	free(piece);
}

/* Decrypting flushes too, so the loop may never find the socket writable. */
static void test_writable_is_told_when_reading_made_the_room(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	duo_secure(&d, t);
	for (unsigned i = 1; i <= 10; i++) {
		send_until_high(&d.client);
		/* the loop looks at what was wanted last first */
		side_read_on(&d.client, false);
		side_read_on(&d.client, true);
		UNTIL(leg_queued(d.client.leg) == 0, {
			assert_true(side_send(&d.server, SPAN("x")));
			turn(&t->w);
		});
		UNTIL(d.client.writable == i, turn(&t->w));
	}
	duo_down(&d);
}

static void test_out_has_a_bound(void **state)
{
	struct tls_world *t = *state;
	char *piece = pattern(10000);
	struct duo d;
	int one, other;

	tcp_pair(&one, &other);
	side_up(&d.client, &t->w, one, IN_MAX, 300000);
	side_up(&d.server, &t->w, other, IN_MAX, OUT_MAX);
	duo_secure(&d, t);
	side_read_on(&d.server, false);
	while (side_send(&d.client, (struct span){piece, 10000}))
		assert_true(leg_queued(d.client.leg) < 450000);
	turn(&t->w);
	assert_int_equal(d.client.failed, 1);
	assert_int_equal(leg_why(d.client.leg), REASON_LIMIT_QUEUE);
	duo_down(&d);
	free(piece);
}

static void drop(struct side *s, enum leg_event event)
{
	enum leg_event *when = s->more;

	if (event == *when)
		side_drop(s);
}

static void test_leg_may_be_freed_in_its_callback(void **state)
{
	static enum leg_event when[] = {LEG_SECURED, LEG_READABLE};
	struct tls_world *t = *state;
	char *bytes = pattern(100000);

	for (size_t i = 0; i < ARRAY_LEN(when); i++) {
		struct duo d;

		duo_up(&d, t, 1000);
		d.server.on = drop;
		d.server.more = &when[i];
		d.server.eat = 10;
		secure(&d.server, server_tls(t, false), false);
		secure(&d.client, client_tls(t, "a.test", false), false);
		UNTIL(d.client.secured == 1, turn(&t->w));
		assert_true(side_send(&d.client, (struct span){bytes, 100000}));
		UNTIL(d.server.leg == NULL, turn(&t->w));
		settle(&t->w);
		assert_int_equal(d.server.secured + d.server.readable, when[i] == LEG_SECURED ? 1 : 2);
		duo_down(&d);
	}
	free(bytes);
}

/* buf_pool_free() aborts if anything is still lent. */
static void test_idle_legs_hold_no_storage(void **state)
{
	struct tls_world *t = *state;
	struct duo d;

	duo_up(&d, t, IN_MAX);
	duo_secure(&d, t);
	d.server.on = echo;
	assert_true(side_send(&d.client, SPAN("hello")));
	UNTIL(side_got(&d.client, "hello"), turn(&t->w));
	settle(&t->w);
	buf_pool_free(t->w.pool);
	t->w.pool = NULL;
	duo_down(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TLS_TEST(test_echo_in_both_roles),
	    TLS_TEST(test_words_written_during_the_handshake_follow_it),
	    TLS_TEST(test_starttls_inside_the_callback),
	    TLS_TEST(test_direct_tls_takes_the_bytes_already_read),
	    TLS_TEST(test_paused_leg_decrypts_nothing),
	    TLS_TEST(test_pause_inside_the_callback),
	    TLS_TEST(test_end_waits_for_room),
	    TLS_TEST(test_in_has_a_bound),
	    TLS_TEST(test_writable_is_told_when_reading_made_the_room),
	    TLS_TEST(test_out_has_a_bound),
	    TLS_TEST(test_leg_may_be_freed_in_its_callback),
	    TLS_TEST(test_idle_legs_hold_no_storage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
