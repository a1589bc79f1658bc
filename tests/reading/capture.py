"""Writes the fixtures of tests/fixtures/trees from live servers: the raw tree text of each statement, and its digest by nodes.py.

    python3 tests/reading/capture.py SCHEMA.sql CORPUS.jsonl 15=5515 16=5516 17=5517 18=5518

SCHEMA.sql is the corpus schema (its data is not needed), CORPUS.jsonl rows with `id` and `sql`. A database `reading_fx` and a role
`reading_plain` are made on each server (127.0.0.1, superuser postgres) and dropped afterwards. Needs psycopg 3.
The Rust tests need nothing of this: they read the files.
"""
import gzip, json, pathlib, re, sys
import psycopg
from psycopg import pq
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import digest, nodes

TREES = pathlib.Path(__file__).parent.parent / "fixtures" / "trees"
TREE_SETTINGS = "-c debug_print_parse=on -c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log"

def blocks(file):
    """Blocks parted by `;;`: their comment lines without the dashes, and the text."""
    for block in re.split(r"^;;\n", (TREES / file).read_text(), flags=re.M):
        lines = block.rstrip("\n").split("\n")
        yield [l[3:] for l in lines if l.startswith("-- ")], "\n".join(l for l in lines if not l.startswith("-- "))

def forms():
    for comments, sql in blocks("statements.sql"):
        role = next((c[3:] for c in comments if c.startswith("as ")), "postgres")
        yield [c for c in comments if not c.startswith("as ")][-1], role, sql

def corpus(path):
    for line in open(path):
        row = json.loads(line)
        yield row["id"], "postgres", row["sql"]

def hostile():
    """Made here, since they are long or easily broken by an editor."""
    def named(name): return 'SELECT 1 AS "%s" FROM guarded WHERE id = 1' % name
    yield "forged-braces", "postgres", named("a" + "}" * 62)
    yield "forged-braces-even", "postgres", named("}" * 63)
    yield "forged-braces-behind-a-newline", "postgres", named("a\n" + "}" * 61)
    yield "forged-braces-among-newlines", "postgres", named("}" * 17 + "\n" + "}" * 17 + "\n" + "a" + "}" * 26)
    yield "long-honest-name", "postgres", named("n" * 63)
    yield "long-name-of-spaces", "postgres", named("a" + " " * 62)
    yield "long-name-of-multibyte", "postgres", named("漢" * 21)
    yield "deep-not", "postgres", "SELECT id FROM guarded WHERE " + "NOT " * 6000 + "id = 1"
    yield "deep-plus", "postgres", "SELECT id" + " + 1" * 4000 + " FROM guarded"
    yield "deep-enough-plus", "postgres", "SELECT id" + " + 1" * 300 + " FROM guarded"
    yield "long-in-list", "postgres", "SELECT id FROM guarded WHERE id IN (" + ", ".join(map(str, range(500))) + ")"

class Server:
    def __init__(s, port, role):
        s.c = psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=reading_fx options='{TREE_SETTINGS}'", autocommit=True)
        s.conn, s.notes = s.c.pgconn, []
        D = pq.DiagnosticField
        if role != "postgres": s.c.execute(f"SET ROLE {role}")
        s.conn.notice_handler = lambda r: s.notes.append((r.error_field(D.SEVERITY_NONLOCALIZED), r.error_field(D.SOURCE_FUNCTION),
                                                         r.error_field(D.MESSAGE_PRIMARY), r.error_field(D.MESSAGE_DETAIL)))
    def read(s, sql, types=None):
        """Both trees, or the text of the error, or None where there are not exactly two."""
        s.notes.clear()
        r = s.conn.prepare(b"", sql.encode(), types)
        if r.status == pq.ExecStatus.FATAL_ERROR: return r.error_message.decode()
        notes = [(n[2], n[3]) for n in s.notes if n[0] == b"LOG" and n[1] == b"elog_node_display"]
        if [n[0] for n in notes] != [b"parse tree:", b"rewritten parse tree:"]: return None
        return notes[0][1], notes[1][1]

def capture_statements(version, port, statements, form_names):
    out = []
    for role in ("postgres", "reading_plain"):
        server = Server(port, role)
        for name, wanted, sql in statements:
            if wanted != role: continue
            trees = server.read(sql)
            if isinstance(trees, str) and name in form_names: print(version, name, "is not accepted:", trees.split("\n")[0])
            if isinstance(trees, tuple): out.append((name, sql, *trees, digest.of(version, *trees)))
        server.c.close()
    return out

def capture_templates(port):
    """Records of name, verdict, statement, template, sites (`position length template_position template_length` a line), first
    parameter, and the two trees of each; those of the template are empty where Postgres does not accept it."""
    server, out = Server(port, "postgres"), []
    for comments, marked in blocks("templates.sql"):
        name, verdict = comments[-1].split(": ")
        first = 1 + max([int(n) for n in re.findall(r"\$(\d+)", marked)] or [0])
        if name == "parameter-number-taken": first = 2
        sql, template, sites = b"", b"", []
        for i, part in enumerate(re.split("[«»]", marked)):
            part = part.encode()
            if i % 2:
                parameter = b"$%d" % (first + i // 2)
                sites.append((len(sql), len(part), len(template), len(parameter)))
                sql, template = sql + part, template + parameter
            else: sql, template = sql + part, template + part
        trees = server.read(sql.decode())
        assert isinstance(trees, tuple), (name, trees)
        at = {int(n["location"]): int(n["consttype"]) for q in nodes.parse(trees[0]) for n, _ in nodes.walk(q) if n.name == "CONST"}
        types = [0] * (first - 1) + [at.get(site[0], 0) for site in sites]
        templated = server.read(template.decode(), types)
        if not isinstance(templated, tuple): templated = (b"", b"")
        lines = "\n".join(" ".join(map(str, site)) for site in sites)
        out.append((name, verdict, sql, template, lines, str(first), *trees, *templated))
    server.c.close()
    return out

def write(file, records):
    """Each part of each record is preceded by its length in decimal and a newline, and followed by a newline."""
    body = bytearray()
    for record in records:
        for part in record:
            part = part.encode() if isinstance(part, str) else part
            body += b"%d\n" % len(part) + part + b"\n"
    with gzip.GzipFile(TREES / file, "wb", compresslevel=9, mtime=0) as f: f.write(bytes(body))

def main():
    schema, rows, *servers = sys.argv[1:]
    ddl = open(schema).read()
    ddl = re.sub(r"^INSERT INTO .*?;\n", "", ddl, flags=re.M | re.S)  # structure only
    ddl = re.sub(r"^(ANALYZE|VACUUM|REFRESH|SELECT setval).*?;\n", "", ddl, flags=re.M | re.S)
    form_names = {name for name, _, _ in [*forms(), *hostile()]}
    statements = list(corpus(rows)) + list(forms()) + list(hostile())
    for pair in servers:
        version, port = map(int, pair.split("="))
        admin = psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True)
        admin.execute("DROP DATABASE IF EXISTS reading_fx"); admin.execute("DROP ROLE IF EXISTS reading_plain")
        admin.execute("CREATE DATABASE reading_fx TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
        with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=reading_fx", autocommit=True) as c:
            c.execute(ddl); c.execute((TREES / "extra.sql").read_text())
        captured = capture_statements(version, port, statements, form_names)
        write(f"{version}.trees.gz", captured)
        templates = capture_templates(port)
        write(f"{version}.templates.gz", templates)
        admin.execute("DROP DATABASE reading_fx"); admin.execute("DROP ROLE reading_plain")
        print(version, len(captured), "of", len(statements), "statements,", len(templates), "templates")

if __name__ == "__main__": main()
