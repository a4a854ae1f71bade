"""What stands around the daemon under test: certificates, a name server, and an old server that keeps all it is sent."""

import os
import shutil
import socket
import tempfile
import threading

from fakedns import A, SRV, FakeDNS, encode_srv
from lab.ca import CA, Certificate
from lab.gateway import FAULT, NETWORK, SANITIZERS
from lab.proc import LabError, Process, children, run
from lab.wire import RawServer, connect, header
from peer_certificates import mint_peers

LOCAL, SECOND, REMOTE, EVIL = "a.test", "b.test", "peer.test", "evil.test"
PUBLIC_PORT, BACKEND_LISTEN_PORT, BACKEND_PORT, DNS_PORT, PEER_PORT = 25269, 15269, 15270, 15353, 35269
KEY = "0123456789abcdef0123456789abcdef"
FEATURES = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback></stream:features>"
STANZA = f"<message from='user@{LOCAL}' to='friend@{REMOTE}'><body>secret</body></message>"

# Waits are short, so that what a gateway must not wait for shows soon.
CONFIG = """\
[global]
workers = {workers}
log-level = debug
[control]
socket = {folder}/control
[public]
listen = {address}:{public}
reach = any
[trust]
system = no
anchor = {folder}/ca/root.crt
[dns]
server = {address}:{dns}
[backend old]
connect = {address}:{backend}
listen = {address}:{backend_listen}
[host {local}]
certificate = {own.chain}
key = {own.key}
[host {second}]
certificate = {other.chain}
key = {other.key}
[timeouts]
negotiate = 4s
handshake = 4s
outbound = 8s
dialback = 8s
close = 1s
stall = 3s
retry = 0s
[limits]
accept-rate-per-address = 1000
"""


def own_address():
	"""A loopback address for this process alone, so that runs side by side do not meet."""
	pid = os.getpid()
	return f"127.{80 + (pid >> 16 & 63)}.{pid >> 8 & 255}.{pid & 255}"


def mint_own(folder):
	"""The gateway's: self-signed and for any use, since Python's TLS, like servers of old, lets no client in whose
	certificate or issuer is for servers only."""
	own = Certificate(f"{folder}/own.pem", f"{folder}/own.key")
	run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
	     "-subj", f"/CN={LOCAL}", "-addext", f"subjectAltName=DNS:{LOCAL}", "-out", own.chain, "-keyout", own.key])
	return own


def mint(folder):
	"""Certificates by the names that cases use; the gateway's own under "own"."""
	ca = CA(f"{folder}/ca")
	return {"own": mint_own(folder), "second": ca.leaf(SECOND), **mint_peers(ca, folder, REMOTE, EVIL)}


class Backend:
	"""Speaks dialback in the clear.  Keeps what the gateway forwards; opens a stream out when told to."""

	def __init__(self, address):
		self.address = address
		self.forwarded = b""
		self.out = None
		self.streams = 0
		self.server = RawServer(address, BACKEND_PORT, self._incoming)

	def stop(self):
		self.hang_up()
		self.server.stop()

	def _incoming(self, wire):
		self.streams += 1
		stream_id = f"in{self.streams}"
		wire.expect("<stream:stream[^>]*>")
		wire.send(header(LOCAL, "", f" id='{stream_id}'") + FEATURES)
		asked = wire.expect(r"<db:(result|verify)[^>]*\bfrom='([^']*)'[^>]*>([^<]*)</db:[^>]*>")
		kind, remote, key = asked[1].decode(), asked[2].decode(), asked[3].decode()
		if kind == "verify":
			verdict = "valid" if key == KEY else "invalid"
			wire.send(f"<db:verify from='{LOCAL}' to='{remote}' id='{self._id_in(asked)}' type='{verdict}'/>")
			wire.expect_end()
			return
		verdict = "valid" if self._verified(remote, stream_id, key) else "invalid"
		wire.send(f"<db:result from='{LOCAL}' to='{remote}' type='{verdict}'/>")
		while True:
			data = wire.sock.recv(65536)
			if not data:
				return
			self.forwarded += data

	def _id_in(self, asked):
		return asked[0].decode().split("id='")[1].split("'")[0]

	def open(self, remote):
		wire = connect(self.address, BACKEND_LISTEN_PORT)
		wire.send(header(LOCAL, remote))
		wire.expect("<stream:features.*</stream:features>")
		return wire

	def _verified(self, remote, stream_id, key):
		wire = self.open(remote)
		wire.send(f"<db:verify from='{LOCAL}' to='{remote}' id='{stream_id}'>{key}</db:verify>")
		answer = wire.expect("<db:verify[^>]*>")[0]
		wire.close()
		return b"type='valid'" in answer

	def reach_out(self):
		"""Asks the gateway for the remote domain, and sends a stanza there once it may."""
		self.out = self.open(REMOTE)
		self.out.send(f"<db:result from='{LOCAL}' to='{REMOTE}'>{KEY}</db:result>")
		threading.Thread(target=self._send_when_valid, args=(self.out,), daemon=True).start()

	def _send_when_valid(self, wire):
		try:
			wire.expect("<db:result[^>]*type='valid'")
			wire.send(STANZA)
		except (LabError, OSError):
			pass  # as it should be, mostly

	def hang_up(self):
		if self.out:
			self.out.close()
			self.out = None


class World:
	local, second, remote, evil, port = LOCAL, SECOND, REMOTE, EVIL, PUBLIC_PORT

	def __init__(self, binary, more=lambda folder: "", workers=1):
		"""more: what else stands in the configuration file, by the world's folder."""
		self.workers = workers
		self.folder = tempfile.mkdtemp(prefix="sallyport-wire-")
		self.address = own_address()
		self.config = f"{self.folder}/sallyport.ini"
		text = self.configure() + more(self.folder)
		with open(self.config, "w") as f:
			f.write(text)
		self.dns = FakeDNS(self.address, DNS_PORT, self.zone())
		self.backend = Backend(self.address)
		self.binary = binary
		self.gateway = None
		self.start_gateway()

	def configure(self):
		"""Mints what is needed; the configuration's text."""
		self.certificates = mint(self.folder)
		return CONFIG.format(workers=self.workers, address=self.address,
		                     folder=self.folder, local=LOCAL, own=self.certificates["own"], second=SECOND,
		                     other=self.certificates["second"], public=PUBLIC_PORT, dns=DNS_PORT,
		                     backend_listen=BACKEND_LISTEN_PORT, backend=BACKEND_PORT)

	def zone(self):
		return {
			(f"_xmpp-server._tcp.{REMOTE}", SRV): encode_srv(PEER_PORT, f"xmpp.{REMOTE}"),
			(f"xmpp.{REMOTE}", A): socket.inet_aton(self.address),
		}

	def start_gateway(self):
		"""If it does not run already: after a crash the next case shall have one, too."""
		if self.gateway and self.gateway.running():
			return
		# Little is kept of what was freed, or that would look like a leak of the gateway's.
		environment = {**os.environ, **SANITIZERS, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=8"}
		log = f"{self.folder}/sallyport.log"
		start = os.path.getsize(log) if os.path.exists(log) else 0
		self.gateway = Process("sallyport", [self.binary, "-c", self.config], log, env=environment)
		self.gateway.wait_ready("ready", lambda: self.gateway.log.find("ready: ", start))

	def memory_kb(self):
		self.gateway.check()
		with open(f"/proc/{children(self.gateway.pid)[NETWORK]}/status") as status:
			return int(status.read().split("VmRSS:")[1].split()[0])

	def end_gateway(self):
		"""Ends the daemon as an operator would; LabError unless it went in order and without a fault."""
		self.gateway.check()
		self.gateway.child.terminate()
		status = self.gateway.wait_exit(20)
		faults = self.gateway.log.lines(FAULT)
		if status != 0 or faults:
			raise LabError(f"exit {status} {' '.join(faults[:3])}")

	def stop(self, keep):
		self.gateway.stop()
		self.backend.stop()
		self.dns.stop()
		if not keep:
			shutil.rmtree(self.folder)
