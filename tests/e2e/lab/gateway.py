"""sallyport beside a backend, and the redirect as conf/nftables ships it."""

import os
import re

from .proc import LabError, Process, run

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../../..")
RULES = f"{ROOT}/conf/nftables/sallyport.nft"
USER = "nobody"
PUBLIC_PORT = 25269
BACKEND_PORT = 15269
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
FAULT = r"ERROR: (Address|Leak)Sanitizer|runtime error:|the network process was ended by signal"
NETWORK, KEYS = "sallyport-net", "sallyport-keys"  # the supervisor's children


def find_binary():
	"""The daemon under test: $SALLYPORT, else the build with sanitizers, else the release."""
	for path in (os.environ.get("SALLYPORT"), f"{ROOT}/build/asan/sallyport", f"{ROOT}/build/release/sallyport"):
		if path and os.access(path, os.X_OK):
			return path
	raise LabError("no sallyport to test: build one (cmake --preset asan && cmake --build --preset asan) or set $SALLYPORT")


class Host:
	"""One [host] section."""

	def __init__(self, domain, certificate, subdomains=()):
		self.domain = domain
		self.certificate = certificate
		self.subdomains = subdomains


class Gateway:
	def __init__(self, network, node, folder, hosts, backend_user, settings=(), environment=SANITIZERS):
		"""settings: (section, key, value) beyond what every lab needs."""
		self.environment = environment
		self.network = network
		self.node = node
		self.dir = folder
		self.hosts = hosts
		self.backend_user = backend_user
		self.settings = settings
		self.process = None
		self.binary = find_binary()
		self.config = f"{folder}/sallyport.ini"

	@property
	def log(self):
		return self.process.log

	def configure(self):
		sections = {
			"global": [("log-level", "debug"), ("workers", "2")],
			"control": [("socket", f"{self.dir}/control")],
			"public": [("listen", f"0.0.0.0:{PUBLIC_PORT}"), ("listen", f"[::]:{PUBLIC_PORT}")],
			"trust": [("system", "yes")],
			"backend old": [("connect", "127.0.0.1:5269"), ("listen", f"127.0.0.1:{BACKEND_PORT}"),
			                ("listen", f"[::1]:{BACKEND_PORT}")],
		}
		for i, host in enumerate(self.hosts):
			mine = host.certificate.install(self.dir, f"host{i}", USER)
			options = [("backend", "old"), ("certificate", mine.chain), ("key", mine.key)]
			sections[f"host {host.domain}"] = options + [("subdomains", s) for s in host.subdomains]
		for section, key, value in self.settings:
			sections.setdefault(section, [])
			if key in ("log-level", "workers") or (section, key) == ("backend old", "connect"):
				sections[section] = [o for o in sections[section] if o[0] != key]
			sections[section].append((key, value))
		with open(self.config, "w") as f:
			for section, options in sections.items():
				f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in options) + "\n")
		run(["chown", "-R", f"{USER}:", self.dir])

	def command(self, *arguments):
		return self.network.command(self.node, self.binary, *arguments, user=USER)

	def start(self):
		self.configure()
		self.launch()

	def launch(self):
		self.process = Process(f"sallyport on {self.node}", self.command("-c", self.config), f"{self.dir}/sallyport.log",
		                       env={**os.environ, **self.environment})
		self.process.wait_ready("listen", lambda: self.network.listening(self.node, PUBLIC_PORT) and
		                        self.network.listening(self.node, BACKEND_PORT))

	def redirect(self):
		with open(RULES) as f:
			rules = f.read()
		rules = re.sub(r"^define backend_user = .*$", f'define backend_user = "{self.backend_user}"', rules, flags=re.M)
		self.network.run(self.node, "nft", "-f", "-", input=rules)

	def redirect_off(self):
		self.network.run(self.node, "nft", "delete", "table", "inet", "sallyport")

	def terminate(self):
		self.process.check()
		self.process.child.terminate()

	def wait_clean(self):
		"""The end after terminate(); LabError unless it went cleanly and without a leak."""
		process, self.process = self.process, None
		status = process.wait_exit(20)
		said = process.log.lines(FAULT)
		if status != 0 or said:
			raise LabError(f"{process.name} ended with {status} {' '.join(said[:3])}")

	def end(self):
		"""Ends it as an operator would."""
		self.terminate()
		self.wait_clean()

	def stop(self):
		if self.process:
			self.process.stop()
			self.process = None
