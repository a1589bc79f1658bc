//! The captured trees: records of name, statement, analysed tree, rewritten tree and digest, each part preceded by its length.

use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use pgwarrant::reading::Version;
use pgwarrant::reading::template::LiteralSite;

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

/// Read once a version.
pub fn all(version: Version) -> &'static [Fixture] {
    static ALL: [OnceLock<Vec<Fixture>>; 4] = [const { OnceLock::new() }; 4];
    ALL[VERSIONS.iter().position(|known| *known == version).unwrap()].get_or_init(|| load(version))
}

/// By name.
pub fn fixture(version: Version, name: &str) -> &'static Fixture {
    let found = all(version).iter().find(|fixture| fixture.name == name);
    found.unwrap_or_else(|| panic!("{version:?} has no tree of {name}"))
}

fn load(version: Version) -> Vec<Fixture> {
    let mut parts = parts(version, "trees").into_iter();
    let mut all = Vec::new();
    while let Some(name) = parts.next() {
        let mut next = || parts.next().unwrap();
        all.push(Fixture { name: text(name), sql: text(next()), analysed: next(), rewritten: next(), digest: text(next()) });
    }
    assert!(all.len() > 280, "{version:?} has only {} trees", all.len());
    all
}

/// A statement with literals marked in it, and the same with parameters in their places.
pub struct TemplateFixture {
    pub name: String,
    pub is_template: bool,
    pub sites: Vec<LiteralSite>,
    pub first_param: u32,
    pub original: (Vec<u8>, Vec<u8>),
    /// Empty where Postgres does not accept the template.
    pub templated: (Vec<u8>, Vec<u8>),
}

pub fn templates(version: Version) -> Vec<TemplateFixture> {
    let mut parts = parts(version, "templates").into_iter();
    let mut all = Vec::new();
    while let Some(name) = parts.next() {
        let mut next = || parts.next().unwrap();
        let (verdict, _sql, _template, sites) = (text(next()), next(), next(), text(next()));
        all.push(TemplateFixture {
            name: text(name),
            is_template: verdict == "template",
            sites: sites.lines().map(site).collect(),
            first_param: text(next()).parse().unwrap(),
            original: (next(), next()),
            templated: (next(), next()),
        });
    }
    all
}

fn site(line: &str) -> LiteralSite {
    let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    let [position, length, template_position, template_length] = numbers[..] else { panic!("{line}") };
    LiteralSite { position, length, template_position, template_length }
}

fn parts(version: Version, kind: &str) -> Vec<Vec<u8>> {
    let number = match version {
        Version::V15 => 15,
        Version::V16 => 16,
        Version::V17 => 17,
        Version::V18 => 18,
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/trees/{number}.{kind}.gz"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let (mut rest, mut parts) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let line = rest.iter().position(|&byte| byte == b'\n').unwrap();
        let length: usize = std::str::from_utf8(&rest[..line]).unwrap().parse().unwrap();
        parts.push(rest[line + 1..][..length].to_vec());
        rest = &rest[line + 1 + length + 1..];
    }
    parts
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
