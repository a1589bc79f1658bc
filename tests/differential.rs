//! Postgres's tree against ours, over many forms of SELECT: no relation, selected column or function that stands in the text of
//! Postgres's tree may be missing in the typed tree or in the shape. The text is searched here by other means than the reader's.

#[path = "differential/scan.rs"]
mod scan;
mod support;

use pgwarrant::catalogue::load;
use pgwarrant::catalogue::snapshot::Catalogue;
use pgwarrant::reading::tree::Expr;
use pgwarrant::reading::{self, Version};
use pgwarrant::shape::model::{Kind, Shape};
use pgwarrant::shape::{build, visit};
use pgwarrant::upstream::{Connection, ParseFailure, Settings, Target};
use scan::Mentions;
use std::collections::{BTreeMap, BTreeSet};
use support::Cluster;
use support::postgres::block_on;

const SCHEMA: &str = include_str!("differential/schema.sql");
const FORMS: &str = include_str!("differential/forms.sql");

fn forms() -> impl Iterator<Item = &'static str> {
    FORMS.lines().filter(|line| !line.starts_with("--") && !line.is_empty())
}

/// What the shape holds: what it says of relations, and every expression that admission looks at.
fn mentions(shape: &Shape<'_>) -> Mentions {
    let mut found = Mentions::default();
    for source in &shape.sources {
        if let Kind::Relation { relid, permissions, .. } = &source.kind {
            found.relations.entry(*relid).or_default().extend(&permissions.selected);
        }
    }
    for site in &shape.sites {
        visit::walk(site.expr, &mut |expr| found.functions.extend(function(expr)));
    }
    for window in shape.levels.iter().flat_map(|level| &level.query.window_clause) {
        found.functions.extend([window.start_in_range_func, window.end_in_range_func].into_iter().filter(|oid| *oid != 0));
    }
    found
}

fn function(expr: &Expr) -> Option<u32> {
    match expr {
        Expr::Func { func, .. }
        | Expr::Op { func, .. }
        | Expr::ScalarArrayOp { func, .. }
        | Expr::Aggref { func, .. }
        | Expr::WindowFunc { func, .. } => Some(*func),
        _ => None,
    }
}

/// How the forms fared on one server.
#[derive(Debug, Default)]
struct Tally {
    parsed: usize,
    not_parsed: Vec<String>,
    unreadable: BTreeMap<String, usize>,
    shapeless: BTreeMap<String, usize>,
    missing: Vec<String>,
    /// Selected columns and distinct functions that were looked for in shapes.
    columns: usize,
    functions: BTreeSet<u32>,
}

impl Tally {
    fn refused(&self) -> usize {
        self.unreadable.values().chain(self.shapeless.values()).sum()
    }
}

async fn compare(connection: &mut Connection, catalogue: &Catalogue, form: &str, tally: &mut Tally) {
    let parsed = match connection.parse_and_read("", form, &[]).await {
        Ok(parsed) => parsed,
        Err(ParseFailure::Server(error)) => return tally.not_parsed.push(format!("{form}: {error}")),
        Err(other) => panic!("{form}: {other}"),
    };
    tally.parsed += 1;
    let version = Version::from_num(catalogue.server_version).expect("a version that we read");
    let trees = match reading::read(version, &parsed.analysed, &parsed.rewritten) {
        Ok(trees) => trees,
        Err(error) => return *tally.unreadable.entry(error.to_string()).or_default() += 1,
    };
    for (which, text, typed) in [
        ("analysed", &parsed.analysed, format!("{:?}", trees.analysed)),
        ("rewritten", &parsed.rewritten, format!("{:?}", trees.rewritten)),
    ] {
        let lacking = scan::dump(&String::from_utf8_lossy(text)).lacking_in(&scan::typed(&typed));
        tally.missing.extend(lacking.iter().map(|what| format!("{form}: {what} is not in the typed {which} tree")));
    }
    let shape = match build::build(&trees.analysed, catalogue) {
        Ok(shape) => shape,
        Err(deny) => return *tally.shapeless.entry(deny.message.to_string()).or_default() += 1,
    };
    let theirs = scan::dump(&String::from_utf8_lossy(&parsed.analysed));
    tally.columns += theirs.relations.values().map(BTreeSet::len).sum::<usize>();
    tally.functions.extend(&theirs.functions);
    let lacking = theirs.lacking_in(&mentions(&shape));
    tally.missing.extend(lacking.iter().map(|what| format!("{form}: {what} is not in the shape")));
}

async fn on(cluster: &Cluster) -> Tally {
    let client = cluster.connect("postgres", "postgres").await.expect("the cluster answers");
    client.batch_execute(SCHEMA).await.expect("the schema loads");
    let catalogue = load::load(&client).await.expect("the catalogue loads");
    let parameters = Settings::default().to_parameters();
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let target = Target::parse(&cluster.admin_url("postgres")).expect("a URL");
    let mut connection = Connection::connect(&target, &parameters).await.expect("the cluster answers");
    let mut tally = Tally::default();
    for form in forms() {
        compare(&mut connection, &catalogue, form, &mut tally).await;
    }
    tally
}

#[test]
fn what_postgres_reads_of_relations_columns_and_functions_is_in_the_typed_tree_and_the_shape() {
    assert!(forms().count() >= 400);
    let distinct: BTreeSet<&str> = forms().collect();
    assert_eq!(distinct.len(), forms().count(), "each form stands once");
    for major in support::versions().into_keys() {
        let cluster = Cluster::builder().major(major).start().expect("a cluster");
        let tally = block_on(on(&cluster));
        let share = 100 * tally.refused() / tally.parsed;
        println!("{major}: {} forms parsed, {} not; {share} % refused", tally.parsed, tally.not_parsed.len());
        println!(
            "  not parsed: {:#?}\n  unreadable: {:?}\n  no shape: {:?}",
            tally.not_parsed, tally.unreadable, tally.shapeless
        );
        println!("  {} selected columns, {} functions looked for", tally.columns, tally.functions.len());
        assert!(tally.columns > 700 && tally.functions.len() > 300, "too little was looked for");
        assert!(tally.missing.is_empty(), "{major}: {}", tally.missing.join("\n"));
        assert!(tally.parsed >= 400, "only {} forms were parsed", tally.parsed);
        assert!(share < 15, "{share} % of the forms are refused");
    }
}

#[test]
fn the_search_finds_what_stands_in_a_tree_and_misses_are_told() {
    let text = "{QUERY :rtable ({RTE :alias {ALIAS :aliasname \\:relid\\ 7} :rtekind 0 :relid\n16385 :requiredPerms 2 \
                :selectedCols (b 7 8\n10) :insertedCols (b)}) :targetList ({FUNCEXPR :funcid 870 :args ({OPEXPR :opno 96 :opfuncid 65})})}";
    let found = scan::dump(text);
    assert_eq!(found.relations, BTreeMap::from([(16385, BTreeSet::from([0, 1, 3]))]));
    assert_eq!(found.functions, BTreeSet::from([65, 870]));
    let mut less = found.clone();
    less.functions.remove(&65);
    less.relations.entry(16385).or_default().remove(&3);
    assert_eq!(found.lacking_in(&less), ["function 65", "column 3 of relation 16385"]);
    assert_eq!(found.lacking_in(&Mentions { functions: found.functions.clone(), ..Mentions::default() }), ["relation 16385"]);
    assert!(less.lacking_in(&found).is_empty());
}
