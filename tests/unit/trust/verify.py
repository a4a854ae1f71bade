#!/usr/bin/env python3
"""Runs `sallyportctl verify` and `explain` as an operator would.

usage: verify.py SALLYPORTCTL"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import cases

TOOL = sys.argv[1]


def run(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


class Verify(unittest.TestCase):
    """On one chain for example.com, valid from 2025 to 2045."""

    @classmethod
    def setUpClass(cls):
        document = json.loads(gzip.decompress((cases.HERE / "identity_cases.json.gz").read_bytes()))
        case = next(c for c in document["cases"] if c["id"] == "chain::plain::server")
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = {}
        for name, which in (("root", case["roots"]), ("inter", case["inters"]), ("leaf", [case["leaf"]]),
                            ("full", [case["leaf"], *case["inters"]])):
            cls.file[name] = pathlib.Path(cls.folder.name, name)
            cls.file[name].write_text("".join(cases.pem(document["certs"][c]) for c in which))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def verify(self, *arguments, leaf="full"):
        return run("verify", "--trust", self.file["root"], *arguments, self.file[leaf])

    def test_trusted(self):
        code, out, _ = self.verify("--domain", "example.com", "--at", "2026-01-01")
        self.assertEqual((code, out.splitlines()[0]), (0, "trusted"))

    def test_chain_from_two_files(self):
        self.assertEqual(self.verify("--at", "2026-01-01", "--untrusted", self.file["inter"], leaf="leaf")[0], 0)
        code, out, _ = self.verify("--at", "2026-01-01", leaf="leaf")
        self.assertEqual((code, out.split(":")[0]), (1, "SP-CERT-CHAIN"))

    def test_refused(self):
        code, out, _ = self.verify("--domain", "other.example", "--at", "2026-01-01")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"^SP-CERT-NAME: ")
        for label in ("who", "told", "detail", "fix"):
            self.assertRegex(out, rf"(?m)^  {label} +\S")
        self.assertIn("is for example.com, not for other.example.", out)

    def test_json(self):
        code, out, _ = self.verify("--json", "--domain", "other.example", "--at", "2026-01-01")
        verdict = json.loads(out)
        self.assertEqual((code, verdict["trusted"], verdict["code"], verdict["depth"]), (1, False, "SP-CERT-NAME", 0))
        verdict = json.loads(self.verify("--json", "--at", "2026-01-01")[1])
        self.assertEqual((verdict["trusted"], verdict["code"], verdict["depth"]), (True, "SP-OK", -1))
        self.assertEqual(verdict["expires"], 2366841600)  # 2045-01-01

    def test_times(self):
        for late in ("2366841601", "2045-01-01T00:00:01Z", "2045-01-01T01:00:01+01:00", "2044-12-31T23:00:01.5-01:00",
                     "2045-01-02"):
            code, out, _ = self.verify("--at", late)
            self.assertEqual((late, code, out.split(":")[0]), (late, 1, "SP-CERT-EXPIRED"))
        for early in ("2366841598", "2044-12-31T23:59:58Z", "2045-01-01T00:59:58+01:00", "2044-12-31"):
            self.assertEqual((early, self.verify("--at", early)[0]), (early, 0))
        for wrong in ("", "soon", "2045-13-01", "2045-01-01T00:00:00", "2045-01-01T00:00:00+1", "12x"):
            self.assertEqual((wrong, self.verify("--at", wrong)[0]), (wrong, 2))

    def test_unusable(self):
        self.assertEqual(run("verify")[0], 2)
        self.assertEqual(run("verify", "--trust", "/nonexistent", self.file["full"])[0], 2)
        self.assertEqual(run("verify", "--trust", self.file["root"], "/nonexistent")[0], 2)
        self.assertEqual(run("verify", "--trust", "/dev/null", self.file["full"])[0], 2)
        self.assertEqual(run("verify", "--trust", self.file["root"], __file__)[0], 2)
        self.assertEqual(self.verify("--domain", "no domain")[0], 2)
        self.assertEqual(self.verify("--bogus")[0], 2)
        self.assertEqual(self.verify("--at")[0], 2)

    def test_several_anchor_files(self):
        self.assertEqual(run("verify", "--trust", self.file["inter"], "--trust", self.file["root"], "--at", "2026-01-01",
                             self.file["leaf"])[0], 0)

    def test_explain(self):
        code, out, _ = run("explain", "sp-cert-expired")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^SP-CERT-EXPIRED: ")
        self.assertRegex(out, r"(?m)^  fix +they: ")
        self.assertEqual(run("explain", "SP-NO-SUCH")[0], 2)
        self.assertEqual(run("explain")[0], 2)
        codes = [line.split()[0] for line in run("explain", "--list")[1].splitlines()]
        self.assertIn("SP-CERT-NAME", codes)
        self.assertEqual(len(codes), len(set(codes)))
        self.assertTrue(all(run("explain", code)[0] == 0 for code in codes))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
