"""Clients of the control socket that are not sallyportctl, or not well: the daemon stays, and answers the others."""

import json
import socket
import time

from lab.proc import LabError
from stage import PATIENCE, case
from world import PUBLIC_PORT, REMOTE

CLIENTS = 32  # CONTROL_CLIENTS


class Raw:
	def __init__(self, stage):
		self.sock = socket.socket(socket.AF_UNIX)
		self.sock.connect(stage.socket)
		self.sock.settimeout(PATIENCE)

	def send(self, data):
		try:
			self.sock.sendall(data)
		except OSError:
			pass  # it has said enough, and closed
		return self

	def answer(self):
		"""Until the daemon closes."""
		data = b""
		try:
			while part := self.sock.recv(65536):
				data += part
		except ConnectionError:
			pass
		except TimeoutError:
			raise LabError(f"no end, but {data[-200:]!r}") from None
		self.sock.close()
		return data.decode()


@case("abuse-words")
def words(stage):
	for name, data in (("garbage", b"\x16\x03\x01\x02\0\xff\n"), ("an empty line", b"\n"), ("unknown", b"frobnicate x\n"),
	                   ("HTTP", b"GET / HTTP/1.1\r\n\r\n"), ("too long", b"x" * 1600), ("long and whole", b"peers " + b"x" * 1400 + b"\n"),
	                   ("a NUL", b"status\0\n"), ("too many words", b"status now\n"), ("two spaces", b"log  a.test debug 1\n")):
		stage.note(f"({name})", Raw(stage).send(data).answer(), "closed")
	stage.run("log")


@case("abuse-pieces")
def pieces(stage):
	"""A request may come byte by byte, and its sender may have shut down its side."""
	raw = Raw(stage)
	for byte in b"rules\n":
		raw.send(bytes([byte]))
	raw.sock.shutdown(socket.SHUT_WR)
	stage.note("(byte by byte)", raw.answer(), "closed")
	raw = Raw(stage).send(b"peers\n")
	raw.sock.shutdown(socket.SHUT_WR)
	stage.note("(half closed)", raw.answer(), "closed")
	Raw(stage).send(b"watch\n").sock.close()
	Raw(stage).sock.close()
	stage.run("log")


@case("abuse-crowd")
def crowd(stage):
	"""Those who say nothing fill the room, but not for others' streams; who leaves makes room."""
	silent = [Raw(stage) for _ in range(CLIENTS)]
	stage.run("status")
	stage.peer_refused_unseen(REMOTE)
	silent.pop().sock.close()
	end = time.monotonic() + PATIENCE
	while not stage.rows("peers") and time.monotonic() < end:
		pass
	stage.run(f"peers {REMOTE}")
	for raw in silent:
		raw.sock.close()


@case("abuse-many-streams")
def many_streams(stage):
	"""More streams than fit one part of an answer; and a client that does not read it."""
	held = [socket.create_connection((stage.world.address, PUBLIC_PORT), 5) for _ in range(101)]
	held[-1].recv(1)  # closed, since only 100 may come from one address
	stage.wait_rows("status", lambda rows: rows[0]["limits"])
	stage.note("status --json", json.dumps(stage.rows("status")[0]["limits"]) + "\n", 0)
	for one in held:
		one.close()
	stage.edit("[limits]", "[limits]\nconnections-per-address = 1000")
	stage.run("reload")
	held = [socket.create_connection((stage.world.address, PUBLIC_PORT), 5) for _ in range(700)]
	rows = stage.wait_rows("streams", lambda rows: rows if len(rows) >= 700 else None)
	ids = {row["id"] for row in rows}
	stage.note("streams --json", f"{len(rows)} rows, {len(ids)} different, {len({r['address'] for r in rows})} addresses\n", 0)
	lazy = [Raw(stage) for _ in range(8)]
	for raw in lazy:
		raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		raw.send(b"streams\n")
	stage.run("log")
	whole = [raw.answer().splitlines() for raw in lazy]
	stage.note("(read late)", "".join(f"{len(lines)} lines, the last {lines[-1]}\n" for lines in whole), "closed")
	for lines in whole:
		for line in lines:
			json.loads(line)
	for one in held:
		one.close()


def make_event(stage):
	"""Whoever commands is logged, though there is nothing to be done."""
	Raw(stage).send(f"unlog {'a' * 60}.{'b' * 60}.{'c' * 60}.test\n".encode()).answer()


@case("abuse-watcher")
def watcher(stage):
	"""One that never reads misses events, and is told how many; nobody waits for it."""
	raw = Raw(stage)
	raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	raw.send(b"watch\n")
	for _ in range(2500):  # some 300 bytes each, against a bound of 256 KiB and what the kernel holds
		make_event(stage)
	stage.run("log")
	data, end = b"", time.monotonic() + PATIENCE
	while b'"lost"' not in data:
		if time.monotonic() > end:
			raise LabError(f"nothing was lost in {len(data)} bytes")
		data += raw.sock.recv(65536)
		make_event(stage)
	raw.sock.close()
	stage.note("(watch, read late)", "some events were lost, and it was told so\n", "closed")
