"""Start and end of the daemon: by the book, and with words when it cannot."""

import re

from lab.gateway import BACKEND_PORT, PUBLIC_PORT
from lab.proc import LabError, Process, children, wait_for
from lab.wire import RawServer, accept_external, connect, open_external
from suite import Group
from world import OLD, add_gateway, add_old, dns_of_old

RAW = 20
SHUTDOWN = r"<system-shutdown.*</stream:stream>"


class Lifecycle(Group):
	name = "lifecycle"

	def __init__(self):
		super().__init__()
		self.cell("config-test-accepts-it", self.config_test, quick=True)
		self.cell("second-instance-says-which-port", self.second_instance, quick=True)
		self.cell("no-other-tls-library", self.libraries, quick=True)
		self.cell("sigterm-closes-by-the-book", self.sigterm, quick=True)
		self.cell("starts-again-on-the-same-ports", self.again)

	def start(self, lab):
		dns_of_old(lab)
		lab.network.add_address("hub", RAW)
		lab.dns.host("raw.lab", RAW)
		lab.dns.srv("raw.lab", "raw.lab", 5269)
		lab.dns.start()
		self.lab = lab
		self.certificate = lab.ca.leaf("raw.lab")
		self.old = add_old(lab, "jabberd2", "off", hosts=("old.lab",))
		self.gateway = add_gateway(lab, self.old)

	def config_test(self):
		self.lab.network.run("old", self.gateway.binary, "-t", "-c", self.gateway.config)

	def second_instance(self):
		second = Process("second sallyport", self.gateway.command("-c", self.gateway.config), f"{self.gateway.dir}/second.log")
		try:
			status = second.wait_exit(10)
		finally:
			second.stop()
		said = second.log.text()
		if status == 0 or not re.search(f"({PUBLIC_PORT}|{BACKEND_PORT}).*in use|in use.*({PUBLIC_PORT}|{BACKEND_PORT})", said):
			raise LabError(f"exit {status}, and it does not say which address is in use: {said}")
		self.gateway.process.check()

	def libraries(self):
		pid, loaded = self.gateway.process.pid, set()
		for process in (pid, *children(pid).values()):
			with open(f"/proc/{process}/maps") as f:
				loaded |= set(re.findall(r"\S*lib(?:ssl|crypto|gnutls)\S*", f.read()))
		others = sorted(path for path in loaded if "/android/" not in path)  # Debian's BoringSSL, the last resort
		if others:
			raise LabError(f"loaded beside BoringSSL: {' '.join(others)}")

	def sigterm(self):
		"""With streams open in all four roles: the peers read the end of the stream, then EOF."""
		ended = []

		def remote(wire):
			accept_external(wire, "raw.lab", self.certificate)
			wire.expect("<message.*</message>")
			ended.append("open")
			wire.expect("</stream:stream>", 60)
			wire.send("</stream:stream>")
			ended.append(wire.expect_end())
		server = self.lab.own(RawServer(self.lab.network.v4(RAW), 5269, remote))
		alice = self.lab.client("alice@old.lab", self.old, False)
		alice.send("bob@raw.lab", "opens L to R")
		inbound = connect(self.lab.network.v4(OLD), 5269)
		open_external(inbound, "raw.lab", "old.lab", self.certificate)
		inbound.send("<message from='bob@raw.lab/r' to='alice@old.lab' type='chat'><body>opens R to L</body></message>")
		alice.wait_body("opens R to L")
		wait_for("the message from L to R", lambda: ended == ["open"])
		self.gateway.terminate()
		inbound.expect(SHUTDOWN, 5)
		inbound.send("</stream:stream>")
		inbound.expect_end(5)
		inbound.close()
		self.gateway.wait_clean()
		wait_for(lambda: f"the end of L to R ({server.errors})", lambda: len(ended) == 2, 10)

	def again(self):
		self.gateway.launch()
		self.gateway.end()


def groups():
	return [Lifecycle()]
