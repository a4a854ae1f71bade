/* The domains of the gateway's configuration, and a certificate for each. */
#include "init.h"

#include "sallyport/jid.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct search {
	struct init *in;
	struct cert_store *store;
	char **certificate, **key; /* all that there are, in step; without root */
	size_t n;
	int64_t now;
};

/* Names that no other server can look up. */
static bool is_local(const char *domain)
{
	static const char *const endings[] = {".localhost", ".localdomain", ".local", ".internal", ".invalid"};
	size_t n = strlen(domain);

	if (strchr(domain, '.') == NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		size_t m = strlen(endings[i]);

		if (n > m && strcmp(domain + n - m, endings[i]) == 0)
			return true;
	}
	return false;
}

/* In the one form that is compared, into to; what cannot be served is left out and named. */
static void take_domains(struct init *in, const struct names *from, struct names *to)
{
	struct domain d;

	for (size_t i = 0; i < from->n; i++) {
		if (!domain_parse(&d, span_of(from->v[i])))
			say(&in->talk, SAY_UNSURE, NULL, "\"%s\" is no domain and is left out", from->v[i]);
		else if (names_have(&in->skip, d.s))
			say(&in->talk, SAY_NOTE, NULL, "%s is left out, as asked", d.s);
		else if (is_local(d.s))
			say(&in->talk, SAY_NOTE, NULL, "%s is left out: no other server could look it up", d.s);
		else
			names_add(to, domain_span(&d));
	}
}

static bool take_pair(void *arg, const char *certificate, const char *key)
{
	struct search *s = arg;
	size_t root = strlen(s->in->root);

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->certificate[i], certificate + root) == 0)
			return true;
	}
	s->certificate = text_grow(s->certificate, (s->n + 1) * sizeof(char *));
	s->key = text_grow(s->key, (s->n + 1) * sizeof(char *));
	s->certificate[s->n] = text_of("%s", certificate + root);
	s->key[s->n++] = text_of("%s", key + root);
	return true;
}

static void look_into(struct search *s, const char *folder)
{
	char *full = text_of("%s%s", s->in->root, folder), err[256];

	if (access(full, F_OK) == 0) {
		(void)cert_files_find(full, take_pair, s, err, sizeof(err));
		if (err[0] != '\0')
			say(&s->in->talk, SAY_UNSURE, NULL, "%s", err);
	}
	free(full);
}

static void find_pairs(struct search *s)
{
	static const char *const folders[] = {
	    "/etc/letsencrypt", "/root/.acme.sh", "/var/lib/dehydrated/certs", "/etc/ejabberd", "/etc/prosody/certs"};
	const struct names *files = &s->in->server.certificates, *more = &s->in->server.folders;

	if (s->in->more_certs != NULL)
		look_into(s, s->in->more_certs);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		look_into(s, folders[i]);
	for (size_t i = 0; i < more->n; i++)
		look_into(s, more->v[i]);
	for (size_t i = 0; i < files->n; i++) { /* chain and key in one file */
		char *full = text_of("%s%s", s->in->root, files->v[i]);

		(void)take_pair(s, full, full);
		free(full);
	}
}

/* Whether a pair would do for a domain; else why says what is wrong with it, if it is the domain's at all. */
static bool is_good(const struct search *s, size_t i, const char *domain, int64_t *expires, char **why)
{
	char *certificate = text_of("%s%s", s->in->root, s->certificate[i]),
	     *key = text_of("%s%s", s->in->root, s->key[i]);
	struct cert_verdict verdict = {.why = REASON_CERT_INVALID};
	struct domain d;
	char err[256];
	bool parsed = domain_parse(&d, span_of(domain)), named = false;

	ENSURE(parsed);
	if (cert_files_judge(
	        s->store, &(struct keys_files){certificate, key}, &d, s->now, &verdict, &named, err, sizeof(err)) &&
	    verdict.why != REASON_NONE && named && *why == NULL)
		*why = text_of("%s: %s", s->certificate[i], verdict.peer_text);
	free(certificate);
	free(key);
	*expires = verdict.expires;
	return verdict.why == REASON_NONE;
}

/* The one that lasts longest; false: none would do. */
static bool find_certificate(const struct search *s, const char *domain, size_t *best, char **why)
{
	int64_t latest = 0, expires;

	for (size_t i = 0; i < s->n; i++) {
		if (is_good(s, i, domain, &expires, why) && expires > latest) {
			latest = expires;
			*best = i;
		}
	}
	return latest > 0;
}

static struct site_host *add_host(struct init *in, const char *domain)
{
	in->hosts = text_grow(in->hosts, (in->hosts_n + 1) * sizeof(*in->hosts));
	in->hosts[in->hosts_n] = (struct site_host){.domain = text_of("%s", domain)};
	return &in->hosts[in->hosts_n++];
}

static void add_domain(struct search *s, const char *domain)
{
	struct site_host *host = add_host(s->in, domain);
	char *why = NULL;
	size_t best = 0;

	if (find_certificate(s, domain, &best, &why)) {
		host->certificate = text_of("%s", s->certificate[best]);
		host->key = text_of("%s", s->key[best]);
		say(&s->in->talk, SAY_FOUND, NULL, "%s: certificate %s", domain, host->certificate);
	} else {
		char *fix = text_of(
		    "certbot certonly -d %s (or --certs FOLDER if it lies elsewhere; --skip %s if it is not to be "
		    "reached from elsewhere)",
		    domain, domain);

		say(&s->in->talk, SAY_MISSING, fix, "%s: no certificate that others would trust%s%s", domain,
		    why != NULL ? "; " : "", why != NULL ? why : "");
		free(fix);
	}
	free(why);
}

/* The nearest domain above; NULL: none. */
static struct site_host *host_above(struct init *in, const char *domain, size_t n)
{
	for (const char *dot = strchr(domain, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
		for (size_t i = 0; i < n; i++) {
			if (strcmp(in->hosts[i].domain, dot + 1) == 0)
				return &in->hosts[i];
		}
	}
	return NULL;
}

static bool covers(const struct search *s, const struct site_host *host, const char *domain)
{
	int64_t expires;
	char *why = NULL;
	bool good = false;

	for (size_t i = 0; host->certificate != NULL && i < s->n; i++) {
		if (strcmp(s->certificate[i], host->certificate) == 0)
			good = good || is_good(s, i, domain, &expires, &why);
	}
	free(why);
	return good;
}

/* Rooms and the like: under the certificate of the domain above, or one of their own. */
static void add_component(struct search *s, const char *domain, size_t domains)
{
	struct site_host *above = host_above(s->in, domain, domains);
	char *why = NULL, *fix;
	size_t best = 0;

	if (above == NULL || (!covers(s, above, domain) && find_certificate(s, domain, &best, &why))) {
		free(why);
		add_domain(s, domain);
		return;
	}
	free(why);
	names_add(&above->subdomains, span_of(domain));
	if (above->certificate == NULL || covers(s, above, domain))
		return;
	fix = text_of("certbot certonly --expand -d %s -d %s", above->domain, domain);
	say(&s->in->talk, SAY_UNSURE, fix,
	    "%s: not in the certificate of %s: servers that ask for trusted certificates will not "
	    "talk to it",
	    domain, above->domain);
	free(fix);
}

static struct cert_store *read_bundle(struct init *in)
{
	char *path = text_of("%s" BUNDLE, in->root), err[256];
	struct cert_store *store = NULL;
	size_t n;
	char *pem = text_read(path, &n);

	if (pem == NULL)
		say(&in->talk, SAY_MISSING, "apt install ca-certificates", "%s: the public authorities are not there",
		    path);
	else if ((store = cert_store_from_pem((struct span){pem, n}, err, sizeof(err))) == NULL)
		say(&in->talk, SAY_MISSING, "update-ca-certificates", "%s: %s", path, err);
	free(pem);
	free(path);
	return store;
}

static void find_all(struct search *s)
{
	struct names domains = {NULL, 0}, components = {NULL, 0};
	struct init *in = s->in;

	take_domains(in, &in->server.domains, &domains);
	take_domains(in, &in->domains, &domains);
	take_domains(in, &in->server.components, &components);
	for (size_t i = 0; i < domains.n; i++)
		add_domain(s, domains.v[i]);
	for (size_t i = 0; i < components.n; i++) {
		if (!names_have(&domains, components.v[i]))
			add_component(s, components.v[i], domains.n);
	}
	if (in->hosts_n == 0)
		say(&in->talk, SAY_MISSING, "name one with --domain, if the server serves it",
		    "no domain that other servers could reach");
	names_free(&domains);
	names_free(&components);
}

void init_find_hosts(struct init *in)
{
	struct search s = {.in = in, .now = time(NULL)};

	s.store = read_bundle(in);
	if (s.store != NULL) {
		find_pairs(&s);
		find_all(&s);
	}
	for (size_t i = 0; i < s.n; i++) {
		free(s.certificate[i]);
		free(s.key[i]);
	}
	free(s.certificate);
	free(s.key);
	cert_store_free(s.store);
}
