"""Mints the zoo's certificates, with openssl alone."""

import base64
import dataclasses
import os
import re
import time

from typing import Optional

from cases import CASES, Case, in_a_labels
from lab.proc import run

CONFIG = """\
[ca]
default_ca = here
[here]
dir = {authority}
database = {authority}/index
serial = {authority}/serial
crlnumber = {authority}/serial
new_certs_dir = {authority}
default_md = {digest}
policy = any
unique_subject = no
[any]
commonName = optional
[extensions]
{extensions}
[names]
{names}
"""
CA = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\nsubjectKeyIdentifier = hash\n"
LEAF = "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,{usage}\n"
IDENTIFIER = "authorityKeyIdentifier = keyid\n"
SERVER = "extendedKeyUsage = serverAuth\n"

# name: (issuer, None: a root; extensions; what else mint() takes).
AUTHORITIES = {
	"Root": (None, CA, {}),
	"Y1": ("Root", CA + SERVER, {}),
	"Clients": ("Root", CA + "extendedKeyUsage = clientAuth\n", {}),
	"Expired": ("Root", CA + SERVER, {"start": -90, "end": -12}),
	"Revoked": ("Root", CA + SERVER, {}),
	"SHA-1": ("Root", CA + SERVER, {"digest": "sha1"}),
	"Short": ("Root", CA + SERVER, {"key": "RSA-1024"}),
	"Inside": ("Root", CA + "nameConstraints = critical,permitted;DNS:zoo.test\n", {}),
	"Outside": ("Root", CA + "nameConstraints = critical,permitted;DNS:example.org\n", {}),
	"Leaf": ("Y1", LEAF.format(usage="digitalSignature") + SERVER, {}),
	"Old Root": (None, CA, {"start": -90, "end": -12}),
	"Cross": ("Root", CA + SERVER, {}),
	"Cross old": ("Old Root", CA + SERVER, {"same_as": "Cross"}),
	"Stranger": (None, CA, {}),
	"Stranger Y1": ("Stranger", CA + SERVER, {}),
}
ANCHORS = ("Root", "Old Root")


def _date(days):
	return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))


def make_key(path, kind):
	"""kind: RSA-1024, P-256, secp256k1, ED25519, …"""
	if kind.startswith("RSA-"):
		arguments = ["RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}"]
	elif kind == "ED25519":
		arguments = [kind]
	else:
		arguments = ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
	run(["openssl", "genpkey", "-algorithm", *arguments, "-out", path])


class Authority:
	"""A certificate that signs others, with the folder that `openssl ca` wants."""

	def __init__(self, folder, name):
		self.dir = f"{folder}/{name.replace(' ', '-')}"
		self.name = name
		self.certificate = f"{self.dir}/ca.crt"
		self.key = f"{self.dir}/ca.key"
		os.makedirs(self.dir)
		open(f"{self.dir}/index", "w").close()
		with open(f"{self.dir}/serial", "w") as f:
			f.write("1000\n")

	def sign(self, path, subject, key, extensions, names="", start=-1, end=20, digest="sha256", by_itself=False):
		"""A certificate at path.crt for the key."""
		with open(f"{path}.cnf", "w") as f:
			f.write(CONFIG.format(authority=self.dir, digest=digest, extensions=extensions, names=names))
		run(["openssl", "req", "-new", "-utf8", "-key", key, "-subj", f"/CN={subject}", "-out", f"{path}.csr"])
		signer = ["-selfsign", "-keyfile", key] if by_itself else ["-cert", self.certificate, "-keyfile", self.key]
		run(["openssl", "ca", "-batch", "-notext", "-utf8", "-config", f"{path}.cnf", "-extensions", "extensions",
		     *signer, "-startdate", _date(start), "-enddate", _date(end), "-in", f"{path}.csr", "-out", f"{path}.crt"])

	def _crl(self, *arguments):
		run(["openssl", "ca", "-config", f"{self.dir}/ca.cnf", "-cert", self.certificate, "-keyfile", self.key,
		     *arguments])

	def revoke(self, *certificates, into):
		"""Its list of these, in a folder."""
		for certificate in certificates:
			self._crl("-revoke", certificate)
		self._crl("-gencrl", "-crldays", "10", "-out", f"{into}/{self.name}.pem")


def _mint_authorities(folder):
	made = {}
	for name, (issuer, extensions, more) in AUTHORITIES.items():
		more = dict(more)
		made[name] = own = Authority(folder, name)
		twin = more.pop("same_as", None)
		if twin:
			own.key = made[twin].key
		else:
			make_key(own.key, more.pop("key", "P-256"))
		by = made[issuer] if issuer else own
		by.sign(f"{own.dir}/ca", f"Zoo {twin or name}", own.key, extensions + (IDENTIFIER if issuer else ""),
		        by_itself=not issuer, **{"start": -100, "end": 100, **more})
	return made


def _join(path, *sources):
	with open(path, "w") as out:
		for source in sources:
			with open(source) as f:
				out.write(f.read())
	return path


def _elements(der):
	"""(start, end) of the content of each element in a DER SEQUENCE."""
	def content(at):
		n, at = der[at + 1], at + 2
		if n > 127:
			at, n = at + n - 128, int.from_bytes(der[at:at + n - 128], "big")
		return at, at + n

	at, end = content(0)
	while at < end:
		start, at = content(at)
		yield start, at


def mismatch(path, key):
	"""A key file whose public half is that of `key`, and its private half is not: TLS libraries refuse a pair that does
	not match, but they look at the public halves alone."""
	pem = run(["openssl", "pkey", "-in", key, "-traditional"])
	title = re.search("BEGIN (.*)-----", pem)[1]
	der = bytearray(base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line)))
	# RFC 8017: version, n, e, d, p, q, d mod p-1, …; RFC 5915: version, private key, …
	private = (3, 6) if title.startswith("RSA") else (1,)
	for i, (_, end) in enumerate(list(_elements(der))):
		if i in private:
			der[end - 9] ^= 0x55
	text = base64.b64encode(der).decode()
	with open(path, "w") as out:
		out.write(f"-----BEGIN {title}-----\n" + "\n".join(re.findall(".{1,64}", text)) + f"\n-----END {title}-----\n")
	return path


@dataclasses.dataclass
class Peer:
	"""A case with what it shows: PEM files, leaf first; chain None: it shows nothing."""
	case: Case
	chain: Optional[str]
	key: Optional[str]


class Zoo:
	"""All cases, minted into a folder of its own.

	anchors  PEM file of the roots to be trusted
	lists    folder of revocation lists
	peers    {case's name: Peer}"""

	def __init__(self, folder, cases=None):
		os.makedirs(folder)
		self.dir = folder
		self.authorities = _mint_authorities(folder)
		self.anchors = _join(f"{folder}/anchors.pem", *(self.authorities[a].certificate for a in ANCHORS))
		self.peers = {case.name: self._mint(case) for case in (CASES if cases is None else cases)}
		self.lists = f"{folder}/lists"
		os.makedirs(self.lists)
		revoked = [f"{self._path(p.case)}.crt" for p in self.peers.values() if p.case.revoked]
		self.authorities["Y1"].revoke(*revoked, into=self.lists)
		self.authorities["Root"].revoke(self.authorities["Revoked"].certificate, into=self.lists)

	def of_domain(self, domain):
		"""The peer that serves a domain, in A-labels or not."""
		for peer in self.peers.values():
			if peer.case.ascii_domain == in_a_labels(domain):
				return peer
		raise KeyError(domain)

	def _path(self, case):
		return f"{self.dir}/{case.name}"

	def _mint(self, case):
		path = self._path(case)
		if not case.shown:
			return Peer(case, None, None)
		make_key(f"{path}.key", case.key)
		extensions = LEAF.format(usage=case.usage) + (IDENTIFIER if case.issuer else "")
		if case.eku:
			extensions += f"extendedKeyUsage = {case.eku}\n"
		if case.raw_names is not None:
			extensions += f"subjectAltName = DER:{case.raw_names.hex(':')}\n"
		elif case.names:
			extensions += "subjectAltName = @names\n"
		by = self.authorities[case.issuer or "Root"]
		by.sign(path, case.cn.format(domain=case.ascii_domain), f"{path}.key", extensions,
		        case.names.format(domain=case.ascii_domain), case.start, case.end, case.digest, case.issuer is None)
		behind = (self.authorities[a].certificate for a in case.behind)
		key = mismatch(f"{path}.other.key", f"{path}.key") if case.other_key else f"{path}.key"
		return Peer(case, _join(f"{path}.pem", f"{path}.crt", *behind), key)
