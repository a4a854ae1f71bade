"""Failures reach a person: the local user by a bounce, the remote operator by a stream error, ours by one log line."""

import re

from lab.ca import CA
from lab.proc import LabError
from lab.wire import EXTERNAL, NO_FEATURES, SASL, STARTTLS, TLS, RawServer, connect, header
from suite import Group
from world import DEBIAN_TLS, NOBODY, OLD, PEER, add_gateway, add_old, add_peer, dns_of_old, dns_of_peer

RAW = 20  # first address number of the raw servers, on the hub
QUICK = ("expired.lab", "nothing.lab")
FAST = [("timeouts", "connect", "2s"), ("timeouts", "negotiate", "3s"), ("timeouts", "handshake", "3s"),
        ("timeouts", "outbound", "8s"), ("timeouts", "dialback", "4s")]

# Certificates that are no good: domain: (reason code, how to make it, words for their operator).
CERTIFICATES = {
	"selfsigned.lab": ("SP-CERT-SELF-SIGNED", lambda ca, other: ca.self_signed("selfsigned.lab"), "is self-signed"),
	"expired.lab": ("SP-CERT-EXPIRED", lambda ca, other: ca.leaf("expired.lab", start=-9, end=-2), "expired 2 days ago"),
	"future.lab": ("SP-CERT-NOT-YET-VALID", lambda ca, other: ca.leaf("future.lab", start=3), "valid only in"),
	"wrongname.lab": ("SP-CERT-NAME", lambda ca, other: ca.leaf("somebody-else.lab"), "is for somebody-else.lab, not for wrongname.lab"),
	"unknownca.lab": ("SP-CERT-UNKNOWN-CA", lambda ca, other: other.leaf("unknownca.lab"), "comes from the authority .Nobody's Root., which is not trusted"),
	"clientonly.lab": ("SP-CERT-PURPOSE", lambda ca, other: ca.leaf("clientonly.lab", eku="clientAuth"), "lacks serverAuth"),
}


# Servers with other faults, as scripts.
def no_tls(wire):
	wire.expect("<stream:stream[^>]*>")
	wire.send(header("notls.lab", "old.lab", " id='a'") + NO_FEATURES)
	wire.expect_end()


def silent(wire):
	wire.expect_end(60)


def silent_in_handshake(wire):
	wire.expect("<stream:stream[^>]*>")
	wire.send(header("tlshang.lab", "old.lab", " id='a'") + STARTTLS)
	wire.expect("<starttls[^>]*>")
	wire.send(f"<proceed xmlns='{TLS}'/>")
	wire.expect_end(60)


def after_tls(name, certificate, answer):
	"""A server that is in order until TLS stands; answer(wire) goes on from there."""
	def script(wire):
		wire.expect("<stream:stream[^>]*>")
		wire.send(header(name, "old.lab", " id='a'") + STARTTLS)
		wire.expect("<starttls[^>]*>")
		wire.send(f"<proceed xmlns='{TLS}'/>")
		wire.tls_accept(certificate)
		wire.expect("<stream:stream[^>]*>")
		answer(wire, header(name, "old.lab", " id='b'"))
		wire.expect_end()
	return script


def no_external(wire, greeting):
	wire.send(greeting + NO_FEATURES)


def refuse_external(wire, greeting):
	wire.send(greeting + EXTERNAL)
	wire.expect("<auth.*</auth>")
	wire.send(f"<failure xmlns='{SASL}'><not-authorized/><text>we know no such certificate</text></failure></stream:stream>")


def refuse_host(wire, greeting):
	wire.send(greeting + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
	          "</stream:stream>")


RAW_SERVERS = {
	"notls.lab": ("SP-TLS-NOT-OFFERED", no_tls),
	"silent.lab": ("SP-TIMEOUT", silent),
	"tlshang.lab": ("SP-TLS-TIMEOUT", silent_in_handshake),
	"noexternal.lab": ("SP-EXTERNAL-NOT-OFFERED", no_external),
	"refuses.lab": ("SP-EXTERNAL-REFUSED", refuse_external),
	"moved.lab": ("SP-PEER-HOST-UNKNOWN", refuse_host),
	"nothing.lab": ("SP-CONNECT-REFUSED", None),
	"blackhole.lab": ("SP-CONNECT-TIMEOUT", None),
	"halfway.lab": ("SP-DNS-NO-NAME", None),
}
NOT_FOUND = ("moved.lab", "halfway.lab")


def start_bad_world(lab):
	"""A strict peer whose further domains have bad certificates, and raw servers with other faults."""
	dns_of_peer(lab)
	dns_of_old(lab)
	other = CA(f"{lab.dir}/other-ca", "Nobody's Root")
	hosts = ["strict.lab", "hidden.lab", *CERTIFICATES]
	certificates = [lab.ca.leaf("strict.lab"), lab.ca.leaf("hidden.lab")]
	for domain, (_, make, _) in CERTIFICATES.items():
		certificates.append(make(lab.ca, other))
		lab.dns.host(domain, PEER)
		lab.dns.srv(domain, domain, 5269)
	for i, (domain, (_, script)) in enumerate(RAW_SERVERS.items()):
		if domain == "halfway.lab":
			continue
		lab.dns.host(domain, RAW + i)
		lab.dns.srv(domain, domain, 5269)
		lab.network.add_address("hub", RAW + i)
		if domain == "blackhole.lab":
			lab.network.run("hub", "nft", "-f", "-", input=f"""
table inet hole {{
	chain in {{
		type filter hook input priority 0;
		ip daddr {lab.network.v4(RAW + i)} drop
		ip6 daddr {lab.network.v6(RAW + i)} drop
	}}
}}""")
		elif script:
			if script in (no_external, refuse_external, refuse_host):
				script = after_tls(domain, lab.ca.leaf(domain), script)
			for address in (lab.network.v4(RAW + i), lab.network.v6(RAW + i)):
				lab.own(RawServer(address, 5269, script))
	lab.dns.host("other.lab", OLD)  # resolves to us, but is not ours
	# jabberd2, which asks for no _xmpps-server record, finds an address; the gateway finds a target without one.
	lab.dns.host("halfway.lab", NOBODY, v6=False)
	lab.dns.srv("halfway.lab", "nowhere.lab", 5269, direct=True)
	lab.dns.start()
	return add_peer(lab, hosts, certificates)


class Failures(Group):
	def __init__(self, kind, outbound, inbound):
		super().__init__()
		self.kind = kind
		self.name = f"failures/{kind}"
		for domain in outbound:
			self.cell(f"L-to-R/{domain[:-4]}", self.bounced, domain, quick=kind == "ejabberd" and domain in QUICK)
		self.cell("L-to-R/no-such-domain", self.no_such_domain)
		for domain in inbound:
			self.cell(f"R-to-L/{domain[:-4]}", self.told, domain, quick=kind == "ejabberd" and domain in QUICK)
		if inbound:
			self.cell("R-to-L/no-tls", self.without_tls)
			self.cell("R-to-L/host-not-ours", self.not_ours)
		if kind == "ejabberd":
			self.cell("R-to-L/backend-cannot-resolve", self.unverified, "hidden.lab", "SP-BACKEND-REFUSED")
		else:
			self.cell("R-to-L/backend-never-verifies", self.unverified, "hidden.lab", "SP-BACKEND-UNVERIFIED")
		self.cell("R-to-L/backend-down", self.backend_down)
		self.cell("gateway-ends-clean", self.end)

	def start(self, lab):
		self.peer = start_bad_world(lab)
		self.old = add_old(lab, self.kind, DEBIAN_TLS[self.kind], hosts=("old.lab",))
		self.gateway = add_gateway(lab, self.old, FAST)
		self.lab = lab
		self.alice = lab.client("alice@old.lab", self.old, self.old.clients_use_tls)

	def bounced(self, domain):
		"""The local user reads a bounce with condition and (where the old server passes it on) a sentence."""
		code = (CERTIFICATES.get(domain) or RAW_SERVERS[domain])[0]
		start = self.gateway.log.size()
		sent = self.alice.send(f"bob@{domain}", "anybody there?")
		condition, text = self.alice.wait_error(sent, 70)
		line = self.reason(code, domain, start)
		# ejabberd and Prosody make remote-server-timeout of every stream error; jabberd2's users read ours.
		wanted = "remote-server-not-found" if self.kind == "jabberd2" and domain in NOT_FOUND else "remote-server-timeout"
		if condition != wanted or code not in text:
			raise LabError(f"the user reads {condition}: {text!r}; the log says {line}")

	def no_such_domain(self):
		"""The old server finds that out by itself, and is not kept from it."""
		condition, text = self.alice.wait_error(self.alice.send("bob@nowhere.lab", "anybody there?"), 70)
		if condition != "remote-server-not-found":
			raise LabError(f"the user reads {condition}: {text!r}")

	def told(self, domain):
		"""The remote operator's log has the sentence, and so has the remote user's bounce."""
		code, _, words = CERTIFICATES[domain]
		bob = self.lab.client(f"bob@{domain}", self.peer)
		start, peer_start = self.gateway.log.size(), self.peer.log.size()
		condition, text = bob.wait_error(bob.send("alice@old.lab", "hello?"), 40)
		self.reason(code, domain, start)
		self.peer.log.wait(words, 5, peer_start)
		if not re.search(words, text):
			raise LabError(f"the remote user's bounce does not say {words!r}: {condition} {text!r}")

	def without_tls(self):
		"""A peer that goes on to dialback in the clear is told what is wanted."""
		start = self.gateway.log.size()
		wire = connect(self.lab.network.v4(OLD), 5269)
		wire.send(header("strict.lab", "old.lab"))
		wire.expect("</stream:features>")
		wire.send("<db:result from='strict.lab' to='old.lab'>0123456789abcdef</db:result>")
		said = wire.expect_end()
		wire.close()
		if "policy-violation" not in said or "TLS" not in said:
			raise LabError(f"the stream error says neither policy-violation nor TLS: {said}")
		self.reason("SP-TLS-REQUIRED", "strict.lab", start)

	def not_ours(self):
		start, peer_start = self.gateway.log.size(), self.peer.log.size()
		bob = self.lab.client("bob@strict.lab", self.peer)
		bob.wait_error(bob.send("alice@other.lab", "hello?"), 40)
		self.reason("SP-HOST-UNKNOWN", "strict.lab", start)
		self.peer.log.wait("host-unknown", 5, peer_start)

	def unverified(self, domain, code):
		"""The backend cannot find the remote domain, so that it does not check our key."""
		start, peer_start = self.gateway.log.size(), self.peer.log.size()
		bob = self.lab.client(f"bob@{domain}", self.peer)
		condition, text = bob.wait_error(bob.send("alice@old.lab", "hello?"), 40)
		self.reason(code, domain, start)
		self.peer.log.wait("internal-server-error", 5, peer_start)
		if "behind this gateway" not in text:
			raise LabError(f"the remote user's bounce does not name the cause: {condition} {text!r}")

	def backend_down(self):
		self.alice.close()
		self.old.stop()
		start, peer_start = self.gateway.log.size(), self.peer.log.size()
		bob = self.lab.client("bob@strict.lab", self.peer)
		condition, text = bob.wait_error(bob.send("alice@old.lab", "hello?"), 40)
		self.reason("SP-BACKEND-DOWN", "strict.lab", start)
		self.peer.log.wait("internal-server-error", 5, peer_start)
		if "not reachable" not in text:
			raise LabError(f"the remote user's bounce does not name the cause: {condition} {text!r}")

	def reason(self, code, domain, start):
		"""The one line of ours: code, pair, remedy."""
		self.gateway.log.wait(f"reason={code} ", 10, start)
		line = self.gateway.log.lines(f"reason={code} ", start)[0]
		if domain not in line or " fix=" not in line:
			raise LabError(f"the log line names neither {domain} nor a remedy: {line}")
		return line

	def end(self):
		self.gateway.end()


def groups():
	every = [domain for domain in (*CERTIFICATES, *RAW_SERVERS) if domain != "halfway.lab"]
	few = ["expired.lab", "notls.lab", "refuses.lab", "nothing.lab"]
	return [Failures("ejabberd", every, list(CERTIFICATES)), Failures("Prosody", few, []),
	        Failures("jabberd2", [*few, *NOT_FOUND], [])]
