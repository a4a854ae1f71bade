"""Traffic under flood, and days of work in minutes: sallyport-bench sends, and sees what is lost, doubled or swapped."""

import itertools
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

from hostile import WORDS, Strangers, truncate_log
from lab.gateway import FAULT, SANITIZERS
from lab.proc import LabError, Process, run, wait_for
from smoke import free_ports
from surroundings import descriptors, resident_kb

PORTS = {"gateway": 25269, "gateway-inner": 15269, "backend": 15270, "dns": 25353}
ROUTES, RATE = 20, 400
FLOOD_RATE = 3000
SLOWER = 5     # times the calm p99: told, never judged
DRIFT = 1.10   # of memory, between the second quarter and the last
SLICE_S = 15


class Lab:
	"""The daemon with sallyport-bench's configuration, on ports of its own."""

	def __init__(self, options, with_limits):
		"""with_limits: those that the configuration has by itself, in place of none."""
		self.folder = tempfile.mkdtemp(prefix="sallyport-hard-")
		self.bench = options.bench
		self.pki = f"{self.folder}/pki"
		self.ports = dict(zip((*PORTS, "remote"), free_ports(len(PORTS) + 1)))
		run([self.bench, "mint", self.pki])
		self.config = pathlib.Path(self.pki, "sallyport.ini")
		text = self.config.read_text()
		for name, port in PORTS.items():
			text = text.replace(f":{port}\n", f":{self.ports[name]}\n")
		text = text.replace("log-level = warning", "log-level = info")
		self.text = re.sub(r"\[limits\]\n(.+\n)*", "", text) if with_limits else text
		self.config.write_text(self.text)
		environment = {**os.environ, **SANITIZERS, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=8"}
		self.gateway = Process("sallyport", [options.sallyport, "-c", str(self.config)], f"{self.folder}/log", env=environment)
		self.gateway.wait_ready("ready", lambda: self.gateway.log.find("ready: "))

	def start(self, scenario, seconds, *more):
		self.report = f"{self.folder}/report.json"
		if os.path.exists(self.report):
			os.unlink(self.report)
		where = [f"--{name}=127.0.0.1:{port}" for name, port in self.ports.items()]
		self.child = subprocess.Popen(
			[self.bench, scenario, *where, f"--pki={self.pki}", f"--json={self.report}", "--quiet", f"--routes={ROUTES}",
			 f"--duration={seconds}s", *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

	def finish(self, seconds):
		"""The report; LabError if not every stanza arrived once, whole and in order."""
		try:
			_, said = self.child.communicate(timeout=seconds + 60)
		except subprocess.TimeoutExpired:
			self.child.kill()
			self.child.wait()
			raise LabError("sallyport-bench does not end") from None
		if not os.path.exists(self.report):
			raise LabError(f"sallyport-bench: {said.strip()[-500:]}")
		report = json.loads(pathlib.Path(self.report).read_text())
		if self.child.returncode != 0 or not report["verified"]:
			raise LabError(f"sallyport-bench: {report['problems'][:3]}")
		return report

	def reload(self, n):
		"""With another value each time, or it would be no other configuration."""
		self.config.write_text(self.text + f"\n[timeouts]\nidle = {100 + n % 50}m\n")
		os.kill(self.gateway.pid, signal.SIGHUP)

	def end(self):
		"""As an operator would; LabError unless it went in order and without a fault."""
		self.gateway.check()
		status = self.gateway.stop(30)
		faults = self.gateway.log.lines(FAULT)
		if status != 0 or faults:
			raise LabError(f"exit {status} {' '.join(faults[:3])}")

	def clear(self):
		self.gateway.stop()
		shutil.rmtree(self.folder)


class Crowd(Strangers):
	"""Half of them slow, a quarter garbage, the rest anything; none of them waits for an answer."""

	def __init__(self, target, seed):
		super().__init__(target, {name: None for name in ("selfsigned", "expired", "evil", "unknownca")}, seed, 0)
		self.slow = []

	def one(self):
		try:
			s = self.connect()
		except OSError:
			self.failed += 1
			return
		self.opened += 1
		kind = self.rng.random()
		try:
			if kind < 0.5:
				s.sendall(b"<")
				self.slow.append(s)
				if len(self.slow) > 2000:
					self.slow.pop(self.rng.randrange(2000)).close()
				return
			s.sendall(self.rng.randbytes(400) if kind < 0.75 else self.rng.choice(WORDS)(self.rng))
		except OSError:
			pass
		s.close()


def crowd(target, seed, stop, opened):
	"""So many a second, if the machine has the time: what it needs is missing to everybody else."""
	strangers, start = Crowd(target, seed), time.monotonic()
	while not stop.is_set():
		strangers.one()
		opened.value = strangers.opened
		ahead = strangers.opened / FLOOD_RATE - (time.monotonic() - start)
		if ahead > 0.002:
			time.sleep(ahead)


class Flood:
	"""A process of strangers."""

	def __init__(self, target, seed):
		self.stop = multiprocessing.Event()
		self.opened = multiprocessing.Value("l", 0)
		self.child = multiprocessing.Process(target=crowd, args=(target, seed, self.stop, self.opened))

	def count(self):
		return self.opened.value

	def begin(self):
		self.child.start()

	def end(self):
		self.stop.set()
		if self.child.pid is not None:
			self.child.join(10)
			self.child.kill()
			self.child.join()


def steady(lab, seconds, before=lambda: None):
	"""Traffic at a constant rate; before: what is to be done once all routes stand."""
	idle = descriptors(lab.gateway.pid)
	lab.start("steady", seconds, f"--rate={RATE}", "--warmup=1s")
	wait_for("all routes", lambda: descriptors(lab.gateway.pid) >= idle + 2 * ROUTES, 30)
	before()
	return lab.finish(seconds)["latency"]["p99_us"] / 1000


def flood(options):
	lab = Lab(options, with_limits=True)
	try:
		calm = steady(lab, options.flood)
		attack = Flood(("127.0.0.1", lab.ports["gateway"]), options.seed)
		try:
			start = time.monotonic()
			wild = steady(lab, options.flood, attack.begin)
			seconds = time.monotonic() - start
		finally:
			attack.end()
		refused = len(lab.gateway.log.lines("event=connection-refused"))
		print(f"        {attack.count()} connections in {seconds:.0f} s of flood, {refused} lines of refusals; no stanza lost or "
		      f"out of order; p99 {calm:.1f} ms when calm, {wild:.1f} ms in the flood ({wild / calm:.1f} times"
		      f"{'' if wild <= SLOWER * calm else ', which is too slow'})", flush=True)
		if attack.count() < 100 * options.flood:
			yield f"only {attack.count()} connections: that is no flood"
		lab.end()
	finally:
		lab.clear()


def drift(samples):
	"""How much memory has grown from the second quarter to the last; None: too few samples to say."""
	quarter = len(samples) // 4
	if quarter < 2:
		return None
	return (sum(samples[-quarter:]) / quarter) / (sum(samples[quarter:2 * quarter]) / quarter)


def soak(options):
	lab = Lab(options, with_limits=False)
	rng, end = random.Random(options.seed), time.monotonic() + options.soak
	samples, idle, stanzas, reloads = [], descriptors(lab.gateway.pid), 0, 0
	strangers = Crowd(("127.0.0.1", lab.ports["gateway"]), options.seed)
	kinds = itertools.cycle([("steady", "in"), ("churn", "out"), ("steady", "out"), ("churn", "in")])
	seconds = min(SLICE_S, max(2, options.soak // 6))
	try:
		while time.monotonic() < end or len(samples) < 4:
			scenario, direction = next(kinds)
			lab.start(scenario, seconds, f"--direction={direction}", f"--rate={RATE if scenario == 'steady' else 10}")
			slice_end = time.monotonic() + seconds
			while time.monotonic() < slice_end:
				time.sleep(rng.uniform(0.2, 1))
				reloads += 1
				lab.reload(reloads)
				for _ in range(20):
					strangers.one()
			stanzas += lab.finish(seconds)["totals"]["received"]
			for s in strangers.slow:
				s.close()
			strangers.slow.clear()
			wait_for(lambda: f"{idle} descriptors; there are {descriptors(lab.gateway.pid)}",
			         lambda: descriptors(lab.gateway.pid) <= idle + 1, 60)
			samples.append(resident_kb(lab.gateway.pid))
			truncate_log(lab.gateway.log)
			if options.long:
				print(f"        {scenario} {direction}: {stanzas} stanzas so far, {samples[-1]} KiB", flush=True)
		grown = drift(samples)
		print(f"        {stanzas} stanzas, {reloads} reloads, {strangers.opened} strangers; resident {samples[0]} KiB after the "
		      f"first {seconds} s, {samples[-1]} KiB at the end", flush=True)
		if grown is not None and grown > DRIFT:
			yield f"memory drifts: {100 * grown - 100:+.1f} % from the second quarter to the last"
		lab.end()
	finally:
		lab.clear()
