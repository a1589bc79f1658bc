//! Random sequences of messages, as drivers send them and as no driver would.

use bytes::{Bytes, BytesMut};
use pgwarrant::wire::frontend::{Format, Formats, Target};
use pgwarrant::wire::request;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

/// One message.
#[derive(Debug, Clone)]
pub enum Say {
    Query(&'static str),
    Parse {
        name: &'static str,
        text: &'static str,
        types: Vec<u32>,
    },
    Bind {
        portal: &'static str,
        statement: &'static str,
        formats: Formats,
        values: Vec<Option<&'static [u8]>>,
        results: &'static [u8],
    },
    DescribeStatement(&'static str),
    DescribePortal(&'static str),
    Execute(&'static str, i32),
    CloseStatement(&'static str),
    ClosePortal(&'static str),
    Sync,
    Flush,
}

const STATEMENTS: [&str; 3] = ["", "a", "b"];
const PORTALS: [&str; 3] = ["", "p", "q"];

const ONE_PARAMETER: [&str; 5] = [
    "SELECT id, sku FROM products WHERE id = $1",
    "SELECT id, sku, active, 'x' AS x FROM products WHERE id <= $1 ORDER BY id",
    "SELECT 6 / (id - $1) AS sixth FROM products WHERE id = 1",
    "SELECT $1::text AS t, 7 AS seven",
    "SELECT name FROM tenants WHERE id = $1 AND region = 'us'",
];

const NO_PARAMETER: [&str; 7] = [
    "SELECT 1 AS one",
    "SELECT id FROM products WHERE id IN (1, 2, 3) ORDER BY id",
    "SELECT 6 / (id - id) AS never FROM products WHERE id = 1",
    "SELECT id, price_cents, attributes FROM products WHERE id < 4 ORDER BY id",
    "",
    "SELEC 1",
    "SELECT nothing FROM products",
];

const CONTROL: [&str; 13] = [
    "SAVEPOINT s",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE s",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET LOCAL TimeZone = 'UTC'",
    "RESET TimeZone",
    "SHOW TimeZone",
    "SET DateStyle = 'elf'",
    "BEGIN",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
];
/// How many of them leave the block alone.
const INSIDE: usize = 10;

/// Only in a simple Query.
const SEVERAL: [&str; 4] = [
    "SELECT 1 AS a; SELECT sku FROM products WHERE id = 2; SELECT 3 AS c",
    "SELECT 1; SELECT 1 / 0; SELECT 2",
    ";;SELECT 1;;",
    "SELECT 1; SELEC; SELECT 2",
];

/// Good for every statement above.
const TEXTS: [Option<&[u8]>; 3] = [Some(b"1"), Some(b"3"), None];
/// A text and an int4.
const BINARIES: [Option<&[u8]>; 2] = [Some(b"0123"), None];
/// No integer: Bind fails.
const BAD: Option<&[u8]> = Some(b"x");

const RESULTS: [&[u8]; 4] = [&[0, 0], &[0, 1, 0, 1], &[0, 1, 0, 0], &[0, 2, 0, 1, 0, 0]];

/// What makes random messages.
struct Writer<'a> {
    rng: &'a mut StdRng,
    /// Half of the scripts stay inside of one block. The others ask for all rows of a portal at once, since the proxy asks
    /// the server for no more rows than an Execute outside of a block wants.
    in_block: bool,
}

pub fn random(rng: &mut StdRng) -> Vec<Say> {
    let length = rng.gen_range(3..=14);
    let in_block = rng.gen_ratio(1, 2);
    let mut script = if in_block { vec![Say::Query("BEGIN")] } else { Vec::new() };
    let mut writer = Writer { rng, in_block };
    while script.len() < length {
        if writer.rng.gen_ratio(1, 2) {
            writer.whole_statement(&mut script);
        } else {
            script.push(writer.message());
        }
        if writer.rng.gen_ratio(1, 4) {
            script.push(Say::Sync);
        }
    }
    script
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    *from.choose(rng).expect("not empty")
}

impl Writer<'_> {
    fn control(&mut self) -> &'static str {
        pick(self.rng, if self.in_block { &CONTROL[..INSIDE] } else { &CONTROL })
    }

    fn text(&mut self) -> &'static str {
        match self.rng.gen_range(0..10) {
            0..=3 => pick(self.rng, &ONE_PARAMETER),
            4..=6 => pick(self.rng, &NO_PARAMETER),
            _ => self.control(),
        }
    }

    /// Parse, Bind, Describe, Execute as a driver does.
    fn whole_statement(&mut self, script: &mut Vec<Say>) {
        let (name, portal, text) = (pick(self.rng, &STATEMENTS), pick(self.rng, &PORTALS), self.text());
        if one_in(self.rng, 2) {
            script.push(Say::CloseStatement(name));
        }
        script.push(Say::Parse { name, text, types: Vec::new() });
        if one_in(self.rng, 3) {
            script.push(Say::DescribeStatement(name));
        }
        let value = if one_in(self.rng, 8) { BAD } else { pick(self.rng, &TEXTS) };
        let values = if text.contains("$1") { vec![value] } else { Vec::new() };
        let results = pick(self.rng, &RESULTS[..3]);
        script.push(Say::Bind { portal, statement: name, formats: Formats::All(Format::Text), values, results });
        if one_in(self.rng, 2) {
            script.push(Say::DescribePortal(portal));
        }
        script.push(self.execute(portal));
        if one_in(self.rng, 3) {
            script.push(Say::ClosePortal(portal));
        }
    }

    fn execute(&mut self, portal: &'static str) -> Say {
        Say::Execute(portal, if self.in_block { pick(self.rng, &[0, 0, 1, 2, 3, -1]) } else { pick(self.rng, &[0, -1]) })
    }

    fn message(&mut self) -> Say {
        let (statement, portal) = (pick(self.rng, &STATEMENTS), pick(self.rng, &PORTALS));
        match self.rng.gen_range(0..14) {
            0 => Say::Query(pick(self.rng, &NO_PARAMETER)),
            1 => Say::Query(pick(self.rng, &SEVERAL)),
            2 | 3 => Say::Query(self.control()),
            4 => {
                let text = self.text();
                Say::Parse { name: statement, text, types: pick(self.rng, &[&[][..], &[0], &[23], &[25], &[20]]).to_vec() }
            }
            5 | 6 => bind(self.rng, portal, statement),
            7 => Say::DescribeStatement(statement),
            8 => Say::DescribePortal(portal),
            9 | 10 => self.execute(portal),
            11 => Say::CloseStatement(statement),
            12 => Say::ClosePortal(portal),
            _ => Say::Flush,
        }
    }
}

fn one_in(rng: &mut StdRng, count: u32) -> bool {
    rng.gen_ratio(1, count)
}

fn bind(rng: &mut StdRng, portal: &'static str, statement: &'static str) -> Say {
    let binary = rng.gen_ratio(1, 3);
    let count = pick(rng, &[0, 1, 1, 1, 2]);
    let values = (0..count).map(|_| if binary { pick(rng, &BINARIES) } else { pick(rng, &TEXTS) }).collect();
    let formats = Formats::All(if binary { Format::Binary } else { Format::Text });
    Say::Bind { portal, statement, formats, values, results: pick(rng, &RESULTS) }
}

/// Three things are known to differ, and a script that shows nothing else is not fair:
///
/// - What Bind finds wrong with its values the proxy reports with the Execute behind it, since it sends both together. So a
///   Bind that fails has its Execute in the same pipeline, as with every driver.
/// - A simple Query that fails in a block leaves the server an unnamed portal that can be described and does nothing.
/// - Postgres 18 stays in a transaction that nobody began after an Execute and a Query with no Sync between them, and then
///   fails ROLLBACK with XX000.
pub fn is_fair(script: &[Say], major: u32) -> bool {
    script.iter().enumerate().all(|(at, say)| match say {
        Say::Bind { portal, values, .. } if values.contains(&BAD) => script[at + 1..]
            .iter()
            .find(|next| !matches!(next, Say::DescribePortal(described) if described == portal))
            .is_some_and(|next| matches!(next, Say::Execute(executed, _) if executed == portal)),
        Say::DescribePortal("") | Say::Execute("", _) => script[..at]
            .iter()
            .rev()
            .find(|before| matches!(before, Say::Query(_) | Say::Bind { portal: "", .. }))
            .is_none_or(|before| matches!(before, Say::Bind { .. })),
        Say::Query(_) if major >= 18 => script[..at]
            .iter()
            .rev()
            .find(|before| matches!(before, Say::Query(_) | Say::Sync | Say::Execute(..)))
            .is_none_or(|before| !matches!(before, Say::Execute(..))),
        _ => true,
    })
}

pub fn encode(say: &Say, out: &mut BytesMut) {
    match say {
        Say::Query(text) => request::query(out, text),
        Say::Parse { name, text, types } => request::parse(out, name, text, types),
        Say::Bind { portal, statement, formats, values, results } => {
            let values: Vec<_> = values.iter().map(|value| value.map(Bytes::from_static)).collect();
            request::bind(out, portal, statement, formats, &values, results)
        }
        Say::DescribeStatement(name) => request::describe(out, Target::Statement(name)),
        Say::DescribePortal(name) => request::describe(out, Target::Portal(name)),
        Say::Execute(portal, rows) => request::execute(out, portal, *rows),
        Say::CloseStatement(name) => request::close(out, Target::Statement(name)),
        Say::ClosePortal(name) => request::close(out, Target::Portal(name)),
        Say::Sync => {
            request::sync(out);
            Ok(())
        }
        Say::Flush => {
            request::flush(out);
            Ok(())
        }
    }
    .expect("no NUL in it");
}
