#!/usr/bin/env python3
"""Revocation lists come, change, break and go while the daemon runs, in a folder that it looks at by itself.

usage: lists.py SALLYPORT"""

import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from lab.proc import LabError, run  # noqa: E402
from lab.wire import connect, header, open_external  # noqa: E402
from world import LOCAL, PUBLIC_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]
RESET = r"<stream:error><reset .*</stream:stream>"


def configuration(folder):
	os.mkdir(f"{folder}/lists")
	return (f"[revocation]\ncrl = {folder}/lists\ninterval = 1s\n"
	        "[peer old.example]\ndeny = yes\nexpires = 2020-01-31\nnote = was moved\n")


class Lists(unittest.TestCase):
	def setUp(self):
		self.world = World(BINARY, configuration)
		self.folder = self.world.folder
		self.peer = self.world.certificates["good"]

	def tearDown(self):
		try:
			self.world.end_gateway()
		finally:
			self.world.stop(keep=False)

	def authority(self, *arguments):
		ca = f"{self.folder}/ca"
		run(["openssl", "ca", "-config", f"{ca}/root.cnf", "-cert", f"{ca}/intermediate.crt", "-keyfile",
		     f"{ca}/intermediate.key", *arguments])

	def publish(self, *revoked):
		"""The list, in place at once as it should be."""
		for certificate in revoked:
			self.authority("-revoke", certificate.chain)
		self.authority("-gencrl", "-crldays", "2", "-out", f"{self.folder}/new")
		os.rename(f"{self.folder}/new", f"{self.folder}/lists/1")

	def open(self):
		wire = connect(self.world.address, PUBLIC_PORT)
		open_external(wire, REMOTE, LOCAL, self.peer)
		return wire

	def await_log(self, pattern, start):
		return self.world.gateway.log.wait(pattern, start=start)

	def now(self):
		return self.world.gateway.log.size()

	def test_life_of_a_list(self):
		self.publish()
		standing = self.open()
		start = self.now()
		self.publish(self.peer)
		standing.expect(RESET)
		standing.send("</stream:stream>")
		standing.expect_end()
		self.await_log("reason=SP-CERT-REVOKED ", start)
		self.assertEqual(len(self.world.gateway.log.lines("event=revocation .*have changed", start)), 1)
		self.assertFalse(self.world.gateway.log.find("level=error", start))
		with self.assertRaisesRegex(LabError, "revoked"):
			self.open()

		# One that is being written changes nothing, however often it is looked at, and says so once.
		start = self.now()
		with open(f"{self.folder}/lists/2", "w") as half:
			half.write("-----BEGIN X509 CRL-----\nMIIB")
		self.await_log("event=reload .*nothing has changed: .*/lists/2: broken PEM", start)
		time.sleep(3)
		self.assertEqual(len(self.world.gateway.log.lines("nothing has changed", start)), 1)
		with self.assertRaisesRegex(LabError, "revoked"):
			self.open()

		# Nor does one that nobody would look for; and what is deleted holds nothing against anybody.
		start = self.now()
		os.rename(f"{self.folder}/lists/2", f"{self.folder}/lists/.2")
		os.unlink(f"{self.folder}/lists/1")
		self.await_log("event=reload .*text=\"2 hosts", start)
		self.open().close()

	def test_configuration_is_not_read_for_lists(self):
		with open(self.world.config, "a") as f:
			f.write("[unfinished\n")
		start = self.now()
		self.publish(self.peer)
		self.await_log("event=reload .*text=\"2 hosts", start)
		with self.assertRaisesRegex(LabError, "revoked"):
			self.open()

	def test_old_ones_are_told_of(self):
		self.authority("-gencrl", "-crlsec", "2", "-out", f"{self.folder}/lists/1")
		told = "level=warning event=revocation text=\"a revocation list is out of date\" file=.*/lists/1 since="
		self.await_log(told, 0)
		time.sleep(2)
		self.assertEqual(len(self.world.gateway.log.lines(told)), 1)
		said = run([BINARY, "-t", "-c", self.world.config])
		self.assertRegex(said, told)
		self.assertRegex(said, r"(?m)^warning: .*sallyport.ini:\d+: expires: \[peer old.example\] no longer counts$")


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1])
