#!/usr/bin/env python3
"""What sslscan and testssl.sh, as Debian has them, say of the public port: by direct TLS and by STARTTLS.

usage: scan.py SALLYPORT

Judged is what they write for machines.  A server that is weak on purpose shows that they would complain."""

import concurrent.futures
import json
import os
import re
import socket
import subprocess
import sys
import threading
import unittest
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from lab.proc import Process, run  # noqa: E402
from lab.wire import TLS, RawServer, connect, header  # noqa: E402
from world import World  # noqa: E402

BINARY = sys.argv[1]
# sslscan asks for the domain that it connects to, so it needs one that leads here without DNS.
DOMAIN, HOST = "localhost", "127.0.0.1"
VERSIONS = {("tls", "1.2"), ("tls", "1.3")}
GROUPS = re.compile("x25519|secp(256|384|521)r1")
HARMLESS = ("OK", "INFO", "DEBUG")
ALL_OF_IT = ("-p", "-s", "-f", "-U")  # versions, ciphers, forward secrecy, vulnerabilities


def free_port():
	with socket.create_server((HOST, 0)) as listener:
		return listener.getsockname()[1]


def pair(folder, name, *key):
	run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "60", "-subj", f"/CN={DOMAIN}",
	     "-addext", f"subjectAltName=DNS:{DOMAIN}", "-out", f"{folder}/{name}.crt", "-keyout", f"{folder}/{name}.key"])
	return f"certificate = {folder}/{name}.crt\nkey = {folder}/{name}.key\n"


def settings(folder):
	"""A host with a certificate of either kind."""
	return (f"[host {DOMAIN}]\n" + pair(folder, "ecdsa", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") +
	        pair(folder, "rsa", "rsa:2048"))


class ScannedWorld(World):
	def configure(self):
		self.port = free_port()
		text = super().configure().replace("[limits]\n", "[limits]\nconnections-per-address = 1000\n")
		return text.replace("[public]\n", f"[public]\nlisten = {HOST}:{self.port}\n")


def by_starttls(port):
	"""A server on a port of its own that passes TLS on to the gateway, where it has asked for it in XMPP.  sslscan asks
	with a line end behind <starttls/>, which RFC 6120 section 5.3.3 forbids and the gateway takes for an injection, and
	testssl.sh of Debian 12 knows clients' streams only."""
	def passes(source, target):
		try:
			while data := source.recv(65536):
				target.sendall(data)
			target.shutdown(socket.SHUT_WR)
		except OSError:
			pass

	def serve(wire):
		gateway = connect(HOST, port)
		gateway.send(header("scanner.test", DOMAIN))
		gateway.expect("</stream:features>")
		gateway.send(f"<starttls xmlns='{TLS}'/>")
		gateway.expect("<proceed[^>]*>")
		back = threading.Thread(target=passes, args=(gateway.sock, wire.sock), daemon=True)
		back.start()
		passes(wire.sock, gateway.sock)
		back.join(10)
		gateway.close()

	return RawServer(HOST, free_port(), serve)


def sslscan(folder, name, port):
	report = f"{folder}/{name}.xml"
	run(["sslscan", "-4", f"--xml={report}", f"{DOMAIN}:{port}"])
	test = xml.etree.ElementTree.parse(report).find("ssltest")
	if test is None:
		with open(report) as f:
			raise AssertionError(f.read())
	return test


def against_sslscan(test):
	"""What is wrong, by its report."""
	versions = {(p.get("type"), p.get("version")) for p in test.iter("protocol") if p.get("enabled") == "1"}
	if versions != VERSIONS:
		yield f"versions {sorted(versions)}"
	suites = [c.get("cipher") for c in test.iter("cipher")]
	for cipher in test.iter("cipher"):
		old = cipher.get("sslversion") != "TLSv1.3"
		if cipher.get("strength") not in ("acceptable", "strong") or (old and not cipher.get("cipher").startswith("ECDHE-")):
			yield f"{cipher.get('strength')} cipher {cipher.get('cipher')} in {cipher.get('sslversion')}"
	for kind in ("ECDHE-ECDSA-", "ECDHE-RSA-", "TLS_"):
		if not any(suite.startswith(kind) for suite in suites):
			yield f"no suite {kind}*"
	for group in test.iter("group"):
		if not GROUPS.match(group.get("name")):
			yield f"group {group.get('name')}"
	if not list(test.iter("heartbleed")):
		yield "nothing about Heartbleed"
	for what, fact in (("heartbleed", "vulnerable"), ("renegotiation", "supported"), ("compression", "supported")):
		if any(found.get(fact) != "0" for found in test.iter(what)):
			yield f"{what} {fact}"
	for key in test.iter("pk"):
		if key.get("error") != "false" or int(key.get("bits")) < (2048 if key.get("type") == "RSA" else 128):
			yield f"key {key.attrib}"
	for algorithm in test.iter("signature-algorithm"):
		if not re.search("sha(256|384|512)", algorithm.text, re.IGNORECASE):
			yield f"signature {algorithm.text}"


def testssl(folder, name, port, *checks):
	"""{check: (severity, finding)}"""
	report = f"{folder}/{name}.json"
	# Its exit status counts findings of any kind.
	done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", HOST,
	                       "--jsonfile", report, *checks, f"{DOMAIN}:{port}"], cwd=folder, stdin=subprocess.DEVNULL,
	                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
	if not os.path.exists(report):
		raise AssertionError(done.stdout[-2000:])
	with open(report) as f:
		return {found["id"]: (found["severity"], found["finding"]) for found in json.load(f)}


def against_testssl(findings):
	return {check: found for check, found in findings.items()
	        if found[0] not in HARMLESS or re.search(r"(?<!not )(?<!un)vulnerable", found[1])}


class Scan(unittest.TestCase):
	@classmethod
	def setUpClass(cls):
		cls.world = ScannedWorld(BINARY, settings)
		cls.folder = cls.world.folder
		cls.starttls = by_starttls(cls.world.port)
		cls.ports = {"direct": cls.world.port, "starttls": cls.starttls.port}
		cls.background = concurrent.futures.ThreadPoolExecutor()
		# These take a while: side by side, and meanwhile the others.
		cls.scans = {name: cls.background.submit(testssl, cls.folder, name, port, *ALL_OF_IT)
		             for name, port in cls.ports.items()}

	@classmethod
	def tearDownClass(cls):
		cls.background.shutdown()
		cls.starttls.stop()
		try:
			cls.world.end_gateway()
		finally:
			cls.world.stop(keep=False)

	def weak_server(self):
		"""Anonymous and static suites, a short key, no TLS 1.3."""
		port = free_port()
		pair(self.folder, "weak", "rsa:1024", "-sha1")
		server = Process("s_server", ["openssl", "s_server", "-accept", f"{HOST}:{port}", "-cert",
		                              f"{self.folder}/weak.crt", "-key", f"{self.folder}/weak.key", "-tls1_2", "-www",
		                              "-cipher", "ALL:@SECLEVEL=0"], f"{self.folder}/weak.log")
		self.addCleanup(server.stop)
		server.wait_ready("listen", lambda: server.log.find("^ACCEPT"))
		return port

	def test_sslscan(self):
		for name, port in self.ports.items():
			with self.subTest(name):
				self.assertEqual(list(against_sslscan(sslscan(self.folder, name, port))), [])

	def test_testssl(self):
		for name, scan in self.scans.items():
			with self.subTest(name):
				self.judge(scan.result())

	def judge(self, findings):
		self.assertEqual(against_testssl(findings), {})
		for check, finding in (("TLS1_2", "offered"), ("TLS1_3", "offered with final"), ("TLS1", "not offered"),
		                       ("TLS1_1", "not offered"), ("SSLv2", "not offered"), ("SSLv3", "not offered"),
		                       ("ROBOT", "not vulnerable, no RSA key transport cipher")):
			self.assertEqual(findings[check][1], finding, check)
		for check in ("heartbleed", "CCS", "secure_client_renego", "CRIME_TLS", "SWEET32", "FREAK", "DROWN", "LOGJAM", "RC4"):
			self.assertEqual(findings[check][0], "OK", f"{check}: {findings[check]}")

	def test_they_would_complain(self):
		port = self.weak_server()
		complaints = "\n".join(against_sslscan(sslscan(self.folder, "weak", port)))
		for expected in ("versions", "anonymous cipher ADH-AES", "cipher AES256-", "no suite TLS_", "key ", "signature sha1"):
			self.assertIn(expected, complaints)
		complaints = against_testssl(testssl(self.folder, "weak", port, "-s"))
		self.assertEqual(complaints.get("cipherlist_aNULL"), ("CRITICAL", "offered"), complaints)


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1])
