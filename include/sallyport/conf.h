/* conf: the configuration as one immutable snapshot, read from an INI file through the option table (conf_options.c).
 *
 * A snapshot is reference-counted and never changes after conf_load(): any thread may read it while it holds a
 * reference.  conf reads the file and judges every value; that certificates parse and match their keys is judged by
 * cert_store_new(), which `sallyport -t` also runs. */
#ifndef SALLYPORT_CONF_H
#define SALLYPORT_CONF_H

#include <stdatomic.h>
#include <stdio.h>

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/jid.h"
#include "sallyport/log.h"

/* [backend NAME]: an old server. */
struct conf_backend {
	char *name;          /* letters, digits, '-', '_' and '.' */
	struct addr connect; /* where its s2s listener is reached (usually 127.0.0.1:5269) */
	struct addr *listen; /* our listeners that its outgoing s2s arrives on (usually by redirect) */
	size_t listens;
	bool authenticate; /* send its dialback key back to it before it may speak (invariant S10); default yes */
};

/* [host DOMAIN]: a domain that a backend serves, under our certificate. */
struct conf_host {
	struct domain domain;
	struct domain *subdomains; /* conference.example.org, …: domains of their own with the same settings */
	size_t subdomains_n;
	bool wildcard;           /* "*" among the subdomains: any one label below domain is ours as well */
	char *certificate, *key; /* PEM files: full chain, private key */
	char *backend_name;      /* as written; NULL: left out, since there is only one */
	const struct conf_backend *backend;
	unsigned line; /* where its section starts, for messages */
};

/* [timeouts], all in milliseconds. */
struct conf_timeouts {
	uint32_t negotiate; /* each step of a stream's negotiation: header, features, SASL, … */
	uint32_t handshake; /* a TLS handshake */
	uint32_t connect;   /* one TCP connection attempt */
	uint32_t dns;       /* one resolution, all its queries together */
	uint32_t outbound;  /* from the backend's db:result to our answer, everything included */
	uint32_t dialback;  /* the backend's whole part: connect, TLS, our key verified */
	uint32_t idle;      /* an established stream on which nothing at all moves */
	uint32_t close;     /* from our </stream:stream> to the peer's */
	uint32_t stall;     /* a sink that takes no byte */
	uint32_t retry;     /* how long a failure to reach a remote domain is remembered */
};

/* [limits] */
struct conf_limits {
	uint32_t connections;      /* public connections in all */
	uint32_t connections_host; /* public connections from one IPv4 address or IPv6 /64 */
	uint32_t stanza_bytes;     /* one stanza */
	uint32_t stanza_depth;
	uint32_t stanza_attributes;    /* of one element */
	uint32_t name_bytes;           /* an XML name */
	uint32_t negotiation_bytes;    /* one element before authentication */
	uint32_t negotiation_elements; /* top-level elements before authentication */
	uint32_t backend_pairs;        /* pairs on one backend stream */
	uint32_t queue_bytes;          /* waiting for one pair of a shared backend stream */
	uint32_t handshakes;           /* TLS handshakes in progress, a worker */
};

struct conf {
	/* [global] */
	enum log_level log_level;
	uint32_t workers; /* 0: one a core */
	char *user;       /* to become after binding and reading keys; NULL: stay */
	char *secret;     /* dialback secret shared by instances of one gateway; NULL: a random one at start */
	/* [public] */
	struct addr *public_listen;
	size_t public_listens;
	/* [trust] */
	bool trust_system;    /* the system's bundle */
	char *trust_bundle;   /* where that lies; looked at only if trust_system */
	char **trust_anchors; /* further PEM files */
	size_t trust_anchors_n;
	/* [dns] */
	struct addr *dns_servers; /* none: /etc/resolv.conf */
	size_t dns_servers_n;

	struct conf_backend *backends;
	size_t backends_n;
	struct conf_host *hosts;
	size_t hosts_n;
	struct conf_timeouts timeouts;
	struct conf_limits limits;

	_Atomic uint32_t refs;    /* conf.c's */
	struct conf_index *index; /* conf_index.c's: domain to host */
};

/* Complaints, each "file:line: cause", where the line is known.  Errors keep the daemon from starting, warnings don't.
 */
#define CONF_ERROR_MAX 512
#define CONF_ERRORS_KEPT 20
struct conf_errors {
	size_t n; /* how many errors there were; the first CONF_ERRORS_KEPT are kept */
	char text[CONF_ERRORS_KEPT][CONF_ERROR_MAX];
	size_t warnings; /* likewise */
	char warning[CONF_ERRORS_KEPT][CONF_ERROR_MAX];
};

/* Reads and checks a file.  NULL: errors says why; else there may be warnings.  Returned with one reference. */
MUST_CHECK struct conf *conf_load(const char *path, struct conf_errors *errors);
/* What an empty file would mean: every default, no listener, backend or host.  For tools that have no configuration;
 * the caller may fill it in (strings and arrays from malloc()) before it shares it.  NULL: no memory. */
MUST_CHECK struct conf *conf_defaults(void);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf); /* takes NULL */

/* Which host serves a domain: exact domain, subdomain, then wildcard; NULL: not ours.  Constant time in the number of
 * hosts, by a table keyed with SipHash (names come from the network). */
const struct conf_host *conf_host_find(const struct conf *conf, const struct domain *domain);

/* One row of the option table, as the manual and the annotated example are made from it. */
struct conf_option_doc {
	const char *section; /* "global", "backend NAME", … */
	const char *key;
	const char *type;     /* "duration", "address", "path", … */
	const char *fallback; /* default as it would be written; NULL: none */
	const char *example;  /* a value to show; never NULL */
	const char *doc;      /* one sentence or two */
	bool repeatable, required;
};
size_t conf_option_count(void);
void conf_option_get(size_t i, struct conf_option_doc *doc); /* i < conf_option_count(); static strings */
/* Writes the annotated example (conf/sallyport.ini): every option with its sentence and default. */
void conf_write_example(FILE *out);

#endif
