#!/usr/bin/python3
"""The main job, shown: conf/demo calls this.  An ejabberd as Debian ships it, a strict peer, and the gateway between."""

import difflib
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from lab import ejabberd  # noqa: E402
from lab.gateway import Gateway, Host  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.proc import LabError, run  # noqa: E402
from world import add_old, add_peer, deliver, dns_of_old, dns_of_peer  # noqa: E402

TTY = sys.stdout.isatty()
HELP = """\
  a TEXT   alice@old.lab says it to bob@strict.lab        b TEXT   bob says it to alice
  ping     both ways                                      off, on  take the redirect away, put it back
  Ctrl-C   take everything down"""


def paint(code, text):
	return f"\033[{code}m{text}\033[0m" if TTY else text


def version(package):
	return run(["dpkg-query", "-W", "-f", "${Version}", package]).rpartition("-")[0]


def good(text):
	return paint("32", text)


def bad(text):
	return paint("31", text)


class Demo:
	STEPS = 6

	def __init__(self, lab):
		self.lab = lab
		self.step = 0
		self.columns = []

	def say(self, text):
		self.step += 1
		print(f"\n{paint('1', f'[{self.step}/{self.STEPS}]')} {text}", flush=True)

	def note(self, text):
		print("      " + text.replace("\n", "\n      "), flush=True)

	def quote(self, whose, log, words, start):
		for line in log.lines(words, start)[:1]:
			self.note(f"{whose}: …{line[line.index(words):]}")

	# The four things that are tried, each (name, function → what is shown when it works).
	def attempts(self):
		alice, bob = self.alice, self.bob

		def message(sender, receiver):
			start = time.monotonic()
			deliver(sender, receiver, f"hello {start}", 10)
			return start

		def ping(client, to):
			start = time.monotonic()
			client.ping(to, 5)
			return start
		return [
			("message  alice@old.lab  → bob@strict.lab", lambda: message(alice, bob)),
			("ping     alice@old.lab  → strict.lab and back", lambda: ping(alice, "strict.lab")),
			("message  bob@strict.lab → alice@old.lab", lambda: message(bob, alice)),
			("ping     bob@strict.lab → old.lab and back", lambda: ping(bob, "old.lab")),
		]

	def try_all(self, title):
		"""One column of the table; True if all four worked."""
		column = []
		for name, function in self.attempts():
			try:
				start = function()
			except LabError as error:
				column.append(None)
				words = str(error)
				words = words.split("bounced: ")[-1] if "bounced: " in words else words.split(": ", 2)[-1]
				self.note(f"{name:<46} {bad('fails')}  {words}")
			else:
				took = (time.monotonic() - start) * 1000
				column.append(took)
				self.note(f"{name:<46} {good('works')}  {took:.0f} ms")
		self.columns.append((title, column))
		return None not in column

	def start_network(self):
		self.say("A small internet: network namespaces, DNS for .lab, and a throw-away public certificate authority")
		lab = self.lab
		self.note(f"namespaces {lab.network.tag}-…; everything lies in {lab.dir}")
		self.note("its certificates are for servers only (extended key usage serverAuth), as Let's Encrypt's since February 2026")
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()

	def start_peer(self):
		self.say(f"strict.lab: Prosody {version('prosody')} that keeps the manifesto (no dialback, s2s_secure_auth = true)")
		self.peer = add_peer(self.lab, ["strict.lab"])
		self.bob = self.lab.client("bob@strict.lab", self.peer)
		self.note("bob is online")

	def start_old(self):
		self.say(f"old.lab: ejabberd {version('ejabberd')} with the configuration that Debian installs; all that is changed:")
		self.old = add_old(self.lab, "ejabberd", "required", ["old.lab"])
		self.alice = self.lab.client("alice@old.lab", self.old)
		with open(ejabberd.DEBIAN) as f, open(f"{self.old.dir}/etc/ejabberd.yml") as mine:
			changes = difflib.unified_diff(f.readlines(), mine.readlines(), n=0)
			self.note("".join(c for c in changes if c[0] in "+-" and c[:3] not in ("+++", "---")).rstrip())
		self.note("alice is online")

	def without(self):
		self.say("Without the gateway")
		self.note(paint("1", "ejabberd with a self-signed certificate, as Debian makes one:"))
		start = self.peer.log.size()
		self.try_all("self-signed certificate")
		self.quote("strict.lab's log", self.peer.log, "Forbidding insecure connection", start)
		self.note(paint("1", "ejabberd with a certificate of the public authority:"))
		pem = f"{self.old.dir}/etc/cert0.pem"
		self.lab.ca.leaf("old.lab").install_pem(pem, ejabberd.USER)
		self.old.call("reload_config")
		self.old.forget_failures()
		start = self.old.log.size()
		self.try_all("public certificate")
		self.quote("ejabberd's log", self.old.log, "Failed inbound s2s EXTERNAL", start)
		self.lab.ca.self_signed("old.lab").install_pem(pem, ejabberd.USER)
		self.old.call("reload_config")

	def start_gateway(self):
		self.say("The gateway, and the redirect into it; ejabberd is as it was, self-signed certificate and all")
		lab = self.lab
		host = Host("old.lab", lab.ca.leaf("old.lab", "conference.old.lab"), ["conference.old.lab"])
		self.gateway = lab.own(Gateway(lab.network, "old", lab.folder("gateway"), [host], self.old.user,
		                               [("global", "log-level", "info")]))
		self.gateway.start()
		with open(self.gateway.config) as f:
			self.note(f"sallyport -c {self.gateway.config}\n" + paint("2", f.read().rstrip()))
		self.gateway.redirect()
		self.note("nft -f conf/nftables/sallyport.nft, inside the namespace")
		self.old.forget_failures()
		self.note("ejabberdctl stop_s2s_connections: ejabberd bounces for minutes what has failed a moment ago")

	def with_gateway(self):
		self.say("With the gateway")
		peer_start, old_start = self.peer.log.size(), self.old.log.size()
		worked = self.try_all("behind sallyport")
		self.quote("strict.lab's log", self.peer.log, "Accepting SASL EXTERNAL identity", peer_start)
		self.quote("ejabberd's log", self.old.log, "Accepted inbound s2s dialback", old_start)
		return worked

	def table(self):
		def cell(took):
			return bad(f"{'fails':<24}") if took is None else good(f"{f'{took:.0f} ms':<24}")
		print("\n" + paint("1", f"{'':<48}{'ejabberd by itself,':<24}{'ejabberd by itself,':<24}{'the same ejabberd':<24}"))
		print(paint("1", f"{'':<48}" + "".join(f"{title:<24}" for title, _ in self.columns)))
		for i, (name, _) in enumerate(self.attempts()):
			print(f"{name:<48}" + "".join(cell(column[i]) for _, column in self.columns))

	def run(self):
		for part in (self.start_network, self.start_peer, self.start_old, self.without, self.start_gateway):
			part()
		worked = self.with_gateway()
		self.table()
		if not worked:
			print("\nThe end of the gateway's log:\n" + "\n".join(self.gateway.log.text().splitlines()[-15:]))
		return worked

	def play(self):
		"""Stays up; a terminal may say things."""
		node = self.lab.network.name("old")
		print(f"""
It stays up until Ctrl-C.  From another terminal:
  tail -f {self.gateway.log.path}
  ip netns exec {node} ejabberdctl --config-dir {self.old.dir}/etc outgoing_s2s_number
  ip netns exec {node} nft list ruleset""")
		if not sys.stdin.isatty():
			signal.pause()
		print(f"Here:\n{HELP}")
		for line in sys.stdin:
			try:
				self.command(*(line.strip().split(None, 1) + [""])[:2])
			except LabError as error:
				print(bad(str(error)))

	def command(self, word, text):
		alice, bob = self.alice, self.bob
		if word in ("a", "b"):
			sender, receiver = (alice, bob) if word == "a" else (bob, alice)
			deliver(sender, receiver, text or "hello", 15)
			print(good(f"{receiver.jid} reads it"))
		elif word == "ping":
			print(good(f"strict.lab: {alice.ping('strict.lab', 10) * 1000:.0f} ms, old.lab: {bob.ping('old.lab', 10) * 1000:.0f} ms"))
		elif word in ("off", "on"):
			(self.gateway.redirect_off if word == "off" else self.gateway.redirect)()
			self.old.forget_failures()
			print("the redirect is", word)
		else:
			print(HELP)


def stop_on_signal(number, frame):
	raise KeyboardInterrupt


def main():
	for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
		signal.signal(number, stop_on_signal)
	start = time.monotonic()
	with Lab() as lab:
		demo = Demo(lab)
		worked = demo.run()
		print(f"\n{time.monotonic() - start:.0f} s, from nothing.")
		if "--keep" in sys.argv[1:]:
			demo.play()
	print("Everything was taken down again.")
	return 0 if worked else 1


if __name__ == "__main__":
	try:
		sys.exit(main())
	except KeyboardInterrupt:
		print("\nEverything was taken down again.")
		sys.exit(130)
	except LabError as error:
		print(f"conf/demo: {error}", file=sys.stderr)
		sys.exit(1)
