"""Stanzas of mixed sizes in bulk, both ways at once: complete, in order, and byte for byte."""

import hashlib
import threading

import bulk
from fake_backend import FakeBackend
from lab.gateway import Host
from lab.proc import LabError
from lab.wire import STREAM, RawServer, accept_external, connect, open_external
from suite import Group
from world import BACKENDS, DEBIAN_TLS, OLD, add_gateway, add_old, dns_of_old

RAW = 20
COUNT, QUICK_COUNT = 100_000, 3_000
COMPONENT = "bulk.old.lab"
QUIET = [("global", "log-level", "info"), ("timeouts", "close", "500ms")]


class Arrival:
	"""What a thread of a RawServer found; wait() raises it."""

	def __init__(self):
		self.done = threading.Event()
		self.error = None

	def note(self, function, *arguments):
		try:
			function(*arguments)
		except Exception as error:
			self.error = error
		self.done.set()

	def wait(self, seconds=240):
		if not self.done.wait(seconds):
			raise LabError(f"not all had arrived after {seconds} s")
		if self.error:
			raise self.error


class Bulk(Group):
	"""raw.lab is a server of ours on the hub; what stands behind the gateway is left to the classes below."""

	local = "old.lab"

	def start(self, lab):
		self.lab = lab
		self.count = QUICK_COUNT if lab.quick else COUNT
		dns_of_old(lab)
		lab.dns.host("raw.lab", RAW)
		lab.dns.srv("raw.lab", "raw.lab", 5269)
		lab.network.add_address("hub", RAW)
		lab.dns.start()
		self.certificate = lab.ca.leaf("raw.lab")
		self.outward = Arrival()
		for address in (lab.network.v4(RAW), lab.network.v6(RAW)):
			lab.own(RawServer(address, 5269, self.remote))
		self.start_old(lab)

	def remote(self, wire):
		accept_external(wire, "raw.lab", self.certificate)
		self.outward.note(self.take_outward, wire)

	def open_inward(self):
		wire = connect(self.lab.network.v4(OLD), 5269)
		open_external(wire, "raw.lab", self.local, self.certificate)
		return wire

	def end(self):
		self.gateway.end()


class ByteForByte(Bulk):
	"""Both ends are ours, so that not one byte may differ."""

	def __init__(self, style):
		super().__init__()
		self.style = style
		self.name = f"bulk/byte-for-byte-as-{style}"
		self.cell("both-ways", self.both_ways, quick=style == "ejabberd")
		self.cell("slow-reader-out", self.slow_reader, "out")
		self.cell("slow-reader-in", self.slow_reader, "in")
		self.cell("gateway-ends-clean", self.end)

	def start_old(self, lab):
		lab.network.add_node("old", OLD)
		self.may_read = threading.Event()
		self.inward = Arrival()
		self.old = lab.own(FakeBackend(lab.network, "old", ["old.lab"], self.style, lab.ca.self_signed("old.lab"),
		                               self.take_inward))
		self.gateway = add_gateway(lab, self.old, QUIET)
		self.to_old = bulk.make(self.count, "bob@raw.lab/r", "alice@old.lab")
		self.to_raw = bulk.make(self.count, "alice@old.lab/r", "bob@raw.lab")

	def take_inward(self, wire):
		self.may_read.wait(60)
		self.inward.note(bulk.receive_bytes, wire, self.to_old)

	def take_outward(self, wire):
		self.may_read.wait(60)
		bulk.receive_bytes(wire, self.to_raw)

	def streams(self):
		"""New ones, out and in."""
		self.old.hang_up()
		self.inward, self.outward = Arrival(), Arrival()
		return self.old.open("old.lab", "raw.lab"), self.open_inward()

	def both_ways(self):
		self.may_read.set()
		out, inward = self.streams()
		senders = [bulk.Sender(out, self.to_raw), bulk.Sender(inward, self.to_old)]
		for arrival in (self.inward, self.outward):
			arrival.wait()
		for sender in senders:
			sender.finish()
		inward.close()

	def slow_reader(self, direction):
		"""Nobody reads: the sender is stopped, the gateway does not swell, and then all arrives."""
		self.may_read.clear()
		out, inward = self.streams()
		sender = bulk.Sender(out, self.to_raw) if direction == "out" else bulk.Sender(inward, self.to_old)
		try:
			sender.wait_blocked()
		finally:
			self.may_read.set()
		(self.outward if direction == "out" else self.inward).wait()
		sender.finish()
		inward.close()


# A component (XEP-0114) of the real server is the local end; what limits the rate of a stream is switched off.
EJABBERD = ((r"^listen:\n", f"""listen:
  -
    port: 5347
    ip: "127.0.0.1"
    module: ejabberd_service
    hosts:
      {COMPONENT}:
        password: secret
"""), (r"^  s2s_shaper: fast$", "  s2s_shaper: none"))
PROSODY = ((r'^\t\t"limits";.*$', ""),
           (r"^Include ", f'Component "{COMPONENT}"\n\tcomponent_secret = "secret"\nInclude '))


class RealServers(Bulk):
	local = COMPONENT

	def __init__(self, kind):
		super().__init__()
		self.kind = kind
		self.name = f"bulk/{kind}"
		self.cell("L-to-R", self.out)
		self.cell("R-to-L", self.into)
		self.cell("gateway-ends-clean", self.end)

	def start_old(self, lab):
		changes = {"ejabberd": EJABBERD, "Prosody": PROSODY, "jabberd2": ()}[self.kind]
		self.old = add_old(lab, self.kind, DEBIAN_TLS[self.kind], hosts=("old.lab",), changes=changes)
		hosts = [Host("old.lab", lab.ca.leaf("old.lab", COMPONENT), [COMPONENT])]
		self.gateway = add_gateway(lab, self.old, QUIET, hosts)
		shapes = bulk.REAL_SHAPES
		self.to_old = bulk.make(self.count, "bob@raw.lab/r", f"c@{COMPONENT}", shapes)
		self.to_raw = bulk.make(self.count, f"c@{COMPONENT}/r", "bob@raw.lab", shapes)
		self.at_old, self.at_raw = bulk.Stanzas(self.to_old), bulk.Stanzas(self.to_raw)
		with lab.network.within("old"):
			self.component = connect("127.0.0.1", 5347)
		self.component.send(f"<stream:stream {STREAM.replace('server', 'component:accept')} to='{COMPONENT}'>")
		opened = self.component.expect(r"<stream:stream[^>]*\bid=['\"]([^'\"]*)[^>]*>")
		digest = hashlib.sha1(opened[1] + b"secret").hexdigest()
		self.component.send(f"<handshake>{digest}</handshake>")
		self.component.expect("<handshake[^>]*/>|</handshake>")

	def take_outward(self, wire):
		self.at_raw.receive(wire, "jabber:server")

	def out(self):
		sender = bulk.Sender(self.component, self.to_raw)
		self.outward.wait()
		sender.finish()

	def into(self):
		wire = self.open_inward()
		sender = bulk.Sender(wire, self.to_old)
		self.at_old.receive(self.component, "jabber:component:accept")
		sender.finish()
		wire.close()


def groups():
	return [ByteForByte(style) for style in BACKENDS] + [RealServers(kind) for kind in BACKENDS]
