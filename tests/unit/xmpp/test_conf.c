/* What a good configuration becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_folder.h"
#include "sallyport/conf.h"

#define REST                                                                                                           \
	"[public]\nlisten = 127.0.0.1:25269\n"                                                                         \
	"[trust]\nsystem = no\nanchor = $D/cert.pem\n"                                                                 \
	"[backend old]\nconnect = 127.0.0.1:5269\nlisten = 127.0.0.1:15269\n"                                          \
	"[host example.org]\ncertificate = $D/cert.pem\nkey = $D/key.pem\n"

static struct folder folder;
static struct conf_errors errors;

static struct conf *loaded(void)
{
	struct conf *conf = conf_load(folder.ini, &errors);

	if (conf == NULL)
		fail_msg("%s", errors.text[0]);
	return conf;
}

static struct conf *load(const char *text)
{
	folder_configure(&folder, text);
	return loaded();
}

static void assert_addr(const struct addr *a, const char *text)
{
	char got[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(a, got), text);
}

static void assert_path(const char *path, const char *name)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%s/%s", folder.path, name);
	assert_string_equal(path, expected);
}

static const struct conf_host *find(const struct conf *conf, const char *name)
{
	struct domain d;

	if (!domain_parse(&d, span_of(name)))
		fail_msg("%s is no domain", name);
	return conf_host_find(conf, &d);
}

static void defaults(void **state)
{
	struct conf *conf = load(REST);
	const struct conf_timeouts *t = &conf->timeouts;
	const struct conf_limits *l = &conf->limits;

	(void)state;
	assert_int_equal(errors.n, 0);
	assert_int_equal(errors.warnings, 0);
	assert_int_equal(conf->log_level, LOG_INFO);
	assert_int_equal(conf->workers, 0);
	assert_null(conf->user);
	assert_null(conf->secret);
	assert_string_equal(conf->trust_bundle, "/etc/ssl/certs/ca-certificates.crt");
	assert_int_equal(conf->dns_servers_n, 0);
	assert_true(conf->backends[0].authenticate);
	assert_false(conf->hosts[0].wildcard);
	assert_int_equal(conf->revocation, REVOCATION_SOFT);
	assert_int_equal(conf->revocation_interval, 60000);
	assert_int_equal(conf->crls_n + conf->blocked_keys_n + conf->blocked_serials_n + conf->peers_n, 0);
	assert_int_equal(t->negotiate, 30000);
	assert_int_equal(t->handshake, 20000);
	assert_int_equal(t->connect, 10000);
	assert_int_equal(t->dns, 10000);
	assert_int_equal(t->outbound, 18000);
	assert_int_equal(t->dialback, 30000);
	assert_int_equal(t->idle, 6 * 3600000);
	assert_int_equal(t->close, 5000);
	assert_int_equal(t->stall, 60000);
	assert_int_equal(t->retry, 30000);
	assert_int_equal(l->connections, 10000);
	assert_int_equal(l->connections_host, 100);
	assert_int_equal(l->handshakes, 256);
	assert_int_equal(l->stanza_bytes, 524288);
	assert_int_equal(l->stanza_depth, 128);
	assert_int_equal(l->stanza_attributes, 64);
	assert_int_equal(l->name_bytes, 1024);
	assert_int_equal(l->negotiation_bytes, 16384);
	assert_int_equal(l->negotiation_elements, 32);
	assert_int_equal(l->backend_pairs, 10000);
	assert_int_equal(l->queue_bytes, 1048576);
	conf_unref(conf);

	conf = conf_defaults();
	assert_non_null(conf);
	assert_true(conf->trust_system);
	assert_int_equal(conf->timeouts.idle, 6 * 3600000);
	assert_int_equal(conf->hosts_n + conf->backends_n + conf->public_listens, 0);
	assert_null(find(conf, "example.org"));
	conf_unref(conf);
}

/* Those of every_value. */
static void assert_hosts(const struct conf *conf)
{
	const struct conf_host *h = &conf->hosts[0];

	assert_int_equal(conf->backends_n, 2);
	assert_string_equal(conf->backends[0].name, "a.b-c_1");
	assert_addr(&conf->backends[0].connect, "[::1]:5269");
	assert_int_equal(conf->backends[0].listens, 2);
	assert_addr(&conf->backends[0].listen[1], "127.0.0.1:6");
	assert_false(conf->backends[0].authenticate);
	assert_true(conf->backends[1].authenticate);

	assert_int_equal(conf->hosts_n, 2);
	assert_string_equal(h->domain.s, "xn--exmple-cua.org");
	assert_int_equal(h->line, 23);
	assert_true(h->wildcard);
	assert_int_equal(h->subdomains_n, 3);
	assert_string_equal(h->subdomains[0].s, "conference.xn--exmple-cua.org");
	assert_string_equal(h->subdomains[2].s, "muc.example");
	assert_path(h->certificates[0], "cert.pem");
	assert_path(h->keys[0], "key.pem");
	assert_ptr_equal(h->backend, &conf->backends[0]);
	assert_ptr_equal(conf->hosts[1].backend, &conf->backends[1]);
	assert_true(conf->hosts[1].wildcard);
	assert_int_equal(conf->hosts[1].subdomains_n, 0);
}

static void every_value(void **state)
{
	struct conf *conf = load(
	    "[global]\r\nlog-level = debug\r\nworkers = 256 ; as many as there may be\r\nuser: "
	    "root\r\nsecret=0123456789abcdef\r\n"
	    "[public]\nlisten = 127.0.0.1:1, [::1]:2\nlisten=127.0.0.1:3\n"
	    "[ trust ]\nsystem = yes\nbundle = $D/cert.pem\nanchor = $D/cert.pem\nanchor = $D/key.pem\n"
	    "[dns]\nserver = 127.0.0.1 127.0.0.2:54 [::1]:55 [::2] ::3\n"
	    "[backend  a.b-c_1 ]\nconnect = [::1]:5269\nlisten = 127.0.0.1:5 127.0.0.1:6\nauthenticate = no\n"
	    "[backend z]\nconnect = 127.0.0.1:7\nlisten = 127.0.0.1:8\n"
	    "[host EXÄMPLE.org.] # comment\ncertificate = $D/cert.pem\nkey = $D/key.pem\nbackend = a.b-c_1\n"
	    "subdomains = conference.exämple.org other.example\nsubdomains = *\nsubdomains = muc.example\n"
	    "[host z.example]\ncertificate = $D/key.pem\nkey = $D/cert.pem\nbackend = z\nsubdomains = *.z.example\n"
	    "[timeouts]\nnegotiate = 1500ms\nidle = 24d\nretry = 0s\nhandshake = 2m\nclose = 1h\n"
	    "[limits]\nstanza-size = 10000\nqueue-size = 3M\nname-size = 2K\n");

	(void)state;
	assert_int_equal(conf->log_level, LOG_DEBUG);
	assert_int_equal(conf->workers, 256);
	assert_string_equal(conf->user, "root");
	assert_string_equal(conf->secret, "0123456789abcdef");
	assert_int_equal(conf->public_listens, 3);
	assert_addr(&conf->public_listen[0], "127.0.0.1:1");
	assert_addr(&conf->public_listen[1], "[::1]:2");
	assert_addr(&conf->public_listen[2], "127.0.0.1:3");
	assert_true(conf->trust_system);
	assert_path(conf->trust_bundle, "cert.pem");
	assert_int_equal(conf->trust_anchors_n, 2);
	assert_path(conf->trust_anchors[0], "cert.pem");
	assert_path(conf->trust_anchors[1], "key.pem");
	assert_int_equal(conf->dns_servers_n, 5);
	assert_addr(&conf->dns_servers[0], "127.0.0.1:53");
	assert_addr(&conf->dns_servers[1], "127.0.0.2:54");
	assert_addr(&conf->dns_servers[2], "[::1]:55");
	assert_addr(&conf->dns_servers[3], "[::2]:53");
	assert_addr(&conf->dns_servers[4], "[::3]:53");

	assert_hosts(conf);

	assert_int_equal(conf->timeouts.negotiate, 1500);
	assert_int_equal(conf->timeouts.idle, 24 * 86400000);
	assert_int_equal(conf->timeouts.retry, 0);
	assert_int_equal(conf->timeouts.handshake, 120000);
	assert_int_equal(conf->timeouts.close, 3600000);
	assert_int_equal(conf->limits.stanza_bytes, 10000);
	assert_int_equal(conf->limits.queue_bytes, 3 << 20);
	assert_int_equal(conf->limits.name_bytes, 2048);
	conf_unref(conf);
}

#define KEY_A "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="
#define KEY_B "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void every_value_of_trust(void **state)
{
	static const uint8_t serial[] = {0x3, 0x4f, 0x9a}, longest[20] = {0xff, [19] = 1};
	struct conf *conf = load(REST "[revocation]\ncrl = $D/cert.pem\ncrl = $D/folder\nmode = hard\ninterval = 1s\n"
	                              "block-key = " KEY_A ", " KEY_B "\n"
	                              "block-serial = 00:03:4F:9a " KEY_B "\n"
	                              "block-serial = ff00000000000000000000000000000000000001 " KEY_A "\n"
	                              "block-serial = 0:349 " KEY_A "\n"
	                              "[peer EXÄMPLE.net.]\nanchor = $D/cert.pem\nanchor = $D/key.pem\n"
	                              "exclusive = yes\nclient-auth = yes\npin = " KEY_B "\npin = " KEY_A "\n"
	                              "revocation = soft\nexpires = 2099-02-28\nnote = ticket 12: \"until moved\"\n"
	                              "[peer *.example.net]\ndeny = yes\n[peer *]\n");
	const struct conf_peer *p = conf->peers;
	char title[CONF_PEER_TITLE_MAX];

	(void)state;
	assert_int_equal(errors.warnings, 0);
	assert_int_equal(conf->crls_n, 2);
	assert_path(conf->crls[1], "folder");
	assert_int_equal(conf->revocation, REVOCATION_HARD);
	assert_int_equal(conf->revocation_interval, 1000);
	assert_int_equal(conf->blocked_keys_n, 2); /* in order, to be searched */
	assert_int_equal(conf->blocked_keys[0].sha256[31], 31);
	assert_int_equal(conf->blocked_keys[1].sha256[0], 0x77);
	assert_int_equal(conf->blocked_serials_n, 3);
	assert_int_equal(conf->blocked_serials[0].n, sizeof(serial));
	assert_memory_equal(conf->blocked_serials[0].bytes, serial, sizeof(serial));
	assert_int_equal(conf->blocked_serials[0].issuer.sha256[1], 1);
	assert_int_equal(conf->blocked_serials[1].n, 2);
	assert_memory_equal(conf->blocked_serials[1].bytes, ((uint8_t[]){3, 0x49}), 2);
	assert_int_equal(conf->blocked_serials[2].n, sizeof(longest));
	assert_memory_equal(conf->blocked_serials[2].bytes, longest, sizeof(longest));

	assert_int_equal(conf->peers_n, 3);
	assert_string_equal(conf_peer_title(&p[0], title), "[peer xn--exmple-cua.net]");
	assert_int_equal(p[0].anchors_n, 2);
	assert_path(p[0].anchors[1], "key.pem");
	assert_true(p[0].exclusive && p[0].client_auth && !p[0].deny);
	assert_int_equal(p[0].pins_n, 2);
	assert_int_equal(p[0].pins[0].sha256[31], 31);
	assert_int_equal(p[0].revocation, REVOCATION_SOFT);
	assert_true(p[0].expires == INT64_C(4076006400)); /* 2099-03-01T00:00:00Z */
	assert_string_equal(p[0].note, "ticket 12: \"until moved\"");
	assert_string_equal(conf_peer_title(&p[1], title), "[peer *.example.net]");
	assert_true(p[1].deny && !p[1].exclusive && !p[1].client_auth);
	assert_int_equal(p[1].revocation, REVOCATION_UNSET);
	assert_true(p[1].expires == 0);
	assert_string_equal(conf_peer_title(&p[2], title), "[peer *]");
	conf_unref(conf);
}

static const struct conf_peer *find_peer(const struct conf *conf, const char *name, int64_t now)
{
	struct domain d;

	assert_true(domain_parse(&d, span_of(name)));
	return conf_peer_find(conf, &d, now);
}

static void nearest_peer_decides(void **state)
{
	static const struct {
		const char *name;
		int row;  /* -1: none */
		int late; /* … once those with an end are over */
	} cases[] = {
	    {"example.net", 0, 0},
	    {"EXAMPLE.net.", 0, 0},
	    {"a.example.net", 1, 1},   /* not that of the domain above */
	    {"b.a.example.net", 1, 1}, /* at any depth */
	    {"c.example.net", 2, 1},
	    {"d.c.example.net", 3, 1},
	    {"xexample.net", -1, -1},
	    {"net", -1, -1},
	    {"over.example", 5, -1},
	    {"x.over.example", -1, -1},
	};
	struct conf *conf = load(REST "[peer example.net]\n[peer *.example.net]\n"
	                              "[peer c.example.net]\nexpires = 2090-01-01\n"
	                              "[peer *.c.example.net]\nexpires = 2090-01-01\n"
	                              "[peer *.e.example.net]\n"
	                              "[peer over.example]\nexpires = 2090-01-01\n");
	const int64_t end = INT64_C(3786998400); /* 2090-01-02T00:00:00Z */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conf_peer *row = cases[i].row < 0 ? NULL : &conf->peers[cases[i].row];
		const struct conf_peer *late = cases[i].late < 0 ? NULL : &conf->peers[cases[i].late];

		if (find_peer(conf, cases[i].name, end - 1) != row || find_peer(conf, cases[i].name, end) != late)
			fail_msg("%s", cases[i].name);
	}
	assert_null(conf_peer_find(conf, &(struct domain){.n = 0}, 0));
	conf_unref(conf);

	conf = load(REST "[peer *]\nexpires = 2090-01-01\n[peer example.net]\n");
	assert_ptr_equal(find_peer(conf, "example.net", 0), &conf->peers[1]);
	assert_ptr_equal(find_peer(conf, "a.example.net", end - 1), &conf->peers[0]);
	assert_null(find_peer(conf, "a.example.net", end));
	conf_unref(conf);
}

static void ends_of_rows_are_told_once(void **state)
{
	struct conf *conf = load(REST "[peer example.net]\nexpires = 2090-01-01\nnote = moved\n[peer *]\n");
	const int64_t end = INT64_C(3786998400); /* 2090-01-02T00:00:00Z */
	char line[LOG_LINE_MAX];
	FILE *log = tmpfile();

	(void)state;
	assert_non_null(log);
	log_set_fd(fileno(log));
	conf_peers_remind(conf, 0, end - 1);
	conf_peers_remind(conf, end - 1, end);
	conf_peers_remind(conf, end, end + 1000);
	log_set_fd(STDERR_FILENO);
	rewind(log);
	assert_non_null(fgets(line, sizeof(line), log));
	assert_non_null(
	    strstr(line, "level=warning event=policy text=\"the last day of a row is over: it no longer counts\" "
	                 "policy=\"[peer example.net]\" note=moved\n"));
	assert_null(fgets(line, sizeof(line), log));
	assert_int_equal(fclose(log), 0);
	conf_unref(conf);
}

static void hosts_are_found(void **state)
{
	static const struct {
		const char *name;
		int host; /* -1: not ours */
	} cases[] = {
	    {"example.org", 0},
	    {"EXAMPLE.org.", 0},
	    {"conference.example.org", 0},
	    {"other.example", 0},
	    {"x.example.org", 0},
	    {"x.y.example.org", -1},          /* the wildcard is one label */
	    {"x.conference.example.org", -1}, /* and stands below the host's own domain only */
	    {"x.other.example", -1},
	    {"special.example.org", 1}, /* a domain of its own comes before another's wildcard */
	    {"x.special.example.org", -1},
	    {"org", -1},
	    {"example.com", -1},
	    {"xexample.org", -1},
	    {"192.0.2.1", -1},
	};
	struct conf *conf = load(REST "subdomains = conference.example.org other.example *\n"
	                              "[host special.example.org]\ncertificate = $D/cert.pem\nkey = $D/key.pem\n");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conf_host *host = cases[i].host < 0 ? NULL : &conf->hosts[cases[i].host];

		if (find(conf, cases[i].name) != host)
			fail_msg("%s", cases[i].name);
	}
	assert_null(conf_host_find(conf, &(struct domain){.n = 0}));
	assert_ptr_equal(conf->hosts[0].backend, &conf->backends[0]);
	assert_ptr_equal(conf->hosts[1].backend, &conf->backends[0]); /* the only one need not be named */
	conf_unref(conf);
}

static void thousands_of_hosts(void **state)
{
	enum { HOSTS = 10000 };
	char *text = NULL, name[64];
	struct conf *conf;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	fputs(REST, out);
	for (int i = 0; i < HOSTS; i++)
		fprintf(out,
		    "[host h%d.example]\ncertificate = $D/cert.pem\nkey = $D/key.pem\nsubdomains = muc.h%d.example\n",
		    i, i);
	fclose(out);
	conf = load(text);
	free(text);
	assert_int_equal(conf->hosts_n, HOSTS + 1);
	for (int i = 0; i < HOSTS; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		assert_ptr_equal(find(conf, name), &conf->hosts[i + 1]);
		snprintf(name, sizeof(name), "muc.h%d.example", i);
		assert_ptr_equal(find(conf, name), &conf->hosts[i + 1]);
		snprintf(name, sizeof(name), "x.h%d.example", i);
		assert_null(find(conf, name));
	}
	conf_unref(conf);
}

static void references(void **state)
{
	struct conf *conf = load(REST);

	(void)state;
	assert_ptr_equal(conf_ref(conf), conf);
	conf_unref(conf);
	assert_non_null(find(conf, "example.org")); /* the other reference holds it */
	conf_unref(conf);
	conf_unref(NULL);
}

/* What is made from the table: manual, example, advice. */
/* A reload need not keep two that say the same. */
static void same_text_is_the_same(void **state)
{
	struct conf *first = load(REST), *second = load(REST), *other = load(REST "subdomains = x.example\n");
	struct conf *none = conf_defaults(), *neither = conf_defaults();

	(void)state;
	assert_true(conf_same(first, second));
	assert_false(conf_same(first, other));
	assert_false(conf_same(none, neither));
	conf_unref(first);
	conf_unref(second);
	conf_unref(other);
	conf_unref(none);
	conf_unref(neither);
}

static void options_are_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_option_count(); i++) {
		struct conf_option_doc doc, other;

		conf_option_get(i, &doc);
		assert_true(strlen(doc.section) > 0 && strlen(doc.type) > 0 && strlen(doc.example) > 0);
		if (strspn(doc.key, "abcdefghijklmnopqrstuvwxyz-") != strlen(doc.key) || strlen(doc.doc) < 10 ||
		    doc.doc[strlen(doc.doc) - 1] != '.')
			fail_msg("[%s] %s: %s", doc.section, doc.key, doc.doc);
		assert_false(doc.required && doc.fallback != NULL);
		for (size_t j = 0; j < i; j++) {
			conf_option_get(j, &other);
			assert_false(strcmp(doc.section, other.section) == 0 && strcmp(doc.key, other.key) == 0);
		}
	}
	assert_in_range(conf_option_count(), 40, 100);
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r"), *out;
	char *text = NULL;
	size_t n = 0;

	if (in == NULL)
		fail_msg("there is no %s", path);
	out = open_memstream(&text, &n);
	for (int c; (c = getc(in)) != EOF;)
		putc(c, out);
	fclose(in);
	fclose(out);
	return text;
}

/* Where the shipped files name what this machine may not have. */
static char *made_local(char *text)
{
	static const char *const names[][2] = {
	    {"/etc/letsencrypt/live/example.org/fullchain.pem", "$D/cert.pem"},
	    {"/etc/letsencrypt/live/example.org/privkey.pem", "$D/key.pem"},
	    {";bundle = /etc/ssl/certs/ca-certificates.crt", "bundle = $D/cert.pem"},
	    {"/etc/sallyport/private-ca.pem", "$D/cert.pem"},
	    {"/etc/sallyport/crl", "$D/folder"},
	    {"directory = /etc/letsencrypt\n", "directory = $D\n"},
	    {"user = sallyport", "user = root"},
	    {"secret = 16 or more random characters", "secret = 0123456789abcdef"},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *changed = replace_all(text, names[i][0], names[i][1]);

		free(text);
		text = changed;
	}
	return text;
}

static void example_is_up_to_date(void **state)
{
	char *shipped = read_file(SALLYPORT_SOURCE_DIR "/conf/sallyport.ini");
	char *made = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&made, &n);

	(void)state;
	conf_write_example(out);
	fclose(out);
	if (strcmp(shipped, made) != 0) {
		out = fopen("sallyport.ini", "w");
		assert_non_null(out);
		fputs(made, out);
		fclose(out);
		fail_msg(
		    "conf/sallyport.ini is not what the option table makes: sallyport.ini in this test's folder is");
	}
	free(made);
	free(shipped);
}

/* As shipped, and with every option put to use: the values shown are good ones, and the defaults are the defaults. */
static void shipped_files_load(void **state)
{
	char *text = made_local(read_file(SALLYPORT_SOURCE_DIR "/conf/minimal.ini"));
	char *own_trust = NULL;
	struct conf *conf, *plain;

	(void)state;
	assert_true(asprintf(&own_trust, "%s[trust]\nbundle = $D/cert.pem\n", text) > 0);
	conf = load(own_trust);
	assert_int_equal(errors.warnings, 0);
	free(own_trust);
	free(text);
	conf_unref(conf);

	text = made_local(read_file(SALLYPORT_SOURCE_DIR "/conf/sallyport.ini"));
	plain = load(text);
	assert_int_equal(errors.warnings, 0);
	for (char *line = strstr(text, "\n;"); line != NULL; line = strstr(line, "\n;"))
		line[1] = ' ', memmove(line + 1, line + 2, strlen(line + 2) + 1);
	conf = load(text);
	assert_int_equal(errors.warnings, 0);
	free(text);
	assert_memory_equal(&conf->timeouts, &plain->timeouts, sizeof(plain->timeouts));
	assert_memory_equal(&conf->limits, &plain->limits, sizeof(plain->limits));
	assert_int_equal(conf->workers, plain->workers);
	assert_int_equal(conf->log_level, plain->log_level);
	assert_string_equal(conf->user, "root");
	assert_int_equal(conf->hosts[0].subdomains_n, 2);
	assert_int_equal(conf->dns_servers_n, 2);
	assert_int_equal(plain->peers_n, 0);
	assert_int_equal(conf->peers_n, 1);
	assert_int_equal(conf->peers[0].pins_n, 1);
	conf_unref(plain);
	conf_unref(conf);
}

static int set_up(void **state)
{
	(void)state;
	folder_make(&folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(every_value),
	    cmocka_unit_test(every_value_of_trust),
	    cmocka_unit_test(nearest_peer_decides),
	    cmocka_unit_test(ends_of_rows_are_told_once),
	    cmocka_unit_test(hosts_are_found),
	    cmocka_unit_test(thousands_of_hosts),
	    cmocka_unit_test(references),
	    cmocka_unit_test(same_text_is_the_same),
	    cmocka_unit_test(options_are_described),
	    cmocka_unit_test(example_is_up_to_date),
	    cmocka_unit_test(shipped_files_load),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
