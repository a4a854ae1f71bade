#!/usr/bin/env python3
"""Checks that no other crypto library than BoringSSL gets into our processes, through whatever dependency.

usage: libraries.py FOLDER|"" PROGRAM...    FOLDER: where BoringSSL itself is a shared library; "": it is linked statically"""

import re
import subprocess
import sys

FOREIGN = re.compile(r"^lib(ssl|crypto|gnutls|nettle|nss3|gcrypt|mbedtls|wolfssl)[-.0-9]*\.so")


def loaded(program):
    """(name, path) of every shared library, indirect ones too."""
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [(line.split()[0], line.split("=>")[-1].split("(")[0].strip()) for line in text.splitlines() if line.strip()]


def main():
    folder, programs, bad, seen = sys.argv[1], sys.argv[2:], [], 0
    for program in programs:
        for name, path in loaded(program):
            seen += 1
            if FOREIGN.match(name.rsplit("/", 1)[-1]) and not (folder and path.startswith(folder + "/")):
                bad.append(f"{program} loads {name} ({path})")
    print("\n".join(bad), end="\n" if bad else "")
    print(f"{seen} libraries of {len(programs)} programs, {len(bad)} that must not be there")
    return 1 if bad or seen == 0 or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
