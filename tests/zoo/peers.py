"""The zoo's peers on real sockets: a server for all of them, and a client as any one.

Each reports a Meeting: how it ended, as the peer saw it."""

import _ssl
import base64
import ctypes
import dataclasses
import queue
import re
import ssl

from fakedns import A, SRV, encode_srv
from lab.proc import LabError
from lab.wire import EXTERNAL, NO_FEATURES, SASL, STARTTLS, TLS, RawServer, Wire, connect, header

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
RSA_KEY, EC_KEY = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d0201")


@dataclasses.dataclass
class Meeting:
	outcome: str = ""     # "let in", "policy-violation: TEXT", "TLS: alert decrypt error", "closed"
	tls: str = ""         # the version, once it stood
	shown: str = "none"   # the kind of key in the certificate that the other side showed
	stanzas: bytes = b""  # what came behind the negotiation


def _limit_signatures(context, algorithms):
	"""ssl has no call for this, so it is done to the SSL_CTX behind Python's object."""
	library = ctypes.CDLL(_ssl.__file__)
	library.SSL_CTX_ctrl.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
	library.SSL_CTX_ctrl.restype = ctypes.c_long
	behind_object_head = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
	set_sigalgs_list = 98
	if library.SSL_CTX_ctrl(behind_object_head, set_sigalgs_list, 0, algorithms.encode()) != 1:
		raise LabError(f"OpenSSL does not take the signature algorithms {algorithms}")


def context_of(peer, server, version=None, authorities=None):
	"""authorities: a PEM file; a server asks for certificates from these, and a client does not care."""
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
	context.check_hostname = False
	context.verify_mode = ssl.CERT_NONE
	context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or OpenSSL itself refuses SHA-1 and short keys
	if version:
		context.minimum_version = context.maximum_version = VERSIONS[version]
	if server and authorities:
		context.verify_mode = ssl.CERT_OPTIONAL
		context.load_verify_locations(authorities)
	if peer.chain:
		context.load_cert_chain(peer.chain, peer.key)
	if peer.case.signatures:
		_limit_signatures(context, peer.case.signatures)
	return context


def _tls_words(error):
	reason = (getattr(error, "reason", None) or str(error)).lower().replace("_", " ")
	alert = re.fullmatch(r"(?:tlsv1[0-9]*|sslv3) alert (.*)", reason)
	return f"TLS: {alert[1]} (alert of the other side)" if alert else f"TLS: {reason}"


class Talk(Wire):
	"""A stream that keeps how TLS ended, and what was said altogether."""

	def __init__(self, sock):
		super().__init__(sock)
		self.meeting = Meeting()
		self.broken = ""

	def _fill(self, end):
		try:
			return super()._fill(end)
		except ssl.SSLError as error:
			self.broken = _tls_words(error)
			return False

	def secure(self, context, **more):
		try:
			self.wrap(context, **more)
		except ssl.SSLError as error:
			self.broken = _tls_words(error)
			raise LabError(self.broken) from None
		self.meeting.tls = self.sock.version()
		shown = self.sock.getpeercert(True) or b""
		self.meeting.shown = "RSA" if RSA_KEY in shown else "ECDSA" if EC_KEY in shown else "none"

	def take_leave(self):
		"""Reads to the end, and says how it went if that is not known."""
		if self.meeting.outcome:
			self.meeting.stanzas += self.buffer
			return
		try:
			self.expect_end(10)
		except LabError:
			self.meeting.outcome = "still open"
			return
		error = re.search(rb"<stream:error><([a-z-]+)[^>]*>(?:<text[^>]*>([^<]*)</text>)?", self.buffer)
		if error:
			text = (error[2] or b"").decode()
			for entity, character in (("&apos;", "'"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
				text = text.replace(entity, character)
			self.meeting.outcome = f"{error[1].decode()}: {text}"
		else:
			self.meeting.outcome = self.broken or "closed"


class Server:
	"""Serves the domains of all peers on one port, by STARTTLS, each with its own certificate, which it picks by the
	`to` of the stream header.

	version: "1.2" or "1.3" alone, from the next connection on; authorities: as for context_of()."""

	def __init__(self, address, port, zoo, authorities=None):
		self.address = address
		self.port = port
		self.zoo = zoo
		self.authorities = authorities
		self.version = None
		self.meetings = {peer.case.name: queue.Queue() for peer in zoo.peers.values()}
		self.raw = RawServer(address, port, self._serve)

	def zone(self):
		"""Where the peers are, for FakeDNS."""
		records = {}
		for peer in self.zoo.peers.values():
			domain = peer.case.ascii_domain
			records[(f"_xmpp-server._tcp.{domain}", SRV)] = encode_srv(self.port, "xmpp.zoo.test")
		records[("xmpp.zoo.test", A)] = bytes(map(int, self.address.split(".")))
		return records

	def met(self, name, seconds=10):
		"""The next meeting of a peer that is over, or has come to "let in" and a first stanza."""
		try:
			return self.meetings[name].get(timeout=seconds)
		except queue.Empty:
			raise LabError(f"nobody has met {name} in {seconds} s") from None

	def _serve(self, wire):
		talk = Talk(wire.sock)
		try:
			opened = talk.expect(r"<stream:stream[^>]*\bto=['\"]([^'\"]+)")
			peer = self.zoo.of_domain(opened[1].decode())
			try:
				self._negotiate(talk, peer)
			except (LabError, OSError):
				pass  # take_leave() says how it ended
			talk.take_leave()
			self.meetings[peer.case.name].put(talk.meeting)
			talk.send("</stream:stream>")
			talk.expect_end(5)
		finally:
			talk.close()

	def _negotiate(self, talk, peer):
		me = peer.case.domain
		sender = talk.expect("^[^>]*>")[0].decode()
		sender = (re.search(r"\bfrom=['\"]([^'\"]+)", sender) or [None, ""])[1]
		talk.send(header(me, sender, " id='a'") + STARTTLS)
		talk.expect("<starttls[^>]*>")
		talk.send(f"<proceed xmlns='{TLS}'/>")
		talk.secure(context_of(peer, True, self.version, self.authorities), server_side=True)
		talk.expect("<stream:stream[^>]*>(?!<stream:error)")
		talk.send(header(me, sender, " id='b'") + EXTERNAL)
		talk.expect("<auth.*</auth>")
		talk.send(f"<success xmlns='{SASL}'/>")
		talk.expect("<stream:stream[^>]*>")
		talk.send(header(me, sender, " id='c'") + NO_FEATURES)
		talk.expect("<message.*</message>|<iq.*</iq>")
		talk.meeting.outcome = "let in"

	def stop(self):
		self.raw.stop()


def _introduce(talk, peer, to, version):
	me = peer.case.domain
	talk.send(header(me, to))
	talk.expect("<starttls.*</stream:features>")
	talk.send(f"<starttls xmlns='{TLS}'/>")
	talk.expect("<proceed[^>]*>")
	talk.secure(context_of(peer, False, version), server_hostname=to)
	talk.send(header(me, to))
	talk.expect("EXTERNAL.*</stream:features>")
	talk.send(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{base64.b64encode(me.encode()).decode()}</auth>")
	talk.expect("<success[^>]*>")
	talk.send(header(me, to))
	talk.expect("<stream:features[^>]*/>|</stream:features>")
	talk.meeting.outcome = "let in"


def visit(peer, address, port, to, version=None, stanza=None):
	"""The peer connects as client, to a local domain, and leaves again; let in, it sends a stanza.  The Meeting."""
	talk = Talk(connect(address, port).sock)
	try:
		try:
			_introduce(talk, peer, to, version)
		except (LabError, OSError):
			pass  # take_leave() says how it ended
		talk.take_leave()
		if talk.meeting.outcome == "let in":
			talk.send((stanza or "") + "</stream:stream>")
			talk.expect_end(10)
	finally:
		talk.close()
	return talk.meeting
