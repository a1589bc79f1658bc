//! Damaged texts: an error or another tree, never a panic, a hang or an overflow.

use pgwarrant::reading;
use proptest::prelude::*;

use super::fixtures::{VERSIONS, all};

/// Bytes that mean something to the reader come up more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![proptest::sample::select(b" \n\\(){}<>:\"0-9bio[]".to_vec()), any::<u8>()]
}

#[derive(Debug, Clone)]
enum Damage {
    Set(u8),
    Insert(u8),
    Remove(usize),
    Repeat(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        byte().prop_map(Damage::Set),
        byte().prop_map(Damage::Insert),
        (1usize..40).prop_map(Damage::Remove),
        (1usize..200).prop_map(Damage::Repeat),
    ]
}

fn apply(text: &mut Vec<u8>, at: proptest::sample::Index, damage: &Damage) {
    let at = at.index(text.len());
    match *damage {
        Damage::Set(byte) => text[at] = byte,
        Damage::Insert(byte) => text.insert(at, byte),
        Damage::Remove(count) => drop(text.drain(at..(at + count).min(text.len() - 1))),
        Damage::Repeat(count) => {
            let piece = text[at..(at + count).min(text.len())].to_vec();
            text.splice(at..at, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_text_never_panics(
        version in 0..VERSIONS.len(),
        which in any::<proptest::sample::Index>(),
        damages in prop::collection::vec((any::<proptest::sample::Index>(), damage()), 1..4),
    ) {
        let version = VERSIONS[version];
        let fixtures = all(version);
        let fixture = &fixtures[which.index(fixtures.len())];
        prop_assume!(fixture.analysed.len() < 40_000);
        let (mut analysed, mut rewritten) = (fixture.analysed.clone(), fixture.rewritten.clone());
        for (at, damage) in &damages {
            apply(&mut analysed, *at, damage);
            apply(&mut rewritten, *at, damage);
        }
        // What it says does not matter here; that it says something does.
        let _ = reading::read_analysed(version, &analysed);
        let _ = reading::read_rewritten(version, &rewritten);
    }

    #[test]
    fn noise_never_panics(version in 0..VERSIONS.len(), noise in prop::collection::vec(byte(), 0..300)) {
        let text = [b"{QUERY :commandType 1 ".as_slice(), &noise].concat();
        prop_assert!(reading::read_analysed(VERSIONS[version], &text).is_err());
        prop_assert!(reading::read_analysed(VERSIONS[version], &noise).is_err());
    }
}
