#!/usr/bin/env python3
"""Checks what a reviewer should not have to count.

usage: check_style.py SOURCE_DIR [OBJECT…]    exit 0: clean, 1: not, each violation on a line

  functions of at most 60 lines, files of at most 600
  in public headers, a comment at every prototype or in the group that it stands in
  no mutable variables of static storage outside of log, file and main, by the symbols of the built OBJECTs (or archives)"""

import pathlib
import re
import subprocess
import sys

FUNCTION_MAX, FILE_MAX = 60, 600
STATE_ALLOWED = {"log", "main", "file"}
PROTOTYPE = re.compile(r"^(?!static inline|typedef|return)[A-Za-z_][\w ]*[ *]+\w+\(")
# .data.rel.ro is missing on purpose: it is constant once the loader is done.
MUTABLE = re.compile(r"^(\.bss|\.tbss|\.tdata|\.data(?!\.rel\.ro)|\*COM\*)")
# Variables that the address sanitizer adds.
INSTRUMENTATION = re.compile(r"^(__odr_asan\.|__unnamed_)")


def functions(lines):
    """(first line, last line) of each: a body opens and closes in the first column."""
    start = None
    for number, line in enumerate(lines):
        if line == "{" and start is None:
            start = number - 1
            while start > 0 and re.match(r"\s", lines[start]):
                start -= 1
        elif line == "}" and start is not None:
            yield start, number
            start = None


def check_sizes(lines):
    if len(lines) > FILE_MAX:
        yield 0, f"file of {len(lines)} lines"
    for first, last in functions(lines):
        if last - first + 1 > FUNCTION_MAX:
            yield first, f"function of {last - first + 1} lines"


def check_prototypes(lines):
    """A group is what stands between two empty lines."""
    for number, line in enumerate(lines):
        if not PROTOTYPE.match(line):
            continue
        first = last = number
        while first > 0 and lines[first - 1].strip():
            first -= 1
        while last < len(lines) and lines[last].strip():
            last += 1
        if not any("/*" in text or "*/" in text for text in lines[first:last]):
            yield number, "prototype without a comment"


def check_state(path):
    """One row of nm: FILE:[MEMBER:]NAME | value | class | type | size | line | section."""
    if not pathlib.Path(path).exists():
        yield f"{path} is not built"
        return
    text = subprocess.run(["nm", "-A", "-f", "sysv", path], check=True, capture_output=True, text=True).stdout
    for row in text.splitlines():
        fields = [field.strip() for field in row.split("|")]
        if len(fields) != 7 or fields[3] not in ("OBJECT", "TLS") or not MUTABLE.match(fields[6]):
            continue
        where, name = fields[0].rsplit(":", 1)
        source = pathlib.PurePath(where.rsplit(":", 1)[-1]).name.split(".")[0]
        if source.split("_")[0] not in STATE_ALLOWED and not INSTRUMENTATION.match(name):
            yield f"{source}.c: {name} is mutable ({fields[6]})"


def sources(root):
    for folder in ("include", "proxy", "tests", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".inc"):
                yield path


def main():
    root, objects = pathlib.Path(sys.argv[1]), sys.argv[2:]
    bad, files = [], 0
    for path in sources(root):
        files += 1
        lines = path.read_text().splitlines()
        found = list(check_sizes(lines))
        if path.parent == root / "include/sallyport":
            found += check_prototypes(lines)
        bad += [f"{path.relative_to(root)}:{number + 1}: {wrong}" for number, wrong in found]
    for path in objects:
        bad += check_state(path)
    for line in bad:
        print(line)
    print(f"{files} sources, {len(objects)} objects, {len(bad)} violations")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
