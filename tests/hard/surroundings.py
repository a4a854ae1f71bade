"""The world of tests/wire with what these tests need otherwise: less log, other limits; and what is known of a process."""

import os
import pathlib
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../wire", f"{HERE}/../e2e", f"{HERE}/../../bench"]
sys.dont_write_bytecode = True

from lab.proc import LabError  # noqa: E402
from world import World  # noqa: E402


def settings(limits):
	return "".join(f"{key} = {value}\n" for key, value in limits.items())


class Surroundings(World):
	def __init__(self, binary, limits, workers=1):
		self.limits = limits
		super().__init__(binary, workers=workers)

	def configure(self):
		text = super().configure().replace("log-level = debug", "log-level = info")
		head, _, tail = text.partition("[limits]\n")
		kept = [line for line in tail.splitlines() if line.split(" =")[0] not in self.limits]
		return head + "[limits]\n" + "\n".join(kept) + "\n" + settings(self.limits)


NETWORK, KEYS = "sallyport-net", "sallyport-keys"


def child(pid, name):
	"""The process of that name which the supervisor has started; None: there is none at the moment."""
	for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
		for other in (task / "children").read_text().split():
			try:
				if pathlib.Path(f"/proc/{other}/comm").read_text().strip() == name:
					return int(other)
			except OSError:
				pass  # gone meanwhile
	return None


def network(pid):
	"""The process that strangers have to do with."""
	found = child(pid, NETWORK)
	if found is None:
		raise LabError("there is no network process")
	return found


def resident_kb(pid):
	return int(pathlib.Path(f"/proc/{network(pid)}/status").read_text().split("VmRSS:")[1].split()[0])


def descriptors(pid):
	return len(os.listdir(f"/proc/{network(pid)}/fd"))


def cpu_seconds(pid):
	fields = pathlib.Path(f"/proc/{network(pid)}/stat").read_text().rpartition(")")[2].split()
	return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
