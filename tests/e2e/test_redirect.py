"""The redirect as conf/nftables ships it: who lands where, by user, address and port; and that it goes away again.

Listeners of ours say their name to whoever connects."""

import re

from lab.gateway import BACKEND_PORT, PUBLIC_PORT, RULES
from lab.proc import LabError
from lab.wire import RawServer, connect
from suite import Group

BACKEND_USER, OTHER_USER = "ejabberd", "nobody"
OLD, OUTSIDE = 11, 20
DATABASE = 5432


class Redirect(Group):
	name = "redirect"
	needs_gateway = False

	def __init__(self):
		super().__init__()
		for family in ("4", "6"):
			for port in (5269, 5270, 443, 53):
				self.cell(f"ipv{family}/backend-out-to-{port}", self.lands, family, BACKEND_USER, port, "backend-listener",
				          quick=port == 443)
			self.cell(f"ipv{family}/exception-goes-straight", self.lands, family, BACKEND_USER, DATABASE, "outside")
			self.cell(f"ipv{family}/other-users-go-straight", self.lands, family, OTHER_USER, 5269, "outside")
			self.cell(f"ipv{family}/loopback-is-left-alone", self.loopback, family)
			self.cell(f"ipv{family}/public-in", self.public_in, family, quick=True)
		self.cell("twice-is-once", self.twice)
		self.cell("and-back-out", self.back_out)

	def start(self, lab):
		self.network = network = lab.network
		network.add_node("old", OLD)
		network.add_address("hub", OUTSIDE)
		for address in (network.v4(OUTSIDE), network.v6(OUTSIDE)):
			for port in (5269, 5270, 443, 53, DATABASE):
				self.listen(lab, address, port, "outside")
		with network.within("old"):
			for address in ("127.0.0.1", "::1"):
				self.listen(lab, address, BACKEND_PORT, "backend-listener")
			for address in ("0.0.0.0", "::"):
				self.listen(lab, address, PUBLIC_PORT, "public-listener")
				self.listen(lab, address, 5269, "old-server")
		with open(RULES) as f:
			rules = f.read()
		for family, address in (("4", network.v4(OUTSIDE)), ("6", network.v6(OUTSIDE))):
			rules, n = re.subn(rf"(set direct{family} {{.*?)# elements = .*?\n",
			                   rf"\1elements = {{ {address} . {DATABASE} }}\n", rules, count=1, flags=re.DOTALL)
			if n != 1:
				raise LabError(f"{RULES} has no example for direct{family}")
		self.rules = rules
		self.load()

	def load(self):
		self.network.run("old", "nft", "-f", "-", input=self.rules)

	def listen(self, lab, address, port, name):
		lab.own(RawServer(address, port, lambda wire: wire.send(name + "\n")))

	def outside(self, family):
		return self.network.v4(OUTSIDE) if family == "4" else self.network.v6(OUTSIDE)

	def reached(self, user, address, port):
		"""Whose listener answers a connection that the user opens in the old server's node."""
		return self.network.run("old", "bash", "-c", f"read -r -t 5 name < /dev/tcp/{address}/{port} && echo $name",
		                        user=user, timeout=10).strip()

	def lands(self, family, user, port, wanted):
		self.expect(wanted, self.reached(user, self.outside(family), port))

	def loopback(self, family):
		self.expect("old-server", self.reached(BACKEND_USER, "127.0.0.1" if family == "4" else "::1", 5269))

	def public_in(self, family):
		wire = connect(self.network.v4(OLD) if family == "4" else self.network.v6(OLD), 5269)
		try:
			self.expect("public-listener", wire.expect_end(5).strip())
		finally:
			wire.close()

	def twice(self):
		self.load()
		rules = self.network.run("old", "nft", "list", "table", "inet", "sallyport")
		if rules.count("redirect to") != 2:
			raise LabError(f"two redirects were wanted: {rules}")
		self.lands("4", BACKEND_USER, 5269, "backend-listener")

	def back_out(self):
		self.network.run("old", "nft", "delete", "table", "inet", "sallyport")
		for family in ("4", "6"):
			self.lands(family, BACKEND_USER, 5269, "outside")
		wire = connect(self.network.v4(OLD), 5269)
		self.expect("old-server", wire.expect_end(5).strip())
		wire.close()

	def expect(self, wanted, got):
		if got != wanted:
			raise LabError(f"reached {got!r}, not {wanted!r}")


def groups():
	return [Redirect()]
