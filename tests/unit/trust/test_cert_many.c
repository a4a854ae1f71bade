/* Ten thousand certificates: how long they take and how much memory, and one more that appears while we run. */
#include "pairs.h"

#include <time.h>
#include <unistd.h>

#define MANY 10000
#define SECONDS_MAX 2.0
#define MIB_MAX 150.0
#define RELOADS 20

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false
#else
#define MEASURED true
#endif

static double cpu(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* As certbot lays them out. */
static void put(const struct pairs *p, unsigned i, EVP_PKEY *key, struct span key_pem, const struct mint *inter)
{
	char name[64], path[128];
	struct mint_pem pem = {0};
	struct mint_spec spec = {.names = {{MINT_DNS, SPAN_NONE}}, .serial = i, .reuse_key = key};
	struct mint m;

	(void)snprintf(name, sizeof(name), "c%05u.hosting.test", i);
	spec.names[0].value = span_of(name);
	m = mint_new(&spec, inter);
	mint_pem_cert(&pem, &m);
	mint_pem_cert(&pem, inter);
	(void)snprintf(path, sizeof(path), "certs/live/%s", name);
	pairs_folder(p, path);
	(void)snprintf(path, sizeof(path), "certs/live/%s/fullchain.pem", name);
	mint_write(pairs_path(p, path), mint_pem_span(&pem));
	(void)snprintf(path, sizeof(path), "certs/live/%s/privkey.pem", name);
	mint_write(pairs_path(p, path), key_pem);
	mint_free(&m);
}

/* Direct TLS by SNI; which certificate is shown. */
static void check_shown(struct pairs *p, unsigned i)
{
	struct end client, server;
	char name[64];
	struct domain d, wrong = scene_domain("c00000.hosting.test");
	struct cert_chain *chain;
	struct cert_verdict v;

	(void)snprintf(name, sizeof(name), "c%05u.hosting.test", i);
	d = scene_domain(name);
	end_init(&client, tls_new(p->ctx, TLS_PUBLIC_OUT, NULL, &d, true), 1 << 16);
	end_init(&server, tls_new(p->ctx, TLS_PUBLIC_IN, NULL, NULL, true), 1 << 16);
	shake(&client, &server, 1 << 16);
	if (client.rc != TLS_DONE)
		fail_msg("%s: %s; %s", name, tls_error(client.tls), tls_error(server.tls));
	chain = tls_peer_chain(client.tls);
	cert_judge(p->store, chain, &d, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_NONE);
	cert_judge(p->store, chain, &wrong, NULL, MINT_NOW, &v);
	assert_int_equal(v.why, REASON_CERT_NAME);
	cert_chain_free(chain);
	end_free(&client);
	end_free(&server);
}

static void measure(struct pairs *p, const char *what)
{
	double before = resident_mib(), began_cpu = cpu(), began = wall(), took_cpu, took, grew;

	pairs_open(p, "[host hosting.test]\nsubdomains = *\n[certificates]\ndirectory = $D/certs\n");
	took_cpu = cpu() - began_cpu;
	took = wall() - began;
	grew = resident_mib() - before;
	print_message("%d certificates (%s) in %.2f s (%.2f s of processor), %.1f MiB more, %.1f MiB in all\n", MANY,
	    what, took, took_cpu, grew, resident_mib());
	if (MEASURED) {
		assert_true(took_cpu < SECONDS_MAX);
		assert_true(resident_mib() < MIB_MAX);
	}
}

/* Streams hold on to the store that they were made under, so all of them stay. */
static void reload(struct pairs *p)
{
	struct cert_store *store[RELOADS], *last = p->store;
	double before = 0, began = cpu();
	char err[512] = "";

	for (size_t i = 0; i < RELOADS; i++) {
		last = store[i] = cert_store_follow(p->conf, last, NULL, err, sizeof(err));
		assert_non_null(last);
		/* the first makes room for its lists, which the others find again */
		before = i == 0 ? resident_mib() : before;
	}
	print_message("%d reloads in %.2f s of processor, from %.1f MiB to %.1f MiB\n", RELOADS, cpu() - began, before,
	    resident_mib());
	assert_true(!MEASURED || resident_mib() < before * 1.05);
	for (size_t i = 0; i < RELOADS; i++)
		cert_store_free(store[i]);
}

static void check_many(struct pairs *p, enum mint_key kind, const char *what)
{
	EVP_PKEY *key = mint_key_new(kind);
	struct mint holder = {NULL, key};
	static struct mint_pem key_pem;
	struct mint inter =
	    mint_new(&(struct mint_spec){.cn = "Public Intermediate", .ca = true, .serial = 1}, &p->root);
	double began;

	key_pem = (struct mint_pem){0};
	mint_pem_key(&key_pem, &holder, NULL);
	pairs_folder(p, "certs/live");
	for (unsigned i = 1; i <= MANY; i++)
		put(p, i, key, mint_pem_span(&key_pem), &inter);
	measure(p, what);
	reload(p);
	for (unsigned i = 1; i <= MANY; i += 97)
		check_shown(p, i);
	put(p, MANY + 1, key, mint_pem_span(&key_pem), &inter);
	began = wall();
	check_shown(p, MANY + 1);
	print_message("one more, found by its name in %.1f ms\n", (wall() - began) * 1e3);
	began = wall();
	cert_own_refresh(p->store, time(NULL));
	print_message("a look at all files in %.1f ms\n", (wall() - began) * 1e3);
	mint_free(&inter);
	EVP_PKEY_free(key);
}

static void test_ecdsa(void **state)
{
	check_many(*state, MINT_P256, "ECDSA P-256");
}

static void test_rsa(void **state)
{
	check_many(*state, MINT_RSA2048, "RSA 2048");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ecdsa, pairs_up, pairs_down),
	    cmocka_unit_test_setup_teardown(test_rsa, pairs_up, pairs_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
