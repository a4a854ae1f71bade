#!/usr/bin/env python3
"""Runs `sallyportctl verify` and `explain` as an operator would.

usage: verify.py SALLYPORTCTL"""

import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

import cases

sys.path.append(str(cases.ROOT / "tests/e2e"))
from lab.ca import CA  # noqa: E402
from lab.proc import run as run_tool  # noqa: E402

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

    def test_labels(self):
        """As `openssl` says them: what a pin is, and what block-serial takes."""
        _, out, _ = self.verify("--at", "2026-01-01")
        rows = re.findall(r"(?m)^  chain   (\d) key (\S+) serial (\S+)$", out)
        self.assertEqual([row[0] for row in rows], ["0", "1", "2"])
        for (_, key, serial), name in zip(rows, ("leaf", "inter", "root")):
            script = (f"openssl x509 -in {self.file[name]} -noout -pubkey | openssl pkey -pubin -outform der | "
                      "openssl dgst -sha256 -binary | base64 -w0")
            self.assertEqual(key, run_tool(["sh", "-c", script]))
            said = run_tool(["openssl", "x509", "-in", self.file[name], "-noout", "-serial"])
            self.assertEqual(serial.upper(), said.strip().split("=")[1])
        self.assertEqual(len(re.findall(r"(?m)^  chain ", self.verify(leaf="leaf")[1])), 1)
        chain = json.loads(self.verify("--json", "--at", "2026-01-01")[1])["chain"]
        self.assertEqual([(c["key"], c["serial"]) for c in chain], [row[1:] for row in rows])

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
        for early in ("2366841598", "2044-12-31t23:59:58z", "2045-01-01T00:59:58+01:00", "2044-12-31"):
            self.assertEqual((early, self.verify("--at", early)[0]), (early, 0))
        for wrong in ("", "soon", "2045-13-01", "2045-01-01T00:00:00", "2045-01-01T00:00:00+1", "12x",
                      "2045-02-31", "2045-02-31T00:00:00Z", "99999999999999999999"):
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


class Revocation(unittest.TestCase):
    """With an authority and lists of `openssl ca`."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ca = CA(f"{self.folder.name}/ca")
        self.bad, self.good = self.ca.leaf("bad.example"), self.ca.leaf("good.example")
        self.lists = pathlib.Path(self.folder.name, "lists")
        self.lists.mkdir()
        self.openssl("intermediate", "-revoke", self.bad.chain)

    def tearDown(self):
        self.folder.cleanup()

    def openssl(self, issuer, *arguments):
        run_tool(["openssl", "ca", "-config", f"{self.ca.dir}/root.cnf", "-cert", f"{self.ca.dir}/{issuer}.crt", "-keyfile",
                  f"{self.ca.dir}/{issuer}.key", *map(str, arguments)])

    def list(self, issuer):
        self.openssl(issuer, "-gencrl", "-crldays", "1", "-out", self.lists / issuer)
        return self.lists / issuer

    def verify(self, certificate, *arguments):
        code, out, _ = run("verify", "--trust", f"{self.ca.dir}/root.crt", *arguments, certificate.chain)
        return code, out.split(":")[0].split()[0] if out else ""

    def test_revoked(self):
        crl = self.list("intermediate")
        self.assertEqual(self.verify(self.bad), (0, "trusted"))
        self.assertEqual(self.verify(self.bad, "--crl", crl), (1, "SP-CERT-REVOKED"))
        self.assertEqual(self.verify(self.good, "--crl", crl), (0, "trusted"))
        self.assertEqual(self.verify(self.bad, "--crl", self.lists), (1, "SP-CERT-REVOKED"))
        run_tool(["openssl", "crl", "-in", crl, "-outform", "der", "-out", f"{self.folder.name}/der"])
        self.assertEqual(self.verify(self.bad, "--crl", f"{self.folder.name}/der"), (1, "SP-CERT-REVOKED"))

    def test_hard(self):
        crl = self.list("intermediate")
        self.assertEqual(self.verify(self.good, "--revocation", "soft", "--crl", crl), (0, "trusted"))
        self.assertEqual(self.verify(self.good, "--revocation", "hard", "--crl", crl), (1, "SP-REVOCATION-UNKNOWN"))
        both = ("--crl", crl, "--crl", self.list("root"), "--revocation", "hard")
        self.assertEqual(self.verify(self.good, *both), (0, "trusted"))
        later = time.time() + 2 * 86400
        self.assertEqual(self.verify(self.good, *both, "--at", int(later)), (1, "SP-REVOCATION-UNKNOWN"))
        self.assertEqual(self.verify(self.bad, *both, "--at", int(later)), (1, "SP-CERT-REVOKED"))

    def test_unusable(self):
        self.assertEqual(self.verify(self.good, "--crl", "/nonexistent"), (2, ""))
        self.assertEqual(self.verify(self.good, "--crl", self.good.chain), (2, ""))
        self.assertEqual(self.verify(self.good, "--revocation", "none"), (2, ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
