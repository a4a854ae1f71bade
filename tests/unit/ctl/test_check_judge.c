/* Facts about a server, and what check makes of them: verdicts, classes, findings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_judge.h"

#define ENDPOINTS 3

struct scene {
	struct domain theirs, ours;
	struct check_view view;
	struct probe_found found[ENDPOINTS];
	struct check_endpoint e[ENDPOINTS];
	struct findings all;
};

static struct domain domain_of(const char *text)
{
	struct domain d;

	assert_true(domain_parse(&d, span_of(text)));
	return d;
}

/* Three endpoints that nothing is wrong with, and who asks. */
static int up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->theirs = domain_of("r.example");
	s->ours = domain_of("l.example");
	s->view = (struct check_view){.domain = &s->theirs, .from = &s->ours, .now = 1000000};
	for (size_t i = 0; i < ENDPOINTS; i++) {
		struct probe_found *p = &s->found[i];

		*p = (struct probe_found){.secured = true, .heard = true, .authenticated = true, .at = STATE_OPEN};
		p->tls = (struct tls_facts){.version = "TLSv1.3", .cipher = "C", .group = "G", .asked = true};
		p->tls.asked_ecdsa = p->tls.asked_rsa = true;
		p->features.external = p->clear.starttls = p->clear.starttls_required = true;
		assert_true(addr_parse(&s->e[i].where.addr, SPAN("192.0.2.1:5269"), false));
		addr_set_port(&s->e[i].where.addr, (uint16_t)(5269 + i));
		s->e[i].found = p;
	}
	*state = s;
	return 0;
}

static int down(void **state)
{
	struct scene *s = *state;

	findings_free(&s->all);
	free(s);
	return 0;
}

static struct check_verdict verdict(const struct scene *s, size_t n)
{
	return check_verdict_of(&s->view, s->e, n, REASON_NONE);
}

static void fails(struct scene *s, size_t i, enum reason why)
{
	s->found[i].why = why;
	s->found[i].authenticated = false;
}

static void shows_bad_certificate(struct scene *s, size_t i, enum reason why)
{
	fails(s, i, why);
	s->found[i].verdict.why = why;
}

static void is_away(struct scene *s, size_t i, enum reason why)
{
	s->e[i].found = NULL;
	s->e[i].why = why;
}

static void all_is_well(void **state)
{
	struct check_verdict v = verdict(*state, 3);

	assert_int_equal(v.out, REASON_NONE);
	assert_int_equal(v.in, REASON_NONE);
	assert_true(v.out_known && v.in_known);
	assert_int_equal(v.class, CLASS_COMPLIANT);
}

static void one_good_endpoint_is_enough(void **state)
{
	struct scene *s = *state;

	is_away(s, 0, REASON_CONNECT_REFUSED);
	shows_bad_certificate(s, 1, REASON_CERT_EXPIRED);
	assert_int_equal(verdict(s, 3).out, REASON_NONE);
	assert_int_equal(verdict(s, 3).in, REASON_NONE);
	assert_int_equal(verdict(s, 3).class, CLASS_COMPLIANT);
}

/* As the gateway ends (stream_close.c): by the last endpoint that answered if it is the last of all, else by the first.
 */
static void the_reason_of_several(void **state)
{
	struct scene *s = *state;

	shows_bad_certificate(s, 0, REASON_CERT_EXPIRED);
	shows_bad_certificate(s, 1, REASON_CERT_NAME);
	is_away(s, 2, REASON_CONNECT_REFUSED);
	assert_int_equal(verdict(s, 3).out, REASON_CERT_EXPIRED);
	assert_int_equal(verdict(s, 2).out, REASON_CERT_NAME);
	is_away(s, 0, REASON_CONNECT_TIMEOUT);
	is_away(s, 1, REASON_CONNECT_FAILED);
	assert_int_equal(verdict(s, 3).out, REASON_CONNECT_REFUSED);
	assert_int_equal(verdict(s, 2).out, REASON_CONNECT_TIMEOUT);
	assert_false(verdict(s, 3).in_known);
	assert_int_equal(verdict(s, 3).class, CLASS_UNKNOWN);
}

static void nothing_to_connect_to(void **state)
{
	struct scene *s = *state;
	struct check_verdict v = check_verdict_of(&s->view, s->e, 0, REASON_DNS_NO_SERVICE);

	assert_int_equal(v.out, REASON_DNS_NO_SERVICE);
	assert_int_equal(v.class, CLASS_UNKNOWN);
	assert_false(v.in_known);
}

static void an_untrusted_certificate(void **state)
{
	struct scene *s = *state;
	struct check_verdict v;

	shows_bad_certificate(s, 0, REASON_CERT_SELF_SIGNED);
	v = verdict(s, 1);
	assert_int_equal(v.out, REASON_CERT_SELF_SIGNED);
	assert_int_equal(v.in, REASON_CERT_SELF_SIGNED);
	assert_int_equal(v.class, CLASS_UNTRUSTED);
}

static void classes_without_tls(void **state)
{
	static const struct {
		enum reason why;
		enum check_class class;
	} cases[] = {
	    {REASON_TLS_NOT_OFFERED, CLASS_NO_TLS},
	    {REASON_TLS_FAILED, CLASS_NO_TLS},
	    {REASON_TLS_REFUSED, CLASS_NO_TLS},
	    {REASON_TLS_TIMEOUT, CLASS_UNKNOWN},
	    {REASON_TIMEOUT, CLASS_UNKNOWN},
	    {REASON_PEER_LOST, CLASS_UNKNOWN},
	    {REASON_PEER_HOST_UNKNOWN, CLASS_UNKNOWN},
	    {REASON_XML_SYNTAX, CLASS_UNKNOWN},
	};
	struct scene *s = *state;

	s->found[0].secured = s->found[0].heard = s->found[0].tls.asked = false;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fails(s, 0, cases[i].why);
		assert_int_equal(verdict(s, 1).class, cases[i].class);
		assert_int_equal(verdict(s, 1).out, cases[i].why);
		assert_false(verdict(s, 1).in_known);
	}
	/* a server that breaks off since we show no certificate is not one without TLS */
	fails(s, 0, REASON_TLS_REFUSED);
	s->found[0].tls.asked = true;
	s->view.from = NULL;
	assert_int_equal(verdict(s, 1).class, CLASS_UNKNOWN);
}

static void dialback_alone(void **state)
{
	struct scene *s = *state;

	/* it asks nobody for a certificate: that can be told without one of ours */
	fails(s, 0, REASON_EXTERNAL_NOT_OFFERED);
	s->found[0].features = (struct xmpp_features){.dialback = true};
	s->found[0].tls.asked = false;
	assert_int_equal(verdict(s, 1).class, CLASS_DIALBACK_ONLY);
	s->view.from = NULL;
	s->found[0].why = REASON_NONE;
	assert_int_equal(verdict(s, 1).class, CLASS_DIALBACK_ONLY);
	assert_int_equal(verdict(s, 1).out, REASON_EXTERNAL_NOT_OFFERED);
	/* it asks, and offers only dialback to who shows none: that tells nothing */
	s->found[0].tls.asked = true;
	assert_int_equal(verdict(s, 1).class, CLASS_COMPLIANT);
	assert_int_equal(verdict(s, 1).out, REASON_NONE);
	assert_false(verdict(s, 1).out_known);
	/* it does so to our certificate */
	s->view.from = &s->ours;
	s->found[0].why = REASON_EXTERNAL_NOT_OFFERED;
	assert_int_equal(verdict(s, 1).class, CLASS_DIALBACK_ONLY);
	assert_int_equal(verdict(s, 1).out, REASON_EXTERNAL_NOT_OFFERED);
	assert_int_equal(verdict(s, 1).in, REASON_NONE);
	/* it asks, and offers nothing at all: our certificate is refused, and theirs is good */
	s->found[0].features = (struct xmpp_features){.starttls = false};
	assert_int_equal(verdict(s, 1).class, CLASS_COMPLIANT);
}

static void one_kind_of_key(void **state)
{
	struct scene *s = *state;

	s->found[0].tls.asked_rsa = false;
	assert_int_equal(verdict(s, 1).class, CLASS_ONE_KIND);
	s->found[0].tls.asked_rsa = true;
	s->found[0].tls.asked_ecdsa = false;
	assert_int_equal(verdict(s, 1).class, CLASS_ONE_KIND);
	assert_int_equal(verdict(s, 1).out, REASON_NONE);
}

/* What a server says inside TLS to who does not say who asks is no fault of the server's, but for one thing. */
static void without_a_name(void **state)
{
	struct scene *s = *state;

	s->view.from = NULL;
	s->found[0].heard = false;
	fails(s, 0, REASON_PEER_ERROR);
	assert_int_equal(verdict(s, 1).out, REASON_NONE);
	assert_int_equal(verdict(s, 1).class, CLASS_COMPLIANT);
	assert_false(verdict(s, 1).out_known);
	fails(s, 0, REASON_PEER_HOST_UNKNOWN);
	assert_int_equal(verdict(s, 1).out, REASON_PEER_HOST_UNKNOWN);
	assert_int_equal(verdict(s, 1).class, CLASS_UNKNOWN);
}

static void denied_by_us(void **state)
{
	struct scene *s = *state;

	s->view.denied = true;
	fails(s, 0, REASON_POLICY_DENIED);
	assert_int_equal(verdict(s, 1).out, REASON_POLICY_DENIED);
	assert_int_equal(verdict(s, 1).in, REASON_POLICY_DENIED);
	assert_int_equal(verdict(s, 1).class, CLASS_COMPLIANT);
	/* also when it cannot be reached */
	is_away(s, 0, REASON_CONNECT_REFUSED);
	assert_int_equal(verdict(s, 1).out, REASON_POLICY_DENIED);
}

static const struct finding *with_code(const struct scene *s, enum reason code)
{
	for (size_t i = 0; i < s->all.n; i++) {
		if (s->all.v[i].code == code)
			return &s->all.v[i];
	}
	return NULL;
}

/* Every reason for which an endpoint can fail is told of, with somebody who must act or a remedy. */
static void every_failure_has_words(void **state)
{
	struct scene *s = *state;

	for (enum reason why = REASON_CERT_NONE; why < REASON_COUNT; why++) {
		const struct finding *f;

		up((void **)&s);
		fails(s, 0, why);
		s->found[0].secured = false;
		check_judge_endpoint(&s->all, &s->view, &s->e[0], s->e, false);
		f = with_code(s, why);
		assert_non_null(f);
		assert_int_equal(f->level, FINDING_FAIL);
		assert_true(f->fix[0] != '\0' && f->so[0] != '\0');
		down((void **)&s);
		up((void **)&s);
		fails(s, 0, why);
		check_judge_endpoint(&s->all, &s->view, &s->e[0], s->e, false);
		f = with_code(s, why);
		if (why == REASON_POLICY_DENIED) /* told of at the beginning */
			assert_null(f);
		else
			assert_true(f != NULL && f->level == FINDING_FAIL && f->fix[0] != '\0');
		down((void **)&s);
	}
}

static void what_was_said_is_not_said_again(void **state)
{
	struct scene *s = *state;
	size_t n;

	is_away(s, 0, REASON_CONNECT_REFUSED);
	is_away(s, 1, REASON_CONNECT_REFUSED);
	is_away(s, 2, REASON_CONNECT_TIMEOUT);
	for (size_t i = 0; i < 3; i++)
		check_judge_endpoint(&s->all, &s->view, &s->e[i], s->e, true);
	n = s->all.n;
	assert_int_equal(n, 3);
	assert_int_equal(s->all.v[0].level, FINDING_WARN);
	assert_true(s->all.v[0].fix[0] != '\0');
	assert_true(s->all.v[1].fix[0] == '\0' && s->all.v[1].who == WHO_NOBODY);
	assert_true(s->all.v[2].fix[0] != '\0');
}

static void remedies_name_the_domain(void **state)
{
	struct scene *s = *state;
	struct finding *f = finding_add(&s->all, FINDING_FAIL, "cert", REASON_CERT_NAME, "x");

	check_fix(f, REASON_CERT_NAME, &s->theirs);
	assert_non_null(strstr(f->fix, "certbot certonly --expand -d r.example"));
	assert_int_equal(strncmp(f->fix, "they: ", 6), 0);
	f->who = WHO_US;
	check_fix(f, REASON_CERT_NAME, &s->theirs);
	assert_int_not_equal(strncmp(f->fix, "they: ", 6), 0);
	/* nothing points to fields of a log that is not there */
	for (enum reason why = REASON_NONE; why < REASON_COUNT; why++) {
		if (why == REASON_UNEXPECTED || why == REASON_TLS_BROKEN || why == REASON_BACKEND_REFUSED)
			continue;
		check_fix(f, why, &s->theirs);
		assert_null(strstr(f->fix, " field"));
	}
}

static void verdicts_in_words(void **state)
{
	struct scene *s = *state;
	struct check_verdict v = {.out = REASON_NONE, .in = REASON_CERT_NAME, .out_known = true, .in_known = true};

	check_judge_verdict(&s->all, &s->view, &v);
	assert_string_equal(s->all.v[0].text, "a stream from l.example to r.example stands");
	assert_int_equal(s->all.v[0].level, FINDING_OK);
	assert_string_equal(
	    s->all.v[1].text, "a stream from r.example would be refused, if it shows the same certificate");
	assert_int_equal(s->all.v[1].code, REASON_CERT_NAME);
	assert_int_equal(s->all.v[1].who, WHO_NOBODY);
	v.in_known = false;
	check_judge_verdict(&s->all, &s->view, &v);
	assert_int_equal(s->all.v[3].level, FINDING_NOTE);
	s->view.own = true;
	v.out = REASON_CERT_EXPIRED;
	check_judge_verdict(&s->all, &s->view, &v);
	assert_string_equal(s->all.v[4].topic, "in");
	assert_string_equal(s->all.v[4].text, "servers that keep the manifesto cannot send to r.example");
}

static void silence_is_no_refusal(void **state)
{
	(void)state;
	assert_true(check_reason_is_silence(REASON_CONNECT_TIMEOUT));
	assert_true(check_reason_is_silence(REASON_DNS_NO_NAME));
	assert_true(check_reason_is_silence(REASON_TIMEOUT));
	assert_false(check_reason_is_silence(REASON_CERT_EXPIRED));
	assert_false(check_reason_is_silence(REASON_TLS_NOT_OFFERED));
	assert_false(check_reason_is_silence(REASON_POLICY_DENIED));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
	    TEST(all_is_well),
	    TEST(one_good_endpoint_is_enough),
	    TEST(the_reason_of_several),
	    TEST(nothing_to_connect_to),
	    TEST(an_untrusted_certificate),
	    TEST(classes_without_tls),
	    TEST(dialback_alone),
	    TEST(one_kind_of_key),
	    TEST(without_a_name),
	    TEST(denied_by_us),
	    TEST(what_was_said_is_not_said_again),
	    TEST(remedies_name_the_domain),
	    TEST(verdicts_in_words),
	    cmocka_unit_test(every_failure_has_words),
	    cmocka_unit_test(silence_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
