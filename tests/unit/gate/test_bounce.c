/* bounce: stanzas that go back, over a stream that this test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sallyport/bounce.h"

/* --- streams: these stand in for stream.c --- */

struct stream {
	const struct stream_hooks *hooks;
	void *arg;
	struct pair pair;
	char sent[200000];
	size_t sent_n;
	bool deaf, ended;
};

static struct {
	struct stream stream[4];
	unsigned n;
	bool no_memory;
} made;

struct stream *stream_open_backend(struct worker *w, struct site *site, const struct conf_backend *backend,
    const struct pair *pair, const struct stream_hooks *hooks, void *arg)
{
	struct stream *s = &made.stream[made.n];

	assert_true(w != NULL && site != NULL && backend != NULL);
	if (made.no_memory)
		return NULL;
	assert_true(made.n < ARRAY_LEN(made.stream));
	made.n++;
	*s = (struct stream){.hooks = hooks, .arg = arg, .pair = *pair};
	return s;
}

bool stream_send(struct stream *s, struct span bytes)
{
	assert_false(s->ended);
	if (s->deaf)
		return false;
	assert_true(bytes.n < sizeof(s->sent) - s->sent_n);
	memcpy(s->sent + s->sent_n, bytes.p, bytes.n);
	s->sent_n += bytes.n;
	return true;
}

void stream_adopt(struct stream *s, const struct stream_hooks *hooks, void *arg)
{
	s->hooks = hooks;
	s->arg = arg;
}

void stream_end(struct stream *s, enum reason why)
{
	assert_int_equal(why, REASON_CLOSED);
	assert_null(s->hooks);
	s->ended = true;
}

static void opens(struct stream *s)
{
	s->hooks->opened(s->arg, s);
}

static void ends(struct stream *s)
{
	const struct stream_hooks *hooks = s->hooks;

	s->ended = true;
	s->hooks = NULL;
	hooks->ended(s->arg, s);
}

/* --- the world --- */

struct world {
	struct conf conf;
	struct conf_backend backend;
	struct site site;
	struct worker worker;
	struct pair pair;
	struct bouncer *b;
	FILE *log;
};

static int world_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	made.n = 0;
	made.no_memory = false;
	w->conf.limits = (struct conf_limits){.stanza_bytes = 100000,
	    .stanza_depth = 32,
	    .stanza_attributes = 32,
	    .name_bytes = 1024,
	    .queue_bytes = 10000};
	w->site.refs = 1;
	w->site.conf = &w->conf;
	w->worker.site = &w->site;
	assert_true(domain_parse(&w->pair.from, SPAN("a.test")));
	assert_true(domain_parse(&w->pair.to, SPAN("peer.test")));
	w->log = tmpfile();
	assert_non_null(w->log);
	log_set_fd(fileno(w->log));
	w->b = bouncer_new(&w->worker, &w->site, &w->backend, &w->pair);
	assert_non_null(w->b);
	*state = w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(w->site.refs, 1); /* the bouncer is gone, and has let go of its site */
	log_set_fd(STDERR_FILENO);
	(void)fclose(w->log);
	free(w);
	return 0;
}

static void expect_log(struct world *w, const char *text)
{
	char line[4096];
	ssize_t n = pread(fileno(w->log), line, sizeof(line) - 1, 0);

	assert_true(n >= 0);
	line[n] = '\0';
	if (text == NULL)
		assert_string_equal(line, "");
	else
		assert_non_null(strstr(line, text));
}

static void bounce(struct world *w, const char *stanza, enum reason why)
{
	static const char header[] =
	    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>";
	const struct conf_limits *l = &w->conf.limits;
	struct xml_limits limits = {l->stanza_bytes, l->stanza_depth, l->stanza_attributes, l->name_bytes};
	struct xml *x = xml_new(&limits);
	struct xml_ev ev;

	assert_non_null(x);
	assert_int_equal(xml_next(x, &ev, SPAN(header)), XML_HEADER);
	assert_int_equal(xml_next(x, &ev, span_of(stanza)), XML_ELEMENT);
	bouncer_stanza(w->b, &ev, why);
	xml_free(x);
}

static void expect_sent(const struct stream *s, const char *text)
{
	const char *at = s->sent;

	/* each in turn, and nothing else that looks like a stanza */
	for (const char *id = text; *id != '\0'; id++) {
		char head[80];

		(void)snprintf(
		    head, sizeof(head), "<message id='%c' from='you@peer.test/r' to='me@a.test' type='error'>", *id);
		at = strstr(at, head);
		assert_non_null(at);
		at += strlen(head);
	}
	assert_null(strstr(at, "<message"));
}

static void send_id(struct world *w, char id)
{
	char stanza[160];

	(void)snprintf(stanza, sizeof(stanza),
	    "<message from='me@a.test' to='you@peer.test/r' id='%c'><body>secret</body></message>", id);
	bounce(w, stanza, REASON_DNS_NO_NAME);
}

/* --- tests --- */

static void stanzas_go_back_as_errors(void **state)
{
	struct world *w = *state;
	struct stream *s = &made.stream[0];

	assert_int_equal(made.n, 0);
	send_id(w, '1');
	send_id(w, '2');
	assert_int_equal(made.n, 1);
	assert_string_equal(s->pair.from.s, "peer.test");
	assert_string_equal(s->pair.to.s, "a.test");
	assert_int_equal(s->sent_n, 0);
	opens(s);
	expect_sent(s, "12");
	send_id(w, '3');
	assert_int_equal(made.n, 1);
	expect_sent(s, "123");
	assert_non_null(strstr(s->sent, "<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"));
	assert_non_null(strstr(s->sent, "The remote server can&apos;t be reached: the remote domain does not resolve"));
	assert_non_null(strstr(s->sent, "[SP-DNS-NO-NAME]"));
	assert_null(strstr(s->sent, "secret"));
	bouncer_release(w->b);
	assert_true(s->ended);
	expect_log(w, NULL);
}

/* RFC 6120 section 8.3.1: no error for an error, nor for an answer; else two servers would play tennis. */
static void errors_and_answers_do_not_come_back(void **state)
{
	struct world *w = *state;

	bounce(w, "<message type='error' from='me@a.test' to='you@peer.test'/>", REASON_DNS_NO_NAME);
	bounce(w, "<iq type='result' id='1' from='me@a.test' to='you@peer.test'/>", REASON_DNS_NO_NAME);
	assert_int_equal(made.n, 0);
	bouncer_release(w->b);
	expect_log(w, NULL);
}

static void released_one_delivers_first(void **state)
{
	struct world *w = *state;
	struct stream *s = &made.stream[0];

	send_id(w, '1');
	bouncer_release(w->b);
	assert_false(s->ended);
	opens(s);
	expect_sent(s, "1");
	assert_true(s->ended);
	expect_log(w, NULL);
}

static void stream_that_ends_is_made_anew(void **state)
{
	struct world *w = *state;

	send_id(w, '1');
	ends(&made.stream[0]);
	/* the backend is away: it is not kept for a day on which somebody may write again */
	assert_int_equal(made.n, 1);
	expect_log(w, "event=bounces-lost");
	assert_int_equal(ftruncate(fileno(w->log), 0), 0);
	send_id(w, '2');
	assert_int_equal(made.n, 2);
	opens(&made.stream[1]);
	expect_sent(&made.stream[1], "2");
	/* it may be idle for long, and go */
	ends(&made.stream[1]);
	send_id(w, '3');
	assert_int_equal(made.n, 3);
	opens(&made.stream[2]);
	expect_sent(&made.stream[2], "3");
	bouncer_release(w->b);
	assert_true(made.stream[2].ended);
	expect_log(w, NULL);
}

static void what_failed_to_leave_is_kept(void **state)
{
	struct world *w = *state;

	send_id(w, '1');
	opens(&made.stream[0]);
	made.stream[0].deaf = true;
	send_id(w, '2');
	made.no_memory = true;
	ends(&made.stream[0]);
	send_id(w, '3');
	made.no_memory = false;
	send_id(w, '4');
	assert_int_equal(made.n, 2);
	opens(&made.stream[1]);
	expect_sent(&made.stream[0], "1");
	expect_sent(&made.stream[1], "234");
	bouncer_release(w->b);
	expect_log(w, NULL);
}

/* Nobody has to write again for that. */
static void what_failed_to_leave_goes_to_the_next_stream(void **state)
{
	struct world *w = *state;

	send_id(w, '1');
	opens(&made.stream[0]);
	made.stream[0].deaf = true;
	send_id(w, '2');
	bouncer_release(w->b);
	ends(&made.stream[0]);
	assert_int_equal(made.n, 2);
	opens(&made.stream[1]);
	expect_sent(&made.stream[1], "2");
	assert_true(made.stream[1].ended);
	expect_log(w, NULL);
}

static void what_cannot_be_delivered_is_told(void **state)
{
	struct world *w = *state;

	send_id(w, '1');
	bouncer_release(w->b);
	ends(&made.stream[0]);
	expect_log(w, "event=bounces-lost from=peer.test to=a.test stanzas=0 bytes=");
}

static void released_without_a_stream_is_told_at_once(void **state)
{
	struct world *w = *state;

	made.no_memory = true;
	send_id(w, '1');
	bouncer_release(w->b);
	expect_log(w, "event=bounces-lost");
}

static void only_so_much_waits(void **state)
{
	struct world *w = *state;
	struct stream *s = &made.stream[0];

	for (unsigned i = 0; i < 100; i++)
		send_id(w, 'x');
	opens(s);
	assert_true(s->sent_n > 9000 && s->sent_n <= 10000);
	bouncer_release(w->b);
	expect_log(w, "event=bounces-lost from=peer.test to=a.test stanzas=");
}

static void kept_stanzas_are_read_again(void **state)
{
	static const char kept[] =
	    "<message xmlns:e='urn:e' from='me@a.test' to='you@peer.test/r' id='1'><e:x/></message>"
	    " \n"
	    "<message from='me@a.test' to='you@peer.test/r' id='2' type='error'/>"
	    "<message from='me@a.test' to='you@peer.test/r' id='3'/>";
	struct world *w = *state;

	bouncer_stanzas(w->b, SPAN(kept), REASON_CONNECT_REFUSED);
	opens(&made.stream[0]);
	expect_sent(&made.stream[0], "13");
	bouncer_release(w->b);
	expect_log(w, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(stanzas_go_back_as_errors),
	    TEST(errors_and_answers_do_not_come_back),
	    TEST(released_one_delivers_first),
	    TEST(stream_that_ends_is_made_anew),
	    TEST(what_failed_to_leave_is_kept),
	    TEST(what_failed_to_leave_goes_to_the_next_stream),
	    TEST(what_cannot_be_delivered_is_told),
	    TEST(released_without_a_stream_is_told_at_once),
	    TEST(only_so_much_waits),
	    TEST(kept_stanzas_are_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
