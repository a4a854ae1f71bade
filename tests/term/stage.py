"""The stage of one case: a world, a terminal of fixed width, and a transcript without what differs from run to run."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time

import world
from attack import Attack, listen_as_peer
from lab.gateway import FAULT
from lab.proc import LabError, wait_for
from lab.wire import header
from peer import Peer

CASES = []
NOBODY = 65534
PATIENCE = 20


class Skip(Exception):
	"""The case cannot be played here."""


class Case:
	def __init__(self, name, play, more):
		self.name = name
		self.play = play
		self.more = more


def case(name, more=""):
	"""more: what else stands in the configuration."""
	def register(play):
		CASES.append(Case(name, play, more))
		return play
	return register


def fixed_address():
	"""As world.own_address(), but of the same length in every process, so that tables keep their shape."""
	pid = os.getpid()
	return f"127.81.{100 + pid // 100 % 100}.{100 + pid % 100}"


def narrow(match):
	"""An age in a table keeps its place to the right."""
	return "Ns".rjust(len(match[0]))


MASKS = [
	(re.compile(r"sallyport-wire-\w{8}"), "sallyport-wire-FOLDER__"),
	(re.compile(r"127\.81\.1\d\d\.1\d\d"), "127.81.1NN.1NN"),
	(re.compile(r"(127\.0\.0\.1|…):\d{5}\b(?<!:15270)"), r"\1:NNNNN"),
	(re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "YYYY-MM-DDTHH:MM:SS.MMMZ"),
	(re.compile(r"\d{4}-\d\d-\d\d"), "YYYY-MM-DD"),
	(re.compile(r"  +\b\d+[smhd]( \d+[smhd])?(?=[ \n])"), narrow),
	(re.compile(r"\b\d+s\b"), "Ns"),
	(re.compile(r"\b(for|stanza in) \d+[dhms]( \d+[dhms])?\b"), r"\1 TIME"),
	(re.compile(r"\b\d+\.\dK"), "N.NK"),
	(re.compile(r"\b\d+\.\d ms\b"), "N.N ms"),
	(re.compile(r"\bpid \d+"), "pid NNN"),
	(re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}="), "KEY"),
	(re.compile(r"\b(ms|pid|bytes_in|bytes_out)=\d+"), r"\1=N"),
]


class Terminal:
	"""A process in a terminal."""

	def __init__(self, command, width, user=None):
		self.master, slave = pty.openpty()
		fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
		environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=1"}
		self.child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, user=user,
		                              group=user, extra_groups=[] if user else None, start_new_session=True)
		os.close(slave)
		self.text = ""

	def read(self, seconds):
		"""False: it has ended."""
		if not select.select([self.master], [], [], seconds)[0]:
			return True
		try:
			data = os.read(self.master, 65536)
		except OSError:  # EIO: the last writer has gone
			data = b""
		self.text += data.decode(errors="backslashreplace").replace("\r\n", "\n").replace("\x1b", "␛")
		return bool(data)

	def wait_for(self, pattern):
		end = time.monotonic() + PATIENCE
		while not re.search(pattern, self.text):
			if time.monotonic() > end or not self.read(0.2):
				raise LabError(f"/{pattern}/ does not appear, but {self.text[-300:]!r}")

	def finish(self):
		"""The exit code; 0 where it was interrupted."""
		end = time.monotonic() + PATIENCE
		while self.read(0.2):
			if time.monotonic() > end:
				self.child.kill()
				raise LabError(f"does not end: {self.text[-300:]!r}")
		os.close(self.master)
		return self.child.wait(PATIENCE)

	def interrupt(self):
		self.child.send_signal(signal.SIGINT)
		return self.finish()


class Stage:
	def __init__(self, binary, played):
		tempfile.tempdir = "/tmp"
		world.own_address = fixed_address
		self.world = world.World(binary, lambda folder: played.more.replace("FOLDER", folder))
		self.folder = self.world.folder
		self.ctl = f"{os.path.dirname(binary)}/sallyportctl"
		self.socket = f"{self.folder}/control"
		self.transcript = ""
		self.listener = None
		self.peers = []
		self.was_ended = False

	# --- looking ---

	def command(self, words, where=None):
		return [self.ctl, *words.split(), "--socket", where or self.socket]

	def note(self, words, text, code):
		self.transcript += f"$ sallyportctl {words}\n{text}[exit {code}]\n\n"

	def run(self, words, width=80, where=None, user=None):
		"""A command that asks the daemon.  user: as whom, for which the test must run as root."""
		if user is not None and os.geteuid() != 0:
			raise Skip("needs root")
		terminal = Terminal(self.command(words, where), width, user)
		code = terminal.finish()
		self.note(words, terminal.text, code)

	def run_alone(self, words, width=80):
		"""A command that needs no daemon."""
		terminal = Terminal([self.ctl, *words.split()], width)
		code = terminal.finish()
		self.note(words, terminal.text, code)

	def run_piped(self, words):
		done = subprocess.run(self.command(words), capture_output=True, text=True, timeout=PATIENCE, check=False)
		self.note(f"{words} | cat", done.stdout + done.stderr, done.returncode)

	def watch(self, words, width=400):
		"""A terminal that goes on; to be given to end_watch()."""
		terminal = Terminal(self.command(words), width)
		terminal.wait_for("watching")
		return terminal

	def end_watch(self, words, terminal, last):
		terminal.wait_for(last)
		terminal.interrupt()
		self.note(words, terminal.text, "Ctrl-C")

	def rows(self, words):
		done = subprocess.run(self.command(f"{words} --json"), capture_output=True, text=True, timeout=PATIENCE, check=False)
		return [json.loads(line) for line in done.stdout.splitlines()]

	def run_json(self, words):
		"""Members in their order; numbers, but for small ones, are masked, and whatever grows by itself."""
		def masked(value):
			if isinstance(value, dict):
				grows = {"age", "uptime"} | ({"open"} if value.get("type") == "stream" else set())
				return {k: "N" if k in grows else masked(v) for k, v in value.items()}
			if isinstance(value, list):
				return [masked(v) for v in value]
			return "N" if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 else value
		text = "".join(json.dumps(masked(row), indent=1) + "\n" for row in self.rows(words))
		self.note(f"{words} --json", text, 0)

	def wait_rows(self, words, condition):
		return wait_for(words, lambda: condition(self.rows(words)), PATIENCE)

	def settle(self):
		"""The certificates' ends are whole days away at first; from then on the same is shown for an hour."""
		self.wait_rows("certs", lambda rows: all(r.get("left", 1) % 86400 for r in rows))

	def seen(self):
		text = self.transcript
		for pattern, to in MASKS:
			text = pattern.sub(to, text)
		return text.rstrip("\n") + "\n"

	# --- what there is to be seen ---

	def peer_in(self, certificate="good"):
		"""A public stream that stands, and its way to the backend."""
		attack = Attack(self.world, {"role": "server", "phase": f"auth@{certificate}"}, None)
		attack.to_phase()
		self.peers.append(attack.peer)
		return attack.peer

	def peer_refused_unseen(self, remote, certificate="expired"):
		"""A public stream that does not come up: the certificate is not good, or not this domain's."""
		peer = Peer(socket.create_connection((self.world.address, world.PUBLIC_PORT), 5))
		attack = Attack(self.world, {"role": "server", "phase": "open"}, None)
		attack.peer = peer
		peer.certificate = certificate
		peer.send(header(remote, world.LOCAL).encode(), 5)
		peer.wait("</stream:features>", 5)
		peer.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", 5)
		attack.start_tls()
		peer.send(header(remote, world.LOCAL).encode(), 5)
		peer.wait("</stream:stream>", 5)
		peer.close()

	def peer_refused(self, remote, certificate="good"):
		self.peer_refused_unseen(remote, certificate)
		self.wait_rows("peers", lambda rows: any(r["domain"] == remote and r["in"]["streak"] for r in rows))

	def reach_out(self):
		"""The backend wants the remote domain; where nobody listens it fails."""
		self.world.backend.reach_out()

	def listen(self):
		self.listener = listen_as_peer(self.world.address, world.PEER_PORT)
		return self.listener

	def edit(self, old, new):
		with open(self.world.config) as f:
			text = f.read()
		if old not in text:
			raise LabError(f"{old!r} is not in the configuration")
		with open(self.world.config, "w") as f:
			f.write(text.replace(old, new, 1))

	def daemon_ends(self):
		if self.world.gateway.wait_exit(PATIENCE) != 0:
			raise LabError("the daemon did not end in order")
		self.was_ended = True

	def kill_daemon(self):
		self.world.gateway.child.kill()
		self.world.gateway.child.wait()
		self.was_ended = True

	def faults(self):
		"""Of the daemon, which ends here."""
		for peer in self.peers:
			peer.close()
		self.peers = []
		if not self.was_ended:
			try:
				self.world.end_gateway()
			except LabError as error:
				return [str(error)]
		return self.world.gateway.log.lines(FAULT)

	def stop(self, keep):
		for peer in self.peers:
			peer.close()
		if self.listener:
			self.listener.close()
		self.world.stop(keep)
