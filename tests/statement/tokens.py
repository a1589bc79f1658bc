#!/usr/bin/env python3
"""Writes tokens.jsonl: token boundaries as Postgres's own lexer sees them, for the differential test.

Needs `pip install pglast`. Texts are the honest statements beside this file, cut and spliced at random, with the bytes
that lexers disagree about. One JSON array a line: the text, then [start, end] in bytes of each token, or null where
Postgres finds no tokens.
"""
import json
import pathlib
import random

from pglast.parser import scan

HERE = pathlib.Path(__file__).parent
PIECES = [
    "'", "''", "'a'", "'a''b'", "E'\\''", "e'a\\\\'", "E'", "U&'\\0061'", "U&\"\\0061\"", "u&", "B'01'", "X'1f'", "N'x'", "'a'\n'b'",
    "'a' \t\n -- c\n 'b'", "'a' -- c\n'b'", "'a' /* c */ 'b'", "'a' 'b'", "'a'\r'b'", "E'a'\n'\\''", "$$", "$$a$$", "$a$", "$a$;'$a$", "$a$b$", "$1", "$12", "$1a", "a$1", "a$$",
    '"', '""', '"a"', '"a""b"', '"a b"', "--", "-- x\n", "-- x\r", "/*", "*/", "/* x */", "/* /* x */ */", "/*/", "**/", "+", "-", "*", "/", "+-",
    "-+", "@-", "@-@", "*-", "<-", "=-", "!=-", "!-", "||-", "~-+", "<=", ">=", "<>", "!=", "=>", ":=", "::", ":", "..", ".", ",", ";", "(", ")", "[", "]", "=", "|/",
    "1", "12", "1.5", ".5", "5.", "1..2", "1e3", "1.5e-3", "1e", "1e+", "1_000", "0x1F", "0b1", "1a", "1.a", "5.e3", "12345678901234567890123",
    "a", "A_b", "ab", "select", "FROM", "\u00e9", "x\u0085y", "\u00a0", "\u3000", "\ufeff", "\u200b", "\U0001f600", "\x0b", "\x0c", "\x01", "\\", "{", "}", "?", "#", "&", "`", "%", "^", "~",
    " ", "\n", "\t", "\r", "  ",
]


def boundaries(text):
    """pglast counts in characters; we count in bytes."""
    try:
        tokens = scan(text)
    except Exception:
        return None
    at = [0]
    for char in text:
        at.append(at[-1] + len(char.encode()))
    found = []
    for token in tokens:
        start, end = at[token.start], at[token.end + 1]
        if token.name not in ("SQL_COMMENT", "C_COMMENT"):
            found.append([start, end])
    return found


def main():
    rng = random.Random(7)
    honest = (HERE / "honest.sql").read_text().splitlines()
    texts = list(honest)
    for _ in range(1500):
        texts.append("".join(rng.choice(PIECES) + rng.choice(["", "", " "]) for _ in range(rng.randint(1, 7))))
    for _ in range(400):
        line, other = rng.choice(honest), rng.choice(honest)
        cut = rng.randrange(len(line) + 1)
        texts.append(line[:cut] + rng.choice(PIECES) + other[rng.randrange(len(other) + 1):])
    with open(HERE / "tokens.jsonl", "w") as out:
        for text in dict.fromkeys(texts):
            out.write(json.dumps([text, boundaries(text)], separators=(",", ":")) + "\n")


main()
