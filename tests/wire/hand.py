"""Attacks that need more than steps: each a function of the world and, for the client role, of the listener.  They yield
what is wrong."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time

from attack import Attack
from lab.proc import LabError
from lab.wire import header
from peer import Gone, Peer

PER_ADDRESS = 100  # the gateway's own limit
STALL = 3


def connect(world):
	return socket.create_connection((world.address, world.port), 5)


def unverified():
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	context.check_hostname = False
	context.verify_mode = ssl.CERT_NONE
	return context


def no_resumption(world, listener):
	"""A session must not carry a verdict into the next connection: there is none to be resumed."""
	for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
		context = unverified()
		context.maximum_version = version
		first = context.wrap_socket(connect(world), server_hostname=world.local)
		first.send(header(world.remote, world.local).encode())
		first.recv(65536)  # what comes behind the handshake, tickets too
		session = first.session
		first.close()
		second = context.wrap_socket(connect(world), server_hostname=world.local, session=session)
		if second.session_reused:
			yield f"{second.version()} was resumed"
		second.close()


def no_other_protocol(world, listener):
	"""ALPACA, XEP-0368: somebody who asks for another protocol does not get XMPP."""
	for offer, welcome in ((["h2", "http/1.1"], False), (["xmpp-server"], True), (["h2", "xmpp-server"], True)):
		context = unverified()
		context.set_alpn_protocols(offer)
		try:
			taken = context.wrap_socket(connect(world), server_hostname=world.local)
		except ssl.SSLError as error:
			if welcome or "no application protocol" not in str(error):
				yield f"ALPN {offer}: {error}"
			continue
		if not welcome or taken.selected_alpn_protocol() != "xmpp-server":
			yield f"ALPN {offer}: {taken.selected_alpn_protocol()}"
		taken.close()


def one_host_throughout(world, listener):
	"""SNI of one host, stream to another: certificate and policy of two hosts must not mix."""
	for name, refused in ((world.second, True), (world.local, False)):
		context = unverified()
		certificate = world.certificates["good"]
		context.load_cert_chain(certificate.chain, certificate.key)
		peer = Peer(connect(world))
		peer.start_tls(context, name)
		peer.send(header(world.remote, world.local).encode(), 5)
		peer.wait("</stream:features>|</stream:stream>", 5)
		if (b"<improper-addressing" in peer.seen) != refused or (b"EXTERNAL" in peer.seen) == refused:
			yield f"SNI {name}, to {world.local}: {peer.seen[-200:]!r}"
		peer.close()


def no_renegotiation(world, listener):
	command = ["openssl", "s_client", "-tls1_2", "-connect", f"{world.address}:{world.port}", "-servername", world.local]
	client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
	try:
		said = b""
		while b"Verify return code" not in said:
			said += client.stdout.read1(65536) or b"Verify return code: none"
		client.stdin.write(b"R\n")
		client.stdin.flush()
		said, _ = client.communicate(timeout=5)
		if b"RENEGOTIATING" not in said or b"no renegotiation" not in said:
			yield f"openssl said {said[-300:]!r}"
	except subprocess.TimeoutExpired:
		yield "neither refused nor closed"
	finally:
		client.kill()
		client.wait()


def long_chain_costs_little(world, listener):
	"""A hundred certificates behind the right one."""
	certificate = world.certificates["good"]
	chain = f"{world.folder}/long.pem"
	with open(certificate.chain) as source, open(f"{world.folder}/other/intermediate.crt") as other, open(chain, "w") as out:
		out.write(source.read() + other.read() * 100)
	context = unverified()
	context.load_cert_chain(chain, certificate.key)
	start = time.monotonic()
	try:
		peer = Peer(connect(world))
		peer.start_tls(context, world.local)
		peer.send(header(world.remote, world.local).encode(), 5)
		peer.wait("</stream:features>|</stream:stream>", 5)
		peer.close()
	except Gone:
		pass
	if time.monotonic() - start > 2:
		yield f"took {time.monotonic() - start:.1f} s"


def hold_all(world):
	"""As many connections as one address may have, once those of earlier cases are gone; fewer if that fails."""
	deadline = time.monotonic() + 5
	while True:
		held = [Peer(connect(world)) for _ in range(PER_ADDRESS)]
		held[-1].read_for(0.1)
		for peer in held:
			peer.pump(0)
		if not any(peer.ended for peer in held) or time.monotonic() > deadline:
			return held
		for peer in held:
			peer.close()


def is_served(world, peer):
	peer.send(header(world.remote, world.local).encode(), 5)
	return peer.wait("</stream:features>", 5) is not None


def many_connections_from_one_address(world, listener):
	"""The first are served, the next are not, and whoever was there stays."""
	held = hold_all(world)
	if not all(is_served(world, peer) for peer in held):
		yield f"not even {PER_ADDRESS} were taken"
	excess = Peer(connect(world))
	excess.read_for(5)
	if not excess.ended or b"<policy-violation" not in excess.seen or b"<stream:features" in excess.seen:
		yield f"one more was taken, or not told why not: {excess.seen[-200:]!r}"
	for peer in held:
		peer.close()
	deadline = time.monotonic() + 5
	while not is_served(world, Peer(connect(world))):
		if time.monotonic() > deadline:
			yield "nobody is served after they have gone"
			return


def trusting_steps():
	"""How a good server takes the gateway in, from the case that shows it."""
	with open(f"{os.path.dirname(__file__)}/attacks.json") as f:
		return next(c["steps"] for c in json.load(f) if c["id"] == "P-good-certificate-is-trusted")


def reader_that_stops(world, listener):
	"""The peer authenticates and then reads nothing, while the backend sends all it can."""
	attack = Attack(world, {"role": "client", "phase": "listen", "steps": trusting_steps(), "must": ["any"]}, listener)
	attack.to_phase()
	attack.steps()
	memory = world.memory_kb()
	stanza = f"<message from='user@{world.local}' to='friend@{world.remote}'><body>{'x' * 60000}</body></message>".encode()
	sender = threading.Thread(target=push, args=(world.backend.out, stanza, 1000), daemon=True)
	sender.start()
	start = time.monotonic()
	most = 0
	while time.monotonic() - start < 4 * STALL and not world.gateway.log.find("SP-STALLED"):
		most = max(most, world.memory_kb() - memory)
		time.sleep(0.05)
	if not world.gateway.log.find("SP-STALLED"):
		yield "is not given up"
	if most > 24 * 1024:
		yield f"{most // 1024} MB wait for it"
	world.backend.hang_up()
	attack.peer.close()
	sender.join(5)


def push(wire, stanza, times):
	try:
		for _ in range(times):
			wire.send(stanza)
	except (LabError, OSError):
		pass


ATTACKS = {
	"server": [no_resumption, no_other_protocol, one_host_throughout, no_renegotiation, long_chain_costs_little,
	           many_connections_from_one_address],
	"client": [reader_that_stops],
}
