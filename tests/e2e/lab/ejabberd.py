"""ejabberd with the configuration that Debian installs: host names and certificate path are all that is changed."""

import os
import re

from .proc import LabError, Process, run, wait_for

USER = "ejabberd"
DEBIAN = "/etc/ejabberd/ejabberd.yml"
PASSWORD = "secret"


class Ejabberd:
	kind = "ejabberd"
	user = USER
	has_rooms = True

	def __init__(self, network, node, folder, hosts, certificates, changes=()):
		"""changes: (pattern, replacement) pairs for what a test must change beyond host names; each must match."""
		self.network = network
		self.node = node
		self.dir = folder
		self.hosts = hosts
		self.certificates = certificates
		self.changes = changes
		self.process = None
		self.log = None

	def configure(self):
		for sub in ("etc", "spool", "logs"):
			os.makedirs(f"{self.dir}/{sub}", exist_ok=True)
		with open(DEBIAN) as f:
			yml = f.read()
		pems = [c.install_pem(f"{self.dir}/etc/cert{i}.pem", USER) for i, c in enumerate(self.certificates)]
		yml = _replace(yml, r"^hosts:\n(?:  - .*\n)+", "hosts:\n" + "".join(f"  - {h}\n" for h in self.hosts))
		yml = _replace(yml, r"^certfiles:\n(?:  - .*\n)+", "certfiles:\n" + "".join(f'  - "{p}"\n' for p in pems))
		for pattern, replacement in self.changes:
			yml = _replace(yml, pattern, replacement)
		with open(f"{self.dir}/etc/ejabberd.yml", "w") as f:
			f.write(yml)
		# ejabberdctl's own defaults name system paths and win over its command line.
		with open("/etc/default/ejabberd") as f:
			ctl = re.sub(r"^EJABBERD_(PID|CONFIG)_PATH=.*\n", "", f.read(), flags=re.MULTILINE)
		with open(f"{self.dir}/etc/ejabberdctl.cfg", "w") as f:
			f.write(ctl + f"EJABBERD_PID_PATH={self.dir}/spool/pid\n")
		run(["cp", "/etc/ejabberd/inetrc", f"{self.dir}/etc/"])
		run(["chown", "-R", f"{USER}:", self.dir])

	def start(self):
		self.configure()
		self.log = self.launch()
		self.process.wait_ready("start", lambda: self.log.find("ejabberd .* is started in the node") and
		                        self.network.listening(self.node, 5269))

	def launch(self):
		command = self.network.command(self.node, *self._ctl(), "foreground")
		self.process = Process(f"ejabberd on {self.node}", command, f"{self.dir}/logs/console.log", cwd=f"{self.dir}/spool")
		return self.process.log

	def _ctl(self):
		return ["ejabberdctl", "--config-dir", f"{self.dir}/etc", "--config", f"{self.dir}/etc/ejabberd.yml",
		        "--spool", f"{self.dir}/spool", "--logs", f"{self.dir}/logs"]

	def call(self, *command):
		"""An administration command."""
		return self.network.run(self.node, *self._ctl(), *command)

	def register(self, user, host):
		self.call("register", user, host, PASSWORD)

	def forget_failures(self):
		"""After a failure ejabberd bounces all stanzas for that domain for minutes; this ends that."""
		self.call("stop_s2s_connections")

	def stop(self):
		"""It runs through su and leaves its port mapper behind, so all that lives in the node goes."""
		if self.process and self.process.running():
			try:
				self.call("stop")
				wait_for("ejabberd to end", lambda: not self.process.running(), 15)
			except LabError:
				pass
		if self.process:
			self.network.run(self.node, "su", "-s", "/bin/sh", USER, "-c", "epmd -kill >/dev/null 2>&1 || true")
			self.process.stop()
			self.process = None


def _replace(text, pattern, replacement):
	changed, n = re.subn(pattern, lambda m: m.expand(replacement) if "\\" in replacement else replacement, text,
	                     flags=re.MULTILINE)
	if n == 0:
		raise LabError(f"{DEBIAN}: nothing matches /{pattern}/: not Debian's own file?")
	return changed
