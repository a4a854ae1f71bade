/* What init writes, as a plan. */
#include "init.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DROP_IN "/etc/systemd/system/sallyport.service.d/init.conf"
#define CERTBOT "/etc/letsencrypt"
#define HOOK CERTBOT "/renewal-hooks/deploy/sallyport"

static const char rules_template[] = {
#include "init_rules.inc"
    0};

struct step *plan_add(struct plan *plan, enum step_kind kind, const char *path, mode_t mode)
{
	plan->v = text_grow(plan->v, (plan->n + 1) * sizeof(*plan->v));
	plan->v[plan->n] = (struct step){.kind = kind, .path = text_of("%s", path), .mode = mode};
	return &plan->v[plan->n++];
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->v[i].text != NULL)
			explicit_bzero(plan->v[i].text, plan->v[i].n); /* it may be a key */
		free(plan->v[i].text);
		free(plan->v[i].path);
	}
	free(plan->v);
	*plan = (struct plan){NULL, 0};
}

static bool is_there(const struct init *in, const char *path)
{
	char *full = text_of("%s%s", in->root, path);
	bool there = access(full, F_OK) == 0;

	free(full);
	return there;
}

static void add_folder(struct init *in, const char *path, mode_t mode, bool ours)
{
	struct step *step;

	if (is_there(in, path))
		return;
	step = plan_add(&in->plan, STEP_FOLDER, path, mode);
	step->ours = ours;
}

/* Those above it that are not there yet. */
static void add_parents(struct init *in, const char *path)
{
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		char *folder = text_of("%.*s", (int)(slash - path), path);

		add_folder(in, folder, 0755, false);
		free(folder);
	}
}

/* Takes the text over. */
static struct step *add_file(struct init *in, enum step_kind kind, const char *path, mode_t mode, char *text, size_t n)
{
	struct step *step = plan_add(&in->plan, kind, path, mode);
	char *full = text_of("%s%s", in->root, path), *now;
	size_t now_n;

	step->text = text;
	step->n = n;
	now = text_read(full, &now_n);
	step->exists = now != NULL || (errno != ENOENT && errno != ENOTDIR);
	step->done = now != NULL && now_n == n && memcmp(now, text, n) == 0;
	if (now != NULL)
		explicit_bzero(now, now_n);
	free(now);
	free(full);
	return step;
}

struct writer {
	FILE *out;
	char *text;
	size_t n;
};

static FILE *write_start(struct writer *w)
{
	*w = (struct writer){NULL, NULL, 0};
	w->out = open_memstream(&w->text, &w->n);
	if (w->out == NULL)
		(void)text_grow(NULL, SIZE_MAX); /* says so and ends */
	return w->out;
}

static struct step *write_end(struct init *in, struct writer *w, const char *path, mode_t mode)
{
	if (fclose(w->out) != 0)
		(void)text_grow(NULL, SIZE_MAX);
	return add_file(in, STEP_FILE, path, mode, w->text, w->n);
}

/* One file where chain and key are one. */
static char *copy_path(const struct site_host *host, const char *of)
{
	const char *name = strcmp(host->certificate, host->key) == 0 ? "server"
	                   : of == host->key                         ? "privkey"
	                                                             : "fullchain";

	return text_of(INIT_CERTS "/%s/%s.pem", host->domain, name);
}

static char *gateway_path(const struct site_host *host, const char *of)
{
	return host->copied ? copy_path(host, of) : text_of("%s", of);
}

static void copy_file(struct init *in, const struct site_host *host, const char *from)
{
	char *full = text_of("%s%s", in->root, from), *to = copy_path(host, from), *text;
	size_t n;

	text = text_read(full, &n);
	if (text == NULL)
		say(&in->talk, SAY_MISSING, NULL, "%s: %s", from, strerror(errno));
	else
		add_file(in, STEP_COPY, to, 0640, text, n)->ours = true;
	free(to);
	free(full);
}

static void compose_copies(struct init *in)
{
	for (size_t i = 0; i < in->hosts_n; i++) {
		const struct site_host *host = &in->hosts[i];
		char *folder = text_of(INIT_CERTS "/%s", host->domain);

		if (host->copied) {
			add_folder(in, folder, 0750, true);
			copy_file(in, host, host->certificate);
			if (strcmp(host->certificate, host->key) != 0)
				copy_file(in, host, host->key);
		}
		free(folder);
	}
}

/* What certbot calls the lineage: the folder of a certificate of its; for free().  NULL: not certbot's. */
static char *lineage(const struct site_host *host)
{
	static const char live[] = CERTBOT "/live/";
	const char *slash = strrchr(host->certificate, '/');

	if (!host->copied || strncmp(host->certificate, live, sizeof(live) - 1) != 0)
		return NULL;
	return text_of("%.*s", (int)(slash - host->certificate), host->certificate);
}

static void compose_hook(struct init *in)
{
	struct writer w;
	FILE *out = write_start(&w);
	bool any = false;

	fprintf(out,
	    "#!/bin/sh\n"
	    "# Written by sallyportctl init: certbot calls this after each renewal.  The gateway takes new files up by "
	    "itself.\n"
	    "set -e\n"
	    "copy() {\n"
	    "\tfor f in fullchain privkey; do\n"
	    "\t\tinstall -m 640 -g " INIT_USER " \"$RENEWED_LINEAGE/$f.pem\" \"" INIT_CERTS "/$1/$f.pem.new\"\n"
	    "\t\tmv \"" INIT_CERTS "/$1/$f.pem.new\" \"" INIT_CERTS "/$1/$f.pem\"\n"
	    "\tdone\n"
	    "}\n");
	for (size_t i = 0; i < in->hosts_n; i++) {
		char *from = lineage(&in->hosts[i]);

		if (from != NULL)
			fprintf(out, "[ \"$RENEWED_LINEAGE\" != %s ] || copy %s\n", from, in->hosts[i].domain);
		any = any || from != NULL;
		free(from);
	}
	if (any) {
		add_parents(in, HOOK);
		write_end(in, &w, HOOK, 0755)->shown = true;
	} else {
		(void)fclose(out);
		free(w.text);
	}
}

/* Copies that nothing renews. */
static void warn_of_copies(struct init *in)
{
	for (size_t i = 0; i < in->hosts_n; i++) {
		const struct site_host *host = &in->hosts[i];
		char *from = lineage(host), *fix;

		if (host->copied && from == NULL) {
			char *certificate = copy_path(host, host->certificate), *key = copy_path(host, host->key);

			if (strcmp(certificate, key) == 0)
				fix = text_of("after each renewal: install -m 640 -g " INIT_USER " %s %s",
				    host->certificate, certificate);
			else
				fix = text_of("after each renewal: install -m 640 -g " INIT_USER
				              " %s %s; install -m 640 -g " INIT_USER " %s %s",
				    host->certificate, certificate, host->key, key);
			say(&in->talk, SAY_UNSURE, fix, "%s: whoever renews %s has to renew the copy", host->domain,
			    host->certificate);
			free(certificate);
			free(key);
			free(fix);
		}
		free(from);
	}
}

/* The address ::1 is there. */
static bool has_ipv6(const struct init *in)
{
	size_t n = 1;
	char *text = in->root[0] == '\0' ? text_read("/proc/net/if_inet6", &n) : NULL;

	free(text);
	return n > 0 && (text != NULL || in->root[0] != '\0');
}

static void write_host(FILE *out, const struct site_host *host)
{
	char *certificate = gateway_path(host, host->certificate), *key = gateway_path(host, host->key);

	fprintf(out, "\n[host %s]\ncertificate = %s\nkey = %s\n", host->domain, certificate, key);
	for (size_t i = 0; i < host->subdomains.n; i++)
		fprintf(out, "%s%s", i == 0 ? "subdomains = " : " ", host->subdomains.v[i]);
	fputs(host->subdomains.n > 0 ? "\n" : "", out);
	free(certificate);
	free(key);
}

static void compose_conf(struct init *in)
{
	struct writer w;
	FILE *out = write_start(&w);
	bool v6 = has_ipv6(in);
	struct step *step;

	fprintf(out,
	    "# Written by sallyportctl init, for %s as %s has it.\n"
	    "# Every option there is: man sallyport.ini.  After a change: systemctl reload sallyport\n"
	    "# To take it all out again: sallyportctl undo\n\n"
	    "[global]\n"
	    "user = " INIT_USER "\n\n"
	    "# What the world opens to this machine's s2s port is brought here (" INIT_RULES ").\n"
	    "[public]\n"
	    "listen = 0.0.0.0:" INIT_PUBLIC_PORT "%s\n\n",
	    server_name(in->server.kind), in->server.config, v6 ? " [::]:" INIT_PUBLIC_PORT : "");
	fprintf(out,
	    "# connect: its own s2s listener.  listen: what it opens is brought here.\n"
	    "[backend %s]\n"
	    "connect = %s\n"
	    "listen = 127.0.0.1:" INIT_BACKEND_PORT "%s\n",
	    server_name(in->server.kind), in->server.connect, v6 ? " [::1]:" INIT_BACKEND_PORT : "");
	for (size_t i = 0; i < in->hosts_n; i++)
		write_host(out, &in->hosts[i]);
	step = write_end(in, &w, INIT_CONF, 0640);
	step->shown = step->ours = true;
}

static void write_elements(FILE *out, const struct names *direct, bool v6)
{
	const char *between = "\t\telements = { ";
	bool any = false;

	for (size_t i = 0; i < direct->n; i++) {
		if ((strchr(direct->v[i], ':') != NULL) != v6)
			continue;
		fprintf(out, "%s%s", between, direct->v[i]);
		between = ", ";
		any = true;
	}
	if (any)
		fputs(" }\n", out);
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* A line of the template, or what stands for it here. */
static void write_rule(struct init *in, FILE *out, const char *line, size_t n, bool *v6)
{
	if (starts(line, "define backend_user")) {
		fprintf(out, "define backend_user = \"%s\"\n", in->server.user);
	} else if (starts(line, "define s2s_ports")) {
		fputs("define s2s_ports = { ", out);
		for (size_t i = 0; i < in->server.ports_n; i++)
			fprintf(out, "%s%u", i > 0 ? ", " : "", in->server.ports[i]);
		fputs(" }\n", out);
	} else {
		fprintf(out, "%.*s\n", (int)n, line);
	}
	if (starts(line, "\t\t# elements")) {
		write_elements(out, &in->server.direct, *v6);
		*v6 = true;
	}
}

static void compose_rules(struct init *in)
{
	struct writer w;
	FILE *out = write_start(&w);
	bool v6 = false;

	for (const char *line = rules_template, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		write_rule(in, out, line, (size_t)(end - line), &v6);
	(void)write_end(in, &w, INIT_RULES, 0644);
}

static void compose_drop_in(struct init *in)
{
	struct writer w;
	FILE *out;

	if (in->groups.n == 0)
		return;
	out = write_start(&w);
	fputs("# Written by sallyportctl init: the groups that may read the "
	      "certificates.\n[Service]\nSupplementaryGroups=",
	    out);
	for (size_t i = 0; i < in->groups.n; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", in->groups.v[i]);
	fputc('\n', out);
	add_parents(in, DROP_IN);
	write_end(in, &w, DROP_IN, 0644)->shown = true;
}

static void compose_unit(struct init *in, const char *unit)
{
	struct step *step = plan_add(&in->plan, STEP_UNIT, unit, 0);

	step->done = run_quietly((const char *const[]){"systemctl", "is-enabled", unit, NULL}) == 0 &&
	             run_quietly((const char *const[]){"systemctl", "is-active", unit, NULL}) == 0;
}

void init_compose(struct init *in)
{
	bool copies = false;

	for (size_t i = 0; i < in->hosts_n; i++)
		copies = copies || in->hosts[i].copied;
	add_folder(in, INIT_FOLDER, 0755, false);
	if (copies)
		add_folder(in, INIT_CERTS, 0750, true);
	compose_copies(in);
	compose_conf(in);
	compose_rules(in);
	compose_drop_in(in);
	compose_hook(in);
	warn_of_copies(in);
	if (in->root[0] == '\0' && run_has_systemd()) {
		compose_unit(in, "sallyport.service");
		compose_unit(in, "sallyport-redirect.service");
	}
}
