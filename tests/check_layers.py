#!/usr/bin/env python3
"""Checks that every module includes only modules of lower layers (tests/layers.txt).

usage: check_layers.py [SOURCE_DIR]    exit 0: in order, 1: not, each violation on a line"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


class Layers:
    """Rank and folder of every module, sources of other names, and who may see whose internals."""

    def __init__(self, text):
        self.rank, self.folder, self.parts, self.friends = {}, {}, {}, set()
        for number, line in enumerate(text.splitlines()):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "friend":
                self.friends.add(tuple(words[1:]))
            elif words[0] == "part":
                self.parts[words[2]] = words[1]
            else:
                for module in words[1:]:
                    self.rank[module], self.folder[module] = number, words[0]

    def module_of(self, stem, folder):
        """xmpp_dialback -> xmpp; None: of no module.  The command-line tool is one module, whatever its files."""
        if folder == "ctl":
            return "ctl"
        stem = self.parts.get(stem, stem)
        while stem not in self.rank and "_" in stem:
            stem = stem.rsplit("_", 1)[0]
        return stem if stem in self.rank else None


def check_include(layers, module, folder, included):
    """What is wrong with a module's including this; None: nothing."""
    path = pathlib.PurePath(included)
    public = path.parent.name == "sallyport"
    other = layers.module_of(path.stem, None if public else folder)
    if other is None:
        return f"{included} belongs to no module of layers.txt"
    if other == module:
        return None
    if not public and (module, other) not in layers.friends:
        return f"{included} is {other}'s own"
    if layers.rank[other] > layers.rank[module]:
        return f"{module} includes {other}, which stands above it"
    if layers.rank[other] == layers.rank[module]:
        return f"{module} includes {other}, which stands beside it"
    return None


def check_file(layers, path, folder):
    """Violations in one file; folder: None for a public header."""
    module = layers.module_of(path.stem, folder)
    if module is None:
        return ["belongs to no module of layers.txt"]
    if folder is not None and layers.folder[module] != folder:
        return [f"{module} lives in {layers.folder[module]}, not in {folder}"]
    found = (check_include(layers, module, folder, i) for i in INCLUDE.findall(path.read_text()))
    return [wrong for wrong in found if wrong]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    layers = Layers((root / "tests/layers.txt").read_text())
    files = [(path, None) for path in sorted((root / "include/sallyport").glob("*.h"))]
    for path in sorted((root / "proxy").rglob("*")):
        if path.suffix in (".c", ".h", ".inc"):
            files.append((path, path.parent.name if path.parent.name != "proxy" else "main"))
    bad = [(path, wrong) for path, folder in files for wrong in check_file(layers, path, folder)]
    used = {layers.module_of(path.stem, folder) for path, folder in files}
    for module in sorted(set(layers.rank) - used):
        bad.append((root / "tests/layers.txt", f"{module} has no source"))
    for path, wrong in bad:
        print(f"{path.relative_to(root)}: {wrong}")
    print(f"{len(files)} files, {len(bad)} violations")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
