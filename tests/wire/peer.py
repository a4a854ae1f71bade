"""One connection as the hostile peer sees it: nothing blocks, since the other side may do anything, or nothing."""

import re
import select
import socket
import ssl
import time


class Gone(Exception):
	"""The connection has not come as far as a step needs it."""


WOULD_BLOCK = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


class Peer:
	def __init__(self, sock):
		self.sock = sock
		self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		self.sock.setblocking(False)
		self.seen = b""  # all that came, decrypted
		self.base = 0    # where in it the attack began
		self.tls = False
		self.tls_failed = False
		self.ended = False
		self.stream_id = ""
		self.certificate = "good"

	def since(self):
		return self.seen[self.base:]

	def pump(self, seconds):
		"""Reads what is there, or comes within the time."""
		if self.ended:
			return
		if not (self.tls and self.sock.pending()) and not select.select([self.sock], [], [], max(0, seconds))[0]:
			return
		try:
			data = self.sock.recv(65536)
		except WOULD_BLOCK:
			return
		except OSError:
			data = b""
		self.ended = not data
		self.seen += data

	def send(self, data, seconds):
		"""Reads meanwhile, so that neither side blocks the other."""
		end = time.monotonic() + seconds
		left = memoryview(data)
		while left and not self.ended and time.monotonic() < end:
			readable, writable, _ = select.select([self.sock], [self.sock], [], 0.5)
			if readable or (self.tls and self.sock.pending()):
				self.pump(0)
			if writable and not self.ended:
				left = left[self._send_some(left[:65536]):]

	def _send_some(self, data):
		try:
			return self.sock.send(data)
		except WOULD_BLOCK:
			time.sleep(0.005)
		except OSError:
			self._read_to_end()
		return 0

	def _read_to_end(self):
		"""The other side has closed; what it said before counts."""
		end = time.monotonic() + 2
		while not self.ended and time.monotonic() < end:
			self.pump(0.1)
		self.ended = True

	def wait(self, pattern, seconds, start=0):
		end = time.monotonic() + seconds
		compiled = re.compile(pattern.encode(), re.DOTALL)
		while True:
			found = compiled.search(self.seen, start)
			left = end - time.monotonic()
			if found or self.ended or left <= 0:
				return found
			self.pump(left)

	def read_for(self, seconds):
		end = time.monotonic() + seconds
		while not self.ended and time.monotonic() < end:
			self.pump(end - time.monotonic())

	def start_tls(self, context, server_name=None):
		"""server_name None: as server."""
		self.sock.settimeout(8)
		try:
			self.sock = context.wrap_socket(self.sock, server_side=server_name is None, server_hostname=server_name)
		except OSError as error:
			self.ended = self.tls_failed = True
			raise Gone(f"TLS: {error}") from None
		self.sock.setblocking(False)
		self.tls = True

	def close(self):
		self.sock.close()
