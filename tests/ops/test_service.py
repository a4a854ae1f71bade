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
from lab.gateway import SANITIZERS
from lab.proc import Process, wait_for  # noqa: E402
from lab.wire import connect, open_external  # noqa: E402
from world import BACKEND_LISTEN_PORT, LOCAL, PUBLIC_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]


class Manager:
	"""Hears what a service says, as systemd does."""

	def __init__(self, path):
		self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self.socket.bind(path)
		self.socket.settimeout(20)

	def hear(self, *wanted):
		"""The next message with one of these keys: {key: value}."""
		while True:
			said = dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines())
			if not wanted or set(wanted) & set(said):
				return said

	def silent(self, seconds):
		self.socket.settimeout(seconds)
		try:
			return self.hear("WATCHDOG") is None
		except TimeoutError:
			return True
		finally:
			self.socket.settimeout(20)


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
			self.manager.socket.close()
			self.world.stop(keep=False)

	def start(self, sockets=(), **environment):
		"""As systemd would: its words in the environment, descriptors from 3 on."""
		def give():
			for i, s in enumerate(sockets):
				os.dup2(s.fileno(), 60 + i)
			for i in range(len(sockets)):
				os.dup2(60 + i, 3 + i)
				os.set_inheritable(3 + i, True)
		code = ("import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.environ['WATCHDOG_PID'] = str(os.getpid()); "
		        "os.execv(sys.argv[1], sys.argv[1:])")
		self.log = f"{self.world.folder}/service.log"
		command = [sys.executable, "-c", code, BINARY, "-c", self.world.config]
		environment = {**os.environ, **SANITIZERS, "NOTIFY_SOCKET": f"{self.world.folder}/notify", **environment}
		if sockets:
			environment["LISTEN_FDS"] = str(len(sockets))
		self.process = Started(command, self.log, environment, give, [s.fileno() for s in sockets])

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


class Started(Process):
	"""With descriptors from 3 on."""

	def __init__(self, command, log_path, environment, give, fds):
		import subprocess
		from lab.proc import Log
		self.name, self.command, self.stop_signal, self.log = "sallyport", command, signal.SIGTERM, Log(log_path)
		with open(log_path, "ab") as out:
			self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment,
			                              start_new_session=True, preexec_fn=give, close_fds=False, pass_fds=())


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1] + sys.argv[2:], warnings="ignore")
