"""Processes that are ended by pid, and waiting for what they say."""

import os
import re
import signal
import subprocess
import time


class LabError(Exception):
	"""The lab could not do what a test asked of it; the text says what."""


def run(command, **more):
	"""Runs a short command to its end; its output, or LabError with its words."""
	done = subprocess.run(command, stdin=more.pop("stdin", subprocess.DEVNULL) if "input" not in more else None,
	                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=more.pop("timeout", 60),
	                      **more)
	if done.returncode != 0:
		raise LabError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout.strip()[-2000:]}")
	return done.stdout


def wait_for(what, condition, seconds=20):
	"""The first true result of condition(); LabError names what did not come in time."""
	end = time.monotonic() + seconds
	pause = 0.005
	while True:
		result = condition()
		if result:
			return result
		if time.monotonic() > end:
			raise LabError(f"waited {seconds} s in vain for {what() if callable(what) else what}")
		time.sleep(pause)
		pause = min(pause * 1.5, 0.05)


def children(pid):
	"""The processes that one has started, by the names that they go by."""
	with open(f"/proc/{pid}/task/{pid}/children") as f:
		found = {}
		for child in f.read().split():
			try:
				with open(f"/proc/{child}/comm") as comm:
					found[comm.read().strip()] = int(child)
			except OSError:
				pass  # it has just ended
		return found


class Log:
	"""A text file that something else appends to."""

	def __init__(self, path):
		self.path = path

	def size(self):
		return os.path.getsize(self.path) if os.path.exists(self.path) else 0

	def text(self, start=0):
		if not os.path.exists(self.path):
			return ""
		with open(self.path, "rb") as f:
			f.seek(start)
			return f.read().decode("utf-8", "replace")

	def find(self, pattern, start=0):
		return re.search(pattern, self.text(start), re.MULTILINE)

	def lines(self, pattern, start=0):
		return [line for line in self.text(start).splitlines() if re.search(pattern, line)]

	def wait(self, pattern, seconds=20, start=0):
		return wait_for(f"/{pattern}/ in {self.path}", lambda: self.find(pattern, start), seconds)


class Process:
	"""One child, with what it says in a file.  stop() is safe to call twice."""

	def __init__(self, name, command, log_path, stop_signal=signal.SIGTERM, env=None, cwd=None):
		self.name = name
		self.command = command
		self.stop_signal = stop_signal
		self.log = Log(log_path)
		with open(log_path, "ab") as out:
			# A session of its own: Ctrl-C reaches only us, and we end the children in order.
			self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
			                              start_new_session=True, env=env, cwd=cwd)

	@property
	def pid(self):
		return self.child.pid

	def running(self):
		return self.child.poll() is None

	def check(self):
		if not self.running():
			raise LabError(f"{self.name} ended by itself, exit {self.child.returncode}: {self.log.text()[-1500:].strip()}")
		return False

	def wait_ready(self, what, condition, seconds=30):
		"""As wait_for(), but says so at once when the process has died."""
		return wait_for(f"{self.name}: {what}", lambda: condition() or self.check(), seconds)

	def wait_exit(self, seconds=20):
		try:
			return self.child.wait(seconds)
		except subprocess.TimeoutExpired:
			raise LabError(f"{self.name} did not end within {seconds} s") from None

	def stop(self, seconds=10):
		"""The exit status; a process that does not go by itself is killed."""
		if self.running():
			self.child.send_signal(self.stop_signal)
			try:
				self.child.wait(seconds)
			except subprocess.TimeoutExpired:
				self.child.kill()
				self.child.wait()
		return self.child.returncode
