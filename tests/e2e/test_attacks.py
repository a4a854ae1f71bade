"""All attacks of tests/wire with real servers, and after each the federation of those who do no harm.

A hostile host of the lab plays each case against the gateway in front of ejabberd, as a server that connects and as one
that is connected to; the case's own rules are the judgement.  Afterwards a user of ejabberd and one of the strict Prosody,
both online all the while, send each other a message, and both must arrive: first on the streams that stood through the
attack, then, once these were closed, on new ones between gateway and Prosody.

What is forwarded (fwd_never, fwd_always) is judged on the bytes themselves: ejabberd speaks no TLS with the gateway here,
and a tap on the loopback device between them keeps what it is sent."""

import json
import os
import select
import sys
import threading
import time

from lab.gateway import NETWORK, SANITIZERS, Host
from lab.proc import LabError, children, run
from lab.wire import RawServer, connect
from suite import Group, Skip
from world import OLD, add_gateway, add_old, add_peer, deliver, dns_of_old, dns_of_peer

WIRE = os.path.realpath(f"{os.path.dirname(__file__)}/../wire")
sys.path.append(WIRE)  # behind ours, where `world` is another one

from attack import Attack, listen_as_peer  # noqa: E402
from hand import ATTACKS, reader_that_stops  # noqa: E402
from peer import Gone  # noqa: E402
from peer_certificates import mint_peers  # noqa: E402

HUB, PORT, TAP_PORT = 1, 5269, 5268
TRIES_S, ARRIVES_S = 15, 10
ENOUGH = 10  # that many failed cases, each with its waits, are told before the rest is given up
# As in tests/wire: waits are short, so that what a gateway must not wait for shows soon, and little is kept of what was
# freed, or that would look like a leak of the gateway's.
SETTINGS = [("timeouts", "negotiate", "4s"), ("timeouts", "handshake", "4s"), ("timeouts", "outbound", "8s"),
            ("timeouts", "dialback", "8s"), ("timeouts", "close", "1s"), ("timeouts", "stall", "3s"),
            ("timeouts", "retry", "0s"), ("limits", "accept-rate-per-address", "1000"),
            ("backend old", "connect", f"127.0.0.1:{TAP_PORT}")]
ENVIRONMENT = {**SANITIZERS, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=8"}
# After a failure ejabberd bounces all stanzas for that domain: for a second, not for up to five minutes.
FORGIVING = [(r"^s2s_use_starttls: false$", "s2s_use_starttls: false\ns2s_max_retry_delay: 1")]


class Tap:
	"""Stands where the gateway takes the old server to be, and passes all on to it."""

	def __init__(self, network, node):
		self.forwarded = b""
		with network.within(node):  # threads stay where they were started
			self.server = RawServer("127.0.0.1", TAP_PORT, self._pass_on)

	def stop(self):
		self.server.stop()

	def _pass_on(self, wire):
		old = connect("127.0.0.1", PORT)
		old.sock.settimeout(None)
		back = threading.Thread(target=self._copy, args=(old, wire), daemon=True)
		back.start()
		self._copy(wire, old, keep=True)
		back.join()

	def _copy(self, source, target, keep=False):
		try:
			while data := source.sock.recv(65536):
				if keep:
					self.forwarded += data
				target.sock.sendall(data)
		except OSError:
			pass  # either side has gone
		finally:
			target.close()


class HostilePeer:
	"""What tests/wire calls its world, made of the lab's parts."""

	local, second, remote, evil, port = "old.lab", "old-direct.lab", "peer.lab", "evil.lab", PORT

	def __init__(self, lab):
		self.lab = lab
		self.address = lab.network.v4(OLD)
		self.folder = lab.folder("hostile")
		lab.dns.host(f"xmpp.{self.remote}", HUB, v6=False)
		lab.dns.srv(self.remote, f"xmpp.{self.remote}", PORT)
		# Issued by the root: Python's TLS, like servers of old, lets no client in whose issuer is for servers only.
		own = lab.ca.leaf(self.local, eku="serverAuth,clientAuth", issuer="root")
		self.certificates = {"own": own, "second": lab.ca.leaf(self.second),
		                     **mint_peers(lab.ca, self.folder, self.remote, self.evil)}
		self.backend = self
		self.listener = self.tap = self.gateway = self.alice = None

	def hosts(self):
		return [Host(self.local, self.certificates["own"]), Host(self.second, self.certificates["second"])]

	def memory_kb(self):
		self.gateway.process.check()
		with open(f"/proc/{children(self.gateway.process.pid)[NETWORK]}/status") as status:
			return int(status.read().split("VmRSS:")[1].split()[0])

	# --- as the backend ---

	@property
	def forwarded(self):
		return self.tap.forwarded

	def reach_out(self):
		"""Has alice send a message there until the gateway knocks: after the failure of an earlier case, ejabberd returns
		the first ones."""
		while select.select([self.listener], [], [], 0)[0]:
			self.listener.accept()[0].close()
		end = time.monotonic() + TRIES_S
		while time.monotonic() < end:
			self.alice.send(f"friend@{self.remote}", "secret")
			if select.select([self.listener], [], [], 0.5)[0]:
				return
		raise LabError(f"no stream to {self.remote} in {TRIES_S} s")

	def hang_up(self):
		"""ejabberd's streams are its own affair."""

	def listen(self):
		if not self.listener:
			self.listener = listen_as_peer(self.lab.network.v4(HUB), PORT)
			self.lab.own(self.listener)
		return self.listener


class Attacks(Group):
	name = "attacks"

	def __init__(self):
		super().__init__()
		self.failed = 0
		with open(f"{WIRE}/attacks.json") as f:
			cases = json.load(f)
		for role in ("server", "client"):
			for case in cases:
				if case["role"] == role:
					self.attack(f"{role}/{case['id']}", role, self.by_steps, case)
			for function in ATTACKS[role]:
				self.attack(f"{role}/{function.__name__}", role, self.by_hand, function)
		self.cell("gateway-ends-clean", self.end)

	def attack(self, name, role, play, what):
		self.cell(name, self.attacked, name, role, play, what)

	def start(self, lab):
		dns_of_old(lab)
		dns_of_peer(lab)
		self.hostile = HostilePeer(lab)
		lab.dns.start()
		peer = add_peer(lab, ["strict.lab"])
		hosts = (self.hostile.local, self.hostile.second)
		old = add_old(lab, "ejabberd", "off", hosts=hosts, changes=FORGIVING)
		self.hostile.tap = lab.own(Tap(lab.network, old.node))
		self.gateway = add_gateway(lab, old, SETTINGS, self.hostile.hosts(), environment=ENVIRONMENT)
		self.hostile.gateway = self.gateway
		self.alice = self.hostile.alice = lab.client("alice@old.lab", old)
		self.bob = lab.client("bob@strict.lab", peer)
		self.federate("before the first attack")

	def federate(self, when):
		deliver(self.alice, self.bob, f"from within, {when}", ARRIVES_S)
		deliver(self.bob, self.alice, f"from outside, {when}", ARRIVES_S)

	def federate_anew(self, when):
		"""On streams to and from the other server that are set up after the attack."""
		run([f"{os.path.dirname(os.path.realpath(self.gateway.binary))}/sallyportctl", "close", "strict.lab",
		     "--socket", f"{self.gateway.dir}/control"])
		end = time.monotonic() + TRIES_S
		while True:
			try:
				self.federate(f"{when}, {end - time.monotonic():.1f}")
				return
			except LabError:  # what is sent on the old streams while they are being closed may be returned
				if time.monotonic() > end:
					raise

	def attacked(self, name, role, play, what):
		"""play(what, listener) yields or returns what is wrong."""
		if self.failed == ENOUGH:
			raise LabError(f"not played, since {ENOUGH} have failed")
		if not self.gateway.process.running():
			self.gateway.launch()  # after a crash the next case shall have one, too
		try:
			complaints = list(play(what, self.hostile.listen() if role == "client" else None))
		except (LabError, Gone, OSError) as error:
			complaints = [str(error)]
		try:
			self.federate(f"after {name}")
			self.federate_anew(f"anew after {name}")
		except LabError as error:
			complaints.append(str(error))
		if complaints:
			self.failed += 1
			raise LabError("; ".join(complaints))

	def by_steps(self, case, listener):
		return Attack(self.hostile, case, listener).run()[1]

	def by_hand(self, function, listener):
		if function is reader_that_stops:
			raise Skip("Debian's ejabberd slows its users down to 3 kB/s, which stalls nobody; tests/wire has it")
		return function(self.hostile, listener)

	def end(self):
		self.gateway.end()


def groups():
	return [Attacks()]
