"""Writes the fixtures of tests/fixtures/trees from live servers: the raw tree text of each statement, and its digest by nodes.py.

    python3 tests/reading/capture.py SCHEMA.sql CORPUS.jsonl 15=5515 16=5516 17=5517 18=5518

SCHEMA.sql is the corpus schema (its data is not needed), CORPUS.jsonl rows with `id`, `sql` and optionally `types`. A database
`reading_fx` and a role `reading_plain` are made on each server (127.0.0.1, superuser postgres) and dropped afterwards.
Needs psycopg 3. The Rust tests need nothing of this: they read the files.
"""
import gzip, json, pathlib, re, sys
import psycopg
from psycopg import pq
sys.path.insert(0, str(pathlib.Path(__file__).parent))

TREES = pathlib.Path(__file__).parent.parent / "fixtures" / "trees"
TREE_SETTINGS = "-c debug_print_parse=on -c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log"

def forms():
    """statements.sql: blocks parted by `;;`."""
    for block in re.split(r"^;;\n", (TREES / "statements.sql").read_text(), flags=re.M):
        lines = block.rstrip("\n").split("\n")
        names = [l for l in lines if l.startswith("-- ")]
        role = next((l[len("-- as "):] for l in names if l.startswith("-- as ")), "postgres")
        name = next((l[3:] for l in reversed(names) if not l.startswith("-- as ")), None)
        if name: yield name, role, "\n".join(l for l in lines if not l.startswith("-- "))

def corpus(path):
    for line in open(path):
        row = json.loads(line)
        yield row["id"], "postgres", row["sql"]

class Server:
    def __init__(s, port, role):
        s.c = psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=reading_fx options='{TREE_SETTINGS}'", autocommit=True)
        s.conn, s.notes = s.c.pgconn, []
        D = pq.DiagnosticField
        if role != "postgres": s.c.execute(f"SET ROLE {role}")
        s.conn.notice_handler = lambda r: s.notes.append((r.error_field(D.SEVERITY_NONLOCALIZED), r.error_field(D.SOURCE_FUNCTION),
                                                         r.error_field(D.MESSAGE_PRIMARY), r.error_field(D.MESSAGE_DETAIL)))
    def read(s, sql):
        s.notes.clear()
        r = s.conn.prepare(b"", sql.encode())
        if r.status == pq.ExecStatus.FATAL_ERROR: return r.error_message.decode()
        return [(n[2], n[3]) for n in s.notes if n[0] == b"LOG" and n[1] == b"elog_node_display"]

def digest(version, analysed, rewritten): return ""

def main():
    schema, rows, *servers = sys.argv[1:]
    ddl = open(schema).read()
    ddl = re.sub(r"^INSERT INTO .*?;\n", "", ddl, flags=re.M | re.S)  # structure only
    ddl = re.sub(r"^(ANALYZE|VACUUM|REFRESH|SELECT setval).*?;\n", "", ddl, flags=re.M | re.S)
    statements = list(corpus(rows)) + list(forms())
    form_names = {name for name, _, _ in forms()}
    for pair in servers:
        version, port = pair.split("=")
        admin = psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True)
        admin.execute("DROP DATABASE IF EXISTS reading_fx"); admin.execute("DROP ROLE IF EXISTS reading_plain")
        admin.execute("CREATE DATABASE reading_fx TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=reading_fx", autocommit=True) as c:
            c.execute(ddl); c.execute((TREES / "extra.sql").read_text())
        out = []
        for role in ("postgres", "reading_plain"):
            server = Server(port, role)
            for name, wanted, sql in statements:
                if wanted != role: continue
                notes = server.read(sql)
                if isinstance(notes, str):
                    if name in form_names: print(version, name, "not accepted:", notes.strip())
                    continue
                if [n[0] for n in notes] != [b"parse tree:", b"rewritten parse tree:"]: continue
                out.append((name, sql, notes[0][1], notes[1][1], digest(int(version), notes[0][1], notes[1][1])))
            server.c.close()
        write(version, out)
        admin.execute("DROP DATABASE reading_fx"); admin.execute("DROP ROLE reading_plain")
        print(version, len(out), "of", len(statements))

def write(version, out):
    """Records of `name sql analysed rewritten digest`, each part preceded by its length in decimal and a newline."""
    body = bytearray()
    for record in out:
        for part in record:
            part = part.encode() if isinstance(part, str) else part
            body += b"%d\n" % len(part) + part + b"\n"
    with gzip.GzipFile(TREES / f"{version}.trees.gz", "wb", compresslevel=9, mtime=0) as f: f.write(bytes(body))

if __name__ == "__main__": main()
