#!/usr/bin/env python3
"""Writes relations.jsonl: the relations that Postgres's own grammar sees in the honest statements and in the corpus sample.

Needs `pip install pglast`. One JSON array a line: the text, and the sorted names ("schema.name" or "name") of every
RangeVar, references to CTEs among them; or null where Postgres can't parse the text.
"""
import json
import pathlib

from pglast import parse_sql
from pglast.visitors import Skip, Visitor

HERE = pathlib.Path(__file__).parent


class Relations(Visitor):
    def __init__(self):
        self.names = []

    def visit_LockingClause(self, ancestors, node):
        return Skip  # FOR UPDATE OF names an alias

    def visit_RangeVar(self, ancestors, node):
        self.names.append((node.schemaname + "." if node.schemaname else "") + node.relname)


def relations(text):
    try:
        tree = parse_sql(text)
    except Exception:
        return None
    visitor = Relations()
    visitor(tree)
    return sorted(visitor.names)


def main():
    texts = (HERE / "honest.sql").read_text().splitlines()
    for line in (HERE / "corpus_sample.jsonl").read_text().splitlines():
        texts.append(json.loads(line)["sql"])
    with open(HERE / "relations.jsonl", "w") as out:
        for text in dict.fromkeys(texts):
            out.write(json.dumps([text, relations(text)], separators=(",", ":")) + "\n")


main()
