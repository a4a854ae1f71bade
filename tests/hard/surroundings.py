"""The world of tests/wire with what these tests need otherwise: less log, other limits."""

import os
import pathlib
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../wire", f"{HERE}/../e2e", f"{HERE}/../../bench"]
sys.dont_write_bytecode = True

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


def processes(pid):
	"""The process and those that it has started."""
	found = [pid]
	for parent in found:
		for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
			try:
				found += map(int, (task / "children").read_text().split())
			except OSError:
				pass
	return found


def resident_kb(pid):
	def one(process):
		return int(pathlib.Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1].split()[0])
	return sum(map(one, processes(pid)))


def descriptors(pid):
	return sum(len(os.listdir(f"/proc/{process}/fd")) for process in processes(pid))


def cpu_seconds(pid):
	def one(process):
		fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
		return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
	return sum(map(one, processes(pid)))
