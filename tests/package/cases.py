"""What a file of cases is made of."""

import sys
import traceback


class Skip(Exception):
	"""What the case needs is not here."""


class Cases:
	def __init__(self):
		self.cases = []

	def case(self, function):
		self.cases.append(function)
		return function

	def run(self, *arguments, only=None):
		passed = failed = skipped = 0
		for function in self.cases:
			name = function.__name__
			if only and only not in name:
				continue
			try:
				function(*arguments)
			except Skip as why:
				skipped += 1
				print(f"skipped {name}: {why}")
			except Exception as error:
				failed += 1
				why = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
				print(f"FAILED  {name}: {why}")
			else:
				passed += 1
				print(f"ok      {name}")
		print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
		sys.exit(1 if failed or not (passed or skipped) else 0)


def expect(condition, why):
	if not condition:
		raise AssertionError(why)


def same(got, wanted, what=""):
	expect(got == wanted, f"{what}: got\n{got}\nwanted\n{wanted}")


def has(text, *parts):
	for part in parts:
		expect(part in text, f"no {part!r} in\n{text}")


def lacks(text, *parts):
	for part in parts:
		expect(part not in text, f"{part!r} in\n{text}")
