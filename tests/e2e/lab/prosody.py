"""Prosody twice: as an old server with Debian's configuration, and as the strict peer of the manifesto."""

import os
import re

from .proc import LabError, Log, Process

USER = "prosody"
DEBIAN = "/etc/prosody/prosody.cfg.lua"
PASSWORD = "secret"


class _Prosody:
	kind = "Prosody"
	user = USER
	has_rooms = True

	def __init__(self, network, node, folder, hosts, certificates):
		"""certificates: one a host, or one for all."""
		self.network = network
		self.node = node
		self.dir = folder
		self.hosts = hosts
		self.certificates = certificates
		self.process = None
		self.log = Log(f"{folder}/debug.log")

	def configuration(self):
		raise NotImplementedError

	def install_certificates(self):
		"""Prosody finds certs/DOMAIN.crt and .key by itself (certificates = "certs")."""
		certs = f"{self.dir}/certs"
		os.makedirs(certs, exist_ok=True)
		for i, host in enumerate(self.hosts):
			certificate = self.certificates[i] if len(self.certificates) > 1 else self.certificates[0]
			certificate.install(certs, host, USER)

	def configure(self):
		os.makedirs(f"{self.dir}/data", exist_ok=True)
		self.install_certificates()
		with open(self.config_path, "w") as f:
			f.write(self.configuration())
		self.network.run("hub", "chown", "-R", f"{USER}:", self.dir)

	@property
	def config_path(self):
		return f"{self.dir}/prosody.cfg.lua"

	def start(self):
		self.configure()
		self.launch()

	def launch(self):
		command = self.network.command(self.node, "prosody", "-F", "--config", self.config_path, user=USER)
		self.process = Process(f"Prosody on {self.node}", command, f"{self.dir}/console.log", cwd=self.dir)
		self.process.wait_ready("listen", lambda: self.network.listening(self.node, 5269) and self.network.listening(self.node, 5222))

	def register(self, user, host):
		self.network.run(self.node, "prosodyctl", "--config", self.config_path, "register", user, host, PASSWORD,
		                 user=USER, cwd=self.dir)

	def forget_failures(self):
		"""Prosody remembers none."""

	def stop(self):
		if self.process:
			self.process.stop()
			self.process = None


class LegacyProsody(_Prosody):
	"""Debian's configuration with s2s_secure_auth = false, as it stands in configurations written before Prosody 0.12.

	Debian 12 itself ships `true`, which is no old server: it asks every peer for a trusted certificate already."""

	def __init__(self, network, node, folder, hosts, certificates, changes=()):
		super().__init__(network, node, folder, hosts, certificates)
		self.changes = changes

	def configuration(self):
		os.makedirs(f"{self.dir}/conf.d", exist_ok=True)
		with open(DEBIAN) as f:
			text = f.read()
		hosts = "".join(f'VirtualHost "{h}"\nComponent "conference.{h}" "muc"\n' for h in self.hosts)
		edits = [
			(r"^s2s_secure_auth = true$", "s2s_secure_auth = false"),
			(r'^VirtualHost "localhost"$', hosts),
			(r'^pidfile = .*$', f'pidfile = "{self.dir}/pid";\ndata_path = "{self.dir}/data"'),
			(r'^\tinfo = .*$', f'\tdebug = "{self.log.path}";'),
			(r'^\terror = .*$', f'\terror = "{self.dir}/error.log";'),
			*self.changes,
		]
		for pattern, replacement in edits:
			text, n = re.subn(pattern, lambda m, r=replacement: r, text, flags=re.MULTILINE)
			if n == 0:
				raise LabError(f"{DEBIAN}: nothing matches /{pattern}/: not Debian's own file?")
		return text

	def install_certificates(self):
		super().install_certificates()
		for i, host in enumerate(self.hosts):
			certificate = self.certificates[i] if len(self.certificates) > 1 else self.certificates[0]
			certificate.install(f"{self.dir}/certs", f"conference.{host}", USER)


STRICT = """\
-- A peer that keeps the manifesto: TLS and a trusted certificate, or nothing.  No dialback.
data_path = "{dir}/data"
pidfile = "{dir}/pid"
log = {{ debug = "{log}" }}
plugin_paths = {{}}
modules_enabled = {{ "disco", "roster", "saslauth", "tls", "ping", "version", "time", "posix" }}
modules_disabled = {{ "dialback", "s2s_bidi" }}
s2s_secure_auth = true
s2s_require_encryption = true
s2s_direct_tls_ports = {{ 5270 }}
authentication = "internal_plain"
certificates = "certs"
"""


class StrictPeer(_Prosody):
	kind = "strict Prosody"

	def __init__(self, network, node, folder, hosts, certificates, rooms=(), options=None):
		"""options: further settings by name; text, number, or a list of texts."""
		super().__init__(network, node, folder, hosts, certificates)
		self.rooms = rooms
		self.options = {"s2s_timeout": 40, **(options or {})}

	def configuration(self):
		def lua(value):
			return "{ " + ", ".join(f'"{v}"' for v in value) + " }" if isinstance(value, list) else str(value)
		text = STRICT.format(dir=self.dir, log=self.log.path)
		text += "".join(f"{name} = {lua(value)}\n" for name, value in self.options.items())
		text += "".join(f'VirtualHost "{h}"\n' for h in self.hosts)
		return text + "".join(f'Component "{r}" "muc"\n' for r in self.rooms)

	def register(self, user, host):
		"""Written by hand: prosodyctl takes a third of a second for each."""
		accounts = f"{self.dir}/data/{host.replace('.', '%2e')}/accounts"
		os.makedirs(accounts, exist_ok=True)
		with open(f"{accounts}/{user}.dat", "w") as f:
			f.write(f'return {{ ["password"] = "{PASSWORD}" }};\n')
		self.network.run("hub", "chown", "-R", f"{USER}:", f"{self.dir}/data")
