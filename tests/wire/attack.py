"""One case of attacks.json: how to get to its phase, its steps, and the judgement.

must       outcomes that are in order: error (a stream error), error:CONDITION, closed, sasl-failure, db-invalid, tls-fail,
           silent (nothing happened), refused (any of these but silent), any
never      patterns that the gateway must not send us, see for the other ones:
always     it must
fwd_never  it must not forward to the backend
fwd_always it must"""

import base64
import os
import re
import socket
import ssl
import time

from lab.wire import STREAM, TLS, header
from peer import Gone, Peer

STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()
AUTH = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"
FEATURES_END = r"</stream:features>|<stream:features\s*/>"
REFUSALS = ("closed", "sasl-failure", "db-invalid", "tls-fail")
# How long to listen for what must not come, and for a refusal.
SILENCE, PATIENCE = 1.5, 8
MEMORY_KB = 64 * 1024
# A ServerHello with the cipher suite TLS_RSA_WITH_NULL_SHA.
NULL_HELLO = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + b"\x55" * 32 + b"\x00\x00\x02\x00"


def encoded(text):
	return base64.b64encode(text.encode()).decode()


class Attack:
	def __init__(self, world, case, listener):
		"""listener: in the client role, where the gateway connects to."""
		self.world = world
		self.case = case
		self.header = header(world.remote, world.local)
		self.listener = listener
		self.patience = case.get("t", PATIENCE)
		self.peer = None
		self.verdict = None
		self.headers = 0

	# --- the way to the phase ---

	def connect(self):
		return Peer(socket.create_connection((self.world.address, self.world.port), 5))

	def accept(self):
		self.world.backend.reach_out()
		try:
			return Peer(self.listener.accept()[0])
		except TimeoutError:
			raise Gone("the gateway does not connect") from None

	def say_header(self, peer):
		start = len(peer.seen)
		peer.send(self.header.encode(), 5)
		if not peer.wait(FEATURES_END, PATIENCE, start):
			raise Gone(f"no features but {peer.seen[start:][-200:]!r}")
		found = re.search(rb"<stream:stream[^>]*\sid=['\"]([^'\"]*)", peer.seen[start:])
		peer.stream_id = found[1].decode() if found else ""

	def to_phase(self):
		phase, _, certificate = self.case["phase"].partition("@")
		self.peer = peer = self.accept() if phase == "listen" else self.connect()
		peer.certificate = certificate or "good"
		if phase in ("connect", "listen"):
			return
		self.say_header(peer)
		if phase == "open":
			return
		peer.send(STARTTLS, 5)
		self.start_tls()
		if phase == "tls":
			return
		self.say_header(peer)
		if phase == "tlsopen":
			return
		peer.send(AUTH, 5)
		if not peer.wait("<success[^>]*>", PATIENCE):
			raise Gone(f"no success but {peer.seen[-200:]!r}")
		self.say_header(peer)

	# --- steps ---

	def fill_in(self, text):
		"""{NAMES} and \\xNN."""
		evil, remote = self.world.evil, self.world.remote
		values = {
			"TO": self.world.local, "FROM": remote, "FROMUP": remote.upper(), "EVIL": evil, "HDR": self.header,
			"ID": self.peer.stream_id, "B64EVIL": encoded(evil), "B64FROMNUL": encoded(remote + "\0"),
			"B64JID": encoded(f"admin@{remote}"),
		}
		text = re.sub(r"\{([A-Z0-9]+)\}", lambda m: values[m[1]], text)
		parts = re.split(r"\\x([0-9a-fA-F]{2})", text)
		return b"".join(bytes([int(p, 16)]) if i % 2 else p.encode() for i, p in enumerate(parts))

	def send(self, text):
		self.peer.send(self.fill_in(text), self.patience)

	def repeat(self, text, times):
		unit = self.fill_in(text)
		self.peer.send(unit * times, self.patience)

	def repeat_numbered(self, text, times):
		self.peer.send("".join(text.replace("%d", str(i)) for i in range(times)).encode(), self.patience)

	def repeat_slowly(self, text, times):
		"""Each in a packet of its own."""
		end = time.monotonic() + self.patience
		for _ in range(times):
			if self.peer.ended or time.monotonic() > end:
				return
			self.peer.send(text.encode(), 5)

	def drip(self, text, pause):
		for byte in self.fill_in(text):
			self.peer.send(bytes([byte]), 5)
			self.peer.read_for(pause)

	def wait(self, pattern):
		self.peer.wait(pattern, 6, self.peer.base)

	def wait_header(self):
		"""The gateway's next stream header."""
		self.headers += 1
		self.peer.wait(r"<stream:stream[^>]*>.*?" * self.headers, PATIENCE)

	def start_tls(self, certificate=None):
		peer = self.peer
		client = self.case["role"] == "server"
		if client and not peer.wait("<proceed[^>]*>", 5, peer.base):
			raise Gone("no proceed")
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
		context.check_hostname = False
		context.verify_mode = ssl.CERT_NONE if client else ssl.CERT_REQUIRED
		context.load_verify_locations(self.world.certificates["own"].chain)
		shown = certificate or peer.certificate
		if shown != "none":
			context.load_cert_chain(self.world.certificates[shown].chain, self.world.certificates[shown].key)
		peer.start_tls(context, self.world.local if client else None)

	def null_cipher_hello(self):
		self.peer.send(NULL_HELLO, 5)

	def compare_ids(self, times):
		"""Stream ids must be unpredictable."""
		ids = []
		for _ in range(times):
			other = self.connect()
			self.say_header(other)
			ids.append(other.stream_id)
			other.close()
		shortest, common = min(map(len, ids)), len(os.path.commonprefix(ids))
		good = len(set(ids)) == times and shortest >= 16 and common <= 4
		self.verdict = "alive" if good else f"weak ids: {shortest} characters, {common} the same"

	STEPS = {
		"s": send, "rep": repeat, "repi": repeat_numbered, "repslow": repeat_slowly, "drip": drip, "wait": wait,
		"hs": wait_header, "tls": start_tls, "sraw-serverhello": null_cipher_hello, "ids": compare_ids,
		"read": lambda self, seconds: self.peer.read_for(seconds),
	}

	def steps(self):
		for name, *arguments in self.case["steps"]:
			if self.peer.ended:
				return
			self.STEPS[name](self, *arguments)

	# --- judgement ---

	def listen(self):
		"""Until the gateway has closed, or has had its say."""
		must = self.case["must"]
		lenient = "silent" in must or "any" in must
		end = time.monotonic() + (SILENCE if lenient else self.patience)
		while not self.peer.ended and time.monotonic() < end:
			self.peer.pump(end - time.monotonic())
			if re.search(rb"</stream:stream>|xmpp-sasl.*</failure>", self.peer.since(), re.DOTALL):
				end = min(end, time.monotonic() + 1)

	def outcome(self):
		if self.verdict:
			return self.verdict
		said = self.peer.since()
		error = re.search(rb"<([a-z-]+)[^>]*urn:ietf:params:xml:ns:xmpp-streams", said)
		if self.peer.tls_failed:
			return "tls-fail"
		if error:
			return f"error:{error[1].decode()}"
		if re.search(rb"<failure", said):
			return "sasl-failure"
		if re.search(rb"<db:(result|verify)[^>]*type=['\"](invalid|error)", said):
			return "db-invalid"
		return "closed" if self.peer.ended else "silent"

	def allowed(self, outcome):
		error = outcome.startswith("error:")
		refused = error or outcome in REFUSALS
		return any(m in ("any", outcome) or (m == "error" and error) or (m == "refused" and refused)
		           for m in self.case["must"])

	def found(self, key, data):
		"""(pattern, is there) of all patterns under a key."""
		world = self.world
		values = {"{EVIL}": world.evil, "{FROM}": world.remote, "{TO}": world.local, "{B64TO}": encoded(world.local)}
		for pattern in self.case.get(key, []):
			for name, value in values.items():
				pattern = pattern.replace(name, re.escape(value))
			yield pattern, re.search(pattern.encode(), data, re.DOTALL) is not None

	def complaints(self, outcome, forwarded):
		if not self.allowed(outcome):
			yield f"{outcome} where {' or '.join(self.case['must'])} is in order"
		for key, data, what in (("", self.peer.since(), "sent"), ("fwd_", forwarded(), "forwarded")):
			for pattern, there in self.found(f"{key}never", data):
				if there:
					yield f"{what} /{pattern}/"
			for pattern, there in self.found(f"{key}always", data):
				if not there:
					yield f"has not {what} /{pattern}/ but {data[-300:]!r}"

	def health(self):
		"""The gateway still greets others."""
		try:
			other = self.connect()
			self.say_header(other)
			other.close()
		except (Gone, OSError) as error:
			return f"does not answer any more: {error}"
		return None

	def run(self):
		"""(outcome, complaints)"""
		memory = self.world.memory_kb()
		before = len(self.world.backend.forwarded)

		def forwarded():
			"""What must come is waited for, what must not is given time."""
			end = time.monotonic() + (5 if "fwd_always" in self.case else 0.2 if "fwd_never" in self.case else 0)
			while time.monotonic() < end:
				time.sleep(0.02)
				data = self.world.backend.forwarded[before:]
				if "fwd_always" in self.case and all(there for _, there in self.found("fwd_always", data)):
					break
			return self.world.backend.forwarded[before:]

		try:
			complaints = self._attack(forwarded)
		finally:
			if self.peer:
				self.peer.close()
			self.world.backend.hang_up()
		grown = self.world.memory_kb() - memory
		if grown > MEMORY_KB:
			complaints.append(f"took {grown // 1024} MB of memory")
		sick = self.health()
		if sick:
			complaints.append(sick)
		return self.outcome() if self.peer else "none", complaints

	def _attack(self, forwarded):
		try:
			self.to_phase()
			self.peer.base = len(self.peer.seen)
		except (Gone, OSError) as error:
			# A peer that shows no certificate, or a bad one, may be sent away before the attack itself.
			early = self.peer is not None and "@" in self.case["phase"]
			if not early:
				return [f"phase {self.case['phase']} not reached: {error}"]
		else:
			try:
				self.steps()
			except Gone:
				pass  # the outcome says why
		self.listen()
		return list(self.complaints(self.outcome(), forwarded))


def listen_as_peer(address, port):
	listener = socket.create_server((address, port), backlog=16)
	listener.settimeout(10)
	return listener
