"""Plays systemd: hears what a service says, keeps its descriptors, and starts it with them."""

import os
import signal
import socket
import subprocess
import sys

import scene  # noqa: F401
from lab.proc import Log, Process  # noqa: E402


class Manager:
	def __init__(self, path):
		self.path = path
		self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		self.socket.bind(path)
		self.socket.settimeout(20)
		self.store = []  # (name, fd), as FDSTORE=1 brought them

	def close(self):
		self.socket.close()
		while self.store:
			os.close(self.store.pop()[1])

	def take(self, said, fds):
		"""What sd_notify(3) says of descriptors; one that is in the store is not stored twice."""
		if "FDSTOREREMOVE" in said:
			for name, fd in [e for e in self.store if e[0] == said["FDNAME"]]:
				self.store.remove((name, fd))
				os.close(fd)
		if "FDSTORE" in said:
			known = {os.fstat(fd).st_ino for _, fd in self.store}
			self.store += [(said["FDNAME"], fd) for fd in fds if os.fstat(fd).st_ino not in known]
		kept = {fd for _, fd in self.store}
		for fd in fds:
			if fd not in kept:
				os.close(fd)  # a barrier is over with this

	def hear(self, *wanted):
		"""The next message with one of these keys: {key: value}."""
		while True:
			data, fds, _, _ = socket.recv_fds(self.socket, 65536, 64)
			said = dict(line.split("=", 1) for line in data.decode().splitlines())
			self.take(said, fds)
			if not wanted or set(wanted) & set(said):
				return said

	def silent(self, seconds):
		self.socket.settimeout(seconds)
		try:
			return self.hear("WATCHDOG") is None
		except TimeoutError:
			return True
		finally:
			self.socket.settimeout(20)

	def stored(self):
		"""The ports, one for each socket."""
		found = []
		for _, fd in self.store:
			with socket.socket(fileno=os.dup(fd)) as s:
				found.append(s.getsockname()[1])
		return sorted(found)


class Started(Process):
	"""With descriptors from 3 on, and their number in the environment."""

	def __init__(self, command, log_path, environment, fds):
		def give():
			for i, fd in enumerate(fds):
				os.dup2(fd, 400 + i)
			for i in range(len(fds)):
				os.dup2(400 + i, 3 + i)
				os.set_inheritable(3 + i, True)
		code = ("import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.environ['WATCHDOG_PID'] = str(os.getpid()); "
		        "os.execv(sys.argv[1], sys.argv[1:])")
		if fds:
			environment = {**environment, "LISTEN_FDS": str(len(fds))}
		self.name, self.command, self.stop_signal, self.log = "sallyport", command, signal.SIGTERM, Log(log_path)
		with open(log_path, "ab") as out:
			self.child = subprocess.Popen([sys.executable, "-c", code, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
			                              env=environment, start_new_session=True, preexec_fn=give, close_fds=False)
