//! What `load` says of a database that holds one of each trap, on every server at hand.

use super::servers::{Database, connect, servers, unique};
use pgwarrant::catalogue::load::{EpochReader, load};
use pgwarrant::catalogue::snapshot::{BtreeRole, Catalogue, Oid, Operator, Relation, TypeKind, Vetting};
use pgwarrant::token::grant::QualifiedName;

const SCHEMA: &str = include_str!("schema.sql");

fn qualified(schema: &str, name: &str) -> QualifiedName {
    QualifiedName { schema: schema.into(), name: name.into() }
}

fn relation<'a>(catalogue: &'a Catalogue, name: &str) -> &'a Relation {
    catalogue.relation_named(&qualified("public", name)).expect("the relation is loaded")
}

fn type_oid(catalogue: &Catalogue, schema: &str, name: &str) -> Oid {
    catalogue.types.values().find(|t| t.name == qualified(schema, name)).expect("the type is loaded").oid
}

fn keys(catalogue: &Catalogue, name: &str) -> Vec<Vec<i16>> {
    relation(catalogue, name).unique_keys.iter().map(|k| k.columns.clone()).collect()
}

#[tokio::test]
async fn a_snapshot_tells_every_trap_apart() {
    for server in servers() {
        let database = Database::create(&server, SCHEMA).await;
        let catalogue = load(&connect(&database.config).await).await.expect("the catalogue loads");
        columns_and_generated_sources(&catalogue);
        keys_that_prove_one_row(&catalogue);
        families_of_tables(&catalogue);
        policies_rules_triggers(&catalogue);
        closures_of_types(&catalogue);
        btree_roles(&catalogue);
        functions_and_collations(&catalogue);
        database.drop().await;
    }
}

fn columns_and_generated_sources(catalogue: &Catalogue) {
    let customers = relation(catalogue, "customers");
    assert_eq!(customers.kind, b'r');
    assert!(customers.column(3).is_none(), "a dropped column leaves a gap");
    let search = customers.column_named("search").expect("the generated column");
    let sources: Vec<_> = search.generated_from.iter().map(|n| &*customers.column(*n).expect("a source").name).collect();
    assert_eq!((search.generated, sources), (b's', vec!["name", "email"]));
    assert!(customers.column_named("name").is_some_and(|c| c.generated_from.is_empty() && c.not_null && c.generated == 0));
}

fn keys_that_prove_one_row(catalogue: &Catalogue) {
    assert_eq!(
        keys(catalogue, "keys"),
        [vec![1, 2], vec![7]],
        "partial, expression, operator class, collation and deferrable do not"
    );
    let nulls = &relation(catalogue, "keys").unique_keys[1];
    assert!(nulls.nulls_not_distinct && !nulls.primary);
    // citext brings its own operator class, so UNIQUE (nick) is left out.
    assert_eq!(keys(catalogue, "customers"), [vec![1], vec![2, 5]]);
    assert!(relation(catalogue, "customers").unique_keys[0].primary);
    assert_eq!(keys(catalogue, "events"), [vec![1, 2]]);
}

fn families_of_tables(catalogue: &Catalogue) {
    assert!(relation(catalogue, "parent").has_inheritance_children);
    let events = relation(catalogue, "events");
    assert!(events.kind == b'p' && !events.has_inheritance_children && !events.is_partition);
    assert_eq!(events.row_estimate, 100.0, "a partitioned table counts its partitions");
    assert!(relation(catalogue, "events_2026").is_partition);
    assert_eq!(["names", "counted", "numbers"].map(|name| relation(catalogue, name).kind), *b"vmS");
    let system = catalogue.relation_named(&qualified("pg_catalog", "pg_class")).expect("system relations are known");
    assert!(system.oid < 16384);
}

fn policies_rules_triggers(catalogue: &Catalogue) {
    let customers = relation(catalogue, "customers");
    assert!(customers.row_security && !customers.force_row_security);
    assert_eq!(customers.policies, ["own: (tenant_id = 7)"], "a policy for INSERT does not apply to reads");
    assert_eq!(relation(catalogue, "parent").rules, ["quiet"]);
    assert!(relation(catalogue, "names").rules.is_empty(), "a view's own rule is not one");
    assert_eq!(relation(catalogue, "keys").triggers, ["watch"]);
}

fn closures_of_types(catalogue: &Catalogue) {
    let closure = |schema: &str, name: &str| catalogue.closure_is_built_in(type_oid(catalogue, schema, name));
    for (schema, name) in [
        ("pg_catalog", "int8"),
        ("pg_catalog", "_text"),
        ("pg_catalog", "tstzrange"),
        ("pg_catalog", "int4multirange"),
        ("public", "status"),
        ("public", "_status"),
        ("public", "cents"),
        ("public", "_cents"),
        ("public", "slug"),
        ("public", "plain_pair"),
        ("public", "price_range"),
        ("public", "events"),
    ] {
        assert_eq!(closure(schema, name), Ok(()), "{schema}.{name}");
    }
    for (name, blamed) in [
        ("citext", "citext"),
        ("_citext", "citext"),
        ("customers", "citext"),
        ("even_cents", "even_cents"),
        ("_even_cents", "even_cents"),
        ("pair", "even_cents"),
        ("int_pair_range", "even_cents"),
        ("coded", "coded"),
        ("odd_pair", "odd_pair"),
        ("json_pair", "json_pair"),
    ] {
        let (oid, why) = closure("public", name).expect_err(name);
        assert_eq!(oid, type_oid(catalogue, "public", blamed), "{why}");
    }
    assert!(closure("pg_catalog", "record").is_err() && closure("pg_catalog", "anyarray").is_err());
    assert!(catalogue.closure_is_built_in(4_000_000_000).is_err(), "an unknown type is refused");
    let cents = &catalogue.types[&type_oid(catalogue, "public", "cents")];
    assert!(cents.kind == TypeKind::Domain && cents.has_checks && cents.base == 20);
}

fn btree_roles(catalogue: &Catalogue) {
    let operators = |name: &str, left: &str, right: &str| -> Vec<&Operator> {
        let ends = [left, right].map(|t| catalogue.types.values().find(|of| of.name.name == t).expect("a type").oid);
        catalogue.operators.values().filter(|o| o.name.name == name && [o.left, o.right] == ends).collect()
    };
    let role = |name, left, right| operators(name, left, right)[0].btree;
    assert_eq!(role("=", "int4", "int8"), Some(BtreeRole::Equal));
    assert_eq!(role("=", "anyenum", "anyenum"), Some(BtreeRole::Equal));
    assert_eq!(role("<=", "date", "timestamptz"), Some(BtreeRole::LessOrEqual));
    assert_eq!(role(">", "text", "text"), Some(BtreeRole::Greater));
    assert_eq!(role("<>", "int4", "int4"), None);
    assert_eq!(role("~<~", "text", "text"), None, "text_pattern_ops is not the default");
    assert_eq!(role("*=", "record", "record"), None, "record_image_ops is not the default");
    assert_eq!(role("===", "text", "text"), None);
    let citext = operators("=", "citext", "citext")[0];
    assert!(citext.btree == Some(BtreeRole::Equal) && !citext.built_in);
}

fn functions_and_collations(catalogue: &Catalogue) {
    let named =
        |schema: &str, name: &str| catalogue.functions.values().filter(|f| f.name == qualified(schema, name)).collect::<Vec<_>>();
    let even = named("public", "even")[0];
    assert_eq!((even.built_in, even.vetting, even.arguments.as_slice()), (false, Vetting::Unknown, &["bigint".to_owned()][..]));
    assert_eq!(named("public", "odd_cmp")[0].arguments, ["public.odd_pair", "public.odd_pair"], "a user's type is qualified");
    let known = catalogue.functions.values().filter(|f| f.built_in && f.vetting == Vetting::Unknown);
    assert_eq!(
        known.map(|f| f.name.name.as_str()).filter(|n| !n.starts_with("plpgsql")).count(),
        0,
        "every built-in has a class"
    );
    assert!(catalogue.collations.values().any(|c| c.name.name == "loose" && !c.deterministic && !c.built_in));
    assert!(catalogue.collations[&100].deterministic && catalogue.collations[&100].built_in);
}

#[tokio::test]
async fn a_built_in_that_was_replaced_is_not_what_was_vetted() {
    for server in servers() {
        let replaced = "CREATE OR REPLACE FUNCTION pg_catalog.upper(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN $1; END'";
        let database = Database::create(&server, replaced).await;
        let catalogue = load(&connect(&database.config).await).await.expect("the catalogue loads");
        let upper =
            catalogue.functions.values().find(|f| f.name.name == "upper" && f.arguments == ["text"]).expect("upper(text)");
        assert_eq!(upper.vetting, Vetting::Unknown);
        database.drop().await;
    }
}

#[tokio::test]
async fn the_epoch_changes_with_definitions_and_not_with_data() {
    for server in servers() {
        let database = Database::create(&server, SCHEMA).await;
        let (reading, changing) = (connect(&database.config).await, connect(&database.config).await);
        let role = unique("epoch");
        changing.batch_execute(&format!("CREATE ROLE {role}")).await.expect("a role");
        reading.batch_execute(&format!("SET ROLE {role}")).await.expect("an unprivileged role");
        let reader = EpochReader::prepare(&reading).await.expect("the epoch is prepared");
        for (sql, changes) in [
            ("INSERT INTO child VALUES (1); UPDATE child SET id = 2; ANALYZE; VACUUM", false),
            ("SELECT nextval('numbers')", false),
            ("DROP TABLE IF EXISTS pg_temp.t; CREATE TEMP TABLE t (id serial PRIMARY KEY, x text DEFAULT 'a'); ANALYZE t", false),
            ("CREATE OR REPLACE FUNCTION even(n bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'", true),
            ("ALTER TABLE keys RENAME COLUMN e TO z", true),
            ("CREATE FUNCTION lower(customers) RETURNS text LANGUAGE sql AS 'SELECT 1::text'", true),
            ("ALTER POLICY own ON customers USING (true)", true),
            ("CREATE TRIGGER more BEFORE UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION noop()", true),
            ("ALTER TYPE status ADD VALUE 'gone'", true),
            ("GRANT SELECT (id) ON parent TO PUBLIC", true),
            ("ALTER DOMAIN cents DROP CONSTRAINT cents_check", true),
            ("CREATE INDEX more ON keys (a)", true),
            ("DROP OPERATOR === (text, text)", true),
            (&format!("ALTER ROLE {role} SET search_path = public"), true),
            (&format!("ALTER ROLE {role} BYPASSRLS"), true),
            (&format!("GRANT pg_read_all_data TO {role}"), true),
        ] {
            let mut changed = Vec::new();
            // Roles belong to the cluster, and other tests make some: what changes nothing may be seen to in a second try.
            for _ in 0..if changes { 1 } else { 5 } {
                let before = reader.read(&reading).await.expect("an epoch");
                for statement in sql.split("; ") {
                    changing.batch_execute(statement).await.expect("the statement runs");
                }
                changed.push(before != reader.read(&reading).await.expect("an epoch"));
            }
            assert!(changed.contains(&changes), "{sql}");
        }
        let now = reader.read(&reading).await.expect("an epoch");
        assert_eq!(load(&reading).await.expect("an unprivileged role can load").epoch, now);
        changing.batch_execute(&format!("DROP ROLE {role}")).await.expect("the role goes");
        database.drop().await;
    }
}
