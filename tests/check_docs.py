#!/usr/bin/env python3
"""Holds what the pages promise to what there is: usage: check_docs.py ROOT

docs/limits.md has every option of [limits] and [timeouts] with its default, and no other; SECURITY.md has all twelve
invariants; and each test that either names exists."""

import pathlib
import re
import sys

SECTIONS = ("limits", "timeouts")
FIXED = re.compile(r"fixed|`reach` in `\[public\]`")
# Where tests of a kind are; {} is the name, which may hold wildcards.
PLACES = {
	"play": "tests/play/{}.play",
	"unit": "tests/unit/*/{}.c",
	"fuzz": "tests/fuzz/fuzz_{}.c",
	"e2e": "tests/e2e/test_{}.py",
	"wire": "tests/wire/{}.py",
}
# Kinds whose tests are data: the words that a file must hold.
ROLES = ("server", "client")


def options(ini):
	"""{option: default} of the sections."""
	found, section = {}, None
	for line in ini.splitlines():
		if title := re.fullmatch(r";?\[(\S+).*\]", line):
			section = title[1]
		elif section in SECTIONS and (pair := re.fullmatch(r";?([a-z-]+) = (.*)", line)):
			found[pair[1]] = pair[2]
	return found


def test_exists(root, name):
	kind, _, rest = name.partition("/")
	if kind == "wire" and rest in ROLES:
		return f'"role": "{rest}"' in (root / "tests/wire/attacks.json").read_text()
	return kind in PLACES and any(root.glob(PLACES[kind].format(rest.replace("-", "_") if kind == "e2e" else rest)))


def rows(page, columns):
	"""The cells of each row of the page's tables with so many columns, headings left out."""
	for line in page.splitlines():
		cells = [cell.strip() for cell in line.strip("|").split("|")]
		if line.startswith("|") and len(cells) == columns and not cells[0].startswith("---"):
			yield cells


def named_tests(root, what, cell):
	names = re.findall(r"`([a-z0-9]+/[^`]+)`", cell)
	if not names and "limits.md" not in cell:
		yield f"{what}: no test"
	for name in names:
		if not test_exists(root, name):
			yield f"{what}: there is no test {name}"


def limits(root):
	known = options((root / "conf/sallyport.ini").read_text())
	seen = set()
	for what, option, default, _, tests in rows((root / "docs/limits.md").read_text(), 5):
		if what == "limit":
			continue
		if not FIXED.fullmatch(option):
			option = option.strip("`")
			seen.add(option)
			if known.get(option) != default:
				yield f"{option}: the page says {default}, the example {known.get(option)}"
		yield from named_tests(root, what, tests)
	yield from (f"{option} is missing from docs/limits.md" for option in known if option not in seen)


def invariants(root):
	numbers = []
	for number, _, _, tests in rows((root / "SECURITY.md").read_text(), 4):
		if number:
			numbers.append(number)
			yield from named_tests(root, number, tests)
	if numbers != [f"S{i}" for i in range(1, 13)]:
		yield f"SECURITY.md has {' '.join(numbers)}"


def main():
	root = pathlib.Path(sys.argv[1])
	faults = [*limits(root), *invariants(root)]
	print(*faults, f"{len(faults)} faults", sep="\n")
	return 1 if faults else 0


if __name__ == "__main__":
	sys.exit(main())
