#!/usr/bin/env bash
# The stock psql: whatever it prints through the proxy it prints on the bare server too, but for refusals.
set -uo pipefail

psql=${PGWARRANT_PSQL:-psql}
failed=0

ok() { echo "ok   $1"; }
fail() {
    echo "FAIL $1: $2"
    failed=1
}

through() { "$psql" -X -q -v VERBOSITY=default "$PGWARRANT_SUPPORT" "$@" 2>&1; }
direct() { "$psql" -X -q -v VERBOSITY=default "$PGWARRANT_BARE" "$@" 2>&1; }

# same NAME < script
same() {
    local script found wanted
    script=$(cat)
    found=$(through <<<"$script")
    wanted=$(direct <<<"$script")
    if [ "$found" = "$wanted" ]; then
        ok "$1"
    else
        fail "$1" "$(diff <(echo "$wanted") <(echo "$found"))"
    fi
}

# contains NAME TEXT PATTERN…
contains() {
    local name=$1 text=$2 pattern
    shift 2
    for pattern in "$@"; do
        if ! grep -qE -- "$pattern" <<<"$text"; then
            fail "$name" "no /$pattern/ in: $text"
            return
        fi
    done
    ok "$name"
}

same "plain results, expanded and unaligned" <<'SQL'
SELECT id, name, tags, profile, created_at, external_id FROM customers WHERE tenant_id = 7 AND id = 6;
\x on
SELECT id, status, total_cents, note, placed_on FROM orders WHERE tenant_id = 7 AND customer_id = 6 ORDER BY id LIMIT 3;
\x off
\pset format unaligned
\pset null '∅'
SELECT id, subject, closed_at FROM tickets WHERE tenant_id = 7 AND status = 'open' ORDER BY id LIMIT 3;
SELECT 1::int2, 2::int8, 1.50::numeric, 'x'::text, true, NULL::uuid, '{1,2}'::int[], '{"a": 1}'::jsonb;
SQL

same "several statements, comments, empty statements" <<'SQL'
SELECT 1 AS a; SELECT 2 AS b;
;
-- nothing
SELECT /* a */ 3 AS c \; SELECT 4 AS d;
SQL

same "transactions, savepoints and errors in them" <<'SQL'
BEGIN;
SELECT count(*) FROM products;
SAVEPOINT a;
SELECT 1 / 0;
SELECT 1;
ROLLBACK TO a;
SELECT name FROM tenants WHERE id = 7;
COMMIT;
BEGIN;
BEGIN;
SELECT 1 / 0;
COMMIT;
ROLLBACK;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1 / 0;
SELECT 5;
COMMIT;
SQL

same "settings" <<'SQL'
SHOW TimeZone;
SET TimeZone = 'Asia/Tokyo';
SHOW TimeZone;
SELECT timestamptz '2026-01-01 00:00Z';
SET DateStyle = 'German, DMY';
SELECT date '2026-02-01';
SET TimeZone = 'No/Where';
RESET ALL;
SHOW DateStyle;
SHOW server_version;
SHOW transaction_isolation;
DISCARD ALL;
SQL

same "variables, \\gset, \\gexec, \\gdesc, \\crosstabview, \\watch" <<'SQL'
SELECT 7 AS tenant, 'Customer 6' AS who \gset
SELECT id FROM customers WHERE tenant_id = :tenant AND id = 6 AND name = :'who';
SELECT 'SELECT 40 + 2' \gexec
SELECT category, active, count(*) FROM products GROUP BY category, active \crosstabview category active count
\echo :ROW_COUNT :SQLSTATE :SERVER_VERSION_NUM
SQL

same "row by row with FETCH_COUNT off, and a large result" <<'SQL'
SELECT p.id, p.sku, p.name, p.attributes FROM products p ORDER BY id;
SQL

if "$psql" --version | grep -qE ' (1[6-9]|[2-9][0-9])'; then
    same "\\bind and the extended protocol" <<'SQL'
SELECT id FROM customers WHERE tenant_id = $1 AND id = $2 \bind 7 6 \g
SQL
fi

for how in sslmode=disable "sslmode=verify-full&sslrootcert=$PGWARRANT_AUTHORITY" "sslmode=disable&host=$PGWARRANT_SOCKET_DIR"; do
    contains "the door of ${how%%=/*}" \
        "$("$psql" -X -q -At "$PGWARRANT_SUPPORT?$how" -c 'SELECT id, name FROM customers WHERE tenant_id = 7 AND id = 6' 2>&1)" '^6\|Customer 6$'
done

contains "refusals teach" "$(through -v VERBOSITY=verbose -c 'SELECT name FROM customers WHERE id = 6')" \
    'ERROR:  42501' 'HINT:.*tenant_id = 7' 'CONSTRAINT NAME:  predicate_not_implied' 'LOCATION:  pgwarrant|pgwarrant'
contains "an error points at its place" "$(through -c 'SELECT id, ssn FROM customers WHERE tenant_id = 7 AND id = 6')" 'LINE 1: ' '\^'
contains "COPY of a table is a query of its rows" "$(through -c 'COPY products (id, sku) TO STDOUT')" '^1.SKU-00001$'
for statement in 'LISTEN x' 'DECLARE c CURSOR WITH HOLD FOR SELECT 1' 'LOCK TABLE products' 'COPY products FROM STDIN'; do
    contains "$statement is 0A000 and the session goes on" \
        "$(printf '%s\n' '\set VERBOSITY verbose' "$statement;" 'SELECT 42 AS on;' | through)" '0A000' '42'
done
contains "settings outside of the allow-list are refused" "$(through -c "SET work_mem = '1GB'" -c 'SET nonsense TO 1')" \
    '"work_mem" cannot be changed' '"nonsense" cannot be changed'
contains "writes are refused" "$(through -c "DELETE FROM order_items WHERE tenant_id = 7 AND order_id = 1")" 'ERROR'
contains "\\d lists what is granted" "$(through -c '\d')" 'public \| customers' 'public \| products'
described=$(through -c '\d customers')
contains "\\d describes a table" "$described" 'external_id +\| uuid'
if grep -q ssn <<<"$described"; then fail "\\d hides what is hidden" "$described"; else ok "\\d hides what is hidden"; fi
contains "the scope is shown" "$(through -At -c 'SHOW pgwarrant.scope')" 'SELECT \(id, tenant_id, name, email'
contains "a wrong token is refused" "$("$psql" -X "${PGWARRANT_SUPPORT/:pgw1./:pgw1.x}" -c 'SELECT 1' 2>&1)" 'FATAL:' 'token'
contains "another database is refused" "$("$psql" -X "${PGWARRANT_SUPPORT%/shop}/postgres" -c 'SELECT 1' 2>&1)" 'FATAL:  database "postgres" does not exist'

# Ctrl-C: psql sends a cancel request of its own.
cancelled=$(
    coproc LOCKER { "$psql" -X -q -At "$PGWARRANT_BARE" 2>&1; }
    echo "BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE; SELECT 'locked';" >&"${LOCKER[1]}"
    read -r _ <&"${LOCKER[0]}"
    # A background job of a script ignores SIGINT, and psql keeps it so; `setsid` alone does not change that.
    python3 - "$psql" "$PGWARRANT_SUPPORT" <<'PYTHON'
import signal, subprocess, sys, time
child = subprocess.Popen(
    [sys.argv[1], "-X", "-q", sys.argv[2], "-c", "SELECT count(*) FROM products"],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, restore_signals=True,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
)
time.sleep(0.5)
child.send_signal(signal.SIGINT)
print(child.communicate(timeout=10)[0])
PYTHON
    echo "ROLLBACK;" >&"${LOCKER[1]}"
)
contains "Ctrl-C cancels" "$cancelled" 'canceling statement due to user request'

exit $failed
