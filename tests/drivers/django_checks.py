"""Django's ORM: its questions at connect, queries, transactions, savepoints, server-side cursors off."""

import urllib.parse

import django
from django.conf import settings

from checks import SUPPORT, end, equal, run

parsed = urllib.parse.urlsplit(SUPPORT)
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parsed.path[1:],
            "USER": parsed.username,
            "PASSWORD": parsed.password,
            "HOST": parsed.hostname,
            "PORT": parsed.port,
            # A server-side cursor is SQL's DECLARE.
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
    },
    USE_TZ=True,
    TIME_ZONE="Europe/Berlin",
)
django.setup()

from django.contrib.postgres.fields import ArrayField  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.utils import DataError, ProgrammingError  # noqa: E402


class Tenant(models.Model):
    name = models.TextField()
    region = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "tenants"
        managed = False


class Customer(models.Model):
    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.DO_NOTHING)
    name = models.TextField()
    email = models.TextField()
    tags = ArrayField(models.TextField())
    created_at = models.DateTimeField()

    class Meta:
        app_label = "shop"
        db_table = "customers"
        managed = False


class Order(models.Model):
    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.DO_NOTHING)
    customer = models.ForeignKey(Customer, models.DO_NOTHING)
    total_cents = models.BigIntegerField()
    placed_on = models.DateField()

    class Meta:
        app_label = "shop"
        db_table = "orders"
        managed = False


def connects():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM tenants WHERE id = %s", [7])
        equal(cursor.fetchone(), ("Tenant 7",))
        cursor.execute("SHOW TimeZone")
        equal(cursor.fetchone(), ("UTC",))


def objects():
    customer = Customer.objects.get(tenant_id=7, id=6)
    equal((customer.name, customer.tags, customer.created_at.isoformat()), ("Customer 6", ["t1", "v0"], "2026-01-01T06:00:00+00:00"))
    equal(list(Customer.objects.filter(tenant_id=7, id__in=[6, 26]).order_by("id").values_list("id", flat=True)), [6, 26])
    equal(Customer.objects.filter(tenant_id=7, id=6).exists(), True)


def aggregates():
    assert Order.objects.filter(tenant_id=7, customer_id=6).aggregate(models.Sum("total_cents"))["total_cents__sum"] > 0
    equal(Customer.objects.filter(tenant_id=7, name__contains="tomer 6", id=6).count(), 1)


def text_look_ups():
    for look_up in ({"name__icontains": "CUSTOMER 6"}, {"name__istartswith": "CUST"}, {"name__iexact": "CUSTOMER 6"}):
        equal(Customer.objects.filter(tenant_id=7, id=6, **look_up).count(), 1)


def joins():
    found = Customer.objects.select_related("tenant").get(tenant_id=7, id=6)
    equal(found.tenant.region, "us")


def prefetches():
    customers = Customer.objects.filter(tenant_id=7, id__in=[6, 26]).prefetch_related(
        models.Prefetch("order_set", Order.objects.filter(tenant_id=7))
    )
    assert all(customer.order_set.all() for customer in customers)


def transactions():
    with transaction.atomic():
        equal(Tenant.objects.get(id=7).name, "Tenant 7")
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / %s::int", [0])
        except DataError:
            pass
        equal(Tenant.objects.get(id=7).region, "us")


def refusals():
    try:
        list(Customer.objects.filter(id=6))
    except ProgrammingError as error:
        equal(error.__cause__.diag.constraint_name, "predicate_not_implied")
    else:
        raise AssertionError("not refused")


def iterators():
    equal(sum(1 for _ in Order.objects.filter(tenant_id=7, customer_id=6).iterator(chunk_size=2)), 10)


def introspection():
    assert "customers" in connection.introspection.table_names()


for check in [connects, objects, aggregates, text_look_ups, joins, prefetches, transactions, refusals, iterators, introspection]:
    run(check.__name__.replace("_", " "), check)
end()
