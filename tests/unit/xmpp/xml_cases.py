#!/usr/bin/env python3
"""Writes the XML cases below DIR as records for test_xml_cases: a line "ID MODE EXPECT SIZE", then SIZE bytes.

Stanza cases are put between a stream header and its end.  Cases that are not judged ("either") are left out."""
import base64
import gzip
import json
import os
import sys

HEADER = (b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
          b"xmlns:db='jabber:server:dialback' version='1.0'>")


def main(folder):
    for name in ('xmlconf.jsonl.gz', 'extra.jsonl'):
        path = os.path.join(folder, 'xml', name)
        for line in gzip.open(path, 'rt') if name.endswith('.gz') else open(path):
            case = json.loads(line)
            for mode in ('stanza', 'doc'):
                expect = case.get('expect_' + mode, 'either')
                if expect == 'either' or mode + '_b64' not in case:
                    continue
                data = base64.b64decode(case[mode + '_b64'])
                if mode == 'stanza':
                    data = HEADER + data + b'</stream:stream>'
                sys.stdout.buffer.write(f"{case['id']} {mode} {expect} {len(data)}\n".encode() + data)


main(sys.argv[1])
