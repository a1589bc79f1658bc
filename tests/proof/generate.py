"""Writes honest.jsonl and attacks.jsonl beside this file.

    python3 tests/proof/generate.py [postgres URL of the shop]

With a URL each row is tried on the bare database: an honest one must run inside its row limits, an attack must at least parse.
"""

import json
import pathlib
import re
import sys

import attacks
import honest

HERE = pathlib.Path(__file__).parent
LIMITS = {
    "support": {"customers": 100, "orders": 200, "order_items": 1000, "products": 1000, "tenants": 100, "tickets": 500, "messages": 200},
    "analyst": {"orders": 1000, "order_items": 1000, "products": 1000, "tenants": 100, "events": 5000},
    "writer": {"orders": 1000, "order_items": 1000, "products": 1000},
}


def write(name, rows):
    count = {}
    with open(HERE / name, "w", encoding="utf-8") as out:
        for row in rows:
            count[row["class"]] = count.get(row["class"], 0) + 1
            row["id"] = f"{row['kind'][0]}-{row['class']}-{count[row['class']]:03}"
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(name, len(rows), count)


def literal(v):
    if v is None:
        return "NULL"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, list):
        return "'{" + ",".join(str(x) for x in v) + "}'"
    return "'" + str(v).replace("'", "''") + "'"


def bare(row):
    sql = row["sql"].rstrip().rstrip(";")
    for i in range(len(row.get("params", [])), 0, -1):
        sql = sql.replace(f"${i}", literal(row["params"][i - 1]))
    return sql


def check(url, rows):
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute("SET default_transaction_read_only = on")
        db.execute("SET statement_timeout = '3s'")
        for row in rows:
            try:
                if row["kind"] == "honest":
                    cursor = db.execute(bare(row).encode())
                    n = len(cursor.fetchall())
                    named = [t for t in LIMITS[row["persona"]] if re.search(rf"\b{t}\b", row["sql"])]
                    most = min([LIMITS[row["persona"]][t] for t in named] or [5000])
                    if n > most:
                        print("TOO MANY ROWS", row["id"], n, most, row["sql"])
                else:
                    db.execute(("EXPLAIN " + bare(row)).encode())
            except Exception as e:  # noqa: BLE001
                print("ERROR", row["id"], row["class"], str(e).splitlines()[0], "|", row["sql"][:150])


write("honest.jsonl", honest.ROWS)
write("attacks.jsonl", attacks.ROWS)
if len(sys.argv) > 1:
    check(sys.argv[1], honest.ROWS + attacks.ROWS)
