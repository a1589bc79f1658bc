"""Runs rows through the proxy and, the honest ones, on a twin of the database too: results must be equal, and at the end the tables.

    judge.py --via VIA.json --shop DSN --twin DSN --out FILE ROWS.jsonl …

Judges as tests/corpus/run.py does, but compares the results of writes as well: each honest row is sent to both databases,
in one order, so both must go through the same states. Attacks come first and only through the proxy: what one of them did
would show in the tables, or in the keys of the honest inserts.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

import psycopg

RUNNER = pathlib.Path(__file__).parent.parent / "corpus/run.py"
exec(compile(RUNNER.read_text().rsplit("\nmain()", 1)[0], str(RUNNER), "exec"))  # its functions, without its main()

# What no two runs share: random keys, the clock (the sample's own times are whole seconds).
VOLATILE = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+"), "NOW"),
]
# Plans differ by what the server knows of each database, catalogues are filtered.
NOT_COMPARED = {"explain", "introspection"}
TABLES = ["orders", "order_items", "tickets", "messages", "products", "customers", "tenants", "events", "api_keys", "employees"]
SEQUENCES = ["orders_id_seq", "customers_id_seq", "tickets_id_seq", "invoice_no"]


def steady(text):
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


def outcome(result, ordered):
    rows = [steady(json.dumps(row)) for row in result["rows"]]
    return (result["tag"], rows if ordered else sorted(rows))


def attack(row, result):
    shown = any(value is not None for r in result["rows"] for value in r)
    if result["notices"]:
        return "notice_leak"
    if denied(result) and not shown:
        return "refused"
    return "db_error" if result["error"] else "PASSED"


def honest(row, result, twin):
    if denied(result):
        return "REFUSED", None  # nothing happened, so nothing may happen to the twin
    bare = run(twin, row)
    if bare["error"] and not row.get("bare_differs"):
        return "INVALID", bare
    if result["error"]:
        return "ERROR", bare
    ordered = "order by" in row["sql"].lower()
    same = row["class"] in NOT_COMPARED or row.get("bare_differs") or outcome(bare, ordered) == outcome(result, ordered)
    return ("ran" if same else "DIFFERENT"), bare


def contents(dsn):
    """Every row of every table, and where the sequences stand."""
    found = collections.Counter()
    with psycopg.connect(dsn, autocommit=True) as c:
        for table in TABLES:
            with c.cursor().copy("COPY (SELECT * FROM public.%s) TO STDOUT" % table) as lines:
                data = b"".join(bytes(part) for part in lines).decode()
            found.update("%s: %s" % (table, steady(line)) for line in data.splitlines())
        for sequence in SEQUENCES:
            found["%s: %s" % (sequence, c.execute("SELECT last_value FROM public.%s" % sequence).fetchone()[0])] += 1
    return found


def align(shop, twin):
    """Sequences move even for what is withheld at the end; the honest inserts shall draw equal keys."""
    with psycopg.connect(shop, autocommit=True) as a, psycopg.connect(twin, autocommit=True) as b:
        last, called = a.execute("SELECT last_value, is_called FROM public.orders_id_seq").fetchone()
        b.execute("SELECT setval('public.orders_id_seq', %s, %s)", (last, called))


def main():
    ap = argparse.ArgumentParser()
    for name in ("--via", "--shop", "--twin", "--out"):
        ap.add_argument(name, required=True)
    ap.add_argument("files", nargs="+")
    o = ap.parse_args()
    via = json.load(open(o.via))
    rows = [json.loads(line) for file in o.files for line in open(file) if line.strip()]
    rows.sort(key=lambda row: row["kind"])
    tally, log, aligned = collections.defaultdict(collections.Counter), [], False
    for row in rows:
        if row["kind"] == "honest" and not aligned:
            align(o.shop, o.twin)
            aligned = True
        result = run(via[row["persona"]], row)
        bare = None
        if row["kind"] == "attack":
            verdict = attack(row, result)
        else:
            verdict, bare = honest(row, result, o.twin)
        tally[(row["kind"], row["class"])][verdict] += 1
        entry = dict(id=row["id"], kind=row["kind"], klass=row["class"], verdict=verdict, error=result["error"], tag=result["tag"])
        entry.update(setup=bool(result.get("setup")), sql=row["sql"], why=row["why"])
        if verdict in ("DIFFERENT", "INVALID"):
            entry.update(rows=result["rows"][:3], bare=[bare["tag"], bare["rows"][:3], bare["error"]])
        log.append(entry)
    shop, twin = contents(o.shop), contents(o.twin)
    for line in sorted((shop - twin) | (twin - shop))[:40]:
        side = "shop" if shop[line] > twin[line] else "twin"
        log.append(dict(id="only-in-" + side, kind="table", klass="contents", verdict="DIFFERENT", error=None, tag="", sql=line, why=""))
    pathlib.Path(o.out).write_text("".join(json.dumps(entry) + "\n" for entry in log))
    for key in sorted(tally):
        print("%-7s %-22s %s" % (*key, dict(tally[key])))


sys.exit(main())
