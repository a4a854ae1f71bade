"""The main job: {ejabberd, Prosody, jabberd2} x {R to L, L to R} x {TLS with the backend or none} x {how the other side
is reached: STARTTLS, direct TLS only, an odd port}."""

from suite import Group
from world import BACKENDS, DEBIAN_TLS, add_gateway, add_old, add_peer, deliver, dns_of_old, dns_of_peer

WAYS = {  # how the side that is connected to can be reached: (its domain as L, its domain as R)
	"starttls": ("old.lab", "strict.lab"),
	"direct-tls": ("old-direct.lab", "direct.lab"),
	"odd-port": ("old-odd.lab", "odd.lab"),
}


class Flows(Group):
	def __init__(self, kind, tls):
		super().__init__()
		self.kind = kind
		self.tls = tls
		self.name = f"flows/{kind}/backend-tls-{tls}"
		usual = tls == DEBIAN_TLS[kind]
		for direction in ("R-to-L", "L-to-R"):
			for way, (local, remote) in WAYS.items():
				self.cell(f"{direction}/{way}", self.message, direction, local, remote,
				          quick=kind == "ejabberd" and usual)
		if kind != "jabberd2":  # it looks up no IPv6 addresses unless configured to
			self.cell("L-to-R/ipv6-only", self.message, "L-to-R", "old.lab", "six.lab")
		self.cell("ping-of-remote-server", self.ping, "old.lab", "strict.lab", quick=usual)
		self.cell("ping-of-local-server", self.ping, "strict.lab", "old.lab", quick=usual)
		if BACKENDS[kind][0].has_rooms:
			self.cell("room-joined-from-outside", self.room, quick=usual)
		self.cell("gateway-ends-clean", self.end, quick=usual)

	def start(self, lab):
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()
		self.lab = lab
		self.peer = add_peer(lab)
		self.old = add_old(lab, self.kind, self.tls)
		self.gateway = add_gateway(lab, self.old)
		self.users = {}

	def user(self, domain):
		if domain not in self.users:
			local = domain in self.old.hosts
			server, name = (self.old, "alice") if local else (self.peer, "bob")
			self.users[domain] = self.lab.client(f"{name}@{domain}", server, self.old.clients_use_tls if local else True)
		return self.users[domain]

	def message(self, direction, local, remote):
		alice, bob = self.user(local), self.user(remote)
		sender, receiver = (alice, bob) if direction == "L-to-R" else (bob, alice)
		deliver(sender, receiver, f"{direction} {local} {remote} \u00fc <&> {'x' * 5000}")

	def ping(self, mine, other):
		self.user(mine).ping(other)

	def room(self):
		"""A user of the strict peer joins a room on the old server; both hear each other."""
		room = f"yard-{self.tls}@conference.old.lab"
		alice, bob = self.user("old.lab"), self.user("strict.lab")
		alice.join(room, "alice")
		alice.send_raw(f"<iq type='set' id='unlock' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
		               "<x xmlns='jabber:x:data' type='submit'/></query></iq>")
		bob.join(room, "bob")
		bob.send(room, "hello from outside", "groupchat")
		alice.wait_body("hello from outside")
		alice.send(room, "hello from inside", "groupchat")
		bob.wait_body("hello from inside")

	def end(self):
		self.gateway.end()


def groups():
	return [Flows(kind, tls) for kind, (_, settings) in BACKENDS.items() for tls in settings]
