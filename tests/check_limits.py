#!/usr/bin/env python3
"""Holds docs/limits.md to conf/sallyport.ini and to the tests: usage: check_limits.py ROOT

Every option of [limits] and [timeouts] stands there with its default, no other does, and each named test exists."""

import pathlib
import re
import sys

SECTIONS = ("limits", "timeouts")
FIXED = re.compile(r"fixed|`reach` in `\[public\]`")


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
	kind, rest = name.split("/", 1)
	if kind == "play":
		return (root / f"tests/play/{rest}.play").exists()
	return kind == "unit" and any(root.glob(f"tests/unit/*/{rest}.c"))


def main():
	root = pathlib.Path(sys.argv[1])
	known = options((root / "conf/sallyport.ini").read_text())
	faults, seen = [], set()
	for line in (root / "docs/limits.md").read_text().splitlines():
		cells = [cell.strip() for cell in line.strip("|").split("|")]
		if not line.startswith("|") or cells[0] in ("limit", "---"):
			continue
		what, option, default, _, tests = cells
		if not FIXED.fullmatch(option):
			option = option.strip("`")
			seen.add(option)
			if known.get(option) != default:
				faults.append(f"{option}: the page says {default}, the example {known.get(option)}")
		names = re.findall(r"`([^`]+)`", tests)
		faults += [f"{what}: no test"] if not names else []
		faults += [f"{what}: there is no test {name}" for name in names if not test_exists(root, name)]
	faults += [f"{option} is missing from docs/limits.md" for option in known if option not in seen]
	print(*faults, f"{len(seen)} options, {len(faults)} faults", sep="\n")
	return 1 if faults or not seen else 0


if __name__ == "__main__":
	sys.exit(main())
