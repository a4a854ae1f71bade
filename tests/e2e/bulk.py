"""Stanzas in bulk: what is sent, and whether exactly that arrived."""

import random
import re
import threading
import time
import xml.parsers.expat

from lab.proc import LabError

# Declared in the stream headers of lab.wire.
DECLARED = re.compile(rb"\s+xmlns:later=(['\"])urn:example:later\1")
STALL = 30

# Shapes that a careless relay would change: quotes, entities, references, CDATA, prefixes, several scripts, white space.
SHAPES = (
	"<message from='{f}' to='{t}' id='{i}' type='chat'><body>{x}</body></message>",
	'<message id="{i}" to="{t}" from="{f}"><body>{x}</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>',
	"<message\n  from='{f}'\tto='{t}' id='{i}' xml:lang='de' ><body  >gr\u00fc\u00dfe &amp; &lt;&#xe9;&#x1F600; '\"</body ><x xmlns='a:b'/></message >",
	"<message from='{f}' to='{t}' id='{i}'><body><![CDATA[<not> & markup ]] > \u65e5\u672c\u8a9e {x}]]></body></message>",
	"<message from='{f}' to='{t}' id='{i}'><x xmlns='u:1'><y xmlns='u:2' a='1' b=\"2\"><z/></y><y>{x}</y></x></message>",
	"<message from='{f}' to='{t}' id='{i}'><body>{x}</body><later:tag later:n='{i}'/></message>",
	"<presence from='{f}' to='{t}' id='{i}' type='probe'/>",
)
REAL_SHAPES = (0, 1, 2, 3, 4)  # messages only: a server answers probes itself, and rewrites prefixes
SIZES = (0,) * 50 + (60,) * 30 + (300,) * 14 + (2000,) * 5 + (16000,)


def make(count, sender, to, shapes=range(len(SHAPES))):
	"""The stanzas, as bytes, the same for each run."""
	dice = random.Random(count)
	shapes = [SHAPES[s] for s in shapes]
	text = "all that glisters is not gold; often have you heard that told. " * 256
	made = []
	for i in range(count):
		size = dice.choice(SIZES)
		made.append(dice.choice(shapes).format(f=sender, t=to, i=i, x=text[:size]).encode())
	# So that the end is known when it comes.
	made[-1] = f"<message from='{sender}' to='{to}' id='last'/>".encode()
	return made


class Sender(threading.Thread):
	"""Sends beside the receiver; finish() raises what went wrong."""

	BATCH = 200

	def __init__(self, wire, stanzas):
		super().__init__(daemon=True)
		self.wire = wire
		self.stanzas = stanzas
		self.sent = 0
		self.error = None
		self.start()

	def run(self):
		try:
			while self.sent < len(self.stanzas):
				self.wire.sock.settimeout(STALL)
				self.wire.send(b"".join(self.stanzas[self.sent:self.sent + self.BATCH]))
				self.sent += self.BATCH
		except OSError as error:
			self.error = error

	def wait_blocked(self, quiet=1.0, seconds=60):
		"""Until nothing could be sent for a while; LabError if all could."""
		end, since, last = time.monotonic() + seconds, time.monotonic(), -1
		while time.monotonic() < end:
			if self.sent >= len(self.stanzas) or self.error:
				raise LabError(f"all {len(self.stanzas)} stanzas were taken although nobody read them ({self.error})")
			if self.sent != last:
				last, since = self.sent, time.monotonic()
			elif time.monotonic() - since > quiet:
				return
			time.sleep(0.05)
		raise LabError(f"still sending after {seconds} s")

	def finish(self):
		self.join(STALL)
		if self.error or self.is_alive():
			raise LabError(f"sending stopped: {self.error or 'no progress'}")


def chunks(wire):
	"""What arrives, piece by piece, beginning with what is buffered already; an end or a stall is an error."""
	if wire.buffer:
		yield wire.buffer
		wire.buffer = b""
	while True:
		wire.sock.settimeout(STALL)
		try:
			data = wire.sock.recv(1 << 18)
		except (TimeoutError, OSError) as error:
			raise LabError(f"nothing more arrives: {error}") from None
		if not data:
			raise LabError("the stream was closed")
		yield data


def receive_bytes(wire, stanzas):
	"""Byte-identical, but for the declaration of a prefix that stood in the stream header."""
	expected = b"".join(stanzas)
	used = sum(b"later:" in s for s in stanzas)
	got = bytearray()
	last = stanzas[-1]
	try:
		for data in chunks(wire):
			got += data
			if got.endswith(last):
				break
	except LabError as error:
		raise LabError(f"{error}; {len(got)} of about {len(expected)} bytes came") from None
	plain, declared = DECLARED.subn(b"", bytes(got))
	if plain != expected:
		at = next((i for i, (a, b) in enumerate(zip(plain, expected)) if a != b), min(len(plain), len(expected)))
		raise LabError(f"differs at byte {at} of {len(expected)}: sent {expected[at - 80:at + 80]!r}, "
		               f"came {plain[at - 80:at + 80]!r}")
	if declared != used:
		raise LabError(f"{declared} stanzas carry the declaration of the prefix, {used} use it")


CONTENT = ("jabber:server", "jabber:client", "jabber:component:accept")


class Canonical:
	"""A stream of stanzas to [name, attributes, children...], whatever quotes and prefixes were used.

	What servers change when they write a stanza afresh is left out: which content namespace it is, xml:lang, and the
	order of a stanza's own children."""

	def __init__(self, content, on_stanza):
		"""content: the default namespace of the stream."""
		self.parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
		self.parser.buffer_text = True
		self.parser.StartElementHandler = self._start
		self.parser.EndElementHandler = self._end
		self.parser.CharacterDataHandler = self._text
		self.on_stanza = on_stanza
		self.stack = []
		self.feed(f"<s:stream xmlns='{content}' xmlns:s='s'>".encode())

	def feed(self, data):
		self.parser.Parse(data, False)

	def _start(self, name, attributes):
		space, _, local = name.rpartition(" ")
		attributes.pop("http://www.w3.org/XML/1998/namespace lang", None)
		self.stack.append([local if space in CONTENT else name, sorted(attributes.items())])

	def _text(self, text):
		if len(self.stack) > 1:
			here = self.stack[-1]
			if isinstance(here[-1], str):
				here[-1] += text
			else:
				here.append(text)

	def _end(self, name):
		done = self.stack.pop()
		if len(self.stack) > 1:
			self.stack[-1].append(done)
		elif self.stack:
			self.on_stanza(done[:2] + sorted(done[2:], key=repr))


class Stanzas:
	"""What must arrive where servers write each stanza afresh: complete, in order, with the same content.

	Made before anything is sent: it takes seconds, in which nobody would read."""

	def __init__(self, stanzas):
		self.wanted = []
		Canonical("jabber:server", self.wanted.append).feed(b"".join(stanzas))
		self.got = 0

	def _check(self, stanza):
		if stanza[0] != "message":
			return
		wanted = self.wanted[self.got]
		if stanza != wanted:
			raise LabError(f"stanza {self.got} of {len(self.wanted)} differs: wanted {wanted}"[:700] + f", came {stanza}"[:700])
		self.got += 1

	def receive(self, wire, content):
		"""content: the default namespace of what arrives."""
		came = Canonical(content, self._check)
		try:
			for data in chunks(wire):
				came.feed(data)
				if self.got == len(self.wanted):
					return
		except LabError as error:
			raise LabError(f"{error} (after {self.got} of {len(self.wanted)} stanzas)") from None
