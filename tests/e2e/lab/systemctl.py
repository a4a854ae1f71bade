#!/usr/bin/python3
"""As much of systemctl as sallyportctl init and undo ask for, for a machine without systemd: units are enabled, started
as their user and groups, waited for, reloaded and stopped."""

import glob
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time

FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/lib/systemd/system")
WANTS = "/etc/systemd/system/multi-user.target.wants"
STATE = "/run/stand-in"


class Unit:
	def __init__(self, name):
		self.name = name
		self.file = next((f"{d}/{name}" for d in FOLDERS if os.path.exists(f"{d}/{name}")), None)
		if not self.file:
			sys.exit(f"Unit {name} not found.")
		self.options = {}
		for path in [self.file, *sorted(glob.glob(f"/etc/systemd/system/{name}.d/*.conf"))]:
			with open(path) as f:
				for line in f:
					key, equals, value = line.strip().partition("=")
					if equals and not line.startswith("#"):
						self.options.setdefault(key, []).append(value)
		self.state = f"{STATE}/{name}"
		self.link = f"{WANTS}/{name}"

	def one(self, key, fallback=""):
		return self.options.get(key, [fallback])[-1]

	def pid(self):
		try:
			with open(self.state) as f:
				return int(f.read())
		except FileNotFoundError:
			return None

	def active(self):
		pid = self.pid()
		return pid == 0 or (pid is not None and os.path.exists(f"/proc/{pid}"))

	def argv(self, line):
		argv = shlex.split(line.lstrip("-+!@:"))
		user = self.one("User")
		if not user or line.startswith(("+", "!")):
			return argv
		groups = " ".join(self.options.get("SupplementaryGroups", [])).split()
		groups = ["--groups", ",".join(groups)] if groups else ["--clear-groups"]
		return ["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), *groups, *argv]

	def run_all(self, key):
		for line in self.options.get(key, []):
			line = line.replace("$MAINPID", str(self.pid()))
			if subprocess.run(self.argv(line)).returncode != 0 and not line.startswith("-"):
				sys.exit(f"{self.name}: {key} failed: {line}")

	def start(self):
		if self.active():
			return
		for folder in self.one("RuntimeDirectory").split():
			subprocess.run(["install", "-d", "-o", self.one("User", "root"), "-g", self.one("User", "root"), f"/run/{folder}"])
		self.run_all("ExecStartPre")
		if self.one("Type") == "oneshot":
			self.run_all("ExecStart")
			pid = 0
		else:
			pid = self.spawn()
		os.makedirs(STATE, exist_ok=True)
		with open(self.state, "w") as f:
			f.write(str(pid))

	def spawn(self):
		notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		path = f"/run/notify.{os.getpid()}"
		notify.bind(path)
		os.chmod(path, 0o777)
		notify.settimeout(20)
		with open(f"/var/log/{self.name}.log", "ab") as log:
			child = subprocess.Popen(self.argv(self.one("ExecStart")), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
			                         start_new_session=True, env={**os.environ, "NOTIFY_SOCKET": path})
		if self.one("Type").startswith("notify"):
			while "READY=1" not in notify.recv(4096).decode().split("\n"):
				pass
		else:
			time.sleep(0.2)  # as long as systemd would not notice a failure either
		if child.poll() is not None:
			sys.exit(f"{self.name} ended with {child.returncode}")
		return child.pid

	def stop(self):
		pid = self.pid()
		self.run_all("ExecStop")
		if pid:
			try:
				os.kill(pid, signal.SIGTERM)
			except ProcessLookupError:
				pass
			end = time.monotonic() + 20
			while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
				time.sleep(0.02)
		if pid is not None:
			os.remove(self.state)

	def enable(self):
		os.makedirs(WANTS, exist_ok=True)
		os.symlink(self.file, self.link)

	def disable(self):
		if os.path.islink(self.link):
			os.remove(self.link)


def main():
	words = [w for w in sys.argv[1:] if not w.startswith("-")]
	verb, units = words[0], [Unit(name) for name in words[1:]]
	if verb == "daemon-reload":
		return
	if verb == "is-active":
		sys.exit(0 if all(u.active() for u in units) else 3)
	if verb == "is-enabled":
		sys.exit(0 if all(os.path.islink(u.link) for u in units) else 1)
	for unit in units:
		if verb in ("start", "stop", "enable", "disable"):
			getattr(unit, verb)()
		elif verb == "reload-or-restart" and unit.active():
			unit.run_all("ExecReload")
		elif verb == "try-restart":
			if unit.active():
				unit.stop()
				unit.start()
		else:
			sys.exit(f"the stand-in knows no {verb}")


if __name__ == "__main__":
	main()
