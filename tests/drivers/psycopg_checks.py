"""psycopg 3: its prepared statements, pipeline mode, server-side binding, text and binary, cancel, pool."""

import datetime
import decimal
import uuid

import psycopg
from psycopg import errors, rows
from psycopg_pool import ConnectionPool

from checks import ANALYST, AUTHORITY, BARE, SOCKET_DIR, SUPPORT, Lock, end, equal, run, soon, timed

UTC = datetime.timezone.utc
connection = psycopg.connect(SUPPORT, autocommit=True)
analyst = psycopg.connect(ANALYST, autocommit=True)
bare = psycopg.connect(BARE, autocommit=True)


def one(sql, params=None, **options):
    return connection.execute(sql, params, **options).fetchone()


def connects():
    equal(connection.info.dbname, "shop")
    equal(connection.info.encoding, "utf-8")
    equal(connection.info.parameter_status("server_version"), bare.info.parameter_status("server_version"))
    equal(connection.info.parameter_status("standard_conforming_strings"), "on")
    equal(connection.info.parameter_status("is_superuser"), "off")


def every_door():
    doors = {
        "in clear": {"sslmode": "disable"},
        "TLS": {"sslmode": "verify-full", "sslrootcert": AUTHORITY},
        "TLS asked for first by GSSAPI": {"sslmode": "require", "gssencmode": "prefer"},
        "a Unix socket": {"host": SOCKET_DIR},
    }
    # libpq 17 and later.
    if psycopg.pq.version() >= 170000:
        doors["direct TLS"] = {"sslmode": "verify-full", "sslrootcert": AUTHORITY, "sslnegotiation": "direct"}
    for door, how in doors.items():
        with psycopg.connect(SUPPORT, **how) as own:
            equal((door, own.pgconn.ssl_in_use), (door, "TLS" in door))
            equal(own.execute("SELECT id FROM customers WHERE tenant_id = 7 AND id = 6").fetchone(), (6,))
            own.cancel_safe()


def same_as_bare():
    for binary in (False, True):
        for sql, params in [
            ("SELECT id, name, email, phone, tags, profile, created_at, external_id FROM customers WHERE tenant_id = 7 AND id = %s", (6,)),
            ("SELECT id, status, total_cents, note, placed_on, created_at FROM orders WHERE tenant_id = 7 AND customer_id = %s ORDER BY id", (6,)),
            ("SELECT id, subject, priority, created_at, closed_at FROM tickets WHERE tenant_id = %s AND status = %s ORDER BY id", (7, "open")),
            ("SELECT id, sku, price_cents, attributes, active FROM products WHERE id < %s ORDER BY id", (20,)),
        ]:
            with connection.cursor(binary=binary) as through, bare.cursor(binary=binary) as direct:
                through.execute(sql, params)
                direct.execute(sql, params)
                found = through.fetchall()
                assert found, sql
                equal(found, direct.fetchall())
                described = [(c.name, c.type_code, c.internal_size, c.precision) for c in through.description]
                equal(described, [(c.name, c.type_code, c.internal_size, c.precision) for c in direct.description])


def prepared_many_times():
    for turn in range(200):
        name, = one("SELECT sku FROM products WHERE id = %s", (1 + turn % 50,), prepare=True)
        equal(name, f"SKU-{1 + turn % 50:05}")
    # The threshold prepares by itself.
    connection.prepare_threshold = 2
    for turn in range(10):
        equal(one("SELECT %s::int + 1", (turn,))[0], turn + 1)
    connection.prepare_threshold = 5


def more_statements_than_psycopg_keeps():
    """Past `prepared_max` the driver sends DEALLOCATE."""
    connection.prepared_max = 5
    for turn in range(20):
        equal(one(f"SELECT {turn}, %s::text", ("x",), prepare=True), (turn, "x"))
    connection.prepared_max = 100


VALUES = [
    ("int2", 7),
    ("int4", -2147483648),
    ("int8", 2**62),
    ("text", "naïve ☂ 'quoted' \\ \" $1"),
    ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    ("timestamptz", datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
    ("timestamp", datetime.datetime(2026, 1, 2, 3, 4, 5)),
    ("date", datetime.date(2026, 2, 28)),
    ("interval", datetime.timedelta(days=3, seconds=61)),
    ("numeric", decimal.Decimal("12345678901234567890.0123456789")),
    ("float8", 0.1),
    ("bool", True),
    ("bool", False),
    ("bytea", b"\x00\xff'\\"),
    ("int4[]", [1, None, 3]),
    ("text[]", ["a", 'b "c"', None, ""]),
    ("uuid[]", [uuid.UUID(int=1)]),
    ("numeric[]", [decimal.Decimal("1.50")]),
    ("timestamptz[]", [datetime.datetime(2026, 1, 1, tzinfo=UTC)]),
]


def values_there_and_back():
    for kind, value in VALUES:
        for parameter in ("%s", "%b", "%t"):
            for binary in (False, True):
                with connection.cursor(binary=binary) as cursor:
                    found = cursor.execute(f"SELECT {parameter}::{kind}", (value,)).fetchone()[0]
                    equal((kind, found), (kind, value))
                    null = cursor.execute(f"SELECT {parameter}::{kind}", (None,)).fetchone()[0]
                    equal(null, None)


def json_there_and_back():
    from psycopg.types.json import Json, Jsonb

    value = {"a": [1, 2, {"b": None}], "ü": "☃"}
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            equal(cursor.execute("SELECT %s::jsonb", (Jsonb(value),)).fetchone()[0], value)
            equal(cursor.execute("SELECT %s::json", (Json(value),)).fetchone()[0], value)
            lang = cursor.execute("SELECT profile->>'lang' FROM customers WHERE tenant_id = 7 AND id = %s", (6,)).fetchone()[0]
            equal(lang, "en")


def arrays_bound_a_table():
    ids = [6, 26, 46]
    found = connection.execute("SELECT id, tags FROM customers WHERE tenant_id = 7 AND id = ANY(%s) ORDER BY id", (ids,)).fetchall()
    equal([row[0] for row in found], ids)
    equal(found[0][1], ["t1", "v0"])


def simple_and_client_side_binding():
    with psycopg.ClientCursor(connection) as cursor:
        equal(cursor.execute("SELECT id FROM customers WHERE tenant_id = %s AND name = %s AND id = 6", (7, "Customer 6")).fetchall(), [(6,)])
    with psycopg.RawCursor(connection) as cursor:
        equal(cursor.execute("SELECT id FROM customers WHERE tenant_id = $1 AND id = $2", (7, 6)).fetchall(), [(6,)])


def several_statements_in_one_query():
    cursor = connection.execute("SELECT 1 AS a; SELECT sku FROM products WHERE id = 1; SELECT 3 AS c")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    equal(found, [[(1,)], [("SKU-00001",)], [(3,)]])


def dictionaries_and_streams():
    with connection.cursor(row_factory=rows.dict_row) as cursor:
        equal(cursor.execute("SELECT id, region FROM tenants WHERE id = 7").fetchone(), {"id": 7, "region": "us"})
    # On a connection of its own: after it psycopg 3.3 fails in pipeline mode, with a bare server too.
    with psycopg.connect(SUPPORT, autocommit=True) as own, own.cursor() as cursor:
        equal(sum(1 for _ in cursor.stream("SELECT id FROM products WHERE id <= %s", (300,))), 300)


def pipelines():
    with connection.pipeline() as pipeline:
        cursors = [connection.execute("SELECT sku FROM products WHERE id = %s", (i,)) for i in range(1, 101)]
        pipeline.sync()
        equal([c.fetchone()[0] for c in cursors], [f"SKU-{i:05}" for i in range(1, 101)])


def an_error_in_a_pipeline():
    try:
        with connection.pipeline():
            first = connection.execute("SELECT 1")
            connection.execute("SELECT 1 / %s::int", (0,))
            connection.execute("SELECT 3")
    except errors.DivisionByZero:
        pass
    else:
        raise AssertionError("no error")
    equal(first.fetchone(), (1,))
    equal(one("SELECT 4"), (4,))


def a_pipeline_in_a_transaction():
    with connection.pipeline(), connection.transaction():
        a = connection.execute("SELECT count(*) FROM products")
        b = connection.execute("SELECT 2")
    equal((a.fetchone(), b.fetchone()), ((500,), (2,)))


def transactions_and_savepoints():
    with connection.transaction():
        equal(one("SELECT 1"), (1,))
        try:
            with connection.transaction():
                one("SELECT 1 / %s::int", (0,))
        except errors.DivisionByZero:
            pass
        equal(one("SELECT name FROM tenants WHERE id = 7"), ("Tenant 7",))
        with connection.transaction():
            equal(one("SELECT 2"), (2,))
    equal(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)


def isolation_and_read_only():
    with psycopg.connect(SUPPORT) as own:
        own.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        own.read_only = True
        equal(own.execute("SHOW transaction_isolation").fetchone(), ("repeatable read",))
        equal(own.execute("SELECT count(*) FROM products").fetchone(), (500,))
        own.rollback()


def an_error_fails_the_transaction():
    with psycopg.connect(SUPPORT) as own:
        own.execute("SELECT 1")
        for sql, kind in [("SELECT 1 / 0", errors.DivisionByZero), ("SELECT 2", errors.InFailedSqlTransaction)]:
            try:
                own.execute(sql)
            except kind:
                pass
            else:
                raise AssertionError(f"{sql} worked")
        equal(own.info.transaction_status, psycopg.pq.TransactionStatus.INERROR)
        own.rollback()
        equal(own.execute("SELECT 3").fetchone(), (3,))


def refused(sql, params=None):
    try:
        connection.execute(sql, params)
    except errors.InsufficientPrivilege as error:
        return error.diag
    raise AssertionError(f"{sql} was not refused")


def denials_teach():
    diag = refused("SELECT name FROM customers WHERE id = %s", (6,))
    equal((diag.sqlstate, diag.constraint_name), ("42501", "predicate_not_implied"))
    equal(diag.source_function, "pgwarrant")
    assert "tenant_id" in diag.message_hint, diag.message_hint
    equal(refused("SELECT ssn FROM customers WHERE tenant_id = 7 AND id = 6").constraint_name, "column_hidden")
    equal(refused("SELECT * FROM employees").constraint_name, "relation_not_granted")
    equal(one("SELECT 1"), (1,))


def writes_in_scope_run():
    update = "UPDATE tickets SET priority = %s WHERE tenant_id = 7 AND id = 45 RETURNING priority"
    with connection.cursor() as cursor:
        equal(cursor.execute(update, (2,)).fetchone(), (2,))
        equal(cursor.rowcount, 1)
    with connection.transaction(force_rollback=True):
        equal(one(update, (5,)), (5,))
    equal(one("SELECT priority FROM tickets WHERE tenant_id = 7 AND id = 45"), (2,))


def writes_out_of_scope_are_refused():
    diag = refused("UPDATE tickets SET status = 'closed' WHERE tenant_id = 8 AND id = 6")
    equal(diag.constraint_name, "predicate_not_implied")
    diag = refused("UPDATE tickets SET status = 'closed'")
    equal(diag.constraint_name, "unbounded_scan")
    for text in ("COPY tickets TO STDOUT", "COPY customers (id, ssn) TO STDOUT", "COPY products FROM STDIN"):
        try:
            with connection.cursor() as cursor, cursor.copy(text) as copy:
                if text.endswith("STDOUT"):
                    list(copy)
        except (errors.FeatureNotSupported, errors.InsufficientPrivilege):
            pass
        else:
            raise AssertionError(text)
    equal(one("SELECT 1"), (1,))


def settings():
    equal(one("SHOW TimeZone"), bare.execute("SHOW TimeZone").fetchone())
    connection.execute("SET TIME ZONE 'Asia/Tokyo'")
    equal(connection.info.timezone.key, "Asia/Tokyo")
    equal(one("SELECT timestamptz '2026-01-01 00:00Z'")[0].utcoffset(), datetime.timedelta(hours=9))
    connection.execute("SELECT set_config('TimeZone', 'UTC', false)")
    equal(one("SHOW TimeZone"), ("UTC",))
    connection.execute("RESET ALL")
    assert "SELECT" in one("SHOW pgwarrant.scope")[0]
    assert one("SHOW pgwarrant.receipt")[0]
    options = psycopg.connect(SUPPORT, autocommit=True, options="-c statement_timeout=5s -c TimeZone=Europe/Berlin")
    equal(options.execute("SHOW statement_timeout").fetchone(), ("5s",))
    equal(options.info.timezone.key, "Europe/Berlin")
    options.close()


def cancelling(cancel, prepare):
    own = psycopg.connect(SUPPORT, autocommit=True)
    sql = "SELECT count(*) FROM products WHERE id < %s"
    if prepare:
        # Already read and proven: it is the execution that is cancelled.
        own.execute(sql, (5,), prepare=True)

    def wait():
        try:
            own.execute(sql, (6,), prepare=True)
        except errors.QueryCanceled:
            return
        raise AssertionError("not cancelled")

    with Lock("products"):
        timer = soon(lambda: cancel(own))
        took = timed(wait)
        timer.join()
    assert 0.3 < took < 3, took
    equal(own.execute(sql, (7,)).fetchone(), (6,))
    own.close()


def cancel():
    cancelling(lambda own: own.cancel_safe(), prepare=True)
    cancelling(lambda own: own.cancel(), prepare=True)


def cancel_while_it_is_read():
    cancelling(lambda own: own.cancel_safe(), prepare=False)


def a_cancel_with_nothing_to_cancel():
    connection.cancel_safe()
    equal(one("SELECT 1"), (1,))


def statement_timeout():
    own = psycopg.connect(SUPPORT, autocommit=True)
    own.execute("SELECT count(*) FROM products")
    own.execute("SET statement_timeout = '300ms'")
    with Lock("products"):
        try:
            own.execute("SELECT count(*) FROM products")
        except errors.QueryCanceled:
            pass
        else:
            raise AssertionError("no timeout")
    equal(own.execute("SELECT count(*) FROM products").fetchone(), (500,))
    own.close()


def a_pool():
    with ConnectionPool(SUPPORT, min_size=4, max_size=8, open=True) as pool:
        import concurrent.futures

        def work(turn):
            with pool.connection() as own:
                return own.execute("SELECT id FROM customers WHERE tenant_id = 7 AND id = %s", (6 + 20 * (turn % 10),)).fetchone()[0]

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            found = list(threads.map(work, range(200)))
        equal(found, [6 + 20 * (turn % 10) for turn in range(200)])


def asynchronous():
    import asyncio

    async def main():
        async with await psycopg.AsyncConnection.connect(SUPPORT, autocommit=True) as own:
            found = await (await own.execute("SELECT id FROM customers WHERE tenant_id = 7 AND id = %s", (6,))).fetchone()
            equal(found, (6,))

    asyncio.run(main())


def another_persona():
    equal(analyst.execute("SELECT count(*) FROM tenants").fetchone(), (20,))
    found = analyst.execute(
        "SELECT t.name, sum(o.total_cents) FROM orders o JOIN tenants t ON t.id = o.tenant_id "
        "WHERE o.tenant_id = %s AND o.placed_on BETWEEN %s AND %s GROUP BY t.name",
        (3, datetime.date(2026, 1, 1), datetime.date(2026, 1, 31)),
    ).fetchall()
    equal(len(found), 1)


for check in [
    connects, every_door, same_as_bare, prepared_many_times, more_statements_than_psycopg_keeps, values_there_and_back,
    json_there_and_back, arrays_bound_a_table, simple_and_client_side_binding, several_statements_in_one_query,
    dictionaries_and_streams, pipelines, an_error_in_a_pipeline, a_pipeline_in_a_transaction, transactions_and_savepoints,
    isolation_and_read_only, an_error_fails_the_transaction, denials_teach, writes_in_scope_run,
    writes_out_of_scope_are_refused, settings, cancel,
    cancel_while_it_is_read, a_cancel_with_nothing_to_cancel, statement_timeout, a_pool, asynchronous, another_persona,
]:
    run(check.__name__.replace("_", " "), check)
end()
