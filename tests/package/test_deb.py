#!/usr/bin/env python3
"""The Debian package as it lies there.  Installing, upgrading and purging it is for tests/e2e/test_install.py.

usage: test_deb.py BUILD_DIR"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from cases import Cases, Skip, expect, has, lacks, same  # noqa: E402

suite = Cases()
case = suite.case
FILES = """\
/etc/sallyport/sallyport.ini.example
/usr/bin/sallyportctl
/usr/lib/systemd/system/sallyport-redirect.service
/usr/lib/systemd/system/sallyport.service
/usr/lib/sysusers.d/sallyport.conf
/usr/lib/tmpfiles.d/sallyport.conf
/usr/sbin/sallyport
/usr/share/bash-completion/completions/sallyportctl
/usr/share/doc/sallyport/README.md
/usr/share/doc/sallyport/changelog.gz
/usr/share/doc/sallyport/copyright
/usr/share/doc/sallyport/examples/sallyport.nft
/usr/share/man/man1/sallyportctl.1.gz
/usr/share/man/man5/sallyport.ini.5.gz
/usr/share/man/man8/sallyport.8.gz
/usr/share/zsh/vendor-completions/_sallyportctl
""".split()


def output(*command, **more):
	done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, **more)
	return done.returncode, done.stdout


class World:
	def __init__(self, build):
		self.build = os.path.realpath(build)
		self.dir = tempfile.mkdtemp(prefix="sallyport-deb-")

	def pack(self):
		for program in ("cpack", "dpkg-deb", "dpkg-shlibdeps"):
			expect(shutil.which(program), f"{program} is not installed")
		done = output("cpack", "-G", "DEB", "-B", self.dir, cwd=self.build)
		same(done[0], 0, done[1])
		self.deb = next(f"{self.dir}/{name}" for name in os.listdir(self.dir) if name.endswith(".deb"))
		self.root = f"{self.dir}/root"
		same(output("dpkg-deb", "-x", self.deb, self.root), (0, ""), "dpkg-deb -x")

	def field(self, name):
		return output("dpkg-deb", "-f", self.deb, name)[1].strip()


@case
def holds_all_that_it_should(world):
	for file in FILES:
		expect(os.path.isfile(world.root + file), f"{file} is missing")
	if os.path.exists(f"{world.build}/bench/sallyport-bench"):
		for file in ("/usr/bin/sallyport-bench", "/usr/share/man/man1/sallyport-bench.1.gz"):
			expect(os.path.isfile(world.root + file), f"{file} is missing")
	found = [os.path.join(where, name) for where, _, files in os.walk(world.root) for name in files]
	for path in found:
		expect("sallyport" in path, f"{path}: whose is that?")
		st = os.stat(path)
		expect(st.st_mode & 0o022 == 0, f"{path} may be written to by others")


@case
def depends_on_what_it_loads(world):
	depends = world.field("Depends")
	has(depends, "adduser", "libc6 (>=", "libevent", "libc-ares2", "libinih1", "libidn2-0", "libyaml-0-2", "libexpat1")
	lacks(depends, "ssl", "gnutls", "asan")
	for program in ("usr/sbin/sallyport", "usr/bin/sallyportctl"):
		status, text = output("ldd", f"{world.root}/{program}")
		lacks(text, "not found", "libssl", "libcrypto", "libgnutls")


@case
def units_name_what_is_there(world):
	folder = f"{world.root}/usr/lib/systemd/system"
	paths = set()
	for unit in os.listdir(folder):
		with open(f"{folder}/{unit}") as f:
			paths |= set(re.findall(r"^Exec\w+=[-+!@:]*(/\S+)", f.read(), re.M))
	expect("/usr/sbin/sallyport" in paths, f"no unit starts the daemon: {paths}")
	for path in paths:
		expect(os.path.exists(world.root + path) or os.path.exists(path), f"{path} is named by a unit, and nowhere")


@case
def configuration_is_the_operators(world):
	same(output("dpkg-deb", "-I", world.deb, "conffiles"), (0, "/etc/sallyport/sallyport.ini.example\n"), "conffiles")
	with open(f"{world.root}/etc/sallyport/sallyport.ini.example") as f:
		has(f.read(), "[host example.org]")


@case
def scripts_are_sound(world):
	for script in ("postinst", "prerm", "postrm"):
		status, text = output("dpkg-deb", "-I", world.deb, script)
		same(status, 0, script)
		same(output("sh", "-n", "-c", text), (0, ""), script)
		has(text, "set -e")


@case
def lintian_finds_no_error(world):
	if not shutil.which("lintian"):
		raise Skip("lintian is not installed")
	# whoever builds it is its maintainer: $DEBEMAIL
	status, text = output("lintian", "--allow-root", "--fail-on", "error", "--suppress-tags",
	                      "bogus-mail-host,bogus-mail-host-in-debian-changelog", world.deb)
	same(status, 0, text)


def main():
	world = World(sys.argv[1])
	try:
		world.pack()
		suite.run(world)
	finally:
		shutil.rmtree(world.dir)


if __name__ == "__main__":
	main()
