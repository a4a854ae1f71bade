"""A throw-away certificate authority, made like today's public ones: root, an intermediate whose extended key usage is
serverAuth alone, and leaves that are serverAuth alone."""

import os
import time

from .proc import run

CONFIG = """\
[ca]
default_ca = here
[here]
dir = {dir}
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = optional
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {eku}
subjectAltName = {names}
authorityKeyIdentifier = keyid
"""


def _date(days):
	"""Ten minutes earlier, so that "19 days left" is true from the first second on and not from the next."""
	return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400 - 600))


class Certificate:
	"""Paths of a PEM full chain and its key."""

	def __init__(self, chain, key):
		self.chain = chain
		self.key = key

	def install(self, folder, name, owner):
		"""Copies for one server, readable by its user alone; returned as another Certificate."""
		copy = Certificate(f"{folder}/{name}.crt", f"{folder}/{name}.key")
		for source, target in ((self.chain, copy.chain), (self.key, copy.key)):
			run(["install", "-m", "600", "-o", owner, source, target])
		return copy

	def install_pem(self, path, owner):
		"""Chain and key in one file, as ejabberd and jabberd2 want them."""
		with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as out:
			for part in (self.chain, self.key):
				with open(part) as f:
					out.write(f.read())
		run(["chown", owner, path])
		return path


class CA:
	def __init__(self, folder, name="Throw-away Root"):
		self.dir = folder
		os.makedirs(folder)
		open(f"{folder}/index", "w").close()
		with open(f"{folder}/serial", "w") as f:
			f.write("1000\n")
		self.made = {}
		self.root = f"{folder}/root.crt"
		self._key("root")
		self._sign("root", "root", name, -1, 30, issuer=None)
		self._key("intermediate")
		self._sign("intermediate", "intermediate", f"{name} Y1", -1, 30, issuer="root")

	def leaf(self, *names, eku="serverAuth", start=-1, end=20, issuer="intermediate"):
		"""A certificate for these domains; start and end in days from now."""
		return self._make(names, eku, start, end, issuer)

	def self_signed(self, *names):
		return self._make(names, "serverAuth", -1, 20, None)

	def _make(self, names, eku, start, end, issuer):
		made = (names, eku, start, end, issuer)
		if made not in self.made:
			name = f"leaf{len(self.made)}"
			self._key(name)
			self._sign(name, "leaf", names[0], start, end, issuer, eku, names)
			chain = f"{self.dir}/{name}.pem"
			with open(chain, "w") as out:
				for part in [name] + ([issuer] if issuer else []):
					with open(f"{self.dir}/{part}.crt") as f:
						out.write(f.read())
			self.made[made] = Certificate(chain, f"{self.dir}/{name}.key")
		return self.made[made]

	def _key(self, name):
		run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
		     f"{self.dir}/{name}.key"])

	def _sign(self, name, section, cn, start, end, issuer, eku="serverAuth", names=()):
		base = f"{self.dir}/{name}"
		with open(f"{base}.cnf", "w") as f:
			f.write(CONFIG.format(dir=self.dir, eku=eku, names=",".join(f"DNS:{n}" for n in names) or "DNS:none"))
		run(["openssl", "req", "-new", "-key", f"{base}.key", "-subj", f"/CN={cn}", "-out", f"{base}.csr"])
		signer = ["-selfsign", "-keyfile", f"{base}.key"] if issuer is None else [
			"-cert", f"{self.dir}/{issuer}.crt", "-keyfile", f"{self.dir}/{issuer}.key"]
		run(["openssl", "ca", "-batch", "-notext", "-config", f"{base}.cnf", "-extensions", section, *signer,
		     "-startdate", _date(start), "-enddate", _date(end), "-in", f"{base}.csr", "-out", f"{base}.crt"])


def system_store(folder, roots):
	"""A replacement for /etc/ssl in the lab's namespaces, in which these roots are the public authorities."""
	certs = f"{folder}/certs"
	os.makedirs(certs)
	with open(f"{certs}/ca-certificates.crt", "w") as bundle:
		for i, root in enumerate(roots):
			with open(root) as f:
				pem = f.read()
			bundle.write(pem)
			with open(f"{certs}/root{i}.pem", "w") as f:
				f.write(pem)
	run(["openssl", "rehash", certs])
	with open("/etc/ssl/openssl.cnf") as f, open(f"{folder}/openssl.cnf", "w") as out:
		out.write(f.read())
	return folder
