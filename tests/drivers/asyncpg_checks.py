"""asyncpg: binary parameters and results everywhere, its statement cache, cursors (portals), cancel, pool, and how it
looks types up in pg_type."""

import asyncio
import datetime
import decimal
import json
import ssl
import uuid

import asyncpg

from checks import ANALYST, AUTHORITY, BARE, SOCKET_DIR, SUPPORT, Lock, end, equal, report

UTC = datetime.timezone.utc


class Checks:
    def __init__(self, connection, bare):
        self.connection, self.bare = connection, bare

    async def connects(self):
        equal(self.connection.get_server_version(), self.bare.get_server_version())
        equal(self.connection.get_settings().server_encoding, "UTF8")

    async def every_door(self):
        context = ssl.create_default_context(cafile=AUTHORITY)
        # Direct TLS is refused without it, as Postgres does.
        context.set_alpn_protocols(["postgresql"])
        port = self.connection.get_settings() and self.connection._addr[1]
        for how in ({"ssl": False}, {"ssl": context}, {"ssl": context, "direct_tls": True}, {"host": SOCKET_DIR, "port": port}):
            own = await asyncpg.connect(SUPPORT, **how)
            equal(await own.fetchval("SELECT id FROM customers WHERE tenant_id = 7 AND id = $1", 6), 6)
            await own.close()

    async def same_as_bare(self):
        for sql, params in [
            ("SELECT id, name, email, phone, tags, profile, created_at, external_id FROM customers WHERE tenant_id = $1 AND id = $2", (7, 6)),
            ("SELECT id, total_cents, note, placed_on, created_at FROM orders WHERE tenant_id = 7 AND customer_id = $1 ORDER BY id", (6,)),
            ("SELECT id, sku, price_cents, attributes, active FROM products WHERE id = ANY($1) ORDER BY id", ([1, 2, 3],)),
            ("SELECT id, subject, created_at FROM tickets WHERE tenant_id = 7 AND status = $1 ORDER BY id LIMIT 5", ("open",)),
        ]:
            found = [tuple(row) for row in await self.connection.fetch(sql, *params)]
            assert found, sql
            equal(found, [tuple(row) for row in await self.bare.fetch(sql, *params)])

    async def statements_many_times(self):
        for turn in range(200):
            equal(await self.connection.fetchval("SELECT sku FROM products WHERE id = $1", 1 + turn % 50), f"SKU-{1 + turn % 50:05}")
        statement = await self.connection.prepare("SELECT $1::int + $2::int8")
        equal([p.name for p in statement.get_parameters()], ["int4", "int8"])
        equal([a.name for a in statement.get_attributes()], ["?column?"])
        for turn in range(50):
            equal(await statement.fetchval(turn, 1), turn + 1)

    async def more_statements_than_the_cache_holds(self):
        own = await asyncpg.connect(SUPPORT, statement_cache_size=3)
        for turn in range(12):
            equal(await own.fetchval(f"SELECT {turn} + $1::int", 1), turn + 1)
        await own.close()

    async def without_a_statement_cache(self):
        own = await asyncpg.connect(SUPPORT, statement_cache_size=0)
        for turn in range(5):
            equal(await own.fetchval("SELECT id FROM customers WHERE tenant_id = 7 AND id = $1", 6), 6)
        await own.close()

    async def values_there_and_back(self):
        for kind, value in [
            ("int2", 7),
            ("int4", -2147483648),
            ("int8", 2**62),
            ("text", "naïve ☂ 'quoted' \\ \" $1"),
            ("varchar(40)", "x"),
            ("uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")),
            ("timestamptz", datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
            ("timestamp", datetime.datetime(2026, 1, 2, 3, 4, 5)),
            ("date", datetime.date(2026, 2, 28)),
            ("interval", datetime.timedelta(days=3, seconds=61)),
            ("numeric", decimal.Decimal("12345678901234567890.0123456789")),
            ("float8", 0.1),
            ("bool", True),
            ("bytea", b"\x00\xff'\\"),
            ("json", json.dumps({"a": [1]})),
            ("jsonb", json.dumps({"a": [1]})),
            ("int4[]", [1, None, 3]),
            ("text[]", ["a", 'b "c"', None, ""]),
            ("uuid[]", [uuid.UUID(int=1)]),
            ("numeric[]", [decimal.Decimal("1.50")]),
            ("timestamptz[]", [datetime.datetime(2026, 1, 1, tzinfo=UTC)]),
        ]:
            equal((kind, await self.connection.fetchval(f"SELECT $1::{kind}", value)), (kind, value))
            equal(await self.connection.fetchval(f"SELECT $1::{kind}", None), None)

    async def an_enum_is_looked_up(self):
        """asyncpg asks pg_type about a type that it does not know, by a recursive query of its own."""
        sql = "SELECT id, status FROM orders WHERE tenant_id = 7 AND id = $1"
        equal(tuple(await self.connection.fetchrow(sql, 25)), tuple(await self.bare.fetchrow(sql, 25)))

    async def codecs_are_set(self):
        await self.connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        try:
            profile = await self.connection.fetchval("SELECT profile FROM customers WHERE tenant_id = 7 AND id = $1", 6)
            equal(profile["lang"], "en")
        finally:
            await self.connection.reset_type_codec("jsonb", schema="pg_catalog")

    async def cursors(self):
        async with self.connection.transaction():
            found = [row["id"] async for row in self.connection.cursor("SELECT id FROM products WHERE id <= $1 ORDER BY id", 120, prefetch=50)]
            equal(found, list(range(1, 121)))
            cursor = await self.connection.cursor("SELECT id FROM products WHERE id <= 9 ORDER BY id")
            equal([r[0] for r in await cursor.fetch(4)], [1, 2, 3, 4])
            equal((await cursor.fetchrow())[0], 5)
            equal([r[0] for r in await cursor.fetch(100)], [6, 7, 8, 9])
            equal(await cursor.fetch(1), [])

    async def transactions_and_savepoints(self):
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            equal(await self.connection.fetchval("SHOW transaction_isolation"), "repeatable read")
            try:
                async with self.connection.transaction():
                    await self.connection.fetchval("SELECT 1 / $1::int", 0)
            except asyncpg.DivisionByZeroError:
                pass
            equal(await self.connection.fetchval("SELECT name FROM tenants WHERE id = 7"), "Tenant 7")

    async def an_error_fails_the_transaction(self):
        transaction = self.connection.transaction()
        await transaction.start()
        for sql, kind in [("SELECT 1 / 0", asyncpg.DivisionByZeroError), ("SELECT 2", asyncpg.InFailedSQLTransactionError)]:
            try:
                await self.connection.fetchval(sql)
            except kind:
                continue
            raise AssertionError(f"{sql} worked")
        await transaction.rollback()
        equal(await self.connection.fetchval("SELECT 3"), 3)

    async def denials_teach(self):
        try:
            await self.connection.fetch("SELECT name FROM customers WHERE id = $1", 6)
        except asyncpg.InsufficientPrivilegeError as error:
            equal((error.sqlstate, error.constraint_name), ("42501", "predicate_not_implied"))
            assert "tenant_id" in error.hint, error.hint
        else:
            raise AssertionError("not refused")

    async def several_statements_in_one_query(self):
        equal(await self.connection.execute("SELECT 1; SELECT sku FROM products WHERE id = 1"), "SELECT 1")

    async def executemany(self):
        await self.connection.executemany("SELECT sku FROM products WHERE id = $1", [(i,) for i in range(1, 300)])

    async def a_timeout_cancels(self):
        sql = "SELECT count(*) FROM products WHERE id < $1"
        await self.connection.fetchval(sql, 5)
        with Lock("products"):
            try:
                await self.connection.fetchval(sql, 6, timeout=0.5)
            except asyncio.TimeoutError:
                pass
            else:
                raise AssertionError("no timeout")
        equal(await self.connection.fetchval(sql, 7), 6)

    async def settings(self):
        await self.connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        equal(await self.connection.fetchval("SHOW TimeZone"), "Asia/Tokyo")
        await self.connection.execute("RESET ALL")
        own = await asyncpg.connect(SUPPORT, server_settings={"application_name": "asyncpg", "timezone": "UTC"})
        equal(await own.fetchval("SHOW application_name"), "asyncpg")
        await own.close()

    async def a_pool(self):
        """Its reset query on release is `pg_advisory_unlock_all`, CLOSE ALL, UNLISTEN *, RESET ALL."""
        async with asyncpg.create_pool(SUPPORT, min_size=4, max_size=8) as pool:

            async def work(turn):
                wanted = 6 + 20 * (turn % 10)
                equal(await pool.fetchval("SELECT id FROM customers WHERE tenant_id = 7 AND id = $1", wanted), wanted)

            await asyncio.gather(*(work(turn) for turn in range(200)))

    async def another_persona(self):
        analyst = await asyncpg.connect(ANALYST)
        equal(await analyst.fetchval("SELECT count(*) FROM tenants"), 20)
        await analyst.close()


async def main():
    connection, bare = await asyncpg.connect(SUPPORT), await asyncpg.connect(BARE)
    checks = Checks(connection, bare)
    for name, check in vars(Checks).items():
        if name.startswith("_"):
            continue
        try:
            await asyncio.wait_for(check(checks), 30)
        except Exception as error:  # noqa: BLE001: every error is this check's failure
            report(name.replace("_", " "), error)
        else:
            report(name.replace("_", " "))
    await connection.close()
    await bare.close()


asyncio.run(main())
end()
