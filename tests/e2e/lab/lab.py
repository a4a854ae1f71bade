"""One lab: made, used, and taken down again whatever happens."""

import contextlib
import os
import shutil
import signal
import tempfile

from . import ca, dns, net
from .client import Client, Loop


class Lab:
	"""with Lab() as lab: …  Everything that lab.own() was given is stopped in reverse order at the end."""

	def __init__(self, keep=False, quick=False):
		self.dir = None
		self.keep = keep  # keep the folder with all logs
		self.quick = quick  # smaller numbers, for whom they are a matter of taste
		self.stack = []
		self.loop = None
		self.network = None

	def __enter__(self):
		net.sweep()
		self.dir = tempfile.mkdtemp(prefix="sallyport-lab-")
		os.chmod(self.dir, 0o755)
		os.mkdir(f"{self.dir}/logs")
		try:
			self._build()
		except BaseException:
			self.close()
			raise
		return self

	def __exit__(self, kind, value, trace):
		self.close()

	def _build(self):
		self.ca = ca.CA(f"{self.dir}/ca")
		resolv = f"{self.dir}/resolv.conf"
		with open(resolv, "w") as f:
			f.write(f"nameserver {net.Network.v4(net.Network.HUB_N)}\n")
		ssl = ca.system_store(f"{self.dir}/ssl", [self.ca.root])
		self.network = net.Network({"resolv.conf": resolv, "ssl": ssl})
		self.network.start()
		self.dns = dns.Zone(self.network, self.dir)
		self.own(self.dns)

	def own(self, thing):
		"""Remembers something with stop() or close()."""
		self.stack.append(thing)
		return thing

	def disown(self, thing):
		self.stack.remove(thing)

	def folder(self, name):
		path = f"{self.dir}/{name}"
		os.makedirs(path, exist_ok=True)
		return path

	def client(self, jid, server, starttls=True):
		"""A user who is online at a server (a backend or the strict peer)."""
		if self.loop is None:
			self.loop = Loop()
		address = self.network.v4(self.network.nodes[server.node])
		client = self.own(Client(self.loop, jid, address, starttls))
		return client.start()

	def close(self):
		"""Ctrl-C during this must not leave half of it behind: signals wait until it is done."""
		signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
		old = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
		try:
			self._close()
		finally:
			signal.pthread_sigmask(signal.SIG_SETMASK, old)

	def _close(self):
		while self.stack:
			thing = self.stack.pop()
			with contextlib.suppress(Exception):  # one that will not stop must not keep the others up
				(thing.stop if hasattr(thing, "stop") else thing.close)()
		if self.loop:
			self.loop.close()
			self.loop = None
		if self.network:
			self.network.close()
			self.network = None
		if self.dir and not self.keep:
			shutil.rmtree(self.dir, ignore_errors=True)
