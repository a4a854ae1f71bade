"""The bad peers, and the good ones beside them: one row each.

A row says how the leaf is made, what is sent behind it, and what has to come of it.  That is written by hand and not
taken from a run: `run --update` cannot bless a wrong verdict."""

import dataclasses

from typing import Optional

ZOO = "zoo.test"
SRV_ID = "otherName = 1.3.6.1.5.5.7.8.7;IA5:_xmpp-server.{domain}"
XMPP_ADDR = "otherName = 1.3.6.1.5.5.7.8.5;UTF8:{domain}"
RSA, ECDSA = "RSA-PSS+SHA256:RSA+SHA256", "ECDSA+SHA256:ECDSA+SHA384"


def in_a_labels(domain):
	return domain.encode("idna").decode()


@dataclasses.dataclass
class Case:
	name: str
	about: str
	code: str = "SP-OK"            # of the gateway, when the peer connects
	out_code: Optional[str] = None # when the gateway connects, if another
	by_hand: Optional[str] = None  # of `sallyportctl verify`, if another: what only a handshake shows
	domain: Optional[str] = None   # NAME.zoo.test
	names: str = "DNS = {domain}"  # lines of openssl's subjectAltName section; "": no such extension
	raw_names: Optional[bytes] = None  # the extension's value in DER, instead
	cn: str = "{domain}"
	eku: str = "serverAuth"        # "": no such extension
	usage: str = "digitalSignature"
	key: str = "P-256"
	start: int = -1                # days from now
	end: int = 20
	digest: str = "sha256"
	issuer: Optional[str] = "Y1"   # one of mint.AUTHORITIES; None: signed by itself
	behind: Optional[tuple] = None # authorities whose certificates are sent behind the leaf; the issuer's
	revoked: bool = False
	other_key: bool = False        # signs the handshake with a key that is not the certificate's
	shown: bool = True             # False: no certificate at all
	signatures: Optional[str] = None  # the only ones that the peer makes and verifies
	tls: tuple = ("1.2", "1.3")

	def __post_init__(self):
		self.domain = self.domain or f"{self.name}.{ZOO}"
		if self.behind is None:
			self.behind = (self.issuer,) if self.issuer else ()
		self.out_code = self.out_code or self.code
		self.by_hand = self.by_hand or self.code

	@property
	def ascii_domain(self):
		return in_a_labels(self.domain)


def _der_name(*names):
	"""A subjectAltName of dNSNames as they stand, which openssl would not write."""
	inner = b"".join(bytes([0x82, len(name)]) + name for name in names)
	return bytes([0x30, len(inner)]) + inner


CASES = [
	# Purpose
	Case("server-only", "serverAuth alone, under an intermediate for serverAuth alone: what public authorities issue"),
	Case("both-usages", "serverAuth and clientAuth", eku="serverAuth,clientAuth"),
	Case("no-usage", "no extended key usage", eku=""),
	Case("client-only", "clientAuth alone", "SP-CERT-PURPOSE", eku="clientAuth"),
	Case("any-usage", "anyExtendedKeyUsage alone", "SP-CERT-PURPOSE", eku="anyExtendedKeyUsage"),
	Case("code-signing", "codeSigning alone", "SP-CERT-PURPOSE", eku="codeSigning"),
	Case("client-intermediate", "the intermediate is for clientAuth alone", "SP-CERT-PURPOSE", issuer="Clients"),

	Case("key-encipherment", "key usage for static RSA alone, which TLS has no more", "SP-CERT-PURPOSE", by_hand="SP-OK",
	     key="RSA-2048", usage="keyEncipherment", tls=("1.2",)),

	# Chain
	Case("self-signed", "signed by itself", "SP-CERT-SELF-SIGNED", issuer=None),
	Case("unknown-ca", "whole chain of an authority that nobody knows", "SP-CERT-UNKNOWN-CA", issuer="Stranger Y1"),
	Case("unknown-root-sent", "the same, with its root sent along", "SP-CERT-UNKNOWN-CA", issuer="Stranger Y1",
	     behind=("Stranger Y1", "Stranger")),
	Case("unknown-root-withheld", "a leaf straight from a root that nobody knows, which it does not send", "SP-CERT-CHAIN",
	     issuer="Stranger", behind=()),
	Case("missing-intermediate", "the leaf alone (cert.pem instead of fullchain.pem)", "SP-CERT-CHAIN", behind=()),
	Case("root-instead", "leaf and root, without what is between", "SP-CERT-CHAIN", behind=("Root",)),
	Case("disordered", "root, stranger and issuer behind the leaf, in this order", behind=("Root", "Stranger", "Y1")),
	Case("cross-signed", "an expired root's signature beside a valid one's", issuer="Cross", behind=("Cross old", "Cross")),
	Case("constrained-inside", "an authority confined to the peer's domains", issuer="Inside"),
	Case("constrained-outside", "an authority confined to other domains", "SP-CERT-CONSTRAINT", issuer="Outside"),
	Case("constrained-srv-id", "the same, which names the peer by SRV-ID", "SP-CERT-CONSTRAINT", issuer="Outside",
	     names=SRV_ID),
	Case("leaf-as-issuer", "issued by a leaf that is no authority", "SP-CERT-CONSTRAINT", issuer="Leaf"),

	# Time
	Case("expired-leaf", "expired", "SP-CERT-EXPIRED", start=-90, end=-12),
	Case("expired-intermediate", "an expired intermediate", "SP-CERT-EXPIRED", issuer="Expired"),
	Case("not-yet-valid", "valid in days to come", "SP-CERT-NOT-YET-VALID", start=12, end=90),
	Case("expired-and-misnamed", "two faults at once", "SP-CERT-EXPIRED", start=-90, end=-12, names="DNS = www.{domain}"),

	# Name
	Case("wrong-name", "for another domain", "SP-CERT-NAME", names="DNS = www.example.org", cn="www.example.org"),
	Case("many-other-names", "for many other domains", "SP-CERT-NAME", names="\n".join(
		f"DNS.{i} = shop{i}.example.org" for i in range(40))),
	Case("upper-case", "in capitals", names="DNS = UPPER-CASE.ZOO.TEST"),
	Case("trailing-dot", "with a dot at its end", "SP-CERT-NAME", names="DNS = {domain}."),
	Case("wildcard", "*.wildcard.zoo.test, for a chat service", domain=f"conference.wildcard.{ZOO}",
	     names=f"DNS = *.wildcard.{ZOO}", cn=f"*.wildcard.{ZOO}"),
	Case("wildcard-above", "a wildcard does not cover the domain itself", "SP-CERT-NAME", names="DNS = *.{domain}"),
	Case("wildcard-below", "a wildcard covers one label", "SP-CERT-NAME", domain=f"a.b.wildcard-below.{ZOO}",
	     names=f"DNS = *.wildcard-below.{ZOO}"),
	Case("a-label", "an international domain, as it goes by", domain=f"bücher.{ZOO}",
	     names=f"DNS = xn--bcher-kva.{ZOO}", cn="Buecher"),
	Case("a-label-header", "the same, with A-labels in its stream header, too", domain=f"xn--caf-dma.{ZOO}"),
	Case("u-label", "UTF-8 in a dNSName", "SP-CERT-NAME", domain=f"käse.{ZOO}", cn="Kaese",
	     raw_names=_der_name(f"käse.{ZOO}".encode())),
	Case("embedded-nul", "a name with a NUL behind the domain", "SP-CERT-NAME",
	     raw_names=_der_name(b"embedded-nul.zoo.test\0.example.org")),
	Case("cn-only", "the common name alone", "SP-CERT-NAME", names=""),
	Case("srv-id", "SRV-ID alone", names=SRV_ID),
	Case("xmpp-addr", "XmppAddr alone", names=XMPP_ADDR),

	# Revocation
	Case("revoked", "on its issuer's list", "SP-CERT-REVOKED", revoked=True),
	Case("revoked-intermediate", "its issuer is on the root's list", "SP-CERT-REVOKED", issuer="Revoked"),

	# Strength
	Case("sha-1", "signed with SHA-1", "SP-CERT-WEAK", digest="sha1"),
	Case("sha-1-intermediate", "an intermediate signed with SHA-1", "SP-CERT-WEAK", issuer="SHA-1"),
	Case("rsa-1024", "RSA of 1024 bits", "SP-CERT-WEAK", key="RSA-1024"),
	Case("rsa-1024-intermediate", "an intermediate with RSA of 1024 bits", "SP-CERT-WEAK", issuer="Short"),
	Case("rsa-2048", "RSA of 2048 bits", key="RSA-2048"),
	Case("p-384", "ECDSA with P-384", key="P-384"),
	Case("p-521", "ECDSA with P-521", key="P-521", tls=("1.3",)),
	Case("p-521-old", "the same where the curve has to be offered for the key exchange, too", out_code="SP-TLS-REFUSED",
	     key="P-521", tls=("1.2",)),
	Case("ed25519", "Ed25519", key="ED25519"),
	Case("p-224", "ECDSA with P-224", "SP-CERT-WEAK", "SP-TLS-REFUSED", key="P-224", tls=("1.2",)),
	Case("odd-curve", "ECDSA with secp256k1, of which BoringSSL knows nothing", "SP-TLS-FAILED", "SP-TLS-REFUSED",
	     "SP-CERT-WEAK", key="secp256k1", tls=("1.2",)),

	# Handshake
	Case("none", "no certificate at all", "SP-CERT-NONE", "SP-TLS-REFUSED", shown=False),
	Case("rsa-only", "makes and verifies RSA signatures alone", key="RSA-2048", signatures=RSA),
	Case("ecdsa-only", "makes and verifies ECDSA signatures alone", signatures=ECDSA),
	Case("key-mismatch", "shows a certificate and signs with another key", "SP-CERT-KEY", by_hand="SP-OK",
	     other_key=True),
	Case("key-mismatch-rsa", "the same with RSA", "SP-CERT-KEY", by_hand="SP-OK", key="RSA-2048", other_key=True),
]
