"""Without the gateway: both directions fail, and in whose words.  What the other tests show must not work by itself."""

import re

from lab.proc import LabError
from suite import Group
from world import DEBIAN_TLS, add_old, add_peer, deliver, dns_of_old, dns_of_peer

# Kind of old server: direction: (what the sending user reads, which server's log says why, the words there).
# ejabberd loses a stream error now and then when the connection is closed right behind it: "invalid argument".
WORDS = {
	"ejabberd": {
		"L-to-R": ("Your server's certificate is not trusted|invalid argument", "peer", "certificate error.*self-signed certificate"),
		"R-to-L": ("Remote server's certificate is not trusted", "peer", "certificate error.*self-signed certificate"),
	},
	"Prosody": {
		"L-to-R": ("Your server's certificate is not trusted", "peer", "certificate error.*self-signed certificate"),
		"R-to-L": ("Remote server's certificate is not trusted", "peer", "certificate error.*self-signed certificate"),
	},
	"jabberd2": {
		"L-to-R": ("remote-server-timeout", "old", "unsupported-stanza-type"),
		"R-to-L": ("remote-server-timeout", "peer", r"old.lab is \*not\* offering TLS"),
	},
}


class Before(Group):
	needs_gateway = False

	def __init__(self, kind):
		super().__init__()
		self.kind = kind
		self.name = f"before/{kind}"
		for direction in ("L-to-R", "R-to-L"):
			self.cell(f"{direction}-fails", self.fails, direction, quick=kind == "ejabberd")

	def start(self, lab):
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()
		# jabberd2 never answers; the peer must not wait for its usual 90 s.
		self.peer = add_peer(lab, options={"s2s_timeout": 6})
		self.old = add_old(lab, self.kind, DEBIAN_TLS[self.kind], hosts=("old.lab",))
		self.alice = lab.client("alice@old.lab", self.old, self.old.clients_use_tls)
		self.bob = lab.client("bob@strict.lab", self.peer)

	def fails(self, direction):
		sender, receiver = (self.alice, self.bob) if direction == "L-to-R" else (self.bob, self.alice)
		bounce, whose, why = WORDS[self.kind][direction]
		read = refused(sender, receiver)
		if not re.search(bounce, read):
			raise LabError(f"the bounce does not say {bounce!r}: {read}")
		(self.peer if whose == "peer" else self.old).log.wait(why, 5)


class PublicCertificate(Group):
	"""ejabberd 23.01 with a certificate of a public authority in it: only half of it works, so nothing does."""

	name = "before/ejabberd-with-public-certificate"
	needs_gateway = False

	def __init__(self):
		super().__init__()
		self.cell("R-to-L-fails", self.in_fails)
		self.cell("answers-fail", self.answers_fail)

	def start(self, lab):
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()
		self.peer = add_peer(lab)
		self.old = add_old(lab, "ejabberd", "required", hosts=("old.lab",), certificate=lab.ca.leaf("old.lab"))
		self.alice = lab.client("alice@old.lab", self.old)
		self.bob = lab.client("bob@strict.lab", self.peer)

	def in_fails(self):
		read = refused(self.bob, self.alice)
		if "Could not authenticate to remote server" not in read:
			raise LabError(f"the bounce is another: {read}")
		self.old.log.wait("Failed inbound s2s EXTERNAL authentication strict.lab -> old.lab.*unsupported certificate purpose", 5)

	def answers_fail(self):
		deliver(self.alice, self.bob, "this way it works")
		try:
			self.alice.ping("strict.lab", 5)
		except LabError as error:
			if "no answer" not in str(error):
				raise
		else:
			raise LabError("the ping was answered")


def refused(sender, receiver):
	"""What the sender reads when the message comes back; LabError if it arrives."""
	try:
		deliver(sender, receiver, "without the gateway")
	except LabError as error:
		if "bounced" not in str(error):
			raise
		return str(error)
	raise LabError("the message arrived")


def groups():
	return [Before(kind) for kind in WORDS] + [PublicCertificate()]
