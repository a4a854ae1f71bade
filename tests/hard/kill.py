"""Sudden deaths during traffic: of the network process, of the key process, of the whole daemon (which systemd would start
anew: here the test does), of the backend, of the remote server.

Both directions carry stanzas that say of themselves which they are.  Whoever receives parses as a server does: a stanza
counts once its end has come, and then must be one that was sent, for that domain, never seen before, and later than the one
before it on the same stream: what two streams carry at a time has no order."""

import os
import random
import re
import signal
import socket
import struct
import threading
import time
import xml.parsers.expat

from lab.gateway import FAULT
from lab.proc import LabError, wait_for
from lab.wire import RawServer, accept_external, connect, header, open_external
from surroundings import KEYS, NETWORK, Surroundings, child
from world import BACKEND_PORT, FEATURES, KEY, LOCAL, PEER_PORT, PUBLIC_PORT, REMOTE, SECOND

BACK_S = 5
VICTIMS = (NETWORK, "backend", KEYS, "peer", "daemon")
LIMITS = {"accept-rate": 100000, "accept-rate-per-address": 100000}
RESET = struct.pack("ii", 1, 0)


def body(n):
	"""From its number: as long as a few TLS records, at most."""
	return "".join(random.Random(n).choices("abcdefghij", k=random.Random(n).choice((10, 300, 300, 3000, 40000))))


def stanza(sender, to, n):
	return f"<message from='x@{sender}' to='y@{to}' id='{n}'><body>{body(n)}</body></message>"


class Mailbox:
	"""What one direction delivers for one pair, over however many streams."""

	def __init__(self, sender, to):
		self.sender, self.to = sender, to
		self.sent, self.seen, self.last = 0, set(), 0
		self.faults, self.lock = [], threading.Lock()

	def next(self):
		with self.lock:
			self.sent += 1
			return stanza(self.sender, self.to, self.sent)

	def deliver(self, attributes, text, before):
		"""before: the number of the one before it; its own."""
		with self.lock:
			n = int(attributes["id"])
			if (attributes["from"], attributes["to"]) != (f"x@{self.sender}", f"y@{self.to}"):
				self.faults.append(f"{n} for {attributes['to']} came to {self.to}")
			elif n > self.sent or text != body(n):
				self.faults.append(f"{n} to {self.to} is not what was sent")
			elif n in self.seen:
				self.faults.append(f"{n} to {self.to} came twice")
			elif n < before:
				self.faults.append(f"{n} to {self.to} came behind {before}")
			self.seen.add(n)
			self.last = max(self.last, n)
			return n


class Reader:
	"""The stanzas of one stream, from the bytes behind its header; returned: what comes back to its sender."""

	def __init__(self, mailbox, returned):
		self.returned = returned
		self.mailbox, self.depth, self.attributes, self.text, self.number = mailbox, 0, None, "", 0
		self.parser = xml.parsers.expat.ParserCreate()
		self.parser.StartElementHandler, self.parser.EndElementHandler = self.start, self.end
		self.parser.CharacterDataHandler = self.characters
		opening = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
		self.parser.Parse(opening)
		self.fed = len(opening)

	def feed(self, data):
		self.parser.Parse(data)
		self.fed += len(data)

	def start(self, name, attributes):
		self.depth += 1
		if self.depth == 2:
			self.attributes, self.text = (attributes, "") if name == "message" else (None, "")

	def characters(self, text):
		self.text += text

	def end(self, _):
		self.depth -= 1
		if self.depth != 1 or not self.attributes:
			return
		if self.attributes.get("type") == "error":
			self.returned(int(self.attributes["id"]))
		else:
			self.number = self.mailbox.deliver(self.attributes, self.text, self.number)


def runs(pid):
	"""Dead ones that nobody has waited for do not count."""
	try:
		with open(f"/proc/{pid}/stat") as stat:
			return stat.read().rpartition(")")[2].split()[0] != "Z"
	except OSError:
		return False


def drop(wire):
	"""Ends a connection under whichever thread waits there, which then closes it.  Not by SSLSocket's own shutdown(): that would
	let the other thread read on without TLS."""
	try:
		wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
		socket.socket.shutdown(wire.sock, socket.SHUT_RDWR)
	except OSError:
		pass


def read_all(wire, mailbox, returned):
	reader = Reader(mailbox, returned)
	reader.feed(wire.buffer)
	wire.sock.settimeout(None)
	data = wire.buffer
	try:
		while data := wire.sock.recv(65536):
			reader.feed(data)
	except xml.parsers.expat.ExpatError as error:
		at = max(0, reader.parser.ErrorByteIndex - reader.fed)
		mailbox.faults.append(f"no XML at {mailbox.to}: {error}: {data[max(0, at - 200):at]!r} and then {data[at:at + 200]!r}")


class Server:
	"""Something that listens, dies and comes back."""

	def __init__(self, address, port, script):
		self.place, self.script = (address, port), script
		self.raw = None
		self.live()

	def live(self):
		self.raw = RawServer(*self.place, self.script)

	def die(self):
		self.raw.listener.shutdown(socket.SHUT_RDWR)
		self.raw.listener.close()
		for wire in self.raw.wires:
			drop(wire)


class Sender(threading.Thread):
	"""Opens a stream, sends, and opens the next when that one has gone."""

	def __init__(self, mailbox, open_stream, rng):
		super().__init__(daemon=True)
		self.mailbox, self.open_stream, self.rng = mailbox, open_stream, rng
		self.wire, self.over = None, False
		self.start()

	def run(self):
		while not self.over:
			try:
				self.wire = self.open_stream()
				while not self.over:
					self.wire.send(self.mailbox.next())
					time.sleep(self.rng.uniform(0, 0.01))
			except (LabError, OSError, ValueError):
				time.sleep(0.05)
			if self.wire:
				drop(self.wire)
				self.wire.sock.close()


class Theatre(Surroundings):
	"""Two local domains and a remote one; traffic in from it to each, and out to it from one."""

	def __init__(self, options):
		super().__init__(options.sallyport, LIMITS)
		self.backend.stop()
		self.inbound = {to: Mailbox(REMOTE, to) for to in (LOCAL, SECOND)}
		self.outbound = Mailbox(LOCAL, REMOTE)
		self.returned = []
		self.backend = Server(self.address, BACKEND_PORT, self._at_backend)
		self.remote = Server(self.address, PEER_PORT, self._at_remote)
		rng = random.Random(options.seed)
		self.senders = [Sender(box, lambda box=box: self._as_remote(box.to), random.Random(rng.random()))
		                for box in self.inbound.values()]
		self.senders.append(Sender(self.outbound, self._as_backend, random.Random(rng.random())))

	# --- the remote server ---

	def _as_remote(self, to):
		wire = connect(self.address, PUBLIC_PORT)
		open_external(wire, REMOTE, to, self.certificates["good"])
		return wire

	def _at_remote(self, wire):
		accept_external(wire, REMOTE, self.certificates["good"])
		read_all(wire, self.outbound, self.outbound.faults.append)

	# --- the backend, for both domains ---

	def _as_backend(self):
		wire = connect(self.address, 15269)
		wire.send(header(LOCAL, REMOTE))
		wire.expect("<stream:features.*</stream:features>")
		wire.send(f"<db:result from='{LOCAL}' to='{REMOTE}'>{KEY}</db:result>")
		wire.expect("<db:result[^>]*type='valid'", 30)
		return wire

	def _at_backend(self, wire):
		to = wire.expect(r"<stream:stream[^>]*\bto='([^']*)'[^>]*>")[1].decode()
		stream_id = f"in{random.randrange(1 << 60)}"
		wire.send(header(to, "", f" id='{stream_id}'") + FEATURES)
		asked = wire.expect(r"<db:(result|verify)([^>]*)>([^<]*)</db:[^>]*>")
		remote = re.search(rb"from='([^']*)'", asked[2])[1].decode()
		if asked[1] == b"verify":
			verdict = "valid" if asked[3].decode() == KEY else "invalid"
			its_id = re.search(rb"id='([^']*)'", asked[2])[1].decode()
			wire.send(f"<db:verify from='{to}' to='{remote}' id='{its_id}' type='{verdict}'/>")
			wire.expect_end()
			return
		verify = connect(self.address, 15269)
		verify.send(header(to, remote))
		verify.expect("<stream:features.*</stream:features>")
		verify.send(f"<db:verify from='{to}' to='{remote}' id='{stream_id}'>{asked[3].decode()}</db:verify>")
		valid = b"type='valid'" in verify.expect("<db:verify[^>]*>")[0]
		verify.close()
		wire.send(f"<db:result from='{to}' to='{remote}' type='{'valid' if valid else 'invalid'}'/>")
		if valid:
			read_all(wire, self.inbound[to], self.returned.append)

	# --- what happens ---

	def kill(self, victim):
		if victim == "daemon":
			children = [child(self.gateway.pid, name) for name in (NETWORK, KEYS)]
			self.gateway.child.kill()
			self.gateway.child.wait()
			# systemd would wait for that, too
			wait_for("the end of its processes", lambda: not any(map(runs, children)), BACK_S)
			self.start_gateway()
		elif victim in (NETWORK, KEYS):
			os.kill(wait_for(victim, lambda: child(self.gateway.pid, victim), BACK_S), signal.SIGKILL)
		elif victim == "backend":
			self.backend.die()
			self.backend.live()
		else:
			self.remote.die()
			for sender in self.senders[:2]:
				if sender.wire:
					drop(sender.wire)
			self.remote.live()

	def boxes(self):
		return [*self.inbound.values(), self.outbound]

	def faults(self):
		both = self.outbound.seen.intersection(self.returned)
		return [fault for box in self.boxes() for fault in box.faults] + [f"{n} was delivered and returned" for n in both]

	def back(self, seconds, since=None):
		"""In all directions stanzas arrive that were sent after this moment; how long that took, from `since` on."""
		marks = [(box, box.sent) for box in self.boxes()]
		start = since or time.monotonic()
		wait_for(lambda: f"traffic to {[box.to for box, mark in marks if box.last <= mark]}",
		         lambda: all(box.last > mark for box, mark in marks), seconds)
		return time.monotonic() - start

	def end(self):
		for sender in self.senders:
			sender.over = True
		for sender in self.senders:
			sender.join(5)
		self.remote.die()
		self.gateway.check()
		self.gateway.child.terminate()
		status = self.gateway.wait_exit(20)
		faults = [line for line in self.gateway.log.lines(FAULT) if "signal 9 " not in line]
		if status != 0 or faults:
			raise LabError(f"exit {status} {' '.join(faults[:3])}")


def deaths(options):
	theatre = Theatre(options)
	rng = random.Random(options.seed)
	slowest = {}
	try:
		theatre.back(20)
		for n in range(options.rounds):
			victim = VICTIMS[n % len(VICTIMS)]
			time.sleep(rng.uniform(0.02, 0.4))
			died = time.monotonic()
			theatre.kill(victim)
			try:
				took = theatre.back(30, died)
			except LabError as error:
				yield f"round {n}, death of the {victim}: {error}"
				return
			slowest[victim] = max(slowest.get(victim, 0), took)
			if took > BACK_S:
				yield f"round {n}, death of the {victim}: back after {took:.1f} s"
			if theatre.faults():
				break
		yield from theatre.faults()[:5]
		sent, got = sum(box.sent for box in theatre.boxes()), sum(len(box.seen) for box in theatre.boxes())
		print(f"        {n + 1} deaths; {sent} stanzas sent, {got} delivered, each once and whole, "
		      f"{len(theatre.returned)} returned; back after at most "
		      + ", ".join(f"{seconds:.1f} s ({victim})" for victim, seconds in slowest.items()), flush=True)
		theatre.end()
	finally:
		for sender in theatre.senders:
			sender.over = True
		theatre.gateway.stop()
		theatre.backend.die()
		theatre.dns.stop()
