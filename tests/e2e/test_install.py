"""From a fresh Debian server to the first message through the gateway, by the package and sallyportctl init, and back.

The machine is a copy of this one in which everything lies where Debian puts it, stock configuration files included: host
names are all that is changed before, and nothing of the old server's is changed by init."""

import os
import re
import time

from lab.gateway import ROOT, find_binary
from lab.machine import Machine
from lab.proc import LabError, run, wait_for
from suite import Group
from world import OLD, add_peer, deliver, dns_of_old, dns_of_peer

PASSWORD = "secret"
LIVE = "/etc/letsencrypt/live/old.lab"
# Everything that a machine is configured by, and what init keeps of its own.
TREE = ("find /etc /var/lib/sallyportctl -path /etc/netns -prune -o -name sallyport.ini.example -o '(' -type d -printf '%p %m %u %g\\n' -o -printf '%p %m %u %g %T@ %l\\n' ')' 2>/dev/null"
        " | sort; find /etc -path /etc/netns -prune -o -type f -not -name sallyport.ini.example -print0 | sort -z | xargs -0 sha256sum")


class Ejabberd:
	"""As its package leaves it: self-signed certificate and all."""

	file = "/etc/ejabberd/ejabberd.yml"
	changes = ((r"^  - localhost$", "  - old.lab"),)

	@staticmethod
	def start(machine, lab):
		machine.run("install", "-d", "-o", "ejabberd", "/run/ejabberd")
		machine.spawn("ejabberd", "ejabberdctl", "foreground")
		machine.wait_listening(5269, 5222)
		wait_for("ejabberd to take commands", lambda: "is running" in machine.run("sh", "-c", "ejabberdctl status || true"), 60)
		machine.run("ejabberdctl", "register", "alice", "old.lab", PASSWORD)

	@staticmethod
	def end_streams(machine):
		machine.run("ejabberdctl", "stop_s2s_connections")


class Prosody:
	"""As its package leaves it, with s2s_secure_auth as it was before Prosody 0.12, and a self-signed certificate."""

	file = "/etc/prosody/prosody.cfg.lua"
	changes = ((r'^VirtualHost "localhost"$', 'VirtualHost "old.lab"\nComponent "conference.old.lab" "muc"'),
	           (r"^s2s_secure_auth = true$", "s2s_secure_auth = false"))

	@staticmethod
	def start(machine, lab):
		own = lab.ca.self_signed("old.lab", "conference.old.lab")
		for source, ending in ((own.chain, "crt"), (own.key, "key")):
			machine.put(source, f"/etc/prosody/certs/old.lab.{ending}", "640", "root:prosody")
		machine.run("install", "-d", "-o", "prosody", "/run/prosody")
		machine.run("prosodyctl", "register", "alice", "old.lab", PASSWORD)
		machine.spawn("prosody", "setpriv", "--reuid", "prosody", "--regid", "prosody", "--init-groups", "prosody", "-F")
		machine.wait_listening(5269, 5222)

	@staticmethod
	def end_streams(machine):
		"""It opened none before."""


def package(folder, *more):
	"""Packs the build that the daemon under test is from."""
	build = os.path.dirname(find_binary())
	run(["cpack", "-G", "DEB", "--config", f"{build}/CPackConfig.cmake", "-B", folder, *more], cwd=build, timeout=120)
	return next(f"{folder}/{name}" for name in os.listdir(folder) if name.endswith(".deb"))


class Install(Group):
	def __init__(self, kind, server, systemd):
		super().__init__()
		self.name = f"install/{kind}"
		self.server = server
		self.systemd = systemd
		self.commands = 0
		for cell in ("package", "init-says-what-it-will-do", "init", "message-out", "message-in", "twice-is-once", "upgrade",
		             "undo", "as-before", "purge"):
			self.cell(cell, getattr(self, cell.replace("-", "_")))

	def start(self, lab):
		self.lab = lab
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()
		self.peer = add_peer(lab, ["strict.lab"])
		self.deb = package(lab.folder("deb"))
		lab.network.add_node("old", OLD)
		self.machine = machine = lab.own(Machine(lab.network, "old", lab.folder("old")))
		machine.start()
		self.node = machine.node
		text = machine.read(self.server.file)
		for pattern, replacement in self.server.changes:
			text, n = re.subn(pattern, replacement, text, flags=re.M)
			if n != 1:
				raise LabError(f"{self.server.file}: nothing matches /{pattern}/: not Debian's own file?")
		machine.run("tee", self.server.file, input=text)
		leaf = lab.ca.leaf("old.lab", "conference.old.lab", "pubsub.old.lab", "proxy.old.lab", "upload.old.lab")
		machine.put(leaf.chain, f"{LIVE}/fullchain.pem")
		machine.put(leaf.key, f"{LIVE}/privkey.pem", "600")
		machine.run("chmod", "700", "/etc/letsencrypt/live")
		if self.systemd:
			machine.run("mkdir", "/run/systemd", "/run/systemd/system")
			machine.put(f"{ROOT}/tests/e2e/lab/systemctl.py", "/usr/local/bin/systemctl", "755")
		self.server.start(machine, lab)
		self.alice = lab.client("alice@old.lab", self)
		self.bob = lab.client("bob@strict.lab", self.peer)

	def operator(self, *command):
		"""A command that the operator has to type."""
		self.commands += 1
		return self.machine.run(*command)

	def package(self):
		self.machine.put_file(self.deb, "/tmp/sallyport.deb")
		self.began = time.monotonic()
		self.operator("dpkg", "-i", "/tmp/sallyport.deb")
		self.before = self.machine.run("sh", "-c", TREE)

	def init_says_what_it_will_do(self):
		said = self.machine.run("sallyportctl", "init", "--dry-run")
		self.expect_in(said, "Nothing was done (--dry-run).", f"certificate {LIVE}/fullchain.pem", "/etc/sallyport/sallyport.ini")
		self.expect_same()

	def init(self):
		self.said = self.operator("sallyportctl", "init", "--yes")
		self.expect_in(self.said, f"its configuration {self.server.file}", "Done.")
		if self.systemd:
			self.expect_in(self.said, "class: compliant")
		else:
			self.type_what_it_says()
			self.expect_in(self.machine.run("sallyportctl", "check", "old.lab"), "class: compliant")
		self.server.end_streams(self.machine)
		self.machine.wait_listening(25269, 15269)

	def type_what_it_says(self):
		"""Without systemd it says what to start."""
		for line in self.said.partition("Next:\n")[2].splitlines():
			command = line.split("   (")[0].split()
			if command[0].endswith("/sallyport"):
				self.commands += 1
				self.machine.spawn("sallyport", *command, env=dict(os.environ))
			elif command[0] == "nft":
				self.operator(*command)

	def message_out(self):
		deliver(self.alice, self.bob, "out, through the gateway")

	def message_in(self):
		deliver(self.bob, self.alice, "in, through the gateway")
		print(f"   {self.commands} commands, {time.monotonic() - self.began:.1f} s from dpkg -i to messages both ways", flush=True)
		self.pid = self.machine.pid_of("sallyport")

	def twice_is_once(self):
		self.expect_in(self.machine.run("sallyportctl", "init", "--yes"), "Nothing to do")

	def upgrade(self):
		"""What runs becomes the new version, where there is a systemd to do it; nothing of the operator's changes."""
		machine = self.machine
		config = machine.read("/etc/sallyport/sallyport.ini")
		machine.run("sh", "-c", "echo '# mine' >>/etc/sallyport/sallyport.ini.example; rm -f /usr/sbin/policy-rc.d")
		newer = package(self.lab.folder("newer"), "-D", "CPACK_PACKAGE_VERSION=99.0")
		machine.put_file(newer, "/tmp/newer.deb")
		machine.run("dpkg", "-i", "/tmp/newer.deb")
		if machine.run("dpkg-query", "-W", "-f", "${Version}", "sallyport") != "99.0":
			raise LabError("the new version is not installed")
		if machine.read("/etc/sallyport/sallyport.ini") != config or \
				not machine.read("/etc/sallyport/sallyport.ini.example").endswith("# mine\n"):
			raise LabError("the configuration was changed")
		if self.systemd and machine.pid_of("sallyport") == self.pid:
			raise LabError("the old one still runs")
		machine.wait_listening(25269, 15269)
		deliver(self.bob, self.alice, "in, through the new one")

	def undo(self):
		self.expect_in(self.machine.run("sallyportctl", "undo", "--yes"), "All is as it was before init.")
		self.expect_same()
		if "table inet sallyport" in self.machine.run("nft", "list", "tables"):
			raise LabError("the redirect is still in force")
		if self.systemd and self.lab.network.listening("old", 25269):
			raise LabError("the gateway still runs")

	def as_before(self):
		"""The old server is reached by its own port again, and not by the gateway."""
		name = self.lab.network.run("peer", "bash", "-c", f"echo | timeout 5 openssl s_client -starttls xmpp-server -xmpphost old.lab "
		                            f"-connect {self.lab.network.v4(OLD)}:5269 2>/dev/null | openssl x509 -noout -issuer")
		if "Throw-away" in name:
			raise LabError(f"the gateway's certificate is still shown: {name}")

	def purge(self):
		"""In force, so that the package has to take it away."""
		for child in self.machine.children:
			if child.name.startswith("sallyport"):
				child.stop()
		self.machine.run("sallyportctl", "init", "--yes")
		if not self.systemd:
			self.machine.run("nft", "-f", "/etc/sallyport/sallyport.nft")
		self.machine.run("dpkg", "--purge", "sallyport")
		left = self.machine.run("sh", "-c", "find /etc /usr /var/lib -path '*sallyport*' -not -path '/usr/src/*' | grep -v "
		                        "/var/lib/dpkg || true")
		if left:
			raise LabError(f"left behind: {left}")
		if "table inet sallyport" in self.machine.run("nft", "list", "tables"):
			raise LabError("the redirect is still in force")

	def expect_in(self, text, *parts):
		for part in parts:
			if part not in text:
				raise LabError(f"no {part!r} in\n{text}")

	def expect_same(self):
		now = self.machine.run("sh", "-c", TREE)
		if now != self.before:
			changed = set(now.splitlines()) ^ set(self.before.splitlines())
			raise LabError("not as it was before:\n" + "\n".join(sorted(changed)[:20]))


def groups():
	return [Install("ejabberd", Ejabberd, False), Install("Prosody", Prosody, True)]
