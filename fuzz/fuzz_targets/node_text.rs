//! Postgres's tree text, damaged: an error or another tree, the same every time, and never a panic or an overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgwarrant::reading::template::{LiteralSite, literal_types, same_but_parameters};
use pgwarrant::reading::{self, Version, flat};

const VERSIONS: [Version; 4] = [Version::V15, Version::V16, Version::V17, Version::V18];

fuzz_target!(|data: &[u8]| {
    let [version, text @ ..] = data else { return };
    let version = VERSIONS[usize::from(*version) % VERSIONS.len()];
    // A NUL, which no text holds, stands between the two trees.
    let mut parts = text.splitn(2, |byte| *byte == 0);
    let analysed = parts.next().unwrap_or_default();
    let rewritten = parts.next().unwrap_or_default();
    if let Ok(query) = reading::read_analysed(version, analysed) {
        let _ = flat::query(&query).len();
    }
    let _ = reading::read_rewritten(version, rewritten);
    let read = reading::read(version, analysed, rewritten);
    assert_eq!(read.is_ok(), reading::read(version, analysed, rewritten).is_ok());
    if let Ok(trees) = read {
        let site = LiteralSite { position: 7, length: 1, template_position: 7, template_length: 2 };
        let _ = literal_types(&trees, &[site]);
        let _ = same_but_parameters(&trees, &trees, 1, &[site]);
    }
});
