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
	bool wildcard;       /* "*" among the subdomains: any one label below domain is ours as well */
	char **certificates; /* PEM files with full chains, the preferred one first; none: those of [certificates] … */
	size_t certificates_n;
	char **keys; /* … and their private keys, in the same order */
	size_t keys_n;
	char *backend_name; /* as written; NULL: left out, since there is only one */
	const struct conf_backend *backend;
	unsigned line; /* where its section starts, for messages */
};

/* A public key by the SHA-256 of its SubjectPublicKeyInfo, as RFC 7469 pins it. */
struct conf_key {
	uint8_t sha256[32];
};

/* A certificate by its issuer's key and its serial number, without leading zeros. */
struct conf_serial {
	struct conf_key issuer;
	uint8_t n, bytes[20];
};

/* What becomes of a certificate that no current revocation list speaks of. */
enum conf_revocation {
	REVOCATION_UNSET, /* in a [peer] section: as in [revocation] */
	REVOCATION_SOFT,  /* it counts */
	REVOCATION_HARD,  /* it does not */
};

/* [peer DOMAIN], [peer *.DOMAIN], [peer *]: what holds for remote domains in place of the general rules. */
struct conf_peer {
	struct domain domain; /* n == 0: "*" */
	bool below;           /* for the domains below it, at any depth, and not for itself */
	bool deny;            /* no stream in either direction */
	char **anchors;       /* PEM files: authorities that count for these domains … */
	size_t anchors_n;
	bool exclusive;        /* … and no others do */
	bool client_auth;      /* under them certificates for clients alone (EKU clientAuth) count as well */
	struct conf_key *pins; /* one of the chain's keys must be one of these */
	size_t pins_n;
	enum conf_revocation revocation;
	int64_t expires; /* Unix seconds from which on the row does not count; 0: never */
	char *note;      /* for the log; NULL: none */
	unsigned line;   /* where its section starts, for messages */
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
	uint32_t connections_domain;   /* streams from one remote domain that has shown a trusted certificate */
	uint32_t connections_backends; /* connections from backends in all */
	uint32_t accept_rate;          /* new public connections in a second, over ADMIT_WINDOW_S */
	uint32_t accept_rate_host;     /* likewise from one IPv4 address or IPv6 /64 */
	uint32_t stanza_bytes;     /* one stanza */
	uint32_t stanza_depth;
	uint32_t stanza_attributes;    /* of one element */
	uint32_t name_bytes;           /* an XML name */
	uint32_t negotiation_bytes;    /* one element before authentication */
	uint32_t negotiation_elements; /* top-level elements before authentication */
	uint32_t negotiation_total;    /* bytes before authentication, TLS not counted */
	uint32_t backend_pairs;        /* pairs on one backend stream */
	uint32_t queue_bytes;          /* waiting for one pair of a shared backend stream */
	uint32_t handshakes;           /* TLS handshakes in progress, a worker */
	uint32_t buffer_bytes;         /* buffers beyond one chunk a buffer, a worker */
	uint32_t dns_lookups;          /* in progress, a worker */
	uint32_t dns_records;          /* taken of one answer */
	uint32_t dns_aliases;          /* CNAME records in one answer */
};

/* What becomes of the daemon where the kernel cannot hold it to less than it may do. */
enum conf_guard {
	GUARD_TRY,     /* it runs, and says so */
	GUARD_REQUIRE, /* it does not start */
	GUARD_OFF,     /* the kernel is not asked */
};

struct conf {
	/* [global] */
	enum log_level log_level;
	uint32_t workers; /* 0: one a core */
	char *user;       /* to become after binding and reading keys; NULL: stay */
	char *secret;     /* dialback secret shared by instances of one gateway; NULL: a random one at start */
	/* [log] */
	char *log_target; /* "stderr", "journal", "journal:/path", "/path" */
	char *log_format; /* "logfmt", "json" */
	uint32_t log_lines; /* of one source in a minute; 0: any number */
	/* [control] */
	char *control_socket;
	uint32_t control_mode;
	/* [sandbox] */
	enum conf_guard seccomp, landlock;
	/* [public] */
	struct addr *public_listen;
	size_t public_listens;
	char *ciphers;         /* for TLS 1.2, as BoringSSL reads it; enables no weak suite whatever the file says */
	enum addr_reach reach; /* where other servers may be: names that lead nearer are not followed */
	/* [metrics] */
	struct addr *metrics_listen; /* none: not by TCP */
	size_t metrics_listens;
	bool metrics_remote;   /* others than this machine may be let in */
	char *metrics_socket;  /* NULL: no metrics by a Unix socket */
	uint32_t metrics_mode; /* its file's */
	/* [trust] */
	bool trust_system;    /* the system's bundle */
	char *trust_bundle;   /* where that lies; looked at only if trust_system */
	char **trust_anchors; /* further PEM files */
	size_t trust_anchors_n;
	/* [certificates] */
	char **certificate_folders; /* where the certificates of hosts that name none are looked for; the preferred one
	                               first */
	size_t certificate_folders_n;
	uint32_t certificate_interval; /* ms: how often our certificates' files are looked at for changes */
	/* [revocation] */
	char **crls; /* files of revocation lists, and folders of such files */
	size_t crls_n;
	enum conf_revocation revocation;
	uint32_t revocation_interval;  /* ms: how often those are looked at for changes */
	struct conf_key *blocked_keys; /* in the order of their bytes */
	size_t blocked_keys_n;
	struct conf_serial *blocked_serials; /* likewise */
	size_t blocked_serials_n;
	/* [dns] */
	struct addr *dns_servers; /* none: /etc/resolv.conf */
	size_t dns_servers_n;

	struct conf_backend *backends;
	size_t backends_n;
	struct conf_host *hosts;
	size_t hosts_n;
	struct conf_peer *peers;
	size_t peers_n;
	struct conf_timeouts timeouts;
	struct conf_limits limits;

	uint8_t text_sha256[32]; /* of the file; of no file: zeros */
	_Atomic uint32_t refs;   /* conf.c's */
	/* conf_index.c's: domain to host; domain, and what is below one, to row */
	struct conf_index *host_index, *peer_index, *below_index;
	const struct conf_peer *peer_any; /* [peer *]; NULL: there is none */
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
/* For such a one: adds a file or folder to crls.  False: no memory. */
MUST_CHECK bool conf_crl_add(struct conf *conf, const char *place);
/* Whether both were read from the same text, and so say the same. */
bool conf_same(const struct conf *a, const struct conf *b);
/* Calls fn with a few words for each option that differs ("idle in [timeouts]") and each section that has come or gone
 * ("[host example.org] is new"); values are not told. */
void conf_changes(
    const struct conf *before, const struct conf *now, void (*fn)(void *arg, const char *text), void *arg);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf); /* takes NULL */

/* Lets the log go where [log] says.  False: err holds a sentence, and nothing has changed. */
MUST_CHECK bool conf_open_log(const struct conf *conf, char *err, size_t err_n);

/* Which host serves a domain: exact domain, subdomain, then wildcard; NULL: not ours.  Constant time in the number of
 * hosts, by a table keyed with SipHash (names come from the network). */
const struct conf_host *conf_host_find(const struct conf *conf, const struct domain *domain);

/* The row that decides about a remote domain: its own, else that of the nearest domain above it, else [peer *]; NULL:
 * the general rules hold.  Rows whose time is over are passed over.  Constant time in the number of rows. */
const struct conf_peer *conf_peer_find(const struct conf *conf, const struct domain *domain, int64_t now);
/* Logs the rows whose time ended after `since`, up to now (Unix seconds). */
void conf_peers_remind(const struct conf *conf, int64_t since, int64_t now);
/* As it stands in the file: "[peer *.example.net]". */
#define CONF_PEER_TITLE_MAX (DOMAIN_MAX + sizeof("[peer *.]"))
const char *conf_peer_title(const struct conf_peer *row, char out[static CONF_PEER_TITLE_MAX]);

/* One row of the option table, as the manual and the annotated example are made from it. */
struct conf_option_doc {
	const char *section; /* "global", "backend NAME", … */
	const char *about;   /* what that is for: one sentence or two */
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
