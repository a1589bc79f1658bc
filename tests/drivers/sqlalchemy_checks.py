"""SQLAlchemy with psycopg and asyncpg: its questions at connect, Core, ORM, transactions, pool."""

import asyncio
import datetime

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import create_async_engine

from checks import SUPPORT, end, equal, run


def url(driver):
    return SUPPORT.replace("postgres://", f"postgresql+{driver}://", 1)


class Base(orm.DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id = orm.mapped_column(sa.BigInteger, primary_key=True)
    tenant_id = orm.mapped_column(sa.Integer)
    name = orm.mapped_column(sa.Text)
    tags = orm.mapped_column(sa.ARRAY(sa.Text))
    created_at = orm.mapped_column(sa.DateTime(timezone=True))
    orders = orm.relationship("Order", order_by="Order.id")


class Order(Base):
    __tablename__ = "orders"
    id = orm.mapped_column(sa.BigInteger, primary_key=True)
    tenant_id = orm.mapped_column(sa.Integer)
    customer_id = orm.mapped_column(sa.ForeignKey("customers.id"))
    total_cents = orm.mapped_column(sa.BigInteger)
    placed_on = orm.mapped_column(sa.Date)


# Without `use_native_hstore=False` it asks pg_type for hstore at the first connection.
engine = sa.create_engine(url("psycopg"), use_native_hstore=False, pool_size=4)


def customer(number):
    return sa.select(Customer).where(Customer.tenant_id == 7, Customer.id == number)


def core():
    with engine.connect() as connection:
        equal(connection.execute(sa.text("SELECT name FROM tenants WHERE id = :id"), {"id": 7}).scalar_one(), "Tenant 7")
        table = Customer.__table__
        rows = connection.execute(sa.select(table.c.id).where(table.c.tenant_id == 7, table.c.id.in_([6, 26])).order_by(table.c.id))
        equal(rows.scalars().all(), [6, 26])


def entities():
    with orm.Session(engine) as session:
        found = session.scalars(customer(6)).one()
        equal((found.name, found.tags), ("Customer 6", ["t1", "v0"]))
        equal(found.created_at, datetime.datetime(2026, 1, 1, 6, tzinfo=datetime.timezone.utc))


def joins():
    with orm.Session(engine) as session:
        query = (
            sa.select(Customer.name, sa.func.count(Order.id), sa.func.sum(Order.total_cents))
            .join(Order, sa.and_(Order.customer_id == Customer.id, Order.tenant_id == 7))
            .where(Customer.tenant_id == 7, Customer.id == 6)
            .group_by(Customer.name)
        )
        name, count, total = session.execute(query).one()
        assert name == "Customer 6" and count > 0 and total > 0


def savepoints():
    with orm.Session(engine) as session:
        equal(session.scalars(customer(6)).one().id, 6)
        try:
            with session.begin_nested():
                session.execute(sa.text("SELECT 1 / :zero"), {"zero": 0})
        except sa.exc.DataError:
            pass
        equal(session.scalars(customer(26)).one().id, 26)


def refusals():
    with engine.connect() as connection:
        try:
            connection.execute(sa.select(Customer.name).where(Customer.id == 6))
        except sa.exc.ProgrammingError as error:
            equal(error.orig.diag.constraint_name, "predicate_not_implied")
        else:
            raise AssertionError("not refused")


def the_pool_pings():
    for pre_ping in (True, False):
        pinging = sa.create_engine(url("psycopg"), use_native_hstore=False, pool_pre_ping=pre_ping)
        for _ in range(5):
            with pinging.connect() as connection:
                equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)


def isolation_levels():
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        equal(connection.get_isolation_level(), "REPEATABLE READ")
        equal(connection.execute(sa.text("SHOW transaction_isolation")).scalar(), "repeatable read")


def streams():
    """`stream_results` is SQL's DECLARE with psycopg, so it stays off."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id FROM products ORDER BY id"))
        equal(sum(len(part) for part in rows.partitions(100)), 500)


def with_hstore_look_up():
    with sa.create_engine(url("psycopg")).connect() as connection:
        equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)


def with_asyncpg():
    async def main():
        own = create_async_engine(url("asyncpg"))
        async with own.connect() as connection:
            equal((await connection.execute(customer(6).with_only_columns(Customer.id))).scalar_one(), 6)
            equal((await connection.execute(sa.text("SELECT 2"))).scalar_one(), 2)
        await own.dispose()

    asyncio.run(main())


def reflection():
    inspector = sa.inspect(sa.create_engine(url("psycopg")))
    assert "customers" in inspector.get_table_names()
    names = [column["name"] for column in inspector.get_columns("customers")]
    assert "name" in names and "ssn" not in names, names


for check in [
    core, entities, joins, savepoints, refusals, the_pool_pings, isolation_levels, streams, with_hstore_look_up, with_asyncpg,
    reflection,
]:
    run(check.__name__.replace("_", " "), check)
end()
