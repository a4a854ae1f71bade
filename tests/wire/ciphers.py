#!/usr/bin/env python3
"""The operator's own list of cipher suites, on the wire and in what `sallyport -t` says.

usage: ciphers.py SALLYPORT"""

import os
import ssl
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from attack import listen_as_peer  # noqa: E402
from hand import connect, unverified  # noqa: E402
from lab.proc import LabError, run  # noqa: E402
from lab.wire import STARTTLS, TLS, Wire, header  # noqa: E402
from world import LOCAL, PEER_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]
GCM = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]
WEAK = ["AES128-SHA", "AES256-GCM-SHA384", "DES-CBC3-SHA", "NULL-SHA", "ECDHE-ECDSA-NULL-SHA", "RC4-SHA", "ADH-AES128-SHA"]


def offered_by_starttls(listener):
	"""The numbers of the cipher suites in the ClientHello that follows STARTTLS."""
	wire = Wire(listener.accept()[0])
	wire.expect("<stream:stream[^>]*>")
	wire.send(header(REMOTE, LOCAL, " id='1'") + STARTTLS)
	wire.expect("<starttls[^>]*>")
	wire.send(f"<proceed xmlns='{TLS}'/>")
	# record header 5, handshake header 4, version 2, random 32
	hello = wire.expect(r"\x16\x03.{3}\x01.{37}(.)")
	wire.expect(".{%d}" % hello[1][0])
	length = int.from_bytes(wire.expect("(..)")[1], "big")
	suites = wire.expect("(.{%d})" % length)[1]
	wire.close()
	return [int.from_bytes(suites[i:i + 2], "big") for i in range(0, length, 2)]


class Ciphers(unittest.TestCase):
	def start(self, ciphers):
		world = World(BINARY)
		self.addCleanup(world.stop, keep=False)
		world.end_gateway()
		self.configure(world, ciphers)
		world.start_gateway()
		self.addCleanup(world.end_gateway)
		return world

	def configure(self, world, ciphers):
		with open(world.config) as f:
			text = f.read()
		with open(world.config, "w") as f:
			f.write(text.replace("[public]\n", f"[public]\nciphers = {ciphers}\n", 1))

	def taken(self, world, offer, version=ssl.TLSVersion.TLSv1_2):
		"""Which suite comes of an offer; None: the gateway refuses."""
		context = unverified()
		context.maximum_version = version
		context.set_ciphers(offer + ":@SECLEVEL=0")
		try:
			with context.wrap_socket(connect(world), server_hostname=LOCAL) as wire:
				return wire.cipher()[0]
		except (ssl.SSLError, ConnectionError):
			return None

	def test_only_what_the_list_names(self):
		world = self.start("ECDHE+CHACHA20")
		self.assertEqual(self.taken(world, "ECDHE-ECDSA-CHACHA20-POLY1305"), "ECDHE-ECDSA-CHACHA20-POLY1305")
		self.assertIsNone(self.taken(world, ":".join(GCM)))
		# TLS 1.3 does not ask the list.
		self.assertEqual(self.taken(world, "ECDHE", ssl.TLSVersion.TLSv1_3)[:4], "TLS_")

	def test_weak_ones_stay_off(self):
		world = self.start("ALL:+kRSA")
		self.assertIsNotNone(self.taken(world, GCM[0]))
		for suite in WEAK:
			with self.subTest(suite):
				try:
					self.assertIsNone(self.taken(world, suite))
				except ssl.SSLError:
					pass  # OpenSSL itself has it no more

	def test_what_is_offered_to_other_servers(self):
		"""The list holds for connections that the gateway opens, too: OpenSSL tells what it was offered."""
		world = self.start(GCM[0])
		listener = listen_as_peer(world.address, PEER_PORT)
		self.addCleanup(listener.close)
		world.backend.reach_out()
		offered = offered_by_starttls(listener)
		old = [suite for suite in offered if suite >> 8 != 0x13 and suite != 0x00FF]
		self.assertEqual(old, [0xC02B])

	@staticmethod
	def line_of(world, key):
		with open(world.config) as f:
			return next(number for number, line in enumerate(f, 1) if line.startswith(f"{key} ="))

	def test_what_the_check_says(self):
		world = World(BINARY)
		self.addCleanup(world.stop, keep=False)
		world.end_gateway()
		self.configure(world, "ECDHE-RSA-AES128-GCM-SHA256")
		line = self.line_of(world, "ciphers")
		self.assertRegex(run([BINARY, "-t", "-c", world.config]),
		                 rf"(?m)^warning: .*sallyport.ini:{line}: ciphers: no suite for ECDSA certificates is left")
		world.start_gateway()
		self.assertTrue(world.gateway.log.find(f"warning: .*sallyport.ini:{line}: ciphers: no suite for ECDSA"))
		world.end_gateway()
		self.configure(world, "ECDHE+RC4")
		with self.assertRaisesRegex(LabError, rf"sallyport.ini:{line}: ciphers: the TLS library knows no \"ECDHE\+RC4\""):
			run([BINARY, "-t", "-c", world.config])


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1])
