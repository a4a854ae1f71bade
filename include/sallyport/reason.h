/* reason: why something was refused, failed or ended: a closed table, one row each, used by logs, stream errors, bounces,
 * `sallyportctl verify` and `sallyportctl explain`. */
#ifndef SALLYPORT_REASON_H
#define SALLYPORT_REASON_H

#include "sallyport/base.h"

/* Whose side must act. */
enum reason_who {
	WHO_NOBODY,  /* nothing is wrong */
	WHO_THEM,    /* the operator of the remote server */
	WHO_US,      /* the operator of this gateway */
	WHO_BACKEND, /* the same person, in the old server */
	WHO_NETWORK, /* whoever runs what lies between, or DNS */
};

/* X(enum, code, who, direct, relayed, bounce, text, peer_text, fix)
 * direct:  stream error for the side that did it (RFC 6120 section 4.9.3)
 * relayed: stream error for the stream that fed the failed one: towards the backend when a remote domain fails, towards
 *          the peer when the backend does (section 4.9.3.15: internal-server-error)
 * bounce:  stanza error for a local user (RFC 6120 section 8.3.3, 10.4.3)
 * text:    for our operator;  peer_text: completes nothing, a whole sentence for the other operator;  fix: what to do */
#define REASONS(X) \
	X(NONE, "SP-OK", WHO_NOBODY, "", "", "", "in order", "In order.", "nothing to do") \
	X(CLOSED, "SP-CLOSED", WHO_NOBODY, "", "", "remote-server-timeout", "closed by the book", "Stream closed.", \
	  "nothing to do") \
	X(SHUTDOWN, "SP-SHUTDOWN", WHO_NOBODY, "system-shutdown", "system-shutdown", "remote-server-timeout", \
	  "the gateway is shutting down", "This gateway is shutting down; connect again in a moment.", "nothing to do") \
	X(IDLE, "SP-IDLE", WHO_NOBODY, "", "", "remote-server-timeout", "nothing moved for the idle timeout", \
	  "Nothing was sent for a long time.", "nothing to do; idle in [timeouts] sets how long") \
	X(OPERATOR, "SP-OPERATOR", WHO_NOBODY, "", "", "remote-server-timeout", "closed by the operator", "Stream closed.", \
	  "nothing to do; the next stanza opens another") \
	X(RECONFIGURED, "SP-RECONFIGURED", WHO_NOBODY, "reset", "reset", "remote-server-timeout", \
	  "the gateway's configuration has changed", "This gateway's configuration has changed; connect again.", \
	  "nothing to do") \
	X(CERT_NONE, "SP-CERT-NONE", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "the peer showed no certificate", "Your server showed no certificate; present the one of your domain to us.", \
	  "they: let the server present its certificate on outgoing connections too") \
	X(CERT_SELF_SIGNED, "SP-CERT-SELF-SIGNED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer's certificate is self-signed", \
	  "Your server's certificate is self-signed; install one from a public authority.", \
	  "they: get a certificate from a public CA such as Let's Encrypt") \
	X(CERT_EXPIRED, "SP-CERT-EXPIRED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "a certificate in the peer's chain has expired", "Your server's certificate has expired.", \
	  "they: renew the certificate and reload the server") \
	X(CERT_NOT_YET_VALID, "SP-CERT-NOT-YET-VALID", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "a certificate in the peer's chain is not valid yet", \
	  "Your server's certificate is not valid yet.", "they: check the certificate's dates; we: check this machine's clock") \
	X(CERT_NAME, "SP-CERT-NAME", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "the peer's certificate does not name its domain", "Your server's certificate is not valid for your domain.", \
	  "they: get a certificate that names the domain as dNSName") \
	X(CERT_UNKNOWN_CA, "SP-CERT-UNKNOWN-CA", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer's chain ends in an authority that is not trusted here", \
	  "Your server's certificate comes from an authority that is not trusted here.", \
	  "they: use a public CA; we: add a private CA as anchor in [trust]") \
	X(CERT_INCOMPLETE, "SP-CERT-CHAIN", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer does not send its intermediate certificate", \
	  "Your server does not send its intermediate certificate; configure the full chain (fullchain.pem).", \
	  "they: configure fullchain.pem instead of cert.pem") \
	X(CERT_PURPOSE, "SP-CERT-PURPOSE", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer's certificate is not meant for servers (key usage)", \
	  "Your certificate's extended key usage lacks serverAuth.", \
	  "they: use a TLS server certificate (EKU serverAuth, key usage digitalSignature)") \
	X(CERT_WEAK, "SP-CERT-WEAK", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "a key or signature in the peer's chain is too weak", \
	  "Your server's certificate uses a key or signature that is too weak (RSA under 2048 bits, SHA-1, odd curve).", \
	  "they: renew with ECDSA P-256 or RSA 2048 and SHA-256") \
	X(CERT_REVOKED, "SP-CERT-REVOKED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "a certificate in the peer's chain is revoked", "Your server's certificate was revoked.", \
	  "they: get a new certificate") \
	X(CERT_BLOCKED, "SP-CERT-BLOCKED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "a certificate or key in the peer's chain is on the local block list", \
	  "A certificate or key in your server's chain is blocked here.", \
	  "they: get a new certificate for a new key; we: take it off block-key or block-serial in [revocation]") \
	X(CERT_PIN, "SP-CERT-PIN", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "no key in the peer's chain is one of those pinned for it", \
	  "Your server's key is not one of those agreed upon for your domain.", \
	  "ask them, by another way, whether they changed their key; if not, somebody is in between") \
	X(REVOCATION_UNKNOWN, "SP-REVOCATION-UNKNOWN", WHO_US, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "no current revocation list speaks of a certificate in the peer's chain", \
	  "Whether your server's certificate was revoked is not known here at the moment.", \
	  "fetch the list of the authority named in detail into crl of [revocation], or allow soft") \
	X(CERT_CONSTRAINT, "SP-CERT-CONSTRAINT", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "a CA in the peer's chain may not issue this certificate (constraints)", \
	  "An authority in your certificate's chain was not allowed to issue it.", "they: get a certificate from another CA") \
	X(CERT_INVALID, "SP-CERT-INVALID", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer's chain is not valid", "Your server's certificate chain is not valid.", \
	  "they: check the chain with `openssl verify`") \
	X(CERT_KEY, "SP-CERT-KEY", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "the peer's private key does not belong to its certificate", \
	  "Your server's private key does not belong to its certificate.", \
	  "they: install the key that the certificate was issued for; if it is, somebody is in between") \
	X(TLS_NOT_OFFERED, "SP-TLS-NOT-OFFERED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer does not offer TLS", "This server needs TLS and your server does not offer it.", \
	  "they: enable TLS for server-to-server streams") \
	X(TLS_REQUIRED, "SP-TLS-REQUIRED", WHO_THEM, "policy-violation", "policy-violation", "remote-server-timeout", \
	  "the peer goes on without TLS", "TLS is required here; begin with STARTTLS.", \
	  "they: enable TLS for outgoing server-to-server streams") \
	X(TLS_FAILED, "SP-TLS-FAILED", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "the TLS handshake failed", "The TLS handshake failed.", \
	  "see detail; often the other side speaks no TLS 1.2, or no TLS at all") \
	X(TLS_REFUSED, "SP-TLS-REFUSED", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "the peer broke off the TLS handshake", "The TLS handshake was refused.", \
	  "see detail; after handshake_failure, they: install a certificate, or allow today's versions, ciphers and curves") \
	X(TLS_CERT_REFUSED, "SP-TLS-CERT-REFUSED", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "the peer refused our certificate in the TLS handshake", "Your server refused our certificate.", \
	  "check our certificate with `sallyportctl verify`; they: older servers refuse certificates without EKU clientAuth") \
	X(TLS_LOST, "SP-TLS-LOST", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "the connection ended during the TLS handshake, without an alert", "The connection ended during the TLS handshake.", \
	  "nothing, unless it recurs: then ask them what their server's log says, and check the path") \
	X(TLS_TIMEOUT, "SP-TLS-TIMEOUT", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "the TLS handshake did not finish in time", "The TLS handshake did not finish in time.", \
	  "check the path to the peer (MTU, firewall) and its load") \
	X(TLS_BROKEN, "SP-TLS-BROKEN", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "a TLS record could not be read", "A TLS record could not be read.", "see detail") \
	X(EXTERNAL_NOT_OFFERED, "SP-EXTERNAL-NOT-OFFERED", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer does not offer SASL EXTERNAL; most likely it does not accept our certificate", \
	  "Your server does not offer SASL EXTERNAL to us, so it does not accept our certificate.", \
	  "check our certificate with `sallyportctl verify`; older servers refuse certificates without EKU clientAuth") \
	X(EXTERNAL_REFUSED, "SP-EXTERNAL-REFUSED", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "the peer refused SASL EXTERNAL", "Your server refused our SASL EXTERNAL.", \
	  "check that our certificate names the local domain; see the peer's text") \
	X(DNS_NO_NAME, "SP-DNS-NO-NAME", WHO_THEM, "", "remote-connection-failed", "remote-server-not-found", \
	  "the remote domain does not resolve", "Your domain does not resolve.", \
	  "check the spelling; they: publish _xmpp-server._tcp SRV or an address") \
	X(DNS_NO_SERVICE, "SP-DNS-NO-SERVICE", WHO_THEM, "", "remote-connection-failed", "remote-server-not-found", \
	  "the remote domain says that it offers no XMPP service (SRV target \".\")", "Your domain offers no XMPP service.", \
	  "nothing: the domain has no XMPP service") \
	X(DNS_FAILED, "SP-DNS-FAILED", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "the remote domain could not be looked up (server failure or time-out)", "Your domain could not be looked up.", \
	  "check this machine's resolver; they: check their name servers") \
	X(ADDRESS, "SP-ADDRESS-FORBIDDEN", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "the remote domain's name leads to an address where no other server can be (loopback, link-local, …)", \
	  "Your domain's name leads to an address inside of our network.", \
	  "they: correct their SRV and address records; if the server really is there: reach in [public]") \
	X(CONNECT_REFUSED, "SP-CONNECT-REFUSED", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "nothing listens at the remote server's address", "Nothing listens at your server's address.", \
	  "they: start the server or correct SRV records and firewall") \
	X(CONNECT_TIMEOUT, "SP-CONNECT-TIMEOUT", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "no address of the remote server answered in time", "Your server's addresses do not answer.", \
	  "check firewalls on both sides, and IPv6") \
	X(CONNECT_FAILED, "SP-CONNECT-FAILED", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "no connection to the remote server", "Your server can't be reached.", "check routing and firewalls") \
	X(PEER_LOST, "SP-PEER-LOST", WHO_NETWORK, "", "remote-connection-failed", "remote-server-timeout", \
	  "the connection was lost", "The connection was lost.", "nothing, unless it recurs: then check the path") \
	X(PEER_ERROR, "SP-PEER-ERROR", WHO_THEM, "", "remote-connection-failed", "remote-server-timeout", \
	  "the peer ended the stream with an error", "Your server ended the stream with an error.", \
	  "see peer_condition and peer_text") \
	X(PEER_HOST_UNKNOWN, "SP-PEER-HOST-UNKNOWN", WHO_THEM, "", "remote-connection-failed", "remote-server-not-found", \
	  "the remote server says that it does not serve that domain", "Your server says that it does not serve your domain.", \
	  "check the spelling; they: add the domain to the server or correct DNS") \
	X(PEER_VERSION, "SP-PEER-VERSION", WHO_THEM, "unsupported-version", "remote-connection-failed", \
	  "remote-server-timeout", "the peer speaks a version before XMPP 1.0", "XMPP 1.0 with TLS is required.", \
	  "they: upgrade the server") \
	X(TIMEOUT, "SP-TIMEOUT", WHO_THEM, "connection-timeout", "remote-connection-failed", "remote-server-timeout", \
	  "the peer did not take the next step in time", "Your server did not take the next step in time.", \
	  "they: check the server's load; see the state field") \
	X(STALLED, "SP-STALLED", WHO_THEM, "connection-timeout", "remote-connection-failed", "remote-server-timeout", \
	  "the peer stopped reading", "Your server stopped reading.", "they: check the server's load") \
	X(HOST_UNKNOWN, "SP-HOST-UNKNOWN", WHO_THEM, "host-unknown", "host-unknown", "item-not-found", \
	  "the peer asked for a domain that is not ours", "That domain is not served here.", \
	  "if it should be: add a [host] section for it; else their SRV record or yours points to the wrong machine") \
	X(HEADER, "SP-HEADER", WHO_THEM, "invalid-namespace", "remote-connection-failed", "remote-server-timeout", \
	  "the stream header's namespaces are not those of server-to-server streams", \
	  "Stream header: jabber:server in http://etherx.jabber.org/streams is expected.", \
	  "they: this port is for servers, not clients") \
	X(HEADER_ADDRESS, "SP-HEADER-ADDRESS", WHO_THEM, "improper-addressing", "remote-connection-failed", \
	  "remote-server-timeout", "the stream header's from or to is missing or no domain, or changed", \
	  "Stream header: from and to must be domains, the same throughout.", "they: correct the server's stream header") \
	X(OWN_DOMAIN, "SP-OWN-DOMAIN", WHO_THEM, "invalid-from", "invalid-from", "remote-server-timeout", \
	  "the peer claims to be one of our own domains", "That domain is served here; you are not it.", \
	  "if it recurs: somebody tries to pass for you, or DNS loops a domain of ours back to us") \
	X(XML_SYNTAX, "SP-XML-SYNTAX", WHO_THEM, "not-well-formed", "remote-connection-failed", "remote-server-timeout", \
	  "the XML is not well-formed", "Your server sent XML that is not well-formed.", "they: report it to the server's makers") \
	X(XML_RESTRICTED, "SP-XML-RESTRICTED", WHO_THEM, "restricted-xml", "remote-connection-failed", \
	  "remote-server-timeout", "comment, processing instruction, DTD or entity (RFC 6120 section 11.1)", \
	  "Your server sent XML that XMPP forbids.", "they: report it to the server's makers") \
	X(XML_ENCODING, "SP-XML-ENCODING", WHO_THEM, "unsupported-encoding", "remote-connection-failed", \
	  "remote-server-timeout", "the stream is not UTF-8", "Your server sent bytes that are not UTF-8.", \
	  "they: report it to the server's makers") \
	X(XML_PREFIX, "SP-XML-PREFIX", WHO_THEM, "bad-namespace-prefix", "remote-connection-failed", \
	  "remote-server-timeout", "a namespace prefix is not declared, or stands where none may", \
	  "Your server used a namespace prefix that is not declared or not allowed.", "they: report it to the server's makers") \
	X(XML_LIMIT, "SP-XML-LIMIT", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "a stanza is over a limit (size, depth, attributes, names)", "Your server sent a stanza over our limits.", \
	  "raise the limit in [limits] if such stanzas are wanted") \
	X(EARLY_BYTES, "SP-EARLY-BYTES", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "bytes were sent in the clear behind the request for TLS: an injection, or a broken peer", \
	  "Bytes were sent in the clear behind the request for TLS.", "they: check for a man in the middle") \
	X(UNEXPECTED, "SP-UNEXPECTED", WHO_THEM, "unsupported-stanza-type", "remote-connection-failed", \
	  "remote-server-timeout", "an element that has no place in this phase of the stream", \
	  "Your server sent an element that has no place here.", "they: report it to the server's makers; see the state field") \
	X(NOT_AUTHORIZED, "SP-NOT-AUTHORIZED", WHO_THEM, "not-authorized", "remote-connection-failed", \
	  "remote-server-timeout", "a stanza before authentication", "Your server sent a stanza before it was authenticated.", \
	  "they: report it to the server's makers") \
	X(STANZA_FROM, "SP-STANZA-FROM", WHO_THEM, "invalid-from", "remote-connection-failed", "remote-server-timeout", \
	  "a stanza's from is outside of the authenticated domain", \
	  "A stanza's from is not of the domain that this stream was authenticated for.", \
	  "they: somebody behind their server forges addresses, or it mixes domains on one stream") \
	X(STANZA_TO, "SP-STANZA-TO", WHO_THEM, "improper-addressing", "remote-connection-failed", "remote-server-timeout", \
	  "a stanza's from or to is missing, malformed or of another domain than the stream's", \
	  "A stanza's from or to is missing, malformed, or not of this stream's domains.", \
	  "they: open a stream of its own for each domain") \
	X(DIALBACK, "SP-DIALBACK", WHO_THEM, "policy-violation", "remote-connection-failed", "remote-server-timeout", \
	  "the peer tried server dialback", \
	  "Dialback is not accepted here; authenticate with your certificate by SASL EXTERNAL.", \
	  "they: install a trusted certificate and enable SASL EXTERNAL") \
	X(SASL_MECHANISM, "SP-SASL-MECHANISM", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the peer asked for a SASL mechanism other than EXTERNAL", \
	  "Only SASL EXTERNAL is offered here.", "they: report it to the server's makers") \
	X(SASL_ENCODING, "SP-SASL-ENCODING", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the SASL response is not base64, or malformed", "Your SASL response is not base64.", \
	  "they: report it to the server's makers") \
	X(SASL_AUTHZID, "SP-SASL-AUTHZID", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "the authorization identity is not the stream's from", \
	  "Your authorization identity is not the domain of the stream.", "they: report it to the server's makers") \
	X(BACKEND_DOWN, "SP-BACKEND-DOWN", WHO_BACKEND, "", "internal-server-error", "remote-server-timeout", \
	  "the backend can't be reached", "The server behind this gateway is not reachable at the moment.", \
	  "start the backend, or correct `connect` in its [backend] section") \
	X(BACKEND_TLS, "SP-BACKEND-TLS", WHO_BACKEND, "", "internal-server-error", "remote-server-timeout", \
	  "TLS with the backend failed", "The server behind this gateway has a fault.", \
	  "check the backend's s2s certificate file and TLS settings") \
	X(BACKEND_REFUSED, "SP-BACKEND-REFUSED", WHO_BACKEND, "", "internal-server-error", "remote-server-timeout", \
	  "the backend refused a peer that we vouched for", "The server behind this gateway refused your domain.", \
	  "see peer_condition: the backend's access list, it does not serve the domain, or DNS: it must be able to resolve the " \
	  "remote domain") \
	X(BACKEND_UNVERIFIED, "SP-BACKEND-UNVERIFIED", WHO_BACKEND, "", "internal-server-error", "remote-server-timeout", \
	  "the backend never verified our dialback key", "The server behind this gateway did not answer in time.", \
	  "the remote domain must resolve for the backend, and its connection must be redirected to our backend listener") \
	X(BACKEND_LOST, "SP-BACKEND-LOST", WHO_BACKEND, "", "internal-server-error", "remote-server-timeout", \
	  "the connection to the backend was lost", "The connection to the server behind this gateway was lost.", \
	  "check the backend's log") \
	X(BACKEND_KEY, "SP-BACKEND-KEY", WHO_BACKEND, "not-authorized", "not-authorized", "remote-server-timeout", \
	  "whoever speaks on the backend listener is not the backend: it did not recognise the dialback key", \
	  "The dialback key is not the backend's.", \
	  "if the backend itself was refused: is `connect` the same server? else another local user tries to speak for you") \
	X(BACKEND_FOREIGN, "SP-BACKEND-FOREIGN", WHO_BACKEND, "host-unknown", "host-unknown", "remote-server-timeout", \
	  "the backend speaks for a domain that is not configured for it", \
	  "This gateway is not configured for that local domain.", \
	  "add a [host] section, or list it under `subdomains`, with this backend") \
	X(BACKEND_RESULT, "SP-BACKEND-RESULT", WHO_BACKEND, "policy-violation", "policy-violation", \
	  "remote-server-timeout", "an answer to a dialback request that was never made", \
	  "An answer to a dialback request that was never made.", "somebody speaks on the backend listener who should not") \
	X(OWN_CERT, "SP-OWN-CERT", WHO_US, "internal-server-error", "internal-server-error", "remote-server-timeout", \
	  "we have no certificate for the local domain", "This gateway has no certificate for that domain.", \
	  "set certificate and key in the [host] section") \
	X(POLICY_DENIED, "SP-POLICY-DENIED", WHO_NOBODY, "policy-violation", "remote-connection-failed", "not-allowed", \
	  "the operator's policy denies this domain", "This server does not federate with your domain.", \
	  "change the [peer] section, if this is not wanted") \
	X(LIMIT_CONNECTIONS, "SP-LIMIT-CONNECTIONS", WHO_US, "resource-constraint", "resource-constraint", \
	  "resource-constraint", "too many connections", "Too many connections; try again later.", \
	  "raise connections (for a backend: backend-connections) in [limits], or find out who opens so many") \
	X(LIMIT_ADDRESS, "SP-LIMIT-ADDRESS", WHO_THEM, "policy-violation", "policy-violation", "resource-constraint", \
	  "too many connections from one address, or too many in a short time", \
	  "Too many connections from your address; try again later.", \
	  "raise connections-per-address or accept-rate-per-address in [limits], or ask them why they open so many") \
	X(LIMIT_DOMAIN, "SP-LIMIT-DOMAIN", WHO_THEM, "policy-violation", "policy-violation", "resource-constraint", \
	  "too many streams from one domain", "Your server has too many streams to this one.", \
	  "raise connections-per-domain in [limits], or ask them why they open so many") \
	X(LIMIT_RATE, "SP-LIMIT-RATE", WHO_US, "resource-constraint", "resource-constraint", "resource-constraint", \
	  "too many new connections in a short time", "Too many connections at the moment; try again later.", \
	  "find out who opens so many; if all are wanted, raise accept-rate in [limits]") \
	X(LIMIT_HANDSHAKES, "SP-LIMIT-HANDSHAKES", WHO_US, "resource-constraint", "resource-constraint", \
	  "resource-constraint", "too many TLS handshakes in progress", "Too many handshakes at the moment; try again later.", \
	  "find out who opens so many; if all are wanted, raise handshakes in [limits]") \
	X(LIMIT_PAIRS, "SP-LIMIT-PAIRS", WHO_US, "resource-constraint", "resource-constraint", "resource-constraint", \
	  "too many domain pairs on one backend stream", "Too many domains on one stream.", "raise backend-pairs in [limits]") \
	X(LIMIT_QUEUE, "SP-LIMIT-QUEUE", WHO_NETWORK, "resource-constraint", "resource-constraint", "resource-constraint", \
	  "too many bytes wait for a remote domain that does not take them", "Too many bytes are waiting.", \
	  "the remote server is slow or away; raise queue-size in [limits] if it recurs") \
	X(LIMIT_BUFFERS, "SP-LIMIT-BUFFERS", WHO_US, "resource-constraint", "resource-constraint", "resource-constraint", \
	  "the buffers of all streams together are full", "Out of resources; try again later.", \
	  "raise buffer-size in [limits], or find out for whom so much waits") \
	X(LIMIT_DNS, "SP-LIMIT-DNS", WHO_US, "", "resource-constraint", "resource-constraint", \
	  "too many look-ups are in progress", "Out of resources; try again later.", \
	  "check that the resolver answers quickly; then raise dns-lookups in [limits]") \
	X(LIMIT_NEGOTIATION, "SP-LIMIT-NEGOTIATION", WHO_THEM, "policy-violation", "remote-connection-failed", \
	  "remote-server-timeout", "too many bytes or elements before authentication", \
	  "Too much was sent before authentication.", "they: report it to the server's makers") \
	X(NO_MEMORY, "SP-NO-MEMORY", WHO_US, "resource-constraint", "resource-constraint", "resource-constraint", \
	  "out of memory or descriptors", "Out of resources; try again later.", "give the gateway more memory or descriptors")

enum reason {
#define X(id, code, who, direct, relayed, bounce, text, peer_text, fix) REASON_##id,
	REASONS(X)
#undef X
	REASON_COUNT
};

struct reason_row {
	const char *code;      /* "SP-CERT-EXPIRED" */
	enum reason_who who;
	const char *direct, *relayed; /* stream error conditions; "": close without one */
	const char *bounce;    /* stanza error condition */
	const char *text, *peer_text, *fix;
};

/* The row of a reason; never NULL. */
const struct reason_row *reason_row(enum reason r);
/* By code, in any case ("sp-cert-expired"); REASON_COUNT: no such code. */
enum reason reason_find(const char *code);
/* "their side must act", … */
const char *reason_who_text(enum reason_who who);

#endif
