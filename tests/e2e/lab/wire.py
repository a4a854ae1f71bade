"""XMPP server-to-server streams by hand, for peers that misbehave to order and for bulk."""

import base64
import re
import socket
import ssl
import threading
import time

from .proc import LabError

STREAM = "xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STARTTLS = f"<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>"
EXTERNAL = (f"<stream:features><mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>"
            "</stream:features>")
NO_FEATURES = "<stream:features/>"


def header(sender, to, more=""):
	return (f"<?xml version='1.0'?><stream:stream {STREAM} xmlns:db='jabber:server:dialback' from='{sender}' to='{to}' "
	        f"version='1.0'{more}>")


class Wire:
	"""One stream over one socket.  All waiting has a deadline."""

	def __init__(self, sock):
		self.sock = sock
		self.buffer = b""
		self.writing = threading.Lock()  # what one thread sends is not torn apart by another

	def send(self, text):
		with self.writing:
			self.sock.sendall(text if isinstance(text, bytes) else text.encode())

	def _fill(self, end):
		left = end - time.monotonic()
		if left <= 0:
			raise TimeoutError
		self.sock.settimeout(left)
		data = self.sock.recv(65536)
		self.buffer += data
		return bool(data)

	def expect(self, pattern, seconds=20):
		"""Reads up to and including what matches; the match."""
		compiled = re.compile(pattern.encode(), re.DOTALL)
		end = time.monotonic() + seconds
		while True:
			m = compiled.search(self.buffer)
			if m:
				self.buffer = self.buffer[m.end():]
				return m
			try:
				more = self._fill(end)
			except (TimeoutError, OSError) as error:
				raise LabError(f"no /{pattern}/ in {seconds} s ({error}); there was: {self.buffer[-600:]!r}") from None
			if not more:
				raise LabError(f"closed before /{pattern}/; there was: {self.buffer[-600:]!r}")

	def expect_end(self, seconds=20):
		"""Reads to the end of the connection; what came until then."""
		end = time.monotonic() + seconds
		try:
			while self._fill(end):
				pass
		except TimeoutError:
			raise LabError(f"still open after {seconds} s; there was: {self.buffer[-600:]!r}") from None
		except OSError:
			pass
		return self.buffer.decode("utf-8", "replace")

	def tls_accept(self, certificate):
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(certificate.chain, certificate.key)
		self.wrap(context, server_side=True)

	def tls_connect(self, name, certificate=None, alpn=None):
		context = ssl._create_unverified_context()
		if certificate:
			context.load_cert_chain(certificate.chain, certificate.key)
		if alpn:
			context.set_alpn_protocols([alpn])
		self.wrap(context, server_hostname=name)

	def wrap(self, context, **more):
		if self.buffer:
			raise LabError(f"bytes before TLS: {self.buffer!r}")
		self.sock.settimeout(20)
		self.sock = context.wrap_socket(self.sock, **more)

	def close(self):
		try:
			self.sock.shutdown(socket.SHUT_RDWR)
		except OSError:
			pass
		self.sock.close()


def connect(address, port, seconds=10):
	return Wire(socket.create_connection((address, port), seconds))


def open_external(wire, me, to, certificate):
	"""Initiates as domain `me`: STARTTLS, EXTERNAL, restart; stanzas may be sent afterwards."""
	wire.send(header(me, to))
	wire.expect("<starttls.*</stream:features>")
	wire.send(f"<starttls xmlns='{TLS}'/>")
	wire.expect("<proceed[^>]*>")
	wire.tls_connect(to, certificate)
	wire.send(header(me, to))
	wire.expect("EXTERNAL.*</stream:features>")
	wire.send(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{base64.b64encode(me.encode()).decode()}</auth>")
	wire.expect("<success[^>]*>", 40)
	wire.send(header(me, to, " xmlns:later='urn:example:later'"))
	wire.expect("<stream:features[^>]*/>|</stream:features>")


def accept_external(wire, me, certificate):
	"""Answers as domain `me` up to the restarted stream; the domain that connected."""
	wire.expect("<stream:stream[^>]*>")
	wire.send(header(me, "", " id='a'") + STARTTLS)
	wire.expect("<starttls[^>]*>")
	wire.send(f"<proceed xmlns='{TLS}'/>")
	wire.tls_accept(certificate)
	opened = wire.expect(r"<stream:stream[^>]*\bfrom=['\"]([^'\"]+)[^>]*>")
	wire.send(header(me, opened[1].decode(), " id='b'") + EXTERNAL)
	wire.expect("<auth.*</auth>")
	wire.send(f"<success xmlns='{SASL}'/>")
	wire.expect("<stream:stream[^>]*>")
	wire.send(header(me, opened[1].decode(), " id='c'") + NO_FEATURES)
	return opened[1].decode()


class RawServer:
	"""Listens on an address (of the namespace that the caller is in) and runs a script(wire) for each connection in a
	thread of its own."""

	def __init__(self, address, port, script):
		self.script = script
		self.port = port
		self.wires = []
		self.errors = []
		family = socket.AF_INET6 if ":" in address else socket.AF_INET
		self.listener = socket.create_server((address, port), backlog=64, family=family)
		self.thread = threading.Thread(target=self._accept, daemon=True)
		self.thread.start()

	def _accept(self):
		while True:
			try:
				sock, _ = self.listener.accept()
			except OSError:
				return
			wire = Wire(sock)
			self.wires.append(wire)
			threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

	def _serve(self, wire):
		try:
			self.script(wire)
		except (LabError, OSError) as error:
			self.errors.append(str(error))
		finally:
			wire.close()

	def stop(self):
		"""Safe to call twice."""
		if self.listener.fileno() >= 0:
			self.listener.shutdown(socket.SHUT_RDWR)
			self.listener.close()
		for wire in self.wires:
			wire.close()
		self.thread.join(5)
