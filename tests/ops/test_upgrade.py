#!/usr/bin/env python3
"""A new binary in place of the old one, while connections come in and stanzas flow: the service manager holds the ports, whether it
opened them or the daemon gave them to its store; the old daemon ends its streams by the book, and nobody is refused meanwhile.

usage: test_upgrade.py SALLYPORT [NEW_SALLYPORT]
       $UPGRADE_THREADS, $UPGRADE_SECONDS: how hard (20 threads ask as fast as they are answered, for 2 s on each side)

The last line but unittest's own says how many connections a second there were."""

import os
import re
import signal
import socket
import sys
import threading
import time
import unittest

import scene  # noqa: F401
from manager import Manager, Started
from lab.gateway import FAULT, SANITIZERS
from lab.proc import LabError, Log, wait_for  # noqa: E402
from lab.wire import connect, header, open_external  # noqa: E402
from world import BACKEND_LISTEN_PORT, LOCAL, PUBLIC_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]
NEW = sys.argv[2] if len(sys.argv) > 2 else BINARY
THREADS = int(os.environ.get("UPGRADE_THREADS", "20"))
SECONDS = float(os.environ.get("UPGRADE_SECONDS", "2"))
LIMITS = "connections = 50000\nconnections-per-address = 50000\naccept-rate = 100000\naccept-rate-per-address = 100000"


class Caller(threading.Thread):
	"""Connects again and again, says a stream header, and wants an answer."""

	def __init__(self, address):
		super().__init__(daemon=True)
		self.address = address
		self.over = False
		self.answered, self.turned_away, self.faults = 0, 0, []

	def run(self):
		while not self.over:
			try:
				with socket.create_connection((self.address, PUBLIC_PORT), 30) as s:
					s.sendall(header(REMOTE, LOCAL).encode())
					said = b""
					while b"</stream:features>" not in said and b"</stream:stream>" not in said:
						more = s.recv(4096)
						if not more:
							raise LabError(f"closed after {said!r}")
						said += more
					self.turned_away += b"system-shutdown" in said
					self.answered += 1
			except (OSError, LabError) as error:
				self.faults.append(f"{type(error).__name__}: {error}")


class Sender(threading.Thread):
	"""A peer with a route: stanzas by number, on a new stream whenever the old one is ended."""

	def __init__(self, world):
		super().__init__(daemon=True)
		self.world, self.next, self.over, self.streams, self.fault = world, 0, False, 0, None

	def stream(self):
		wire = connect(self.world.address, PUBLIC_PORT, 30)
		open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
		self.streams += 1
		wire.sock.settimeout(0.01)
		while not self.over:
			wire.send(f"<message from='b@{REMOTE}' to='a@{LOCAL}' id='n{self.next}n'/>")
			self.next += 1
			try:
				if wire.sock.recv(4096):
					break  # whatever it says, it ends
			except TimeoutError:
				pass
		wire.sock.settimeout(20)
		wire.send("</stream:stream>")
		wire.expect_end()

	def run(self):
		try:
			while not self.over:
				try:
					self.stream()
				except LabError as error:
					# while it was being set up the old one ended: a peer tries again
					if "system-shutdown" not in str(error):
						raise
		except (OSError, LabError) as error:
			self.fault = f"{type(error).__name__}: {error}"


class Upgrade(unittest.TestCase):
	def setUp(self):
		self.world = World(BINARY)
		self.world.end_gateway()
		self.sockets, self.manager, self.children = [], None, []

	def tearDown(self):
		for child, _ in self.children:
			if child.poll() is None:
				child.kill()
				child.wait()
		for s in self.sockets:
			s.close()
		if self.manager:
			self.manager.close()
		self.world.stop(keep=False)

	def start(self, binary):
		log = f"{self.world.folder}/upgrade{len(self.children)}.log"
		environment = {**os.environ, **SANITIZERS}
		fds = [s.fileno() for s in self.sockets]
		if self.manager:
			fds = [fd for _, fd in self.manager.store]
			environment |= {"NOTIFY_SOCKET": self.manager.path, "LISTEN_FDNAMES": ":".join(n for n, _ in self.manager.store)}
		child = Started([binary, "-c", self.world.config], log, environment, fds).child
		if self.manager:
			self.manager.hear("READY")
		self.children.append((child, Log(log)))
		self.children[-1][1].wait("ready: ")
		return child

	def test_ports_of_systemd(self):
		self.sockets = [socket.create_server((self.world.address, port), backlog=4096)
		                for port in (PUBLIC_PORT, BACKEND_LISTEN_PORT)]
		self.nobody_is_refused_and_nothing_lost_or_doubled()

	def test_ports_of_its_own_in_the_store(self):
		self.manager = Manager(f"{self.world.folder}/notify")
		self.nobody_is_refused_and_nothing_lost_or_doubled()

	def nobody_is_refused_and_nothing_lost_or_doubled(self):
		with open(self.world.config) as f:
			text = re.sub("accept-rate-per-address = .*", LIMITS, f.read().replace("log-level = debug", "log-level = info"))
		with open(self.world.config, "w") as f:
			f.write(text)
		old = self.start(BINARY)
		sender, callers = Sender(self.world), [Caller(self.world.address) for _ in range(THREADS)]
		began = time.monotonic()
		for thread in [sender, *callers]:
			thread.start()
		time.sleep(SECONDS)
		wait_for("stanzas to flow", lambda: sender.next > 20 or sender.fault)
		old.send_signal(signal.SIGTERM)
		self.assertEqual(old.wait(30), 0)
		new = self.start(NEW)
		before = [c.answered for c in callers]
		time.sleep(SECONDS)
		wait_for("the second stream", lambda: sender.streams > 1 or sender.fault)
		sender.over = True
		for caller in callers:
			caller.over = True
		for thread in [sender, *callers]:
			thread.join(40)
		took = time.monotonic() - began
		new.terminate()
		self.assertEqual(new.wait(30), 0)
		self.assertEqual([f for c in callers for f in c.faults][:3], [])
		self.assertIsNone(sender.fault)
		self.assertTrue(all(c.answered > n for c, n in zip(callers, before)), "nobody came through after the upgrade")
		answered = sum(c.answered for c in callers)
		seen = [int(n) for n in re.findall(rb"id='n(\d+)n'", self.world.backend.forwarded)]
		self.assertEqual(sorted(seen), list(range(sender.next)))
		for _, log in self.children:
			self.assertEqual(log.lines(FAULT), [])
		print(f"{answered} connections in {took:.1f} s, {answered / took:.0f} a second, {sum(c.turned_away for c in callers)} told "
		      f"to come again; {len(seen)} stanzas on {sender.streams} streams, each once", flush=True)


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1], warnings="ignore")
