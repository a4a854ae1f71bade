#!/usr/bin/env python3
"""The daemon as a service: what it tells systemd, its watchdog, and sockets that are opened for it.

usage: test_service.py SALLYPORT"""

import os
import re
import signal
import socket
import sys
import time
import unittest

import scene  # noqa: F401
from manager import Manager, Started
from lab.gateway import SANITIZERS
from lab.wire import connect, open_external  # noqa: E402
from world import BACKEND_LISTEN_PORT, LOCAL, PUBLIC_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]


class Service(unittest.TestCase):
	def setUp(self):
		self.world = World(BINARY)
		self.world.end_gateway()
		self.manager = Manager(f"{self.world.folder}/notify")
		self.process = None

	def tearDown(self):
		try:
			if self.process:
				self.end()
		finally:
			self.manager.close()
			self.world.stop(keep=False)

	def start(self, sockets=(), **environment):
		"""As systemd would: its words in the environment, descriptors from 3 on."""
		self.log = f"{self.world.folder}/service.log"
		environment = {**os.environ, **SANITIZERS, "NOTIFY_SOCKET": self.manager.path, **environment}
		self.process = Started([BINARY, "-c", self.world.config], self.log, environment, [s.fileno() for s in sockets])

	def start_stored(self):
		"""The next daemon, with what the last one left in the store."""
		sockets = [socket.socket(fileno=os.dup(fd)) for _, fd in self.manager.store]
		self.start(sockets, LISTEN_FDNAMES=":".join(name for name, _ in self.manager.store))
		for s in sockets:
			s.close()

	def end(self):
		self.process.child.terminate()
		self.assertEqual(self.process.wait_exit(20), 0, self.process.log.text()[-3000:])
		self.process = None

	def test_states(self):
		self.start()
		said = self.manager.hear("READY")
		self.assertEqual(said["READY"], "1")
		self.assertRegex(said["STATUS"], r"^2 hosts, 1 backends, 1 workers$")
		# Ready means that connections are taken.
		connect(self.world.address, PUBLIC_PORT).close()
		before = time.monotonic_ns() // 1000
		self.process.child.send_signal(signal.SIGHUP)
		said = self.manager.hear()
		self.assertEqual(said["RELOADING"], "1")
		self.assertTrue(before <= int(said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000)
		self.assertEqual(self.manager.hear()["READY"], "1")
		with open(self.world.config, "a") as f:
			f.write("[unfinished\n")
		self.process.child.send_signal(signal.SIGHUP)
		self.assertEqual(self.manager.hear()["RELOADING"], "1")
		said = self.manager.hear()
		self.assertEqual(said["READY"], "1")
		self.assertRegex(said["STATUS"], "nothing has changed")
		self.process.child.terminate()
		self.assertEqual(self.manager.hear()["STOPPING"], "1")
		self.process.wait_exit(20)
		self.process = None

	def test_what_does_not_start_is_never_ready(self):
		with socket.create_server((self.world.address, PUBLIC_PORT)):
			self.start()
			self.assertNotEqual(self.process.wait_exit(20), 0)
		self.process = None
		self.manager.socket.settimeout(0.1)
		with self.assertRaises(TimeoutError):
			self.manager.hear("READY")

	def threads(self):
		"""Of the process that carries the streams: {name of its main thread's pid: [thread ids]}"""
		children = []
		for pid in os.listdir("/proc"):
			try:
				with open(f"/proc/{pid}/stat") as f:
					fields = f.read().rsplit(")", 1)
			except (OSError, NotADirectoryError):
				continue
			if fields[0].endswith("(sallyport-net") and int(fields[1].split()[1]) == self.process.pid:
				children.append(int(pid))
		self.assertEqual(len(children), 1)
		return children[0], sorted(int(t) for t in os.listdir(f"/proc/{children[0]}/task"))

	def test_watchdog(self):
		self.start(WATCHDOG_USEC="400000")
		self.manager.hear("READY")
		for _ in range(3):
			self.assertEqual(self.manager.hear("WATCHDOG")["WATCHDOG"], "1")
		net, _ = self.threads()
		# A loop that does not turn, here by being stopped as a whole, says nothing.
		os.kill(net, signal.SIGSTOP)
		try:
			while not self.manager.silent(1):
				pass
			self.assertTrue(self.manager.silent(1))
		finally:
			os.kill(net, signal.SIGCONT)
		self.manager.hear("WATCHDOG")

	def test_no_watchdog_unless_asked_for(self):
		self.start()
		self.manager.hear("READY")
		self.assertTrue(self.manager.silent(1))

	def listeners(self, *ports):
		made = []
		for port in ports:
			s = socket.create_server((self.world.address, port), backlog=64)
			self.addCleanup(s.close)
			made.append(s)
		return made

	def test_socket_activation(self):
		sockets = self.listeners(PUBLIC_PORT, BACKEND_LISTEN_PORT)
		# Whoever came before the daemon did waits, and is served.
		early = connect(self.world.address, PUBLIC_PORT)
		with open(self.world.config) as f:
			text = f.read().replace("workers = 1", "workers = 3")
		with open(self.world.config, "w") as f:
			f.write(text)
		self.start(sockets, LISTEN_FDNAMES="public:backend")
		self.assertRegex(self.manager.hear("READY")["STATUS"], "3 workers")
		open_external(early, REMOTE, LOCAL, self.world.certificates["good"])
		for _ in range(12):
			wire = connect(self.world.address, PUBLIC_PORT)
			open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
			wire.close()
		# The sockets outlive it: connections wait for the next.
		self.end()
		late = connect(self.world.address, PUBLIC_PORT)
		self.start(sockets)
		self.manager.hear("READY")
		open_external(late, REMOTE, LOCAL, self.world.certificates["good"])

	def test_network_process_that_is_killed_leaves_no_connection_out(self):
		sockets = self.listeners(PUBLIC_PORT, BACKEND_LISTEN_PORT)
		self.start(sockets)
		self.manager.hear("READY")
		net, _ = self.threads()
		os.kill(net, signal.SIGKILL)
		waiting = connect(self.world.address, PUBLIC_PORT)
		self.manager.hear("READY")
		open_external(waiting, REMOTE, LOCAL, self.world.certificates["good"])

	def configure(self, *changes):
		with open(self.world.config) as f:
			text = f.read()
		for old, new in changes:
			self.assertIn(old, text)
			text = text.replace(old, new)
		with open(self.world.config, "w") as f:
			f.write(text)

	def served(self, wire):
		open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
		wire.close()

	def test_store(self):
		"""From one daemon to the next by systemd's store; whoever comes in between waits, whatever the number of workers."""
		workers = 1
		self.start()
		for then in (3, 2, 1, 2):
			self.manager.hear("READY")
			self.assertEqual({name for name, _ in self.manager.store}, {"listener"})
			self.assertEqual(set(self.manager.stored()), {PUBLIC_PORT, BACKEND_LISTEN_PORT})
			self.end()
			waiting = [connect(self.world.address, PUBLIC_PORT) for _ in range(12)]
			self.configure((f"workers = {workers}", f"workers = {then}"))
			workers = then
			self.start_stored()
			for wire in waiting:
				self.served(wire)
		self.manager.hear("READY")

	def test_store_after_the_network_process_was_killed(self):
		self.start()
		self.manager.hear("READY")
		os.kill(self.threads()[0], signal.SIGKILL)
		self.manager.hear("READY")
		self.served(connect(self.world.address, PUBLIC_PORT))
		# what was handed lives on in the supervisor
		self.end()
		self.start_stored()
		self.manager.hear("READY")
		os.kill(self.threads()[0], signal.SIGKILL)
		waiting = connect(self.world.address, PUBLIC_PORT)
		self.manager.hear("READY")
		self.served(waiting)
		self.assertEqual(self.manager.stored(), sorted([PUBLIC_PORT, BACKEND_LISTEN_PORT]))

	def refused(self, port):
		with self.assertRaises(ConnectionRefusedError):
			socket.create_connection((self.world.address, port), 10)

	def test_store_follows_the_configuration(self):
		other, third = PUBLIC_PORT + 1, PUBLIC_PORT + 2
		before = f"{self.world.address}:{PUBLIC_PORT}"
		self.configure(("workers = 1", "workers = 2"))
		self.start()
		self.manager.hear("READY")
		for old, new in ((PUBLIC_PORT, other), (other, PUBLIC_PORT)):
			self.configure((f"{self.world.address}:{old}", f"{self.world.address}:{new}"))
			self.process.child.send_signal(signal.SIGHUP)
			self.manager.hear("READY")
			self.assertEqual(self.manager.stored(), sorted(2 * [new, BACKEND_LISTEN_PORT]))
			self.refused(old)
			self.served(connect(self.world.address, new))
		# and what the next daemon's configuration does not name, it ends
		self.end()
		self.configure((before, f"{self.world.address}:{third}"))
		self.start_stored()
		self.manager.hear("READY")
		self.assertEqual(self.manager.stored(), sorted(2 * [third, BACKEND_LISTEN_PORT]))
		self.refused(PUBLIC_PORT)
		# the supervisor still has what it was handed; that must not be in the way
		os.kill(self.threads()[0], signal.SIGKILL)
		self.manager.hear("READY")
		self.served(connect(self.world.address, third))

	def test_what_systemd_opened_is_not_stored(self):
		self.start(self.listeners(PUBLIC_PORT), LISTEN_FDNAMES="sallyport.socket")
		self.manager.hear("READY")
		self.assertEqual(self.manager.stored(), [BACKEND_LISTEN_PORT])

	def test_sockets_that_do_not_fit(self):
		sockets = self.listeners(PUBLIC_PORT, PUBLIC_PORT + 1)
		self.start(sockets)
		self.manager.hear("READY")  # the other port it opened by itself
		self.assertTrue(self.process.log.find(
			f"level=warning event=start .*:{PUBLIC_PORT + 1} was handed to us, but the configuration does not name it"))
		connect(self.world.address, BACKEND_LISTEN_PORT).close()
		self.end()
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
			self.start([wrong])
			self.assertEqual(self.process.wait_exit(20), 1)
			self.assertTrue(self.process.log.find("LISTEN_FDS: descriptor 3 is no listening TCP socket"))
			self.process = None


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1] + sys.argv[2:], warnings="ignore")
