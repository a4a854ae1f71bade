"""dnsmasq for the zone .lab (libunbound, which Prosody uses, answers NXDOMAIN for .test by itself)."""

from .proc import Process, run


class Zone:
	def __init__(self, network, folder):
		self.network = network
		self.path = f"{folder}/dnsmasq.conf"
		self.log_path = f"{folder}/logs/dns.log"
		self.process = None
		self.records = []

	def host(self, name, *ns, v4=True, v6=True):
		"""Address records; each n is an address number of the Network."""
		for n in ns:
			addresses = ([self.network.v4(n)] if v4 else []) + ([self.network.v6(n)] if v6 else [])
			self.records.append(f"host-record={name},{','.join(addresses)}")

	def srv(self, domain, target, port, direct=False, priority=10, weight=5):
		service = "_xmpps-server" if direct else "_xmpp-server"
		self.records.append(f"srv-host={service}._tcp.{domain},{target},{port},{priority},{weight}")

	def no_service(self, domain):
		for service in ("_xmpp-server", "_xmpps-server"):
			self.records.append(f"srv-host={service}._tcp.{domain}")

	def start(self):
		n = self.network.HUB_N
		with open(self.path, "w") as f:
			f.write("\n".join([
				"no-resolv", "no-hosts", "keep-in-foreground", "bind-interfaces", "log-queries", "user=root", "pid-file=",
				"local=/lab/", "local-ttl=1", "log-facility=-",
				f"listen-address={self.network.v4(n)}", f"listen-address={self.network.v6(n)}", *self.records]) + "\n")
		run(["dnsmasq", "--test", "-C", self.path])
		self.process = Process("dnsmasq", self.network.command("hub", "dnsmasq", "-C", self.path), self.log_path)
		self.process.wait_ready("listen", lambda: self.network.listening("hub", 53))

	def restart(self):
		self.stop()
		self.start()

	def stop(self):
		if self.process:
			self.process.stop()
			self.process = None
