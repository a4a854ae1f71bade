"""Connections of strangers who mean harm, one after the other and many at a time."""

import os
import random
import socket
import ssl
import struct

from lab.wire import TLS, header
from world import LOCAL, PUBLIC_PORT, REMOTE

STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()
HEADER = header(REMOTE, LOCAL).encode()
HANGING = 150  # held open, as slow ones do
RESET = struct.pack("ii", 1, 0)


def silent(rng):
	return b""


def garbage(rng):
	return rng.randbytes(rng.randrange(1, 3000))


def half_a_header(rng):
	return HEADER[:rng.randrange(1, len(HEADER))]


def no_xml(rng):
	return HEADER + rng.choice([b"<a></b>", b"<!DOCTYPE a>", b"\xff\xfe", b"<a>&b;</a>", b"<iq/>" * 40, b"</stream:stream>"])


def too_much(rng):
	return b"<?xml version='1.0'?><stream:stream a='" + b"x" * 20000


def half_a_handshake(rng):
	return b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(rng.randrange(500))


def starttls_and_garbage(rng):
	return HEADER + STARTTLS + rng.randbytes(300)


WORDS = [silent, garbage, half_a_header, no_xml, too_much, half_a_handshake, starttls_and_garbage]


class Strangers:
	def __init__(self, target, certificates, seed, tls_share=0.03):
		self.target = target
		self.rng = random.Random(seed)
		self.tls_share = tls_share
		self.hanging = []
		self.opened = self.failed = 0
		self.certificates = [certificates[name] for name in ("selfsigned", "expired", "evil", "unknownca")]
		self.contexts = [self._context(certificate) for certificate in (None, *self.certificates)]

	@staticmethod
	def _context(certificate):
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		context.check_hostname = False
		context.verify_mode = ssl.CERT_NONE
		if certificate:
			context.load_cert_chain(certificate.chain, certificate.key)
		return context

	def connect(self):
		"""From anywhere in 127.0.0.0/8."""
		s = socket.socket()
		s.settimeout(5)
		rng = self.rng
		s.bind((f"127.{rng.randrange(1, 70)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", 0))
		s.connect(self.target)
		return s

	def one(self):
		"""One connection; false if it did not come about."""
		try:
			s = self.connect()
		except OSError:
			self.failed += 1
			return False
		self.opened += 1
		try:
			if self.rng.random() < self.tls_share:
				s = self.through_tls(s)
			else:
				s.sendall(self.rng.choice(WORDS)(self.rng))
			self.part(s)
		except OSError:
			s.close()
		return True

	def through_tls(self, s):
		tls = self.rng.choice(self.contexts).wrap_socket(s, server_hostname=LOCAL)
		tls.sendall(self.rng.choice([HEADER, HEADER * 2, HEADER[:50], b"<iq/>", self.rng.randbytes(500)]))
		if self.rng.random() < 0.5:
			tls.settimeout(0.05)
			tls.recv(4096)
		return tls

	def part(self, s):
		"""By FIN, by RST, or later."""
		how = self.rng.random()
		if how < 0.3:
			self.hanging.append(s)
			if len(self.hanging) > HANGING:
				self.hanging.pop(self.rng.randrange(HANGING)).close()
			return
		if how < 0.6:
			s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
		s.close()

	def leave(self):
		for s in self.hanging:
			s.close()
		self.hanging.clear()


def default_target(world):
	return (world.address, PUBLIC_PORT)


def truncate_log(log, most=32 << 20):
	"""What strangers do fills it; a line more or less is of no interest here."""
	if log.size() > most:
		os.truncate(log.path, 0)
