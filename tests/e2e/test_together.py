"""Several at once: two old servers behind a gateway each, and good and bad domains on one stream of jabberd2."""

import functools
import queue
import threading

import bulk
from fake_backend import FakeBackend
from lab.proc import LabError
from lab.wire import RawServer, accept_external
from suite import Group
from world import DEBIAN_TLS, OLD, PEER, add_gateway, add_old, add_peer, deliver, dns_of_old, dns_of_peer

ELDER = 12
RAW = 20


class TwoOldServers(Group):
	def __init__(self, kind, other):
		super().__init__()
		self.kinds = (kind, other)
		self.name = f"two-old-servers/{kind}-and-{other}"
		self.cell("there", self.message, 0, 1)
		self.cell("back", self.message, 1, 0)
		self.cell("ping", lambda: self.users[0].ping("elder.lab"))
		self.cell("gateways-end-clean", self.end)

	def start(self, lab):
		dns_of_old(lab)
		dns_of_old(lab, ELDER, "elder")
		lab.dns.start()
		self.gateways, self.users = [], []
		for kind, node, n in ((self.kinds[0], "old", OLD), (self.kinds[1], "elder", ELDER)):
			server = add_old(lab, kind, DEBIAN_TLS[kind], hosts=(f"{node}.lab",), node=node, n=n)
			self.gateways.append(add_gateway(lab, server))
			self.users.append(lab.client(f"alice@{node}.lab", server, server.clients_use_tls))

	def message(self, sender, receiver):
		deliver(self.users[sender], self.users[receiver], f"from one old server to another, {sender}")

	def end(self):
		for gateway in self.gateways:
			gateway.end()


class OneStream(Group):
	"""jabberd2 puts all remote domains with one address and port on one TCP stream.

	strict.lab is in order.  expired.lab has an expired certificate.  stuck.lab has the same address for jabberd2, which
	asks for no _xmpps-server record; the gateway does and finds a server that accepts and says nothing."""

	name = "one-stream/jabberd2"
	GOOD = 40

	def __init__(self):
		super().__init__()
		self.cell("bad-domain-first", self.mixed, "expired.lab", quick=True)
		self.cell("stuck-domain-first", self.mixed, "stuck.lab")
		self.cell("it-was-one-stream", self.one_stream)
		self.cell("gateway-ends-clean", self.end)

	def start(self, lab):
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.host("expired.lab", PEER)
		lab.dns.srv("expired.lab", "strict.lab", 5269)
		lab.dns.host("stuck.lab", PEER)
		lab.dns.host("xmpp.stuck.lab", RAW)
		lab.dns.srv("stuck.lab", "xmpp.stuck.lab", 5270, direct=True)
		lab.network.add_address("hub", RAW)
		for address in (lab.network.v4(RAW), lab.network.v6(RAW)):
			lab.own(RawServer(address, 5270, lambda wire: wire.expect_end(60)))
		lab.dns.start()
		peer = add_peer(lab, ["strict.lab", "expired.lab"],
		                [lab.ca.leaf("strict.lab"), lab.ca.leaf("expired.lab", start=-9, end=-2)])
		self.old = add_old(lab, "jabberd2", "off", hosts=("old.lab",))
		self.gateway = add_gateway(lab, self.old, [("timeouts", "outbound", "6s")])
		self.alice = lab.client("alice@old.lab", self.old, False)
		self.bob = lab.client("bob@strict.lab", peer)

	def mixed(self, bad):
		"""Good messages go on arriving, in order, while the bad domain fails and is bounced."""
		lost = [self.alice.send(f"bob@{bad}", f"to {bad}")]
		bodies = [f"while {bad} fails, {i}" for i in range(self.GOOD)]
		for i, body in enumerate(bodies):
			self.alice.send(self.bob.jid, body)
			if i % 10 == 5:
				lost.append(self.alice.send(f"bob@{bad}", f"to {bad} again"))
		self.bob.wait_body(bodies[-1], 5)
		got = [s["body"] for s in self.bob.stanzas if s.name == "message" and s["body"].startswith(f"while {bad}")]
		if got != bodies:
			raise LabError(f"not all arrived, or not in order: {got}")
		for sent in lost:
			self.alice.wait_error(sent, 20)
		deliver(self.alice, self.bob, f"and after {bad} has failed")

	def one_stream(self):
		opened = self.old.log.lines("outgoing connection for")
		if len(opened) != 1:
			raise LabError(f"jabberd2 opened {len(opened)} streams: {opened}")

	def end(self):
		self.gateway.end()


class StalledReader(Group):
	"""One stream from a jabberd2-like backend carries a domain that stops reading and one that goes on."""

	name = "one-stream/stalled-reader"

	def __init__(self):
		super().__init__()
		self.cell("good-domain-goes-on", self.goes_on)
		self.cell("gateway-ends-clean", self.end)

	def start(self, lab):
		self.lab = lab
		dns_of_old(lab)
		self.go_on = threading.Event()
		self.arrived = queue.Queue()
		for i, (domain, script) in enumerate((("stalled.lab", self.stall), ("good.lab", self.read))):
			lab.network.add_address("hub", RAW + i)
			lab.dns.host(domain, RAW + i)
			lab.dns.srv(domain, domain, 5269)
			certificate = lab.ca.leaf(domain)
			for address in (lab.network.v4(RAW + i), lab.network.v6(RAW + i)):
				lab.own(RawServer(address, 5269, functools.partial(script, domain, certificate)))
		lab.dns.start()
		lab.network.add_node("old", OLD)
		self.old = lab.own(FakeBackend(lab.network, "old", ["old.lab"], "jabberd2", None, lambda wire: wire.expect_end(60)))
		self.gateway = add_gateway(lab, self.old, [("global", "log-level", "info"), ("timeouts", "close", "500ms")])

	def stall(self, domain, certificate, wire):
		accept_external(wire, domain, certificate)
		self.go_on.wait(60)

	def read(self, domain, certificate, wire):
		accept_external(wire, domain, certificate)
		while True:
			self.arrived.put(wire.expect("<body>(.*?)</body>", 60)[1].decode())

	def goes_on(self):
		out = self.old.open("old.lab", "stalled.lab")
		self.old.open("old.lab", "good.lab")
		flood = bulk.Sender(out, bulk.make(50_000, "alice@old.lab/r", "bob@stalled.lab"))
		flood.wait_blocked()
		for i in range(20):
			out.send(f"<message from='alice@old.lab/r' to='bob@good.lab'><body>{i}</body></message>")
		try:
			got = [self.arrived.get(timeout=8) for _ in range(20)]
		except queue.Empty:
			raise LabError("what is for good.lab does not arrive") from None
		if got != [str(i) for i in range(20)]:
			raise LabError(f"not in order: {got}")
		flood.finish()  # all of it is taken and returned, though nobody has read it
		self.go_on.set()

	def end(self):
		self.gateway.end()


def groups():
	return [TwoOldServers("ejabberd", "Prosody"), TwoOldServers("jabberd2", "ejabberd"), OneStream(),
	        StalledReader()]
