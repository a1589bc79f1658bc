//! The wire as real Postgres speaks it: random scripts of messages are said to the bare server and to the proxy, and both
//! must answer with the same messages, field by field. Words of errors are the proxy's own, SQLSTATEs are not.

#[path = "wire_conformance/client.rs"]
mod client;
#[path = "drivers/door.rs"]
mod door;
#[path = "wire_conformance/entry.rs"]
mod entry;
#[path = "wire_conformance/idle.rs"]
mod idle;
#[path = "wire_conformance/script.rs"]
mod script;
mod support;

use bytes::BytesMut;
use client::{Address, Client};
use door::Doors;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use script::Say;
use support::{Builder, Setting};

/// `PGWARRANT_WIRE_SCRIPTS=10000` for the long form.
fn count() -> u64 {
    std::env::var("PGWARRANT_WIRE_SCRIPTS").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

/// The bare server's session and the proxy's, asked the same.
struct Pair {
    major: u32,
    addresses: [Address; 2],
    clients: [Client; 2],
}

impl Pair {
    fn new(major: u32, addresses: [Address; 2]) -> Pair {
        let clients = addresses.each_ref().map(Address::connect);
        Pair { major, addresses, clients }
    }

    /// Both answers, or `None` if they are the same.
    fn differs(&mut self, script: &[Say]) -> Option<[Vec<String>; 2]> {
        let mut out = BytesMut::new();
        script.iter().for_each(|say| script::encode(say, &mut out));
        // Whatever state the script leaves, from here on it is the same.
        for say in [Say::Sync, Say::Query("ROLLBACK"), Say::Query("DISCARD ALL"), Say::Query("SELECT 424242")] {
            script::encode(&say, &mut out);
        }
        let answers = self.clients.each_mut().map(|client| {
            client.send(&out);
            let mut answer = client.until("424242");
            // Postgres 18 takes the second statement of a pipeline for one inside a block, and says nothing.
            answer.retain(|line| self.major < 18 || !line.contains("SET LOCAL can only be used in transaction blocks"));
            answer
        });
        if answers[0] == answers[1] {
            return None;
        }
        self.clients = self.addresses.each_ref().map(Address::connect);
        Some(answers)
    }

    /// The shortest script that still differs, by leaving out one message after the other.
    fn shorten(&mut self, mut script: Vec<Say>) -> (Vec<Say>, [Vec<String>; 2]) {
        let mut answers = self.differs(&script).expect("it differed before");
        // A block that a script stands in stays.
        let mut at = usize::from(matches!(script.first(), Some(Say::Query("BEGIN"))));
        while at < script.len() {
            let mut shorter = script.clone();
            shorter.remove(at);
            match self.differs(&shorter).filter(|_| script::is_fair(&shorter, self.major)) {
                Some(still) => (script, answers) = (shorter, still),
                None => at += 1,
            }
        }
        (script, answers)
    }
}

#[test]
fn random_scripts_are_answered_as_the_bare_server_does() {
    let majors: Vec<u32> = support::versions().into_keys().collect();
    let share = count().div_ceil(majors.len() as u64);
    let mut found = Vec::new();
    for (index, major) in (0..).zip(majors) {
        let setting = Setting { cluster: Builder::default().major(major), ..Setting::default() };
        let doors = Doors::with(setting, "");
        let mut pair = Pair::new(major, [Address::parse(&doors.bare()), Address::parse(&doors.url("analyst"))]);
        let seeds = index * share..(index + 1) * share;
        found.extend(
            seeds.filter_map(|seed| difference(&mut pair, seed).map(|text| format!("Postgres {major}, {text}"))).take(12),
        );
    }
    assert!(found.is_empty(), "{} scripts are answered differently:\n{}", found.len(), found.join("\n\n"));
}

fn difference(pair: &mut Pair, seed: u64) -> Option<String> {
    let script = script::random(&mut StdRng::seed_from_u64(seed));
    if !script::is_fair(&script, pair.major) || pair.differs(&script).is_none() {
        return None;
    }
    let (script, [bare, through]) = pair.shorten(script);
    let script: Vec<String> = script.iter().map(|say| format!("{say:?}")).collect();
    let [script, bare, through] = [script, bare, through].map(|lines| lines.join("\n  "));
    Some(format!("seed {seed}:\n  {script}\n bare:\n  {bare}\n through:\n  {through}"))
}

/// The bare server answers faster than this.
const QUIET: std::time::Duration = std::time::Duration::from_millis(300);

/// What clients that send Flush instead of Sync wait for, such as asyncpg.
#[test]
fn a_flush_is_answered_without_a_sync() {
    use pgwarrant::wire::frontend::{Format, Formats};
    let bind = |statement: &'static str, value: &'static [u8]| Say::Bind {
        portal: "",
        statement,
        formats: Formats::All(Format::Text),
        values: vec![Some(value)],
        results: &[0, 0],
    };
    let parse = |text: &'static str| Say::Parse { name: "", text, types: Vec::new() };
    let one = "SELECT id, sku FROM products WHERE id = $1";
    let scripts = [
        vec![parse(one), Say::DescribeStatement(""), Say::Flush],
        vec![parse(one), Say::Flush, bind("", b"1"), Say::Execute("", 0), Say::Flush],
        // An error comes at once, with a Flush behind it or without.
        vec![parse("SELEC"), Say::Flush],
        vec![parse(one), bind("", b"x"), Say::Execute("", 0), Say::Flush, parse("SELECT 1")],
        vec![parse("SELECT 1"), bind("nope", b"1")],
        vec![Say::Query("BEGIN"), parse(one), bind("", b"3"), Say::Execute("", 1), Say::Flush, Say::Execute("", 1), Say::Flush],
        vec![Say::Flush, Say::CloseStatement("nope"), Say::ClosePortal("nope"), Say::Flush],
    ];
    let doors = Doors::open();
    for script in scripts {
        let [mut bare, mut through] = [doors.bare(), doors.url("analyst")].map(|url| {
            let mut client = Address::parse(&url).connect();
            let mut out = BytesMut::new();
            script.iter().for_each(|say| script::encode(say, &mut out));
            client.send(&out);
            client
        });
        let wanted = bare.until_quiet(0, QUIET);
        assert_eq!(through.until_quiet(wanted.len(), QUIET), wanted, "{script:?}");
    }
}

/// What `psql -c` and language models send: a block in one query.
const BLOCKS_IN_ONE_QUERY: &[&str] = &[
    "BEGIN; SELECT 1; COMMIT",
    "BEGIN; SELECT 1; SELECT 2; ROLLBACK;",
    "START TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1; END; SELECT 2; SELECT 3",
    "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT",
    "BEGIN; SAVEPOINT s; SELECT 1; ROLLBACK TO s; RELEASE s; SELECT 2; COMMIT",
    "BEGIN; SELECT 1/0; COMMIT",
    "BEGIN; SAVEPOINT s; SELECT 1/0; ROLLBACK TO s; COMMIT",
    "BEGIN; SELECT 1",
    "BEGIN; BEGIN; SELECT 1; COMMIT",
    "BEGIN; SET TRANSACTION READ ONLY; SET LOCAL DateStyle TO 'SQL, DMY'; SELECT '2026-02-01'::date; COMMIT; SELECT '2026-02-01'::date",
    "BEGIN; PREPARE one AS SELECT 1; EXECUTE one; COMMIT; EXECUTE one; DEALLOCATE one",
    "BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 5); FETCH 2 FROM c; CLOSE c; COMMIT",
];

#[test]
fn a_block_in_one_query_is_answered_as_the_bare_server_does() {
    let major = *support::versions().keys().next().expect("a server");
    let doors = Doors::with(Setting { cluster: Builder::default().major(major), ..Setting::default() }, "");
    let mut pair = Pair::new(major, [Address::parse(&doors.bare()), Address::parse(&doors.url("analyst"))]);
    for text in BLOCKS_IN_ONE_QUERY {
        if let Some([bare, through]) = pair.differs(&[Say::Query(text), Say::Query("SELECT 7")]) {
            panic!("{text}\n bare:\n  {}\n through:\n  {}", bare.join("\n  "), through.join("\n  "));
        }
    }
    let ends = [Say::Query("BEGIN"), Say::Query("SELECT 1; COMMIT; SELECT 2"), Say::Query("SELECT 3")];
    assert_eq!(pair.differs(&ends), None, "the end of a block that is open already");
}

#[test]
fn a_block_does_not_take_in_what_stands_before_it_in_the_same_query() {
    let doors = Doors::with(Setting::default(), "");
    let mut client = Address::parse(&doors.url("analyst")).connect();
    for text in
        ["SELECT 1; BEGIN; SELECT 2; COMMIT", "SELECT 1; COMMIT", "BEGIN; COMMIT; SELECT 1; BEGIN", "SELECT 1; SAVEPOINT s"]
    {
        let mut out = BytesMut::new();
        script::encode(&Say::Query(text), &mut out);
        script::encode(&Say::Query("SELECT 424242"), &mut out);
        client.send(&out);
        let answer = client.until("424242").join("\n");
        assert!(answer.contains("0A000"), "{text}: {answer}");
    }
}
