"""Old servers as far as their streams go (INTEROP: "what the backends put on the wire"), so that bytes can be compared.

ejabberd   header with from and to; STARTTLS both ways; verifies a key on a connection of its own
Prosody    direct TLS out, STARTTLS in; verifies a key on the stream that it has out already
jabberd2   no TLS, a header without from, to and version, no features; several pairs on one stream"""

import re

from lab.gateway import BACKEND_PORT
from lab.proc import LabError
from lab.wire import STARTTLS, STREAM, TLS, RawServer, connect, header

KEY = "0123456789abcdef0123456789abcdef"
DIALBACK = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
OLD_HEADER = f"<?xml version='1.0'?><stream:stream {STREAM} xmlns:db='jabber:server:dialback' id='x'>"
ATTRIBUTE = r"\b{}=['\"]([^'\"]*)"


def attribute(name, element):
	found = re.search(ATTRIBUTE.format(name), element)
	return found[1] if found else ""


class FakeBackend:
	user = "daemon"  # for the redirect; what we open goes to the gateway directly

	def __init__(self, network, node, hosts, style, certificate, on_stanzas):
		"""on_stanzas(wire): takes what comes in for us once the peer was verified."""
		self.network = network
		self.node = node
		self.hosts = hosts
		self.style = style
		self.certificate = certificate
		self.on_stanzas = on_stanzas
		self.out = None
		with network.within(node):
			self.server = RawServer("127.0.0.1", 5269, self._incoming)

	def stop(self):
		self.server.stop()
		self.hang_up()

	def hang_up(self):
		if self.out:
			self.out.close()
			self.out = None

	def open(self, local, remote):
		"""Our stream out, authorised for the pair; stanzas may follow on it."""
		if self.out is None:
			self.out = self._connect(local, remote)
		self.out.send(f"<db:result from='{local}' to='{remote}'>{KEY}</db:result>")
		answer = self.out.expect("<db:result[^>]*>", 30)[0].decode()
		if attribute("type", answer) != "valid":
			raise LabError(f"the gateway answered {answer}")
		return self.out

	def _connect(self, local, remote):
		with self.network.within(self.node):
			wire = connect("127.0.0.1", BACKEND_PORT)
		later = " xmlns:later='urn:example:later'"
		if self.style == "jabberd2":
			wire.send(OLD_HEADER.replace(" id='x'", later))
			wire.expect("<stream:stream[^>]*>")
			return wire
		if self.style == "Prosody":
			wire.tls_connect(remote, self.certificate, "xmpp-server")
		else:
			wire.send(header(local, remote))
			wire.expect("<starttls.*</stream:features>")
			wire.send(f"<starttls xmlns='{TLS}'/>")
			wire.expect("<proceed[^>]*>")
			wire.tls_connect(remote, self.certificate)
		wire.send(header(local, remote, later))
		wire.expect("<stream:features.*</stream:features>")
		return wire

	def _incoming(self, wire):
		"""The gateway comes as a remote domain, or asks whether a key is ours."""
		wire.expect("<stream:stream[^>]*>")
		stream_id = "in1"
		if self.style == "jabberd2":
			wire.send(OLD_HEADER.replace("id='x'", f"id='{stream_id}'"))
		else:
			wire.send(header("old.lab", "", " id='clear'") + STARTTLS)
			wire.expect("<starttls[^>]*>")
			wire.send(f"<proceed xmlns='{TLS}'/>")
			wire.tls_accept(self.certificate)
			wire.expect("<stream:stream[^>]*>")
			wire.send(header("old.lab", "", f" id='{stream_id}'") + DIALBACK)
		asked = wire.expect("<db:(result|verify)[^>]*>([^<]*)</db:[^>]*>")
		element, key = asked[0].decode(), asked[2].decode()
		sender, to = attribute("from", element), attribute("to", element)
		if asked[1] == b"verify":
			verdict = "valid" if key == KEY else "invalid"
			wire.send(f"<db:verify from='{to}' to='{sender}' id='{attribute('id', element)}' type='{verdict}'/>")
			wire.expect_end()
			return
		if not self._verified(sender, to, stream_id, key):
			raise LabError(f"the gateway did not recognise its own key for {sender}")
		wire.send(f"<db:result from='{to}' to='{sender}' type='valid'/>")
		self.on_stanzas(wire)

	def _verified(self, remote, local, stream_id, key):
		shared = self.out if self.style != "ejabberd" else None
		wire = shared or self._connect(local, remote)
		wire.send(f"<db:verify from='{local}' to='{remote}' id='{stream_id}'>{key}</db:verify>")
		answer = wire.expect("<db:verify[^>]*>")[0].decode()
		if not shared:
			wire.close()
		return attribute("type", answer) == "valid" and attribute("id", answer) == stream_id
