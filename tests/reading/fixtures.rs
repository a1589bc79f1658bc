//! The captured trees: records of name, statement, analysed tree, rewritten tree and digest, each part preceded by its length.

use std::io::Read;
use std::path::Path;

use pgwarrant::reading::Version;

pub const VERSIONS: [Version; 4] = [Version::V15, Version::V16, Version::V17, Version::V18];

pub struct Fixture {
    pub name: String,
    pub sql: String,
    pub analysed: Vec<u8>,
    pub rewritten: Vec<u8>,
    /// What `nodes.py` sees in the two trees; see `capture.py`.
    pub digest: String,
}

impl Fixture {
    /// A query or a data-modifying statement, not a utility.
    pub fn sql_is_read(&self) -> bool {
        let word: String = self.sql.trim_start_matches(['(', ' ', '\n']).chars().take_while(|c| c.is_alphabetic()).collect();
        matches!(word.to_uppercase().as_str(), "SELECT" | "WITH" | "VALUES" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TABLE")
    }
}

pub fn fixtures(version: Version) -> Vec<Fixture> {
    let number = match version {
        Version::V15 => 15,
        Version::V16 => 16,
        Version::V17 => 17,
        Version::V18 => 18,
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/trees/{number}.trees.gz"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    let mut parts = parts(&text).into_iter();
    let mut all = Vec::new();
    while let Some(name) = parts.next() {
        let mut next = || parts.next().unwrap();
        all.push(Fixture {
            name: String::from_utf8(name).unwrap(),
            sql: String::from_utf8(next()).unwrap(),
            analysed: next(),
            rewritten: next(),
            digest: String::from_utf8(next()).unwrap(),
        });
    }
    assert!(all.len() > 280, "{version:?} has only {} trees", all.len());
    all
}

fn parts(mut text: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let line = text.iter().position(|&byte| byte == b'\n').unwrap();
        let length: usize = std::str::from_utf8(&text[..line]).unwrap().parse().unwrap();
        parts.push(text[line + 1..][..length].to_vec());
        text = &text[line + 1 + length + 1..];
    }
    parts
}
