"""A whole Debian machine in a node: what is installed here, in a copy that forgets.

The root file system is overlaid in a mount namespace of its own, so that packages can be installed, users made and
daemons started as on a machine of one's own; nothing of it is seen from outside, and it is gone with its last process."""

import os

from .proc import LabError, Process, run, wait_for

SETUP = """\
set -e
mount -t tmpfs -o mode=755 machine "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" machine "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=755 run "$1/root/run"
mount -t tmpfs -o mode=1777 tmp "$1/root/tmp"
echo ready
exec sleep infinity
"""


class Machine:
	def __init__(self, network, node, folder):
		self.network = network
		self.node = node
		self.dir = folder
		self.process = None
		self.children = []

	def start(self):
		os.makedirs(f"{self.dir}/machine", exist_ok=True)
		command = self.network.command(self.node, "unshare", "--mount", "--propagation", "private", "sh", "-c", SETUP, "sh",
		                               f"{self.dir}/machine")
		self.process = Process(f"machine in {self.node}", command, f"{self.dir}/machine.log")
		self.process.wait_ready("be there", lambda: self.process.log.find("^ready$"))
		etc = f"/etc/netns/{self.network.name(self.node)}"
		self.put(f"{etc}/resolv.conf", "/etc/resolv.conf")
		self.put(f"{etc}/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")

	def command(self, *command):
		return ["nsenter", "--target", str(self.process.pid), "--mount", "--net", "chroot", f"{self.dir}/machine/root",
		        "env", "HOME=/root", *command]

	def run(self, *command, **more):
		return run(self.command(*command), cwd="/", **more)

	def spawn(self, name, *command, env=None):
		"""A daemon; ends with the machine."""
		child = Process(f"{name} on {self.node}", self.command(*command), f"{self.dir}/{name}.log", env=env, cwd="/")
		self.children.append(child)
		return child

	def write(self, text, path, mode="644", owner="root:root"):
		user, group = owner.split(":")
		self.run("install", "-D", "-m", mode, "-o", user, "-g", group, "/dev/stdin", path, input=text)

	def put(self, source, path, mode="644", owner="root:root"):
		with open(source) as f:
			self.write(f.read(), path, mode, owner)

	def put_file(self, source, path):
		"""One that is no text."""
		with open(source, "rb") as f:
			run(self.command("sh", "-c", "cat >\"$1\"", "sh", path), stdin=f, cwd="/")

	def read(self, path):
		return self.run("cat", path)

	def pid_of(self, program):
		"""Of the oldest process that runs this very file in this node."""
		pids = run(["ip", "netns", "pids", self.network.name(self.node)]).split()
		for pid in sorted(map(int, pids)):
			try:
				if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program:
					return pid
			except OSError:
				continue
		raise LabError(f"no {program} runs in {self.node}")

	def wait_listening(self, *ports):
		for port in ports:
			wait_for(f"port {port} of {self.node}", lambda port=port: self.network.listening(self.node, port), 60)

	def stop(self):
		for child in reversed(self.children):
			child.stop()
		if self.process:
			self.network.stop_node(self.node)
			self.process.stop()
			self.process = None
