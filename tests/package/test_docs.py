#!/usr/bin/env python3
"""Manual pages and completion: nothing that there is may be missing in them, and they are sound.

usage: test_docs.py SALLYPORTCTL SALLYPORT SALLYPORT.INI.5 SOURCE_DIR"""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from cases import Cases, Skip, expect, has, same  # noqa: E402

suite = Cases()
case = suite.case


def output(*command, **more):
	done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, **more)
	return done.returncode, done.stdout


def need(program):
	if not shutil.which(program):
		raise Skip(f"{program} is not installed")


class World:
	def __init__(self, ctl, daemon, options, source):
		self.ctl, self.daemon, self.options, self.source = map(os.path.realpath, (ctl, daemon, options, source))
		self.pages = {"sallyport.ini.5": self.options}
		for name in ("sallyport.8", "sallyportctl.1", "sallyport-bench.1"):
			self.pages[name] = f"{self.source}/docs/{name}"

	def page(self, name):
		"""As it is read: without markup, and without line breaks."""
		need("mandoc")
		status, text = output("mandoc", "-Tutf8", "-O", "width=1000", self.pages[name])
		same(status, 0, name)
		return re.sub(".\x08", "", text).replace("−", "-").replace("‐", "-")

	def commands(self):
		"""Command -> options, out of --help."""
		status, text = output(self.ctl, "--help")
		same(status, 0, "--help")
		found = {m[1]: re.findall(r"--[a-z][a-z-]*", m[2]) for m in re.finditer(r"^  ([a-z][a-z-]*)(.*)$", text, re.M)}
		expect(len(found) > 4 and "verify" in found, f"what commands are these? {found}")
		return found


@case
def pages_are_sound(world):
	need("mandoc")
	for name, path in world.pages.items():
		status, said = output("mandoc", "-Tlint", "-W", "warning", path)
		same((status, said), (0, ""), name)


@case
def every_command_and_option_is_described(world):
	page = world.page("sallyportctl.1")
	for command, options in world.commands().items():
		heading = re.search(rf"^ +{re.escape(command)}( .*)?$", page, re.M)
		expect(heading, f"sallyportctl(1) does not describe {command}")
		for option in options:
			expect(option in (heading[1] or ""), f"sallyportctl(1): {command} lacks {option}: {heading[0].strip()}")


@case
def no_command_is_described_that_is_gone(world):
	with open(world.pages["sallyportctl.1"]) as f:
		text = f.read()
	described = re.findall(r"^\.It Ic ([a-z-]+)", text, re.M)
	same(sorted(described), sorted(world.commands()), "the commands of sallyportctl(1)")


@case
def every_option_of_the_file_is_described(world):
	page = world.page("sallyport.ini.5")
	section = None
	seen = 0
	with open(f"{world.source}/conf/sallyport.ini") as f:
		lines = f.read().splitlines()
	for line in lines:
		m = re.match(r";?\[([a-z]+)", line)
		section = m[1].upper() if m else section
		m = re.match(r";?([a-z][a-z0-9-]*) = (.*)", line)
		if not m:
			continue
		seen += 1
		part = re.search(rf"^\[{section}[^\n]*\n(.*?)(?=^\S|\Z)", page, re.S | re.M | re.I)
		expect(part, f"sallyport.ini(5) has no section [{section}]")
		about = re.search(rf"^ +{re.escape(m[1])} = (.*?)(?=^ {{5,7}}\S|\Z)", part[1], re.S | re.M)
		expect(about, f"sallyport.ini(5): [{section}] lacks {m[1]}")
		expect(m[2] in about[1], f"sallyport.ini(5): {m[1]} does not say {m[2]}: {about[0]}")
	expect(seen > 40, f"only {seen} options in conf/sallyport.ini?")


@case
def daemons_options_are_described(world):
	page = world.page("sallyport.8")
	status, text = output(world.daemon, "-h")
	same(status, 0, "sallyport -h")
	for option in re.findall(r"^ +(--?[a-zA-Z-]+)", text, re.M):
		expect(re.search(rf"^ +{option}\b", page, re.M), f"sallyport(8) lacks {option}")


def complete(world, *words):
	"""What bash offers for the last word."""
	script = (f"source {world.source}/conf/completion/sallyportctl.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
	          "_sallyportctl \"$1\" \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"")
	status, text = output("bash", "-c", script, "bash", world.ctl, *words, cwd=f"{world.source}/tests/package")
	same(status, 0, text)
	return text.split()


@case
def bash_completes(world):
	commands = world.commands()
	same(sorted(complete(world, "")), sorted([*commands, "--help"]), "commands")
	same(complete(world, "ver"), ["verify"], "ver")
	for command, options in commands.items():
		same(sorted(set(complete(world, command, "--"))), sorted(set(options)), f"{command} --")
	same(complete(world, "explain", "SP-CERT-EXP"), ["SP-CERT-EXPIRED"], "codes")
	same(complete(world, "verify", "--revocation", "h"), ["hard"], "--revocation h")
	same(complete(world, "init", "--backend", ""), ["ejabberd", "prosody", "jabberd2"], "--backend")
	same(complete(world, "init", "--domain", ""), [], "--domain")
	same(complete(world, "verify", "--trust", "test_do"), ["test_docs.py"], "--trust")
	same(complete(world, "scan", "test_do"), ["test_docs.py"], "files")
	same(complete(world, "nonsense", ""), [], "behind what is no command")


@case
def zsh_completes(world):
	need("zsh")
	file = f"{world.source}/conf/completion/_sallyportctl"
	same(output("zsh", "-n", file), (0, ""), "zsh -n")
	script = ('_describe() { print -l -- ${(P)2} }; compadd() { print -l -- ${(P)2} }; _files() { print FILES }; '
	          '_values() { shift; print -l -- $@ }; words=("$@"); CURRENT=$#; PREFIX=${words[-1]}; source ' + file)

	def zsh(*words):
		status, text = output("zsh", "-f", "-c", script, "zsh", world.ctl, *words)
		return text.splitlines()
	commands = world.commands()
	same(sorted(line.split(":")[0] for line in zsh("")), sorted(commands), "commands")
	for command, options in commands.items():
		same(sorted(set(zsh(command, "--"))), sorted(set(options)), f"{command} --")
	has("\n".join(zsh("explain", "")), "SP-CERT-EXPIRED:a certificate in the peer's chain has expired")
	same(zsh("verify", "--revocation", ""), ["soft", "hard"], "--revocation")
	same(zsh("verify", ""), ["FILES"], "files")


if __name__ == "__main__":
	suite.run(World(*sys.argv[1:5]))
