// pgJDBC: prepared statements in text and binary, fetch size (portals), savepoints, cancel, time-out, batch, read-only.
// Run from source: java -cp postgresql.jar PgJdbc.java

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.postgresql.jdbc.PgConnection;
import org.postgresql.util.PSQLException;

public class PgJdbc {
    interface Check {
        void run(Connection connection) throws Exception;
    }

    static int failed = 0;

    static Connection open(String name, String... properties) throws SQLException {
        var uri = java.net.URI.create(System.getenv(name));
        var user = uri.getUserInfo().split(":", 2);
        var all = new Properties();
        all.setProperty("user", user[0]);
        if (user.length > 1) {
            all.setProperty("password", user[1]);
        }
        for (int i = 0; i < properties.length; i += 2) {
            all.setProperty(properties[i], properties[i + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + uri.getHost() + ":" + uri.getPort() + uri.getPath(), all);
    }

    static void equal(Object found, Object wanted) {
        if (!String.valueOf(wanted).equals(String.valueOf(found))) {
            throw new AssertionError(found + " is not " + wanted);
        }
    }

    static void check(String name, Check check, String... properties) {
        try (Connection connection = open("PGWARRANT_SUPPORT", properties)) {
            var done = CompletableFuture.runAsync(() -> {
                try {
                    check.run(connection);
                } catch (Exception error) {
                    throw new java.util.concurrent.CompletionException(error);
                }
            });
            done.get(30, java.util.concurrent.TimeUnit.SECONDS);
            System.out.println("ok   " + name);
        } catch (Throwable error) {
            failed++;
            Throwable cause = error;
            while (cause instanceof java.util.concurrent.ExecutionException || cause instanceof java.util.concurrent.CompletionException) {
                cause = cause.getCause();
            }
            var where = Arrays.stream(cause.getStackTrace()).filter(f -> f.getClassName().startsWith("PgJdbc")).findFirst();
            System.out.println("FAIL " + name + ": " + cause + where.map(f -> " (line " + f.getLineNumber() + ")").orElse(""));
        }
    }

    static Object one(Connection connection, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getObject(1);
            }
        }
    }

    static PSQLException error(Check check, Connection connection) throws Exception {
        try {
            check.run(connection);
        } catch (PSQLException error) {
            return error;
        }
        throw new AssertionError("it worked");
    }

    static List<String> all(Connection connection, String sql, Object... parameters) throws SQLException {
        var found = new ArrayList<String>();
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setObject(i + 1, parameters[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                int columns = rows.getMetaData().getColumnCount();
                while (rows.next()) {
                    for (int column = 1; column <= columns; column++) {
                        found.add(rows.getMetaData().getColumnLabel(column) + "=" + rows.getString(column));
                    }
                }
            }
        }
        return found;
    }

    static void sameAsBare(Connection connection) throws Exception {
        try (Connection bare = open("PGWARRANT_BARE")) {
            String customers = "SELECT id, name, email, phone, tags, profile, created_at, external_id FROM customers WHERE tenant_id = ? AND id = ?";
            String orders = "SELECT id, status, total_cents, note, placed_on FROM orders WHERE tenant_id = 7 AND customer_id = ? ORDER BY id";
            String tickets = "SELECT id, subject FROM tickets WHERE tenant_id = 7 AND status = ? ORDER BY id LIMIT 5";
            // Past prepareThreshold the statement is named, and results come in binary.
            for (int turn = 0; turn < 12; turn++) {
                equal(all(connection, customers, 7, 6L), all(bare, customers, 7, 6L));
                equal(all(connection, orders, 6L), all(bare, orders, 6L));
                equal(all(connection, tickets, "open"), all(bare, tickets, "open"));
            }
        }
    }

    static void preparedManyTimes(Connection connection) throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("SELECT sku FROM products WHERE id = ?")) {
            for (int turn = 0; turn < 200; turn++) {
                statement.setInt(1, 1 + turn % 50);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    equal(rows.getString(1), String.format("SKU-%05d", 1 + turn % 50));
                }
            }
        }
    }

    static void values(Connection connection) throws Exception {
        for (int turn = 0; turn < 8; turn++) {
            equal(one(connection, "SELECT ?::int4", -2147483648), -2147483648);
            equal(one(connection, "SELECT ?::int8", 1L << 62), 1L << 62);
            equal(one(connection, "SELECT ?::text", "naïve ☂ 'quoted' \\ \" $1"), "naïve ☂ 'quoted' \\ \" $1");
            equal(one(connection, "SELECT ?::uuid", new UUID(1, 2)), new UUID(1, 2));
            equal(one(connection, "SELECT ?::numeric", new BigDecimal("12345678901234567890.0123456789")), "12345678901234567890.0123456789");
            equal(one(connection, "SELECT ?::bool", true), true);
            equal(one(connection, "SELECT ?::date", LocalDate.of(2026, 2, 28)), "2026-02-28");
            equal(all(connection, "SELECT ?::jsonb AS j", "{\"a\": [1]}"), "[j={\"a\": [1]}]");
            var time = OffsetDateTime.parse("2026-01-02T03:04:05.678901Z");
            equal(((java.sql.Timestamp) one(connection, "SELECT ?::timestamptz", time)).toInstant(), time.toInstant());
            equal(one(connection, "SELECT ?::text", (Object) null), null);
        }
    }

    /** pgJDBC looks the delimiter of an array's elements up in pg_type. */
    static void arrays(Connection connection) throws Exception {
        for (int turn = 0; turn < 8; turn++) {
            var ids = connection.createArrayOf("int8", new Long[] {6L, 26L, 46L});
            equal(one(connection, "SELECT count(*) FROM customers WHERE tenant_id = 7 AND id = ANY (?)", ids), 3);
            var tags = (java.sql.Array) one(connection, "SELECT tags FROM customers WHERE tenant_id = 7 AND id = 6");
            equal(Arrays.toString((Object[]) tags.getArray()), "[t1, v0]");
        }
    }

    static void fetchSize(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement("SELECT id FROM products WHERE id <= ? ORDER BY id")) {
            statement.setFetchSize(7);
            statement.setInt(1, 60);
            int wanted = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    equal(rows.getInt(1), ++wanted);
                }
            }
            equal(wanted, 60);
        }
        connection.commit();
    }

    static void maxRows(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.setMaxRows(3);
            int count = 0;
            try (ResultSet rows = statement.executeQuery("SELECT id FROM products ORDER BY id")) {
                while (rows.next()) {
                    count++;
                }
            }
            equal(count, 3);
        }
    }

    static void transactions(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        connection.setReadOnly(true);
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        equal(one(connection, "SELECT count(*) FROM products"), 500);
        equal(one(connection, "SHOW transaction_isolation"), "repeatable read");
        Savepoint savepoint = connection.setSavepoint("a");
        equal(error(c -> one(c, "SELECT 1 / ?::int", 0), connection).getSQLState(), "22012");
        if (!connection.unwrap(PgConnection.class).getAutosave().value().equals("always")) {
            equal(error(c -> one(c, "SELECT 1"), connection).getSQLState(), "25P02");
        }
        connection.rollback(savepoint);
        equal(one(connection, "SELECT name FROM tenants WHERE id = 7"), "Tenant 7");
        connection.releaseSavepoint(savepoint);
        connection.commit();
        error(c -> one(c, "SELECT nothing"), connection);
        connection.rollback();
        equal(one(connection, "SELECT 2"), 2);
        connection.rollback();
    }

    static void denials(Connection connection) throws Exception {
        var message = error(c -> one(c, "SELECT name FROM customers WHERE id = ?", 6L), connection).getServerErrorMessage();
        equal(message.getSQLState(), "42501");
        equal(message.getConstraint(), "predicate_not_implied");
        equal(message.getRoutine(), "pgwarrant");
        if (!message.getHint().contains("tenant_id")) {
            throw new AssertionError(message.getHint());
        }
        equal(one(connection, "SELECT 1"), 1);
    }

    static void several(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("SELECT 1 AS a; SELECT sku FROM products WHERE id = 1");
            statement.getResultSet().next();
            statement.getMoreResults();
            try (ResultSet rows = statement.getResultSet()) {
                rows.next();
                equal(rows.getString(1), "SKU-00001");
            }
        }
    }

    static void waitsAndIsCancelled(Connection connection, int timeout) throws Exception {
        one(connection, "SELECT count(*) FROM products WHERE id < ?", 5);
        try (Connection bare = open("PGWARRANT_BARE");
                PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM products WHERE id < ?")) {
            bare.setAutoCommit(false);
            bare.createStatement().execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE");
            statement.setInt(1, 6);
            if (timeout > 0) {
                statement.setQueryTimeout(timeout);
            } else {
                CompletableFuture.runAsync(() -> {
                    try {
                        Thread.sleep(300);
                        statement.cancel();
                    } catch (Exception error) {
                        throw new IllegalStateException(error);
                    }
                });
            }
            equal(error(c -> statement.executeQuery(), connection).getSQLState(), "57014");
            bare.rollback();
        }
        equal(one(connection, "SELECT 1"), 1);
    }

    static void settings(Connection connection) throws Exception {
        connection.createStatement().execute("SET TIME ZONE 'Asia/Tokyo'");
        equal(one(connection, "SHOW TimeZone"), "Asia/Tokyo");
        connection.setClientInfo("ApplicationName", "jdbc");
        equal(one(connection, "SHOW application_name"), "jdbc");
        equal(connection.isValid(5), true);
        connection.setNetworkTimeout(Runnable::run, 10_000);
    }

    static void otherPersona(Connection connection) throws Exception {
        try (Connection analyst = open("PGWARRANT_ANALYST")) {
            equal(one(analyst, "SELECT count(*) FROM tenants"), 20);
        }
    }

    public static void main(String[] arguments) {
        check("same as bare", PgJdbc::sameAsBare);
        check("TLS", PgJdbc::preparedManyTimes, "sslmode", "verify-full", "sslrootcert", System.getenv("PGWARRANT_AUTHORITY"));
        check("in clear", PgJdbc::preparedManyTimes, "sslmode", "disable");
        check("prepared many times", PgJdbc::preparedManyTimes);
        check("values there and back", PgJdbc::values);
        check("values there and back by the simple protocol", PgJdbc::values, "preferQueryMode", "simple");
        check("values there and back without named statements", PgJdbc::values, "prepareThreshold", "0");
        check("values there and back in binary from the first", PgJdbc::values, "prepareThreshold", "-1");
        check("arrays", PgJdbc::arrays);
        check("arrays in binary from the first", PgJdbc::arrays, "prepareThreshold", "-1");
        check("a fetch size", PgJdbc::fetchSize);
        check("a maximum of rows", PgJdbc::maxRows);
        check("transactions and savepoints", PgJdbc::transactions);
        check("savepoints around every statement", PgJdbc::transactions, "autosave", "always");
        check("denials teach", PgJdbc::denials);
        check("several statements", PgJdbc::several);
        check("cancel", c -> waitsAndIsCancelled(c, 0));
        check("a query time-out", c -> waitsAndIsCancelled(c, 1));
        check("settings", PgJdbc::settings);
        check("another persona", PgJdbc::otherPersona);
        System.exit(failed > 0 ? 1 : 0);
    }
}
