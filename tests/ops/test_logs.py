#!/usr/bin/env python3
"""The log as its operator keeps it: a file that is moved away, JSON, journald, and sources that repeat themselves.

usage: test_logs.py SALLYPORT"""

import json
import os
import re
import signal
import socket
import sys
import unittest

import scene  # noqa: F401
from lab.proc import LabError, Log, wait_for  # noqa: E402
from lab.wire import connect, open_external  # noqa: E402
from world import LOCAL, PUBLIC_PORT, REMOTE, World  # noqa: E402

BINARY = sys.argv[1]
# What it takes to explain a stream's end.
EXPLAINS = {"ts", "level", "event", "reason", "text", "role", "from", "to", "addr", "mode", "tls", "cipher", "group", "stanzas",
            "bytes_in", "bytes_out", "ms"}


class WithLog(unittest.TestCase):
	settings = ""

	def setUp(self):
		self.world = World(BINARY, lambda folder: self.settings.format(folder=folder))
		self.log = Log(f"{self.world.folder}/log")

	def tearDown(self):
		try:
			self.world.end_gateway()
		finally:
			self.world.stop(keep=False)

	def change(self, old, new):
		with open(self.world.config) as f:
			text = f.read()
		self.assertIn(old, text)
		with open(self.world.config, "w") as f:
			f.write(text.replace(old, new))
		self.world.gateway.child.send_signal(signal.SIGHUP)

	def open(self):
		wire = connect(self.world.address, PUBLIC_PORT)
		open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
		return wire

	def stream(self):
		wire = self.open()
		for i in range(3):
			wire.send(f"<message from='b@{REMOTE}' to='a@{LOCAL}' id='{i}'/>")
		wait_for("the stanzas", lambda: b"id='2'" in self.world.backend.forwarded)
		wire.send("</stream:stream>")
		wire.expect_end()


class File(WithLog):
	# World waits for "ready" where the process's own stderr goes.
	settings = "[log]\ntarget = {folder}/sallyport.log\n"

	def test_life_of_a_file(self):
		first = self.world.gateway.log
		moved = Log(f"{first.path}.1")
		os.rename(first.path, moved.path)
		self.world.gateway.child.send_signal(signal.SIGUSR1)
		first.wait("event=log-reopened")
		self.assertFalse(moved.find("event=log-reopened"))
		self.change("[log]", "[log]\nformat = json")
		first.wait('"event":"reload"')
		self.stream()
		first.wait('"role":"backend-out".*"reason":"SP-CLOSED"|"reason":"SP-CLOSED".*"role":"backend-out"')
		ends = {}
		for line in first.lines(r"^\{"):
			entry = json.loads(line)
			if entry["event"] == "stream-end":
				ends[entry["role"]] = entry
		self.assertEqual(EXPLAINS - set(ends["public-in"]), set())
		self.assertEqual(ends["public-in"]["stanzas"], 3)
		self.assertEqual(ends["backend-out"]["stanzas"], 3)
		self.assertEqual(ends["public-in"]["tls"], "TLSv1.3")
		self.assertGreater(ends["public-in"]["bytes_in"], 1000)
		# What can't be opened changes nothing, and is said where the log was.
		self.change("target = ", "target = /nowhere")
		first.wait("nothing has changed: /nowhere.*can't be opened: No such file")

	def test_bad_settings(self):
		for text, complaint in (("target = syslog", "neither stderr nor journal nor an absolute path"),
		                        ("format = xml", "neither logfmt nor json"),
		                        ("target = journal:/" + "x" * 150, "at most 107 bytes")):
			before = self.world.gateway.log.size()
			with open(self.world.config) as f:
				good = f.read()
			with open(self.world.config, "w") as f:
				f.write(re.sub(r"(?s)\[log\].*", f"[log]\n{text}\n", good))
			self.world.gateway.child.send_signal(signal.SIGHUP)
			self.world.gateway.log.wait(f"nothing has changed", start=before)
			self.assertTrue(self.world.gateway.log.find(complaint, before), self.world.gateway.log.text(before))
			with open(self.world.config, "w") as f:
				f.write(good)


class Repeated(WithLog):
	settings = "[log]\nlines-per-source = 4\n"

	def test_one_address_is_told_of_once(self):
		self.change("log-level = debug", "log-level = info")
		self.world.gateway.log.wait("event=reload")
		for _ in range(20):
			wire = connect(self.world.address, PUBLIC_PORT)
			with self.assertRaises(LabError):
				open_external(wire, REMOTE, LOCAL, self.world.certificates["expired"])
		log = self.world.gateway.log
		self.world.end_gateway()
		self.assertEqual(len(log.lines("event=stream-end .*reason=SP-CERT-EXPIRED")), 4)
		told = log.lines(f"event=lines-suppressed source=127.0.0.1 suppressed=16 ")
		self.assertEqual(len(told), 1)
		self.world.start_gateway()


class Journal(WithLog):
	settings = "[log]\ntarget = stderr\n"

	def await_event(self, journald, event, role=None):
		while True:
			fields = dict(line.split(b"=", 1) for line in journald.recv(65536).rstrip(b"\n").split(b"\n"))
			if fields.get(b"SALLYPORT_EVENT") == event and role in (None, fields.get(b"SALLYPORT_ROLE")):
				return fields

	def test_fields(self):
		path = f"{self.world.folder}/journal"
		with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
			journald.bind(path)
			journald.settimeout(20)
			self.change("log-level = debug", "log-level = info")
			self.world.gateway.log.wait("event=reload")
			self.change("target = stderr", f"target = journal:{path}")
			self.await_event(journald, b"reload")
			self.stream()
			fields = self.await_event(journald, b"stream-end", b"public-in")
		self.assertEqual(fields[b"SALLYPORT_REASON"], b"SP-CLOSED")
		self.assertEqual(fields[b"SALLYPORT_FROM"], REMOTE.encode())
		self.assertEqual(fields[b"PRIORITY"], b"6")
		self.assertTrue(fields[b"MESSAGE"].startswith(b"event=stream-end reason=SP-CLOSED "))
		# Nobody takes datagrams any more: that stops nothing.
		self.stream()


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1] + sys.argv[2:], warnings="ignore")
