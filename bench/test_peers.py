#!/usr/bin/env python3
"""How bench/peers judges: ratios within a round, their median, and which bars are met."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_report


def run(bar, gateway, n, **figures):
	report = {}
	for path, value in figures.items():
		part, key = path.split("__")
		report.setdefault(part, {})[key] = value
	return {"bar": bar, "gateway": gateway, "round": n, "report": report}


def cpu(bar, gateway, n, value):
	return run(bar, gateway, n, gateway__cpu_seconds_per_gb=value)


class Judge(unittest.TestCase):
	def row(self, runs, bar, i=0):
		return peer_report.judge_row(runs, bar, peer_report.BARS[bar][i])

	def test_ratio_is_to_the_best_of_the_same_round(self):
		runs = [cpu("small", "sallyport", 0, 1.0), cpu("small", "nginx", 0, 4.0), cpu("small", "haproxy", 0, 2.0),
		        cpu("small", "sallyport", 1, 9.0), cpu("small", "nginx", 1, 10.0), cpu("small", "haproxy", 1, 90.0)]
		row = self.row(runs, "small")
		self.assertEqual((row["least"], row["most"]), (0.5, 0.9))
		self.assertAlmostEqual(row["result"], 0.7)
		self.assertFalse(row["met"])

	def test_median_decides(self):
		runs = []
		for n, value in enumerate((0.1, 0.4, 0.45, 3.0, 0.2)):
			runs += [cpu("small", "sallyport", n, value), cpu("small", "hitch", n, 1.0)]
		row = self.row(runs, "small")
		self.assertEqual(row["result"], 0.4)
		self.assertTrue(row["met"])

	def test_a_round_without_others_does_not_count(self):
		runs = [cpu("body", "sallyport", 0, 0.1), cpu("body", "sallyport", 1, 2.0), cpu("body", "haproxy", 1, 1.0)]
		row = self.row(runs, "body")
		self.assertEqual(row["result"], 2.0)
		self.assertFalse(row["met"])
		self.assertIsNone(self.row(runs[:1], "body"))
		self.assertIsNone(self.row([], "body"))

	def test_body_is_measured_against_haproxy_alone(self):
		runs = [cpu("body", "sallyport", 0, 0.9), cpu("body", "haproxy", 0, 1.0), cpu("body", "nginx", 0, 0.1)]
		self.assertTrue(self.row(runs, "body")["met"])

	def test_values(self):
		runs = [run("idle", "sallyport", n, gateway__memory_bytes_per_route=kib * 1024)
		        for n, kib in enumerate((11, 12, 90))]
		self.assertTrue(self.row(runs, "idle")["met"])
		self.assertEqual(self.row(runs, "idle")["ours"], 12)
		self.assertFalse(self.row(runs[1:], "idle")["met"])

	def test_at_least(self):
		def row(two):
			return self.row([run("workers", "sallyport 1", 0, window__stanzas_per_second=100.0),
			                 run("workers", "sallyport 2", 0, window__stanzas_per_second=two)], "workers")
		self.assertTrue(row(180.0)["met"])
		self.assertFalse(row(179.0)["met"])
		self.assertEqual(peer_report.limit_text(row(1.0)), ">= 1.80 x")

	def test_bare_handshake_has_a_figure_of_its_own(self):
		runs = [run("handshake", "sallyport", 0, gateway__cpu_us_per_connection=390.0),
		        run("handshake", "bare", 0, bare__server_us=300.0)]
		row = self.row(runs, "handshake")
		self.assertAlmostEqual(row["result"], 1.3)
		self.assertTrue(row["met"])

	def test_what_is_only_told_is_not_judged(self):
		runs = [cpu("single", "sallyport", 0, 9.0), cpu("single", "nginx", 0, 1.0)]
		row = self.row(runs, "single")
		self.assertTrue(row["met"])
		self.assertNotIn("NO", peer_report.table([row]))

	def test_scanner_table(self):
		said = ("sample           variant          MB/s   ns a tag  x expat\n"
		        "dense mix        libexpat           70      650.0      1.0  (9 tags of 45 bytes)\n"
		        "                 avx2              900       50.0     12.9\n"
		        "                 portable          300      150.0      4.3\n"
		        "2 KiB bodies     libexpat         1400      650.0      1.0  (9 tags of 45 bytes)\n"
		        "                 avx2             8000       50.0      5.7\n"
		        "2 KiB Cyrillic   libexpat          900      650.0      1.0\n"
		        "                 avx2             9999       50.0     11.1\n")
		self.assertEqual(peer_report.read_scanner(said), {"dense mix": 12.9, "2 KiB bodies": 8000})

	def test_what_is_kept_is_slim_and_names_no_folder(self):
		report = {"plan": {"rate": "5", "pki": "/tmp/x/pki"}, "series": [1], "latency": {"p50_us": 3, "spectrum": [[0, 1]]},
		          "gateway": {"command": "/opt/sbin/sallyport -c /tmp/x/sallyport.ini"}, "problems": []}
		self.assertEqual(peer_report.slim(report), {"plan": {"rate": "5"}, "latency": {"p50_us": 3},
		                                            "gateway": {"command": "sallyport"}, "problems": []})

	def test_every_row_is_in_order(self):
		for bar, rows in peer_report.BARS.items():
			for row in rows:
				self.assertEqual(len(row), 7, bar)
				self.assertIn(row[5], ("ratio", "value"))


if __name__ == "__main__":
	unittest.main()
