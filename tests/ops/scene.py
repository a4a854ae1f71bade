"""What the tests of the daemon's operation share: the wire suite's world, and figures by HTTP."""

import http.client
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(f"{HERE}/../..")
sys.path[:0] = [HERE, f"{HERE}/../wire", f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

METRICS_PORT = 25280
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z]+)="([^"]*)"')


def get(address, path="/metrics", method="GET", port=METRICS_PORT):
	connection = http.client.HTTPConnection(address, port, timeout=10)
	try:
		connection.request(method, path)
		answer = connection.getresponse()
		return answer.status, dict(answer.getheaders()), answer.read().decode()
	finally:
		connection.close()


def parse(page):
	"""{name: {frozenset of label pairs: value}}"""
	found = {}
	for line in page.splitlines():
		if line.startswith("#"):
			continue
		sample = SAMPLE.match(line)
		assert sample, f"no sample: {line}"
		labels = frozenset(LABEL.findall(sample[2] or ""))
		row = found.setdefault(sample[1], {})
		assert labels not in row, f"twice: {line}"
		row[labels] = float(sample[3])
	return found


class Figures:
	"""The page at one moment."""

	def __init__(self, address):
		status, self.headers, self.page = get(address)
		assert status == 200, status
		self.all = parse(self.page)

	def value(self, name, **labels):
		"""The one sample with these labels; KeyError: there is none."""
		return self.all[name][frozenset(labels.items())]

	def total(self, name, **labels):
		"""The sum of those that have these labels among others."""
		wanted = set(labels.items())
		return sum(v for have, v in self.all[name].items() if wanted <= have)
