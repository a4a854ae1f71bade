#!/usr/bin/env python3
"""Makes inputs for fuzz_stream from the attacks of tests/wire, so that what is known to hurt others is where it begins.

usage: seeds.py FOLDER"""

import json
import os
import re
import sys
import types

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [f"{HERE}/../wire", f"{HERE}/../e2e"]
sys.dont_write_bytecode = True

from attack import Attack  # noqa: E402

# The scene that brings a conversation to a case's phase, and whether the case has said its header there.
PHASES = {
	"connect": ("public-in-clear", False),
	"open": ("public-in-clear", True),
	"tls": ("public-in-secured", False),
	"tlsopen": ("public-in-secured", True),
	"auth": ("public-in-established", False),
	"listen": ("public-out-clear", False),
}
BEHIND_TLS = {"public-in-clear": "public-in-secured", "public-out-clear": "public-out-secured"}
# Whose names they are told of: those of stream.scene.
WORLD = types.SimpleNamespace(local="ejd.lab", remote="peer.lab", evil="evil.lab")
MOST = 65536


def scenes():
	"""Their numbers, by name."""
	with open(f"{HERE}/fuzz_stream.c") as f:
		return {name: i for i, name in enumerate(re.findall(r'^    \{"([a-z-]+)", "', f.read(), re.MULTILINE))}


def said(case):
	"""(scene, [what is said]) of a case; another behind the handshake."""
	scene, header = PHASES[case["phase"].partition("@")[0]]
	attack = Attack(WORLD, case, None)
	attack.peer = types.SimpleNamespace(stream_id="$id")
	pieces = [attack.header.encode()] if header else []
	for step, *arguments in case["steps"]:
		if step in ("s", "drip"):
			pieces.append(attack.fill_in(arguments[0]))
		elif step in ("rep", "repi", "repslow"):
			unit = attack.fill_in(arguments[0].replace("%d", "7"))
			pieces.append(unit * min(arguments[1], MOST // max(len(unit), 1)))
		elif step == "tls" and scene in BEHIND_TLS:
			yield scene, pieces
			scene, pieces = BEHIND_TLS[scene], []
	yield scene, pieces


def main():
	folder = sys.argv[1]
	os.makedirs(folder, exist_ok=True)
	numbers = scenes()
	with open(f"{HERE}/../wire/attacks.json") as f:
		cases = json.load(f)
	made = 0
	for case in cases:
		for part, (scene, pieces) in enumerate(said(case)):
			data = b"\0".join(pieces)
			if data:
				with open(f"{folder}/{case['role']}-{case['id']}-{part}", "wb") as f:
					f.write(bytes([numbers[scene], 0]) + data[:MOST])
				made += 1
	print(f"{made} inputs of {len(cases)} attacks")
	return 0 if made >= len(cases) else 1


if __name__ == "__main__":
	sys.exit(main())
