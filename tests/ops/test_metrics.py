#!/usr/bin/env python3
"""The figures at /metrics: that they are there, true, in Prometheus's format, and enough for dashboard and alerts.

usage: test_metrics.py SALLYPORT"""

import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

from scene import METRICS_PORT, ROOT, Figures, get
from lab.gateway import NETWORK  # noqa: E402
from lab.proc import LabError, children, run, wait_for  # noqa: E402
from lab.wire import connect, header, open_external  # noqa: E402
from world import LOCAL, PUBLIC_PORT, REMOTE, World, own_address  # noqa: E402

BINARY = sys.argv[1]
MONITORING = f"{ROOT}/conf/monitoring"
PROMTOOL = shutil.which("promtool")


def configuration(folder):
	return f"[metrics]\nlisten = {own_address()}:{METRICS_PORT}\nsocket = {folder}/metrics\nmode = 0640\n"


class WithWorld(unittest.TestCase):
	def setUp(self):
		self.world = World(BINARY, configuration)

	def tearDown(self):
		try:
			self.world.end_gateway()
		finally:
			self.world.stop(keep=False)

	def figures(self):
		return Figures(self.world.address)

	def await_value(self, wanted, name, **labels):
		wait_for(f"{name} {labels} to be {wanted}", lambda: self.figures().value(name, **labels) == wanted)

	def open(self):
		wire = connect(self.world.address, PUBLIC_PORT)
		open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
		return wire

	def reload(self):
		start = self.world.gateway.log.size()
		self.world.gateway.child.send_signal(1)
		self.world.gateway.log.wait("event=reload ", start=start)

	def change(self, old, new):
		with open(self.world.config) as f:
			text = f.read()
		self.assertIn(old, text)
		with open(self.world.config, "w") as f:
			f.write(text.replace(old, new))


class Page(WithWorld):
	def test_format(self):
		figures = self.figures()
		self.assertEqual(figures.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
		self.assertTrue(figures.page.endswith("\n"))
		typed = dict(re.findall(r"(?m)^# TYPE (\S+) (\S+)$", figures.page))
		for name in figures.all:
			base = re.sub("_(bucket|sum|count)$", "", name)
			self.assertTrue(name in typed or typed.get(base) == "histogram", name)
		for name, kind in typed.items():
			self.assertEqual(kind == "counter", name.endswith("_total"), name)
			self.assertEqual(len(re.findall(f"(?m)^# HELP {name} ", figures.page)), 1, name)

	def test_promtool_finds_nothing(self):
		if not PROMTOOL:
			self.skipTest("promtool is missing")
		page = self.figures().page
		done = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
		self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

	def test_all_that_dashboard_and_alerts_name_is_there(self):
		self.open().close()  # what is absent before the first connection to the backend
		self.await_value(1, "sallyport_backend_up", backend="old")
		there = set(self.figures().all)
		names = set()
		files = glob.glob(f"{MONITORING}/*.json") + glob.glob(f"{MONITORING}/*.yml")
		self.assertEqual(len(files), 3)
		for path in files:
			with open(path) as f:
				names |= set(re.findall(r"\b(?:sallyport|process)_[a-z_]+\b", f.read()))
		self.assertGreater(len(names), 15)
		self.assertEqual(names - there, set())

	def test_unix_socket(self):
		path = f"{self.world.folder}/metrics"
		self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
		with socket.socket(socket.AF_UNIX) as s:
			s.connect(path)
			s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
			page = s.makefile("rb").read().decode()
		self.assertIn("200 OK", page)
		self.assertIn("\nsallyport_build_info{", page)
		self.change("mode = 0640", "mode = 0600")
		self.reload()
		self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
		self.world.end_gateway()
		self.assertFalse(os.path.exists(path))
		self.world.start_gateway()

	def test_other_requests(self):
		address = self.world.address
		self.assertEqual(get(address, "/")[0], 404)
		self.assertEqual(get(address, "/metrics/x")[0], 404)
		self.assertEqual(get(address, "/metrics?x=1")[0], 200)
		self.assertEqual(get(address, method="HEAD")[::2], (200, ""))
		self.assertIn(get(address, method="POST")[0], (405, 501))
		with socket.create_connection((address, METRICS_PORT), 10) as s:
			s.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100000 + b"\r\n\r\n")
			self.assertIn(b" 400 ", s.makefile("rb").readline())
		# Who says nothing is let go, and nobody waits for them meanwhile.
		with socket.create_connection((address, METRICS_PORT), 20) as silent:
			self.assertEqual(get(address)[0], 200)
			self.assertEqual(silent.recv(1), b"")


class Truth(WithWorld):
	def test_a_stream_in(self):
		wire = self.open()
		for i in range(3):
			wire.send(f"<message from='b@{REMOTE}' to='a@{LOCAL}' id='{i}'/>")
		wait_for("the stanzas", lambda: b"id='2'" in self.world.backend.forwarded)
		f = self.figures()
		self.assertEqual(f.value("sallyport_streams", role="public-in"), 1)
		self.assertEqual(f.value("sallyport_streams_opened_total", role="public-in"), 1)
		self.assertEqual(f.value("sallyport_streams_opened_total", role="backend-out"), 1)
		self.assertEqual(f.value("sallyport_stanzas_total", direction="inbound"), 3)
		self.assertEqual(f.value("sallyport_stanzas_total", direction="outbound"), 0)
		self.assertEqual(f.total("sallyport_tls_handshakes_total", role="public-in"), 1)
		self.assertEqual(f.value("sallyport_tls_handshakes_failed_total", role="public-in"), 0)
		self.assertEqual(f.value("sallyport_policy_decisions_total", direction="inbound", reason="SP-OK"), 1)
		self.assertEqual(f.total("sallyport_policy_decisions_total"), 1)
		self.assertEqual(f.value("sallyport_backend_connections_total", result="made"), 1)
		self.assertGreater(f.value("sallyport_received_bytes_total", role="public-in"), 1500)
		self.assertEqual(f.value("sallyport_stream_setup_duration_seconds_count", role="public-in"), 1)
		self.assertEqual(f.value("sallyport_stream_setup_duration_seconds_bucket", role="public-in", le="+Inf"), 1)
		wire.send("</stream:stream>")
		wire.expect_end()
		self.await_value(0, "sallyport_streams", role="public-in")
		self.assertEqual(
			self.figures().value("sallyport_streams_closed_total", role="public-in", reason="SP-CLOSED"), 1)

	def test_a_peer_that_is_refused(self):
		wire = connect(self.world.address, PUBLIC_PORT)
		with self.assertRaises(LabError):
			open_external(wire, REMOTE, LOCAL, self.world.certificates["expired"])
		f = self.figures()
		self.assertEqual(f.value("sallyport_policy_decisions_total", direction="inbound", reason="SP-CERT-EXPIRED"), 1)
		self.await_value(1, "sallyport_streams_closed_total", role="public-in", reason="SP-CERT-EXPIRED")

	def test_backend_that_is_down(self):
		self.assertNotIn("sallyport_backend_up", self.figures().all)
		self.open().close()
		self.await_value(1, "sallyport_backend_up", backend="old")
		self.world.backend.server.stop()
		wire = connect(self.world.address, PUBLIC_PORT)
		with self.assertRaises(LabError):
			open_external(wire, REMOTE, LOCAL, self.world.certificates["good"])
		self.await_value(0, "sallyport_backend_up", backend="old")
		self.assertEqual(self.figures().value("sallyport_backend_connections_total", result="failed"), 1)

	def test_stanzas_that_go_out(self):
		self.world.backend.reach_out()  # nobody listens at the peer's: refused
		self.await_value(1, "sallyport_streams_closed_total", role="public-out", reason="SP-CONNECT-REFUSED")
		f = self.figures()
		self.assertEqual(f.value("sallyport_dns_lookups_total", result="found"), 2)
		self.assertGreaterEqual(f.total("sallyport_dns_lookups_total"), 3)

	def test_certificates(self):
		end = run(["openssl", "x509", "-in", self.world.certificates["own"].chain, "-noout", "-enddate"])
		stamp = int(run(["date", "-u", "+%s", "-d", end.split("=")[1].strip()]))
		f = self.figures()
		self.assertEqual(f.value("sallyport_certificate_expiry_timestamp_seconds"), stamp)
		self.assertEqual(f.value("sallyport_certificates", expires="within-7d"), 1)
		self.assertEqual(f.value("sallyport_certificates", expires="within-30d"), 1)
		self.assertEqual(f.total("sallyport_certificates"), 2)
		self.assertEqual(f.value("sallyport_domains_without_certificate"), 0)

	def test_process(self):
		f = self.figures()
		self.assertEqual(f.total("sallyport_build_info"), 1)
		self.assertEqual(f.value("sallyport_workers"), 1)
		self.assertEqual(f.value("sallyport_hosts"), 2)
		pid = children(self.world.gateway.pid)[NETWORK]
		self.assertAlmostEqual(f.value("process_open_fds"), len(os.listdir(f"/proc/{pid}/fd")), delta=1)
		self.assertAlmostEqual(f.value("process_resident_memory_bytes") / 1024, self.world.memory_kb(),
		                       delta=self.world.memory_kb() / 5)
		self.assertGreater(f.value("process_cpu_seconds_total"), 0)
		with open("/proc/stat") as stat:
			boot = int(re.search(r"(?m)^btime (\d+)", stat.read())[1])
		self.assertGreater(f.value("process_start_time_seconds"), boot)

	def test_reload(self):
		name = "sallyport_config_last_reload_successful"
		self.assertEqual(self.figures().value(name), 1)
		self.change("negotiate = 4s", "negotiate = 4")
		self.reload()
		f = self.figures()
		self.assertEqual((f.value(name), f.value("sallyport_config_reloads_total", result="bad")), (0, 1))
		self.change("negotiate = 4\n", "negotiate = 4s\n")
		self.reload()
		f = self.figures()
		self.assertEqual((f.value(name), f.value("sallyport_config_reloads_total", result="good")), (1, 1))
		self.assertEqual(f.value("sallyport_config_last_reload_timestamp_seconds"),
		                 f.value("sallyport_config_last_reload_success_timestamp_seconds"))

	def test_other_port_by_reload(self):
		self.change(f":{METRICS_PORT}", f":{METRICS_PORT + 1}")
		self.reload()
		self.assertEqual(get(self.world.address, port=METRICS_PORT + 1)[0], 200)
		with self.assertRaises(ConnectionRefusedError):
			get(self.world.address)
		# What is taken changes nothing.
		with socket.create_server((self.world.address, METRICS_PORT)):
			self.change(f":{METRICS_PORT + 1}", f":{METRICS_PORT}")
			self.reload()
			self.assertTrue(self.world.gateway.log.find(f"nothing has changed: .*:{METRICS_PORT}"))
			self.assertEqual(get(self.world.address, port=METRICS_PORT + 1)[0], 200)


class Files(unittest.TestCase):
	def test_rules(self):
		if not PROMTOOL:
			self.skipTest("promtool is missing")
		said = run([PROMTOOL, "check", "rules", f"{MONITORING}/sallyport-rules.yml"])
		self.assertRegex(said, r"SUCCESS: \d+ rules found")

	def test_rules_are_tried(self):
		if not PROMTOOL:
			self.skipTest("promtool is missing")
		self.assertIn("SUCCESS", run([PROMTOOL, "test", "rules", f"{MONITORING}/sallyport-rules-test.yml"]))

	def test_each_alert_says_what_to_do(self):
		with open(f"{MONITORING}/sallyport-rules.yml") as f:
			alerts = f.read().split("- alert: ")[1:]
		self.assertGreater(len(alerts), 5)
		for alert in alerts:
			for part in ("expr:", "severity:", "summary:", "runbook:"):
				self.assertIn(part, alert)

	def test_dashboard(self):
		with open(f"{MONITORING}/sallyport-dashboard.json") as f:
			dashboard = json.load(f)
		panels = [p for p in dashboard["panels"] if p["type"] != "row"]
		self.assertGreater(len(panels), 8)
		self.assertEqual(len({p["id"] for p in dashboard["panels"]}), len(dashboard["panels"]))
		for panel in panels:
			self.assertTrue(all(t["expr"] for t in panel["targets"]), panel["title"])

	def test_other_addresses_only_on_purpose(self):
		world = World(BINARY, configuration)
		try:
			for listen, more, fine in (("0.0.0.0", "", False), ("[::]", "", False), ("192.0.2.1", "", False),
			                           ("[::ffff:192.0.2.1]", "", False), ("0.0.0.0", "remote = yes\n", True),
			                           ("[::1]", "", True), ("127.1.2.3", "", True)):
				with open(world.config) as f:
					text = re.sub(r"(?s)\[metrics\].*", f"[metrics]\nlisten = {listen}:{METRICS_PORT}\n{more}", f.read())
				with open(world.config, "w") as f:
					f.write(text)
				done = subprocess.run([BINARY, "-t", "-c", world.config], capture_output=True, text=True, timeout=60)
				self.assertEqual(done.returncode, 0 if fine else 1, listen)
				if not fine:
					self.assertRegex(done.stderr, r"sallyport.ini:\d+: listen: others could reach .* remote = yes")
		finally:
			world.stop(keep=False)


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1] + sys.argv[2:], warnings="ignore")
