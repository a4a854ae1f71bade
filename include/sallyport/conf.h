/* conf: the configuration as one immutable snapshot, read from an INI file through the option table (conf_options.c).
 *
 * A snapshot is reference-counted and never changes after conf_load(): any thread may read it while it holds a
 * reference.  conf reads the file and judges every value; that certificates parse and match their keys is judged by
 * cert_store_new(), which `sallyport -t` also runs. */
#ifndef SALLYPORT_CONF_H
#define SALLYPORT_CONF_H

#include "sallyport/addr.h"
#include "sallyport/base.h"
#include "sallyport/jid.h"
#include "sallyport/log.h"

/* [backend NAME]: an old server. */
struct conf_backend {
	char *name;
	struct addr connect;   /* where its s2s listener is reached (usually 127.0.0.1:5269) */
	struct addr *listen;   /* our listeners that its outgoing s2s arrives on (usually by redirect) */
	size_t listens;
	bool authenticate;     /* send its dialback key back to it before it may speak (invariant S10); default yes */
};

/* [host DOMAIN]: a domain that a backend serves, under our certificate. */
struct conf_host {
	struct domain domain;
	struct domain *subdomains; /* conference.example.org, …: domains of their own with the same settings */
	size_t subdomains_n;
	bool wildcard;             /* "*" among the subdomains: any one label below domain is ours as well */
	char *certificate, *key;   /* PEM files: full chain, private key */
	const struct conf_backend *backend;
	unsigned line;             /* where its section starts, for messages */
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
	uint32_t stanza_attributes; /* of one element */
	uint32_t name_bytes;       /* an XML name */
	uint32_t negotiation_bytes; /* one element before authentication */
	uint32_t negotiation_elements; /* top-level elements before authentication */
	uint32_t backend_pairs;    /* pairs on one backend stream */
	uint32_t queue_bytes;      /* waiting for one pair of a shared backend stream */
	uint32_t handshakes;       /* TLS handshakes in progress, a worker */
};

struct conf {
	/* [global] */
	enum log_level log_level;
	uint32_t workers;  /* 0: one a core */
	char *user;        /* to become after binding and reading keys; NULL: stay */
	char *secret;      /* dialback secret shared by instances of one gateway; NULL: a random one at start */
	/* [public] */
	struct addr *public_listen;
	size_t public_listens;
	/* [trust] */
	bool trust_system;     /* the system's bundle */
	char *trust_bundle;    /* where that lies; default /etc/ssl/certs/ca-certificates.crt */
	char **trust_anchors;  /* further PEM files */
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
};

/* One complaint: "file:line: cause (did you mean …?)". */
#define CONF_ERROR_MAX 512
struct conf_errors {
	size_t n;              /* how many there were; the first 20 are kept */
	char text[20][CONF_ERROR_MAX];
};

/* Reads and checks a file.  NULL: errors says why.  Returned with one reference. */
MUST_CHECK struct conf *conf_load(const char *path, struct conf_errors *errors);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf); /* takes NULL */

/* Which host serves a domain: exact domain, subdomain, then wildcard; NULL: not ours.  Constant time in the number of
 * hosts, by a table keyed with SipHash (names come from the network). */
const struct conf_host *conf_host_find(const struct conf *conf, const struct domain *domain);

/* One row of the option table, as the manual and the annotated example are made from it. */
struct conf_option_doc {
	const char *section; /* "global", "backend NAME", … */
	const char *key;
	const char *type;    /* "duration", "address", "path", … */
	const char *fallback; /* default as it would be written; NULL: none, "": empty */
	const char *doc;     /* one sentence */
	bool repeatable, required;
};
size_t conf_option_count(void);
void conf_option_get(size_t i, struct conf_option_doc *doc);

#endif
