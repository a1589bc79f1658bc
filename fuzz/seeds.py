#!/usr/bin/env python3
"""Fills fuzz/corpus with what the tests' fixtures hold, so that fuzzing starts from real input."""

import gzip
import hashlib
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"


def save(target, data):
    folder = ROOT / "fuzz/corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def parts(path):
    data, found = gzip.decompress(path.read_bytes()), []
    while data:
        length, _, rest = data.partition(b"\n")
        found.append(rest[: int(length)])
        data = rest[int(length) + 1 :]
    return found


def node_text():
    for index, version in enumerate((15, 16, 17, 18)):
        all_parts = parts(TESTS / f"fixtures/trees/{version}.trees.gz")
        for name in range(0, len(all_parts), 5):
            analysed, rewritten = all_parts[name + 2 : name + 4]
            if len(analysed) < 6000:
                save("node_text", bytes([index]) + analysed + b"\0" + rewritten)


def template():
    for line in (TESTS / "statement/corpus_sample.jsonl").read_text().splitlines():
        row = json.loads(line)
        text = row.get("sql") or row.get("text") or ""
        if text:
            save("template", text.encode())
    for text in (TESTS / "statement/honest.sql").read_text().split("\n"):
        if text.strip():
            save("template", text.encode())


def token():
    for index, vector in enumerate(json.loads((TESTS / "vectors/token.json").read_text())):
        save("token", b"\xff" + vector["token"].encode())
        save("token", bytes([index % 100, index % 8, 7 * index % 256, index % 6, 65]))
    for text in texts(json.loads((TESTS / "vectors/grant.json").read_text())):
        save("token", b"\xff" + text.encode())


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def message(tag, body):
    return tag + struct.pack(">i", len(body) + 4) + body


def frame():
    query = message(b"Q", b"SELECT 1\0")
    parse = message(b"P", b"s\0SELECT $1\0" + struct.pack(">hI", 1, 23))
    bind = message(b"B", b"\0s\0" + struct.pack(">hhhi", 1, 1, 1, 4) + b"\0\0\0\x07" + struct.pack(">hh", 1, 1))
    describe, execute = message(b"D", b"Ss\0"), message(b"E", b"\0" + struct.pack(">i", 0))
    call = message(b"F", struct.pack(">Ihhih", 1, 0, 1, -1, 0))
    session = [query, parse + bind + describe + execute + message(b"S", b""), call, message(b"C", b"Pp\0") + message(b"H", b"")]
    session += [message(b"d", b"copy") + message(b"c", b"") + message(b"f", b"no\0"), message(b"X", b"")]
    for data in session:
        save("frame", b"\x01\x03" + data)
    save("frame", b"\x00\x01" + message(b"p", b"pgw1.token\0"))
    row = message(b"D", struct.pack(">hii", 2, 1, -1)[:6] + b"x" + struct.pack(">i", -1))
    description = message(b"T", struct.pack(">h", 1) + b"id\0" + struct.pack(">IhIhih", 0, 0, 23, 4, -1, 0))
    error = message(b"E", b"SERROR\0C42501\0Mno\0\0")
    status = message(b"S", b"TimeZone\0UTC\0") + message(b"K", struct.pack(">ii", 1, 2)) + message(b"Z", b"I")
    for data in (row, description + row + message(b"C", b"SELECT 1\0"), error, status, message(b"R", struct.pack(">i", 3))):
        save("frame", b"\x02\x05" + data)


def startup():
    def packet(code, body=b""):
        return struct.pack(">iI", len(body) + 8, code) + body

    parameters = b"user\0agent\0database\0shop\0options\0-c statement_timeout=5s\0\0"
    for data in (
        packet(80877103),
        packet(80877104),
        packet(80877102, struct.pack(">ii", 1, 2)),
        packet(3 << 16, parameters),
        packet((3 << 16) + 2, b"user\0a\0_pq_.x\0y\0\0"),
        packet(2 << 16, parameters),
    ):
        save("startup", b"\x03" + data)


for seeds in (node_text, template, token, frame, startup):
    seeds()
