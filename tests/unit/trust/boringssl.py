#!/usr/bin/env python3
"""Checks how cmake/BoringSSL.cmake refuses what it must not build from.

usage: boringssl.py CMAKE SOURCE_DIR"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

CMAKE, SOURCE = sys.argv[1:3]
PROJECT = f"cmake_minimum_required(VERSION 3.22)\nproject(x LANGUAGES NONE)\ninclude({SOURCE}/cmake/BoringSSL.cmake)\n"


class Refusals(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "CMakeLists.txt").write_text(PROJECT)
        self.addCleanup(self.temporary.cleanup)
        self.npm("exit 1")

    def npm(self, script):
        path = self.folder / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def configure(self, *options):
        """(code, messages without line breaks)"""
        done = subprocess.run(
            [CMAKE, "-S", self.folder, "-B", self.folder / "b", f"-DNPM={self.folder}/npm", *options,
             f"-DBORINGSSL_CACHE={self.folder}/cache"], capture_output=True, text=True, timeout=60)
        return done.returncode, re.sub(r"\s+", " ", done.stderr + done.stdout)

    def test_wrong_digest_stops_the_build(self):
        self.npm("echo something else > couchbase-4.7.1.tgz")
        code, text = self.configure("-DBORINGSSL_FROM=npm")
        self.assertNotEqual(code, 0)
        self.assertIn("is not what was pinned, and was not used", text)
        self.assertEqual(list((self.folder / "cache").rglob("*.tgz")), [])
        self.assertEqual(list((self.folder / "cache").rglob("*.a")), [])

    def test_nothing_to_be_had(self):
        code, text = self.configure("-DBORINGSSL_FROM=npm")
        self.assertNotEqual(code, 0)
        self.assertIn("could not be fetched", text)
        self.assertIn("none could be had", text)

    def test_half_a_root(self):
        code, text = self.configure(f"-DBORINGSSL_ROOT={self.folder}")
        self.assertNotEqual(code, 0)
        self.assertIn("there is no", text)

    def test_no_source_tree(self):
        code, text = self.configure(f"-DBORINGSSL_SOURCE_DIR={self.folder}")
        self.assertNotEqual(code, 0)
        self.assertIn("is no source tree", text)

    def test_unknown_kind(self):
        code, text = self.configure("-DBORINGSSL_FROM=elsewhere")
        self.assertNotEqual(code, 0)
        self.assertIn("not auto, git, npm or debian", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
