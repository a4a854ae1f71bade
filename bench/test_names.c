/* names: what is answered, and that no query harms. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "names.h"

enum { A = 1, NS = 2, AAAA = 28, SRV = 33, NXDOMAIN = 3 };

static struct plan plan;
static struct bench bench;

static int set_up(void **state)
{
	(void)state;
	plan = (struct plan){.peers = "peers.lab", .routes = 10};
	bench = (struct bench){.plan = &plan};
	return addr_parse(&plan.remote, SPAN("192.0.2.9:5270"), false) ? 0 : 1;
}

/* A query with an EDNS record behind the question, as resolvers send it. */
static size_t ask(const char *name, unsigned type, uint8_t *out)
{
	static const uint8_t head[] = {0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
	static const uint8_t edns[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
	uint8_t *p = out + sizeof(head);

	memcpy(out, head, sizeof(head));
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	memcpy(p, (const uint8_t[]){0, 0, (uint8_t)type, 0, 1}, 5);
	memcpy(p + 5, edns, sizeof(edns));
	return (size_t)(p + 5 + sizeof(edns) - out);
}

/* Returns how many records came; data: the first one's. */
static unsigned answer(const char *name, unsigned type, unsigned rcode, const uint8_t **data, size_t *n)
{
	static uint8_t out[NAMES_MAX];
	uint8_t query[512];
	size_t asked = ask(name, type, query);
	size_t got = names_answer(&bench, (struct span){(const char *)query, asked}, out);

	assert_true(got >= asked - 11);
	assert_memory_equal(out, query, 2);
	assert_int_equal(out[2], 0x85); /* answer, authoritative, recursion was desired */
	assert_int_equal(out[3], rcode);
	assert_memory_equal(out + 12, query + 12, asked - 12 - 11); /* the question */
	assert_int_equal(out[11], 0);
	*data = out + asked - 11 + 12;
	*n = got - (asked - 11) - (out[7] > 0 ? 12 : 0);
	return out[7];
}

static void test_srv(void **state)
{
	static const uint8_t want[] = "\0\0\0\0\x14\x96\6r00007\5peers\3lab";
	const uint8_t *data;
	size_t n;

	(void)state;
	plan.direct_tls = false;
	assert_int_equal(answer("_xmpp-server._tcp.r00007.peers.lab", SRV, 0, &data, &n), 1);
	assert_int_equal(n, sizeof(want));
	assert_memory_equal(data, want, n);
	assert_int_equal(answer("_xmpps-server._tcp.r00007.peers.lab", SRV, NXDOMAIN, &data, &n), 0);
	plan.direct_tls = true;
	assert_int_equal(answer("_xmpps-server._tcp.r00007.peers.lab", SRV, 0, &data, &n), 1);
	assert_int_equal(answer("_XMPPS-Server._TCP.R00007.Peers.Lab", AAAA, 0, &data, &n), 0);
	assert_int_equal(answer("_xmpp-server._tcp.r00007.peers.lab", SRV, NXDOMAIN, &data, &n), 0);
}

static void test_addresses(void **state)
{
	const uint8_t *data;
	size_t n;

	(void)state;
	assert_int_equal(answer("r00003.peers.lab", A, 0, &data, &n), 1);
	assert_int_equal(n, 4);
	assert_memory_equal(data, "\300\0\2\11", 4);
	assert_int_equal(answer("r00003.peers.lab", AAAA, 0, &data, &n), 0);
	assert_int_equal(answer("r00003.peers.lab", NS, 0, &data, &n), 0);
	assert_int_equal(answer("r00010.peers.lab", A, NXDOMAIN, &data, &n), 0);
	assert_int_equal(answer("peers.lab", A, NXDOMAIN, &data, &n), 0);
	assert_int_equal(answer("r0003.peers.lab", A, NXDOMAIN, &data, &n), 0);
	assert_true(addr_parse(&plan.remote, SPAN("[2001:db8::9]:5270"), false));
	assert_int_equal(answer("r00003.peers.lab", AAAA, 0, &data, &n), 1);
	assert_int_equal(n, 16);
	assert_int_equal(answer("r00003.peers.lab", A, 0, &data, &n), 0);
}

/* Every cut and every altered byte: an answer or none, and nothing read or written beyond (the sanitizer looks). */
static void test_broken_queries(void **state)
{
	uint8_t query[512], *copy, *out = malloc(NAMES_MAX);
	size_t n = ask("_xmpp-server._tcp.r00007.peers.lab", SRV, query);

	(void)state;
	for (size_t cut = 0; cut <= n; cut++) {
		copy = malloc(cut + 1);
		memcpy(copy, query, cut);
		assert_in_range(names_answer(&bench, (struct span){(char *)copy, cut}, out), 0, NAMES_MAX);
		free(copy);
	}
	for (size_t at = 0; at < n; at++) {
		for (unsigned value = 0; value < 256; value++) {
			copy = malloc(n);
			memcpy(copy, query, n);
			copy[at] = (uint8_t)value;
			assert_in_range(names_answer(&bench, (struct span){(char *)copy, n}, out), 0, NAMES_MAX);
			free(copy);
		}
	}
	free(out);
}

/* Labels of 63 bytes, until the name is longer than any may be. */
static void test_long_names(void **state)
{
	uint8_t query[600] = {0xab, 0xcd, 1, 0, 0, 1}, out[NAMES_MAX];
	size_t n = 12;

	(void)state;
	for (int labels = 0; labels < 8; labels++, n += 64) {
		query[n] = 63;
		memset(query + n + 1, 'a', 63);
		memset(query + n + 64, 0, 5);
		query[n + 66] = A;
		size_t got = names_answer(&bench, (struct span){(const char *)query, n + 69}, out);
		assert_int_equal(got, labels < 3 ? n + 69 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_srv, set_up),
	    cmocka_unit_test_setup(test_addresses, set_up),
	    cmocka_unit_test_setup(test_broken_queries, set_up),
	    cmocka_unit_test_setup(test_long_names, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
