"""sallyportctl check and ping with real servers and real DNS, as an operator would read them: golden/ holds the output, with
times and days masked; with GOLDEN_UPDATE=1 in the environment it is written anew, to be read before it is committed."""

import difflib
import json
import os
import re
import subprocess
import time

from lab.gateway import FAULT, ROOT, SANITIZERS, Host, find_binary
from lab.proc import LabError, run, wait_for
from lab.wire import EXTERNAL, NO_FEATURES, SASL, STARTTLS, TLS, RawServer, header
from suite import Group
from test_failures import CERTIFICATES, RAW_SERVERS, after_tls, start_bad_world
from world import DEBIAN_TLS, PEER, add_gateway, add_old, add_peer, deliver, dns_of_old, dns_of_peer

GOLDEN = f"{os.path.dirname(os.path.realpath(__file__))}/golden"
# What differs from run to run: times, days that are left, TLS sessions' numbers.
MASKS = ((r"\b\d+\.\d ms\b", "N ms"), (r"\b\d{4}-\d\d-\d\d\b", "DATE"), (r"\b-?\d+(\s+)days?\b", r"N\1days"))


def masked(text):
	for pattern, replacement in MASKS:
		text = re.sub(pattern, replacement, text)
	return text


# Nothing is learnt of these servers.
SILENT = ("silent.lab", "tlshang.lab", "nothing.lab", "blackhole.lab", "halfway.lab")
# What is said of these is kept.
SHOWN = ("expired.lab", "unknownca.lab", "notls.lab", "silent.lab", "noexternal.lab", "refuses.lab", "moved.lab",
         "nothing.lab", "halfway.lab")


class Tool(Group):
	"""Runs the tool in the old server's node, with the gateway's configuration."""

	def ctl(self, *arguments, node="old", stdin=None):
		"""(exit status, standard output, standard error)"""
		binary = f"{os.path.dirname(os.path.realpath(find_binary()))}/sallyportctl"
		done = subprocess.run(self.lab.network.command(node, binary, *arguments), stdout=subprocess.PIPE,
		                      stderr=subprocess.PIPE, timeout=120, text=True, input=stdin or "",
		                      env={**os.environ, **SANITIZERS, "NO_COLOR": "1"})
		if re.search(FAULT, done.stderr):
			raise LabError(f"sallyportctl {' '.join(arguments)}: {done.stderr[-2000:]}")
		return done.returncode, done.stdout, done.stderr

	def golden(self, name, exit_status, *arguments, stdin=None, like=None):
		"""The output is that of golden/NAME.txt; like: (pattern, replacement) pairs for what else differs."""
		status, out, err = self.ctl(*arguments, stdin=stdin)
		shown = " ".join("old.ini" if a == self.config else a for a in arguments)
		seen = masked(f"$ sallyportctl {shown}\n{out}{err}exit {status}\n")
		for pattern, replacement in like or ():
			seen = re.sub(pattern, replacement, seen)
		wide = [line for line in out.splitlines() if len(line) > 100]
		path = f"{GOLDEN}/{name}.txt"
		if os.environ.get("GOLDEN_UPDATE"):
			with open(path, "w") as f:
				f.write(seen)
		with open(path) as f:
			wanted = f.read()
		if status != exit_status:
			raise LabError(f"exit {status} where {exit_status} is due:\n{out}{err}")
		if seen != wanted:
			raise LabError("\n".join(difflib.unified_diff(wanted.splitlines(), seen.splitlines(), path, "seen", lineterm="")))
		if wide:
			raise LabError(f"wider than a terminal: {wide}")

	def json(self, command, domain, *more):
		status, out, err = self.ctl(command, "-c", self.config, "--from", "old.lab", "--json", *more, domain)
		said = json.loads(out)
		if said["exit"] != status:
			raise LabError(f"exit {status} where the object says {said['exit']}: {err}")
		return said

	@property
	def config(self):
		return self.gateway.config


class Peers(Tool):
	"""Good servers of three kinds, and the gateway itself."""

	name = "check/peers"

	def __init__(self):
		super().__init__()
		for domain in ("strict.lab", "direct.lab", "six.lab"):
			self.cell(f"check/{domain}", self.check, domain, quick=domain == "strict.lab")
			self.cell(f"ping/{domain}", self.ping, domain, quick=domain == "strict.lab")

	def start(self, lab):
		dns_of_peer(lab)
		dns_of_old(lab)
		lab.dns.start()
		self.lab = lab
		self.peer = add_peer(lab)
		self.old = add_old(lab, "ejabberd", DEBIAN_TLS["ejabberd"])
		self.gateway = add_gateway(lab, self.old)

	def check(self, domain):
		self.golden(f"check-{domain}", 0, "check", "-c", self.config, "--from", "old.lab", domain)

	def ping(self, domain):
		self.golden(f"ping-{domain}", 0, "ping", "-c", self.config, "--from", "old.lab", domain)


class Failures(Tool):
	"""Every way to fail: check and ping give the reason that the live gateway gives (failures/…), and say what to do."""

	name = "check/failures"

	def __init__(self):
		super().__init__()
		for domain, (code, _, _) in CERTIFICATES.items():
			self.cell(f"same-reason/{domain[:-4]}", self.same_reason, domain, code, 2, quick=domain == "expired.lab")
		for domain, (code, script) in RAW_SERVERS.items():
			self.cell(f"same-reason/{domain[:-4]}", self.same_reason, domain, code, 2 if domain not in SILENT else 3)
		for domain in SHOWN:
			self.cell(f"shown/check/{domain[:-4]}", self.shown, "check", domain)
			self.cell(f"shown/ping/{domain[:-4]}", self.shown, "ping", domain)
		self.cell("many", self.many, quick=True)
		self.cell("without-a-certificate-of-ours", self.stranger)
		self.cell("own-domain", self.own)
		self.cell("one-dead-endpoint", self.half_dead)
		self.cell("denied", self.denied)
		self.cell("no-such-host", self.not_ours)

	def start(self, lab):
		self.lab = lab
		self.peer = start_bad_world(lab)
		lab.dns.no_service("absent.lab")
		lab.dns.host("xmpp.hidden.lab", PEER)
		lab.dns.srv("hidden.lab", "gone.hidden.lab", 5269, priority=1)
		lab.dns.srv("hidden.lab", "xmpp.hidden.lab", 5270, direct=True, priority=2)
		lab.dns.srv("hidden.lab", "xmpp.hidden.lab", 5269, priority=3)
		lab.dns.restart()
		self.old = add_old(lab, "ejabberd", DEBIAN_TLS["ejabberd"], hosts=("old.lab",))
		# the certificate names neither of the two services
		hosts = [Host("old.lab", lab.ca.leaf("old.lab"), ["conference.old.lab", "pubsub.old.lab"])]
		self.gateway = add_gateway(lab, self.old, [("peer denied.lab", "deny", "yes"),
		                                           ("peer denied.lab", "note", "spam, ticket 4711")], hosts)

	def same_reason(self, domain, code, exit_status):
		check = self.json("check", domain, "--timeout", "2")
		if (check["out"], check["exit"]) != (code, exit_status):
			raise LabError(f"check: {check['out']}, exit {check['exit']} where {code}, {exit_status} is due")
		ping = self.json("ping", domain, "--timeout", "2")
		if (ping["code"], ping["exit"]) != (code, exit_status):
			raise LabError(f"ping: {ping['code']}, exit {ping['exit']} where {code}, {exit_status} is due")
		fixes = [f for f in check["findings"] if f.get("code") == code and f.get("fix")]
		if not fixes or not fixes[0].get("who"):
			raise LabError(f"nobody is told what to do: {check['findings']}")

	def shown(self, command, domain):
		self.golden(f"{command}-{domain}", 3 if domain in SILENT else 2, command, "-c", self.config, "--from", "old.lab",
		            "--timeout", "2", domain)

	def many(self):
		domains = ["strict.lab", *SHOWN, "nowhere.lab", "absent.lab", "direct.lab"]
		self.golden("check-many", 2, "check", "-c", self.config, "--from", "old.lab", "--timeout", "2", "-",
		            stdin="# peers, one on a line\n\n" + "\n".join(f"{d}  # seen today" for d in domains))

	def stranger(self):
		"""Without --from and without our configuration's certificate."""
		self.golden("check-stranger", 0, "check", "-c", self.config, "strict.lab")

	def own(self):
		"""From the gateway's machine; then without the gateway, when the old server's own certificate is seen."""
		self.golden("check-own", 1, "check", "-c", self.config, "old.lab")
		self.gateway.stop()
		try:
			self.golden("check-own-without-gateway", 2, "check", "-c", self.config, "old.lab")
		finally:
			self.gateway.launch()

	def half_dead(self):
		self.golden("check-hidden.lab", 1, "check", "-c", self.config, "--from", "old.lab", "--timeout", "2", "hidden.lab")

	def denied(self):
		for command in ("check", "ping"):
			said = self.json(command, "denied.lab", "--timeout", "2")
			if said["code" if command == "ping" else "out"] != "SP-POLICY-DENIED" or said["exit"] != 2:
				raise LabError(f"{command}: {said}")
			if "[peer denied.lab] of our configuration denies it: spam, ticket 4711" not in str(said["findings"]):
				raise LabError(f"{command} does not name the row: {said['findings']}")

	def not_ours(self):
		for command in ("check", "ping"):
			status, _, err = self.ctl(command, "-c", self.config, "--from", "strict.lab", "direct.lab")
			if status != 3 or "no [host] of the configuration" not in err:
				raise LabError(f"{command}: exit {status}: {err}")


def endless(text):
	def script(wire):
		while True:
			wire.send(text)
	return script


def greeted(more):
	"""Says its header, and then whatever."""
	def script(wire):
		wire.expect("<stream:stream[^>]*>")
		wire.send(header("x", "old.lab", " id='a'") + more)
		wire.expect_end(30)
	return script


def old(wire):
	wire.expect("<stream:stream[^>]*>")
	wire.send(header("x", "old.lab").replace("version='1.0'", "", 2).replace("<?xml ", "<?xml version='1.0'"))
	wire.expect_end(30)


def dripping(wire):
	wire.expect("<stream:stream[^>]*>")
	for byte in header("x", "old.lab") + " " * 100:
		wire.send(byte)
		time.sleep(0.3)


def slow(wire, greeting):
	"""Each step in time, and all of them too slow together."""
	time.sleep(0.8)
	wire.send(greeting)
	time.sleep(0.8)
	wire.send(EXTERNAL)
	wire.expect("<auth.*</auth>")
	time.sleep(0.8)
	wire.send(f"<success xmlns='{SASL}'/>")
	wire.expect("<stream:stream[^>]*>")
	time.sleep(0.8)
	wire.send(greeting + NO_FEATURES)
	wire.expect_end(30)


def after_proceed(more):
	def script(wire):
		wire.expect("<stream:stream[^>]*>")
		wire.send(header("x", "old.lab", " id='a'") + STARTTLS)
		wire.expect("<starttls[^>]*>")
		wire.send(f"<proceed xmlns='{TLS}'/>".encode() + more)
		wire.expect_end(30)
	return script


def inside(more):
	"""What is said inside TLS, in place of features."""
	def answer(wire, greeting):
		wire.send(greeting)
		wire.send(more)
		wire.expect_end(30)
	return answer


def authenticated(more):
	"""What is said behind authentication."""
	def answer(wire, greeting):
		wire.send(greeting + EXTERNAL)
		wire.expect("<auth.*</auth>")
		wire.send(f"<success xmlns='{SASL}'/>")
		wire.expect("<stream:stream[^>]*>")
		wire.send(greeting + more)
		wire.expect_end(30)
	return answer


ACKS = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>"
ESCAPES = "\u009b31m\u202e evil \u2066 &#x9b;2J"
STREAM_ERROR = ("<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{ESCAPES}</text></stream:error>")
# name: (script, certificate?, what check says, what ping says)
HOSTILE = {
	"ssh": (lambda wire: wire.send("SSH-2.0-OpenSSH_9.2\r\n") or wire.expect_end(30), "SP-XML-SYNTAX", "SP-XML-SYNTAX"),
	"zeros": (endless(b"\0" * 65536), "SP-XML-ENCODING", "SP-XML-ENCODING"),
	"flood": (greeted("<x/>" * 5000), "SP-UNEXPECTED", "SP-UNEXPECTED"),
	"huge": (greeted(f"<stream:features>{'x' * 1000000}"), "SP-XML-LIMIT", "SP-XML-LIMIT"),
	"deep": (greeted("<stream:features>" + "<x>" * 3000), "SP-XML-LIMIT", "SP-XML-LIMIT"),
	"entities": (greeted("<!DOCTYPE a [<!ENTITY b 'c'>]>"), "SP-XML-RESTRICTED", "SP-XML-RESTRICTED"),
	"drip": (dripping, "SP-TIMEOUT", "SP-TIMEOUT"),
	"ends": (greeted("</stream:stream>"), "SP-PEER-LOST", "SP-PEER-LOST"),
	"injects": (after_proceed(b"<stream:features/>"), "SP-EARLY-BYTES", "SP-EARLY-BYTES"),
	"no-tls-at-all": (after_proceed(b""), "SP-TLS-TIMEOUT", "SP-TLS-TIMEOUT"),
	"escapes": (greeted(STREAM_ERROR), "SP-PEER-ERROR", "SP-PEER-ERROR"),
	"escapes-inside": (inside(STREAM_ERROR), "SP-PEER-ERROR", "SP-PEER-ERROR"),
	"thousand": (inside(f"<stream:features><mechanisms xmlns='{SASL}'>{'<mechanism>X</mechanism>' * 500}</mechanisms>"
	                    "</stream:features>"), "SP-UNEXPECTED", "SP-UNEXPECTED"),
	"before-1.0": (old, "SP-PEER-VERSION", "SP-PEER-VERSION"),
	"floods-late": (authenticated("<stream:features/>" + "<message from='x' to='old.lab'/>" * 5000), "SP-OK", "SP-UNEXPECTED"),
	"slow": (slow, "SP-TIMEOUT", "SP-TIMEOUT"),
	"asks-for-acks": (authenticated(f"{ACKS}<enabled xmlns='urn:xmpp:sm:3'/>" + "<r xmlns='urn:xmpp:sm:3'/>" * 100), "SP-OK",
	                  "SP-LIMIT-NEGOTIATION"),
	"never-acks": (authenticated(ACKS), "SP-OK", "SP-TIMEOUT"),
	"acks-nothing": (authenticated(f"{ACKS}<enabled xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='0'/>"), "SP-OK", "SP-TIMEOUT"),
	"answers": (authenticated(f"{ACKS}<enabled xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>"), "SP-OK", "SP-OK"),
	"hangs-up": (authenticated("<stream:features/></stream:stream>"), "SP-OK", "SP-OK"),
}
INSIDE = ("slow", "asks-for-acks", "escapes-inside", "thousand", "floods-late", "never-acks", "acks-nothing", "answers", "hangs-up")


class Hostile(Tool):
	"""Servers that answer whatever they like: the tool comes to an end, soon, and nothing of theirs reaches the terminal."""

	name = "check/hostile"

	def __init__(self):
		super().__init__()
		for name in HOSTILE:
			self.cell(name, self.meet, name)

	def start(self, lab):
		self.lab = lab
		dns_of_peer(lab)
		dns_of_old(lab)
		for i, (name, (script, _, _)) in enumerate(HOSTILE.items()):
			domain, address = f"{name}.lab", 40 + i
			lab.dns.host(domain, address, v6=False)
			lab.dns.srv(domain, domain, 5269)
			lab.network.add_address("hub", address)
			if name in INSIDE:
				script = after_tls(domain, lab.ca.leaf(domain), script)
			lab.own(RawServer(lab.network.v4(address), 5269, script))
		lab.dns.start()
		self.old = add_old(lab, "ejabberd", DEBIAN_TLS["ejabberd"], hosts=("old.lab",))
		self.gateway = add_gateway(lab, self.old)

	def meet(self, name):
		_, *codes = HOSTILE[name]
		for command, code in zip(("check", "ping"), codes):
			start = time.monotonic()
			said = self.json(command, f"{name}.lab", "--timeout", "1")
			took = time.monotonic() - start
			got = said["out" if command == "check" else "code"]
			if got != code:
				raise LabError(f"{command}: {got} where {code} is due: {said['findings']}")
			if took > 6:
				raise LabError(f"{command} took {took:.1f} s")
			_, out, _ = self.ctl(command, "-c", self.config, "--from", "old.lab", "--timeout", "1", f"{name}.lab")
			bad = re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", out)
			if bad:
				raise LabError(f"{command} lets {bad[0]!r} through: {out!r}")


class OldServers(Tool):
	"""What the manifesto calls old servers, without a gateway: with certificates of a public authority, and not; and the
	README's way to find out whom they speak with."""

	CLASSES = {"ejabberd": "compliant", "Prosody": "compliant", "jabberd2": "dialback only"}
	LOGS = {"ejabberd": "logs/ejabberd.log", "Prosody": "debug.log", "jabberd2": "s2s.log"}

	def __init__(self, kind):
		super().__init__()
		self.kind = kind
		self.name = f"check/{kind}"
		self.cell("public-certificate", self.public)
		self.cell("self-signed", self.self_signed)
		self.cell("peers-from-the-log", self.peers)

	def start(self, lab):
		self.lab = lab
		dns_of_peer(lab)
		dns_of_old(lab)
		dns_of_old(lab, 12, "good")
		lab.dns.start()
		self.old = add_old(lab, self.kind, "required", hosts=("old.lab",))
		self.good = add_old(lab, self.kind, "required", hosts=("good.lab",), node="good", n=12,
		                    certificate=lab.ca.leaf("good.lab", "conference.good.lab"))

	def public(self):
		status, out, _ = self.ctl("check", "--json", "good.lab", node="good")
		said = json.loads(out)
		if said["class"] != self.CLASSES[self.kind]:
			raise LabError(f"{said['class']} where {self.CLASSES[self.kind]} is due: {out}")

	def self_signed(self):
		status, out, _ = self.ctl("check", "--json", "old.lab", node="good")
		said = json.loads(out)
		if (status, said["class"], said["in"]) != (2, "untrusted certificate", "SP-CERT-SELF-SIGNED"):
			raise LabError(f"exit {status}: {out}")

	def readme(self):
		"""The README's command for this server, up to the pipe, without its path."""
		with open(f"{ROOT}/README.md") as f:
			command = re.search(rf"^(zgrep -hoP .*?) \\\n *\S+ \| sort -u > peers +# {self.kind}$", f.read(), re.MULTILINE)
		if not command:
			raise LabError(f"the README has no command for {self.kind}")
		return command[1]

	def peers(self):
		alice, bob = (self.lab.client(f"alice@{s.hosts[0]}", s, s.clients_use_tls) for s in (self.old, self.good))
		deliver(alice, bob, "from one old server to another")
		deliver(bob, alice, "and back")
		for server, peer in ((self.old, "good.lab"), (self.good, "old.lab")):
			log = f"{server.dir}/{self.LOGS[self.kind]}"
			wait_for(f"{peer} alone by the README's command in {log}", lambda: run(
				["sh", "-c", f"{self.readme()} {log} | sort -u"]).split() == [peer], 5)


def groups():
	return [Peers(), Failures(), Hostile(), *(OldServers(kind) for kind in ("ejabberd", "Prosody", "jabberd2"))]
