#include "conf_internal.h"

#include <stdlib.h>

#define KEY_MAX 64
#define SECOND 1000u
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KEY_EXAMPLE "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM="
#define KIB 1024u
#define MIB (1024 * KIB)

enum {
	S_GLOBAL,
	S_LOG,
	S_CONTROL,
	S_SANDBOX,
	S_PUBLIC,
	S_CERTIFICATES,
	S_TRUST,
	S_REVOCATION,
	S_DNS,
	S_BACKEND,
	S_HOST,
	S_PEER,
	S_TIMEOUTS,
	S_LIMITS,
	S_METRICS,
	S_COUNT
};

const struct conf_section conf_sections[] = {
    [S_GLOBAL] = {"global", NULL, NULL, CONF_OF_ALL, "The process."},
    [S_LOG] = {"log", NULL, NULL, CONF_OF_ALL, "Where and how it tells what it does; log-level of [global] says how much."},
    [S_CONTROL] = {"control", NULL, NULL, CONF_OF_ALL, "Where sallyportctl asks and commands."},
    [S_SANDBOX] = {"sandbox", NULL, NULL, CONF_OF_ALL, "What the kernel holds the processes to."},
    [S_PUBLIC] = {"public", NULL, NULL, CONF_OF_ALL, "The side that other servers see."},
    [S_CERTIFICATES] = {"certificates", NULL, NULL, CONF_OF_ALL, "Where our own certificates lie."},
    [S_TRUST] = {"trust", NULL, NULL, CONF_OF_ALL, "Whose certificates count."},
    [S_REVOCATION] = {"revocation", NULL, NULL, CONF_OF_ALL, "Which certificates have ceased to count."},
    [S_DNS] = {"dns", NULL, NULL, CONF_OF_ALL, "How other servers' domains are resolved."},
    [S_BACKEND] = {"backend", "NAME", "old", CONF_OF_BACKEND, "An old server, once for each."},
    [S_HOST] = {"host", "DOMAIN", "example.org", CONF_OF_HOST, "A domain that a backend serves, once for each."},
    [S_PEER] = {"peer", "DOMAIN", "example.net", CONF_OF_PEER,
        "Other rules for a remote domain, once for each.  [peer *.example.net] holds for all domains below that one, "
        "[peer *] for all there are; the nearest section decides, alone."},
    [S_TIMEOUTS] = {"timeouts", NULL, NULL, CONF_OF_ALL, "How long each wait may take."},
    [S_LIMITS] = {"limits", NULL, NULL, CONF_OF_ALL, "How much there may be of what others send."},
    [S_METRICS] = {"metrics", NULL, NULL, CONF_OF_ALL, "Figures for Prometheus, at /metrics by HTTP."},
};
const size_t conf_sections_n = ARRAY_LEN(conf_sections);
_Static_assert(ARRAY_LEN(conf_sections) == S_COUNT, "a section without a row");

#define ALL(section, key, type, field) &conf_sections[section], key, type, false, offsetof(struct conf, field), 0
#define ALL_LIST(section, key, type, field, count)                                                                     \
	&conf_sections[section], key, type, false, offsetof(struct conf, field), offsetof(struct conf, count)
#define BACKEND(key, type, required, field)                                                                            \
	&conf_sections[S_BACKEND], key, type, required, offsetof(struct conf_backend, field), 0
#define BACKEND_LIST(key, type, required, field, count)                                                                \
	&conf_sections[S_BACKEND], key, type, required, offsetof(struct conf_backend, field),                          \
	    offsetof(struct conf_backend, count)
#define HOST(key, type, required, field)                                                                               \
	&conf_sections[S_HOST], key, type, required, offsetof(struct conf_host, field), 0
#define HOST_LIST(key, type, required, field, count)                                                                   \
	&conf_sections[S_HOST], key, type, required, offsetof(struct conf_host, field),                                \
	    offsetof(struct conf_host, count)
#define PEER(key, type, field) &conf_sections[S_PEER], key, type, false, offsetof(struct conf_peer, field), 0
#define PEER_LIST(key, type, field, count)                                                                             \
	&conf_sections[S_PEER], key, type, false, offsetof(struct conf_peer, field), offsetof(struct conf_peer, count)
#define TIMEOUT(key, field, least, most, fallback)                                                                     \
	ALL(S_TIMEOUTS, key, CONF_DURATION, timeouts.field), least, most, fallback, NULL
#define LIMIT(key, type, field, least, most, fallback)                                                                 \
	ALL(S_LIMITS, key, type, limits.field), least, most, fallback, NULL

/* clang-format off */
const struct conf_option conf_options[] = {
    {ALL(S_GLOBAL, "log-level", CONF_LEVEL, log_level), 0, 0, "info", NULL,
     "How much is logged: error, warning, info or debug."},
    {ALL(S_GLOBAL, "workers", CONF_COUNT, workers), 0, 256, "0", NULL,
     "How many threads do the work; 0: one for each processor."},
    {ALL(S_GLOBAL, "user", CONF_USER, user), 0, 0, NULL, "sallyport",
     "The system user to become before anything else is done, who must be able to read all files named here; without it the "
     "user stays as it is."},
    {ALL(S_GLOBAL, "secret", CONF_SECRET, secret), 0, 0, NULL, "16 or more random characters",
     "The dialback secret that all instances in front of the same backends share; without it a random one is made at "
     "each start, which is right for a single instance."},

    {ALL(S_LOG, "target", CONF_TEXT, log_target), 0, 0, "stderr", NULL,
     "stderr; or journal, for systemd's by its own protocol, with a field for each key (journalctl SALLYPORT_REASON=…); or "
     "the absolute path of a file, which is opened anew on SIGUSR1."},
    {ALL(S_LOG, "format", CONF_TEXT, log_format), 0, 0, "logfmt", NULL,
     "Of stderr or a file: logfmt (key=value), or json, an object a line."},
    {ALL(S_LOG, "lines-per-source", CONF_COUNT, log_lines), 0, 1000000, "600", NULL,
     "How many lines one remote address (IPv6: /64 network) or domain may cause in a minute; those beyond are counted, and the "
     "number is told.  0: any number."},

    {ALL(S_CONTROL, "socket", CONF_PATH, control_socket), 0, 0, "/run/sallyport/control", NULL,
     "The Unix socket that sallyportctl speaks to; its folder must exist, and belong to the gateway's user."},
    {ALL(S_CONTROL, "mode", CONF_MODE, control_mode), 0, 0777, "0660", NULL,
     "Who may open it, as for chmod: whoever may write to it may ask; commands that change something are taken only from "
     "root, the gateway's own user and members of its group."},

    {ALL(S_SANDBOX, "seccomp", CONF_GUARD, seccomp), 0, 0, "try", NULL,
     "Whether each process is held to the system calls that it needs: try (if the kernel can, else it is logged), require (or "
     "the daemon does not start) or off."},
    {ALL(S_SANDBOX, "landlock", CONF_GUARD, landlock), 0, 0, "try", NULL,
     "The same for the files that it needs, by Landlock (Linux 5.13 and later, if it is turned on there)."},

    {ALL_LIST(S_PUBLIC, "listen", CONF_ADDRESSES, public_listen, public_listens), 0, 0, NULL, "0.0.0.0:25269 [::]:25269",
     "Where other servers connect to, by STARTTLS or direct TLS: either is known by its first byte; [::] is IPv6 alone."},
    {ALL(S_PUBLIC, "ciphers", CONF_CIPHERS, ciphers), 0, 0, "ALL:!SHA1", NULL,
     "Cipher suites for TLS 1.2, in OpenSSL's syntax, and best left alone: a list of one's own soon lacks ECDSA or RSA, "
     "and cuts off whoever has the other kind of certificate.  ALL lets in those with CBC as well, for a peer that has no "
     "others.  Suites without forward secrecy, 3DES, RC4, export and NULL can't be enabled; those of TLS 1.3 are always "
     "on."},
    {ALL(S_PUBLIC, "reach", CONF_REACH, reach), 0, 0, "private", NULL,
     "Where other servers may be, whatever DNS says: global (public addresses alone), private (also those of RFC 1918 "
     "and the like), any (also this machine's own: loopback and link-local)."},

    {ALL_LIST(S_CERTIFICATES, "directory", CONF_FOLDERS, certificate_folders, certificate_folders_n), 0, 0, NULL,
     "/etc/letsencrypt",
     "A folder of certificates, as certbot or acme.sh keep them or plain (NAME.pem or NAME.crt with NAME.key, or NAME.pem "
     "with the key in it): hosts without a certificate of their own take from it what names them; new and renewed ones "
     "are found by themselves."},
    {ALL(S_CERTIFICATES, "interval", CONF_DURATION, certificate_interval), SECOND, DAY, "1m", NULL,
     "How often all files of our certificates are looked at for changes."},

    {ALL(S_TRUST, "system", CONF_BOOL, trust_system), 0, 0, "yes", NULL,
     "Whether the authorities in the system's bundle are trusted."},
    {ALL(S_TRUST, "bundle", CONF_PATH, trust_bundle), 0, 0, "/etc/ssl/certs/ca-certificates.crt", NULL,
     "Where the system's bundle lies."},
    {ALL_LIST(S_TRUST, "anchor", CONF_FILES, trust_anchors, trust_anchors_n), 0, 0, NULL,
     "/etc/sallyport/private-ca.pem", "A PEM file of further authorities, such as a private one's root certificate."},

    {ALL_LIST(S_REVOCATION, "crl", CONF_PLACES, crls, crls_n), 0, 0, NULL, "/etc/sallyport/crl",
     "A file of certificate revocation lists (PEM or DER), or a folder of such files; they are read again when they "
     "change."},
    {ALL(S_REVOCATION, "mode", CONF_REVOCATION, revocation), 0, 0, "soft", NULL,
     "Whether a certificate counts of which no current list speaks: soft (it does) or hard (it does not)."},
    {ALL(S_REVOCATION, "interval", CONF_DURATION, revocation_interval), SECOND, DAY, "1m", NULL,
     "How often the files of lists are looked at for changes."},
    {ALL_LIST(S_REVOCATION, "block-key", CONF_KEYS, blocked_keys, blocked_keys_n), 0, 0, NULL, KEY_EXAMPLE,
     "Public keys that count in no chain, a server's or an authority's: base64 of the SHA-256 of the "
     "SubjectPublicKeyInfo, as sallyportctl verify shows it."},
    {ALL_LIST(S_REVOCATION, "block-serial", CONF_SERIAL, blocked_serials, blocked_serials_n), 0, 0, NULL,
     "03:4f:9a:10:b7 " KEY_EXAMPLE,
     "A certificate that does not count: its serial number in hexadecimal, and its issuer's key as for block-key."},

    {ALL_LIST(S_DNS, "server", CONF_SERVERS, dns_servers, dns_servers_n), 53, 0, NULL, "127.0.0.1 [::1]:5353",
     "Resolvers to ask, on port 53 unless they name another; without it those of /etc/resolv.conf."},

    {BACKEND("connect", CONF_ADDRESS, true, connect), 0, 0, NULL, "127.0.0.1:5269",
     "Where the server's own s2s listener is reached."},
    {BACKEND_LIST("listen", CONF_ADDRESSES, true, listen, listens), 0, 0, NULL, "127.0.0.1:15269 [::1]:15269",
     "Where its outgoing s2s connections arrive here, usually by a redirect; nobody else should be able to reach it."},
    {BACKEND("authenticate", CONF_BOOL, false, authenticate), 0, 0, "yes", NULL,
     "Whether whoever connects there is first checked to be this server, by sending its dialback key back to it."},

    {HOST_LIST("certificate", CONF_FILES, true, certificates, certificates_n), 0, 0, NULL,
     "/etc/letsencrypt/live/example.org/fullchain.pem",
     "The PEM file with the domain's certificate and, behind it, its intermediate ones; may be left out if [certificates] "
     "has a directory.  With several (ECDSA and RSA, public and private authority), each followed by its key, a peer is "
     "shown one from an authority that it asks for, else the first that it can verify."},
    {HOST_LIST("key", CONF_FILES, true, keys, keys_n), 0, 0, NULL, "/etc/letsencrypt/live/example.org/privkey.pem",
     "The PEM file with the certificate's private key; may be the same file."},
    {HOST_LIST("subdomains", CONF_SUBDOMAINS, false, subdomains, subdomains_n), 0, 0, NULL,
     "conference.example.org pubsub.example.org",
     "Further domains with the same certificate and backend, each written in full; * stands for whatever is one label "
     "below the host's own domain."},
    {HOST("backend", CONF_BACKEND, false, backend_name), 0, 0, NULL, "old",
     "The name of the backend that serves the domain; may be left out as long as there is only one."},

    {PEER("deny", CONF_BOOL, deny), 0, 0, "no", NULL,
     "Whether streams are refused, in both directions."},
    {PEER_LIST("anchor", CONF_FILES, anchors, anchors_n), 0, 0, NULL, "/etc/sallyport/private-ca.pem",
     "A PEM file of authorities that are trusted here besides those of [trust], such as a private one's root "
     "certificate; a server's own certificate will do for that server."},
    {PEER("exclusive", CONF_BOOL, exclusive), 0, 0, "no", NULL,
     "Whether the anchors of this section are the only ones that count."},
    {PEER("client-auth", CONF_BOOL, client_auth), 0, 0, "no", NULL,
     "Whether under the anchors of this section certificates for clients alone (extended key usage clientAuth) count, "
     "too."},
    {PEER_LIST("pin", CONF_KEYS, pins, pins_n), 0, 0, NULL, KEY_EXAMPLE,
     "Keys of which the chain must hold one, its leaf's or an authority's (RFC 7469): base64 of the SHA-256 of the "
     "SubjectPublicKeyInfo, as sallyportctl verify shows it."},
    {PEER("revocation", CONF_REVOCATION, revocation), 0, 0, NULL, "soft",
     "soft or hard in place of mode in [revocation]."},
    {PEER("expires", CONF_DATE, expires), 0, 0, NULL, "2099-12-31",
     "The last day, in UTC, on which this section counts."},
    {PEER("note", CONF_TEXT, note), 0, 0, NULL, "agreed with their operator until they have a public certificate",
     "Why it is there; the log shows it where the section decided."},

    {TIMEOUT("negotiate", negotiate, SECOND, HOUR, "30s"),
     "Each step of a stream's negotiation: header, features, authentication."},
    {TIMEOUT("handshake", handshake, SECOND, HOUR, "20s"), "A TLS handshake."},
    {TIMEOUT("connect", connect, 100, HOUR, "10s"), "One attempt to open a TCP connection."},
    {TIMEOUT("dns", dns, 100, HOUR, "10s"), "One resolution, all its queries together."},
    {TIMEOUT("outbound", outbound, SECOND, HOUR, "18s"),
     "All it takes to reach another server for a backend; servers that wait for the answer give up after 20s or more."},
    {TIMEOUT("dialback", dialback, SECOND, HOUR, "30s"), "All it takes until a backend has accepted another server."},
    {TIMEOUT("idle", idle, 10 * SECOND, 24 * DAY, "6h"), "A stream on which nothing at all moves."},
    {TIMEOUT("close", close, 100, HOUR, "5s"), "From our end of a stream to the other side's."},
    {TIMEOUT("stall", stall, SECOND, HOUR, "60s"), "A receiver that takes no byte."},
    {TIMEOUT("retry", retry, 0, HOUR, "30s"),
     "How long a failure to reach another server is remembered and answered at once."},

    {LIMIT("connections", CONF_COUNT, connections, 1, 10000000, "10000"), "Public connections in all."},
    {LIMIT("connections-per-address", CONF_COUNT, connections_host, 1, 10000000, "100"),
     "Public connections from one IPv4 address or IPv6 /64 network."},
    {LIMIT("connections-per-domain", CONF_COUNT, connections_domain, 1, 10000000, "50"),
     "Streams from one remote domain, counted once its certificate is trusted."},
    {LIMIT("backend-connections", CONF_COUNT, connections_backends, 1, 10000000, "20000"),
     "Connections from all backends together."},
    {LIMIT("accept-rate", CONF_COUNT, accept_rate, 1, 1000000, "500"),
     "New public connections in a second, averaged over 5 seconds."},
    {LIMIT("accept-rate-per-address", CONF_COUNT, accept_rate_host, 1, 1000000, "20"),
     "The same from one IPv4 address or IPv6 /64 network."},
    {LIMIT("handshakes", CONF_COUNT, handshakes, 1, 1000000, "256"), "TLS handshakes in progress in one worker."},
    {LIMIT("stanza-size", CONF_SIZE, stanza_bytes, 10000, 64 * MIB, "512K"),
     "One stanza; RFC 6120 asks for at least 10000 bytes."},
    {LIMIT("stanza-depth", CONF_COUNT, stanza_depth, 8, 10000, "128"), "Elements inside one another."},
    {LIMIT("stanza-attributes", CONF_COUNT, stanza_attributes, 8, 256, "64"), "Attributes of one element."},
    {LIMIT("name-size", CONF_SIZE, name_bytes, 64, 65535, "1K"), "The name of an element or attribute."},
    {LIMIT("negotiation-size", CONF_SIZE, negotiation_bytes, 4 * KIB, MIB, "16K"),
     "One element from a peer that has not authenticated yet."},
    {LIMIT("negotiation-elements", CONF_COUNT, negotiation_elements, 4, 10000, "32"),
     "How many elements such a peer may send."},
    {LIMIT("negotiation-total", CONF_SIZE, negotiation_total, 4 * KIB, 16 * MIB, "64K"),
     "All that such a peer may send, without what TLS adds; at least negotiation-size."},
    {LIMIT("backend-pairs", CONF_COUNT, backend_pairs, 1, 1000000, "10000"),
     "Pairs of domains on one stream from a backend."},
    {LIMIT("queue-size", CONF_SIZE, queue_bytes, 10000, 1024 * MIB, "1M"),
     "What may wait for one pair of a stream that several share; at least stanza-size."},
    {LIMIT("buffer-size", CONF_SIZE, buffer_bytes, MIB, 2047 * MIB, "256M"),
     "What all streams of one worker may hold in buffers beyond the first 32K of each."},
    {LIMIT("dns-lookups", CONF_COUNT, dns_lookups, 8, 60000, "4000"), "Look-ups in progress in one worker."},
    {LIMIT("dns-records", CONF_COUNT, dns_records, 1, 32, "32"), "Records that are taken of one answer."},
    {LIMIT("dns-aliases", CONF_COUNT, dns_aliases, 0, 32, "12"), "How many CNAMEs may lead to an address."},

    {ALL_LIST(S_METRICS, "listen", CONF_ADDRESSES, metrics_listen, metrics_listens), 0, 0, NULL,
     "127.0.0.1:25280 [::1]:25280",
     "Where Prometheus asks.  Nobody has to authenticate, so it must be an address of this "
     "machine alone."},
    {ALL(S_METRICS, "remote", CONF_BOOL, metrics_remote), 0, 0, "no", NULL,
     "Whether it may be another address all the same: then a firewall must keep out whom the figures do not concern."},
    {ALL(S_METRICS, "socket", CONF_PATH, metrics_socket), 0, 0, NULL, "/run/sallyport/metrics",
     "A Unix socket that they are had from as well, for whatever passes them on."},
    {ALL(S_METRICS, "mode", CONF_MODE, metrics_mode), 0, 0777, "0660", NULL, "Who may open it, as for chmod."},
};
/* clang-format on */
const size_t conf_options_n = ARRAY_LEN(conf_options);

const struct conf_section *conf_section_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(conf_sections); i++) {
		if (span_eq(name, span_of(conf_sections[i].name)))
			return &conf_sections[i];
	}
	return NULL;
}

const struct conf_option *conf_option_find(const struct conf_section *section, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(conf_options); i++) {
		if (conf_options[i].section == section && strcmp(conf_options[i].key, key) == 0)
			return &conf_options[i];
	}
	return NULL;
}

size_t conf_option_place(const struct conf_option *option)
{
	size_t place = 0;

	for (const struct conf_option *o = option; o > conf_options && o[-1].section == option->section; o--)
		place++;
	ENSURE(place < CONF_SECTION_KEYS);
	return place;
}

const char *conf_section_title(const struct conf_section *section, char out[static CONF_TITLE_MAX])
{
	const char *argument = section->argument != NULL ? section->argument : "";

	snprintf(out, CONF_TITLE_MAX, "[%s%s%s]", section->name, argument[0] != '\0' ? " " : "", argument);
	return out;
}

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
}

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance from what was typed to a word of ours; case does not count, nor whether it is '-' or '_'. */
static size_t edit_distance(const char *typed, const char *ours)
{
	size_t row[KEY_MAX + 1];
	size_t n = strlen(ours);

	ENSURE(n <= KEY_MAX);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; typed[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t changed = diagonal + (folded(typed[i - 1]) != folded(ours[j - 1]));

			diagonal = row[j];
			row[j] = least_of(changed, least_of(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

/* How far a slip of the finger goes. */
static size_t near_enough(const char *typed)
{
	return (strlen(typed) + 2) / 3;
}

/* The nearest key, in this section or (section NULL) in any; NULL: none is near. */
static const struct conf_option *nearest(const struct conf_section *section, const char *key)
{
	const struct conf_option *best = NULL;
	size_t best_distance = near_enough(key) + 1;

	for (size_t i = 0; i < ARRAY_LEN(conf_options); i++) {
		const struct conf_option *o = &conf_options[i];
		size_t distance = section == NULL || o->section == section ? edit_distance(key, o->key) : SIZE_MAX;

		if (distance < best_distance) {
			best = o;
			best_distance = distance;
		}
	}
	return best;
}

/* "[public] or [backend NAME]": wherever the key belongs. */
static void name_sections(const char *key, char *out, size_t size)
{
	char title[CONF_TITLE_MAX];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(conf_sections) && n < size; i++) {
		if (conf_option_find(&conf_sections[i], key) != NULL)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? " or " : "",
			    conf_section_title(&conf_sections[i], title));
	}
}

static void name_keys(const struct conf_section *section, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(conf_options) && n < size; i++) {
		if (conf_options[i].section == section)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "", conf_options[i].key);
	}
}

const char *conf_advise_key(const struct conf_section *section, const char *key, char out[static CONF_ADVICE_MAX])
{
	const struct conf_option *here = nearest(section, key), *anywhere = nearest(NULL, key);
	char names[CONF_ADVICE_MAX - 24];
	bool misplaced = anywhere != NULL && edit_distance(key, anywhere->key) == 0 &&
	                 (here == NULL || edit_distance(key, here->key) > 0);

	if (misplaced) {
		name_sections(anywhere->key, names, sizeof(names));
		snprintf(out, CONF_ADVICE_MAX, "; \"%s\" belongs in %s", anywhere->key, names);
	} else if (here != NULL) {
		snprintf(out, CONF_ADVICE_MAX, "; did you mean \"%s\"?", here->key);
	} else if (anywhere != NULL) {
		name_sections(anywhere->key, names, sizeof(names));
		snprintf(out, CONF_ADVICE_MAX, "; did you mean \"%s\" in %s?", anywhere->key, names);
	} else {
		name_keys(section, names, sizeof(names));
		snprintf(out, CONF_ADVICE_MAX, "; it may have: %s", names);
	}
	return out;
}

const char *conf_advise_section(const char *name, char out[static CONF_ADVICE_MAX])
{
	const struct conf_section *best = NULL;
	size_t best_distance = near_enough(name) + 1;
	char title[CONF_TITLE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(conf_sections); i++) {
		size_t distance = edit_distance(name, conf_sections[i].name);

		if (distance < best_distance) {
			best = &conf_sections[i];
			best_distance = distance;
		}
	}
	if (best != NULL) {
		snprintf(out, CONF_ADVICE_MAX, "; did you mean %s?", conf_section_title(best, title));
		return out;
	}
	for (size_t i = 0; i < ARRAY_LEN(conf_sections) && n < CONF_ADVICE_MAX; i++)
		n += (size_t)snprintf(out + n, CONF_ADVICE_MAX - n, "%s%s",
		    i > 0 ? ", " : "; there are: ", conf_section_title(&conf_sections[i], title));
	return out;
}

size_t conf_option_count(void)
{
	return ARRAY_LEN(conf_options);
}

static const char *option_example(const struct conf_option *o)
{
	return o->example != NULL ? o->example : o->fallback;
}

static const char *section_doc_title(const struct conf_section *section)
{
	/* Static, as the header promises. */
	return section == &conf_sections[S_BACKEND] ? "backend NAME"
	       : section == &conf_sections[S_HOST]  ? "host DOMAIN"
	       : section == &conf_sections[S_PEER]  ? "peer DOMAIN"
	                                            : section->name;
}

void conf_option_get(size_t i, struct conf_option_doc *doc)
{
	const struct conf_option *o = &conf_options[i];

	ENSURE(i < ARRAY_LEN(conf_options));
	*doc = (struct conf_option_doc){
	    .section = section_doc_title(o->section),
	    .about = o->section->doc,
	    .key = o->key,
	    .type = conf_type_name(o->type),
	    .fallback = o->fallback,
	    .example = option_example(o),
	    .doc = o->doc,
	    .repeatable = conf_type_is_list(o->type),
	    .required = o->required,
	};
}

/* A comment of at most 100 columns. */
static void write_comment(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t n = strlen(text);

		if (n > 98) {
			for (n = 98; n > 0 && text[n] != ' '; n--)
				continue;
		}
		fprintf(out, "# %.*s\n", (int)n, text);
		text += n;
		text += *text == ' ';
	}
}

/* Where the example would be a section without any effect, it is set off as its options are. */
static bool section_is_shown(const struct conf_section *section)
{
	return section != &conf_sections[S_PEER];
}

static bool option_is_shown(const struct conf_option *o)
{
	/* Without a listener there is no gateway, so that one is set in the example, too. */
	return o->required || o->section == &conf_sections[S_PUBLIC];
}

void conf_write_example(FILE *out)
{
	const struct conf_section *section = NULL;

	fputs(
	    "# Sallyport's configuration: every option.  Those set off by ';' are optional and show their default, or\n"
	    "# else an example.  Check a changed file before use: sallyport -t -c FILE\n"
	    "#\n"
	    "# A line holds one \"key = value\".  Comments start with '#' or ';', behind a value with \" ;\".  Lists "
	    "may go\n"
	    "# on in further lines with the same key.  Durations need a unit (ms, s, m, h, d); sizes may have one (K, "
	    "M).\n",
	    out);
	for (size_t i = 0; i < ARRAY_LEN(conf_options); i++) {
		const struct conf_option *o = &conf_options[i];

		if (o->section != section) {
			section = o->section;
			fprintf(out, "\n\n");
			write_comment(out, section->doc);
			fprintf(out, "%s[%s%s%s]\n", section_is_shown(section) ? "" : ";", section->name,
			    section->example != NULL ? " " : "", section->example != NULL ? section->example : "");
		}
		fputc('\n', out);
		write_comment(out, o->doc);
		fprintf(out, "%s%s = %s\n", option_is_shown(o) ? "" : ";", o->key, option_example(o));
	}
}
