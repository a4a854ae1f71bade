#!/usr/bin/env python3
"""Judges minted and public certificate chains with `sallyportctl verify`, the daemon's own code.

usage: cases.py SALLYPORTCTL

identity_cases.json.gz lies here; the public suites (x509-limbo, BetterTLS, Chromium, PKITS) are read from
$SALLYPORT_CASES/x509, by default ../shared/cases/x509 beside the source tree, and counted as skipped where they are absent.
Whatever differs from the suite's expectation, or is left to us by it (POLICY), must stand in known_divergences.tsv with its
reason; a row that no longer differs is an error too.
Exit 0: in order, 1: not."""

import concurrent.futures
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PUBLIC = pathlib.Path(os.environ.get("SALLYPORT_CASES", ROOT.parent / "shared/cases")) / "x509"
PUBLIC_COUNT = 731
FILES = [(HERE / "identity_cases.json.gz", "gateway"), (PUBLIC / "cases.json.gz", None),
         (PUBLIC / "pki_cases.json.gz", None)]


# A sanitizer's complaint must not look like a verdict.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="exitcode=99", UBSAN_OPTIONS="exitcode=99")


def pem(certificate):
    lines = "\n".join(certificate[i:i + 64] for i in range(0, len(certificate), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def pem_crl(text):
    return f"-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n"


def expected(case, column):
    return case.get("expect_by", {}).get(column, case["expect"])


def run(tool, document, case):
    """SUCCESS, FAILURE, or what no verdict looks like (a crash, a hang)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, which in (("roots", case["roots"]), ("inter", case["inters"]), ("leaf", [case["leaf"]])):
            pathlib.Path(folder, name).write_text("".join(pem(document["certs"][c]) for c in which))
        command = [tool, "verify", "--trust", f"{folder}/roots", "--untrusted", f"{folder}/inter",
                   "--at", str(case["time"])]
        if case.get("crls"):  # the suites take a missing list for a fault
            pathlib.Path(folder, "crls").write_text("".join(map(pem_crl, case["crls"])))
            command += ["--crl", f"{folder}/crls", "--revocation", "hard"]
        if case["name_kind"] is not None:
            command += ["--domain", case["name"] or ""]
        try:
            done = subprocess.run(command + [f"{folder}/leaf"], capture_output=True, timeout=20,
                                  env=ENVIRONMENT)
        except subprocess.TimeoutExpired:
            return "HANG"
    return {0: "SUCCESS", 1: "FAILURE", 2: "FAILURE"}.get(done.returncode, f"EXIT {done.returncode}")


def known_divergences():
    rows = (HERE / "known_divergences.tsv").read_text().splitlines()
    return {row.split("\t")[0]: row.split("\t")[1] for row in rows if row and not row.startswith("#")}


def judge(tool, path, column):
    """(id, expected, got) of every case in a file."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        got = pool.map(lambda case: run(tool, document, case), document["cases"])
        return [(case["id"], expected(case, column), verdict) for case, verdict in zip(document["cases"], got)]


def main():
    tool = sys.argv[1]
    known, wrong, agree, differ, skipped = known_divergences(), [], 0, 0, 0
    for path, column in FILES:
        if not path.exists():
            skipped = PUBLIC_COUNT
            continue
        for name, want, got in judge(tool, path, column):
            listed = known.pop(name, None)
            if got == want and listed is None:
                agree += 1
            elif got == listed and got != want:
                differ += 1
            else:
                wrong.append(f"{name}\t{got}\texpected {want}" + (f", listed as {listed}" if listed else ""))
    if not skipped:  # each row of the table was met
        wrong += [f"{name}\t-\tlisted, but there is no such case" for name in known]
    print("\n".join(wrong), end="\n" if wrong else "")
    if skipped:
        print(f"{skipped} public cases skipped: {PUBLIC} is not there")
    print(f"{agree} verdicts as expected, {differ} listed divergences, {len(wrong)} wrong")
    return 1 if wrong or agree == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
