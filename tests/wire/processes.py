#!/usr/bin/env python3
"""The three processes: who has the keys, what each may do, and what happens when one is killed.

usage: processes.py SALLYPORT"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from hand import connect, unverified  # noqa: E402
from lab.gateway import KEYS, NETWORK  # noqa: E402
from lab.proc import LabError, Process, children, run, wait_for  # noqa: E402
from lab.wire import Wire, header  # noqa: E402
from world import LOCAL, PUBLIC_PORT, REMOTE, SECOND, World  # noqa: E402

BINARY = sys.argv[1]
NOBODY = 65534
BIND_SERVICE = 1 << 10
BACK_S = 5  # service must be back within


def numbers(key):
	"""The numbers that make a private key, from openssl's text: an EC key's scalar, or an RSA key's primes."""
	text = run(["openssl", "pkey", "-in", key, "-noout", "-text"])
	found = re.findall(r"^(?:priv|prime1|prime2):\n((?:\s+[0-9a-f:]+\n)+)", text, re.M)
	return [int(re.sub(r"[\s:]", "", digits), 16) for digits in found]


def holds(pid, wanted):
	"""Which of the numbers stand in a process's memory, in either order of their bytes."""
	needles = {n: [n.to_bytes((n.bit_length() + 7) // 8, order) for order in ("big", "little")] for n in wanted}
	found, seen = set(), 0
	with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
		for line in maps:
			start, end, mode = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
			size = int(end, 16) - int(start, 16)
			if mode[0] != "r" or "[v" in line or size > 1 << 30:
				continue  # nothing of ours, or a sanitizer's shadow
			try:
				memory.seek(int(start, 16))
				data = memory.read(size)
			except (OSError, OverflowError, ValueError):
				continue  # a hole
			seen += len(data)
			found |= {n for n, forms in needles.items() if any(form in data for form in forms)}
	if seen < 1 << 20:
		raise LabError(f"only {seen} bytes of process {pid} could be read")
	return found


def status(pid):
	with open(f"/proc/{pid}/status") as f:
		return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


class Processes(unittest.TestCase):
	def start(self, edit=lambda text, folder: text):
		self.world = World(BINARY)
		self.addCleanup(self.world.stop, keep=False)
		with open(self.world.config) as f:
			text = f.read()
		changed = edit(text, self.world.folder)
		if changed != text:
			self.world.end_gateway()
			with open(self.world.config, "w") as f:
				f.write(changed)
			self.world.start_gateway()
		return self.world

	def pids(self):
		"""supervisor, network process, key process, once all are there."""
		pid = self.world.gateway.pid
		both = wait_for("both children", lambda: (lambda c: c if {NETWORK, KEYS} <= c.keys() else None)(children(pid)))
		return pid, both[NETWORK], both[KEYS]

	def shake(self, host=LOCAL, port=PUBLIC_PORT, seconds=BACK_S, context=None):
		"""A connection whose TLS handshake is complete; tried until it is, or too late."""
		end = time.monotonic() + seconds
		while True:
			try:
				sock = socket.create_connection((self.world.address, port), 5)
				return (context or unverified()).wrap_socket(sock, server_hostname=host)
			except OSError:
				if time.monotonic() > end:
					raise
				time.sleep(0.02)

	def sandboxed(self):
		"""False in instrumented builds, which need what the sandbox forbids."""
		return not self.world.gateway.log.find("instrumented")

	def test_only_the_key_process_knows_keys(self):
		def with_rsa(text, folder):
			run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={SECOND}",
			     "-addext", f"subjectAltName=DNS:{SECOND}", "-out", f"{folder}/rsa.pem", "-keyout", f"{folder}/rsa.key"])
			at = text.index(f"[host {SECOND}]")
			end = text.index("[timeouts]")
			return f"{text[:at]}[host {SECOND}]\ncertificate = {folder}/rsa.pem\nkey = {folder}/rsa.key\n{text[end:]}"

		world = self.start(with_rsa)
		secrets = numbers(world.certificates["own"].key) + numbers(f"{world.folder}/rsa.key")
		self.assertEqual(len(secrets), 3)
		old = unverified()
		old.maximum_version = ssl.TLSVersion.TLSv1_2
		for host in (LOCAL, SECOND):
			for context in (None, old):
				self.shake(host, context=context).close()
		supervisor, network, keys = self.pids()
		self.assertEqual(holds(network, secrets), set())
		self.assertEqual(holds(supervisor, secrets), set())
		self.assertEqual(holds(keys, secrets), set(secrets))
		world.end_gateway()

	def test_what_each_may_do(self):
		world = self.start()
		self.shake().close()
		for pid in self.pids():
			is_now = status(pid)
			for held in "CapInh", "CapPrm", "CapEff", "CapAmb":
				self.assertEqual(int(is_now[held], 16), 0, f"{held} of {is_now['Name']}")
			if os.geteuid() == 0:
				self.assertEqual(int(is_now["CapBnd"], 16), 0)
			self.assertEqual(is_now["NoNewPrivs"], "1")
			if self.sandboxed():
				self.assertEqual(is_now["Seccomp"], "2")
				self.assertGreaterEqual(int(is_now["Seccomp_filters"]), 1)
		for line in world.gateway.log.lines("event=sandbox"):
			expected = "on" if self.sandboxed() else '"off \\(instrumented\\)"'
			self.assertRegex(line, f"seccomp={expected} landlock={expected}")
		self.assertEqual(len(world.gateway.log.lines("event=sandbox")), 3)
		world.end_gateway()

	def test_the_key_process_has_sockets_alone(self):
		self.start()
		self.shake().close()  # so it has read all
		keys = self.pids()[2]
		kinds = {os.readlink(f"/proc/{keys}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{keys}/fd") if int(fd) > 2}
		self.assertEqual(kinds, {"socket"})
		with open(f"/proc/{keys}/limits") as f:
			self.assertRegex(f.read(), r"Max core file size +0 +0 ")
		# none of them is of the network
		inodes = {os.readlink(f"/proc/{keys}/fd/{fd}")[8:-1] for fd in os.listdir(f"/proc/{keys}/fd") if int(fd) > 2}
		with open("/proc/net/unix") as f:
			local = {line.split()[6] for line in f.readlines()[1:]}
		self.assertLessEqual(inodes, local)

	def test_the_key_process_is_killed(self):
		world = self.start()
		open_stream = Wire(self.shake())
		for _ in range(3):
			start = world.gateway.log.size()
			os.kill(self.pids()[2], signal.SIGKILL)
			self.shake().close()
			world.gateway.log.wait("event=keys text=\"the process for private keys has died", 5, start)
			world.gateway.log.wait("a new process for private keys has 2 keys", 5, start)
			world.gateway.log.wait("was ended by signal 9", 5, start)
		# what was open goes on
		open_stream.send(header(REMOTE, LOCAL))
		open_stream.expect("<stream:stream[^>]*>")
		open_stream.close()
		world.end_gateway()

	def test_a_handshake_waits_for_the_next_key_process(self):
		world = self.start()
		keys, shaken = self.pids()[2], []
		os.kill(keys, signal.SIGSTOP)
		thread = threading.Thread(target=lambda: shaken.append(self.shake(seconds=0)))
		thread.start()
		world.gateway.log.wait("role=public-in was=FIRST state=HANDSHAKE")
		time.sleep(0.2)
		self.assertEqual(shaken, [])
		os.kill(keys, signal.SIGKILL)
		thread.join(BACK_S)
		self.assertEqual(len(shaken), 1)
		shaken[0].close()
		world.end_gateway()

	def test_a_key_process_that_hangs(self):
		"""Streams that need no signature go on; a handshake that waits for one ends by its deadline."""
		world = self.start()
		open_stream = Wire(self.shake())
		keys = self.pids()[2]
		os.kill(keys, signal.SIGSTOP)
		try:
			waiting = connect(world)
			waiting.settimeout(20)
			failed = []

			def wait():
				try:
					unverified().wrap_socket(waiting, server_hostname=LOCAL)
				except OSError as error:
					failed.append(error)
			thread = threading.Thread(target=wait)
			thread.start()
			open_stream.send(header(REMOTE, LOCAL))
			open_stream.expect("<stream:stream[^>]*>", 3)
			thread.join(15)
			self.assertEqual(len(failed), 1)
			world.gateway.log.wait("reason=SP-HANDSHAKE-TIMEOUT|reason=SP-TIMEOUT|reason=SP-TLS", 5)
		finally:
			os.kill(keys, signal.SIGCONT)
		self.shake().close()
		open_stream.close()
		world.end_gateway()

	def test_the_network_process_is_killed(self):
		world = self.start()
		supervisor, network, keys = self.pids()
		self.shake().close()
		os.kill(network, signal.SIGKILL)
		began = time.monotonic()
		self.shake().close()
		self.assertLess(time.monotonic() - began, BACK_S)
		world.gateway.log.wait("the network process was ended by signal 9 .*another one is started")
		now = self.pids()
		self.assertEqual(now[0], supervisor)
		self.assertNotEqual(now[1], network)
		wait_for("the key process's end", lambda: not os.path.exists(f"/proc/{keys}"))
		world.gateway.child.terminate()
		self.assertEqual(world.gateway.wait_exit(20), 0)

	def test_nothing_outlives_the_supervisor(self):
		world = self.start()
		_, network, keys = self.pids()
		world.gateway.child.kill()
		world.gateway.wait_exit(5)
		for pid in (network, keys):
			wait_for("its end", lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 5)

	def test_keys_are_taken_up_anew(self):
		"""By a reload that names other files, as well as those that come to be in a folder."""
		world = self.start(lambda text, folder: os.mkdir(f"{folder}/certs") or
		                   text + f"[certificates]\ndirectory = {folder}/certs\ninterval = 1s\n[host c.test]\n")
		run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=c.test", "-addext",
		     "subjectAltName=DNS:c.test", "-out", f"{world.folder}/c.pem", "-keyout", f"{world.folder}/certs/c.key"])
		shutil.move(f"{world.folder}/c.pem", f"{world.folder}/certs/c.pem")
		context = unverified()
		self.shake("c.test", context=context).close()
		with open(world.config) as f:
			text = f.read()
		run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=d.test", "-addext",
		     "subjectAltName=DNS:d.test", "-out", f"{world.folder}/d.pem", "-keyout", f"{world.folder}/d.key"])
		# as editors do it: another file under the same name
		with open(f"{world.config}.new", "w") as f:
			f.write(f"{text}[host d.test]\ncertificate = {world.folder}/d.pem\nkey = {world.folder}/d.key\n")
		os.rename(f"{world.config}.new", world.config)
		world.gateway.child.send_signal(signal.SIGHUP)
		self.shake("d.test").close()
		keys = self.pids()[2]
		self.assertEqual(len(holds(keys, numbers(f"{world.folder}/d.key"))), 2)
		world.end_gateway()

	def test_certificate_and_key_in_one_file(self):
		"""Found in a folder, and kept from the network process even if it is named as an authority's."""
		world = self.start(lambda text, folder: os.mkdir(f"{folder}/certs") or
		                   text + f"[certificates]\ndirectory = {folder}/certs\ninterval = 1s\n[host c.test]\n")
		key, both = f"{world.folder}/c.key", f"{world.folder}/certs/c.pem"
		run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=c.test", "-addext",
		     "subjectAltName=DNS:c.test", "-out", f"{world.folder}/c.crt", "-keyout", key])
		with open(f"{both}.new", "w") as out:
			for part in (key, f"{world.folder}/c.crt"):
				with open(part) as f:
					out.write(f.read())
		shutil.copy(f"{world.folder}/c.crt", f"{world.folder}/certs/alone.pem")
		os.rename(f"{both}.new", both)
		self.shake("c.test").close()
		self.assertFalse(world.gateway.log.find("certificate-refused"))
		with open(world.config, "a") as f:
			f.write(f"[peer d.test]\nanchor = {both}\n")
		world.gateway.child.send_signal(signal.SIGHUP)
		world.gateway.log.wait(r"certs/c\.pem: holds a private key, so it is kept from the network process")
		world.gateway.log.wait(r"certs/c\.pem: Permission denied")
		self.shake("c.test").close()
		supervisor, network, keys = self.pids()
		self.assertEqual(len(holds(keys, numbers(key))), 2)
		self.assertEqual(holds(network, numbers(key)), set())
		self.assertEqual(holds(supervisor, numbers(key)), set())
		world.end_gateway()

	@unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
	def test_becomes_its_user(self):
		def as_nobody(text, folder):
			subprocess.run(["chown", "-R", "nobody:", folder], check=True)
			text = text.replace("[global]\n", "[global]\nuser = nobody\n")
			return text.replace(f":{PUBLIC_PORT}\n", f":{PUBLIC_PORT} {self.world.address}:926\n", 1)

		world = self.start(as_nobody)
		for pid in self.pids():
			is_now = status(pid)
			self.assertEqual(set(is_now["Uid"].split()), {str(NOBODY)})
			self.assertEqual(int(is_now["CapBnd"], 16), BIND_SERVICE)
			self.assertEqual(int(is_now["CapEff"], 16), BIND_SERVICE if is_now["Name"] != KEYS else 0)
			self.assertEqual(is_now["Groups"].strip(), "")
		self.shake(port=926).close()
		# a port that only root may bind is bound again
		os.kill(self.pids()[1], signal.SIGKILL)
		self.shake(port=926).close()
		world.gateway.child.terminate()
		self.assertEqual(world.gateway.wait_exit(20), 0)

	@unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
	def test_a_key_that_its_user_cannot_read(self):
		world = self.start()
		world.end_gateway()
		run(["chmod", "-R", "a+rX", world.folder])
		os.chmod(world.certificates["own"].key, 0o600)
		with open(world.config) as f:
			text = f.read()
		with open(world.config, "w") as f:
			f.write(text.replace("[global]\n", "[global]\nuser = nobody\n"))
		refused = Process("sallyport", [BINARY, "-c", world.config], f"{world.folder}/refused.log")
		self.assertEqual(refused.wait_exit(20), 1)
		self.assertRegex(refused.log.text(), r"own\.key: Permission denied")

	def test_what_is_required(self):
		"""It starts with what the kernel has, and does not start without."""
		world = self.start()
		sandboxed = self.sandboxed()
		world.end_gateway()
		with open(world.config, "a") as f:
			f.write("[sandbox]\nseccomp = require\nlandlock = require\n")
		if sandboxed:
			world.start_gateway()
			world.end_gateway()
			return
		refused = Process("sallyport", [BINARY, "-c", world.config], f"{world.folder}/refused.log")
		self.assertEqual(refused.wait_exit(20), 1)
		self.assertRegex(refused.log.text(), r"level=error event=sandbox process=supervisor .*requires")


if __name__ == "__main__":
	unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])
