#include "check_run.h"

/* A list of missing names, for one command. */
struct missing {
	char domains[200], options[260];
	size_t n;
};

static void miss(struct missing *m, const char *name)
{
	size_t d = strlen(m->domains), o = strlen(m->options);

	m->n++;
	(void)snprintf(m->domains + d, sizeof(m->domains) - d, "%s%s", d > 0 ? ", " : "", name);
	(void)snprintf(m->options + o, sizeof(m->options) - o, " -d %s", name);
}

/* Our certificate for one name; false: it does not name it, or there is none. */
static void judge_name(
    struct findings *all, const struct site *site, const struct domain *name, int64_t now, struct missing *missing)
{
	struct cert_own *own = cert_own_find(site->certs, name);
	struct cert_verdict v;
	struct finding *f;

	if (own == NULL) {
		f = finding_add(
		    all, FINDING_FAIL, "own", REASON_OWN_CERT, "%s: %s", name->s, reason_row(REASON_OWN_CERT)->text);
		finding_fix(f, "%s", reason_row(REASON_OWN_CERT)->fix);
		return;
	}
	cert_judge(site->certs, cert_own_chain(own), name, NULL, now, &v);
	cert_own_unref(own);
	if (v.why == REASON_CERT_NAME) {
		miss(missing, name->s);
	} else if (v.why != REASON_NONE) {
		f = finding_add(all, FINDING_FAIL, "own", v.why, "our certificate for %s: %s", name->s, v.detail);
		f->who = WHO_US;
		finding_so(f, "servers that keep the manifesto refuse us");
		check_fix(f, v.why, name);
	}
}

static void tell_missing(struct findings *all, const struct conf_host *host, const struct missing *m)
{
	struct finding *f;

	if (m->n == 0)
		return;
	f = finding_add(all, FINDING_WARN, "own", REASON_CERT_NAME, "our certificate does not name %s", m->domains);
	f->who = WHO_US;
	finding_so(f, "rooms and services there are refused by servers that keep the manifesto");
	finding_fix(f, "certbot certonly --cert-name %s --expand -d %s%s", host->domain.s, host->domain.s, m->options);
}

/* Old servers look for clientAuth in the certificate of whoever connects to them. */
static void tell_old_servers(struct findings *all, const struct site *site, const struct conf_host *host)
{
	struct cert_own *own = cert_own_find(site->certs, &host->domain);
	struct cert_facts leaf;
	struct finding *f;

	if (own == NULL)
		return;
	if (cert_chain_facts(cert_own_chain(own), 0, &leaf) && leaf.server && !leaf.client) {
		f = finding_add(all, FINDING_NOTE, "own", REASON_NONE,
		    "our certificate is for servers only, as all public ones are since 2026");
		finding_so(f,
		    "ejabberd before 25.07, MongooseIM and Metronome refuse it when we connect to them; Prosody, "
		    "Openfire, Tigase and ejabberd since take it");
		finding_fix(f, "they: upgrade, or let dialback through; there is nothing to be done here");
	}
	cert_own_unref(own);
}

void check_judge_own(struct findings *all, const struct site *site, const struct conf_host *host, int64_t now)
{
	struct missing missing = {.n = 0};
	size_t before = all->n;

	judge_name(all, site, &host->domain, now, &missing);
	for (size_t i = 0; i < host->subdomains_n; i++)
		judge_name(all, site, &host->subdomains[i], now, &missing);
	tell_missing(all, host, &missing);
	if (all->n == before)
		(void)finding_add(all, FINDING_OK, "own", REASON_NONE,
		    "our certificate names the domain and its %zu subdomain%s", host->subdomains_n,
		    host->subdomains_n == 1 ? "" : "s");
	tell_old_servers(all, site, host);
}
