#!/usr/bin/env python3
"""A short run of every scenario around a gateway, judged by its verification alone: times never decide.

usage: smoke.py SALLYPORT_BENCH SALLYPORT    exit 0: all as it should be, 1: not, each failure on a line

Then runs through gateways that lose, double, swap, alter or cut stanzas: a load tool that does not notice is worthless."""

import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

LIMIT_S = 60  # of one run: only what hangs meets it


def free_ports(n):
	"""Ports that nobody listens on, of TCP and UDP."""
	held = []
	while len(held) < n:
		tcp = socket.socket()
		tcp.bind(("127.0.0.1", 0))
		udp = socket.socket(type=socket.SOCK_DGRAM)
		try:
			udp.bind(tcp.getsockname())
		except OSError:
			tcp.close()
			continue
		held.append((tcp, udp))
	ports = [tcp.getsockname()[1] for tcp, _ in held]
	for pair in held:
		for s in pair:
			s.close()
	return ports


class Failed(Exception):
	pass


def expect(true, what):
	if not true:
		raise Failed(what)


class Bench:
	"""The tool with its addresses."""

	NAMES = ("gateway", "gateway-inner", "backend", "remote", "dns")

	def __init__(self, tool, folder):
		self.tool, self.pki = tool, f"{folder}/pki"
		self.port = dict(zip(self.NAMES, free_ports(len(self.NAMES))))
		self.report = f"{folder}/report.json"
		self.page = f"{folder}/report.html"

	def call(self, *args):
		return subprocess.run([self.tool, *args], capture_output=True, text=True, timeout=LIMIT_S)

	def run(self, *args, **ports):
		"""Exit status and report."""
		if os.path.exists(self.report):
			os.unlink(self.report)
		where = [f"--{name}=127.0.0.1:{port}" for name, port in {**self.port, **ports}.items()]
		done = self.call(*args, *where, f"--pki={self.pki}", "--quiet", f"--json={self.report}")
		if not os.path.exists(self.report):
			raise Failed(f"no report: {done.stderr.strip()}")
		with open(self.report) as f:
			return done.returncode, json.load(f), done.stdout

	def good(self, *args, **ports):
		status, report, _ = self.run(*args, **ports)
		expect(report["verified"] and status == 0, f"{' '.join(args)}: {report['problems']}")
		return report


class Gateway:
	def __init__(self, binary, bench):
		ini = pathlib.Path(bench.pki, "sallyport.ini")
		defaults = {"gateway": 25269, "gateway-inner": 15269, "backend": 15270, "dns": 25353}
		text = ini.read_text()
		for name, port in defaults.items():
			expect(f":{port}\n" in text, f"sallyport.ini does not name port {port}")
			text = text.replace(f":{port}\n", f":{bench.port[name]}\n")
		ini.write_text(text)
		self.process = subprocess.Popen([binary, "-c", ini], stderr=subprocess.PIPE, text=True)
		self.wait(bench.port["gateway-inner"])

	def wait(self, port):
		for _ in range(3000):
			if self.process.poll() is not None:
				raise Failed(f"the gateway ended: {self.process.stderr.read()}")
			with socket.socket() as s:
				if s.connect_ex(("127.0.0.1", port)) == 0:
					return
			time.sleep(0.01)
		raise Failed("the gateway does not listen")

	def stop(self):
		self.process.terminate()
		said = self.process.communicate(timeout=LIMIT_S)[1]
		expect(self.process.returncode == 0, f"the gateway ended with {self.process.returncode}: {said}")


# --- a run of each ---

def keeps_rate(bench):
	r = bench.good("steady", "--routes=4", "--rate=500", "--duration=1s", "--warmup=100ms", f"--html={bench.page}",
	               "--label=<b>&</script>")
	expect(abs(r["totals"]["sent"] - 550) <= 2, "the schedule asks for 500 a second")
	expect(r["window"]["stanzas"] > 0 and r["latency"]["count"] > 0, "nothing was measured")
	expect(r["latency"]["p50_us"] <= r["latency"]["p99_us"] <= r["latency"]["max_us"], "percentiles out of order")
	page = pathlib.Path(bench.page).read_text()
	expect(page.count("<svg") >= 2 and "</html" not in page[:50], "the page has no plots")
	expect(not re.search(r"(src|href)=", page), "the page needs other files")
	embedded = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S)
	expect("<b>" not in page.replace(embedded[1], "") and page.count("</script>") == 1, "the label gets out")
	expect(json.loads(embedded[1])["window"] == r["window"], "the page holds another report")


def saturates(bench):
	r = bench.good("steady", "--routes=3", "--count=2000")
	expect(r["totals"] == {"sent": 6000, "received": 6000, "undelivered": 0, "opened": 3, "failed": 0}, r["totals"])
	expect(r["tls"]["version"] == "TLSv1.3", r["tls"])


def sends_to_peers(bench):
	r = bench.good("steady", "--direction=out", "--routes=3", "--count=300")
	expect(r["totals"]["received"] == 900, r["totals"])


def speaks_tls_everywhere(bench):
	for direction in "in", "out":
		bench.good("steady", f"--direction={direction}", "--routes=2", "--count=100", "--direct-tls", "--backend-tls")


def takes_tls_1_2_and_rsa(bench):
	r = bench.good("steady", "--routes=1", "--count=50", "--tls=1.2", "--key-type=rsa")
	expect(r["tls"]["version"] == "TLSv1.2", r["tls"])


def sends_big(bench):
	r = bench.good("big", "--routes=2", "--count=10")
	expect(r["window"]["bytes"] == 20 * r["payload"]["mean_bytes"], r["window"])


def sends_mix(bench):
	bench.good("mix", "--routes=2", "--count=1200", "--records=bunch")
	# ends amid a record
	bench.good("mix", "--routes=2", "--duration=200ms", "--warmup=0s", "--records=full")
	r = bench.good("mix", "--routes=2", "--count=1200", "--records=full")
	expect(r["payload"]["shapes"] > 4 and r["totals"]["received"] == 2400, r["totals"])


def sends_each_payload(bench):
	listed = bench.call("payloads").stdout
	names = re.findall(r"^([a-z]+)(?::N)?: ", listed, re.M)
	expect(len(names) >= 6, listed)
	for name in names:
		bench.good("steady", "--routes=1", "--count=40", f"--payload={name}")


def holds_idle(bench, pid):
	r = bench.good("idle", "--routes=40", "--hold=200ms", f"--pid={pid}")
	expect(r["totals"]["received"] == 40, r["totals"])
	expect(r["gateway"]["processes"] == 3 and r["gateway"]["memory_bytes"] > 0, r["gateway"])
	expect(r["gateway"]["idle_cpu_share"] is not None, r["gateway"])


def storms(bench, pid):
	r = bench.good("storm", "--count=40", "--routes=8", f"--pid={pid}")
	expect(r["connections"]["finished"] == 40 and r["first_stanza"]["count"] == 40, r["connections"])
	expect(r["gateway"]["cpu_us_per_connection"] > 0, r["gateway"])


def churns(bench):
	for extra in [], ["--anonymous-verify"], ["--direction=out"], ["--threads=2"], ["--rate=200"]:
		r = bench.good("churn", "--count=20", "--routes=4", "--stanzas=5", *extra)
		expect(r["totals"]["received"] == 100, r["totals"])


def uses_threads(bench):
	r = bench.good("steady", "--routes=5", "--threads=2", "--count=200")
	expect(r["totals"]["received"] == 1000, r["totals"])


def talks_to_itself(bench):
	itself = {"gateway": bench.port["backend"]}
	bench.good("steady", "--raw", "--backend-tls", "--routes=2", "--count=500", **itself)
	r = bench.good("storm", "--raw", "--backend-tls", "--count=40", "--routes=4", "--resume",
	               # where the ticket is part of the handshake; in 1.3 BoringSSL sends it with the first bytes back
	               "--tls=1.2", **itself)
	expect(0 < r["tls"]["resumed"] < r["tls"]["handshakes"] == 40, r["tls"])


def shakes_hands_bare(bench):
	for key_type in "ecdsa", "rsa":
		status, r, _ = bench.run("bare", "--count=5", f"--key-type={key_type}")
		expect(status == 0 and r["bare"]["server_us"] > 0, r.get("bare"))


def refuses_nonsense(bench):
	for args in (["steady"], ["steady", "--pki=/nowhere"], ["dance"], ["steady", "--rate=fast"], ["steady", "x"],
	             ["steady", "--pki", bench.pki, "--payload=stew"], ["steady", "--pki", bench.pki, "--pid=1,x"],
	             ["compare", "/nowhere", "/nowhere"], ["plot", "latency", "/nowhere"], []):
		done = bench.call(*args)
		expect(done.returncode == 2 and done.stderr, f"{args}: {done.returncode} {done.stdout}{done.stderr}")


def compares(bench, folder):
	report = bench.good("steady", "--routes=1", "--rate=200", "--duration=500ms", "--warmup=0s")

	def compare(before, after, *options):
		paths = []
		for name, change in ("before", before), ("after", after):
			changed = json.loads(json.dumps(report))
			change(changed)
			paths.append(f"{folder}/{name}.json")
			pathlib.Path(paths[-1]).write_text(json.dumps(changed))
		done = bench.call("compare", *options, *paths)
		return done.returncode

	def slower(by):
		def change(r):
			r["latency"]["p99_us"] *= by
		return change

	def same(r):
		pass

	expect(compare(same, same) == 0, "a report is worse than itself")
	expect(compare(same, slower(1.05)) == 0, "5 % slower, with a margin of 10 %")
	expect(compare(same, slower(1.5)) == 1, "50 % slower")
	expect(compare(slower(1.5), same) == 0, "faster")
	expect(compare(same, slower(1.5), "--margin=60") == 0, "50 % slower, with a margin of 60 %")
	expect(compare(same, slower(1.5), "--margin=90", "--margin=latency.p99_us=40") == 1, "a margin of its own")
	expect(compare(same, lambda r: r.update(verified=False)) == 1, "a wrong answer passes")
	expect(compare(same, lambda r: r["window"].update(stanzas_per_second=1.0)) == 1, "less throughput")
	expect(compare(same, lambda r: r["plan"].update(routes="2")) == 2, "other work")
	expect(compare(same, lambda r: r.update(schema="x/1")) == 2, "another schema")


def documents_options(bench):
	"""Each option of --help stands in the manual."""
	manual = pathlib.Path(__file__).resolve().parent.parent / "docs/sallyport-bench.1"
	text = manual.read_text().replace("\\-", "-")
	options = re.findall(r"^  --([a-z0-9-]+)", bench.call("--help").stdout, re.M)
	missing = [o for o in options if f"--{o}" not in text]
	expect(len(options) > 20 and not missing, f"not in the manual: {missing}")


# --- gateways that are wrong ---

class BadGateway:
	"""Ends TLS and hands on what mangle() makes of each read."""

	def __init__(self, bench, mangle, closes):
		self.bench, self.mangle, self.closes = bench, mangle, closes
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(f"{bench.pki}/local-ecdsa.pem", f"{bench.pki}/local-ecdsa.key")
		self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
		self.port = self.listener.getsockname()[1]
		self.thread = threading.Thread(target=self.serve, daemon=True)
		self.thread.start()

	def serve(self):
		near, _ = self.listener.accept()
		near.suppress_ragged_eofs = True
		with near, socket.create_connection(("127.0.0.1", self.bench.port["backend"])) as far:
			whole = b""
			# the whole work first, so that it can be mangled at leisure
			while whole.count(b"</message>") < 20:
				whole += near.recv(65536)
			far.sendall(self.mangle(whole))
			if self.closes:
				return
			# until the tool has seen enough, or closes it for what it saw
			while near.recv(65536):
				pass

	def close(self):
		self.thread.join(LIMIT_S)
		self.listener.close()


def stanzas(whole):
	start = whole.index(b"<message")
	return whole[:start], re.findall(rb"<message.*?</message>", whole[start:], re.S)


def mangled(change):
	def mangle(whole):
		header, list_ = stanzas(whole)
		return header + b"".join(change(list_))
	return mangle


WRONGS = {
	"nothing wrong": (None, lambda s: s),
	"keepalives between": (None, lambda s: [x + b" \n" for x in s]),
	"one lost": ("did not arrive as it was sent", lambda s: s[:7] + s[8:]),
	"the last lost": ("were sent", lambda s: s[:-1]),
	"one doubled": ("did not arrive as it was sent", lambda s: s[:8] + s[7:]),
	"two swapped": ("did not arrive as it was sent", lambda s: s[:5] + [s[6], s[5]] + s[7:]),
	"a byte altered": ("did not arrive as it was sent", lambda s: s[:9] + [s[9].replace(b"fox", b"box")] + s[10:]),
	"a byte more": ("did not arrive as it was sent", lambda s: s[:9] + [s[9].replace(b"fox", b"foxy")] + s[10:]),
	"another peer's": ("did not arrive as it was sent", lambda s: s[:3] + [s[3].replace(b"@r00000", b"@r00001")] + s[4:]),
	"cut": ("inside a stanza", lambda s: s[:-1] + [s[-1][:-5]]),
	"closed": ("the connection ended", lambda s: s[:-1]),
	"an error": ("stream:error", lambda s: s[:4] + [b"<stream:error><reset xmlns='x'/></stream:error>"]),
}


def notices(bench, what):
	words, change = WRONGS[what]
	gateway = BadGateway(bench, mangled(change), what in ("cut", "closed"))
	patience = "500ms" if what == "the last lost" else "30s"
	status, report, said = bench.run("steady", "--raw", "--routes=1", "--count=20", f"--timeout={patience}",
	                                 gateway=gateway.port)
	gateway.close()
	if words is None:
		expect(status == 0 and report["verified"], report["problems"])
		return
	expect(status == 1 and not report["verified"] and "NOT VERIFIED" in said, f"{what} was not noticed: {said}")
	expect(any(words in p for p in report["problems"]), f"{what}: {report['problems']}")


def main():
	tool, binary = sys.argv[1:]
	failures = 0

	def case(name, fn, *args):
		nonlocal failures
		began = time.monotonic()
		try:
			fn(*args)
			word = "ok"
		except (Failed, subprocess.TimeoutExpired, KeyError, TypeError, ValueError, OSError) as e:
			failures += 1
			word = f"FAILED: {e!r}"
		print(f"{name} ({time.monotonic() - began:.1f} s): {word}", flush=True)

	with tempfile.TemporaryDirectory() as folder:
		bench = Bench(tool, folder)
		made = bench.call("mint", bench.pki)
		if made.returncode != 0:
			print(made.stderr)
			return 1
		gateway = Gateway(binary, bench)
		pid = gateway.process.pid
		for fn in keeps_rate, saturates, sends_to_peers, speaks_tls_everywhere, takes_tls_1_2_and_rsa, sends_big, \
				sends_mix, sends_each_payload, churns, uses_threads:
			case(fn.__name__, fn, bench)
		for fn in holds_idle, storms:
			case(fn.__name__, fn, bench, pid)
		case("compares", compares, bench, folder)
		case("the gateway ends in order", gateway.stop)
		for fn in talks_to_itself, shakes_hands_bare, refuses_nonsense, documents_options:
			case(fn.__name__, fn, bench)
		for what in WRONGS:
			case(f"notices: {what}", notices, bench, what)
	return 1 if failures else 0


if __name__ == "__main__":
	sys.exit(main())
