"""A name server on loopback with one zone in memory: A and SRV over UDP."""

import socket
import struct
import threading

A, SRV, IN = 1, 33, 1
ANSWER, NAME_ERROR = 0x8580, 0x8583  # authoritative, recursion desired and available


def encode_name(name):
	return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def encode_srv(port, target):
	return struct.pack("!HHH", 0, 0, port) + encode_name(target)


class FakeDNS:
	def __init__(self, address, port, zone):
		"""zone: {(name, type): rdata}; a name that has other types only gets an empty answer, any other NXDOMAIN."""
		self.zone = zone
		self.names = {name for name, _ in zone}
		self.asked = []
		self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.socket.bind((address, port))
		self.thread = threading.Thread(target=self._serve, daemon=True)
		self.thread.start()

	def _serve(self):
		while True:
			try:
				query, sender = self.socket.recvfrom(4096)
			except OSError:
				return
			if query == b"stop":
				return
			self.socket.sendto(self._answer(query), sender)

	def _answer(self, query):
		end, labels = 12, []
		while query[end]:
			labels.append(query[end + 1:end + 1 + query[end]].decode().lower())
			end += 1 + query[end]
		name, kind = ".".join(labels), struct.unpack("!H", query[end + 1:end + 3])[0]
		self.asked.append(name)
		rdata = self.zone.get((name, kind))
		flags = ANSWER if name in self.names else NAME_ERROR
		reply = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if rdata else 0, 0, 0) + query[12:end + 5]
		if rdata:
			reply += struct.pack("!HHHIH", 0xC00C, kind, IN, 60, len(rdata)) + rdata
		return reply

	def stop(self):
		self.socket.sendto(b"stop", self.socket.getsockname())
		self.thread.join(5)
		self.socket.close()
