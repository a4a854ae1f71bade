"""Network namespaces on one bridge.  Every name carries the pid of the run, so that two runs never meet."""

import contextlib
import ctypes
import os
import pwd
import re
import shutil
import signal
import time

from .proc import LabError, run

PREFIX = "sally"
CLONE_NEWNET = 0x40000000
NETNS_ETC = "/etc/netns"
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(fd):
	if _libc.setns(fd, CLONE_NEWNET) != 0:
		raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def _pids(name):
	return [int(p) for p in run(["ip", "netns", "pids", name]).split() if int(p) != os.getpid()]


def _end_all(name):
	"""Ends every process inside a namespace: by pid, politely first."""
	for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
		end = time.monotonic() + seconds
		pids = _pids(name)
		for pid in pids:
			with contextlib.suppress(ProcessLookupError):
				os.kill(pid, sig)
		while pids and time.monotonic() < end:
			time.sleep(0.02)
			pids = _pids(name)
		if not pids:
			return


def _delete(name):
	_end_all(name)
	run(["ip", "netns", "del", name])
	shutil.rmtree(f"{NETNS_ETC}/{name}", ignore_errors=True)


def sweep():
	"""Takes away namespaces of runs that were killed before they could do so themselves."""
	for line in run(["ip", "netns", "list"]).splitlines():
		name = line.split()[0] if line.split() else ""
		owner = re.fullmatch(PREFIX + r"(\d+)-\w+", name)
		if owner and not os.path.exists(f"/proc/{owner.group(1)}"):
			_delete(name)


class Network:
	"""The hub holds the bridge, DNS and this very process (its sockets, that is); nodes hang on the bridge.

	Addresses: IPv4 10.77.0.N, IPv6 fd77::N with the same N in decimal."""

	HUB_N = 1

	def __init__(self, hosts_etc):
		self.tag = f"{PREFIX}{os.getpid()}"
		self.hosts_etc = hosts_etc  # files that every namespace sees in its /etc: name -> path to copy from
		self.nodes = {}
		self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
		self.inside = False

	@staticmethod
	def v4(n):
		return f"10.77.0.{n}"

	@staticmethod
	def v6(n):
		return f"fd77::{n}"

	def name(self, node):
		return f"{self.tag}-{node}"

	def start(self):
		self._add("hub", self.HUB_N)
		hub = self.name("hub")
		run(["ip", "-n", hub, "link", "add", "br0", "type", "bridge", "forward_delay", "0"])
		self._address("hub", "br0", self.HUB_N)
		with open(f"/run/netns/{hub}", "rb") as ns:
			_enter(ns.fileno())
		self.inside = True

	def add_node(self, node, n):
		self._add(node, n)
		ns, hub, veth = self.name(node), self.name("hub"), f"v{n}"
		run(["ip", "-n", hub, "link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", ns])
		run(["ip", "-n", hub, "link", "set", veth, "master", "br0", "up"])
		self._address(node, "eth0", n)

	def add_address(self, node, n):
		"""A further address on a node (or "hub")."""
		ns, dev = self.name(node), "br0" if node == "hub" else "eth0"
		run(["ip", "-n", ns, "addr", "add", f"{self.v4(n)}/24", "dev", dev])
		run(["ip", "-n", ns, "addr", "add", f"{self.v6(n)}/64", "dev", dev, "nodad"])

	def _add(self, node, n):
		ns = self.name(node)
		run(["ip", "netns", "add", ns])
		self.nodes[node] = n
		run(["ip", "-n", ns, "link", "set", "lo", "up"])
		etc = f"{NETNS_ETC}/{ns}"
		os.makedirs(etc)
		for name, source in self.hosts_etc.items():
			(shutil.copytree if os.path.isdir(source) else shutil.copy)(source, f"{etc}/{name}")

	def _address(self, node, dev, n):
		ns = self.name(node)
		run(["ip", "-n", ns, "link", "set", dev, "up"])
		run(["ip", "-n", ns, "addr", "add", f"{self.v4(n)}/24", "dev", dev])
		run(["ip", "-n", ns, "addr", "add", f"{self.v6(n)}/64", "dev", dev, "nodad"])

	def command(self, node, *command, user=None):
		"""A command line that runs inside a node, as another user if one is given."""
		group = str(pwd.getpwnam(user).pw_gid) if user else ""
		become = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups"] if user else []
		return ["ip", "netns", "exec", self.name(node), *become, *command]

	def run(self, node, *command, user=None, **more):
		return run(self.command(node, *command, user=user), **more)

	@contextlib.contextmanager
	def within(self, node):
		"""Sockets that this thread makes in the block belong to the node for good."""
		with open(f"/run/netns/{self.name(node)}", "rb") as there, open(f"/run/netns/{self.name('hub')}", "rb") as hub:
			_enter(there.fileno())
			try:
				yield
			finally:
				_enter(hub.fileno())

	def listening(self, node, port):
		"""True if something listens on a TCP port of the node."""
		return bool(self.run(node, "ss", "-Hltn", f"sport = :{port}").strip())

	def stop_node(self, node):
		"""Ends whatever still runs in a node; the node stays."""
		_end_all(self.name(node))

	def close(self):
		if self.inside:
			_enter(self.home)
			self.inside = False
		for node in reversed(list(self.nodes)):
			_delete(self.name(node))
			del self.nodes[node]
		with contextlib.suppress(OSError):
			os.rmdir(NETNS_ETC)
		os.close(self.home)
